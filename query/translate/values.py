"""What kind of numbers a matrix holds, judged from a sample of rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Kind = Literal["counts", "linear", "log", "scaled"]

_SAMPLE = 200
_TOLERANCE = 0.02
_LARGEST_LOG = 30.0

#: Natural logarithms (scanpy, Seurat), binary (Bioconductor) and decimal ones.
_LOGARITHMS = (1.0, float(np.log(2)), float(np.log(10)))


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
        ``counts`` (whole numbers), ``scaled`` (negative values), ``log`` (logarithms: undoing the logarithm makes
        each cell's values whole multiples of its smallest one, as counts scaled per cell are, and they are not so
        as they stand), else ``linear``. Not being whole does not make values logarithms.
    """
    rows = min(_SAMPLE, matrix.shape[0])
    step = max(1, matrix.shape[0] // max(rows, 1))
    sample = matrix[::step][:rows]
    dense = [_nonzero(sample, row) for row in range(sample.shape[0])]
    values = np.concatenate(dense) if dense else np.empty(0)
    if values.size and values.min() < 0:
        return "scaled"
    if values.size == 0 or np.array_equal(values, np.round(values)):
        return "counts"
    if values.max() > _LARGEST_LOG:
        return "linear"
    if logged:
        return "log"
    told = [row for row in dense if row.size]
    as_is = _share([_multiples(row) for row in told])
    undone = max(_share([_multiples(np.expm1(row * scale)) for row in told]) for scale in _LOGARITHMS)
    return "log" if undone > 0.5 > as_is else "linear"


def _share(judged: list[bool | None]) -> float:
    known = [one for one in judged if one is not None]
    return sum(known) / len(known) if known else 0.0


def _nonzero(sample: Any, row: int) -> npt.NDArray[np.float64]:
    one: Any = sample[[row]]
    values: npt.NDArray[np.float64] = np.asarray(
        getattr(one, "data", one) if sp.issparse(sample) else one, dtype=np.float64
    ).ravel()
    return np.asarray(values[values != 0])


def _multiples(values: npt.NDArray[np.float64]) -> bool | None:
    """Whether nine tenths of the other values are whole multiples of the smallest, within tolerance; None: unknown."""
    ratio = values / values.min()
    near = ratio[(ratio > 1 + _TOLERANCE) & (ratio < 20)]
    if np.unique(near).size < 2:
        return None
    return bool(np.mean(np.abs(near - np.round(near)) < _TOLERANCE) > 0.9)
