"""Define the application, its global options and its commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from homodb.cli.annotate import annotate
from homodb.cli.build import build
from homodb.cli.cache import cache
from homodb.cli.command import Command, Commands
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
    """Translate single-cell data between species, ask for orthologs, compare and annotate cells across species."""
    context.obj = release


#: Commands by the heading of the help, which shows the first line of each one's docstring.
_GROUPS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Translate": (inspect, translate, join),
    "Ask": (orthologs, explain, neighbors, table, sql, info),
    "Analyse": (integrate, score, report, annotate, evaluate, markers, compare),
    "Releases": (use, releases, download, verify, cache, export),
    "Build": (build, fetch, embed, publish, exam),
    "Learn": (demo, doctor, simulate),
}
for _group, _commands in _GROUPS.items():
    for _command in _commands:
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, rich_help_panel=_group)
            continue
        ask_nothing = _command in (sql, info, use, releases, download, verify, demo, doctor)
        define = app.command(_command.__name__, cls=Command, no_args_is_help=not ask_nothing, rich_help_panel=_group)
        define(_command)
