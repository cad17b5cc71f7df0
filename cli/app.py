"""The application: options that stand before a command, and the commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from homodb.cli.annotate import annotate
from homodb.cli.build import build
from homodb.cli.cache import cache
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
from homodb.cli.publish import publish
from homodb.cli.releases import releases
from homodb.cli.report import report
from homodb.cli.score import score
from homodb.cli.simulate import simulate
from homodb.cli.sql import sql
from homodb.cli.table import table
from homodb.cli.translate import translate
from homodb.cli.verify import verify

app = typer.Typer(
    name="homodb",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(context: typer.Context, wanted: bool) -> None:
    """Print the version of homodb and its schema, and, on a line of its own, the release that would be asked."""
    if wanted:
        from importlib.metadata import version

        from homodb.query.doctor import release_in_use
        from homodb.schema.connect import schema_version
        from homodb.schema.errors import ReleaseError

        typer.echo(f"homodb {version('homodb')}, schema {schema_version()}")
        try:
            typer.echo(f"release {release_in_use(context.params.get('release'))}")
        except ReleaseError as error:
            typer.echo(f"no release: {error}", err=True)
        raise typer.Exit


@app.callback(epilog="Errors that homodb explains end with exit code 2. Each command has an example in its --help.")
def options(
    context: typer.Context,
    release: Annotated[
        str | None,
        typer.Option(
            "--release", metavar="PATH|NAME", envvar="HOMODB_RELEASE", is_eager=True,
            help="Release to use: its folder, its .duckdb file, or its name in the cache. Also after the command.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print versions and leave.")
    ] = False,
) -> None:  # fmt: skip
    """Gene homology for cross-species single-cell biology: build releases, ask them, translate AnnData."""
    context.obj = release


#: What each command does, in the length that a terminal of 80 columns shows.
SUMMARIES: dict[Callable[..., None], str] = {
    translate: "Carry an AnnData, or gene lists, into another species' genes.",
    join: "Put cells of several species over shared features.",
    integrate: "Lay cells of several species out in one embedding.",
    score: "Score an integration: types kept, species mixed.",
    compare: "Compare mappings and methods on the same cells.",
    annotate: "Carry cell types from a reference to other cells.",
    evaluate: "Compare labels with the truth.",
    markers: "Find marker genes, and which are conserved.",
    report: "Write one page about an integration.",
    inspect: "Say what the gene names of an AnnData are.",
    orthologs: "Name the partners of genes in another species.",
    explain: "Tell the whole story of one gene.",
    neighbors: "Name the nearest genes by protein embedding.",
    table: "Put several species side by side, a gene of each a row.",
    sql: "Ask one question in SQL.",
    info: "Say what a release holds.",
    releases: "List the releases of a catalog.",
    download: "Bring a release into the cache, verified.",
    verify: "Check every byte of a release.",
    build: "Build a release from a config, or from Ensembl.",
    publish: "Put a build into a folder of releases.",
    fetch: "Fetch Ensembl's files of some species, verified.",
    embed: "Embed proteomes into a store of vectors.",
    simulate: "Simulate species with known truth.",
    exam: "Score the strategies against a known truth.",
    demo: "Show everything on simulated species.",
    doctor: "Say what is installed, cached and missing.",
}
for command, summary in SUMMARIES.items():
    ask_nothing = command in (info, releases, download, verify, demo, doctor)
    app.command(command.__name__, no_args_is_help=not ask_nothing, short_help=summary)(command)
app.add_typer(export, name="export", short_help="Write what other tools load: vectors, mappings.")
app.add_typer(cache, name="cache", short_help="See and clear what homodb keeps on this machine.")
