"""Text: alignment, numbers, what is left out, and tables on a terminal."""

from __future__ import annotations

import re
from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, flat, in_words, lines


def test_tables_are_aligned_and_numbers_are_short() -> None:
    frame = pl.DataFrame({"gene": ["a", None], "x": [0.123456, 12633.0], "n": [1, None], "y": [float("nan"), 1e300]})
    assert lines([Grid(frame)]) == [
        "gene       x  n       y",
        "a     0.1235  1       -",
        "-     12,633  -  1e+300",
    ]
    columns = {
        "gene": GridColumn("name", width=6),
        "x": GridColumn(form=",.1f"),
        "n": GridColumn(form=".0%"),
        "y": GridColumn(right=False),
    }
    assert lines([Grid(frame, "genes:", columns)]) == [
        "genes:",
        "name           x     n  y",
        "a            0.1  100%  -",
        "-       12,633.0     -  1e+300",
    ]


def test_names_stand_as_they_are() -> None:
    frame = pl.DataFrame({"group": ["abcdef", ":cat: [red]x[/red]"], "wide": ["日本", "b"], "n": [1, 2]})
    assert lines([Grid(frame)]) == [
        "group               wide  n",
        "abcdef              日本  1",
        ":cat: [red]x[/red]  b     2",
    ]
    assert lines([Grid(pl.DataFrame({"x": ["[bold]a[/bold] :cat:"]}))])[1] == "[bold]a[/bold] :cat:"


def test_headers_are_words_and_empty_columns_go_unless_names_are_to_stay() -> None:
    frame = pl.DataFrame({"source_id": ["a"], "n_databases": [None], "why": [""], "goc": [2]})
    assert lines([Grid(frame)]) == ["source ID  goc", "a            2"]
    assert lines([Grid(frame, verbatim=True)])[0].split() == ["source_id", "n_databases", "why", "goc"]
    nothing = pl.DataFrame({"source_id": ["", ""], "why": [None, None]})
    assert lines([Grid(nothing)])[0] == "source ID  why"  # a table of nothing still says what it would have
    assert lines([Grid(frame.clear())]) == ["source ID  databases  why  goc"]


def test_what_is_left_out_is_counted_and_the_hint_says_where_it_is() -> None:
    grid = Grid(pl.DataFrame({"n": range(1202)}), rows=2, noun="group")
    blocks = [Lines(["first"], more="  and 1 more"), grid, Bullets(list("abcd"), "letters", most=3)]
    assert lines(blocks) == [
        "first", "  and 1 more", "", "n", "0", "1", "and 1,200 more groups", "", "letters: a, b, c and 1 more",
    ]  # fmt: skip
    told = lines(blocks, hint="see it all")
    assert "  and 1 more (see it all)" in told and "and 1,200 more groups (see it all)" in told


def test_blocks_of_pages_are_not_in_the_text() -> None:
    frame = pl.DataFrame({"a": ["x"]})
    blocks = [
        Heading("title", level=1), Grid(frame, in_text=False), Lines(["one"]), Note("two"), Grid(frame),
        Lines(["", "three"]), Lines(["four"], apart=True),
    ]  # fmt: skip
    assert lines(blocks) == ["one", "note: two", "", "a", "x", "", "three", "", "four"]


def test_nested_values_become_text() -> None:
    frame = pl.DataFrame({"list": [["a", "b"]], "struct": [{"x": 1}], "bytes": [b"\x01"], "lists": [[[1], [2]]]})
    assert flat(frame).rows() == [("a;b", '{"x": 1}', "01", "[[1], [2]]")]
    assert lines([Grid(frame)])[1] == 'a;b   {"x": 1}  01     [[1], [2]]'


def test_a_terminal_folds_between_words_and_has_bold_headers_and_dim_units() -> None:
    grid = Grid(pl.DataFrame({"text": ["word " * 30]}))
    folded = lines([grid], screen=40)
    assert len(folded) > 4 and all(len(line) <= 40 for line in folded) and "\x1b" not in "".join(folded)
    assert len(lines([grid])) == 2
    sizes = Grid(pl.DataFrame({"size": ["1.5 MB"], "share": ["25.6%"], "gene": ["ENSG1"]}))
    header, row = lines([sizes], screen=40, colour=True)
    assert header.count("\x1b[1m") == 3
    assert "1.5\x1b[2m MB\x1b[0m" in row and "25.6\x1b[2m%\x1b[0m" in row and row.endswith("ENSG1")
    assert lines([Note("a long note that goes on")], screen=20) == ["note: a long note", "    that goes on"]


def test_a_table_that_is_too_wide_has_a_block_for_each_row() -> None:
    names = [f"ENSG0000000000{n}" for n in range(8)]
    frame = pl.DataFrame({f"gene_{n}_id": [name, f"{name}B" if n else None] for n, name in enumerate(names)})
    shown = lines([Grid(frame)], screen=80)
    assert shown[:2] == ["gene 0 ID  ENSG00000000000", "gene 1 ID  ENSG00000000001"]
    assert shown[8:10] == ["", "gene 1 ID  ENSG00000000001B"]  # the value that is missing takes no line
    assert lines([Grid(frame)], screen=160)[1].split() == names


WORDS = st.text("ABCdef019-.:/", min_size=1, max_size=22)
VALUES = {
    "word": st.none() | WORDS,
    "words": st.none() | st.lists(WORDS, max_size=25).map(" ".join),
    "number": st.none() | st.integers(-(10**9), 10**9),
    "share": st.none() | st.floats(allow_nan=True),
    "list": st.none() | st.lists(WORDS, max_size=6).map(";".join),
    "wide": st.none() | st.text("日本語a ", max_size=20),
    "nothing": st.none(),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Tables of one to twelve columns of any kind, with headers of one to four words."""
    height = draw(st.integers(0, 4))
    names = draw(st.lists(st.lists(WORDS, min_size=1, max_size=4).map("_".join), min_size=1, max_size=12, unique=True))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(VALUES)))
        values = draw(st.lists(VALUES[kind], min_size=height, max_size=height))
        type_ = {"number": pl.Int64, "share": pl.Float64}.get(kind, pl.String)
        columns[name] = pl.Series(values, dtype=type_)
    return pl.DataFrame(columns)


@pytest.mark.parametrize("width", [80, 100, 120, 160])
@given(frame=tables(), verbatim=st.booleans())
def test_no_word_is_broken_on_any_screen(width: int, frame: pl.DataFrame, verbatim: bool) -> None:
    """Every word of a header or a value stands whole, in its column's order, and no line is longer than it must be."""
    grid = Grid(frame, verbatim=verbatim)
    anywhere, shown = lines([grid]), lines([grid], screen=width)
    words = [re.findall(r"[^\s;]+", line) for line in anywhere]
    printed = Counter(word for line in shown for word in re.findall(r"[^\s;]+", line))
    wanted = Counter(word for line in words for word in line if word != "-")
    assert not wanted - printed if not _in_blocks(shown, anywhere) else not set(wanted) - set(printed) - set(words[0])
    longest = max((cell_len(word) for line in words for word in line), default=0)
    titles = max(cell_len(in_words(name)) for name in frame.columns)
    for line in shown:
        assert cell_len(line) <= max(width, titles + 2 + longest + 1)


def _in_blocks(shown: list[str], anywhere: list[str]) -> bool:
    return shown[0].split() != anywhere[0].split() and len(anywhere) > 1
