"""Define the command ``homodb simulate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, say
from homodb.cli.progress import steps_bar
from homodb.cli.values import whole
from homodb.schema.messages import counted


def simulate(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="New or empty folder.")],
    species: Annotated[int, whole("--species", help="Number of species.")] = 3,
    genes: Annotated[int, whole("--genes", help="Ancestral genes.")] = 2000,
    cells: Annotated[int, whole("--cells", help="Cells over all species.")] = 3000,
    seed: Annotated[int, whole("--seed", high=2**63 - 1, help="The same seed, the same files.")] = 1,
    rates: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another setting, such as missed=0.1; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate species with known truth.

    A clade: inputs for a build, cells, and the answers. All of it is made up. The folder appears whole or not at all.

    Example: homodb simulate -o sim --species 3 --genes 2000
    """
    from homodb.etl.simulate import Settings
    from homodb.etl.simulate import simulate as simulate_clade

    settings = Settings.parse(rates or [], species=species, genes=genes, cells=cells, seed=seed)
    with steps_bar("families") as show:
        summary = simulate_clade(output, settings, report=lambda at: show(at.step, at.done, at.total))
    if as_json:
        give_json(asdict(summary))
        return
    errors = ", ".join(f"{count:,} {kind}" for kind, count in summary.errors.items())
    say(
        f"simulated (no real genes): {', '.join(summary.species)}; {counted(summary.genes, 'gene')}, "
        f"{counted(summary.proteins, 'protein')}, {counted(summary.orthologs, 'true ortholog pair')}, "
        f"{counted(summary.cells, 'cell')} in {output}"
        f"\nplanted errors of calling: {errors}\nnext: homodb build {summary.config} -o rel"
    )
