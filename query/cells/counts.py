"""Read counts as CSR, and hold the counts and annotations of the cells of one species."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells.matrices import LARGEST_LOG, Rows, Values, judge, undo_logarithm
from homodb.query.cells.slots import Slot, slots_of, values_of
from homodb.query.settings import warn
from homodb.schema.errors import CountsError, HomodbError, TranslationError
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

#: Column of obs with the total of each cell over all genes of its species, which a join writes.
TOTAL = "homodb_total"

#: Whether logarithms are undone where counts are expected.
_UNDONE: ContextVar[bool] = ContextVar("homodb_expm1", default=False)
#: Smallest counts that the smallest value of a cell may be; how far multiples of it may be from whole numbers.
_SMALLEST, _OFF = (1, 2, 3), 0.02


@contextmanager
def undoing_logarithms(expm1: bool) -> Iterator[None]:
    """Take logarithms for counts, if `expm1` is true: :func:`recover_counts` undoes them."""
    token = _UNDONE.set(expm1)
    try:
        yield
    finally:
        _UNDONE.reset(token)


def recover_counts(block: Any, base: float) -> tuple[sp.csr_matrix, int]:
    """Recover counts from logarithms of normalized counts.

    The size factor of a cell is the one that makes its values whole: that of its smallest value, which is a count of 1,
    or of 2 or 3 where no gene has fewer.

    Parameters
    ----------
    block
        Logarithms (log(1 + x)), cells x genes.
    base
        Base of the logarithms.

    Returns
    -------
    scipy.sparse.csr_matrix, int
        Counts, float64; and the number of cells whose values are not multiples of one, which are only exponentiated.

    Examples
    --------
    >>> counts = np.array([[1, 3, 0], [2, 0, 5]])
    >>> recovered, failed = recover_counts(np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4), np.e)
    >>> recovered.toarray().tolist(), failed
    ([[1.0, 3.0, 0.0], [2.0, 0.0, 5.0]], 0)
    """
    counts, failed = sp.csr_matrix(undo_logarithm(sp.csr_matrix(block, dtype=np.float64), base)), 0
    counts.eliminate_zeros()
    for start, stop in zip(counts.indptr[:-1].tolist(), counts.indptr[1:].tolist(), strict=True):
        if start == stop:
            continue
        units = counts.data[start:stop] / counts.data[start:stop].min()
        for smallest in _SMALLEST:
            whole = np.round(units * smallest)
            if (np.abs(units * smallest - whole) <= _OFF * np.maximum(1.0, whole / 50)).all():
                counts.data[start:stop] = whole
                break
        else:
            failed += 1
    return counts, failed


class RecoveredCounts:
    """Counts recovered from a matrix of logarithms, which is read in blocks of rows; nothing else is changed."""

    dtype = np.dtype(np.float64)
    sparse, array = True, False

    def __init__(self, rows: Rows, base: float) -> None:
        self._rows, self._base = rows, base
        self.shape, self.where = rows.shape, rows.where

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return self._rows.cuts(block)

    def take(self, start: int, stop: int) -> sp.csr_matrix:
        """Return the counts of a block of rows."""
        return recover_counts(self._rows.take(start, stop), self._base)[0]

    def sample(self) -> sp.csr_matrix:
        """Return the counts of at most 200 rows."""
        return recover_counts(self._rows.sample(), self._base)[0]


def likely_base(holds: Values) -> float:
    """Return the base of values that are logarithms, or may be."""
    return holds.base or holds.guess or math.e


def recovered_rows(rows: Rows, holds: Values, where: str) -> Rows:
    """Return the rows of a matrix, or counts recovered from its logarithms within :func:`undoing_logarithms`."""
    if not (holds.kind == "log" or holds.small) or not _UNDONE.get():
        return rows
    base = likely_base(holds)
    _warn_of_failed(where, recover_counts(rows.sample(), base)[1], min(rows.shape[0], 200))
    return RecoveredCounts(rows, base)


def _warn_of_failed(where: str, failed: int, cells: int) -> None:
    if failed:
        warn(
            f"{where}: the counts of {failed:,} of {cells:,} cells cannot be recovered from their logarithms, since "
            "they are not multiples of one value; these are only exponentiated"
        )


def as_counts(
    matrix: Any, where: str, *, logged: bool = False, dtype: npt.DTypeLike | None = None,
    error: type[HomodbError] = CountsError, remedy: str = "give raw counts", option: str | None = "layer",
) -> sp.csr_matrix:  # fmt: skip
    """Return a matrix of counts as canonical CSR.

    Parameters
    ----------
    matrix
        Cells x genes: an array, a sparse matrix, one in a file, or a Dask array.
    where
        The matrix in messages.
    logged
        Whether the object records logarithms.
    dtype
        Type of the values; by default that of floating-point values, and float64 for integers, whose sums might not
        fit their own type.
    error
        Class of the errors.
    remedy
        End of the message: where counts may be.
    option
        Parameter that chooses the matrix.

    Raises
    ------
    HomodbError
        Of class `error`, if values are NaN, infinite, negative, logarithms, ranks or the like, or not whole and at
        most 30, as transformed values are.
    """
    values = values_of(matrix)
    if values.dtype.kind not in "biuf":
        raise error(f"{where} holds values of type {values.dtype}; expected counts ({remedy})", option=option)
    if dtype is None and not np.issubdtype(values.dtype, np.floating):
        dtype = np.float64
    read = sp.csr_matrix(values, dtype=dtype)
    # indices and indptr of a file may be of two types, which SciPy cannot slice by steps
    counts = sp.csr_matrix((read.data, read.indices, read.indptr), read.shape)
    if not np.isfinite(counts.data).all():
        content = "NaN or infinite values"
    elif counts.data.size and counts.data.min() < 0:
        content = "negative values, as scaled data do"
    elif ((holds := judge(counts, logged=logged)).kind == "log" or holds.small) and _UNDONE.get():
        counts, failed = recover_counts(counts, likely_base(holds))
        _warn_of_failed(where, failed, counts.shape[0])
        return counts if dtype is None else sp.csr_matrix(counts.astype(dtype))
    elif holds.kind in ("log", "transformed"):
        content = holds.content
    elif holds.small and counts.data.max() <= LARGEST_LOG:
        content = f"{holds.content}: logarithms, other transformed values, or corrected counts that were not rounded"
    else:
        if not counts.has_canonical_format:
            counts = counts.copy()
            counts.sum_duplicates()
        return counts
    is_log = content.startswith("logarithms") or ": logarithms" in content
    hint = "expm1 recovers the counts from logarithms" if is_log else ""
    raise error(f"{where} holds {content}; expected counts ({remedy})", option=option, hint=hint)


def check_layer(adata: anndata.AnnData, layer: str | None, error: type[HomodbError]) -> Slot:
    """Return the matrix that a layer names: None for X, ``raw`` where it has the genes of var.

    Raises `error` if there is none.
    """
    slots = slots_of(adata)
    if layer is None and not slots.has_x:
        raise error("X is empty; name the layer that holds the counts", option="layer")
    try:
        slot = slots.main(layer)
    except TranslationError as missing:
        raise error(missing.message, option="layer") from missing
    if slot.label == "raw" and not adata.raw.var_names.equals(adata.var_names):
        raise error("raw has other genes than var; give raw as an object of its own (adata.raw.to_adata())")
    return slot


def read_counts(adata: anndata.AnnData, layer: str | None, error: type[HomodbError]) -> sp.csr_matrix:
    """Return the counts of an object as canonical CSR.

    Parameters
    ----------
    adata
        The object.
    layer
        Layer that holds the counts, or ``raw``; None for X.
    error
        Class of the error if the layer does not exist.

    Raises
    ------
    HomodbError
        Of class `error`, if the layer does not exist or X is empty.
    CountsError
        If there are no cells, or values are NaN, infinite, negative, logarithms or zeros alone.
    """
    slot, slots = check_layer(adata, layer, error), slots_of(adata)
    others = [one.name for one in slots.all() if one.name not in (slot.name, "X")]
    remedy = f"other layers: {', '.join(others)}" if others else "give raw counts"
    counts = as_counts(slots.matrix(slot), slot.label, logged="log1p" in adata.uns, remedy=remedy)
    if not counts.count_nonzero():
        content = "holds zeros alone" if adata.n_obs else "has no cells"
        raise CountsError(f"{slot.label} {content}; expected counts ({remedy})", option="layer")
    return counts


@dataclass(frozen=True)
class SpeciesCells:
    """The cells of one side, over genes of its own species.

    Parameters
    ----------
    counts
        Raw counts: canonical CSR, cells x genes, float64. Rows of the same gene are summed; names that are not a gene
        of the release are left out.
    genes
        Gene keys of the columns, shape (genes,), int64, ascending.
    symbols
        Symbol of each gene, its stable ID where it has none.
    housekeeping
        Mask of ribosomal and mitochondrial genes, shape (genes,).
    species
        Species of the genes.
    cells
        Names of cells, as in obs.
    label
        Index into :attr:`Task.labels` of each cell, -1 for none, shape (cells,), int64. On the query's side -1
        everywhere, unless a column with its labels was named.
    donor
        Number of each cell's donor; None where no column was named.
    place
        Coordinates, shape (cells, 2 or 3); None where there are none.
    phrases
        Columns of obs for cell sentences: by name, a text or None per cell.
    stable_ids
        Stable ID of each gene; empty where they are not needed and symbols identify the genes.
    number
        Number of each cell where a number is carried rather than a cell type, NaN for none, shape (cells,), float64; on
        the query's side NaN everywhere, unless a column was named. None where cell types are carried.
    """

    counts: sp.csr_matrix
    genes: npt.NDArray[np.int64]
    symbols: tuple[str, ...]
    housekeeping: npt.NDArray[np.bool_]
    species: Species
    cells: tuple[str, ...]
    label: npt.NDArray[np.int64]
    donor: npt.NDArray[np.int64] | None = None
    place: npt.NDArray[np.float64] | None = None
    phrases: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    stable_ids: tuple[str, ...] = ()
    number: npt.NDArray[np.float64] | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.counts.shape[0])

    @property
    def is_labelled(self) -> npt.NDArray[np.bool_]:
        """Mask of the cells with a label, or a number where one is carried."""
        return self.label >= 0 if self.number is None else np.isfinite(self.number)
