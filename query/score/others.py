"""Nearest neighbours of cells without the cells themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.nearest import Nearest, nearest


def nearest_others(points: npt.NDArray[np.float64], k: int, *, cells: npt.NDArray[np.int64] | None = None) -> Nearest:
    """Find the `k` nearest other cells of some.

    Parameters
    ----------
    points
        Shape (all cells, dimensions).
    k
        How many; fewer than there are cells.
    cells
        Whose neighbours are found; by default those of all.

    Returns
    -------
    Nearest
        Rows as `cells`. A cell under so many others that it is not among its own nearest loses the farthest of them.

    Examples
    --------
    >>> nearest_others(np.array([[0.0], [1.0], [5.0]]), 1).indices.tolist()
    [[1], [0], [1]]
    """
    asked = np.arange(len(points)) if cells is None else cells
    found = nearest(points, points[asked], k + 1)
    own = found.indices == asked[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(asked), k
    return Nearest(found.indices[~own].reshape(shape), found.distances[~own].reshape(shape))
