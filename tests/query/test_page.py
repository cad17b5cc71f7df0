"""Pages: whatever a text is, it stays text."""

from __future__ import annotations

from html.parser import HTMLParser

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from homodb.query import page as html

_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")))


class Reader(HTMLParser):
    """Collects tags and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@given(_TEXT, _TEXT)
def test_texts_stay_texts(first: str, second: str) -> None:
    frame = pl.DataFrame({first: [second]})
    found = read(html.table(frame))
    assert found.tags == ["div", "table", "tr", "th", "tr", "td"]
    assert found.text.replace("\n", "") == (first + second).replace("\n", "")
    for made, tags in (
        (html.heading(first), ["h2"]),
        (html.bullets([first]), ["ul", "li"]),
        (html.paragraph(first), ["p"]),
    ):
        assert read(made).tags == tags and read(made).text == first
    assert read(html.folded(frame, first)).tags[:2] == ["details", "summary"]


def test_cells_and_bars() -> None:
    frame = pl.DataFrame({"n": [1234567], "x": [0.123456789], "none": [None], "yes": [True]})
    assert "<td class=n>1,234,567<td class=n>0.123457<td><td>True" in html.table(frame)
    assert html.bar(None) == html.bar(float("nan")) == "" and "100.0%" in html.bar(7.0)
    assert html.folded(frame).count("1 row<") == 1
    assert html.page("a<b", ["<p>x</p>"]).startswith("<!doctype html>") and "<title>a&lt;b</title>" in html.page(
        "a<b", []
    )
