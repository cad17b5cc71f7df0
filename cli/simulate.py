"""``homodb simulate``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.progress import steps_bar


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="New or empty folder.")],
    species: Annotated[int, typer.Option("--species", metavar="N", help="Number of species. Default: 3.")] = 3,
    genes: Annotated[int, typer.Option("--genes", metavar="N", help="Ancestral genes. Default: 2000.")] = 2000,
    cells: Annotated[int, typer.Option("--cells", metavar="N", help="Cells over all species. Default: 3000.")] = 3000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same seed, the same files. Default: 1.")] = 1,
    rates: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another setting, such as missed=0.1; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate a clade of species with known truth: inputs for a build, cells, and the answers.

    All of it is made up. The folder appears whole or not at all.

    Example: homodb simulate -o sim --species 3 --genes 2000
    """
    from homodb.etl.simulate import Settings
    from homodb.etl.simulate import simulate as simulate_clade

    settings = Settings.read(rates or [], species=species, genes=genes, cells=cells, seed=seed)
    with steps_bar("families") as show:
        summary = simulate_clade(output, settings, report=lambda at: show(at.step, at.done, at.total))
    if as_json:
        json.dump(asdict(summary), sys.stdout, default=str)
        typer.echo()
        return
    errors = ", ".join(f"{count:,} {kind}" for kind, count in summary.errors.items())
    typer.echo(
        f"simulated (no real genes): {', '.join(summary.species)}; {summary.genes:,} genes, "
        f"{summary.proteins:,} proteins, {summary.orthologs:,} true ortholog pairs, {summary.cells:,} cells in {output}"
        f"\nplanted errors of calling: {errors}\nnext: homodb build {summary.config} -o rel"
    )
