"""Define the command ``homodb orthologs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import (
    FileOption,
    FormatOption,
    FromOption,
    JsonOption,
    ReleaseOption,
    StrategyOption,
    ToOption,
    open_chosen,
)
from homodb.cli.output import Format, chosen, give
from homodb.cli.together import apart
from homodb.schema.errors import UnknownGeneError


def orthologs(
    context: typer.Context,
    source: FromOption,
    target: ToOption,
    genes: Annotated[list[str] | None, typer.Argument(metavar="GENE...", help="Genes, by any name.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="File with one gene per line.")] = None,
    strategy: StrategyOption = None,
    every: Annotated[bool, typer.Option("--all", help="The whole mapping instead of some genes.")] = False,
    form: FormatOption = None,
    output: FileOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the partners of genes in another species.

    Example: homodb orthologs INS GCG --from human --to mouse --strategy hl_o2o
    """
    from homodb.query.translate import gene_list

    form = chosen(form, as_json, output, file)
    if every and (genes or file):
        raise apart("--all", "--file" if file else "GENE")
    names = [*(genes or []), *(gene_list(file) if file else [])]
    if not names and not every:
        raise UnknownGeneError("no gene is named: give genes, --file FILE, or --all for the whole mapping")
    with open_chosen(context, release) as opened:
        frame = opened.orthologs(None if every else names, source=source, target=target, strategy=strategy)
    if form is Format.TABLE and not every:
        short = ["name", "resolved_as", "source_id", "target_id", "target_symbol", "strategy", "homology_type"]
        frame = frame.select(*short, "identity", "confidence", "correlation", "evidence_class")
    give(frame, form, output)
