"""Read and write the gene vectors of a release.

There is one Parquet file per species and embedding, with rows ordered by gene key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from homodb.schema.errors import BrokenReleaseError

#: Folder of a release that holds vectors and indexes.
FOLDER = "embeddings"
#: Rows that are read together: a look-up reads a few groups, not the file.
ROWS_PER_GROUP = 64


@dataclass(frozen=True)
class GeneVectors:
    """Vectors of the genes of one species in one embedding.

    Parameters
    ----------
    genes
        Gene keys, ascending, shape (genes,), int64.
    vectors
        Shape (genes, dimensions), float32.
    """

    genes: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


def vectors_file(species: str, model: str, pooling: str) -> str:
    """Return the path of a vectors file within a release.

    Examples
    --------
    >>> vectors_file("homo_sapiens", "kmer", "mean")
    'embeddings/homo_sapiens.kmer-mean.parquet'
    """
    return f"{FOLDER}/{species}.{model}-{pooling}.parquet"


def index_file(species: str, model: str, pooling: str) -> str:
    """Return the path of a vector index within a release.

    Examples
    --------
    >>> index_file("homo_sapiens", "kmer", "mean")
    'embeddings/homo_sapiens.kmer-mean.usearch'
    """
    return f"{FOLDER}/{species}.{model}-{pooling}.usearch"


def write_vectors(path: Path, vectors: GeneVectors) -> None:
    """Write vectors as Parquet.

    Columns are ``gene`` and ``vector`` (a list of fixed size).
    """
    dimensions = vectors.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(vectors.vectors, np.float32).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, dimensions)
    table = pa.table({"gene": pa.array(vectors.genes, pa.int64()), "vector": column})
    # noise does not compress: no dictionary, no codec, so that reading costs next to nothing; small groups of rows,
    # each with its checksums, so that a few genes can be read without the rest
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_page_checksum=True, row_group_size=ROWS_PER_GROUP
    )


def read_vectors(path: Path) -> GeneVectors:
    """Read vectors.

    Raises
    ------
    BrokenReleaseError
        If the file is missing or holds something else.
    """
    try:
        table = pq.read_table(path, columns=["gene", "vector"], page_checksum_verification=True).combine_chunks()
        column = table["vector"].combine_chunks() if table.num_rows else None
        if not pa.types.is_fixed_size_list(table.schema.field("vector").type):
            raise BrokenReleaseError(f"{path}: its vectors do not have one length")
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BrokenReleaseError(f"{path}: cannot be read as gene vectors ({error})") from error
    dimensions = table.schema.field("vector").type.list_size
    flat = np.zeros(0, np.float32) if column is None else _numbers(column.flatten())
    return GeneVectors(_numbers(table["gene"]), flat.astype(np.float32, copy=False).reshape(-1, dimensions))


def read_rows(path: Path, genes: npt.NDArray[np.int64]) -> GeneVectors:
    """Read the vectors of some genes without reading the whole file.

    Parameters
    ----------
    path
        File of vectors.
    genes
        Gene keys in any order; keys missing from the file are ignored.

    Raises
    ------
    BrokenReleaseError
        If the file is missing, holds something else, or was altered where it is read.
    """
    try:
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            stored = _numbers(file.read(columns=["gene"])["gene"])
            rows = np.flatnonzero(np.isin(stored, genes))
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            group_of = np.repeat(np.arange(len(sizes)), sizes)
            groups = np.unique(group_of[rows])
            column = file.read_row_groups(groups.tolist(), columns=["vector"])["vector"].combine_chunks()
            dimensions = column.type.list_size
    except (OSError, pa.ArrowException, KeyError, AttributeError) as error:
        raise BrokenReleaseError(f"{path}: cannot be read as gene vectors ({error})") from error
    read = _numbers(column.flatten()).astype(np.float32, copy=False).reshape(-1, dimensions)
    return GeneVectors(stored[rows], read[np.isin(np.flatnonzero(np.isin(group_of, groups)), rows)])


def _numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Convert a column without nulls to numbers.

    ``to_numpy`` would import pandas, which takes longer than a look-up.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole)


def normalised(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Centre vectors and scale them to unit length.

    Their inner product is Pearson's correlation.

    A constant vector, which correlates with nothing, becomes zero.
    """
    centred = vectors.astype(np.float32, copy=True)
    centred -= centred.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", centred, centred, dtype=np.float64))
    scale = np.abs(vectors).max(axis=1, initial=0.0)
    constant = length <= 1e-6 * scale * np.sqrt(vectors.shape[1])
    length[constant] = 1.0
    centred /= length[:, None].astype(np.float32)
    centred[constant] = 0.0
    return centred
