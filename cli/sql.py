"""Define the command ``homodb sql``."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import FileOption, FormatOption, JsonOption, RawTextOption, ReleaseOption, open_chosen
from homodb.cli.output import chosen, give
from homodb.cli.progress import late_status
from homodb.cli.shell import run_shell
from homodb.cli.values import apart, number, refuse
from homodb.schema.errors import OptionsError

if TYPE_CHECKING:
    import polars as pl


def sql(
    context: typer.Context,
    query: Annotated[
        str | None,
        typer.Argument(metavar="QUERY", help="One SELECT statement; - reads it from the input. Without: a shell."),
    ] = None,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NAME=FILE",
            help="Table of your own that the query calls NAME: .csv, .tsv, .txt, .parquet, .arrow. May be repeated.",
        ),
    ] = None,
    form: FormatOption = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    timeout: Annotated[
        float, number("--timeout", low=0.001, high=1_000_000, metavar="SECONDS", help="Time that it may take.")
    ] = 300,
    memory: Annotated[
        float, number("--memory", low=0.01, high=1_000_000, metavar="GB", help="Memory that it may take.")
    ] = 4,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Query a release with SQL, once or in a shell.

    One SELECT, on a connection that can touch nothing else than the release and your own tables, in a process that
    ends at its limits. Without a query a shell reads one after the other; there .tables lists what a release holds.

    Example: homodb sql "from orthologs('human', 'mouse', 'hl_o2o') where source_symbol = 'INS'"

    Example: homodb sql --with mine=table.csv "from mine join genes using (symbol)"
    """
    from homodb.query.release.isolated import IsolatedProcess

    form = chosen(form, as_json, output)
    if query is None and sys.stdin.isatty():
        refuse(context, ("form", "output", "raw_text", "as_json"), "is for the answer to one query: give one")
    elif query in (None, "-"):
        query = sys.stdin.read()
    process = IsolatedProcess()
    process.start()  # it imports what it needs while this one does
    tables = _own_tables(own or [])
    with open_chosen(context, release, memory=memory) as opened:
        opened.isolate_in(process)
        ask = partial(opened.sql, tables=tables, timeout=timeout, isolated=True)
        if query is None:
            run_shell(opened, ask, tables)
        else:
            with late_status("asking"):
                frame = ask(query)
            give(frame, form, output, raw_text=raw_text, verbatim=True)


def _own_tables(given: list[str]) -> dict[str, pl.DataFrame]:
    """Read the tables of ``--with``."""
    from homodb.query.release.connection import read_own_table

    tables: dict[str, pl.DataFrame] = {}
    for one in given:
        name, _, path = one.partition("=")
        if not name or not path:
            raise OptionsError(f"--with is {one!r}; wanted a name and a file, such as mine=table.csv")
        if name in tables:
            raise apart(f"--with {name}={path}", f"another table {name}")
        tables[name] = read_own_table(Path(path))
    return tables
