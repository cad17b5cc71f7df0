"""The page of errors: every class has an entry, and each message that it quotes is one that the code can say."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from homodb.schema import errors

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "troubleshoot.md").read_text("utf-8")
ENTRIES = [
    (section.split("\n", 1)[0].strip(), message)
    for section in PAGE.split("\n## ")[1:]
    for message in re.findall(r"^### `(.+)`$", section, re.MULTILINE)
]


def _classes() -> set[str]:
    found = {errors.HomodbError}
    left = [errors.HomodbError]
    while left:
        children = [one for one in left.pop().__subclasses__() if one.__module__ == errors.__name__]
        found.update(children)
        left += children
    return {one.__name__ for one in found}


def test_every_class_has_an_entry_and_every_entry_a_class() -> None:
    sections = {section.split("\n", 1)[0].strip() for section in PAGE.split("\n## ")[1:]}
    assert sections == _classes()
    assert {name for name, _ in ENTRIES} == _classes() - {"HomodbError"}


def test_the_drawing_of_the_tree_has_every_class() -> None:
    assert set(re.findall(r"\b\w+Error\b", (errors.__doc__ or "").split("A message says")[0])) == _classes()


@cache
def _said() -> list[str]:
    """All texts in the code, with … for what is filled in."""
    texts: list[str] = []
    for folder in ("schema", "etl", "query", "cli"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append("".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return texts


@pytest.mark.slow
@pytest.mark.parametrize(("name", "message"), ENTRIES, ids=[message for _, message in ENTRIES])
def test_a_quoted_message_is_one_of_the_code(name: str, message: str) -> None:
    assert any(message in text for text in _said()), message
