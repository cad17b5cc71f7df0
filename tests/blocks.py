"""Console blocks of the docs: the commands in them, and the output that a test compares."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path

#: Blocks are at most so many columns wide. Longer lines of output are shown folded at blanks and indented.
WIDTH = 100
#: Sizes of a DuckDB file, which differ between builds.
_SIZE = re.compile(r"\d+\.\d MB")


def console_blocks(page: str) -> list[tuple[str, str]]:
    """Return the commands after ``$`` in the console blocks of a page, each with the output below it."""
    blocks: list[tuple[str, str]] = []
    for text in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        assert text.startswith("$ "), text
        for block in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, *output = block.splitlines(keepends=True)
            while command.endswith("\\\n") or command.count('"') % 2:
                command += output.pop(0)
            blocks.append((command.rstrip("\n"), "".join(output)))
    return blocks


def section(page: str, title: str) -> str:
    """Return one section of a page, from its heading of level two to the next."""
    (found,) = re.findall(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    return str(found)


def shown(text: str) -> list[str]:
    """Return the lines of an output as a page shows them."""
    lines = [part for line in text.strip("\n").splitlines() for part in folded(line.rstrip()) or [""]]
    return [_SIZE.sub("? MB", line) for line in lines]


def check(command: str, printed: str, expected: str) -> None:
    """Compare what a command printed with its block; with ``HOMODB_DOCS=update``, write it into the page instead."""
    assert shown(printed) == shown(expected) or updated(command, printed, expected), command


def updated(command: str, printed: str, expected: str) -> bool:
    """Write what a command printed into its block, if ``HOMODB_DOCS`` is ``update``; return whether it is."""
    if os.environ.get("HOMODB_DOCS") != "update":
        return False
    root = Path(__file__).resolve().parents[1]
    lines = [part for line in printed.strip("\n").splitlines() for part in folded(line.rstrip()) or [""]]
    if expected.rstrip("\n").endswith("\n..."):
        lines = [*lines[: expected.rstrip("\n").count("\n")], "..."]
    tail = expected[len(expected.rstrip("\n")) :]  # a blank line before the next command
    for page in (root / "README.md", *(root / "docs").glob("*.md")):
        text = page.read_text("utf-8")
        page.write_text(text.replace(f"$ {command}\n{expected}", f"$ {command}\n" + "\n".join(lines) + tail), "utf-8")
    return True


def folded(line: str) -> list[str]:
    """Fold a line of output at blanks."""
    return textwrap.wrap(
        line,
        WIDTH,
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
