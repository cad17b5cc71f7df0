"""Pages to read: one HTML file that needs nothing else. What stands in it is escaped here, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

import polars as pl

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:112rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
table{border-collapse:collapse;font-size:.9rem}.wide{overflow-x:auto;margin:.6rem 0}
p,ul,h1,details,.wide{max-width:76rem}
th,td{text-align:left;padding:.2rem .7rem;border-bottom:1px solid #ddd;vertical-align:top}
th{background:#f4f4f4;position:sticky;top:0}td.n{text-align:right;font-variant-numeric:tabular-nums}
.bar{background:#dfe7ef;width:12rem;height:.8rem}.bar i{display:block;height:100%;background:#3b6ea5}
details{margin:.5rem 0}summary{cursor:pointer}
.warn{background:#fff3cd;border-left:.3rem solid #c58a00;color:#4d3800;padding:.6rem 1rem}
.drawings{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;background:#fff;padding:.4rem;border-radius:.3rem;
max-width:100%;overflow-x:auto}figure svg{display:block;max-width:100%;height:auto}
.even{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,33rem),1fr))}
.even svg{width:100%;max-width:42rem}
figcaption{color:#444;font-size:.85rem;padding:.2rem .4rem;max-width:34rem}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}th{background:#2a2a2a}td,th{border-color:#444}
.bar{background:#39424c}}
@media print{details{display:none}h2{break-after:avoid}figure,tr{break-inside:avoid}}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        What a browser's tab says; plain text.
    parts
        HTML, as the other functions of this module give it.
    """
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """Return a heading.

    Examples
    --------
    >>> heading("a < b")
    '<h2>a &lt; b</h2>'
    """
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, *, warning: bool = False) -> str:
    """Return a paragraph, as a warning in a box of its own."""
    return f"<p{' class=warn' if warning else ''}>{escape(text)}</p>"


def bullets(items: Iterable[object]) -> str:
    """Return a list."""
    return "<ul>" + "".join(f"<li>{escape(str(item))}" for item in items) + "</ul>"


def table(frame: pl.DataFrame) -> str:
    """Return a table; numbers stand on the right, unknown values are empty."""
    head = "".join(f"<th>{escape(name)}" for name in frame.columns)
    rows = ("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in frame.iter_rows())
    return f"<div class=wide><table><tr>{head}</tr>\n" + "\n".join(rows) + "</table></div>"


def folded(frame: pl.DataFrame, title: str | None = None) -> str:
    """Return a table that opens by a click, under its title and its number of rows."""
    said = f"{frame.height:,} row{'' if frame.height == 1 else 's'}"
    return f"<details><summary>{escape(f'{title}: {said}' if title else said)}</summary>{table(frame)}</details>"


def bar(share: float | None) -> str:
    """Return a bar as long as a share of 1; nothing where it is not known."""
    if share is None or math.isnan(share):
        return ""
    return f'<div class="bar"><i style="width:{min(max(share, 0.0), 1.0):.1%}"></i></div>'


def drawing(svg: str, caption: str) -> str:
    """Return a drawing with what is to be seen in it.

    Parameters
    ----------
    svg
        An SVG element, as :func:`homodb.query.figures.style.inline` gives it; it is not escaped.
    caption
        Plain text.
    """
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def drawings(parts: Iterable[str], *, even: bool = False) -> str:
    """Return drawings side by side, as many as the window has room for; all of one width where that is asked for."""
    return f'<div class="drawings{" even" if even else ""}">{"".join(parts)}</div>'


def _cell(value: object) -> str:
    if value is None:
        return "<td>"
    if isinstance(value, float):
        return f"<td class=n>{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<td class=n>{value:,}"
    return f"<td>{escape(str(value))}"
