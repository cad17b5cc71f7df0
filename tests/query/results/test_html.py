"""Pages and parts of notebooks: a text stays a text, nothing is fetched, and long tables are cut only in notebooks."""

from __future__ import annotations

from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, ResultBlock, fragment, page

_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")))


class Reader(HTMLParser):
    """Collects tags and texts behind the style."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(*blocks: ResultBlock) -> Reader:
    """Read what a notebook shows of blocks, without the element around them."""
    reader = Reader()
    reader.feed(fragment(blocks).split("<div class=homodb>")[1])
    reader.close()
    return reader


@given(_TEXT, _TEXT)
def test_texts_stay_texts(first: str, second: str) -> None:
    frame = pl.DataFrame({first: [second]})
    table = ["div", "table", "tr", "th", "tr", "td"]
    for block, tags, text in (
        (Grid(frame, verbatim=True), table, first + second),
        (Grid(frame, columns={first: GridColumn(second)}, verbatim=True), table, (second or first) + second),
        (Heading(first), ["h2"], first),
        (Heading(first, level=3), ["h3"], first),
        (Lines([first]), ["p"] * bool(first), first),
        (Lines([first], warning=True), ["p"] * bool(first), first),
        (Note(first), ["p"], f"note: {first}"),
        (Bullets([first]), ["ul", "li"], first),
    ):
        found = read(block)
        assert found.tags == tags, block
        assert found.text.replace("\n", "") == text.replace("\n", ""), block
    titled = page([Heading(first, level=1), Grid(frame, second, folded=True), Bullets([], first)])
    assert "<script" not in titled and titled.count("<title>") == 1
    assert read(Grid(frame, f"x{second}", folded=True)).tags[:2] == ["details", "summary"]


@pytest.mark.parametrize("whole", [True, False])
def test_markup_in_any_text_is_escaped(whole: bool) -> None:
    evil = "<script>alert('x')</script>"
    frame = pl.DataFrame({evil: [evil], "list": [[evil]], "struct": [{"a": evil}], "bytes": [evil.encode()]})
    blocks = [
        Heading(evil, level=1), Lines([evil], more=evil), Note(evil), Bullets([evil], evil), Grid(frame, evil),
        Grid(frame, evil, {evil: GridColumn(evil)}, noun=evil, folded=True),
    ]  # fmt: skip
    made = page(blocks) if whole else fragment(blocks)
    assert "<script" not in made and made.count("&lt;script&gt;") >= 14


def test_cells_and_bars() -> None:
    frame = pl.DataFrame({"n": [1234567], "x": [0.123456789], "none": [None], "yes": [True], "nan": [float("nan")]})
    assert "<td class=n>1,234,567<td class=n>0.123457<td><td>True<td class=n></tr>" in fragment([Grid(frame)])
    shares = Grid(pl.DataFrame({"share": [7.0, None, float("nan"), 0.25]}), columns={"share": GridColumn(bar=True)})
    drawn = fragment([shares])
    assert [drawn.count(f'style="width:{wide}"') for wide in ("100.0%", "0%", "25.0%")] == [1, 2, 1]
    percent = {"share": GridColumn(form=".1%", bar=True)}
    assert "<td class=n>25.0%<td>" in fragment([Grid(shares.frame, columns=percent)])


def test_a_page_is_whole_and_a_notebook_is_short() -> None:
    frame = pl.DataFrame({"n": range(1200)})
    whole, part = page([Heading("a<b", level=1), Grid(frame, folded=True)]), fragment([Grid(frame, folded=True)])
    assert whole.startswith("<!doctype html>") and "<title>a&lt;b</title>" in whole and whole.endswith("</html>\n")
    assert whole.count("<td") == 1200 and "and 1,150 more rows" not in whole
    assert part.count("<td") == 50 and "<summary>1,200 rows</summary>" in part and "and 1,150 more rows" in part
    assert "<html" not in part and "body{" not in part, "a notebook keeps its own style"


def test_a_block_of_the_text_is_not_on_the_page() -> None:
    assert read(Lines(["a"], in_page=False), Lines(["", "b"], in_text=False)).text.strip() == "b"
