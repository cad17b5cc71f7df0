"""Define the command ``homodb table``."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import FileOption, JsonOption, OneToOneOption, RawTextOption, ReleaseOption, open_chosen
from homodb.cli.output import Format, chosen, give, say
from homodb.cli.progress import late_status
from homodb.cli.values import word
from homodb.schema.messages import counted


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
    strategy: OneToOneOption = None,
    form: Annotated[
        Format | None, word("--format", kind=Format, help="How to give it; by default as FILE ends, else csv")
    ] = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tabulate orthologs of several species side by side.

    Example: homodb table human mouse pig --via mouse --strategy hm_o2o -o joint.csv
    """
    form = chosen(form, as_json, output, usual=Format.CSV)
    with open_chosen(context, release) as opened, late_status("joining the species"):
        frame = opened.joint_table(species, strategy=strategy, via=via)
    give(frame, form, output, raw_text=raw_text)
    if output is not None:
        say(f"{counted(frame.height, 'row')} of {len(species)} species in {output}", err=True)
