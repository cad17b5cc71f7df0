"""``homodb explain``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from homodb.cli.options import FromOption, JsonOption, ReleaseOption, ToOption, open_chosen
from homodb.cli.output import Format, give, give_json


def explain(
    context: typer.Context,
    gene: Annotated[str, typer.Argument(metavar="GENE", help="A gene, by any name.")],
    source: FromOption,
    target: ToOption,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell the whole story of one gene.

    How its name resolved, its candidates, what each strategy answers and why.

    Example: homodb explain FCER1A --from human --to mouse
    """
    with open_chosen(context, release) as opened:
        story = opened.explain(gene, source=source, target=target)
    if as_json:
        give_json(story.rows())
        return
    row = story.gene.row(0, named=True)
    kind = row["biotype"] or "biotype not told"
    marks = [mark for mark in ("mitochondrial", "ribosomal", "pseudoautosomal") if row[mark]]
    how = row["how"] if row["understood_as"] == gene else f"{row['how']} {row['understood_as']}"
    typer.echo(
        f"{gene} is {row['symbol'] or 'a gene without symbol'} of {story.source}{_beside(row, gene)}, found by {how}"
    )
    typer.echo(", ".join([kind, *marks, *([row["description"]] if row["description"] else [])]))
    if row["aliases"]:
        typer.echo("aliases: " + ", ".join(row["aliases"]))
    typer.echo(f"\ncandidates in {story.target}, best first:")
    if story.candidates.height:
        columns = ["target_id", "homology_type", "source_identity", "target_identity", "goc", "wga", "confidence"]
        give(story.candidates.select("target_symbol", *columns, "correlation", "evidence_class"), Format.TABLE)
    else:
        typer.echo("none")
    typer.echo("\nwhat each strategy answers:")
    give(story.answers, Format.TABLE)


def _beside(row: dict[str, Any], gene: str) -> str:
    """Return the stable ID in parentheses, unless it is what was asked for."""
    if row["symbol_stands_in"]:
        return " (no stable ID in the sources)"
    return "" if row["stable_id"] == gene else f" ({row['stable_id']})"
