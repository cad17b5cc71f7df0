"""Text: alignment, numbers, what is left out, and tables on a terminal."""

from __future__ import annotations

import polars as pl

from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, flat, lines


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


def test_names_are_cut_and_stand_as_they_are() -> None:
    frame = pl.DataFrame({"group": ["abcdef", ":cat: [red]x[/red]"], "wide": ["日本", "b"], "n": [1, 2]})
    assert lines([Grid(frame, columns={"group": GridColumn(most=5)})]) == [
        "group  wide  n",
        "abcde  日本  1",
        ":cat:  b     2",
    ]
    assert lines([Grid(pl.DataFrame({"x": ["[bold]a[/bold] :cat:"]}))])[1] == "[bold]a[/bold] :cat:"


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


def test_a_terminal_folds_tables_and_has_bold_headers() -> None:
    grid = Grid(pl.DataFrame({"text": ["word " * 30]}))
    folded = lines([grid], screen=40)
    assert len(folded) > 4 and all(len(line) <= 50 for line in folded) and "\x1b[1m" in folded[0]
    assert len(lines([grid])) == 2
