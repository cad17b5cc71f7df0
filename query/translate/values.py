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


def kind_of_values(matrix: Any) -> Kind:
    """Judge what a matrix of expression values holds.

    Parameters
    ----------
    matrix
        Cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are looked at.

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
    judged = [
        (_multiples(row), *(_multiples(np.expm1(row * scale)) for scale in _LOGARITHMS))
        for row in dense
        if np.unique(row).size > 2
    ]
    if not judged:
        return "linear"
    as_is, *undone = np.mean(judged, axis=0)
    return "log" if max(undone) > 0.5 > as_is else "linear"


def _nonzero(sample: Any, row: int) -> npt.NDArray[np.float64]:
    one: Any = sample[[row]]
    values: npt.NDArray[np.float64] = np.asarray(
        getattr(one, "data", one) if sp.issparse(sample) else one, dtype=np.float64
    ).ravel()
    return np.asarray(values[values != 0])


def _multiples(values: npt.NDArray[np.float64]) -> bool:
    """Whether nine tenths of the values are whole multiples of the smallest, within tolerance."""
    ratio = values / values.min()
    near = ratio[ratio < 20]
    return bool(np.mean(np.abs(near - np.round(near)) < _TOLERANCE) > 0.9)
