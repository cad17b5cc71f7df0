"""How frames are printed or written: table, csv, tsv, json, parquet, arrow; a file's ending says which."""

from __future__ import annotations

import io
import json
import math
import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from homodb.cli.together import apart
from homodb.schema.endings import check_ending, ending_of
from homodb.schema.errors import OptionsError, OutputError
from homodb.schema.files import check_output, whole_file

if TYPE_CHECKING:
    import polars as pl

#: A printed table shows so many rows; other formats give all.
_SHOWN_ROWS = 50


class Format(StrEnum):
    """Forms in which an answer is given."""

    TABLE = "table"
    CSV = "csv"
    TSV = "tsv"
    JSON = "json"
    PARQUET = "parquet"
    ARROW = "arrow"


#: Forms that a file may have, by its ending.
_ENDINGS = {f".{one}": one for one in Format if one is not Format.TABLE}


def chosen(
    form: Format | None,
    as_json: bool,
    output: Path | None,
    *inputs: Path | None,
    usual: Format = Format.TABLE,
) -> Format:
    """Return the form of an answer: what was asked for, else what the file's ending says.

    Parameters
    ----------
    form, as_json
        ``--format`` and ``--json``.
    output
        The file to write, which is checked before any work is done; None where the answer is printed.
    *inputs
        What is read, and must not be written over.
    usual
        What is printed where nothing is asked for. A file without a telling ending is CSV.

    Raises
    ------
    OptionsError
        If what was asked for contradicts itself, or the file's ending.
    OutputError
        If the file could not be written, or its ending is that of a form that no answer has.
    """
    if as_json and form not in (None, Format.JSON):
        raise apart("--json", f"--format {form}")
    asked = Format.JSON if as_json else form
    if output is None:
        return asked or usual
    check_output(output, *inputs)
    check_ending(output, "answers", *_ENDINGS)
    told = _ENDINGS.get(ending_of(output))
    if asked is Format.TABLE:
        raise OptionsError(f"{output}: a table is for reading: write {', '.join(Format)[7:]} (--format)")
    if asked and told and asked is not told:
        raise apart(f"--output {output}", "--json" if as_json else f"--format {asked}")
    return asked or told or Format.CSV


def give(frame: pl.DataFrame, form: Format, output: Path | None = None) -> None:
    """Print a frame, or write it to a file that appears whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written, or a binary format would go to a terminal.
    """
    if output is not None:
        with whole_file(output) as partial:
            partial.write_bytes(_encoded(frame, form))
    elif form is Format.TABLE:
        _print_table(frame)
    elif form in (Format.PARQUET, Format.ARROW) and sys.stdout.isatty():
        raise OutputError(f"{form} is binary: write it to a file (-o FILE) or into a pipe")
    else:
        sys.stdout.flush()
        left = memoryview(_encoded(frame, form))
        while left:  # unbuffered (PYTHONUNBUFFERED), a write may end before all is written
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()


def give_json(told: object) -> None:
    """Print one value as JSON: text as it is, null for what JSON has no number for."""
    typer.echo(_json(told))


def megabytes(count: int) -> str:
    """Return a size in MB.

    Examples
    --------
    >>> megabytes(12_345_678), megabytes(1_200)
    ('12.3 MB', '0.0 MB')
    """
    return f"{count / 1e6:,.1f} MB"


def plain(value: object) -> object:
    """Return what JSON has no form for as text."""
    return str(value)


def _encoded(frame: pl.DataFrame, form: Format) -> bytes:
    stream = io.BytesIO()
    match form:
        case Format.JSON:
            return (_json(list(frame.iter_rows(named=True))) + "\n").encode()
        case Format.PARQUET:
            frame.write_parquet(stream)
        case Format.ARROW:
            frame.write_ipc_stream(stream)
        case _:
            _flat(frame).write_csv(stream, separator="\t" if form is Format.TSV else ",")
    return stream.getvalue()


def _json(value: object) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=plain)


def _finite(value: object) -> object:
    """Return null for what JSON has no number for (NaN, infinities), numbers for decimals (sums), lists for arrays."""
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Make text, which CSV can hold, of lists (joined by ``;``), of what else is nested (JSON) and of bytes (hex)."""
    import polars as pl

    flat = {}
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.List) and not kind.inner.is_nested() and kind.inner != pl.Binary:
            flat[name] = pl.col(name).cast(pl.List(pl.String)).list.join(";")
        elif kind.is_nested():
            texts = [None if v is None else _json(v) for v in frame[name].to_list()]
            flat[name] = pl.lit(pl.Series(texts, dtype=pl.String))
        elif kind == pl.Binary:
            flat[name] = pl.col(name).bin.encode("hex")
    return frame.with_columns(**flat)


def _print_table(frame: pl.DataFrame) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, kind in frame.schema.items():
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold")
    for row in _flat(frame).head(_SHOWN_ROWS).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    if sys.stdout.isatty():
        Console(highlight=False, markup=False).print(table)
    else:  # as wide as it need be, without colours, and without blanks at the ends of lines
        drawn = io.StringIO()
        Console(file=drawn, width=10_000, color_system=None, highlight=False, markup=False).print(table)
        typer.echo("\n".join(line.rstrip() for line in drawn.getvalue().splitlines()))
    if frame.height > _SHOWN_ROWS:
        typer.echo(f"... {frame.height - _SHOWN_ROWS} more rows (--json gives all)", err=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
