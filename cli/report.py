"""Define the command ``homodb report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    CountsLayerOption,
    DonorKeyOption,
    JsonOption,
    LabelOption,
    ReleaseOption,
    SpeciesKeyOption,
    listed,
)
from homodb.cli.output import give_json, say
from homodb.cli.progress import status
from homodb.cli.values import whole


def report(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="IN", help="An integrated file, as homodb integrate writes it.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The page to write: .html.")],
    key: Annotated[
        str | None, typer.Option("--key", metavar="NAME", help="Which integration. Default: the only one.")
    ] = None,
    label_key: LabelOption = "cell_type",
    species_key: SpeciesKeyOption = "species",
    donor_key: DonorKeyOption = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="Scores: pllm, scib, cross-species or all.")
    ] = "all",
    cells: Annotated[
        list[Path] | None,
        typer.Option("--cells", metavar="FILE", help="File of one species, so that all kinds of markers are shown."),
    ] = None,
    species: Annotated[
        str | None, typer.Option("--species", metavar="A,B,...", help="Species of each --cells; by default found out.")
    ] = None,
    layer: CountsLayerOption = None,
    top: Annotated[int, whole("--top", low=1, help="Conserved markers drawn of each type.")] = 3,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="FOLDER", help="Write the drawings there as SVG, too.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one page about an integration, the verdict first.

    Cells, clusters, label transfer, scores, markers, and how it was made.

    Example: homodb report out.h5ad -o report.html --donor-key donor
    """
    from homodb.query.report import report as write

    with status() as show:
        written = write(
            path, output, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key, layer=layer,
            profile=profile, cells=cells or [], species=listed(species), release=release or context.obj, top=top,
            figures=figures, progress=show,
        )  # fmt: skip
    if as_json:
        give_json({"output": str(output), "figures": [str(one) for one in written[1:]]})
        return
    say("\n".join(f"written: {one}" for one in written))
