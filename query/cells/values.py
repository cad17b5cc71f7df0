"""Infer the kind of values of a matrix from a sample of rows."""

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
    """Kind of values, and the base where they are logarithms."""

    kind: Kind
    base: float | None = None


def judge(matrix: Any, *, logged: bool = False, base: float | None = None) -> Values:
    """Infer the kind of values of a matrix, and the base of logarithms.

    Parameters
    ----------
    matrix
        Cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are sampled.
    logged, base
        Whether the object records logarithms, and their base; by default e.
    """
    kind, inferred = _infer(matrix, logged=logged)
    return Values(kind, (base or inferred) if kind == "log" else None)


def kind_of_values(matrix: Any, *, logged: bool = False) -> Kind:
    """Infer the kind of values of a matrix of expression.

    Parameters
    ----------
    matrix
        Cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are sampled.
    logged
        Whether the object records logarithms; used where the values may be logarithms.

    Returns
    -------
    str
        ``counts`` (whole numbers), ``nan`` (some values are NaN), ``scaled`` (negative values), ``log`` (logarithms:
        after exponentiation, but not before, each cell's values are whole multiples of its smallest one, as counts
        scaled per cell are), else ``linear``. Fractional values alone are not taken for logarithms.
    """
    return _infer(matrix, logged=logged)[0]


def _infer(matrix: Any, *, logged: bool) -> tuple[Kind, float]:
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
    expressed = [row for row in dense if row.size]
    as_is = _share([_multiples(row) for row in expressed])
    exponentiated = {scale: _share([_multiples(np.expm1(row * scale)) for row in expressed]) for scale in _LOGARITHMS}
    best = max(exponentiated, key=lambda scale: exponentiated[scale])
    return "log" if exponentiated[best] > 0.5 > as_is else "linear", float(np.exp(best))


def _share(judged: list[bool | None]) -> float:
    decided = [one for one in judged if one is not None]
    return sum(decided) / len(decided) if decided else 0.0


def undo_logarithm(block: Any, base: float | None) -> Any:
    """Undo the logarithm of values, if they are logarithms.

    Parameters
    ----------
    block
        NumPy array or CSR.
    base
        Base of the logarithms; None if the values are not logarithms.
    """
    if base is None:
        return block
    scale = float(np.log(base))
    sparse = bool(sp.issparse(block))
    if not sparse:
        return np.expm1(block * scale)
    changed = block.astype(np.float64)
    changed.data = np.expm1(changed.data * scale)
    return changed


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
    """Return whether values are multiples of the smallest, None if unknown.

    Nine tenths of the other values have to be, within a tolerance.
    """
    ratio = values / values.min()
    near = ratio[(ratio > 1 + _TOLERANCE) & (ratio < 20)]
    if np.unique(near).size < 2:
        return None
    return bool(np.mean(np.abs(near - np.round(near)) < _TOLERANCE) > 0.9)
