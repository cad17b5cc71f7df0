"""``homodb sql``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.bounds import bounded
from homodb.cli.options import JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import Format, give


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT statement.")],
    form: Annotated[Format, typer.Option("--format", help="How to give the answer.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Time that it may take.")
    ] = 300,
    memory: Annotated[float, typer.Option("--memory", metavar="GB", min=0.01, help="Memory that it may take.")] = 4,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask one question in SQL.

    One SELECT, on a connection that can touch nothing else than the release.

    Tables, views and macros: homodb sql "select table_name, comment from duckdb_tables()"

    Example: homodb sql "from orthologs('human', 'mouse', 'hl_o2o') where source_symbol = 'INS'"
    """
    with open_chosen(context, release, memory=memory) as opened, bounded(timeout, memory):
        give(opened.sql(query, timeout=timeout), Format.JSON if as_json else form, output)
