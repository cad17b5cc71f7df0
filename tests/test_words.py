"""Words that docstrings and messages do not use, and flags, which only the command line names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("schema", "etl", "query", "cli")
#: Words that say when or how something came to be, not what it is; and inverted negations ("is no file").
WORDS = re.compile(
    r"\b(told|tells|asked|anew|somebody|whoever|shelter|is to be|are to be"
    r"|(?<!there )(is|are) no (?!longer\b|more\b|such\b)[a-z]+)\b",
    re.IGNORECASE,
)
#: Names of parameters stand in docstrings and are not prose.
NAME = re.compile(r"^\s*\w+$|``[^`]*``|`[^`]*`|^\s*>>>.*$", re.MULTILINE)
FLAG = re.compile(r"(?<![\w`-])--[a-z][a-z-]+")


def texts(path: Path, *, docstrings: bool) -> Iterator[str]:
    """Yield the texts of a module: constants with several words."""
    tree = ast.parse(path.read_text("utf-8"))
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:  # several words
            yield from [node.value] if docstrings or id(node) not in documented else []


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_and_messages_are_in_plain_words(folder: str) -> None:
    hits = [
        f"{path.relative_to(ROOT)}: {match[0]!r} in {text[max(0, match.start() - 40) : match.end() + 40]!r}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in (NAME.sub("", one) for one in texts(path, docstrings=True))
        for match in WORDS.finditer(text)
    ]
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("folder", FOLDERS[:3])
def test_only_the_command_line_names_its_flags(folder: str) -> None:
    hits = [
        f"{path.relative_to(ROOT)}: {text!r}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for text in texts(path, docstrings=False)
        if FLAG.search(text)
    ]
    assert not hits, "\n".join(hits)


def test_the_words_are_seen() -> None:
    assert WORDS.search("the file is no zarr store") and WORDS.search("Which genes are told")
    assert not WORDS.search("if there is no file") and not WORDS.search("counts are no longer whole")
