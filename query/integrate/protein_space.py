"""Read gene vectors from a release or a table, and place cells in their space."""

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
from homodb.schema.errors import IntegrationError, MissingEmbeddingError, VectorsError
from homodb.schema.io import check_there
from homodb.schema.species import Species
from homodb.schema.vectors import GeneVectors, read_vectors

_ROWS = 4096
#: Columns of genes with a vector, and their vectors.
ColumnVectors = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]


def vectors_of(
    release: ReleaseFile, *, embedding: str | None = None, files: Mapping[str, Path] | None = None
) -> Callable[[SpeciesCells], ColumnVectors]:
    """Return a function that returns the vectors of a side's genes.

    Parameters
    ----------
    release
        Open release.
    embedding
        Embedding of the release; None for its default. Ignored if there are files.
    files
        Tables of vectors by the name of their species, or ``""`` for a table that all species use by their own gene
        names. A table is Parquet (a column of lists, or a column for each number), TSV or CSV; its first text column
        contains gene names, or a column ``gene`` the release's keys.

    Raises
    ------
    MissingEmbeddingError
        By the function, if the release or the tables have no vectors for a species.
    VectorsError
        By the function, if a table cannot be read, or vectors differ in their dimensions.
    """
    tables: dict[str, pl.DataFrame] = {}
    read: dict[int, GeneVectors] = {}

    def side_vectors(side: SpeciesCells) -> ColumnVectors:
        species = side.species
        if species.number not in read:
            read[species.number] = (
                _from_table(release, species, files, tables) if files else _from_release(release, species, embedding)
            )
        own = read[species.number]
        if len({one.vectors.shape[1] for one in read.values()}) > 1:
            sizes = ", ".join(str(one.vectors.shape[1]) for one in read.values())
            raise VectorsError(
                f"the vectors of the species differ in their dimensions ({sizes}); give them by one model"
            )
        _, columns, rows = np.intersect1d(side.genes, own.genes, assume_unique=True, return_indices=True)
        if not len(columns):
            raise MissingEmbeddingError(f"none of the measured genes of {species.common_name} has a vector")
        return columns.astype(np.int64), own.vectors[rows]

    return side_vectors


def feature_vectors(
    release: ReleaseFile, species: Species, genes: tuple[str, ...] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the features with a vector in a species, and the mean vectors of their genes.

    `genes` are the stable IDs of each feature's genes, joined by ``;``, or None if var does not contain them, which is
    an IntegrationError.
    """
    if genes is None:
        raise IntegrationError(
            f"var does not name the genes of {species.common_name} (homodb_{species.name}_id, which homodb join"
            " writes); method protein needs them"
        )
    embedding = _from_release(release, species, None)
    split = [[one for one in text.split(";") if one] for text in genes]
    feature = np.repeat(np.arange(len(split)), [len(one) for one in split])
    keys = resolve(release, [one for row in split for one in row], species)["gene"].fill_null(-1).to_numpy()
    place = np.minimum(np.searchsorted(embedding.genes, keys), max(len(embedding.genes) - 1, 0))
    present = np.flatnonzero(embedding.genes[place] == keys) if len(embedding.genes) else np.empty(0, np.int64)
    columns, row = np.unique(feature[present], return_inverse=True)
    mean = sp.csr_matrix((np.ones(len(present)), (row, place[present])), (len(columns), len(embedding.genes)))
    times = np.asarray(mean.sum(axis=1))
    return columns.astype(np.int64), ((mean @ embedding.vectors.astype(np.float64)) / times).astype(np.float32)


def read_vector_options(texts: Sequence[str]) -> dict[str, Path]:
    """Parse tables of vectors: ``FILE`` for all species, or ``SPECIES=FILE``.

    Examples
    --------
    >>> read_vector_options(["human=h.tsv", "mouse=m.tsv"])["mouse"].name
    'm.tsv'
    """
    split = [text.partition("=") if "=" in text and not Path(text).exists() else ("", "", text) for text in texts]
    return {species.strip(): Path(file.strip()) for species, _, file in split}


def _from_release(release: ReleaseFile, species: Species, embedding: str | None) -> GeneVectors:
    return read_vectors(checked_file(release, find_embedding(release, embedding).vectors(species)))


def _from_table(
    release: ReleaseFile, species: Species, files: Mapping[str, Path], tables: dict[str, pl.DataFrame]
) -> GeneVectors:
    own = [file for name, file in files.items() if name and release.find_species(name) == species]
    path = own[0] if own else files.get("")
    if path is None:
        raise MissingEmbeddingError(
            f"no table of vectors is given for {species.common_name}; name it as {species.common_name}=FILE",
            option="vectors",
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
            f"{path}: is not a table of vectors; expected a column of gene names, and a column of lists or a column"
            f" for each number, got {', '.join(table.columns) or 'no column'} of {table.height} rows"
        )
    vector = pl.col(lists[0]) if lists else pl.concat_list(pl.col(name).cast(pl.Float64) for name in numbers)
    selected = table.select(name=pl.col("gene" if keyed else texts[0]), vector=vector.cast(pl.List(pl.Float64)))
    complete = selected.drop_nulls()
    if complete["vector"].list.len().n_unique() != 1:
        raise VectorsError(f"{path}: its vectors are not of one length")
    return complete


def weighted_means(
    counts: sp.csr_matrix,
    columns: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float32],
    *,
    top: int = 100,
    centre: bool = True,
) -> npt.NDArray[np.float64]:
    """Place cells at the weighted means of their genes' vectors; a cell without such genes is at 0.

    Parameters
    ----------
    counts
        CSR, cells x genes.
    columns, vectors
        Columns of the genes with a vector, and their vectors, shape (genes, dimensions).
    top
        Number of genes of a cell that count, those with the most counts; ties are in order of keys; 0 for all. Weights
        are log1p of counts to 10 000.
    centre
        Whether the mean over these cells is subtracted, and with it differences between whole species or protocols;
        both sides then need several cell types in similar proportions.
    """
    totals = np.asarray(counts.sum(axis=1), np.float64).ravel()
    weights = log_normalized(sp.csr_matrix(counts[:, columns]), totals)
    weights = strongest(weights, top) if top else weights
    sums = np.asarray(weights.sum(axis=1)).ravel()
    is_placed = sums > 0
    exact = vectors.astype(np.float64)
    cells = np.zeros((len(totals), vectors.shape[1]))
    for start in range(0, len(totals), _ROWS):
        part = slice(start, start + _ROWS)
        cells[part] = weights[part] @ exact
    cells[is_placed] /= sums[is_placed, None]
    if centre and is_placed.sum() > 1:
        cells[is_placed] -= cells[is_placed].mean(axis=0)
    return cells


def strongest(matrix: sp.csr_matrix, top: int) -> sp.csr_matrix:
    """Keep the `top` largest values of each row; ties are in order of columns.

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
