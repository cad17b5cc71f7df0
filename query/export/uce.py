"""What UCE wants beside vectors: where genes lie, and which species there are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from homodb.schema.errors import MissingEmbeddingError
from homodb.schema.files import whole_file
from homodb.schema.species import Species


def locate(genes: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Give genes without a location the reason to be left out: UCE orders genes by chromosome and start.

    Raises
    ------
    MissingEmbeddingError
        If no gene has one.
    """
    unknown = pl.col("region").is_null() | pl.col("region_start").is_null()
    if genes.select(unknown.all()).item():
        raise MissingEmbeddingError(
            f"UCE orders genes by their place on chromosomes, and the release knows that of no gene of {species.name}; "
            "build it with an annotation or a proteome whose headers tell it"
        )
    return genes.with_columns(reason=pl.when(unknown).then(pl.lit("location unknown")).otherwise("reason"))


def write_chromosomes(path: Path, genes: pl.DataFrame, species: Species) -> None:
    """Write UCE's ``spec_chrom_csv_path``: ``gene_symbol`` (upper case), ``chromosome, start, species``."""
    table = genes.sort("region", "region_start", "stable_id").select(
        gene_symbol=pl.col("name").map_elements(str.upper, pl.String),
        chromosome="region",
        start="region_start",
        species=pl.lit(species.name),
    )
    with whole_file(path) as partial:
        table.write_csv(partial)


def write_species_list(path: Path, files: Mapping[str, Path]) -> None:
    """Write UCE's ``new_species_protein_embeddings.csv``: ``species, path`` (whole paths, as UCE asks for)."""
    table = pl.DataFrame({"species": list(files), "path": [str(file.resolve()) for file in files.values()]})
    with whole_file(path) as partial:
        table.write_csv(partial)
