"""Stream delimited text in batches, tab or comma, plain or gzip.

A file is read in batches of text columns, so memory does not grow with it. Problems are collected in
:class:`~homodb.etl.sources.text.Findings` and raised as one error with line numbers, which need a second, slow pass:
only a broken file pays for it. The limits of what a file may hold are here, and every reader keeps them.
"""

from __future__ import annotations

import csv
import functools
import gzip
import hashlib
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from homodb.schema.errors import LISTED_PER_KIND, HomodbError, InputError, Problem, shown
from homodb.schema.io import open_regular

if TYPE_CHECKING:
    import _csv

    from _typeshed import WriteableBuffer

P = ParamSpec("P")
T = TypeVar("T")

#: Longest line, longest text (a description, a list of databases) and longest other field, such as an ID, in bytes.
LONGEST_LINE, LONGEST_TEXT, LONGEST_FIELD = 1 << 20, 1 << 16, 512
#: Columns of texts.
_TEXTS = ("description", "databases")
#: Most columns of a table.
_COLUMNS = 10_000
#: A compressed file may expand to this multiple of its size; to the second number of bytes in any case.
EXPANSION, _SMALL = 200, 1 << 26

_GZIP_MAGIC = b"\x1f\x8b"
#: A zero byte among the first bytes means that the file is binary.
_PEEKED = 512
_BUFFER = 1 << 19


class _BoundedStream(io.RawIOBase):
    """Bytes of a file, up to the first line that is too long, or to more bytes than the file can hold.

    Parameters
    ----------
    path
        The file, for messages.
    stream
        Its bytes, decompressed.
    most
        Largest number of bytes.
    has_lines
        Whether the length of its lines is bounded.
    """

    def __init__(self, path: Path, stream: io.BufferedReader | gzip.GzipFile, most: float, *, has_lines: bool) -> None:
        self._path, self._stream, self._left = path, stream, most
        self._longest = LONGEST_LINE if has_lines else float("inf")
        self._line, self._length = 1, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into a buffer, at most a piece that is shorter than the longest line."""
        view = memoryview(buffer)
        data = self._stream.read(min(len(view), _BUFFER))
        view[: len(data)] = data
        self._left -= len(data)
        if self._left < 0:
            problem = f"expands to more than {EXPANSION} times its size. Decompress it yourself if that is right"
            raise InputError(self._path, [Problem(0, problem)])
        end = data.find(b"\n")
        if self._length + (end if end >= 0 else len(data)) > self._longest:
            problem = f"the line is longer than {LONGEST_LINE:,} bytes. Expected a text file"
            raise InputError(self._path, [Problem(self._line, problem)])
        self._line += data.count(b"\n")
        self._length = len(data) - 1 - data.rfind(b"\n") if end >= 0 else self._length + len(data)
        return len(data)


@contextmanager
def open_bytes(path: Path, *, has_lines: bool = True) -> Iterator[io.BufferedReader]:
    """Open a plain or gzip text file for reading bytes. The format is recognised by content, never by the file name.

    Parameters
    ----------
    path
        The file.
    has_lines
        Whether the length of its lines is bounded: not that of JSON.

    Raises
    ------
    InputError
        If the file is missing, unreadable or not text, its gzip stream is truncated or damaged or expands beyond
        its limit, or a line is too long.
    """
    try:
        with open(path, "rb", opener=open_regular) as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            most = max(_SMALL, EXPANSION * os.fstat(raw.fileno()).st_size) if packed else float("inf")
            with gzip.GzipFile(fileobj=raw) if packed else raw as plain:
                bounded = _BoundedStream(path, plain, most, has_lines=has_lines)
                stream: io.BufferedReader = io.BufferedReader(bounded, _BUFFER)
                head = stream.peek(_PEEKED)[:_PEEKED]
                if (at := head.find(b"\0")) >= 0:
                    line = head.count(b"\n", 0, at) + 1
                    problem = Problem(line, "holds a zero byte. Expected text in UTF-8")
                    if not head[:at].isascii():  # no text at all
                        problem = Problem(1, "is not valid UTF-8", repr(head[:8]))
                    raise InputError(path, [problem])
                yield stream
    except EOFError as error:
        raise InputError(path, [Problem(0, "the gzip stream is truncated. Download the file again")]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        problem = Problem(0, "the gzip stream is damaged. Download the file again", str(error))
        raise InputError(path, [problem]) from error
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


def input_errors(read: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Raise every exception of a reader as :class:`InputError` of its file; errors of homodb stay as they are."""

    @functools.wraps(read)
    def bounded(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(path, *args, **kwargs)
        except (HomodbError, NameError):
            raise
        except MemoryError as error:
            raise InputError(path, [Problem(0, "does not fit into memory")]) from error
        except (Exception, pl.exceptions.PanicException) as error:
            problem = Problem(0, "cannot be read", f"{type(error).__name__}: {error}")
            raise InputError(path, [problem]) from error

    return bounded


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    try:
        with open(path, "rb", opener=open_regular) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


@dataclass(frozen=True)
class Header:
    """Column names and delimiter of a delimited file, and whether its fields may be quoted."""

    names: tuple[str, ...]
    delimiter: str
    is_quoted: bool


def read_header(path: Path) -> Header:
    """Read the column names and detect the delimiter.

    Fields between tabs are quoted where all column names are, as ``write.table`` of R writes them. Its names of rows,
    which have no column name, become a column without one.

    Raises
    ------
    InputError
        If the file is empty or not UTF-8, or its first line is not separated by tabs or commas.
    """
    with open_bytes(path) as stream:
        first, second = stream.readline(), stream.readline()
    if not first.strip():
        raise InputError(path, [Problem(0, "the file is empty. Expected a line of column names")])
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(path, [Problem(1, "is not valid UTF-8", repr(error.object[error.start :][:8]))]) from error
    delimiter = "\t" if "\t" in text else ","
    all_quoted = re.fullmatch(rf'"[^"]*"({delimiter}"[^"]*")*', text) is not None
    is_quoted = delimiter == "," or all_quoted
    try:
        names = tuple(name.strip() for name in next(split_records([text], delimiter, is_quoted=is_quoted)))
        lines = [second.decode("utf-8", "replace")] if all_quoted else []
        row = next(split_records(lines, delimiter, is_quoted=is_quoted), [])
    except csv.Error as error:
        raise InputError(path, [Problem(1, "cannot be split into column names", str(error))]) from error
    if len(names) < 2:
        raise InputError(
            path, [Problem(1, "only one column. Expected columns separated by tabs or commas", _header_text(text))]
        )
    if len(names) > _COLUMNS:
        raise InputError(path, [Problem(1, f"{len(names):,} columns. Expected at most {_COLUMNS:,}")])
    if text.count(";") > text.count(delimiter):
        raise InputError(
            path, [Problem(1, "columns are separated by ';'. Expected tabs or commas", _header_text(text))]
        )
    if any(len(name) > LONGEST_FIELD for name in names):
        raise InputError(path, [Problem(1, _too_long("column name", LONGEST_FIELD))])
    if any(_R_NAME.fullmatch(name) for name in names):
        names = tuple(map(_before_r, names))
    if all_quoted and len(row) == len(names) + 1:
        names = ("", *names)
    return Header(names, delimiter, is_quoted)


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


def split_records(lines: Iterable[str], delimiter: str, *, is_quoted: bool) -> _csv.Reader:
    """Split lines as Arrow does."""
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if is_quoted else csv.QUOTE_NONE)


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
            self._lines.append(Problem(line, kind, shown(str(value))))

    def add_record(self, kind: str, value: str, record: int) -> None:
        """Record a problem of a record below the header, counted from 0."""
        self._totals[kind] += 1
        if self._totals[kind] <= LISTED_PER_KIND:
            self._records.append((record, kind, shown(value)))

    def bounded(self, column: str, value: str, line: int) -> str:
        """Return a field at a line; one that is too long is recorded, and cut."""
        most = longest(column)
        if len(value) <= most and (value.isascii() or len(value.encode("utf-8", "replace")) <= most):
            return value
        self.add(_too_long(column.replace("_", " "), most), value, line)
        return value[:most]

    def check(self, frame: pl.DataFrame, bad: pl.Expr, kind: str, *columns: str) -> None:
        """Record every row of a batch for which an expression is true."""
        rows = frame.filter(bad)
        if rows.is_empty():
            return
        room = max(0, LISTED_PER_KIND - self._totals[kind])
        self._totals[kind] += rows.height
        for values in rows.head(room).select("row", *columns).iter_rows():
            texts = ("" if value is None else str(value)[:LONGEST_FIELD] for value in values[1:])
            self._rows.append((values[0], kind, shown(", ".join(texts))))

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
            reader = split_records(text, self._header.delimiter, is_quoted=self._header.is_quoted)
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


#: Words in the columns of inputs.
_WORDS = re.compile(r"gene|symbol|species|synonym|ensembl|homolog|stable|xref|mane|correlation|support", re.IGNORECASE)


def _header_text(line: str) -> str:
    """Return a line that may be a header, or an empty text for one that may be a line of any other file."""
    return shown(line) if _WORDS.search(line) else ""


def missing_columns(path: Path, header: Header, wanted: Sequence[str]) -> InputError:
    """Return the error that lists missing columns and the columns of the file."""
    names = [shown(repr(name)) for name in header.names[:_LISTED_COLUMNS]]
    more = f" and {len(header.names) - len(names)} more" if len(header.names) > len(names) else ""
    columns = f"the columns are {', '.join(names)}{more}"
    if not _header_text(" ".join(header.names)):
        columns = f"none of its {len(header.names):,} columns is known"
    *others, last = sorted(wanted)
    problems = [Problem(1, f"missing column {name}") for name in others]
    return InputError(path, [*problems, Problem(1, f"missing column {last} ({columns})")])


_LISTED_COLUMNS = 30


def longest(column: str) -> int:
    """Return the number of bytes that a field of a column may have."""
    return LONGEST_TEXT if column in _TEXTS else LONGEST_FIELD


def _too_long(what: str, most: int) -> str:
    return f"{what} longer than {most:,} bytes"


#: Symbols that a spreadsheet turned into dates: ``1-Sep``, ``2021-09-01``.
DATE = r"^\d{1,2}-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(-\d{2,4})?$|^\d{4}-\d{2}-\d{2}( 00:00:00)?$"
#: Dates as a spreadsheet counts their days, from 1990 to 2036.
SERIAL = r"^(3[3-9]|4\d)\d{3}(\.0)?$"

#: Texts that mean "no value".
MISSING = ("", "NA", "N/A", "NULL", "\\N")

_BLOCK_BYTES = 1 << 21
_MISSHAPEN, _FAILED = "wrong number of fields", "BioMart's message that the export failed; export it again"

#: Last line of a whole BioMart export with ``completionStamp = "1"``.
_STAMP = "[success]"


def batches(
    path: Path, header: Header, columns: Mapping[str, int], findings: Findings, *, trim: Collection[str] | None = None
) -> Iterator[pl.DataFrame]:
    """Stream selected columns as text.

    Parameters
    ----------
    columns
        Position in the header of each selected column, by its new name.
    findings
        Collector of rows with the wrong number of fields.
    trim
        Columns to trim. None means all; a caller that drops most rows trims the others later with
        :func:`trimmed`.

    Yields
    ------
    polars.DataFrame
        Text columns under their new names (trimmed, missing values as null), and ``row``, the 0-based number
        of the data row.

    Raises
    ------
    InputError
        If the file is not UTF-8 or its gzip stream is truncated; lists the problems by line.
    """
    done = skipped = skipped_before = 0

    def misshapen(row: pacsv.InvalidRow) -> str:
        nonlocal skipped
        # Arrow numbers the records of a piece from 1; blank lines do not count
        record = done + skipped_before + (row.number or 1) - 1
        skipped += 1
        if row.text is None or row.text.strip() != _STAMP:
            counts = f"expected {row.expected_columns}, got {row.actual_columns}"
            has_failed = row.text is not None and row.text.startswith("Query ERROR")
            findings.add_record(_FAILED if has_failed else _MISSHAPEN, counts, record)
        return "skip"

    names = [f"c{position}" for position in range(len(header.names))]
    wanted = {name: names[position] for name, position in columns.items()}
    repeated = {name: header.names[position] for name, position in columns.items()}  # where exports were put together
    quote = '"' if header.is_quoted else False
    parsing = pacsv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=misshapen, quote_char=quote)
    converting = pacsv.ConvertOptions(
        include_columns=sorted(set(wanted.values())),
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        null_values=list(MISSING),
    )
    texts = [
        (trimmed(column) if trim is None or name in trim else pl.col(column)).alias(name)
        for name, column in wanted.items()
    ]
    with open_bytes(path) as stream:
        stream.readline()  # the header
        for piece in _pieces(stream):
            reading = pacsv.ReadOptions(use_threads=False, block_size=len(piece), column_names=names)
            try:
                table = pacsv.read_csv(pa.BufferReader(_checked_text(piece)), reading, parsing, converting)
            except UnicodeDecodeError as error:
                _explain(path, header, findings, str(error))
            except pa.ArrowInvalid as error:
                if "Empty CSV file" in str(error):
                    continue  # blank lines
                _explain(path, header, findings, str(error))
            frame = pl.DataFrame(table)
            frame = frame.select(pl.int_range(done, done + frame.height, dtype=pl.Int64).alias("row"), *texts)
            done += frame.height
            is_header = [pl.col(name).eq_missing(text) for name, text in repeated.items()]
            if frame.select(is_header[0].any()).item():  # else no row can be one
                frame = frame.filter(~pl.all_horizontal(is_header))
            skipped_before = skipped
            if frame.height:
                yield _bounded(frame, wanted, findings)


def _pieces(stream: io.BufferedReader) -> Iterator[bytes]:
    """Yield the lines of a stream in pieces.

    Arrow's own reader of streams reads ahead in a thread, and calls Python from it while the process ends, which
    aborts it.
    """
    rest = b""
    while data := stream.read(_BLOCK_BYTES):
        whole, end, left = data.rpartition(b"\n")
        if end:
            yield b"".join((rest, whole, end))
        rest = left if end else rest + left
    if rest:
        yield rest


def _checked_text(piece: bytes) -> pa.Buffer:
    """Return a piece of text in memory of Arrow's own; raises UnicodeDecodeError where it is not UTF-8."""
    piece.decode("utf-8")
    buffer = pa.allocate_buffer(len(piece))
    memoryview(buffer).cast("B")[:] = piece
    return buffer


def _bounded(frame: pl.DataFrame, columns: Iterable[str], findings: Findings) -> pl.DataFrame:
    """Return a batch whose fields are not too long; other batches end the reading."""
    lengths = frame.select(pl.col(column).str.len_bytes().max() for column in columns).row(0, named=True)
    long = [column for column, length in lengths.items() if length is not None and length > longest(column)]
    for column in long:
        kind = _too_long(column.replace("_", " "), longest(column))
        findings.check(frame, pl.col(column).str.len_bytes() > longest(column), kind, column)
    if long:
        findings.raise_any()
    return frame


def trimmed(column: str) -> pl.Expr:
    """Strip blanks from a text column, and turn missing values into null."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(stripped.is_in(MISSING)).then(None).otherwise(stripped).alias(column)


def _explain(path: Path, header: Header, findings: Findings, message: str) -> None:
    """Raise the problems of a file that Arrow cannot parse, line by line."""
    explained = Findings(path, header)
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                explained.add("is not valid UTF-8", repr(line[error.start :][:8]), number)
                continue
            record = text.strip() not in ("", _STAMP)
            if record and header.delimiter == "\t" and text.count("\t") != len(header.names) - 1:
                counts = f"expected {len(header.names)}, got {text.count(chr(9)) + 1}"
                explained.add(_MISSHAPEN, counts, number)
    if not len(explained):
        explained.add("cannot be parsed", message)
    explained.raise_any()


def number(
    frame: pl.DataFrame, column: str, findings: Findings, *, low: float, high: float, what: str, whole: bool = False
) -> pl.DataFrame:
    """Convert a text column to floats, and record values out of bounds.

    Values that are not numbers, or not whole where ``whole`` is set, are recorded too.

    Examples
    --------
    An identity of 101 is recorded as "identity outside 0 to 100".
    """
    parsed = pl.col(column).cast(pl.Float64, strict=False)
    findings.check(frame, pl.col(column).is_not_null() & parsed.is_null(), f"{what} is not a number", column)
    outside = ~parsed.is_finite() | (parsed < low) | (parsed > high)
    findings.check(frame, outside, f"{what} outside {low:g} to {high:g}", column)
    if whole:
        findings.check(frame, parsed.is_finite() & (parsed != parsed.floor()), f"{what} is not a whole number", column)
    return frame.with_columns(parsed)


def whole_flag(frame: pl.DataFrame, column: str, findings: Findings, what: str) -> pl.DataFrame:
    """Convert a text column of 0 and 1 to integers, and record other values."""
    parsed = pl.col(column).cast(pl.Float64, strict=False)
    findings.check(
        frame,
        pl.col(column).is_not_null() & (~parsed.is_in([0.0, 1.0])).fill_null(True),
        f"{what} is not 0 or 1",
        column,
    )
    return frame.with_columns(parsed.cast(pl.Int8, strict=False))
