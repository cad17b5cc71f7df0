"""Define the command ``homodb explain``."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import FromOption, JsonOption, ReleaseOption, ToOption, open_chosen
from homodb.cli.output import ALL_IN_JSON, give_blocks, give_json
from homodb.cli.progress import late_status


def explain(
    context: typer.Context,
    gene: Annotated[str, typer.Argument(metavar="GENE", help="A gene, by any name.", autocompletion=complete.genes)],
    source: FromOption,
    target: ToOption,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain the orthologs of one gene: all evidence.

    How its name resolved, its candidates, what each strategy answers and why.

    Example: homodb explain FCER1A --from human --to mouse
    """
    with open_chosen(context, release) as opened, late_status("looking up"):
        story = opened.explain(gene, source=source, target=target)
    if as_json:
        give_json(story.rows())
        return
    give_blocks(story.blocks(), ALL_IN_JSON)
