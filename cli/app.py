"""The application: options that stand before a command, and the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli.build import build
from homodb.cli.embed import embed
from homodb.cli.exam import exam
from homodb.cli.explain import explain
from homodb.cli.export import export
from homodb.cli.info import info
from homodb.cli.inspect import inspect
from homodb.cli.neighbors import neighbors
from homodb.cli.orthologs import orthologs
from homodb.cli.simulate import simulate
from homodb.cli.sql import sql
from homodb.cli.table import table
from homodb.cli.translate import translate

app = typer.Typer(
    name="homodb",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"homodb {version('homodb')}")
        raise typer.Exit


@app.callback(epilog="Errors that homodb explains end with exit code 2. Each command has an example in its --help.")
def options(
    context: typer.Context,
    release: Annotated[
        str | None,
        typer.Option(
            "--release", metavar="PATH|NAME", envvar="HOMODB_RELEASE",
            help="Release to use: its folder, its .duckdb file, or its name in the cache. Also after the command.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:  # fmt: skip
    """Gene homology for cross-species single-cell biology: build releases, ask them, translate AnnData."""
    context.obj = release


for command in (translate, inspect, orthologs, explain, neighbors, table, sql, info, build, embed, simulate, exam):
    app.command(command.__name__, no_args_is_help=command not in (info,))(command)
app.add_typer(export, name="export")
