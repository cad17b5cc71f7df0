"""Print frames or write them to files.

Formats are table, csv, tsv, json, parquet and arrow; by default the file's ending decides.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from homodb.cli.values import apart
from homodb.schema.errors import OptionsError, OutputError, printable
from homodb.schema.io import check_ending, check_output, ending_of, whole_file

if TYPE_CHECKING:
    import polars as pl

    from homodb.query.results import ResultBlock

#: Number of rows that a printed table shows; other formats give all.
_SHOWN_ROWS = 50

#: Hint at the whole answer, where only its beginning is printed.
ALL_IN_REPORT, ALL_IN_JSON = "--report FILE has all", "--json gives all"


class Format(StrEnum):
    """Formats of an answer."""

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
    """Return the format of an answer.

    It is the requested one, else the one of the file's ending.

    Parameters
    ----------
    form, as_json
        ``--format`` and ``--json``.
    output
        Output file, which is checked here; None prints the answer.
    *inputs
        Input files, which must not be overwritten.
    usual
        Default format of a printed answer. A file without a known ending is CSV.

    Raises
    ------
    OptionsError
        If the options contradict each other, or the file's ending.
    OutputError
        If the file cannot be written, or its ending is that of no answer's format.
    """
    if as_json and form not in (None, Format.JSON):
        raise apart("--json", f"--format {form}")
    requested = Format.JSON if as_json else form
    if output is None:
        return requested or usual
    check_output(output, *inputs)
    check_ending(output, "answers", *_ENDINGS)
    of_ending = _ENDINGS.get(ending_of(output))
    if requested is Format.TABLE:
        raise OptionsError(f"{output}: a table is for reading: write {', '.join(Format)[7:]} (--format)")
    if requested and of_ending and requested is not of_ending:
        raise apart(f"--output {output}", "--json" if as_json else f"--format {requested}")
    return requested or of_ending or Format.CSV


def give(
    frame: pl.DataFrame, form: Format, output: Path | None = None, *, raw_text: bool = False, verbatim: bool = False
) -> None:
    """Print a frame, or write it to a file, whole or not at all.

    In CSV and TSV, text that a spreadsheet would run as a formula gets an apostrophe, unless `raw_text` keeps it. A
    table has headers in words and no empty columns, unless `verbatim` keeps both.

    Raises
    ------
    OutputError
        If the file cannot be written, or a binary format would go to a terminal.
    """
    from homodb.query.results import Grid

    if output is not None:
        with whole_file(output) as partial:
            partial.write_bytes(_encoded(frame, form, raw_text))
    elif form is Format.TABLE:
        give_blocks([Grid(frame.head(_SHOWN_ROWS), verbatim=verbatim)])
        if frame.height > _SHOWN_ROWS:
            say(f"... {frame.height - _SHOWN_ROWS} more rows ({ALL_IN_JSON})", err=True)
    elif form in (Format.PARQUET, Format.ARROW) and sys.stdout.isatty():
        raise OutputError(f"{form} is binary: write it to a file (-o FILE) or into a pipe")
    else:
        sys.stdout.flush()
        left = memoryview(_encoded(frame, form, raw_text))
        while left:  # unbuffered (PYTHONUNBUFFERED), a write may end before all is written
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()


def give_blocks(blocks: Iterable[ResultBlock], hint: str = "") -> None:
    """Print blocks of an answer.

    On a terminal, tables are folded to its width.

    Parameters
    ----------
    blocks
        Parts of the answer.
    hint
        Place of the whole answer, for lines that count hidden parts.
    """
    from homodb.query.results import lines

    screen, colour = _screen(sys.stdout), has_colours(sys.stdout)
    typer.echo("\n".join(lines(blocks, hint=hint, screen=screen, colour=colour)))


def say(text: object = "", *, err: bool = False, dim: bool = False) -> None:
    """Print a text; characters that a terminal would obey are escaped, line ends and tabs are not.

    On a terminal, it is folded between words.
    """
    stream = sys.stderr if err else sys.stdout
    shown = printable(str(text), keep="\n\t")
    if (screen := _screen(stream)) is not None:
        from homodb.query.results import fold

        shown = "\n".join(part for line in shown.split("\n") for part in fold(line, screen))
    typer.echo(typer.style(shown, dim=True) if dim and has_colours(stream) else shown, err=err)


def say_error(message: str, hint: str = "") -> None:
    """Print an error, and in a second line its hint."""
    _say_signed("error:", message, "red")
    if hint:
        _say_signed("hint:", hint, "cyan")


def say_warning(message: Warning | str, *place: object, **more: object) -> None:
    """Print a warning as one line; takes the place of :func:`warnings.showwarning`."""
    _say_signed("warning:", str(message), "yellow")


def _say_signed(sign: str, text: str, colour: str) -> None:
    shown = typer.style(sign, fg=colour, bold=True) if has_colours(sys.stderr) else sign
    line = f"{sign} {printable(text)}"
    if (screen := _screen(sys.stderr)) is not None:
        from homodb.query.results import fold

        line = "\n".join(fold(line, screen))
    sys.stderr.write(f"{shown}{line.removeprefix(sign)}\n")


def has_colours(stream: TextIO) -> bool:
    """Return whether colours may be written: to a terminal that knows them, unless ``NO_COLOR`` is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _screen(stream: TextIO) -> int | None:
    return shutil.get_terminal_size().columns if stream.isatty() else None


def give_json(value: object) -> None:
    """Print one value as JSON.

    Text is not escaped, and numbers that JSON lacks become null.
    """
    from homodb.query.results import json_text

    typer.echo(json_text(value).encode())  # in UTF-8, whatever the terminal has


def say_losses(losses: Iterable[Mapping[str, Any]], *, err: bool = False) -> None:
    """Print the losses of a build; those of one kind in three places or more share a line."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for loss in losses:
        kinds.setdefault(loss["reason"], []).append(loss)
    for reason, each in kinds.items():
        for some in [each] if len(each) > 2 else [[one] for one in each]:
            count = some[0]["count"] if reason.startswith("strategies ") else sum(one["count"] for one in some)
            more = f" and {len(some) - 1} more" if len(some) > 1 else ""
            say(f"noted: {count:,} {reason} ({some[0]['where']}{more})", err=err)


def megabytes(count: int) -> str:
    """Return a size in MB.

    Examples
    --------
    >>> megabytes(12_345_678), megabytes(1_200)
    ('12.3 MB', '0.0 MB')
    """
    return f"{count / 1e6:,.1f} MB"


def _encoded(frame: pl.DataFrame, form: Format, raw_text: bool) -> bytes:
    from homodb.query.results import flat, json_text, spreadsheet_safe

    stream = io.BytesIO()
    match form:
        case Format.JSON:
            return f"{json_text(list(frame.iter_rows(named=True)))}\n".encode()
        case Format.PARQUET:
            frame.write_parquet(stream)
        case Format.ARROW:
            frame.write_ipc_stream(stream)
        case _:
            table = flat(frame)
            (table if raw_text else spreadsheet_safe(table)).write_csv(
                stream, separator="\t" if form is Format.TSV else ","
            )
    return stream.getvalue()
