"""Render answers as HTML pages and notebook fragments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from homodb.query.results.blocks import Drawing, Grid, GridColumn, Heading, ResultBlock, and_more, flat
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

#: Ink and paper of drawings: a page puts the colours of its text and its background in their place, in the dark too.
INK, PAPER = "#1a1a1a", "#fefefe"
#: Rows of a table that a notebook shows.
_NOTEBOOK_ROWS = 50


def page(blocks: Iterable[ResultBlock]) -> str:
    """Return blocks as a page that needs no other file; the first heading is its title."""
    return _render(blocks, whole=True)


def fragment(blocks: Iterable[ResultBlock]) -> str:
    """Return blocks as an element for a notebook; long tables are cut."""
    return _render(blocks, whole=False)


def inline(svg: str, name: str) -> str:
    """Return an SVG document as an element of a page, in the page's colours; readers hear its name."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda match: match.group(0) if match.group(1) in used else "", element)
    element = element.replace(INK, "currentColor").replace(PAPER, "Canvas")
    return element.replace("<svg ", f'<svg role="img" aria-label="{escape(name)}" ', 1)


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("homodb.query.results"), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    environment.filters |= {"sheet": _sheet, "inline": _inline, "headline": _headline, "anchor": _anchor}
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


def _anchor(title: str) -> str:
    """Return the anchor of a heading.

    Examples
    --------
    >>> _anchor("What the numbers say")
    'what-the-numbers-say'
    """
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _sheet(grid: Grid, whole: bool) -> dict[str, Any]:
    """Return the columns of a table, its rows as texts with the lengths of bars, and how many there are and more."""
    columns, height = grid.shown(), grid.frame.height
    frame = grid.frame if whole else grid.frame.head(_NOTEBOOK_ROWS)
    rows = ([_cell(value, one) for value, one in zip(row, columns, strict=True)] for row in flat(frame).iter_rows())
    more = and_more(height - frame.height, grid.noun)
    return {"columns": columns, "rows": rows, "count": counted(height, grid.noun), "more": more}


def _cell(value: Any, column: GridColumn) -> tuple[GridColumn, str, str]:
    exists = value is not None and not (isinstance(value, float) and math.isnan(value))
    text = str(value) if exists else ""
    if exists and isinstance(value, int | float) and not isinstance(value, bool):
        text = format(value, column.form or (".6g" if isinstance(value, float) else ","))
    return column, text, f"{min(max(value, 0.0), 1.0):.1%}" if column.bar and exists else "0%"
