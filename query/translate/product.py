"""One product: rows x genes times a matrix of links, sparse or dense, with sorted indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: Rows are taken so many values at a time: what is made of them then stays in the processor's cache.
_VALUES = 1 << 17

_Ints = npt.NDArray[np.int64]


def product(block: Any, columns: int, place: _Ints, column: _Ints, weight: npt.NDArray[np.float64]) -> Any:
    """Add up the columns of a block.

    Parameters
    ----------
    block
        Rows x genes: NumPy array or CSR.
    columns
        Columns of the result.
    place, column, weight
        The links: column of the block, column of the result, factor; shape (links,).

    Returns
    -------
    array or sparse matrix
        Rows x columns, of the block's type; CSR with sorted indices and nothing twice.
    """
    kind = block.dtype
    sparse = bool(sp.issparse(block))
    if not sparse:
        weights = sp.csr_array((weight.astype(kind), (place, column)), shape=(block.shape[1], columns))
        return np.ascontiguousarray((weights.T @ block.T).T)
    whole = np.unique(place).size == place.size and bool((weight == 1).all())
    if not whole:
        weights = sp.csr_array((weight.astype(kind), (place, column)), shape=(block.shape[1], columns))
        parts = [sp.csr_array(block[start:stop] @ weights).tocsc().tocsr() for start, stop in _cuts(block.indptr)]
    else:
        goes = np.full(block.shape[1], -1, dtype=np.int32)
        goes[place] = column
        parts = [_moved(block, start, stop, goes, columns) for start, stop in _cuts(block.indptr)]
    return _stacked(parts, (block.shape[0], columns), kind, array=isinstance(block, sp.sparray))


def _cuts(indptr: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Cut rows into runs of about so many values."""
    rows = len(indptr) - 1
    ends = np.searchsorted(indptr, np.arange(indptr[0] + _VALUES, indptr[-1], _VALUES))
    edges = np.unique(np.concatenate([[0], ends, [rows]]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _moved(block: Any, start: int, stop: int, goes: npt.NDArray[np.int32], columns: int) -> sp.csr_array:
    """Move values to other columns and add up those that meet.

    Going through columns and back to rows sorts in linear time, which SciPy's product and sort do not.
    """
    low, high = int(block.indptr[start]), int(block.indptr[stop])
    column = goes[block.indices[low:high]]
    there = np.flatnonzero(column >= 0)
    indptr = np.searchsorted(there, block.indptr[start : stop + 1] - low).astype(np.int32)
    moved = sp.csr_array((block.data[low:high].take(there), column.take(there), indptr), shape=(stop - start, columns))
    by_row = moved.tocsc().tocsr()
    by_row.has_sorted_indices = True
    by_row.sum_duplicates()
    return by_row


def _stacked(parts: list[Any], shape: tuple[int, int], kind: np.dtype[Any], *, array: bool) -> Any:
    form = sp.csr_array if array else sp.csr_matrix
    if not parts:
        return form(shape, dtype=kind)
    sizes = [part.nnz for part in parts]
    index = np.int32 if sum(sizes) < np.iinfo(np.int32).max else np.int64
    starts = np.concatenate([[0], np.cumsum(sizes)])
    indptr = np.concatenate([[0], *(part.indptr[1:] + at for part, at in zip(parts, starts, strict=False))])
    stacked = form(
        (
            np.concatenate([part.data for part in parts]),
            np.concatenate([part.indices for part in parts]).astype(index, copy=False),
            indptr.astype(index),
        ),
        shape=shape,
    )
    stacked.has_sorted_indices = stacked.has_canonical_format = True
    return stacked
