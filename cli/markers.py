"""Define the command ``homodb markers``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    DonorKeyOption,
    EachColumnOption,
    EachLayerOption,
    EachSpeciesOption,
    Expm1Option,
    ForceOption,
    JsonOption,
    LabelOption,
    RawTextOption,
    ReleaseOption,
    SpeciesKeyOption,
    StrategyOption,
    each,
    listed,
)
from homodb.cli.output import give_blocks, give_json, say
from homodb.cli.progress import status
from homodb.cli.values import number, whole
from homodb.schema.io import check_folder


def markers(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="One joint file, or one of each species (for all kinds).")
    ],
    label_key: LabelOption = "cell_type",
    species: EachSpeciesOption = None,
    species_key: SpeciesKeyOption = "species",
    donor_key: DonorKeyOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Folder for tables and the dot plot.")
    ] = None,
    raw_text: RawTextOption = False,
    top: Annotated[int, whole("--top", low=1, help="Conserved markers shown of each type.")] = 5,
    rest: Annotated[
        str, typer.Option("--rest", metavar="WORD", help="Compare with shared types, or all of the species.")
    ] = "shared",
    fdr: Annotated[
        float, number("--fdr", low=0, high=1, metavar="RATE", help="Most false discovery rate, 0 to 1.")
    ] = 0.05,
    min_log2fc: Annotated[
        float, number("--min-log2fc", low=0, high=100, metavar="X", help="Least log2 fold change.")
    ] = 1.0,
    min_share: Annotated[
        float,
        number(
            "--min-share", low=0, high=1, metavar="SHARE", help="Least share of the type's cells with the gene, 0 to 1."
        ),
    ] = 0.1,
    layer: EachLayerOption = None,
    column: EachColumnOption = None,
    strategy: StrategyOption = None,
    expm1: Expm1Option = False,
    force: ForceOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find marker genes, and which of them are conserved.

    Of each cell type: conserved, species-specific, without ortholog, and not measured are kept apart.

    Example: homodb markers human.h5ad mouse.h5ad --species human,mouse --donor-key donor -o markers
    """
    from homodb.query.markers import markers as find

    if output is not None:
        check_folder(output)
    with status() as show:
        result = find(
            paths, label_key=label_key, species=listed(species), species_key=species_key, donor_key=donor_key,
            layer=each(layer), column=each(column), strategy=strategy, release=release or context.obj, rest=rest,
            fdr=fdr, min_log2fc=min_log2fc, min_share=min_share, expm1=expm1, force=force, progress=show,
        )  # fmt: skip
        written = [] if output is None else result.write(output, top, raw_text=raw_text)
    if as_json:
        totals = {**result.totals(top), "files": [str(path) for path in written]}
        give_json(totals)
        return
    give_blocks(result.blocks(top))
    for place in written:
        say(f"written: {place}")
