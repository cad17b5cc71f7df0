"""Define the parts of an answer, and render them as text."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from homodb.schema.errors import printable
from homodb.schema.messages import counted

if TYPE_CHECKING:
    import polars as pl

#: Beginnings of text that spreadsheets take for a formula (OWASP, "CSV injection").
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
#: Exceptions: numbers, and signs alone.
_NO_FORMULA = r"^(?:[+\-]+|[+\-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?|[+\-]?(?:inf|Inf|nan|NaN))$"


@dataclass(frozen=True, kw_only=True)
class ResultBlock:
    """A part of an answer; ``in_text`` and ``in_page`` say whether it appears in the text and in HTML."""

    kind: ClassVar[str]
    in_text: bool = True
    in_page: bool = True


@dataclass(frozen=True)
class Heading(ResultBlock):
    """A heading, in HTML only."""

    kind = "heading"
    text: str
    level: int = 2


@dataclass(frozen=True)
class Lines(ResultBlock):
    """Lines of text, in HTML paragraphs."""

    kind = "lines"
    texts: Sequence[str]
    more: str = ""  # last line, which counts what was left out
    apart: bool = False  # whether an empty line precedes them in the text
    warning: bool = False  # whether they are in a box in HTML


@dataclass(frozen=True)
class Note(ResultBlock):
    """A note that a reader should not miss."""

    kind = "note"
    text: str


@dataclass(frozen=True)
class Bullets(ResultBlock):
    """A list; the text writes up to ``most`` of its items into one line."""

    kind = "bullets"
    items: Sequence[str]
    title: str = ""
    most: int | None = None


@dataclass(frozen=True)
class GridColumn:
    """Format of a column of a grid."""

    title: str = ""  # title of the column; by default its name
    form: str = ""  # format of its numbers, as :func:`format` takes it
    width: int | None = None  # least width in the text
    most: int | None = None  # number of characters after which the text cuts a value
    right: bool | None = None  # whether it is aligned to the right; by default numbers are
    bar: bool = False  # whether HTML adds a bar for a share of 1


@dataclass(frozen=True)
class Grid(ResultBlock):
    """Table."""

    kind = "grid"
    frame: pl.DataFrame  # content of the table
    title: str = ""  # title of the table; HTML drops a final colon
    # formats of columns by name; others follow from their type
    columns: Mapping[str, GridColumn] = field(default_factory=dict)
    rows: int = 50  # number of rows that the text shows
    noun: str = "row"  # noun for a row, in the singular
    folded: bool = False  # whether HTML hides the table until a click

    def shown(self) -> list[GridColumn]:
        """Return the format of each column, with title and alignment."""
        shown = []
        for name, kind in self.frame.schema.items():
            column = self.columns.get(name, GridColumn())
            right = kind.is_numeric() if column.right is None else column.right
            shown.append(replace(column, title=column.title or name, right=right))
        return shown


@dataclass(frozen=True)
class Drawing:
    """An SVG document with its caption, and the name of its file without suffix."""

    svg: str
    caption: str
    name: str = ""


@dataclass(frozen=True)
class Drawings(ResultBlock):
    """Drawings side by side, in HTML only; ``even`` makes them of one width."""

    kind = "drawings"
    drawings: Sequence[Drawing]
    even: bool = False


def and_more(left: int, noun: str = "") -> str:
    """Return the line that counts hidden items; empty without any.

    Examples
    --------
    >>> and_more(1, "group"), and_more(1200, "row"), and_more(2), and_more(0, "row")
    ('and 1 more group', 'and 1,200 more rows', 'and 2 more', '')
    """
    if left <= 0:
        return ""
    return f"and {counted(left, f'more {noun}')}" if noun else f"and {left:,} more"


def json_text(value: object, indent: int | None = None) -> str:
    """Format a value as JSON; NaN and infinities become null, and other types without a JSON form text.

    Examples
    --------
    >>> json_text({"x": float("nan"), "sum": Decimal("2")})
    '{"x": null, "sum": 2}'
    """
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent, default=str)


def plain(value: Any) -> Any:
    """Return a value with None for NaN and infinities, numbers for decimals, and lists for arrays and tuples."""
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def lines(blocks: Iterable[ResultBlock], *, hint: str = "", screen: int | None = None) -> list[str]:
    """Return blocks as lines of text.

    `hint` is the place of the whole answer, and follows each line that counts hidden parts. `screen` is the width of a
    terminal, to fold tables and print bold headers. Characters that a terminal would obey are escaped.
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
                out += map(printable, block.texts)
                more = block.more
            case Note():
                out.append(printable(f"note: {block.text}"))
            case Bullets():
                left = and_more(0 if block.most is None else len(block.items) - block.most)
                out.append(printable(f"{block.title}: {', '.join(block.items[: block.most])} {left}".rstrip()))
            case Grid():
                out += [printable(block.title)] if block.title else []
                out += _table(block, screen)
                more = and_more(block.frame.height - block.rows, block.noun)
        out += [f"{more}{ending}"] if more else []
    return out


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert nested values to text: lists joined by ``;``, bytes as hexadecimal, others as JSON."""
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


def spreadsheet_safe(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before text, in cells and headers, that a spreadsheet would run as a formula.

    Numbers stay, also those written as text, and so do texts of signs alone, such as the strands ``+`` and ``-``.

    Examples
    --------
    >>> import polars as pl
    >>> spreadsheet_safe(pl.DataFrame({"gene": ["=1+1", "-", "-2.5", "+INS", "HLA-A"]}))["gene"].to_list()
    ["'=1+1", '-', '-2.5', "'+INS", 'HLA-A']
    """
    import polars as pl

    def safe(texts: pl.Expr) -> pl.Expr:
        obeyed = texts.str.contains(_FORMULA) & ~texts.str.contains(_NO_FORMULA)
        return pl.when(obeyed).then(pl.lit("'") + texts).otherwise(texts)

    kinds = (pl.String, pl.Categorical, pl.Enum)
    names = [name for name, kind in frame.schema.items() if kind in kinds]
    headers = pl.DataFrame({"name": frame.columns}, schema={"name": pl.String}).select(safe(pl.col("name"))).to_series()
    cells = frame.with_columns(**{name: safe(pl.col(name).cast(pl.String)) for name in names})
    return cells.rename(dict(zip(frame.columns, headers, strict=True)))


def number(value: float, form: str = "") -> str:
    """Format a number, by a format or in short form; large whole numbers are written in full.

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
        table.add_column(
            printable(one.title), justify="right" if one.right else "left", overflow="fold", min_width=one.width
        )
    for row in flat(grid.frame.head(grid.rows)).iter_rows():
        table.add_row(*(printable(_cell(value, one.form)[: one.most]) for value, one in zip(row, columns, strict=True)))
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
