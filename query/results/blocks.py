"""Parts of an answer: lines, tables, lists, notes, drawings; and their plain values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from homodb.schema.messages import counted

if TYPE_CHECKING:
    import polars as pl


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
    """Lines of text, in HTML paragraphs.

    ``more`` is a last line that counts what was left out; ``apart`` puts an empty line before them in the text, and
    ``warning`` a box around them in HTML.
    """

    kind = "lines"
    texts: Sequence[str]
    more: str = ""
    apart: bool = False
    warning: bool = False


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
    """Format of a column of a grid.

    Parameters
    ----------
    title
        Title of the column; by default its name.
    form
        Format of its numbers, as :func:`format` takes it.
    width, most
        Least width in the text, and number of characters after which the text cuts a value.
    right
        Whether it is aligned to the right; by default numbers are.
    bar
        Whether HTML adds a bar for a share of 1.
    """

    title: str = ""
    form: str = ""
    width: int | None = None
    most: int | None = None
    right: bool | None = None
    bar: bool = False


@dataclass(frozen=True)
class Grid(ResultBlock):
    """Table.

    Parameters
    ----------
    frame
        Content of the table.
    title
        Title of the table; HTML drops a final colon.
    columns
        Formats of columns by name; others follow from their type.
    rows
        Number of rows that the text shows.
    noun
        Noun for a row, in the singular.
    folded
        Whether HTML hides the table until a click.
    """

    kind = "grid"
    frame: pl.DataFrame
    title: str = ""
    columns: Mapping[str, GridColumn] = field(default_factory=dict)
    rows: int = 50
    noun: str = "row"
    folded: bool = False

    def shown(self) -> list[GridColumn]:
        """Return how each column is shown, its title and its alignment decided."""
        chosen = [(name, kind, self.columns.get(name, GridColumn())) for name, kind in self.frame.schema.items()]
        return [
            replace(one, title=one.title or name, right=kind.is_numeric() if one.right is None else one.right)
            for name, kind, one in chosen
        ]


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
    """Format a value as JSON.

    NaN and infinities become null, and other types without a JSON form become text.

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
