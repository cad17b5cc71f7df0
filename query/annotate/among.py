"""Values of some cells among those of all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def among(n_cells: int, rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the values of some cells as those of all, NaN for the others.

    Examples
    --------
    >>> among(3, np.array([2, 0]), np.array([0.5, 1.0])).tolist()
    [1.0, nan, 0.5]
    """
    every = np.full(n_cells, np.nan)
    every[rows] = values
    return every
