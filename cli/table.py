"""``homodb table``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import JsonOption, ReleaseOption, StrategyOption, open_chosen
from homodb.cli.output import Format, give


def table(
    context: typer.Context,
    species: Annotated[
        list[str],
        typer.Argument(metavar="SPECIES...", help="Two or more species, by any name.", autocompletion=complete.species),
    ],
    via: Annotated[
        str | None,
        typer.Option(
            "--via", metavar="SPECIES", help="The hub that all are joined to.", autocompletion=complete.species
        ),
    ] = None,
    strategy: StrategyOption = None,
    form: Annotated[Format, typer.Option("--format", help="How to give the answer.")] = Format.CSV,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Join several species, one gene of each a row.

    Example: homodb table human mouse pig --via mouse --strategy hm_o2o -o joint.csv
    """
    with open_chosen(context, release) as opened:
        frame = opened.joint_table(species, strategy=strategy, via=via)
    give(frame, Format.JSON if as_json else form, output)
    if output is not None:
        typer.echo(f"{frame.height:,} rows of {len(species)} species in {output}", err=True)
