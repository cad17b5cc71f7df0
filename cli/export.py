"""Define ``homodb export`` and its commands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.command import Command
from homodb.cli.options import EmbeddingOption, FromOption, JsonOption, ReleaseOption, StrategyOption, open_chosen
from homodb.cli.output import give_json, megabytes, say
from homodb.cli.progress import steps_bar
from homodb.cli.values import apart, word
from homodb.schema.enums import GeneNames, GraphForm, VectorForm, Weight
from homodb.schema.errors import OptionsError
from homodb.schema.io import check_folder
from homodb.schema.messages import counted


def graph(
    context: typer.Context,
    source: FromOption,
    target: Annotated[
        list[str], typer.Option("--to", metavar="SPECIES", help="Species, by any name; samap may have several.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write, .npz.")],
    form: Annotated[GraphForm, word("--format", kind=GraphForm, help="Form of the file")],
    strategy: StrategyOption = None,
    weight: Annotated[
        Weight | None,
        word("--weight", kind=Weight, help="Weight of edges; by default by strategy, for biadjacency equal"),
    ] = None,
    names: Annotated[
        GeneNames | None, word("--names", kind=GeneNames, help="What samap calls genes; by default symbol")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="SPECIES=ID", help="ID of a species in SAMap; may be repeated.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mapping as a graph.

    As SAMap's gene graph, in place of BLAST's, or as a matrix of source by target genes.

    Example: homodb export graph --from human --to mouse --format samap -o gnnm.npz
    """
    from homodb.query.export import export_graph

    called = _read_ids(ids or [])
    with open_chosen(context, release) as opened:
        done = export_graph(
            opened, output, form=form, species=[source, *target], strategy=strategy, weight=weight,
            names=names, ids=called,
        )  # fmt: skip
    if as_json:
        give_json(done)
        return
    say(f"{counted(done['pairs'], 'pair')} of {counted(done['genes'], 'gene')} in {output}")
    if done["unlinked"]:
        say(f"no mapping, so no pairs: {', '.join(done['unlinked'])}")


def _read_ids(given: list[str]) -> dict[str, str]:
    """Parse the ID of each species."""
    ids: dict[str, str] = {}
    for one in given:
        species, _, called = (part.strip() for part in one.partition("="))
        if not (species and called):
            raise OptionsError(f"--id {one}: expected SPECIES=ID, such as human=hs")
        if ids.setdefault(species, called) != called:
            raise apart(f"--id {species}={ids[species]}", f"--id {one}")
    return ids


def embeddings(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write to.")],
    form: Annotated[VectorForm, word("--format", kind=VectorForm, help="Form of the files")],
    species: Annotated[
        list[str] | None, typer.Option("--species", metavar="SPECIES", help="May be repeated. Default: all.")
    ] = None,
    embedding: EmbeddingOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vectors of genes.

    As Parquet, HDF5, or what SATURN, UCE or TranscriptFormer load.

    Example: homodb export embeddings -o vectors --format saturn --species human --species pig
    """
    from homodb.query.export import export_embeddings

    check_folder(output)
    with open_chosen(context, release) as opened:
        done = export_embeddings(opened, output, form=form, species=species, embedding=embedding)
    if as_json:
        give_json([one.summary() for one in done])
        return
    for one in done:
        files = ", ".join(str(file) for file in one.files)
        say(f"{one.species}: {counted(one.genes, 'gene')} x {one.dimensions:,} in {files}")
        if one.left_out.height:
            say(f"  left out: {one.left_out.height:,} (--json names them): {one.reasons()}")


export = typer.Typer(
    add_completion=False,
    name="export",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Write what other tools load: vectors, mappings, the database.\n\n"
    "Example: homodb export embeddings -o vectors --format saturn",
)
export.command("embeddings", cls=Command, no_args_is_help=True)(embeddings)
export.command("graph", cls=Command, no_args_is_help=True)(graph)


@export.command("parquet", cls=Command, no_args_is_help=True)
def parquet(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write to.")],
    flat: Annotated[
        bool,
        typer.Option("--flat", help="One file of orthologs per species, ortholog/SPECIES.parquet, without keys."),
    ] = False,
    release: ReleaseOption = None,
) -> None:
    """Write Parquet files that polars, Arrow, R and browsers read.

    A file per table and view, or with --flat one per species: the view ortholog, sorted by symbol.

    Example: homodb export parquet --flat -o flat
    """
    with open_chosen(context, release) as opened, steps_bar("writing") as bar:
        files = opened.write_parquet(output, flat=flat, report=partial(bar, "writing files"))
    written = sum(file.stat().st_size for file in files)
    say(f"release {opened.version}: {counted(len(files), 'file')} in {files[0].parent} ({megabytes(written)})")


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
