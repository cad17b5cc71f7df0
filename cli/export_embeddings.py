"""Define the command ``homodb export embeddings``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import EmbeddingOption, JsonOption, ReleaseOption, open_chosen
from homodb.cli.output import give_json, say
from homodb.cli.values import word
from homodb.schema.enums import VectorForm
from homodb.schema.io import check_folder
from homodb.schema.messages import counted


def embeddings(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to write to.")],
    form: Annotated[VectorForm, word("--format", kind=VectorForm, help="Form of the files")],
    species: Annotated[
        list[str] | None, typer.Option("--species", metavar="SPECIES", help="May be repeated. Default: all.")
    ] = None,
    embedding: EmbeddingOption = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the vectors of genes.

    As Parquet, HDF5, or what SATURN, UCE or TranscriptFormer load.

    Example: homodb export embeddings -o vectors --format saturn --species human --species pig
    """
    from homodb.query.export import export_embeddings

    check_folder(output)
    with open_chosen(context, release) as opened:
        done = export_embeddings(opened, output, form=form, species=species, embedding=embedding)
    if as_json:
        give_json([one.summary() for one in done])
        return
    for one in done:
        files = ", ".join(str(file) for file in one.files)
        say(f"{one.species}: {counted(one.genes, 'gene')} x {one.dimensions:,} in {files}")
        if one.left_out.height:
            say(f"  left out: {one.left_out.height:,} (--json names them): {one.reasons()}")
