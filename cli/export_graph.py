"""``homodb export graph``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import FromOption, JsonOption, ReleaseOption, StrategyOption, open_chosen
from homodb.schema.exports import GeneNames, GraphForm, Weight


def graph(
    context: typer.Context,
    source: FromOption,
    target: Annotated[
        list[str], typer.Option("--to", metavar="SPECIES", help="Species, by any name; samap may have several.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="File to write, .npz.")],
    form: Annotated[GraphForm, typer.Option("--format", help="Form of the file.")],
    strategy: StrategyOption = None,
    weight: Annotated[
        Weight | None, typer.Option("--weight", help="Weight of edges. Default: by strategy; 1 for biadjacency.")
    ] = None,
    names: Annotated[GeneNames, typer.Option("--names", help="What samap calls genes.")] = GeneNames.SYMBOL,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="SPECIES=ID", help="ID of a species in SAMap; may be repeated.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a mapping as SAMap's gene graph, in place of BLAST's, or as a matrix of source by target genes.

    Example: homodb export graph --from human --to mouse --format samap -o gnnm.npz
    """
    from homodb.query.export import export_graph

    with open_chosen(context, release) as opened:
        done = export_graph(
            opened, output, form=form, species=[source, *target], strategy=strategy, weight=weight,
            names=names, ids=dict(one.partition("=")[::2] for one in ids or []),
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(done))
        return
    typer.echo(f"{done['pairs']:,} pairs of {done['genes']:,} genes in {output}")
    if done["unlinked"]:
        typer.echo(f"no mapping, so no pairs: {', '.join(done['unlinked'])}")
