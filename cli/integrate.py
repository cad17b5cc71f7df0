"""Define the command ``homodb integrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import (
    CellsOption,
    EachLayerOption,
    Expm1Option,
    ForceOption,
    JsonOption,
    OneToOneOption,
    PhraseOption,
    ReleaseOption,
    SpatialOption,
    SpeciesKeyOption,
    each,
    listed,
)
from homodb.cli.output import give_json, say
from homodb.cli.progress import status
from homodb.cli.values import whole
from homodb.schema.messages import counted

_SETTING = "Any setting (docs/integrate.md), such as k_weight=50 or clustering=leiden; may be repeated."


def integrate(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="One joint file, or one of each species (joined first).")
    ],
    output: CellsOption,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="none, cca, harmony, scvi, protein or cellama.",
            autocompletion=complete.integration_methods,
        ),
    ] = "cca",
    species: Annotated[
        str | None,
        typer.Option(
            "--species",
            metavar="A,B,...",
            help="Species of each file, or of a joint file.",
            autocompletion=complete.several_species,
        ),
    ] = None,
    species_key: SpeciesKeyOption = "species",
    label_key: Annotated[
        str | None, typer.Option("--label", metavar="COLUMN", help="Column of obs with cell types, noted for scoring.")
    ] = None,
    shared_types: Annotated[
        str | None,
        typer.Option("--shared-types", metavar="COLUMN", help="First drop cells of types that not all have."),
    ] = None,
    strategy: OneToOneOption = None,
    layer: EachLayerOption = None,
    size_factors: Annotated[
        str, typer.Option("--size-factors", metavar="WORD", help="shared (joint features) or full (all genes).")
    ] = "shared",
    umap: Annotated[bool, typer.Option("--umap", help="Lay the cells out on a plane, for looking only.")] = False,
    key_added: Annotated[
        str | None, typer.Option("--key", metavar="NAME", help="Name of the results. Default: the method.")
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=_SETTING)] = None,
    phrases: PhraseOption = None,
    niche_key: Annotated[
        str | None,
        typer.Option(
            "--niche", metavar="COLUMN", help="With cellama: types that sentences name for the nearest cells."
        ),
    ] = None,
    spatial: Annotated[int, whole("--nearest", low=1, high=1000, help="Nearest cells that a sentence names.")] = 5,
    spatial_key: SpatialOption = None,
    donor_key: Annotated[
        str | None,
        typer.Option("--donor-key", metavar="COLUMN", help="Donors or sections: cells of others are never nearest."),
    ] = None,
    expm1: Expm1Option = False,
    force: ForceOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Integrate cells of several species into one embedding.

    Like cells lie together in it.

    Example: homodb integrate human.h5ad mouse.h5ad --species human,mouse --method cca -o out.h5ad
    """
    from homodb.query.integrate import IntegrateSettings, SentenceColumns, integrate_files, read_settings

    columns = SentenceColumns(
        phrases=tuple(phrases or ()), niche_key=niche_key, spatial=spatial, spatial_key=spatial_key,
        donor_key=donor_key,
    )  # fmt: skip
    with status() as show:
        totals = integrate_files(
            paths, output, method=method, settings=IntegrateSettings(**read_settings(settings or [])),
            species=listed(species), species_key=species_key, label_key=label_key, strategy=strategy,
            layer=each(layer), size_factors=size_factors, umap=umap, key_added=key_added, columns=columns,
            shared_types=shared_types, release=release or context.obj, expm1=expm1, force=force, progress=show,
        )  # fmt: skip
    if as_json:
        give_json({"output": str(output), **totals, "features": list(totals["features"])})
        return
    say(f"{counted(totals['n_cells'], 'cell')}: " + ", ".join(f"{n:,} {name}" for name, n in totals["cells"].items()))
    if "shared_types" in totals:
        say(totals["shared_types"])
    say(f"{len(totals['features']):,} variable of {counted(totals['n_joint_features'], 'joint feature')}")
    for pair, anchors in totals.get("anchors", {}).items():
        say(f"{counted(anchors, 'anchor')} {pair}")
    for line in totals.get("merged", []):
        say(line)
    if "clusters" in totals:
        say(f"{counted(totals['clusters'], 'cluster')}: obs[{totals['key'] + '_cluster'!r}]")
    say(f"embedding: obsm[{'X_' + totals['key']!r}]\nwritten: {output}")
