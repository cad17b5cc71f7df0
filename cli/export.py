"""Define ``homodb export`` and its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.command import Command
from homodb.cli.export_embeddings import embeddings
from homodb.cli.export_graph import graph
from homodb.cli.options import ReleaseOption, open_chosen
from homodb.cli.output import megabytes, say

export = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Write what other tools load: vectors, mappings, the database.\n\n"
    "Example: homodb export embeddings -o vectors --format saturn",
)
export.command("embeddings", cls=Command, no_args_is_help=True)(embeddings)
export.command("graph", cls=Command, no_args_is_help=True)(graph)


@export.command("duckdb", cls=Command, no_args_is_help=True)
def duckdb(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write, .duckdb.")],
    release: ReleaseOption = None,
) -> None:
    """Write the whole release as one DuckDB file.

    Any DuckDB opens it, and so does homodb. Made from the Parquet files where the release has no DuckDB file.

    Example: homodb export duckdb -o homodb.duckdb
    """
    with open_chosen(context, release) as opened:
        opened.write_duckdb(output)
        say(f"release {opened.version}: {output} ({megabytes(output.stat().st_size)})")
