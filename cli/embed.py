"""Define the command ``homodb embed``."""

from __future__ import annotations

import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, say
from homodb.cli.progress import steps_bar
from homodb.cli.values import whole, word
from homodb.schema.errors import StoppedError
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from homodb.etl.embeddings import EmbeddingProgress


class LongWay(StrEnum):
    """Ways to embed proteins longer than the model's limit."""

    TRUNCATE = "truncate"
    WINDOW = "window"


def embed(
    proteomes: Annotated[list[Path], typer.Argument(metavar="PROTEOME.fa.gz...", help="Ensembl pep.all FASTA files.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="STORE", help="Folder of vectors; it may exist.")],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="kmer, or an ESM2 checkpoint.")] = "kmer",
    weights: Annotated[Path | None, typer.Option("--weights", metavar="FILE", help="The checkpoint's file.")] = None,
    layer: Annotated[int | None, whole("--layer", help="Layer of the model. Default: the last.")] = None,
    long: Annotated[
        LongWay | None, word("--long", kind=LongWay, help="Proteins of over 1022 residues; by default truncated")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="NAME", help="Where to compute: auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", metavar="NAME", help="Of the numbers: float32, bfloat16 or float16.")
    ] = "float32",
    workers: Annotated[int, whole("--workers", low=1, high=1024, help="Processes that compute.")] = 1,
    species: Annotated[
        list[str] | None,
        typer.Option(
            "--species", metavar="NAME", help="Of all files, or repeated, of each. Default: as the file's name begins."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Embed proteomes into a store of vectors.

    By sequence, and only what is not there yet. Stopped at any moment, the same command goes on where it was, and the
    result is the same.

    Example: homodb embed Homo_sapiens.GRCh38.pep.all.fa.gz -o vectors --model esm2_t6_8M_UR50D
    """
    from rich.progress import TimeRemainingColumn

    from homodb.etl.embeddings import Long, ModelSpec, embed_proteomes

    spec = ModelSpec(model, weights, layer, None if long is None else Long(long.value), device, precision)
    begun, last, seconds = time.perf_counter(), "nothing", 0.0
    try:
        with steps_bar(f"loading {model}", TimeRemainingColumn()) as show:

            def progress(now: EmbeddingProgress) -> None:
                nonlocal begun, last, seconds
                begun = begun if now.tokens else time.perf_counter()
                seconds = time.perf_counter() - begun
                last = f"{now.done:,} of {counted(now.total, 'sequence')}"
                rate = f", {now.tokens / seconds:,.0f} tokens/s" if now.tokens else ""
                show(last + rate, now.tokens, now.total_tokens)

            summary = embed_proteomes(
                proteomes, output, spec, species=species or (), workers=workers, progress=progress
            )
    except KeyboardInterrupt:
        raise StoppedError(f"stopped; {last} embedded and kept in {output}: the same command goes on there") from None
    if as_json:
        give_json(asdict(summary) | {"seconds": seconds})
        return
    counts = summary.counts
    for reason, count in summary.dropped.items():
        say(f"noted: {count:,} {reason}", err=True)
    rate = f", {counts.tokens:,} tokens at {counts.tokens / seconds:,.0f}/s" if counts.embedded else ""
    others = f", {counts.elsewhere:,} by another process" if counts.elsewhere else ""
    say(
        f"embedded by {summary.identity.model}: {counts.embedded:,} of "
        f"{counted(counts.unique, 'different sequence')} of {counted(summary.proteins, 'protein')}{rate}{others}; "
        f"{counts.stored:,} in the store before; {summary.store}"
    )
