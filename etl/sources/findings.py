"""Problems found in one input file, raised together as one error with line numbers."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from homodb.etl.sources.bytestream import open_bytes
from homodb.etl.sources.header import Header, split_records
from homodb.schema.errors import LISTED_PER_KIND, InputError, Problem


class Findings:
    """Problems found in one file, raised together.

    Parameters
    ----------
    path
        The file.
    header
        Its header; None for files that are not delimited text, whose checks give line numbers themselves.
    """

    def __init__(self, path: Path, header: Header | None = None) -> None:
        self.path = path
        self._header = header
        self._totals: Counter[str] = Counter()
        self._lines: list[Problem] = []
        self._rows: list[tuple[int, str, str]] = []
        self._records: list[tuple[int, str, str]] = []

    def __len__(self) -> int:
        return self._totals.total()

    def add(self, kind: str, seen: object = "", line: int = 0) -> None:
        """Note one problem at a known line (0: the file as a whole)."""
        self._totals[kind] += 1
        if self._totals[kind] <= LISTED_PER_KIND:
            self._lines.append(Problem(line, kind, str(seen)))

    def add_record(self, kind: str, seen: str, record: int) -> None:
        """Note one problem of a record: its 0-based number below the header, blank lines left out."""
        self._totals[kind] += 1
        if self._totals[kind] <= LISTED_PER_KIND:
            self._records.append((record, kind, seen))

    def check(self, frame: pl.DataFrame, bad: pl.Expr, kind: str, *seen: str) -> None:
        """Note every row of a batch for which an expression is true.

        Parameters
        ----------
        frame
            A batch from :func:`batches`; its column ``row`` says where it stands in the file.
        bad
            A boolean expression; null counts as false.
        kind
            The problem, in words.
        seen
            Columns whose values are shown.
        """
        rows = frame.filter(bad)
        if rows.is_empty():
            return
        room = max(0, LISTED_PER_KIND - self._totals[kind])
        self._totals[kind] += rows.height
        for values in rows.head(room).select("row", *seen).iter_rows():
            self._rows.append((values[0], kind, ", ".join("" if v is None else str(v) for v in values[1:])))

    def raise_any(self) -> None:
        """Raise one :class:`InputError` for all that was noted, if anything was."""
        if not self._totals:
            return
        of_rows, of_records = self._lines_of({row for row, _, _ in self._rows}, {at for at, _, _ in self._records})
        problems = self._lines + [Problem(of_rows.get(row, 0), kind, seen) for row, kind, seen in self._rows]
        problems += [Problem(of_records.get(at, 0), kind, seen) for at, kind, seen in self._records]
        raise InputError(self.path, problems, self._totals)

    def _lines_of(self, rows: set[int], records: set[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Map to 1-based lines: numbers of well-formed rows, and numbers of records, misshapen ones too."""
        of_rows: dict[int, int] = {}
        of_records: dict[int, int] = {}
        if self._header is None or not (rows or records):
            return of_rows, of_records
        with open_bytes(self.path) as stream:
            text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
            reader = split_records(text, self._header.delimiter)
            next(reader, None)
            row = -1
            # a field of more than csv's 131 072 characters: what comes after it is told without its line
            with suppress(csv.Error):
                for record, fields in enumerate(filter(None, reader)):
                    if record in records:
                        of_records[record] = reader.line_num
                    if len(fields) == len(self._header.names):
                        row += 1
                        if row in rows:
                            of_rows[row] = reader.line_num
            text.detach()
        return of_rows, of_records


def missing_columns(path: Path, header: Header, wanted: Sequence[str]) -> InputError:
    """Return the error that says which columns are missing, and, once, which there are."""
    there = f"the columns are {', '.join(map(repr, header.names))}"
    *others, last = sorted(wanted)
    problems = [Problem(1, f"there is no column {name}") for name in others]
    return InputError(path, [*problems, Problem(1, f"there is no column {last}", there)])
