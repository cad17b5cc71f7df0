"""``homodb export embeddings``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import EmbeddingOption, JsonOption, ReleaseOption, open_chosen
from homodb.schema.exports import VectorForm


def embeddings(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write to.")],
    form: Annotated[VectorForm, typer.Option("--format", help="Form of the files.")],
    species: Annotated[
        list[str] | None, typer.Option("--species", metavar="SPECIES", help="May be repeated. Default: all.")
    ] = None,
    embedding: EmbeddingOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vectors of genes, as Parquet, HDF5, or what SATURN, UCE or TranscriptFormer load.

    Example: homodb export embeddings -o vectors --format saturn --species human --species pig
    """
    from homodb.query.export import export_embeddings

    with open_chosen(context, release) as opened:
        done = export_embeddings(opened, output, form=form, species=species, embedding=embedding)
    if as_json:
        typer.echo(json.dumps([one.summary() for one in done], ensure_ascii=False))
        return
    for one in done:
        files = ", ".join(str(file) for file in one.files)
        typer.echo(f"{one.species}: {one.genes:,} genes x {one.dimensions:,} in {files}")
        if one.left_out.height:
            typer.echo(f"  left out: {one.left_out.height:,} (--json names them): {one.reasons()}")
