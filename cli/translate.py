"""``homodb translate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption, ReleaseOption, StrategyOption, ToOption, open_chosen


def translate(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="IN.h5ad", help="The cells to translate.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.h5ad", help="File to write.")],
    target: ToOption,
    source: Annotated[
        str | None, typer.Option("--from", metavar="SPECIES", help="Species of the genes; by default found out.")
    ] = None,
    strategy: StrategyOption = None,
    column: Annotated[str | None, typer.Option("--column", help="Column of var that holds the gene names.")] = None,
    layer: Annotated[str | None, typer.Option("--layer", help="Layer to translate in place of X.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Translate an AnnData into another species' genes.

    Says what became of every gene and of the counts.

    Example: homodb translate mouse.h5ad --to human -o human.h5ad
    """
    from homodb.query.translate.files import translate_file

    with open_chosen(context, release) as opened:
        report = translate_file(
            path, output, target, source=source, strategy=strategy, release=opened, column=column, layer=layer
        )
    if as_json:
        typer.echo(
            json.dumps({"output": str(output), **report.totals()}, ensure_ascii=False, allow_nan=False, default=str)
        )
        return
    for line in report.lines():
        typer.echo(line)
    typer.echo(f"\nwritten: {output}")
