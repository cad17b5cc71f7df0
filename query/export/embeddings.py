"""Exports the vectors of genes in the forms that other tools load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from homodb.query.export.forms import write_h5, write_parquet, write_symbol_dictionary, write_transcriptformer
from homodb.query.export.uce import locate, write_chromosomes, write_species_list
from homodb.query.release import Release
from homodb.query.vector_files import Embedding, checked_file, find_embedding
from homodb.schema.errors import BrokenReleaseError
from homodb.schema.exports import VectorForm
from homodb.schema.files import make_folder
from homodb.schema.species import Species
from homodb.schema.strategies import is_coding
from homodb.schema.vectors import read_vectors


@dataclass(frozen=True)
class Exported:
    """What was exported of one species.

    Parameters
    ----------
    species
        Production name.
    files
        Files written, the one with the vectors first.
    genes, dimensions
        Shape of what was written.
    left_out
        A row per gene that was left out: ``stable_id, symbol, reason``.
    """

    species: str
    files: tuple[Path, ...]
    genes: int
    dimensions: int
    left_out: pl.DataFrame

    def reasons(self) -> str:
        """Return why genes were left out, with counts; genes whose name went to another one are one reason."""
        kinds = self.left_out.select(pl.col("reason").str.replace(" to .*", " to another gene"))["reason"]
        return ", ".join(f"{count:,} {kind}" for kind, count in sorted(Counter(kinds).items()))

    def summary(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return {
            "species": self.species,
            "files": [str(path) for path in self.files],
            "genes": self.genes,
            "dimensions": self.dimensions,
            "left_out": self.left_out.to_dicts(),
        }


def export_embeddings(
    release: Release,
    folder: Path,
    *,
    form: VectorForm | str,
    species: Sequence[str | int | Species] | None = None,
    embedding: str | None = None,
    report: Callable[[str], None] = lambda species: None,
) -> tuple[Exported, ...]:
    """Write the vectors of genes, one set of files a species.

    Parameters
    ----------
    release
        An open release, with its folder.
    folder
        Where to write; it is made where it is not there. Every file appears whole or not at all.
    form
        ``parquet`` and ``h5`` hold every gene by stable ID and symbol. ``saturn`` and ``uce`` are torch dictionaries
        from name to vector, as these tools load them; a gene without symbol goes by its stable ID, and of several
        genes of one name (whatever its case, for both tools ignore it) the one that codes for a protein, then the one
        with the most isoforms, then the first by stable ID is written, the others left out. ``uce`` also writes where
        genes lie and a list of species, and leaves out genes whose location is unknown. ``transcriptformer`` is an
        HDF5 dictionary from stable ID to vector.
    species
        Which species; by default all that have vectors.
    embedding
        Which embedding; by default the release's default one.
    report
        Called with each species' name before it is written.

    Raises
    ------
    MissingEmbeddingError
        If the release has no such vectors at hand.
    MissingPackageError
        If torch or h5py is needed and not installed.
    BrokenReleaseError
        If a file of vectors is missing or altered.
    OutputError
        If a file cannot be written.
    """
    chosen, form = find_embedding(release, embedding), VectorForm(form)
    wanted = [release.find_species(one) for one in species] if species else _embedded(release, chosen)
    make_folder(folder)
    places = {one: checked_file(release, chosen.vectors(one)) for one in wanted}
    exported = []
    for one, place in places.items():
        report(one.name)
        exported.append(_export(release, folder, form, one, chosen, place))
    if form is VectorForm.UCE:
        write_species_list(folder / "new_species_protein_embeddings.csv", {e.species: e.files[0] for e in exported})
    return tuple(exported)


def _embedded(release: Release, embedding: Embedding) -> list[Species]:
    names = {file.path for file in release.manifest.files} if release.manifest else set()
    return [one for one in release.species if embedding.vectors(one) in names or not names]


def _export(
    release: Release, folder: Path, form: VectorForm, species: Species, embedding: Embedding, place: Path
) -> Exported:
    """Write one species."""
    told = read_vectors(place)
    genes = release.ask("embedded_genes", {"embedding": embedding.number, "species": species.number})
    if not np.array_equal(genes["gene"].to_numpy(), told.genes):
        raise BrokenReleaseError(f"{place}: its genes are not those of table gene_embedding; get the release again")
    genes = genes.with_columns(row=pl.int_range(pl.len()), reason=pl.lit(None, pl.String))
    files = [folder / f"{species.name}.{embedding.name}.{form}"]
    about = {"species": species.name, "model": embedding.model, "pooling": embedding.pooling}
    about |= {"release": release.version, "ensembl": release.ensembl or ""}
    match form:
        case VectorForm.PARQUET:
            write_parquet(files[0], genes, told.vectors)
        case VectorForm.H5:
            write_h5(files[0], genes, told.vectors, about)
        case VectorForm.TRANSCRIPTFORMER:
            files = [folder / f"{species.name}_gene.h5"]
            write_transcriptformer(files[0], genes["stable_id"], told.vectors)
        case VectorForm.SATURN | VectorForm.UCE:
            files = [folder / f"{species.name}.gene_symbol_to_embedding_{embedding.name}.pt"]
            genes = _named_once(locate(genes, species) if form is VectorForm.UCE else genes)
            kept = genes.filter(pl.col("reason").is_null())
            if form is VectorForm.UCE:
                files.append(folder / f"{species.name}_to_chrom_pos.csv")
                write_chromosomes(files[1], kept, species)
            write_symbol_dictionary(files[0], kept["name"].to_list(), told.vectors[kept["row"].to_numpy()])
    left_out = genes.filter(pl.col("reason").is_not_null()).select("stable_id", "symbol", "reason")
    return Exported(species.name, tuple(files), genes.height - left_out.height, told.vectors.shape[1], left_out)


def _named_once(genes: pl.DataFrame) -> pl.DataFrame:
    """Add ``name``, and a reason to genes that lose theirs to another gene."""
    named = genes.with_columns(name=pl.coalesce("symbol", "stable_id")).with_columns(
        key=pl.col("name").map_elements(str.casefold, pl.String),
        coding=pl.col("biotype").map_elements(is_coding, pl.Boolean, skip_nulls=False),
    )
    order = ["coding", "n_isoforms", "stable_id"]
    first = (
        named.filter(pl.col("reason").is_null())
        .sort(order, descending=[True, True, False])
        .unique("key", keep="first", maintain_order=True)
        .select("key", winner="stable_id")
    )
    lost = pl.col("reason").is_null() & (pl.col("winner") != pl.col("stable_id"))
    return named.join(first, on="key", how="left", maintain_order="left").with_columns(
        reason=pl.when(lost).then(pl.format("its name went to {}", "winner")).otherwise("reason")
    )
