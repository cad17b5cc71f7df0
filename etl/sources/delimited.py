"""Delimited text as providers publish it: tab or comma, plain or gzip, columns found by name.

A file is streamed in batches of text columns, so memory does not grow with it. What is wrong is collected
in :class:`Findings` and raised as one error with line numbers. Line numbers are worked out by a second,
slow pass, which only a broken file costs.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from homodb.schema.errors import LISTED_PER_KIND, InputError, Problem

if TYPE_CHECKING:
    import _csv

#: Texts that mean "no value".
MISSING = ("", "NA", "N/A", "NULL", "\\N")

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK_BYTES = 1 << 21
_MISSHAPEN = "wrong number of fields"


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain or gzip file for reading bytes, told apart by content, never by its name.

    Raises
    ------
    InputError
        If the file is missing or cannot be read, or its gzip stream is truncated or damaged.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                yield stream  # type: ignore[misc]
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
        names = tuple(name.strip() for name in next(_records([text], delimiter)))
    except csv.Error as error:
        raise InputError(path, [Problem(1, "cannot be split into column names", str(error))]) from error
    if len(names) < 2:
        raise InputError(
            path,
            [Problem(1, "one column only: wanted columns separated by tab or comma", text[:80])],
        )
    return Header(names, delimiter)


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
            reader = _records(text, self._header.delimiter)
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


def batches(
    path: Path,
    header: Header,
    columns: Mapping[str, int],
    findings: Findings,
    *,
    trim: Collection[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Stream wanted columns as text.

    Parameters
    ----------
    path
        The file.
    header
        Its header.
    columns
        Wanted columns: the name that they shall bear, and their position in the header.
    findings
        Takes note of rows with the wrong number of fields.
    trim
        Columns to trim now, where a caller that drops most rows trims the others later by :func:`trimmed`;
        None means all.

    Yields
    ------
    polars.DataFrame
        Text columns named as asked (trimmed; what means "no value" is null), and ``row``: 0-based number
        of the data row.

    Raises
    ------
    InputError
        If the file is not UTF-8, or its gzip stream breaks off; lists what is wrong by line.
    """

    def misshapen(row: pacsv.InvalidRow) -> str:
        # Arrow numbers records, not lines: the header is 1, blank lines do not count
        seen = f"{row.actual_columns}, wanted {row.expected_columns}"
        findings.add_record(_MISSHAPEN, seen, (row.number or 0) - 2)
        return "skip"

    names = [f"c{position}" for position in range(len(header.names))]
    wanted = {name: names[position] for name, position in columns.items()}
    quoting = {"quote_char": '"'} if header.delimiter == "," else {"quote_char": False}
    texts = [
        (trimmed(column) if trim is None or name in trim else pl.col(column)).alias(name)
        for name, column in wanted.items()
    ]
    done = 0
    with open_bytes(path) as stream:
        try:
            reader = pacsv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=pacsv.ReadOptions(
                    use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=1
                ),
                parse_options=pacsv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=misshapen, **quoting),
                convert_options=pacsv.ConvertOptions(
                    include_columns=sorted(set(wanted.values())),
                    column_types={name: pa.string() for name in names},
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                    null_values=list(MISSING),
                ),
            )
            for batch in reader:
                frame = pl.DataFrame(pa.Table.from_batches([batch]))
                frame = frame.select(
                    pl.int_range(done, done + frame.height, dtype=pl.Int64).alias("row"),
                    *texts,
                )
                done += frame.height
                yield frame
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error) or "Could not skip initial 1 rows" in str(error):
                return  # a header and nothing below it, with or without an end of line
            _explain(path, header, findings, str(error))


def trimmed(column: str) -> pl.Expr:
    """Take blanks off both ends of a text column; what then means "no value" becomes null."""
    stripped = pl.col(column).str.strip_chars()
    return pl.when(stripped.is_in(MISSING)).then(None).otherwise(stripped).alias(column)


def _records(lines: Iterable[str], delimiter: str) -> _csv.Reader:
    """Split lines as Arrow does: quotes mean something between commas, nothing between tabs."""
    if delimiter == ",":
        return csv.reader(lines)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _explain(path: Path, header: Header, findings: Findings, message: str) -> None:
    """Find, line by line, why Arrow gave up on a file, and raise."""
    explained = Findings(path, header)
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                explained.add("is not text in UTF-8", repr(line[error.start :][:8]), number)
                continue
            if text.strip() and header.delimiter == "\t" and text.count("\t") != len(header.names) - 1:
                seen = f"{text.count(chr(9)) + 1}, wanted {len(header.names)}"
                explained.add(_MISSHAPEN, seen, number)
    if not len(explained):
        explained.add("cannot be parsed", message)
    explained.raise_any()


def number(
    frame: pl.DataFrame, column: str, findings: Findings, *, low: float, high: float, what: str, whole: bool = False
) -> pl.DataFrame:
    """Turn a text column into floats within bounds; note what is not a number, lies outside, or should be whole.

    Examples
    --------
    An identity of 101 is noted as "identity outside 0 to 100".
    """
    parsed = pl.col(column).cast(pl.Float64, strict=False)
    findings.check(frame, pl.col(column).is_not_null() & parsed.is_null(), f"{what} is not a number", column)
    outside = ~parsed.is_finite() | (parsed < low) | (parsed > high)
    findings.check(frame, outside, f"{what} outside {low:g} to {high:g}", column)
    if whole:
        findings.check(frame, parsed.is_finite() & (parsed != parsed.floor()), f"{what} is not a whole number", column)
    return frame.with_columns(parsed)


def whole_flag(frame: pl.DataFrame, column: str, findings: Findings, what: str) -> pl.DataFrame:
    """Turn a text column of 0 and 1 (also 0.0 and 1.0) into integers; note anything else."""
    parsed = pl.col(column).cast(pl.Float64, strict=False)
    findings.check(
        frame,
        pl.col(column).is_not_null() & (~parsed.is_in([0.0, 1.0])).fill_null(True),
        f"{what} is not 0 or 1",
        column,
    )
    return frame.with_columns(parsed.cast(pl.Int8, strict=False))


def missing_columns(path: Path, header: Header, wanted: Sequence[str]) -> InputError:
    """Return the error that says which columns are missing, and which there are."""
    there = ", ".join(repr(name) for name in header.names)
    return InputError(
        path,
        [Problem(1, f"there is no column {name}", f"the columns are {there}") for name in wanted],
    )
