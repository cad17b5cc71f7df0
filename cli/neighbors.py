"""``homodb neighbors``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import EmbeddingOption, FromOption, JsonOption, ReleaseOption, ToOption, open_chosen
from homodb.cli.output import Format, give


def neighbors(
    context: typer.Context,
    genes: Annotated[list[str], typer.Argument(metavar="GENE...", help="Genes, by any name.")],
    source: FromOption,
    target: ToOption,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="Neighbours of each gene. Default: 10.")] = 10,
    embedding: EmbeddingOption = None,
    form: Annotated[Format, typer.Option("--format", help="How to give the answer.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="File to write.")] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name the nearest genes of a species by embedding, also for genes without any ortholog.

    Needs a release with vectors, opened by its folder. Source and target may be one species.

    Example: homodb neighbors INS --from human --to pig -k 10
    """
    with open_chosen(context, release) as opened:
        frame = opened.neighbors(genes, source=source, target=target, k=k, embedding=embedding)
    chosen = Format.JSON if as_json else form
    if chosen is Format.TABLE and output is None:
        short = ["rank", "target_id", "target_symbol", "correlation", "evidence_class", "homology_type"]
        unanswered = [] if frame["why"].is_null().all() else ["why"]
        frame = frame.select("name", *short, "confidence", "strategies", "n_isoforms", "n_nmd", *unanswered)
    give(frame, chosen, output)
