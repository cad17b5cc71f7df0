"""Define the command ``homodb niches``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from homodb.cli.options import CellsOption, CountsLayerOption, JsonOption, SeedOption, SpatialOption, listed
from homodb.cli.output import give_blocks, give_json, say
from homodb.cli.progress import status
from homodb.cli.values import number, whole


def niches(
    path: Annotated[Path, typer.Argument(metavar="IN", help="Cells with types, an embedding and coordinates.")],
    label_key: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="Column of obs with cell types, as homodb annotate writes.")
    ],
    output: CellsOption,
    cell_types: Annotated[
        str | None, typer.Option("--types", metavar="A,B,...", help="Types to divide. Default: all with enough cells.")
    ] = None,
    use_rep: Annotated[
        str | None, typer.Option("--use-rep", metavar="NAME", help="Entry of obsm. Default: X_ and the column.")
    ] = None,
    spatial_key: SpatialOption = None,
    donor_key: Annotated[
        str | None,
        typer.Option("--donor-key", metavar="COLUMN", help="Donors or sections: cells of others are never near."),
    ] = None,
    layer: CountsLayerOption = None,
    spatial: Annotated[int, whole("--nearest", low=1, high=10_000, help="Nearest cells that surround a cell.")] = 20,
    min_cells: Annotated[int, whole("--min-cells", low=10, high=100_000_000, help="Fewest cells of a type.")] = 50,
    k_neighbors: Annotated[
        int, whole("--neighbors", low=2, high=10_000, help="Neighbours of a cell in the embedding.")
    ] = 20,
    clustering: Annotated[str, typer.Option("--clustering", metavar="NAME", help="louvain or leiden.")] = "louvain",
    resolution: Annotated[
        float, number("--resolution", low=0, high=1000, metavar="X", help="Higher gives more niches.")
    ] = 0.5,
    key_added: Annotated[
        str, typer.Option("--key", metavar="NAME", help="Results are called <label>_<key>.")
    ] = "niche",
    random_state: SeedOption = 42,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Draw niches and distance on the tissue (.svg).")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option("--tables", metavar="FOLDER", help="Write surroundings, markers and cells (.tsv).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Divide cell types by what lies around them.

    Clusters of each type in an embedding that knows a cell's surroundings, the types around them, and their markers.

    Example: homodb niches out.h5ad --label cell_type_homodb --types fibroblast --figures figures -o niches.h5ad
    """
    from homodb.query.annotate import NicheOptions, NicheSettings, niches_file

    settings: dict[str, Any] = {
        "spatial": spatial, "min_cells": min_cells, "k_neighbors": k_neighbors, "clustering": clustering,
        "resolution": resolution, "random_state": random_state,
    }  # fmt: skip
    types = listed(cell_types)
    options = NicheOptions(
        label_key=label_key, cell_types=None if types is None else tuple(types), use_rep=use_rep,
        spatial_key=spatial_key, donor_key=donor_key, layer=layer, key_added=key_added,
        settings=NicheSettings(**settings),
    )  # fmt: skip
    with status() as show:
        result = niches_file(path, output, options, figures=figures, tables=tables, progress=show)
    if as_json:
        give_json({"output": str(output), **result.totals()})
        return
    give_blocks(result.blocks())
    say(f"niches: obs[{result.column!r}]\nwritten: {output}")
    for folder in (figures, tables):
        if folder is not None:
            say(f"written: {folder}")
