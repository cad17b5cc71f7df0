"""Text that a terminal or a spreadsheet would obey: shown escaped, and kept from being a formula."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.query.results import Bullets, Grid, Lines, Note, lines, spreadsheet_safe
from homodb.schema.errors import printable
from tests.cli.conftest import Run

#: Clear screen, title, clipboard, link, 8-bit CSI, carriage return, bell, backspace, right-to-left, line separator.
HOSTILE = [
    "\x1b[2J", "\x1b]0;owned\x07", "\x1b]52;c;b3duZWQ=\x1b\\", "\x1b]8;;http://evil\x1b\\", "\x9b31m", "a\rOVER",
    "bell\x07", "\x08\x08bs", "\u202egnp.exe", "\u2066x", "a\u2028b", "a\nb", "\x00", "\ud800",
]  # fmt: skip
FORMULAS = ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1+1", "\r=1+1", '=HYPERLINK("x")', "＝1", "-AS1"]
HARMLESS = ["-", "+", "--", "-2.5", "+3", "-1e-300", ".5", "-inf", "nan", "HLA-A", "1-Sep", "", "'=1", "a=b"]


@given(st.text(st.characters(codec=None)) | st.sampled_from(HOSTILE))
def test_printable(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("screen", [None, 120])
def test_nothing_reaches_the_terminal(text: str, screen: int | None) -> None:
    cell = text if text != "\ud800" else "x\x1b"
    frame = pl.DataFrame({cell or "x": [cell], "n": [1]})
    blocks = [Lines([text]), Note(text), Bullets([text], title=text), Grid(frame, title=text)]
    shown = "\n".join(lines(blocks, screen=screen)).replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert not {one for one in shown if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")} - {"\n"}


def test_formulas() -> None:
    cells = FORMULAS + HARMLESS
    safe = spreadsheet_safe(pl.DataFrame({"=1": cells, "n": range(-5, len(cells) - 5)}))
    assert safe["'=1"].to_list() == [f"'{one}" for one in FORMULAS] + HARMLESS
    assert safe["n"].to_list() == list(range(-5, len(cells) - 5))  # numbers stay numbers


@given(st.text(st.sampled_from("=+-@\t\r19.eE'AB_ "), max_size=6))
def test_what_is_no_number_begins_with_no_sign(text: str) -> None:
    (cell,) = spreadsheet_safe(pl.DataFrame({"x": [text]}))["x"]
    assert cell in (text, f"'{text}")
    if cell == text and cell[:1] in tuple("=+-@\t\r") and cell.strip("+-"):
        float(cell)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "tsv", "json", "parquet"])
def test_answers(run: Run, toy_folder: Path, tmp_path: Path, form: str) -> None:
    """CSV and TSV have an apostrophe, unless --raw-text; JSON and Parquet have the text itself."""
    sql = "SELECT '=1+1' AS formula, '-' AS sign, -1 AS number"
    file = tmp_path / f"x.{form}"
    assert run("sql", "--release", toy_folder, sql, "-o", file).code == 0
    read = {"csv": pl.read_csv, "tsv": lambda f: pl.read_csv(f, separator="\t"), "json": pl.read_json,
            "parquet": pl.read_parquet}[form]  # fmt: skip
    formula = "'=1+1" if form in ("csv", "tsv") else "=1+1"
    assert read(io.BytesIO(file.read_bytes())).row(0) == (formula, "-", -1)  # type: ignore[operator]
    assert run("sql", "--release", toy_folder, sql, "-o", file, "--raw-text").code == 0
    assert read(io.BytesIO(file.read_bytes())).row(0) == ("=1+1", "-", -1)  # type: ignore[operator]


@pytest.mark.slow
def test_errors_and_tables(run: Run, toy_folder: Path) -> None:
    for text in ("\x1b]0;owned\x07", "\u202egnp.exe"):
        ran = run("explain", text, "--from", "human", "--to", "mouse", "--release", toy_folder)
        assert ran.code == 2 and text not in ran.err and printable(text) in ran.err
        assert len(ran.err.splitlines()) == 1
        ran = run("sql", "--release", toy_folder, f"SELECT '{text}' AS x")
        assert ran.code == 0 and text not in ran.out and printable(text) in ran.out
        assert text in run("sql", "--release", toy_folder, f"SELECT '{text}' AS x", "--format", "csv").out
