"""Define the command ``homodb inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import ALL_IN_JSON, give_blocks, give_json
from homodb.cli.progress import late_status


def inspect(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="An h5ad file or a zarr store.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SPECIES",
            help="Species of the genes; by default found out.",
            autocompletion=complete.species,
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Column of var that holds the gene names.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the gene names of a file of cells.

    Of which species and kind, what would resolve and what not, and what the object holds.

    Example: homodb inspect mouse.h5ad
    """
    from homodb.query.inspect import inspect as look

    with open_chosen(context, release) as opened, late_status("looking at the names"):
        inspection = look(path, release=opened, source=source, column=column)
    if as_json:
        give_json(inspection.totals())
        return
    give_blocks(inspection.blocks(), ALL_IN_JSON)
