"""Input files of text: opened plain or gzip, their header, and what is wrong in them as one error with line numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from homodb.schema.errors import LISTED_PER_KIND, InputError, Problem

if TYPE_CHECKING:
    import _csv

_GZIP_MAGIC = b"\x1f\x8b"
#: A zero among the first so many bytes means that the file is no text.
_LOOKED_AT = 512


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a plain or gzip file of text for reading bytes, told apart by content, never by its name.

    Raises
    ------
    InputError
        If the file is missing or cannot be read, begins as no text does, or its gzip stream is truncated or damaged.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                begins = stream.peek(_LOOKED_AT)[:_LOOKED_AT]
                if b"\0" in begins:
                    raise InputError(path, [Problem(1, "is not text in UTF-8", repr(begins[:8]))])
                yield stream
    except EOFError as error:
        seen = "the gzip stream ends too early: fetch the file again"
        raise InputError(path, [Problem(0, seen)]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        seen = "the gzip stream is damaged: fetch the file again"
        raise InputError(path, [Problem(0, seen, str(error))]) from error
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as they lie on disk, hexadecimal."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


class Utf8Stream(io.RawIOBase):
    """Hands on the bytes of a stream as they are read, and raises UnicodeDecodeError where they are not UTF-8."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes."""
        data = self._stream.read(size)
        self._decoder.decode(data, final=not data)
        return data


@dataclass(frozen=True)
class Header:
    """The first line of a delimited file: its column names, in order, and what separates them."""

    names: tuple[str, ...]
    delimiter: str


def read_header(path: Path) -> Header:
    """Read the column names and tell tab from comma.

    Raises
    ------
    InputError
        If the file is empty, is not text in UTF-8, or its first line is not tab- or comma-separated.
    """
    with open_bytes(path) as stream:
        first = stream.readline(1 << 20)
    if not first.strip():
        raise InputError(path, [Problem(0, "the file is empty, wanted a line of column names")])
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        seen = repr(error.object[error.start :][:8])
        raise InputError(path, [Problem(1, "is not text in UTF-8", seen)]) from error
    delimiter = "\t" if "\t" in text else ","
    try:
        names = tuple(name.strip() for name in next(split_records([text], delimiter)))
    except csv.Error as error:
        raise InputError(path, [Problem(1, "cannot be split into column names", str(error))]) from error
    if len(names) < 2:
        raise InputError(
            path,
            [Problem(1, "one column only: wanted columns separated by tab or comma", text[:80])],
        )
    if text.count(";") > text.count(delimiter):
        raise InputError(path, [Problem(1, "columns are separated by ';', wanted tab or comma", text[:80])])
    return Header(names, delimiter)


def split_records(lines: Iterable[str], delimiter: str) -> _csv.Reader:
    """Split lines as Arrow does: quotes mean something between commas, nothing between tabs."""
    if delimiter == ",":
        return csv.reader(lines)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


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
