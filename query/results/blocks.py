"""Define the parts of an answer, and render them as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from homodb.schema.errors import printable
from homodb.schema.messages import counted

if TYPE_CHECKING:
    import polars as pl

#: Beginnings of text that spreadsheets take for a formula (OWASP, "CSV injection").
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
#: Exceptions: numbers, and signs alone.
_NO_FORMULA = r"^(?:[+\-]+|[+\-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+\-]?\d+)?|[+\-]?(?:inf|Inf|nan|NaN))$"

#: Lines that a row of a table may take; longer rows are blocks.
_MOST_LINES = 8
#: Spaces between columns, and before the lines that go on with a folded one.
_GAP, _INDENT = 2, 4
#: A number with its unit, which terminals dim.
_UNIT = re.compile(r"^( *-?[\d.,]+)( ?(?:%|[kMG]?B|s|min|h))$")
_BOLD, _DIM = "1", "2"


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


class Mark(StrEnum):
    """Judgement of a verdict."""

    GOOD = "good"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Assessment(ResultBlock):
    """Questions, each with a mark and the answer."""

    kind = "verdict"
    answers: Sequence[tuple[Mark, str, str]]


@dataclass(frozen=True)
class GridColumn:
    """Format of a column of a grid."""

    title: str = ""  # title of the column; by default its name in words
    form: str = ""  # format of its numbers, as :func:`format` takes it
    width: int | None = None  # least width in the text
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
    verbatim: bool = False  # whether columns keep their names, and stay where they are empty

    def shown(self) -> list[GridColumn]:
        """Return the format of each column, with title and alignment."""
        shown = []
        for name, kind in self.frame.schema.items():
            column = self.columns.get(name, GridColumn())
            right = kind.is_numeric() if column.right is None else column.right
            title = column.title or (name if self.verbatim else in_words(name))
            shown.append(replace(column, title=title, right=right))
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


def in_words(name: str) -> str:
    """Return the name of a column in words.

    Examples
    --------
    >>> in_words("source_id"), in_words("n_databases"), in_words("of counts")
    ('source ID', 'databases', 'of counts')
    """
    words = name.removeprefix("n_").replace("_", " ")
    return re.sub(r"\bid\b", "ID", words).strip() or name


def lines(
    blocks: Iterable[ResultBlock], *, hint: str = "", screen: int | None = None, colour: bool = False
) -> list[str]:
    """Return blocks as lines of text.

    Characters that a terminal would obey are escaped. No word is ever broken.

    Parameters
    ----------
    blocks
        The blocks.
    hint
        Place of the whole answer; follows each line that counts hidden parts.
    screen
        Width of the terminal, in columns, to which text and tables are folded; None for any width. A table that does
        not fit has a block for each row.
    colour
        Whether headers are bold, and units dim.
    """
    out: list[str] = []
    ending = f" ({hint})" if hint else ""
    for block in blocks:
        if not block.in_text:
            continue
        more = ""
        if out and (isinstance(block, Grid | Bullets) or (isinstance(block, Lines) and block.apart)):
            out.append("")
        texts: Iterable[str] = ()
        match block:
            case Lines():
                texts, more = block.texts, block.more
            case Assessment():
                texts = [f"{mark:<8} {question} {answer}" for mark, question, answer in block.answers]
            case Note():
                texts = [f"note: {block.text}"]
            case Bullets():
                left = and_more(0 if block.most is None else len(block.items) - block.most)
                texts = [f"{block.title}: {', '.join(block.items[: block.most])} {left}".rstrip()]
            case Grid():
                texts = [block.title] if block.title else []
                more = and_more(block.frame.height - block.rows, block.noun)
        out += (line for text in texts for line in fold(printable(text), screen))
        out += _table(block, screen, colour) if isinstance(block, Grid) else []
        out += fold(f"{more}{ending}", screen) if more else []
    return out


def fold(text: str, screen: int | None) -> list[str]:
    """Fold a line between words, and indent what follows; a word that is longer than the screen stays whole.

    Examples
    --------
    >>> fold("note: 40 names mean no gene of mouse", 24)
    ['note: 40 names mean no', '    gene of mouse']
    """
    if screen is None or _width(text) <= screen:
        return [text]
    start = " " * (len(text) - len(text.lstrip()))
    first, *rest = _wrapped(text, max(screen - len(start) - _INDENT, 1), max(screen - len(start), 1))
    return [start + first, *(start + " " * _INDENT + one for one in rest)]


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


def _table(grid: Grid, screen: int | None, colour: bool) -> list[str]:
    """Return a table as lines; those of each row as a block where it is wider than the screen."""
    columns, rows = _texts(grid)
    titles = [printable(one.title) for one in columns]
    widths = _widths(columns, [titles, *rows], screen)
    if widths is None and not rows:
        return fold((" " * _GAP).join(titles), screen)
    if widths is None:
        return list(_row_blocks(titles, rows, screen, colour))
    folded = [[_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)] for row in [titles, *rows]]
    if max(max(map(len, row), default=0) for row in folded) > _MOST_LINES and screen is not None:
        return list(_row_blocks(titles, rows, screen, colour))
    gap, out = " " * _GAP, []
    for number_of_row, row in enumerate(folded):
        for place in range(max(map(len, row), default=0)):
            parts = []
            for cell, width, column in zip(row, widths, columns, strict=True):
                text = cell[place] if place < len(cell) else ""
                space = " " * (width - _width(text))
                is_last = column is columns[-1] and not column.right
                padded = space + text if column.right else text if is_last else text + space
                parts.append(_styled(padded, bold=number_of_row == 0) if colour else padded)
            out.append(gap.join(parts).rstrip())
    return out


def _texts(grid: Grid) -> tuple[list[GridColumn], list[list[str]]]:
    """Return the columns and rows that the text has: columns without any value are left out."""
    columns, frame = grid.shown(), flat(grid.frame.head(grid.rows))
    rows = [
        [printable(_cell(value, one.form)) for value, one in zip(row, columns, strict=True)]
        for row in frame.iter_rows()
    ]
    held = [place for place in range(len(columns)) if any(row[place] not in ("", "-") for row in rows)]
    if grid.verbatim or not held:
        return columns, rows
    return [columns[place] for place in held], [[row[place] for place in held] for row in rows]


def _widths(columns: Sequence[GridColumn], rows: Sequence[Sequence[str]], screen: int | None) -> list[int] | None:
    """Return the width of each column so that a table fits without broken words; None if it cannot."""
    whole = [max(_width(row[place]) for row in rows) for place in range(len(columns))]
    gaps = _GAP * (len(columns) - 1)
    usual = [max(one, column.width or 0) for one, column in zip(whole, columns, strict=True)]
    if screen is None or sum(usual) + gaps <= screen:
        return usual
    if sum(whole) + gaps <= screen:
        return whole
    least = [
        max(
            _width(text) if column.right and number_of_row else _longest(text) for number_of_row, text in enumerate(one)
        )
        for column, one in zip(columns, zip(*rows, strict=True), strict=True)
    ]
    room = screen - gaps - sum(least)
    if room < 0:
        return None
    widths = list(least)
    while room and (open_ones := [place for place, one in enumerate(widths) if one < whole[place]]):
        for place in open_ones[:room]:
            widths[place] += 1
        room -= min(room, len(open_ones))
    return widths


def _row_blocks(
    titles: Sequence[str], rows: Sequence[Sequence[str]], screen: int | None, colour: bool
) -> Iterator[str]:
    """Yield the lines of each row: the title and the value of each column that has one."""
    width = max(map(_width, titles))
    for number_of_row, row in enumerate(rows):
        if number_of_row:
            yield ""
        pairs = list(zip(titles, row, strict=True))
        for title, text in [pair for pair in pairs if pair[1] not in ("", "-")] or pairs:
            start = title + " " * (width - _width(title))
            first, *rest = _wrapped(text.strip(), max((screen or 0) - width - _GAP, 1))
            yield f"{_styled(start, bold=True) if colour else start}{' ' * _GAP}{first}"
            yield from (" " * (width + _GAP) + one for one in rest)


def _styled(text: str, *, bold: bool) -> str:
    if bold:
        return f"\x1b[{_BOLD}m{text}\x1b[0m"
    unit = _UNIT.match(text)
    return f"{unit[1]}\x1b[{_DIM}m{unit[2]}\x1b[0m" if unit else text


def _wrapped(text: str, width: int, first: int | None = None) -> list[str]:
    """Return the lines of a text; `first` is the width of the first one. Breaks are between words and after ``;``."""
    if _width(text) <= (first or width):
        return [text]
    lines: list[str] = []
    line = ""
    for word in _words(text):
        joined = f"{line}{word}"
        if line and _width(joined.rstrip()) > (width if lines else first or width):
            lines.append(line.rstrip())
            joined = word
        line = joined
    return [*lines, line.rstrip()]


def _words(text: str) -> list[str]:
    """Return the parts between which a line may break, with the spaces after them."""
    return re.findall(r"[^\s;]*(?:;+|\s+|$)\s*", text.strip())[:-1] or [text.strip()]


def _longest(text: str) -> int:
    return max(_width(word.rstrip()) for word in _words(text))


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cell(value: object, form: str) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return number(value, form)
    return format(value, form) if form and isinstance(value, int) else str(value)
