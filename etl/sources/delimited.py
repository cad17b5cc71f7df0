"""Stream delimited text in batches, tab or comma, plain or gzip.

A file is read in batches of text columns, so memory does not grow with it. Problems are collected in
:class:`~homodb.etl.sources.text.Findings` and raised as one error with line numbers, which need a second, slow pass:
only a broken file pays for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv

from homodb.etl.sources.text import Findings, Header, Utf8Stream, open_bytes

#: Texts that mean "no value".
MISSING = ("", "NA", "N/A", "NULL", "\\N")

_BLOCK_BYTES = 1 << 21
_MISSHAPEN = "wrong number of fields"

#: Last line of a whole BioMart export that was asked for with ``completionStamp = "1"``.
_STAMP = "[success]"


def batches(
    path: Path,
    header: Header,
    columns: Mapping[str, int],
    findings: Findings,
    *,
    trim: Collection[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Stream selected columns as text.

    Parameters
    ----------
    path
        The file.
    header
        Header of the file.
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

    def misshapen(row: pacsv.InvalidRow) -> str:
        # Arrow numbers records, not lines: the header is 1, blank lines do not count
        if row.text is not None and row.text.strip() == _STAMP:
            return "skip"
        shown = f"expected {row.expected_columns}, got {row.actual_columns}"
        findings.add_record(_MISSHAPEN, shown, (row.number or 0) - 2)
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
                pa.PythonFile(Utf8Stream(stream), mode="r"),
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
        except UnicodeDecodeError as error:
            _explain(path, header, findings, str(error))
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error) or "Could not skip initial 1 rows" in str(error):
                return  # a header only, with or without an end of line
            _explain(path, header, findings, str(error))


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
            if (
                text.strip() not in ("", _STAMP)
                and header.delimiter == "\t"
                and text.count("\t") != len(header.names) - 1
            ):
                shown = f"expected {len(header.names)}, got {text.count(chr(9)) + 1}"
                explained.add(_MISSHAPEN, shown, number)
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
