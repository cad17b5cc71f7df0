"""Exact nearest neighbours by Euclidean distance, in blocks: memory grows with cells and not with their square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: Distances that are held at once.
_HELD = 1_000_000


@dataclass(frozen=True)
class Nearest:
    """The nearest of a set of points to each query.

    Parameters
    ----------
    indices
        Shape (queries, k), int64: rows of the searched points, nearest first.
    distances
        Shape (queries, k), float64: Euclidean.
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def nearest(points: npt.ArrayLike, queries: npt.ArrayLike, k: int) -> Nearest:
    """Find the `k` nearest points of each query.

    Parameters
    ----------
    points
        Shape (n, dimensions). A query that is one of them finds itself.
    queries
        Shape (queries, dimensions).
    k
        How many; at most n.

    Returns
    -------
    Nearest
        Sorted by distance, then by index; of points that are equally far the first are taken.

    Raises
    ------
    ValueError
        If `k` exceeds the number of points.

    Examples
    --------
    >>> nearest([[0.0], [1.0], [5.0]], [[0.2]], 2).indices
    array([[0, 1]])
    """
    searched, asked = np.asarray(points, np.float64), np.asarray(queries, np.float64)
    if not 0 < k <= len(searched):
        raise ValueError(f"wanted {k} neighbours among {len(searched)} points")
    squares = np.einsum("ij,ij->i", searched, searched)
    slack = _slack(searched, asked)
    found = np.empty((len(asked), k), np.int64)
    rows = max(1, _HELD // len(searched))
    for start in range(0, len(asked), rows):
        block = asked[start : start + rows]
        # |x - y|^2 less |x|^2, which is the same for all points of a row
        ranked = block @ searched.T
        ranked *= -2.0
        ranked += squares
        chosen = found[start : start + rows] = np.argpartition(ranked, k - 1, axis=1)[:, :k]
        last = np.take_along_axis(ranked, chosen[:, -1:], axis=1)[:, 0]
        possible = ranked <= (last + slack[start : start + rows])[:, None]
        for row in np.flatnonzero(np.count_nonzero(possible, axis=1) > k).tolist():
            near = np.flatnonzero(possible[row])[None]
            found[start + row] = _sorted(searched, block[row : row + 1], near).indices[0, :k]
    return _sorted(searched, asked, found)


def _slack(searched: npt.NDArray[np.float64], asked: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return by how much each query's ranks may be off where a library adds up products in an order of its own."""
    longest = np.linalg.norm(searched, axis=1).max(initial=0.0)
    rounded = (searched.shape[1] + 2) * np.finfo(np.float64).eps
    slack: npt.NDArray[np.float64] = 2 * rounded * longest * (longest + 2 * np.linalg.norm(asked, axis=1))
    return slack


def _sorted(searched: npt.NDArray[np.float64], asked: npt.NDArray[np.float64], found: npt.NDArray[np.int64]) -> Nearest:
    """Compute the distances of what was found without cancellation, and put it in order."""
    distances = np.empty(found.shape)
    rows = max(1, _HELD // (found.shape[1] * searched.shape[1]))
    for start in range(0, len(asked), rows):
        part = slice(start, start + rows)
        apart = searched[found[part]] - asked[part, None, :]
        distances[part] = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
    order = np.lexsort((found, distances), axis=1)
    return Nearest(np.take_along_axis(found, order, 1), np.take_along_axis(distances, order, 1))


@dataclass(frozen=True)
class Graph:
    """Who is near whom.

    Parameters
    ----------
    distances
        CSR, cells x cells: Euclidean distance to each of a cell's k - 1 nearest others.
    connectivities
        CSR, symmetric, without a diagonal: share of neighbours in common.
    """

    distances: sp.csr_matrix
    connectivities: sp.csr_matrix


def shared_neighbors(embedding: npt.NDArray[np.float64], *, k: int = 20, prune: float = 1 / 15) -> Graph:
    """Build the graph of shared neighbours, as Seurat's ``FindNeighbors`` does.

    Parameters
    ----------
    embedding
        Shape (cells, dimensions).
    k
        Neighbours of a cell, itself among them (``k.param``).
    prune
        Pairs that share a smaller part of their neighbours, s / (2 k - s) of s shared ones, are not joined
        (``prune.SNN``).
    """
    cells = len(embedding)
    near = nearest(embedding, embedding, k)
    indptr = np.arange(0, cells * k + 1, k)
    member = sp.csr_matrix((np.ones(cells * k, np.float64), near.indices.ravel(), indptr), (cells, cells))
    shared = sp.coo_matrix(member @ member.T)
    share = shared.data / (2 * k - shared.data)
    kept = (share >= prune) & (shared.row != shared.col)
    connectivities = sp.csr_matrix((share[kept], (shared.row[kept], shared.col[kept])), (cells, cells))
    # a cell with more than k copies of itself may not be in its own list: then its farthest neighbour goes
    own = near.indices == np.arange(cells)[:, None]
    own[~own.any(axis=1), -1] = True
    others = sp.csr_matrix(
        (near.distances[~own], near.indices[~own], np.arange(0, cells * (k - 1) + 1, k - 1)), (cells, cells)
    )
    others.sort_indices()
    connectivities.sort_indices()
    return Graph(others, connectivities)


def kneighbors_excluding_self(
    points: npt.NDArray[np.float64], k: int, *, cells: npt.NDArray[np.int64] | None = None
) -> Nearest:
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
    >>> kneighbors_excluding_self(np.array([[0.0], [1.0], [5.0]]), 1).indices.tolist()
    [[1], [0], [1]]
    """
    asked = np.arange(len(points)) if cells is None else cells
    found = nearest(points, points[asked], k + 1)
    own = found.indices == asked[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(asked), k
    return Nearest(found.indices[~own].reshape(shape), found.distances[~own].reshape(shape))
