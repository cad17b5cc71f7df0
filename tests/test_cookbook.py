"""The cookbook's queries run, on the toy release and on a real one; what is shown is what is printed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import homodb
from homodb.cli.output import Format, give

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cookbook.md"
RECIPES = [
    (title.strip(), sql, shown)
    for title, sql, shown in re.findall(
        r"^### (.+)\n(?:(?!###).*\n)*?```sql\n((?:(?!```).*\n)+)```\n(?:\n```text\n((?:(?!```).*\n)*)```)?",
        PAGE.read_text("utf-8"),
        re.MULTILINE,
    )
]
#: Recipes for what the toy release does not hold.
NOT_IN_TOY = {"Isoforms of genes", "Which chromosomes share orthologs"}


def test_there_are_enough_of_them_and_each_is_found_here() -> None:
    text = PAGE.read_text("utf-8")
    assert len(RECIPES) >= 20
    assert len(RECIPES) == text.count("```sql") == text.count("\n### ")
    assert {title for title, _, shown in RECIPES if not shown} == NOT_IN_TOY


@pytest.mark.parametrize(("title", "sql", "shown"), RECIPES, ids=[title for title, _, _ in RECIPES])
def test_recipe_prints_what_is_shown(
    toy: homodb.Release, capsys: pytest.CaptureFixture[str], title: str, sql: str, shown: str
) -> None:
    frame = toy.sql(sql)
    assert frame.is_empty() == (title in NOT_IN_TOY)
    give(frame, Format.TABLE, verbatim=True)
    if shown:
        assert _lines(capsys.readouterr().out) == _lines(shown)


@pytest.mark.slow
@pytest.mark.shared
def test_recipes_run_on_a_real_release(real: homodb.Release) -> None:
    empty = {title for title, sql, _ in RECIPES if real.sql(sql).is_empty()}
    # a release of BioMart exports alone: no IDs, aliases, proteins, places, or copies of genes
    known = {"By stable ID", "What an alias means", "Symbols that several genes bear"}
    assert empty <= NOT_IN_TOY | known | {"Alternate loci, and the genes that stand for them"}


def test_a_recipe_as_the_page_says_to_run_it(toy_folder: Path, tmp_path: Path) -> None:
    _, sql, shown = RECIPES[0]
    command = re.search(r"^homodb --release toy sql .*$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert command is not None
    words = [sql if word == "QUERY" else word for word in shlex.split(command[0])]
    (tmp_path / "toy").symlink_to(toy_folder)
    homodb_command = Path(sys.executable).parent / "homodb"
    done = subprocess.run([homodb_command, *words[1:]], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert _lines(done.stdout) == _lines(shown)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
