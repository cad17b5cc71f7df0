"""The silhouette of every cell, exact over all cells, in blocks: memory grows with cells and not with their square.

Source: Rousseeuw, J. Comput. Appl. Math. 1987 (https://doi.org/10.1016/0377-0427(87)90125-7).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Distances that are held at once.
_HELD = 4_000_000


def silhouette(points: npt.NDArray[np.float64], code: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Compute silhouettes by Euclidean distance.

    Of the mean distance a to the other cells of a cell's own type, and the least mean distance b to the cells of
    another type, ``(b - a) / max(a, b)``; 0 where both are 0.

    Parameters
    ----------
    points
        Where cells lie, shape (cells, dimensions).
    code
        Type of each cell, from 0, shape (cells,); at least two types.

    Returns
    -------
    numpy.ndarray
        Shape (cells,), from -1 to 1. A cell that is alone in its type has 1, as in the reference (0 in scikit-learn).

    Examples
    --------
    >>> silhouette(np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1])).round(3).tolist()
    [0.889, 0.875, 1.0]
    """
    cells = len(points)
    order = np.argsort(code, kind="stable")
    # the mean comes off so that squares stay small against the distances that are their differences
    placed = points[order] - points.mean(axis=0)
    own = np.unique(code[order], return_inverse=True)[1]
    sizes = np.bincount(own)
    starts = np.cumsum(sizes) - sizes
    squares = np.einsum("ij,ij->i", placed, placed)
    found = np.empty(cells)
    rows = max(1, _HELD // cells)
    for start in range(0, cells, rows):
        part = slice(start, min(start + rows, cells))
        apart = placed[part] @ placed.T
        apart *= -2.0
        apart += squares
        apart += squares[part, None]
        np.maximum(apart, 0.0, out=apart)
        np.sqrt(apart, out=apart)
        mine = np.arange(part.stop - start)
        apart[mine, np.arange(start, part.stop)] = 0.0
        sums = np.add.reduceat(apart, starts, axis=1)
        found[order[part]] = _widths(sums, own[part], sizes)
    return found


def _widths(
    sums: npt.NDArray[np.float64], own: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return silhouettes from the summed distances to each type."""
    mine = np.arange(len(own))
    others = sizes[own] - 1
    within = sums[mine, own] / np.maximum(others, 1)
    means = sums / sizes
    means[mine, own] = np.inf
    between = means.min(axis=1)
    largest = np.maximum(within, between)
    width: npt.NDArray[np.float64] = np.divide(between - within, largest, out=np.zeros(len(own)), where=largest > 0)
    width[others == 0] = 1.0
    return width
