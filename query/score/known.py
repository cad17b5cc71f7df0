"""Means and ratios that leave out what cannot be told (NaN) and say nothing where nothing is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]


def ratio(top: _Floats | float, bottom: _Floats) -> _Floats:
    """Divide; NaN where the divisor is not above zero."""
    shape = np.broadcast(top, bottom).shape
    found: _Floats = np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0)
    return found


def mean_known(rows: _Floats) -> _Floats:
    """Return the mean over the first axis of what is known, NaN where nothing is.

    Examples
    --------
    >>> mean_known(np.array([[1.0, np.nan], [2.0, np.nan]])).tolist()
    [1.5, nan]
    """
    known = np.isfinite(rows)
    return ratio(np.where(known, rows, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def weighted_mean(values: _Floats, weight: _Floats) -> float:
    """Return the weighted mean of the values that are known."""
    counted = np.isfinite(values) & (weight > 0)
    total = float(weight[counted].sum())
    return float(values[counted] @ weight[counted]) / total if total else np.nan
