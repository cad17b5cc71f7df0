"""Vectors of genes for methods that work in protein space: those of the release, or of any other table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.cells import SpeciesCells
from homodb.query.genes import resolve
from homodb.query.integrate.linear import log_normalized
from homodb.query.release import ReleaseFile, checked_file, find_embedding
from homodb.schema.errors import MissingEmbeddingError, VectorsError
from homodb.schema.io import check_there
from homodb.schema.species import Species
from homodb.schema.vectors import GeneVectors, read_vectors

#: Columns of the found genes of a side, and their vectors.
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


def vectors_of(
    release: ReleaseFile, *, embedding: str | None = None, files: Mapping[str, Path] | None = None
) -> Callable[[SpeciesCells], Found]:
    """Return a function that gives the vectors of a side's genes.

    Parameters
    ----------
    release
        An open release.
    embedding
        Which of its embeddings; None for the default one. Not used with files.
    files
        Tables of vectors by the name of their species; ``""`` for one whose genes every species looks up by its own
        names. A table is Parquet (with a column of lists, or of numbers each), TSV or CSV; its first column of text
        holds the names of genes, or a column ``gene`` their keys as a release has them.

    Raises
    ------
    MissingEmbeddingError
        If the release, or the tables, have no vectors for a species; raised when they are asked for.
    VectorsError
        If a table cannot be read, or vectors differ in their dimensions.
    """
    tables: dict[str, pl.DataFrame] = {}
    known: dict[int, GeneVectors] = {}

    def read(species: Species) -> GeneVectors:
        if species.number not in known:
            known[species.number] = (
                _from_table(release, species, files, tables) if files else _from_release(release, species, embedding)
            )
        return known[species.number]

    def found(side: SpeciesCells) -> Found:
        told = read(side.species)
        if len({one.vectors.shape[1] for one in known.values()}) > 1:
            sizes = ", ".join(str(one.vectors.shape[1]) for one in known.values())
            raise VectorsError(
                f"the vectors of the species differ in their dimensions ({sizes}); give them by one model"
            )
        _, columns, rows = np.intersect1d(side.genes, told.genes, assume_unique=True, return_indices=True)
        if not len(columns):
            raise MissingEmbeddingError(f"none of the measured genes of {side.species.common_name} has a vector")
        return columns.astype(np.int64), told.vectors[rows]

    return found


def read_vector_options(texts: Sequence[str]) -> dict[str, Path]:
    """Read what ``--vectors`` gives: ``FILE`` for all species, or ``SPECIES=FILE``.

    Examples
    --------
    >>> read_vector_options(["human=h.tsv", "mouse=m.tsv"])["mouse"].name
    'm.tsv'
    """
    split = [text.partition("=") if "=" in text and not Path(text).exists() else ("", "", text) for text in texts]
    return {species.strip(): Path(file.strip()) for species, _, file in split}


def _from_release(release: ReleaseFile, species: Species, embedding: str | None) -> GeneVectors:
    chosen = find_embedding(release, embedding)
    return read_vectors(checked_file(release, chosen.vectors(species)))


def _from_table(
    release: ReleaseFile, species: Species, files: Mapping[str, Path], tables: dict[str, pl.DataFrame]
) -> GeneVectors:
    own = [file for name, file in files.items() if name and release.find_species(name) == species]
    path = own[0] if own else files.get("")
    if path is None:
        raise MissingEmbeddingError(
            f"no table of vectors is given for {species.common_name}; name it: --vectors {species.common_name}=FILE"
        )
    if str(path) not in tables:
        tables[str(path)] = _table(path)
    table = tables[str(path)]
    names, matrix = table["name"], np.stack(table["vector"].to_list()).astype(np.float32)
    if not np.isfinite(matrix).all():
        raise VectorsError(f"{path}: holds NaN or infinite numbers")
    if names.dtype.is_integer():
        genes = names.cast(pl.Int64).to_numpy()
    else:
        genes = resolve(release, names.to_list(), species)["gene"].fill_null(-1).to_numpy()
    rows = np.flatnonzero(genes >= 0)
    keys, first = np.unique(genes[rows], return_index=True)
    return GeneVectors(keys.astype(np.int64), matrix[rows[first]])


def _table(path: Path) -> pl.DataFrame:
    """Return ``name`` (text, or a gene's key) and ``vector`` (a list) of each row."""
    check_there(path, error=VectorsError)
    try:
        if path.suffix in (".parquet", ".pq"):
            table = pl.read_parquet(path)
        else:
            table = pl.read_csv(path, separator="," if path.suffix == ".csv" else "\t", infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise VectorsError(f"{path}: cannot be read as a table of vectors ({error})") from error
    keyed = "gene" in table.columns and table.schema["gene"].is_integer()
    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    lists = [name for name, kind in table.schema.items() if isinstance(kind, pl.List | pl.Array)]
    numbers = [name for name, kind in table.schema.items() if kind.is_numeric() and not (keyed and name == "gene")]
    if not (keyed or texts) or not (lists or numbers) or not table.height:
        raise VectorsError(
            f"{path}: is no table of vectors; wanted a column of gene names, and a column of lists or a column for each"
            f" number, got {', '.join(table.columns) or 'no column'} of {table.height} rows"
        )
    vector = pl.col(lists[0]) if lists else pl.concat_list(pl.col(name).cast(pl.Float64) for name in numbers)
    made = table.select(name=pl.col("gene" if keyed else texts[0]), vector=vector.cast(pl.List(pl.Float64)))
    made = made.drop_nulls()
    if made["vector"].list.len().n_unique() != 1:
        raise VectorsError(f"{path}: its vectors are not of one length")
    return made


_ROWS = 4096


def weighted_means(
    counts: sp.csr_matrix,
    found: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
    *,
    top: int = 100,
    centre: bool = True,
) -> npt.NDArray[np.float64]:
    """Lay cells out as the weighted means of their genes' vectors.

    Parameters
    ----------
    counts
        CSR, cells x genes.
    found, vectors
        Columns of the genes that have vectors, and these, shape (genes, dimensions).
    top
        So many genes of a cell count: those of the most counts, by log1p of counts to 10 000, which are their weights;
        ties fall to the gene of the lowest key; 0 for all.
    centre
        Whether the mean over these cells is taken off, so that what sets a whole species (or its way of
        measuring) apart does not count; a side then needs cells of several types, in shares like the other's.

    Returns
    -------
    numpy.ndarray
        Shape (cells, dimensions); a row of zeros for a cell that has none of these genes.
    """
    totals = np.asarray(counts.sum(axis=1), np.float64).ravel()
    weights = log_normalized(sp.csr_matrix(counts[:, found]), totals)
    weights = strongest(weights, top) if top else weights
    sums = np.asarray(weights.sum(axis=1)).ravel()
    there = sums > 0
    exact = vectors.astype(np.float64)
    cells = np.zeros((len(totals), vectors.shape[1]))
    for start in range(0, len(totals), _ROWS):
        part = slice(start, start + _ROWS)
        cells[part] = weights[part] @ exact
    cells[there] /= sums[there, None]
    if centre and there.sum() > 1:
        cells[there] -= cells[there].mean(axis=0)
    return cells


def strongest(matrix: sp.csr_matrix, top: int) -> sp.csr_matrix:
    """Keep the `top` largest values of each row, those of the first columns among equal ones.

    Examples
    --------
    >>> strongest(sp.csr_matrix([[3.0, 1.0, 3.0, 5.0]]), 2).toarray()
    array([[3., 0., 0., 5.]])
    """
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    rank = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = np.sort(order[rank < top])
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows[kept], minlength=matrix.shape[0]))])
    return sp.csr_matrix((matrix.data[kept], matrix.indices[kept], ends), matrix.shape)
