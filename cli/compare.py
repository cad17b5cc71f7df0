"""Define the command ``homodb compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    DonorKeyOption,
    EachColumnOption,
    EachLayerOption,
    EachSpeciesOption,
    FileOption,
    JsonOption,
    LabelOption,
    RawTextOption,
    ReleaseOption,
    ResamplesOption,
    each,
    listed,
    open_chosen,
)
from homodb.cli.output import chosen, give, give_blocks, give_json, say
from homodb.cli.progress import status

_SETTING = "A setting of homodb integrate (docs/integrate.md), such as k_weight=50; may be repeated."


def compare(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="IN...", help="Two or more files of cells (.h5ad, .zarr).")],
    species: EachSpeciesOption = None,
    strategies: Annotated[
        str, typer.Option("--strategies", metavar="A,B,...", help="all that the species have, or names.")
    ] = "all",
    methods: Annotated[
        str, typer.Option("--methods", metavar="A,B,...", help="Methods of integration.")
    ] = "none,cca,harmony",
    label_key: LabelOption = "cell_type",
    donor_key: DonorKeyOption = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="cross-species, pllm, scib or all.")
    ] = "cross-species",
    n_resamples: ResamplesOption = 200,
    column: EachColumnOption = None,
    layer: EachLayerOption = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=_SETTING)] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="FOLDER", help="Keep the integrated objects: a file per mapping.")
    ] = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare mappings and methods on the same cells.

    Beside matching symbols and random pairing. Marks nothing whose interval overlaps the best one's; with one donor of
    a species, nothing at all.

    Example: homodb compare human.h5ad mouse.h5ad --species human,mouse --donor-key donor -o table.csv
    """
    from homodb.query.compare import compare as compare_all
    from homodb.query.integrate import read_settings
    from homodb.schema.io import check_folder

    form = chosen(None, False, output, *paths)
    if keep is not None:
        check_folder(keep)
    with open_chosen(context, release) as opened, status() as show:
        comparison = compare_all(
            paths, species=listed(species), strategies=strategies, methods=methods, label_key=label_key,
            donor_key=donor_key, profile=profile, n_resamples=n_resamples, release=opened, column=each(column),
            layer=each(layer), keep=keep, progress=lambda at: show(f"{at.done + 1}/{at.total} {at.pairing}: {at.step}"),
            **read_settings(settings or []),
        )  # fmt: skip
    if output is not None:
        give(comparison.table, form, output, raw_text=raw_text)
    if as_json:
        give_json(comparison.totals())
        return
    give_blocks(comparison.blocks())
    if output is not None or keep is not None:
        say(f"\nwritten: {', '.join(str(one) for one in (output, keep) if one is not None)}")
