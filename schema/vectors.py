"""Read and write gene vectors: one Parquet file per species and embedding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homodb.schema.errors import BrokenReleaseError

#: Folder of a release with vectors and indexes.
FOLDER = "embeddings"
#: Rows per row group: a look-up reads a few groups, not the file.
ROWS_PER_GROUP = 64


@dataclass(frozen=True)
class GeneVectors:
    """Gene vectors of one species and embedding.

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
    """Write vectors as Parquet with columns ``gene`` and ``vector``."""
    import pyarrow.parquet as pq

    dimensions = vectors.vectors.shape[1]
    flat = pa.array(np.ascontiguousarray(vectors.vectors, np.float32).reshape(-1))
    column = pa.FixedSizeListArray.from_arrays(flat, dimensions)
    table = pa.table({"gene": pa.array(vectors.genes, pa.int64()), "vector": column})
    # vectors do not compress: without dictionary and codec reading is cheap; small row groups with checksums allow to
    # read a few genes
    pq.write_table(
        table, path, compression="none", use_dictionary=False, write_page_checksum=True, row_group_size=ROWS_PER_GROUP
    )


def read_vectors(path: Path) -> GeneVectors:
    """Read vectors.

    Raises
    ------
    BrokenReleaseError
        If the file is missing or has other content.
    """
    import pyarrow.parquet as pq

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
    """Read the vectors of some genes.

    Parameters
    ----------
    genes
        Gene keys, in any order; genes that the file lacks are left out.

    Raises
    ------
    BrokenReleaseError
        If the file is missing, has other content, or was altered in the rows that are read.
    """
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            keys = _numbers(file.read(columns=["gene"])["gene"])
            rows = np.flatnonzero(np.isin(keys, genes))
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            group_of = np.repeat(np.arange(len(sizes)), sizes)
            groups = np.unique(group_of[rows])
            column = file.read_row_groups(groups.tolist(), columns=["vector"])["vector"].combine_chunks()
            dimensions = column.type.list_size
    except (OSError, pa.ArrowException, KeyError, AttributeError) as error:
        raise BrokenReleaseError(f"{path}: cannot be read as gene vectors ({error})") from error
    read = _numbers(column.flatten()).astype(np.float32, copy=False).reshape(-1, dimensions)
    return GeneVectors(keys[rows], read[np.isin(np.flatnonzero(np.isin(group_of, groups)), rows)])


def _numbers(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column without nulls as numbers. ``to_numpy`` would import pandas, which takes longer than a look-up."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole)


def normalised(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Centre vectors and scale them to unit length.

    Their inner product is Pearson's correlation. A constant vector becomes zero.
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
