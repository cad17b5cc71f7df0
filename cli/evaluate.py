"""Define the command ``homodb evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.annotate import LabelsOption
from homodb.cli.options import DonorKeyOption, JsonOption, ReleaseOption, ResamplesOption
from homodb.cli.output import ALL_IN_JSON, give_blocks, give_json, say
from homodb.cli.progress import status


def evaluate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="IN", help="Cells that homodb annotate has labelled.")],
    truth: Annotated[str, typer.Option("--truth", metavar="COLUMN", help="Column of obs with the true types.")],
    predicted: Annotated[
        str | None, typer.Option("--predicted", metavar="COLUMN", help="Column with the labels; by default found.")
    ] = None,
    donor_key: DonorKeyOption = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="FILE", help="The reference: leave each type out of it in turn."),
    ] = None,
    labels: LabelsOption = None,
    numeric: Annotated[
        bool, typer.Option("--numeric", help="The columns hold numbers. Found, where homodb annotate made them.")
    ] = False,
    n_resamples: ResamplesOption = 200,
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="FOLDER", help="Draw confusion and calibration, or numbers, there (.svg)."),
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare labels with the truth.

    Measures with intervals, per type, calibration, and what the reference lacks.

    Example: homodb evaluate out.h5ad --truth cell_type --donor-key donor --figures figures
    """
    from homodb.query.annotate.evaluate import evaluate_file

    with status() as show:
        result = evaluate_file(
            path, truth=truth, predicted=predicted, donor_key=donor_key, reference=reference, labels=labels,
            numeric=numeric or None,
            n_resamples=n_resamples, figures=figures, release=release or context.obj, progress=show,
        )  # fmt: skip
    if as_json:
        give_json({"input": str(path), **result.totals()})
        return
    give_blocks(result.blocks(), ALL_IN_JSON)
    if figures is not None:
        say(f"\ndrawn: {figures}")
