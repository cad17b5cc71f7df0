"""What kind of numbers a matrix holds, judged from a sample of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Kind = Literal["counts", "linear", "log", "scaled", "nan"]

_SAMPLE = 200
_TOLERANCE = 0.02
_LARGEST_LOG = 30.0

#: Natural logarithms (scanpy, Seurat), binary (Bioconductor) and decimal ones.
_LOGARITHMS = (1.0, float(np.log(2)), float(np.log(10)))


@dataclass(frozen=True)
class Values:
    """What a matrix holds: its kind, and the base of its logarithms where it holds some."""

    kind: Kind
    base: float | None = None


def judge(matrix: Any, *, logged: bool = False, base: float | None = None) -> Values:
    """Judge what a matrix holds, as :func:`kind_of_values` does, and to which base its logarithms are.

    Parameters
    ----------
    matrix
        Cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are looked at.
    logged, base
        Whether the object says that logarithms were taken, and to which base; by default e.
    """
    kind, seen = _judged(matrix, logged=logged)
    return Values(kind, (base or seen) if kind == "log" else None)


def kind_of_values(matrix: Any, *, logged: bool = False) -> Kind:
    """Judge what a matrix of expression values holds.

    Parameters
    ----------
    matrix
        Cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are looked at.
    logged
        Whether the object says that logarithms were taken; believed where the values may be some.

    Returns
    -------
    str
        ``counts`` (whole numbers), ``nan`` (some are no numbers), ``scaled`` (negative values), ``log`` (logarithms:
        undoing the logarithm makes
        each cell's values whole multiples of its smallest one, as counts scaled per cell are, and they are not so
        as they stand), else ``linear``. Not being whole does not make values logarithms.
    """
    return _judged(matrix, logged=logged)[0]


def _judged(matrix: Any, *, logged: bool) -> tuple[Kind, float]:
    rows = min(_SAMPLE, matrix.shape[0])
    step = max(1, matrix.shape[0] // max(rows, 1))
    sample = matrix[np.arange(rows) * step]
    dense = _rows_of(sample)
    values = np.concatenate(dense) if dense else np.empty(0)
    if np.isnan(values).any():
        return "nan", np.e
    if values.size and values.min() < 0:
        return "scaled", np.e
    if values.size == 0 or np.array_equal(values, np.round(values)):
        return "counts", np.e
    if values.max() > _LARGEST_LOG:
        return "linear", np.e
    if logged:
        return "log", np.e
    told = [row for row in dense if row.size]
    as_is = _share([_multiples(row) for row in told])
    undone = {scale: _share([_multiples(np.expm1(row * scale)) for row in told]) for scale in _LOGARITHMS}
    best = max(undone, key=lambda scale: undone[scale])
    return "log" if undone[best] > 0.5 > as_is else "linear", float(np.exp(best))


def _share(judged: list[bool | None]) -> float:
    known = [one for one in judged if one is not None]
    return sum(known) / len(known) if known else 0.0


def _rows_of(sample: Any) -> list[npt.NDArray[np.float64]]:
    """Return the values other than zero of each row."""
    sparse = bool(sp.issparse(sample))
    if not sparse:
        return [row[row != 0] for row in np.asarray(sample, dtype=np.float64)]
    by_row = sample.tocsr()
    values = np.asarray(by_row.data, dtype=np.float64)
    rows = np.split(values, by_row.indptr[1:-1]) if by_row.shape[0] else []
    return [row[row != 0] for row in rows]


def _multiples(values: npt.NDArray[np.float64]) -> bool | None:
    """Whether nine tenths of the other values are whole multiples of the smallest, within tolerance; None: unknown."""
    ratio = values / values.min()
    near = ratio[(ratio > 1 + _TOLERANCE) & (ratio < 20)]
    if np.unique(near).size < 2:
        return None
    return bool(np.mean(np.abs(near - np.round(near)) < _TOLERANCE) > 0.9)
