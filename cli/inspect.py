"""``homodb inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import Format, give, give_json
from homodb.schema.counted import counted

if TYPE_CHECKING:
    from homodb.query.inspect import Inspection


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
    """Say what the gene names of an AnnData are.

    Of which species and kind, what would resolve and what not, and what the object holds.

    Example: homodb inspect mouse.h5ad
    """
    from homodb.query.inspect import inspect as look

    with open_chosen(context, release) as opened:
        found = look(path, release=opened, source=source, column=column)
    if as_json:
        give_json(found.totals())
        return
    _print(found)


def _print(found: Inspection) -> None:
    where = "index" if found.column is None else f"column {found.column!r}"
    cells, genes = counted(found.cells, "cell"), counted(found.genes, "gene")
    typer.echo(f"{found.path.name}: {cells}, {genes}; names from var's {where}")
    told = f"{found.species}; {found.resolved:.1%} of the names mean one gene" if found.species else "undecided"
    typer.echo(f"species: {told}\n")
    for title, frame in (
        ("votes: names that only one species bears, and names that it knows", found.votes),
        ("how the names are understood", found.kinds),
        ("what came off names", found.forms),
        ("names that mean no gene", found.unresolved),
        ("columns of var that hold names of genes", found.columns),
        ("matrices (what is in them is judged from some rows)", found.slots),
        ("other parts (number of categories)", found.parts),
    ):
        if frame.height:
            typer.echo(f"{title}:")
            give(frame, Format.TABLE)
            typer.echo()
    for line in found.era:
        typer.echo(f"era: {line}")
    for note in found.notes:
        typer.echo(f"note: {note}")
