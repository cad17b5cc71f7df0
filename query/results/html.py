"""Render answers as HTML pages and notebook fragments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from homodb.query.results.result import Drawing, Grid, GridColumn, Heading, ResultBlock, and_more
from homodb.query.results.text import flat
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

#: Rows of a table that a notebook shows.
_NOTEBOOK_ROWS = 50


@dataclass(frozen=True)
class Sheet:
    """Table for the template.

    Parameters
    ----------
    titles
        Titles of the columns.
    rows
        Text of each cell, whether it is a number, and the length of its bar (None without one).
    count
        Number of rows.
    more
        Number of hidden rows.
    """

    titles: list[str]
    rows: Iterable[list[tuple[str, bool, str | None]]]
    count: str
    more: str


def page(blocks: Iterable[ResultBlock]) -> str:
    """Return a self-contained page.

    Parameters
    ----------
    blocks
        Parts of an answer; the first heading becomes the title of the page.
    """
    return _render(blocks, whole=True)


def fragment(blocks: Iterable[ResultBlock]) -> str:
    """Return an element for a notebook, with long tables cut.

    Parameters
    ----------
    blocks
        Parts of an answer.
    """
    return _render(blocks, whole=False)


def inline(svg: str, name: str) -> str:
    """Return an SVG document as an element of a page.

    It has no prologue, no size of its own and no unused IDs.

    Parameters
    ----------
    svg
        Result of :func:`homodb.query.results.figures.to_svg`.
    name
        Text for screen readers.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda found: found.group(0) if found.group(1) in used else "", element)
    return element.replace("<svg ", f'<svg role="img" aria-label="{escape(name)}" ', 1)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("homodb.query.results"), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    environment.filters |= {"sheet": _sheet, "inline": _inline, "headline": _headline}
    return environment.get_template("result.html.j2")


def _render(blocks: Iterable[ResultBlock], *, whole: bool) -> str:
    shown = [block for block in blocks if block.in_page]
    title = next((block.text for block in shown if isinstance(block, Heading)), "homodb")
    return _template().render(title=title, blocks=shown, whole=whole)


def _inline(drawing: Drawing) -> Markup:
    """Mark a drawing as safe, since matplotlib escapes its texts.

    Nothing else is marked so.
    """
    from markupsafe import Markup

    return Markup(inline(drawing.svg, drawing.caption))  # noqa: S704


def _headline(title: str) -> str:
    return f"{title[:1].upper()}{title[1:].removesuffix(':')}"


def _sheet(grid: Grid, whole: bool) -> Sheet:
    names = grid.frame.columns
    columns = [(grid.column(name), grid.is_right(name)) for name in names]
    titles = [title for name, (column, _) in zip(names, columns, strict=True)
              for title in ([column.title or name, ""] if column.bar else [column.title or name])]  # fmt: skip
    shown = grid.frame if whole else grid.frame.head(_NOTEBOOK_ROWS)
    rows = (
        [_cell(value, column, right) for value, (column, right) in zip(row, columns, strict=True)]
        for row in flat(shown).iter_rows()
    )
    left = grid.frame.height - shown.height
    return Sheet(titles, rows, counted(grid.frame.height, grid.noun), and_more(left, grid.noun))


def _cell(value: Any, column: GridColumn, right: bool) -> tuple[str, bool, str | None]:
    is_known = value is not None and not (isinstance(value, float) and math.isnan(value))
    text = str(value) if is_known else ""
    if is_known and isinstance(value, int | float) and not isinstance(value, bool):
        text = format(value, column.form or (".6g" if isinstance(value, float) else ","))
    bar = f"{min(max(value, 0.0), 1.0) if is_known else 0.0:.1%}" if column.bar else None
    return text, right, bar
