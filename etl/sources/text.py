"""Open text files, read their header, and collect their problems."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import re
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
#: A zero byte among the first bytes means that the file is binary.
_PEEKED = 512


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a plain or gzip text file for reading bytes.

    The format is recognised by content, never by the file name.

    Raises
    ------
    InputError
        If the file is missing, unreadable or not text, or its gzip stream is truncated or damaged.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                head = stream.peek(_PEEKED)[:_PEEKED]
                if b"\0" in head:
                    raise InputError(path, [Problem(1, "is not valid UTF-8", repr(head[:8]))])
                yield stream
    except EOFError as error:
        raise InputError(path, [Problem(0, "the gzip stream is truncated. Download the file again")]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        problem = Problem(0, "the gzip stream is damaged. Download the file again", str(error))
        raise InputError(path, [problem]) from error
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


class Utf8Stream(io.RawIOBase):
    """Byte stream that raises UnicodeDecodeError where it is not UTF-8."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        data = self._stream.read(size)
        self._decoder.decode(data, final=not data)
        return data


@dataclass(frozen=True)
class Header:
    """Column names and delimiter of a delimited file."""

    names: tuple[str, ...]
    delimiter: str


def read_header(path: Path) -> Header:
    """Read the column names and detect the delimiter.

    Raises
    ------
    InputError
        If the file is empty or not UTF-8, or its first line is not separated by tabs or commas.
    """
    with open_bytes(path) as stream:
        first = stream.readline(1 << 20)
    if not first.strip():
        raise InputError(path, [Problem(0, "the file is empty. Expected a line of column names")])
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(path, [Problem(1, "is not valid UTF-8", repr(error.object[error.start :][:8]))]) from error
    delimiter = "\t" if "\t" in text else ","
    try:
        names = tuple(name.strip() for name in next(split_records([text], delimiter)))
    except csv.Error as error:
        raise InputError(path, [Problem(1, "cannot be split into column names", str(error))]) from error
    if len(names) < 2:
        raise InputError(
            path,
            [Problem(1, "only one column. Expected columns separated by tabs or commas", text[:80])],
        )
    if text.count(";") > text.count(delimiter):
        raise InputError(path, [Problem(1, "columns are separated by ';'. Expected tabs or commas", text[:80])])
    if any(_R_NAME.fullmatch(name) for name in names):
        names = tuple(map(_before_r, names))
    return Header(names, delimiter)


#: Columns of a BioMart export after ``read.csv`` of R.
_R_NAME = re.compile(r"(.+\.)?gene\.(stable\.id|name)(\.version)?", re.IGNORECASE)
_R_SPELLINGS = (
    (r"^X\.id\.\.", "%id. "), (r"\.\.0\.low\.\.1\.high\.$", " [0 low, 1 high]"), (r"\.\.(bp|Gene)\.$", r" (\1)"),
    (r"(?i)(gene)\.(order)\b", r"\1-\2"), (r"(?i)(whole)\.(genome)\b", r"\1-\2"),
    (r"(?i)(chromosome)\.(scaffold)", r"\1/\2"),
    (r"\.(?! )", " "), (r" +", " "),
)  # fmt: skip


def _before_r(name: str) -> str:
    """Return a column's name as it was before R's ``make.names`` put dots for blanks and signs."""
    for spelled, original in _R_SPELLINGS:
        name = re.sub(spelled, original, name)
    return name


def split_records(lines: Iterable[str], delimiter: str) -> _csv.Reader:
    """Split lines as Arrow does: only comma-separated fields may be quoted."""
    if delimiter == ",":
        return csv.reader(lines)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


class Findings:
    """Problems of one input file, raised together.

    Parameters
    ----------
    path
        The file.
    header
        Header of the file. None for files that are not delimited text; their checks give line numbers themselves.
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

    def add(self, kind: str, value: object = "", line: int = 0) -> None:
        """Record a problem at a line (0: the whole file)."""
        self._totals[kind] += 1
        if self._totals[kind] <= LISTED_PER_KIND:
            self._lines.append(Problem(line, kind, str(value)))

    def add_record(self, kind: str, value: str, record: int) -> None:
        """Record a problem of a record below the header, counted from 0."""
        self._totals[kind] += 1
        if self._totals[kind] <= LISTED_PER_KIND:
            self._records.append((record, kind, value))

    def check(self, frame: pl.DataFrame, bad: pl.Expr, kind: str, *shown: str) -> None:
        """Record every row of a batch for which an expression is true.

        Parameters
        ----------
        frame
            Batch from :func:`~homodb.etl.sources.delimited.batches`, whose column ``row`` is the position in the file.
        bad
            Boolean expression; null counts as false.
        kind
            Description of the problem.
        shown
            Columns whose values are part of the message.
        """
        rows = frame.filter(bad)
        if rows.is_empty():
            return
        room = max(0, LISTED_PER_KIND - self._totals[kind])
        self._totals[kind] += rows.height
        for values in rows.head(room).select("row", *shown).iter_rows():
            self._rows.append((values[0], kind, ", ".join("" if v is None else str(v) for v in values[1:])))

    def raise_any(self) -> None:
        """Raise one :class:`InputError` for all recorded problems."""
        if not self._totals:
            return
        of_rows, of_records = self._lines_of({row for row, _, _ in self._rows}, {at for at, _, _ in self._records})
        problems = self._lines + [Problem(of_rows.get(row, 0), kind, value) for row, kind, value in self._rows]
        problems += [Problem(of_records.get(at, 0), kind, value) for at, kind, value in self._records]
        raise InputError(self.path, problems, self._totals)

    def _lines_of(self, rows: set[int], records: set[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Return the 1-based lines of rows and of records."""
        of_rows: dict[int, int] = {}
        of_records: dict[int, int] = {}
        if self._header is None or not (rows or records):
            return of_rows, of_records
        with open_bytes(self.path) as stream:
            text = io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="")
            reader = split_records(text, self._header.delimiter)
            next(reader, None)
            row = -1
            # a field longer than csv's limit of 131,072 characters: later problems have no line number
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
    """Return the error that lists missing columns and the columns of the file."""
    columns = f"the columns are {', '.join(map(repr, header.names))}"
    *others, last = sorted(wanted)
    problems = [Problem(1, f"missing column {name}") for name in others]
    return InputError(path, [*problems, Problem(1, f"missing column {last}", columns)])
