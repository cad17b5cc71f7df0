"""Read delimited tables, and write them in the same form."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homodb.schema.errors import InputError, Problem

#: Separators of columns, the surest first.
_SEPARATORS = ("\t", ",", ";", "|")
_SAMPLE = 50


@dataclass(frozen=True)
class GeneTable:
    """A delimited table.

    Parameters
    ----------
    header
        Names of the columns; their numbers from 1 if the table has none.
    rows
        Line number and cells of each row.
    separator, line_end
        Separator of columns and line ends of the file.
    has_header
        Whether the file has the header.
    unnamed_rows
        Whether the header lacks a name for the first column, as from ``write.table`` of R.
    comments
        Lines before the table that begin with ``#``.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    separator: str
    line_end: str
    has_header: bool = True
    unnamed_rows: bool = False
    comments: tuple[str, ...] = ()

    def column(self, place: int) -> list[str]:
        """Return the cells of a column."""
        return [cells[place] for _, cells in self.rows]

    def headless(self) -> GeneTable:
        """Return the table with its header as a row, and numbers as names."""
        first = (len(self.comments) + 1, self.header)
        numbers = tuple(str(place + 1) for place in range(len(self.header)))
        return replace(self, header=numbers, rows=(first, *self.rows), has_header=False)

    def written(self, rows: Sequence[Sequence[str]]) -> str:
        """Return the text of the table with other rows."""
        stream = io.StringIO()
        for line in self.comments:
            stream.write(line + self.line_end)
        writer = csv.writer(stream, delimiter=self.separator, lineterminator=self.line_end)
        if self.has_header:
            writer.writerow(self.header[1:] if self.unnamed_rows else self.header)
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
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")][:_SAMPLE]
    for separator in _SEPARATORS:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and min(widths) > 1 and set(widths[1:]) in ({widths[0]}, {widths[0] + 1}, set()):
            return separator
    for separator in _SEPARATORS:  # rows that differ in length are reported later, with their lines
        widths = [len(cells) for cells in csv.reader(lines, delimiter=separator)]
        if widths and widths[0] > 1 and sum(width == widths[0] for width in widths) * 2 > len(widths):
            return separator
    return None


def read_table(path: Path, text: str, separator: str) -> GeneTable:
    """Read a delimited table.

    Parameters
    ----------
    path
        Path of the table, for messages.
    text
        Text of the table.
    separator
        Separator of columns.

    Raises
    ------
    InputError
        If rows differ in length (all are listed), or there is no row.
    """
    comments = []
    rest = text
    while rest.startswith("#"):
        line, _, rest = rest.partition("\n")
        comments.append(line.rstrip("\r"))
    reader = csv.reader(io.StringIO(rest, newline=""), delimiter=separator)
    try:
        rows = [(reader.line_num + len(comments), tuple(cells)) for cells in reader if any(cells)]
    except csv.Error as error:
        raise InputError(path, [Problem(reader.line_num + len(comments), "cannot be read", str(error))]) from error
    if not rows:
        raise InputError(path, [Problem(0, "holds no row")])
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
    return GeneTable(header, tuple(body), separator, end, unnamed_rows=unnamed, comments=tuple(comments))
