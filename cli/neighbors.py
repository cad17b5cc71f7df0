"""Define the command ``homodb neighbors``."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli import complete
from homodb.cli.options import (
    EmbeddingOption,
    FileOption,
    FormatOption,
    FromOption,
    JsonOption,
    RawTextOption,
    ReleaseOption,
    ToOption,
    open_chosen,
)
from homodb.cli.output import Format, chosen, give, say
from homodb.cli.progress import late_status
from homodb.cli.values import read_genes, whole


def neighbors(
    context: typer.Context,
    genes: Annotated[
        list[str],
        typer.Argument(
            metavar="GENE...",
            help="Genes, by any name; - reads them from standard input.",
            autocompletion=complete.genes,
        ),
    ],
    source: FromOption,
    target: ToOption,
    k: Annotated[int, whole("-k", low=1, help="Neighbours of each gene.")] = 10,
    embedding: EmbeddingOption = None,
    form: FormatOption = None,
    output: FileOption = None,
    raw_text: RawTextOption = False,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the genes with the most similar proteins.

    Also of genes without any ortholog. Needs a release with vectors, opened by its folder. Source and target may be
    one species.

    Example: homodb neighbors INS --from human --to pig -k 10
    """
    from homodb.query.genes import neighbors_note

    form = chosen(form, as_json, output)
    with open_chosen(context, release) as opened, late_status("searching"):
        frame = opened.neighbors(read_genes(genes), source=source, target=target, k=k, embedding=embedding)
    model = frame["embedding"][0].rpartition("-")[0]
    if form is Format.TABLE:
        short = ["rank", "target_id", "target_symbol", "correlation", "rank_back", "mutual_rank", "margin"]
        unanswered = [] if frame["why"].is_null().all() else ["why"]
        more = ["evidence_class", "homology_type", "confidence", "strategies", "n_isoforms", "n_nmd"]
        frame = frame.select("name", *short, *more, *unanswered)
    give(frame, form, output, raw_text=raw_text)
    if form is Format.TABLE and (note := neighbors_note(model)):
        say(note, dim=True, err=True)
