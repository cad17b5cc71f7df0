"""``homodb exam``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import Format, give
from homodb.query.exam import By
from homodb.query.exam import exam as examine


def exam(
    context: typer.Context,
    truth: Annotated[Path, typer.Option("--truth", metavar="FILE", help="All true ortholog pairs, tab separated.")],
    path: Annotated[str | None, typer.Argument(metavar="RELEASE", help="The release; also by --release.")] = None,
    genes: Annotated[Path | None, typer.Option("--genes", metavar="FILE", help="All genes that exist.")] = None,
    by: Annotated[By | None, typer.Option("--by", help="One question alone; by default all.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to give the answer.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score every strategy of a release against a known truth.

    Precision, recall and F1 over ortholog pairs and over one-to-one families; by evidence class, divergence and
    family size.

    Example: homodb exam rel --truth truth.tsv.gz --by strategy
    """
    from homodb.schema.files import check_output

    if output is not None:
        check_output(output, truth, genes)
    with open_chosen(context, path or release) as opened:
        found = examine(opened, truth, genes=genes)
    chosen = Format.JSON if as_json else form
    if chosen is not Format.TABLE or output is not None:
        give(found.rows(by), chosen, output)
        return
    for line in found.heading:
        typer.echo(line)
    for title, frame in found.tables(by):
        typer.echo(f"\n{title}:")
        give(frame, Format.TABLE)
