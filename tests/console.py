"""Commands as the pages show them: homodb runs in this process, what it is piped into in a shell."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from homodb.cli import main


class Ran(NamedTuple):
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def raw(self) -> bytes:
        return self.out.encode("utf-8", "surrogateescape")


@contextmanager
def _written() -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Give the process standard streams that are kept, as a pipe would be: in UTF-8, and no terminal."""
    out, err = io.BytesIO(), io.BytesIO()
    with (
        redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
        redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)),
    ):
        yield out, err
        sys.stdout.flush()
        sys.stderr.flush()
        # a wrapper that is collected would close what it wraps
        sys.stdout.detach(), sys.stderr.detach()  # type: ignore[attr-defined]


def homodb(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
    """Run homodb in this process, in a folder and an environment of its own."""
    code = 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["homodb", *words]),
        chdir(folder),
        _written() as (out, err),
    ):
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return Ran(code, out.getvalue().decode("utf-8", "surrogateescape"), err.getvalue().decode())


def typed(command: str, folder: Path, environment: Mapping[str, str]) -> Ran:
    """Run a command as it stands on a page, over one line or several; what only a shell reads is left to one."""
    if re.search(r"[*?<>;&$`]", re.sub(r"'[^']*'|\"[^\"]*\"", "", command)):
        return _shell(command, folder, environment, "")
    split = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars="|")
    split.whitespace_split = True
    words = list(split)
    if words[0] != "homodb":
        return _shell(command, folder, environment, "")
    end = words.index("|") if "|" in words else len(words)
    printed = homodb(words[1:end], folder, environment)
    if end == len(words) or printed.code:
        return printed
    rest = " ".join("|" if word == "|" else shlex.quote(word) for word in words[end + 1 :])
    return _shell(rest, folder, environment, printed.out)


def _shell(command: str, folder: Path, environment: Mapping[str, str], text: str) -> Ran:
    words = ["bash", "-o", "pipefail", "-c", command]
    path = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    done = subprocess.run(
        words, cwd=folder, env={**environment, "PATH": path}, input=text, capture_output=True, text=True, check=False
    )
    left = done.returncode == 141 and "| head" in command  # SIGPIPE: head has read enough
    return Ran(0 if left else done.returncode, done.stdout, done.stderr)
