"""``homodb orthologs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import FromOption, JsonOption, ReleaseOption, StrategyOption, ToOption, open_chosen
from homodb.cli.output import Format, give
from homodb.schema.errors import UnknownGeneError


def orthologs(
    context: typer.Context,
    source: FromOption,
    target: ToOption,
    genes: Annotated[list[str] | None, typer.Argument(metavar="GENE...", help="Genes, by any name.")] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="File with one gene per line.")] = None,
    strategy: StrategyOption = None,
    every: Annotated[bool, typer.Option("--all", help="The whole mapping instead of some genes.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to give the answer.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the partners of genes in another species.

    Example: homodb orthologs INS GCG --from human --to mouse --strategy hl_o2o
    """
    from homodb.schema.files import check_output

    if output is not None:
        check_output(output, file)
    names = [*(genes or []), *(_lines(file) if file else [])]
    if not names and not every:
        raise UnknownGeneError("no gene is named: give genes, --file FILE, or --all for the whole mapping")
    with open_chosen(context, release) as opened:
        frame = opened.orthologs(None if every else names, source=source, target=target, strategy=strategy)
    chosen = Format.JSON if as_json else form
    if chosen is Format.TABLE and output is None and not every:
        short = ["name", "resolved_as", "source_id", "target_id", "target_symbol", "strategy", "homology_type"]
        frame = frame.select(*short, "identity", "confidence", "correlation", "evidence_class")
    give(frame, chosen, output)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UnknownGeneError(f"{path}: cannot be read as a list of genes ({error})") from error
