"""Read matrices in blocks of rows, from memory or from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells.slots import held_as, values_of
from homodb.schema.errors import CountsError, TranslationError

#: Approximate number of values in a block.
BLOCK_VALUES = 1 << 22

#: Number of evenly spaced rows from which the kind of values is inferred.
_SAMPLE = 200


class Rows(Protocol):
    """A matrix, cells x genes, that is read in blocks of rows."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    sparse: bool
    array: bool

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of blocks of `block` rows.

        The default is blocks of about :data:`BLOCK_VALUES` values.
        """
        ...

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows: NumPy array or CSR."""
        ...

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        ...


class InMemory:
    """A matrix in memory; a lazy or backed one is read at once."""

    def __init__(self, matrix: Any) -> None:
        matrix = values_of(matrix)
        self.sparse = bool(sp.issparse(matrix))
        self._matrix: Any = matrix if self.sparse else np.asarray(matrix)
        self.shape = tuple(matrix.shape)
        self.dtype = np.dtype(self._matrix.dtype)
        self.array = isinstance(matrix, sp.sparray)

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return even_cuts(self.shape[0], block or self.shape[0])

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows."""
        if self.sparse and self._matrix.format != "csr":
            check_sound(self._matrix, "X")
            self._matrix = self._matrix.tocsr()
        return self._matrix if (start, stop) == (0, self.shape[0]) else self._matrix[start:stop]

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        return self.take(0, self.shape[0])[sample_rows(self.shape[0])]


class DenseOnDisk:
    """A dense matrix in a file.

    Parameters
    ----------
    dataset
        Array of h5py or zarr, cells x genes.
    """

    sparse = False
    array = False

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.shape = tuple(dataset.shape)
        self.dtype = held_as(dataset.dtype)

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return even_cuts(self.shape[0], block or max(1, BLOCK_VALUES // max(self.shape[1], 1)))

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows."""
        with reading():
            return np.asarray(self.dataset[start:stop], self.dtype)

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        rows = [self.take(row, row + 1) for row in sample_rows(self.shape[0]).tolist()]
        return np.concatenate(rows) if rows else np.empty((0, self.shape[1]), self.dtype)


class CsrOnDisk:
    """A matrix in a file, sparse by rows.

    Parameters
    ----------
    group
        Group of h5py or zarr with ``data``, ``indices``, ``indptr``.
    shape
        Cells, genes.
    """

    sparse = True
    array = False

    def __init__(self, group: Any, shape: tuple[int, int]) -> None:
        self.shape = shape
        with reading():
            self._data, self._indices = group["data"], group["indices"]
            self._indptr = np.asarray(group["indptr"][:]).astype(np.int64)
        self.dtype = held_as(self._data.dtype)
        check_indptr(self._indptr, shape[0], self._data.shape[0], self._indices.shape[0])

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return even_cuts(self.shape[0], block) if block else value_cuts(self._indptr)

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows."""
        low, high = int(self._indptr[start]), int(self._indptr[stop])
        with reading():
            data, indices = np.asarray(self._data[low:high], self.dtype), np.asarray(self._indices[low:high])
        return _csr(data, indices, self._indptr[start : stop + 1] - low, (stop - start, self.shape[1]))

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        rows = [self.take(row, row + 1) for row in sample_rows(self.shape[0]).tolist()]
        return sp.vstack(rows, format="csr") if rows else sp.csr_matrix((0, self.shape[1]), dtype=self.dtype)


def as_rows(matrix: Any) -> Rows:
    """Return a matrix of an AnnData as blocks of rows.

    A matrix in a file is read one block at a time.
    """
    group = getattr(matrix, "group", None)
    if group is not None and matrix.format == "csr":
        return CsrOnDisk(group, matrix.shape)
    on_disk = type(matrix).__module__.split(".")[0] in ("h5py", "zarr")
    return DenseOnDisk(matrix) if on_disk else InMemory(matrix)


def even_cuts(rows: int, block: int) -> list[tuple[int, int]]:
    """Return the bounds of blocks of `block` rows."""
    return [(start, min(start + block, rows)) for start in range(0, rows, max(block, 1))]


def value_cuts(indptr: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the bounds of blocks of at most :data:`BLOCK_VALUES` values.

    A row with more values is a block of its own.
    """
    cuts, start, rows = [], 0, len(indptr) - 1
    while start < rows:
        stop = int(np.searchsorted(indptr, indptr[start] + BLOCK_VALUES, side="right")) - 1
        stop = min(max(stop, start + 1), rows)
        cuts.append((start, stop))
        start = stop
    return cuts


def sample_rows(rows: int) -> npt.NDArray[np.int64]:
    """Return at most 200 row numbers, evenly spaced."""
    return np.arange(rows)[:: max(1, rows // max(min(_SAMPLE, rows), 1))][:_SAMPLE]


def check_sound(matrix: Any, slot: str) -> None:
    """Check that every index is within the matrix.

    SciPy does not check, and would read beyond its buffers.
    """
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise CountsError(f"{slot} is a damaged sparse matrix ({error}); make the file anew") from error


def check_indptr(indptr: npt.NDArray[np.int64], rows: int, values: int, indices: int) -> None:
    """Check the row pointers of a compressed matrix in a file."""
    sound = len(indptr) == rows + 1 and values == indices and indptr[0] == 0 and indptr[-1] == values
    if not sound or bool((np.diff(indptr) < 0).any()):
        raise CountsError("a sparse matrix of the file is damaged (its indptr does not fit it); make the file anew")


@contextmanager
def reading() -> Iterator[None]:
    """Raise errors of the file that is read as :class:`TranslationError`."""
    try:
        yield
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise TranslationError(f"the input is not an AnnData that can be read, or is damaged ({message})") from error


def _csr(
    data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[np.int64], shape: tuple[int, int]
) -> Any:
    if indptr[-1] < np.iinfo(np.int32).max and shape[1] < np.iinfo(np.int32).max and indices.dtype != np.int32:
        small = indices.astype(np.int32)
        if not np.array_equal(small, indices):
            raise CountsError("a sparse matrix of the file is damaged (indices beyond its genes); make the file anew")
        indices = small
    matrix = sp.csr_matrix(shape, dtype=data.dtype)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr.astype(indices.dtype)
    return matrix
