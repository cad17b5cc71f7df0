"""Render answers as text, with formatted numbers and tables."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from homodb.query.results.blocks import Bullets, Grid, Lines, Note, ResultBlock, and_more, json_text

if TYPE_CHECKING:
    import polars as pl


def lines(blocks: Iterable[ResultBlock], *, hint: str = "", screen: int | None = None) -> list[str]:
    """Return blocks as lines of text.

    Parameters
    ----------
    blocks
        Parts of an answer.
    hint
        Place of the whole answer; it follows each line that counts hidden parts.
    screen
        Width of a terminal, to fold tables and print bold headers; None does neither.
    """
    out: list[str] = []
    ending = f" ({hint})" if hint else ""
    for block in blocks:
        if not block.in_text:
            continue
        more = ""
        if out and (isinstance(block, Grid | Bullets) or (isinstance(block, Lines) and block.apart)):
            out.append("")
        match block:
            case Lines():
                out += block.texts
                more = block.more
            case Note():
                out.append(f"note: {block.text}")
            case Bullets():
                left = and_more(0 if block.most is None else len(block.items) - block.most)
                out.append(f"{block.title}: {', '.join(block.items[: block.most])} {left}".rstrip())
            case Grid():
                out += [block.title] if block.title else []
                out += _table(block, screen)
                more = and_more(block.frame.height - block.rows, block.noun)
        out += [f"{more}{ending}"] if more else []
    return out


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert nested values and bytes to text.

    Lists are joined by ``;``, other nested values become JSON, and bytes become hexadecimal.
    """
    import polars as pl

    changed = {}
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.List) and not kind.inner.is_nested() and kind.inner != pl.Binary:
            changed[name] = pl.col(name).cast(pl.List(pl.String)).list.join(";")
        elif kind.is_nested():
            texts = [None if value is None else json_text(value) for value in frame[name].to_list()]
            changed[name] = pl.lit(pl.Series(texts, dtype=pl.String))
        elif kind == pl.Binary:
            changed[name] = pl.col(name).bin.encode("hex")
    return frame.with_columns(**changed)


def number(value: float, form: str = "") -> str:
    """Format a number, by a format or in short form.

    Large whole numbers are written in full.

    Examples
    --------
    >>> number(0.70983), number(12633.0), number(0.5), number(0.256, ".1%")
    ('0.7098', '12,633', '0.5', '25.6%')
    """
    if form:
        return format(value, form)
    return f"{value:,.0f}" if value.is_integer() and 10 <= abs(value) < 1e15 else f"{value:.4g}"


def _table(grid: Grid, screen: int | None) -> list[str]:
    from rich.console import Console
    from rich.table import Table

    table, columns = Table(box=None, pad_edge=False, header_style="bold"), grid.shown()
    for one in columns:
        table.add_column(one.title, justify="right" if one.right else "left", overflow="fold", min_width=one.width)
    for row in flat(grid.frame.head(grid.rows)).iter_rows():
        table.add_row(*(_cell(value, one.form)[: one.most] for value, one in zip(row, columns, strict=True)))
    drawn = io.StringIO()
    console = Console(
        file=drawn, width=screen or 10_000, force_terminal=screen is not None, color_system="auto" if screen else None,
        highlight=False, markup=False, emoji=False,
    )  # fmt: skip
    console.print(table)
    return [line.rstrip() for line in drawn.getvalue().split("\n")[:-1]]


def _cell(value: object, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return number(value, form)
    return format(value, form) if form and isinstance(value, int) else str(value)
