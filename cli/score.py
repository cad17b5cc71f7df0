"""Define the command ``homodb score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from homodb.cli.options import DonorKeyOption, JsonOption, LabelOption, ResamplesOption, SeedOption, SpeciesKeyOption
from homodb.cli.output import give_blocks, give_json, say
from homodb.cli.progress import status


def score(
    path: Annotated[Path, typer.Argument(metavar="IN", help="Integrated file (.h5ad, .zarr).")],
    label_key: LabelOption = "cell_type",
    species_key: SpeciesKeyOption = "species",
    donor_key: DonorKeyOption = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="NAME", help="Which embedding: cca for obsm['X_cca']. Default: the only one."),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", help="pllm, scib, cross-species, or all.")
    ] = "all",
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="KEY", help="The baseline without integration; - for none. Default: pca."),
    ] = None,
    n_resamples: ResamplesOption = 200,
    random_state: SeedOption = 42,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write all scores here; .json: JSON."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Print all scores, tables and notes, not just the first.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Score an integration: types kept, species mixed.

    And types over-merged; all of it beside no integration at all. Says in sentences what the scores say, and the first
    of them.

    Example: homodb score out.h5ad --label cell_type --species-key species --donor-key donor --profile pllm
    """
    from homodb.query.score import score as score_cells
    from homodb.schema.io import check_ending, check_output, ending_of, whole_file

    if output is not None:
        check_output(output, path)
        check_ending(output, "scores", ".json", ".txt")
        as_json = as_json or ending_of(output) == ".json"
    beside: str | Literal[False] | None = False if baseline == "-" else baseline
    with status() as show:
        scores = score_cells(
            path, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key, profile=profile,
            baseline=beside, n_resamples=n_resamples, random_state=random_state, progress=show,
        )  # fmt: skip
    if output is None:
        if as_json:
            give_json(scores.totals())
        elif every:
            give_blocks(scores.blocks())
        else:
            from homodb.query.report import conclusions

            give_blocks(scores.brief(conclusions(scores, scores.donors)), "--all shows them")
        return
    with whole_file(output) as partial:
        partial.write_text(f"{scores.to_json() if as_json else scores}\n", "utf-8")
    say(f"written: {output}", err=True)
