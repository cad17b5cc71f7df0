"""Files that appear whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import OutputError


def check_output(output: Path, *inputs: Path | None) -> None:
    """Refuse, before any work is done, a file that could not be written or would take the place of an input.

    Raises
    ------
    OutputError
        If its folder is not there, or it is a folder, a device, one of the inputs, or lies in one.
    """
    if not output.parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    if _is_device(output):
        raise OutputError(f"{output}: is no regular file; name a file")
    if output.is_dir():
        raise OutputError(f"{output}: is a folder; name a file")
    for one in inputs:
        if one is not None:
            check_apart(one, output)


def check_apart(path: Path, output: Path) -> None:
    """Refuse an output that is the input, by any name or link, or lies in it.

    Raises
    ------
    OutputError
        If it is or does.
    """
    same = output.exists() and path.exists() and output.samefile(path)
    if same or output.resolve() == path.resolve():
        raise OutputError(f"{output}: is the input file; name another output")
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        raise OutputError(f"{output}: lies in the input; name another output")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write to; when all went well, the file written there takes the place of `path`.

    What was there stays as it was until then, also when the process is killed.

    Raises
    ------
    OutputError
        If the folder is not there, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    if _is_device(path):
        raise OutputError(f"{path}: is no regular file; name a file")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            yield partial
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe, or a name such as /dev/stdout, whose place a file must not take."""
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
    return special or path.absolute().parts[1:2] in (("dev",), ("proc",))
