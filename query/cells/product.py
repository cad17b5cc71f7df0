"""Multiply rows x genes, sparse or dense, by a sparse matrix of links."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: Number of values processed at a time, so that intermediate arrays fit the processor's cache.
_VALUES = 1 << 18

#: Share of links that must keep the order of the genes for values to be used unsorted.
_IN_ORDER = 0.9

_Ints = npt.NDArray[np.int64]


def product(block: Any, columns: int, place: _Ints, column: _Ints, weight: npt.NDArray[np.float64]) -> Any:
    """Add up the columns of a block.

    `block`: rows x genes: NumPy array or CSR; `place`, `column`, `weight`: the links: column of the block, column of
    the result, factor; shape (links,).

    Returns rows x columns, of the block's type; CSR with sorted indices and no duplicates.
    """
    kind = block.dtype
    sparse = bool(sp.issparse(block))
    if not sparse:
        links = sp.csr_array((weight.astype(kind), (place, column)), shape=(block.shape[1], columns))
        return np.ascontiguousarray((links.T @ block.T).T)
    goes, ordered = _column_of_gene(block.shape[1], place, column)
    if goes is None or not bool((weight == 1).all()):
        weights = sp.csr_array((weight.astype(kind), (place, column)), shape=(block.shape[1], columns))
        parts = [sp.csr_array(block[start:stop] @ weights).tocsc().tocsr() for start, stop in _cuts(block.indptr)]
        return _stacked(parts, (block.shape[0], columns), kind, array=isinstance(block, sp.sparray))
    if ordered and not block.has_canonical_format:
        block = block.copy()
        block.sum_duplicates()
    move = _kept_in_order if ordered else _moved
    parts = [move(block, start, stop, goes, columns) for start, stop in _cuts(block.indptr)]
    return _stacked(parts, (block.shape[0], columns), kind, array=isinstance(block, sp.sparray))


def _column_of_gene(genes: int, place: _Ints, column: _Ints) -> tuple[npt.NDArray[np.int32] | None, bool]:
    """Return the column of each gene, and whether most genes stay in order.

    A gene without a column has -1; the columns are None if a gene has several. Where most genes stay in order, the
    others are marked: -2 less their column.
    """
    if np.unique(place).size < place.size:
        return None, False
    order = np.argsort(place)
    before = np.concatenate([[-1], np.maximum.accumulate(column[order])[:-1]])
    in_order = column[order] > before
    goes = np.full(genes, -1, dtype=np.int32)
    goes[place] = column
    if in_order.sum() < _IN_ORDER * place.size:
        return goes, False
    behind = place[order][~in_order]
    goes[behind] = -2 - goes[behind]
    return goes, True


def _cuts(indptr: npt.NDArray[Any]) -> list[tuple[int, int]]:
    """Return the bounds of blocks of about :data:`_VALUES` values."""
    rows = len(indptr) - 1
    ends = np.searchsorted(indptr, np.arange(indptr[0] + _VALUES, indptr[-1], _VALUES))
    edges = np.unique(np.concatenate([[0], ends, [rows]]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _kept_in_order(block: Any, start: int, stop: int, goes: npt.NDArray[np.int32], columns: int) -> sp.csr_array:
    """Relabel values whose columns stay in order, and add the few others.

    Only the others have to be sorted.
    """
    low, high = int(block.indptr[start]), int(block.indptr[stop])
    indptr = block.indptr[start : stop + 1] - low
    column, data, shape = goes[block.indices[low:high]], block.data[low:high], (stop - start, columns)
    in_order, behind = np.flatnonzero(column >= 0), np.flatnonzero(column < -1)
    kept = sp.csr_array(shape, dtype=data.dtype)
    kept.data, kept.indices = data.take(in_order), column.take(in_order)
    kept.indptr = np.searchsorted(in_order, indptr).astype(np.int32)
    if not behind.size:
        return kept
    others = sp.csr_array(
        (data.take(behind), -2 - column.take(behind), np.searchsorted(behind, indptr).astype(np.int32)), shape=shape
    )
    both: sp.csr_array = kept + _sorted(others)
    return both


def _moved(block: Any, start: int, stop: int, goes: npt.NDArray[np.int32], columns: int) -> sp.csr_array:
    """Move values to other columns and sum those in the same column.

    Values without a column are put into an extra last one, which is cut off.
    """
    low, high = int(block.indptr[start]), int(block.indptr[stop])
    column = goes[block.indices[low:high]]
    column[column < 0] = columns
    indptr = (block.indptr[start : stop + 1] - low).astype(np.int32)
    moved = sp.csr_array((block.data[low:high], column, indptr), shape=(stop - start, columns + 1))
    return _sorted(moved, columns)


def _sorted(matrix: sp.csr_array, columns: int | None = None) -> sp.csr_array:
    """Sort the first columns of each row and sum duplicates.

    Converting to CSC and back takes linear time.
    """
    by_column = matrix.tocsc()
    if columns is not None:
        end = int(by_column.indptr[columns])
        kept = (by_column.data[:end], by_column.indices[:end], by_column.indptr[: columns + 1])
        by_column = sp.csc_array(kept, shape=(matrix.shape[0], columns))
    by_row = by_column.tocsr()
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
