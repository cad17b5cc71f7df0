"""Read delimited tables, and the cells of their columns of genes: names, complexes and lists."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homodb.schema.errors import InputError, Problem
from homodb.schema.names import BLANKS, unquoted

#: Separators of columns, the surest first.
_SEPARATORS = ("\t", ",", ";", "|")
_SAMPLE_LINES = 50
#: A list of genes with its name: ``beta: INS, PDX1``.
_COLON, _NAMED_LIST = ":", re.compile(r"([^\t,;|:\"']+):(?:\s+|(?!\d))[^:\t\"']+")
#: Lines before a table: comments, and the separator as Excel writes it.
_COMMENT = re.compile(r"#|sep=.\r?$", re.MULTILINE)


@dataclass(frozen=True)
class GeneTable:
    """A delimited table.

    `header`: names of the columns; their numbers from 1 if the table has none; `unnamed_rows`: whether the header lacks
    a name for the first column, as from ``write.table`` of R; `comments`: lines before the table that begin with ``#``,
    or are Excel's ``sep=;``; `mark`: the ``#`` before the header, as STRING, BioGRID and NCBI write it.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str
    line_end: str
    has_header: bool = True
    unnamed_rows: bool = False
    comments: tuple[str, ...] = ()
    mark: str = ""

    def column(self, place: int) -> list[str]:
        """Return the cells of a column."""
        return [cells[place] for _, cells in self.rows]

    def headless(self) -> GeneTable:
        """Return the table with its header as a row, or as the comment that it was, and numbers as names."""
        first = (len(self.comments) + 1, self.header)
        numbers = tuple(str(place + 1) for place in range(len(self.header)))
        if self.mark:
            comments = (*self.comments, self.mark + self.separator.join(self.header))
            return replace(self, header=numbers, has_header=False, comments=comments, mark="")
        return replace(self, header=numbers, rows=(first, *self.rows), has_header=False)

    def written(self, rows: Sequence[Sequence[str]]) -> str:
        """Return the text of the table with other rows."""
        stream = io.StringIO()
        for line in self.comments:
            stream.write(line + self.line_end)
        writer = csv.writer(stream, delimiter=self.separator, lineterminator=self.line_end)
        if self.has_header:
            stream.write(self.mark)
            writer.writerow(self.header[1:] if self.unnamed_rows else self.header)
        if self.separator == _COLON:
            stream.writelines(f"{': '.join(cell.strip() for cell in row)}{self.line_end}" for row in rows)
        else:
            writer.writerows(rows)
        return stream.getvalue()


def find_separator(text: str) -> str | None:
    r"""Return the separator of the columns of a text, None without columns.

    It is equally frequent in the first lines.

    Examples
    --------
    >>> find_separator("gene,score\nINS,1\n"), find_separator("INS\nGCG\n")
    (',', None)
    """
    lines = [line for line in text.splitlines() if line.strip() and not _COMMENT.match(line)][:_SAMPLE_LINES]
    named = [_NAMED_LIST.fullmatch(line.strip()) for line in lines]
    titles = {match[1] for match in named if match}
    if titles and len(titles) == len(lines) and (", " in text or all(": " in line for line in lines)):
        return _COLON
    for separator in _SEPARATORS:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and min(widths) > 1 and set(widths[1:]) in ({widths[0]}, {widths[0] + 1}, set()):
            return separator
    for separator in _SEPARATORS:  # rows that differ in length are reported later, with their lines
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and widths[0] > 1 and sum(width == widths[0] for width in widths) * 2 > len(widths):
            return separator
    words = [line.split(" ") for line in lines]
    numbers = [cells for cells in words[1:] if len(cells) > 1 and all(map(is_number, cells[1:2]))]
    is_of_r = len(words) > 1 and len(numbers) == len(words) - 1  # write.table
    return " " if is_of_r and {len(one) for one in words[1:]} in ({len(words[0])}, {len(words[0]) + 1}) else None


def read_table(path: Path, text: str, separator: str) -> GeneTable:
    """Read a delimited table.

    Raises InputError if rows differ in length (all are listed), or there is no row.
    """
    comments = []
    rest = text
    while _COMMENT.match(rest):
        line, _, rest = rest.partition("\n")
        comments.append(line.rstrip("\r"))
    above = len(comments)
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num + above, tuple(cells)) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(path, [Problem(reader.line_num + above, "cannot be read", str(error))]) from error
    if not rows:
        raise InputError(path, [Problem(0, "holds no row")])
    mark = "#" if comments and _is_header(comments[-1], separator, [cells for _, cells in rows]) else ""
    if mark:
        rows.insert(0, (above, tuple(next(csv.reader([comments.pop()[1:]], delimiter=separator)))))
    (_, header), *body = rows
    unnamed = bool(body) and all(len(cells) == len(header) + 1 for _, cells in body)
    if unnamed:
        header = ("", *header)
    problems = [
        Problem(line, f"the row has not {len(header)} cells as the first row has", f"{len(cells)} cells")
        for line, cells in body
        if len(cells) != len(header)
    ]
    if problems:
        raise InputError(path, problems)
    end = "\r\n" if "\r\n" in text else "\n"
    return GeneTable(header, tuple(body), separator, end, unnamed_rows=unnamed, comments=tuple(comments), mark=mark)


def _is_header(comment: str, separator: str, rows: Sequence[Sequence[str]]) -> bool:
    """Return whether a comment right above the rows is their header: as wide, and no number where they have some."""
    names = next(csv.reader([comment[1:]], delimiter=separator), [])
    if not re.match(r"#\w", comment) or len(names) < 2 or any(len(cells) != len(names) for cells in rows):
        return False
    numeric = [all(map(is_number, cells)) for cells in zip(*rows[1:], strict=True)]
    first_is_header = any(number and not is_number(cell) for number, cell in zip(numeric, rows[0], strict=False))
    return not first_is_header and not any(map(is_number, names))


#: Separators of lists of genes in a cell.
LIST_SEPARATORS = (" /// ", "///", ", ", "; ", ",", ";", "|", "/", " ")

#: Separators of the parts of a cell: ``_`` (LIANA, CellChat, OmniPath), ``, `` (symbols of CellChat), and others.
_SEPARATORS_OF_PARTS = (" /// ", "///", ", ", "; ", "_", "&", "+", ":", ";", "|", ",", "/", " ")

#: Least share of genes among words between blanks, which otherwise are prose.
_WORDS = 0.6

#: Prefix of a complex in OmniPath.
COMPLEX_MARK = "COMPLEX:"

#: Brackets around a whole list, as R and Python print it; parts that are no names; weights behind a name.
_WRAPPED = re.compile(r"(c\(|\[|\{|\()([^\[\](){}]*)(\)|\]|\})")
_NO_NAME = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
_WEIGHT = re.compile(r"(.+?)(\s?[:=,]\s?-?\d+(?:\.\d+)?(?:[eE]-?\d+)?|\s?\(-?\d+(?:\.\d+)?\))")


@dataclass(frozen=True)
class Cell:
    """A cell of a gene column.

    `parts`: names of genes: several for a complex or a list, none for an empty cell; `end`: what stands behind them;
    `weights`: text behind each part, where parts have weights; `quote`: quotes around each part.
    """

    parts: tuple[str, ...]
    separator: str = ""
    mark: str = ""
    end: str = ""
    weights: tuple[str, ...] = ()
    quote: str = ""

    def rewritten(self, names: Iterable[str]) -> str:
        """Return the text of the cell with other names, each once."""
        listed = list(names)
        weights = self.weights if len(self.weights) == len(listed) else ("",) * len(listed)
        texts: dict[str, str] = {}
        for name, weight in zip(listed, weights, strict=True):
            texts.setdefault(name, f"{self.quote}{name}{self.quote}{weight}")
        return self.mark + self.separator.join(texts.values()) + self.end


def readings(text: str) -> list[Cell]:
    """List the readings of a cell: one name, or a complex or list per separator.

    Examples
    --------
    >>> [cell.parts for cell in readings("ITGA2_ITGB1")]
    [('ITGA2_ITGB1',), ('ITGA2', 'ITGB1')]
    """
    mark = COMPLEX_MARK if text.startswith(COMPLEX_MARK) else ""
    bare = text.removeprefix(COMPLEX_MARK).strip(BLANKS)
    if bare.lower() in _NO_NAME:
        return [Cell(())]
    cells = [Cell((bare,), "", mark)]
    end, inner = "", bare
    if wrapped := _WRAPPED.fullmatch(bare):
        mark, inner, end = mark + wrapped[1], wrapped[2], wrapped[3]
    for separator in _SEPARATORS_OF_PARTS:
        if separator in inner and (cell := _split(inner, separator, mark, end)) is not None:
            cells.append(cell)
    if wrapped and len(cells) == 1:
        cells.append(Cell((unquoted(inner),), "", mark, end))
    return cells


def _split(text: str, separator: str, mark: str, end: str) -> Cell | None:
    """Split a cell; the parts of a list may be empty, in quotes, in brackets of their own, or have weights."""
    pieces = [piece.strip() for piece in text.split(separator)]
    is_list = separator in LIST_SEPARATORS
    if not is_list and not all(pieces):
        return None
    quotes = {piece[0] for piece in pieces if len(piece) > 1 and piece[0] == piece[-1] and piece[0] in "\"'"}
    names = [unquoted(piece) for piece in pieces]
    matches = [_WEIGHT.fullmatch(name) if is_list else None for name in names]
    parts = [
        (match[1], match[2]) if match else (name, "")
        for name, match in zip(names, matches, strict=True)
        if name.lower() not in _NO_NAME
    ]
    if not parts:
        return None
    weights = tuple(weight for _, weight in parts)
    return Cell(
        tuple(name for name, _ in parts), separator, mark, end, weights if any(weights) else (),
        quotes.pop() if len(quotes) == 1 else "",
    )  # fmt: skip


def read(text: str, known: Collection[str], known_in_part: Collection[str]) -> Cell:
    """Read a cell as a name if it is known, else as a complex.

    Of several readings as a complex, the one with most known parts is used.

    `known_in_part`: names of genes once a suffix or a prefix is removed; they are used if no part of a complex is
    known. (``ITGA2_ITGB1`` is a complex, not ITGB1 of a genome ITGA2.)

    Examples
    --------
    >>> read("C4B_2", {"C4B_2", "C4B"}, set()).parts
    ('C4B_2',)
    >>> read("ITGA2_ITGB1", {"ITGA2", "ITGB1"}, set()).parts
    ('ITGA2', 'ITGB1')
    """
    whole, *complexes = readings(text.strip())
    complexes = [cell for cell in complexes if cell.separator != " " or _share_of_parts(cell, known) >= _WORDS]
    if not complexes or whole.parts[0] in known:
        return whole
    best = max(complexes, key=lambda cell: _share_of_parts(cell, known))
    return (
        best
        if _share_of_parts(best, known) > 0 and whole.parts[0] not in known_in_part
        else _name_or_complex(whole, best, known)
    )


def _name_or_complex(whole: Cell, best: Cell, known: Collection[str]) -> Cell:
    """Choose the complex if all its parts are known, else the name."""
    return best if _share_of_parts(best, known) == 1 else whole


def _share_of_parts(cell: Cell, known: Collection[str]) -> float:
    numbers = len(cell.parts) > 2 and all(
        part.isdigit() for part in cell.parts
    )  # a list of NCBI Gene IDs; 3/10 is none
    return sum(part in known and (numbers or not part.isdigit()) for part in cell.parts) / len(cell.parts)


def is_number(text: str) -> bool:
    """Return whether a cell is a number, a missing one, or true or false."""
    try:
        float(text)
    except ValueError:
        return text.upper() in ("NA", "NAN", "TRUE", "FALSE")
    return True
