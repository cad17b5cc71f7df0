"""``homodb markers``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    CountsLayerOption,
    DonorKeyOption,
    EachSpeciesOption,
    JsonOption,
    LabelOption,
    ReleaseOption,
    SpeciesKeyOption,
    StrategyOption,
    listed,
)
from homodb.cli.progress import status


def markers(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="One joint file, or one of each species (for all kinds).")
    ],
    label: LabelOption = "cell_type",
    species: EachSpeciesOption = None,
    species_key: SpeciesKeyOption = "species",
    donor_key: DonorKeyOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for tables and the dot plot.")
    ] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", help="Conserved markers shown of each type.")] = 5,
    rest: Annotated[
        str, typer.Option("--rest", metavar="WORD", help="Compare with shared types (default), or all of the species.")
    ] = "shared",
    fdr: Annotated[float, typer.Option("--fdr", metavar="RATE", help="Most false discovery rate.")] = 0.05,
    min_log2fc: Annotated[float, typer.Option("--min-log2fc", metavar="X", help="Least log2 fold change.")] = 1.0,
    min_share: Annotated[
        float, typer.Option("--min-share", metavar="SHARE", help="Least share of the type's cells with the gene.")
    ] = 0.1,
    layer: CountsLayerOption = None,
    column: Annotated[str | None, typer.Option("--column", help="Column of var with the gene names.")] = None,
    strategy: StrategyOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the marker genes of each cell type, and say which of them other species share.

    Conserved, species-specific, without ortholog, and not measured are kept apart.

    Example: homodb markers human.h5ad mouse.h5ad --species human,mouse --donor-key donor -o markers
    """
    from homodb.query.markers import markers as find

    with status() as show:
        found = find(
            paths, label=label, species=listed(species), species_key=species_key, donor_key=donor_key, layer=layer,
            column=column, strategy=strategy, release=release or context.obj, rest=rest, fdr=fdr,
            min_log2fc=min_log2fc, min_share=min_share, report=show,
        )  # fmt: skip
        written = [] if output is None else found.write(output, top)
    if as_json:
        told = {**found.totals(top), "files": [str(path) for path in written]}
        typer.echo(json.dumps(told, ensure_ascii=False, allow_nan=False))
        return
    for line in found.lines(top):
        typer.echo(line)
    for place in written:
        typer.echo(f"written: {place}")
