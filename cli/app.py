"""Define the application, its global options and its commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from homodb.cli.annotate import annotate
from homodb.cli.build import build
from homodb.cli.cache import cache
from homodb.cli.command import Command
from homodb.cli.compare import compare
from homodb.cli.demo import demo
from homodb.cli.doctor import doctor
from homodb.cli.download import download
from homodb.cli.embed import embed
from homodb.cli.evaluate import evaluate
from homodb.cli.exam import exam
from homodb.cli.explain import explain
from homodb.cli.export import export
from homodb.cli.fetch import fetch
from homodb.cli.info import info
from homodb.cli.inspect import inspect
from homodb.cli.integrate import integrate
from homodb.cli.join import join
from homodb.cli.markers import markers
from homodb.cli.neighbors import neighbors
from homodb.cli.orthologs import orthologs
from homodb.cli.output import say
from homodb.cli.publish import publish
from homodb.cli.releases import releases
from homodb.cli.report import report
from homodb.cli.score import score
from homodb.cli.simulate import simulate
from homodb.cli.sql import sql
from homodb.cli.table import table
from homodb.cli.translate import translate
from homodb.cli.use import use
from homodb.cli.verify import verify

app = typer.Typer(
    name="homodb",
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

        from homodb.query.release.doctor import release_in_use
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
            help="Release to use: its folder, its .duckdb file, or its name. Also after the command.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print versions and leave.")
    ] = False,
) -> None:  # fmt: skip
    """Gene homology for cross-species single-cell biology: build releases, ask them, translate AnnData."""
    context.obj = release


#: In the order of the help, which shows the first line of each one's docstring.
_COMMANDS: tuple[Callable[..., None], ...] = (
    translate, join, integrate, score, compare, annotate, evaluate, markers, report, inspect,
    orthologs, explain, neighbors, table, sql, info, use, releases, download, verify,
    build, publish, fetch, embed, simulate, exam, demo, doctor,
)  # fmt: skip
for command in _COMMANDS:
    ask_nothing = command in (sql, info, use, releases, download, verify, demo, doctor)
    app.command(command.__name__, cls=Command, no_args_is_help=not ask_nothing)(command)
app.add_typer(export, name="export")
app.add_typer(cache, name="cache")
