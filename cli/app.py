"""Define the application, its global options and its commands."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.command import Commands
from homodb.cli.output import say

app = typer.Typer(
    name="homodb",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(context: typer.Context, wanted: bool) -> None:
    """Print the versions of homodb and its schema, and the release.

    The release, on a line of its own, is the one that questions use.
    """
    if wanted:
        from importlib.metadata import version

        from homodb.query.release.location import release_in_use
        from homodb.schema.connect import schema_version
        from homodb.schema.errors import ReleaseError

        say(f"homodb {version('homodb')}, schema {schema_version()}")
        try:
            say(f"release {release_in_use(context.params.get('release'))}")
        except ReleaseError as error:
            say(f"no release: {error}", err=True)
        raise typer.Exit


@app.callback(epilog="Errors that homodb explains end with exit code 2. Each command has an example in its --help.")
def options(
    context: typer.Context,
    release: Annotated[
        str | None,
        typer.Option(
            "--release", metavar="PATH|NAME", envvar="HOMODB_RELEASE", is_eager=True,
            autocompletion=complete.releases,
            help="Release to use: its folder, its .duckdb file, or its name. Also after the command.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print versions and leave.")
    ] = False,
) -> None:  # fmt: skip
    """Translate single-cell data between species, ask for orthologs, compare and annotate cells across species."""
    context.obj = release
