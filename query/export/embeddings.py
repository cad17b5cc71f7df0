"""Export gene vectors in the formats of other tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from homodb.query.release import Embedding, ReleaseFile, checked_file, find_embedding
from homodb.schema.enums import VectorForm, is_coding
from homodb.schema.errors import BrokenReleaseError, MissingEmbeddingError, MissingPackageError
from homodb.schema.io import make_folder, whole_file
from homodb.schema.species import Species
from homodb.schema.vectors import read_vectors

Vectors = npt.NDArray[np.float32]


def write_parquet(path: Path, genes: pl.DataFrame, vectors: Vectors) -> None:
    """Write vectors as Parquet.

    Columns are ``stable_id``, ``symbol`` and ``vector`` (a list of fixed size, float32).
    """
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
    names = genes.select("stable_id", "symbol").to_arrow()
    with whole_file(path) as partial:
        pq.write_table(names.append_column("vector", column), partial, compression="zstd", use_dictionary=False)


def write_h5(path: Path, genes: pl.DataFrame, vectors: Vectors, about: Mapping[str, str]) -> None:
    """Write vectors as HDF5.

    Datasets are ``stable_id``, ``symbol`` (empty without one) and ``vectors`` (genes x dimensions, float32).

    Raises
    ------
    MissingPackageError
        If h5py is not installed.
    """
    h5py = _needed("h5py")
    with whole_file(path) as partial, h5py.File(partial, "w") as file:
        for name in ("stable_id", "symbol"):
            file.create_dataset(name, data=genes[name].fill_null("").to_list(), dtype=h5py.string_dtype())
        file.create_dataset("vectors", data=vectors)
        file.attrs.update(about)


def write_transcriptformer(path: Path, stable_ids: Sequence[str] | pl.Series, vectors: Vectors) -> None:
    """Write vectors for TranscriptFormer.

    The file has ``keys`` (gene IDs as bytes) and a group ``arrays`` with a vector by ID.

    Its README: https://github.com/czi-ai/transcriptformer (option ``--pretrained-embedding``).

    Raises
    ------
    MissingPackageError
        If h5py is not installed.
    """
    h5py = _needed("h5py")
    with whole_file(path) as partial, h5py.File(partial, "w") as file:
        names = list(stable_ids)
        file.create_dataset("keys", data=np.array([name.encode() for name in names], dtype=np.bytes_))
        arrays = file.create_group("arrays")
        for name, vector in zip(names, vectors, strict=True):
            arrays.create_dataset(name, data=vector)


def write_symbol_dictionary(path: Path, names: Sequence[str], vectors: Vectors) -> None:
    """Write vectors for SATURN and UCE.

    It is a torch file with a dictionary from gene name to vector.

    Their code: https://github.com/snap-stanford/SATURN and https://github.com/snap-stanford/UCE.

    Raises
    ------
    MissingPackageError
        If torch is not installed.
    """
    torch = _needed("torch")
    rows = torch.from_numpy(np.ascontiguousarray(vectors)).unbind(0)  # rows of one storage, which is saved once
    with whole_file(path) as partial:
        torch.save(dict(zip(names, rows, strict=True)), partial)


def _needed(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(f"this form needs {name}, which is not installed: pip install {name}") from error


def locate(genes: pl.DataFrame, species: Species) -> pl.DataFrame:
    """Mark genes without a location as left out.

    UCE orders genes by chromosome and start.

    Raises
    ------
    MissingEmbeddingError
        If no gene has a location.
    """
    unknown = pl.col("region").is_null() | pl.col("region_start").is_null()
    if genes.select(unknown.all()).item():
        raise MissingEmbeddingError(
            f"UCE orders genes by their place on chromosomes, and the release knows that of no gene of {species.name}; "
            "build it with an annotation or a proteome whose headers name it"
        )
    return genes.with_columns(reason=pl.when(unknown).then(pl.lit("location unknown")).otherwise("reason"))


def write_chromosomes(path: Path, genes: pl.DataFrame, species: Species) -> None:
    """Write UCE's ``spec_chrom_csv_path``.

    Columns are ``gene_symbol`` (upper case), ``chromosome, start, species``.
    """
    table = genes.sort("region", "region_start", "stable_id").select(
        gene_symbol=pl.col("name").map_elements(str.upper, pl.String),
        chromosome="region",
        start="region_start",
        species=pl.lit(species.name),
    )
    with whole_file(path) as partial:
        table.write_csv(partial)


def write_species_list(path: Path, files: Mapping[str, Path]) -> None:
    """Write UCE's ``new_species_protein_embeddings.csv``.

    Columns are ``species, path`` (absolute paths, as UCE requires).
    """
    table = pl.DataFrame({"species": list(files), "path": [str(file.resolve()) for file in files.values()]})
    with whole_file(path) as partial:
        table.write_csv(partial)


@dataclass(frozen=True)
class Exported:
    """Export of one species.

    Parameters
    ----------
    species
        Production name.
    files
        Written files, the one with the vectors first.
    genes, dimensions
        Shape of the written vectors.
    left_out
        Row per gene that was left out: ``stable_id, symbol, reason``.
    """

    species: str
    files: tuple[Path, ...]
    genes: int
    dimensions: int
    left_out: pl.DataFrame

    def reasons(self) -> str:
        """Return the reasons for left-out genes, with counts.

        Genes that lost their name to another gene count as one reason.
        """
        kinds = self.left_out.select(pl.col("reason").str.replace(" to .*", " to another gene"))["reason"]
        return ", ".join(f"{count:,} {kind}" for kind, count in sorted(Counter(kinds).items()))

    def summary(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "species": self.species,
            "files": [str(path) for path in self.files],
            "genes": self.genes,
            "dimensions": self.dimensions,
            "left_out": self.left_out.to_dicts(),
        }


def export_embeddings(
    release: ReleaseFile,
    folder: Path,
    *,
    form: VectorForm | str,
    species: Sequence[str | int | Species] | None = None,
    embedding: str | None = None,
    report: Callable[[str], None] = lambda species: None,
) -> tuple[Exported, ...]:
    """Write gene vectors, one set of files per species.

    Parameters
    ----------
    release
        Open release, with its folder.
    folder
        Output folder, made if missing. Every file appears whole or not at all.
    form
        ``parquet`` and ``h5`` hold every gene by stable ID and symbol. ``saturn`` and ``uce`` are torch dictionaries
        from name to vector, as these tools load them; a gene without symbol goes by its stable ID, and of several
        genes of one name (whatever its case, for both tools ignore it) the one that codes for a protein, then the one
        with the most isoforms, then the first by stable ID is written, the others left out. ``uce`` also writes where
        genes lie and a list of species, and leaves out genes whose location is unknown. ``transcriptformer`` is an
        HDF5 dictionary from stable ID to vector.
    species
        Species; by default all with vectors.
    embedding
        Name of the embedding; by default the release's default one.
    report
        Callback that receives each species' name before it is written.

    Raises
    ------
    MissingEmbeddingError
        If the release has no such vectors.
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


def _embedded(release: ReleaseFile, embedding: Embedding) -> list[Species]:
    names = {file.path for file in release.manifest.files} if release.manifest else set()
    return [one for one in release.species if embedding.vectors(one) in names or not names]


def _export(
    release: ReleaseFile, folder: Path, form: VectorForm, species: Species, embedding: Embedding, place: Path
) -> Exported:
    """Write one species."""
    stored = read_vectors(place)
    genes = release.ask("embedded_genes", {"embedding": embedding.number, "species": species.number})
    if not np.array_equal(genes["gene"].to_numpy(), stored.genes):
        raise BrokenReleaseError(f"{place}: its genes are not those of table gene_embedding; get the release again")
    genes = genes.with_columns(row=pl.int_range(pl.len()), reason=pl.lit(None, pl.String))
    files = [folder / f"{species.name}.{embedding.name}.{form}"]
    about = {"species": species.name, "model": embedding.model, "pooling": embedding.pooling}
    about |= {"release": release.version, "ensembl": release.ensembl or ""}
    match form:
        case VectorForm.PARQUET:
            write_parquet(files[0], genes, stored.vectors)
        case VectorForm.H5:
            write_h5(files[0], genes, stored.vectors, about)
        case VectorForm.TRANSCRIPTFORMER:
            files = [folder / f"{species.name}_gene.h5"]
            write_transcriptformer(files[0], genes["stable_id"], stored.vectors)
        case VectorForm.SATURN | VectorForm.UCE:
            files = [folder / f"{species.name}.gene_symbol_to_embedding_{embedding.name}.pt"]
            genes = _named_once(locate(genes, species) if form is VectorForm.UCE else genes)
            kept = genes.filter(pl.col("reason").is_null())
            if form is VectorForm.UCE:
                files.append(folder / f"{species.name}_to_chrom_pos.csv")
                write_chromosomes(files[1], kept, species)
            write_symbol_dictionary(files[0], kept["name"].to_list(), stored.vectors[kept["row"].to_numpy()])
    left_out = genes.filter(pl.col("reason").is_not_null()).select("stable_id", "symbol", "reason")
    return Exported(species.name, tuple(files), genes.height - left_out.height, stored.vectors.shape[1], left_out)


def _named_once(genes: pl.DataFrame) -> pl.DataFrame:
    """Add ``name``, and a reason to genes that lose it to another gene."""
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
