"""Find exact nearest neighbours, build their graph, and cluster it."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.schema.errors import MissingPackageError

#: Distances in memory at once.
_BLOCK = 1_000_000


@dataclass(frozen=True)
class Nearest:
    """The nearest points of each query."""

    indices: npt.NDArray[np.int64]  # rows of the points, nearest first, shape (queries, k), int64
    distances: npt.NDArray[np.float64]  # Euclidean distances, shape (queries, k), float64


def kneighbors(
    points: npt.ArrayLike, k: int, *, queries: npt.ArrayLike | None = None, rows: npt.NDArray[np.int64] | None = None,
    exclude_self: bool = False,
) -> Nearest:  # fmt: skip
    """Find the exact `k` nearest points of each query, by Euclidean distance.

    Distances are computed in blocks, so that memory grows linearly with the number of points.

    Parameters
    ----------
    points
        Shape (points, dimensions).
    k
        Number of neighbours.
    queries
        Shape (queries, dimensions); by default the points themselves.
    rows
        Rows of the points that are the queries, in place of `queries`; by default all.
    exclude_self
        Whether a point is excluded from its own neighbours. A point with so many copies that it is not among its own
        nearest loses the farthest of them.

    Returns
    -------
    Nearest
        Sorted by distance, then by index; of points at equal distance the first are taken.

    Raises
    ------
    ValueError
        If there are fewer than `k` points.

    Examples
    --------
    >>> kneighbors([[0.0], [1.0], [5.0]], 2, queries=[[0.2]]).indices
    array([[0, 1]])
    >>> kneighbors([[0.0], [1.0], [5.0]], 1, exclude_self=True).indices.tolist()
    [[1], [0], [1]]
    """
    searched = np.asarray(points, np.float64)
    if queries is not None:
        return _kneighbors(searched, np.asarray(queries, np.float64), k)
    own = np.arange(len(searched)) if rows is None else rows
    nearest = _kneighbors(searched, searched if rows is None else searched[rows], k + exclude_self)
    return _without_self(nearest, own) if exclude_self else nearest


def _kneighbors(points: npt.NDArray[np.float64], queries: npt.NDArray[np.float64], k: int) -> Nearest:
    if not 0 < k <= len(points):
        raise ValueError(f"expected at least {k} points for {k} neighbours, got {len(points)}")
    squares = np.einsum("ij,ij->i", points, points)
    slack = _slack(points, queries)
    nearest = np.empty((len(queries), k), np.int64)
    rows = max(1, _BLOCK // len(points))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows]
        # |x - y|^2 less |x|^2, which is the same for all points of a row
        ranks = block @ points.T
        ranks *= -2.0
        ranks += squares
        first = nearest[start : start + rows] = np.argpartition(ranks, k - 1, axis=1)[:, :k]
        last = np.take_along_axis(ranks, first[:, -1:], axis=1)[:, 0]
        possible = ranks <= (last + slack[start : start + rows])[:, None]
        for row in np.flatnonzero(np.count_nonzero(possible, axis=1) > k).tolist():
            near = np.flatnonzero(possible[row])[None]
            nearest[start + row] = _by_distance(points, block[row : row + 1], near).indices[0, :k]
    return _by_distance(points, queries, nearest)


def _slack(points: npt.NDArray[np.float64], queries: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Bound the error of each query's ranks, since a library may sum products in any order."""
    longest = np.linalg.norm(points, axis=1).max(initial=0.0)
    rounding = (points.shape[1] + 2) * np.finfo(np.float64).eps
    slack: npt.NDArray[np.float64] = 2 * rounding * longest * (longest + 2 * np.linalg.norm(queries, axis=1))
    return slack


def _by_distance(
    points: npt.NDArray[np.float64], queries: npt.NDArray[np.float64], nearest: npt.NDArray[np.int64]
) -> Nearest:
    """Sort neighbours by their distances, computed without cancellation."""
    distances = np.empty(nearest.shape)
    rows = max(1, _BLOCK // (nearest.shape[1] * points.shape[1]))
    for start in range(0, len(queries), rows):
        part = slice(start, start + rows)
        apart = points[nearest[part]] - queries[part, None, :]
        distances[part] = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
    order = np.lexsort((nearest, distances), axis=1)
    return Nearest(np.take_along_axis(nearest, order, 1), np.take_along_axis(distances, order, 1))


def _without_self(nearest: Nearest, rows: npt.NDArray[np.int64]) -> Nearest:
    own = nearest.indices == rows[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), nearest.indices.shape[1] - 1
    return Nearest(nearest.indices[~own].reshape(shape), nearest.distances[~own].reshape(shape))


#: Points beyond those that are needed, so that of equally near ones those of a regular grid stand by their index.
_TIES = 8


def spatial_neighbors(
    place: npt.NDArray[np.float64], k: int, *, group: npt.NDArray[np.int64] | None = None
) -> npt.NDArray[np.int64]:
    """Find the `k` nearest other cells of each cell on a tissue.

    Parameters
    ----------
    place
        Coordinates, shape (cells, 2 or 3).
    k
        Number of neighbours; all others, if there are fewer.
    group
        Number of each cell's donor or section, shape (cells,). Cells of other groups are no neighbours; a cell with -1,
        for unknown, has none. None: all cells are of one group.

    Returns
    -------
    numpy.ndarray
        Indices of cells, shape (cells, k), int64: the nearest first, equally near ones by index; -1 after the last.

    Examples
    --------
    >>> spatial_neighbors(np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]]), 2).tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    from scipy.spatial import cKDTree

    nearest = np.full((len(place), k), -1, np.int64)
    groups = np.zeros(len(place), np.int64) if group is None else group
    for one in np.unique(groups[groups >= 0]).tolist():
        cells = np.flatnonzero(groups == one)
        if len(cells) < 2 or not k:
            continue
        wanted = min(k + 1 + _TIES, len(cells))
        nearby: Any = cKDTree(place[cells]).query(place[cells], wanted)
        order = np.lexsort((nearby[1], nearby[0]), axis=1)
        sorted_cells = Nearest(np.take_along_axis(nearby[1], order, 1), np.take_along_axis(nearby[0], order, 1))
        others = _without_self(sorted_cells, np.arange(len(cells))).indices[:, :k]
        nearest[cells, : others.shape[1]] = cells[others]
    return nearest


@dataclass(frozen=True)
class Graph:
    """Graph of shared neighbours."""

    distances: sp.csr_matrix  # Euclidean distances to the k - 1 nearest other cells, CSR, cells x cells
    connectivities: sp.csr_matrix  # share of common neighbours, CSR, symmetric, without diagonal


def shared_neighbors(embedding: npt.NDArray[np.float64], *, k: int = 20, prune: float = 1 / 15) -> Graph:
    """Build the graph of shared neighbours, as Seurat's ``FindNeighbors`` does.

    A cell has `k` neighbours, including itself (``k.param``); edges need a share of common neighbours, s / (2 k - s)
    for s common ones, of at least `prune` (``prune.SNN``).
    """
    cells = len(embedding)
    near = kneighbors(embedding, k)
    indptr = np.arange(0, cells * k + 1, k)
    member = sp.csr_matrix((np.ones(cells * k, np.float64), near.indices.ravel(), indptr), (cells, cells))
    shared = sp.coo_matrix(member @ member.T)
    share = shared.data / (2 * k - shared.data)
    kept = (share >= prune) & (shared.row != shared.col)
    connectivities = sp.csr_matrix((share[kept], (shared.row[kept], shared.col[kept])), (cells, cells))
    others = _without_self(near, np.arange(cells))
    distances = sp.csr_matrix(
        (others.distances.ravel(), others.indices.ravel(), np.arange(0, cells * (k - 1) + 1, k - 1)), (cells, cells)
    )
    distances.sort_indices()
    connectivities.sort_indices()
    return Graph(distances, connectivities)


class Network:
    """A graph of cells in igraph, from symmetric weights, for clusterings at several resolutions."""

    def __init__(self, graph: sp.csr_matrix) -> None:
        try:
            import igraph
        except ImportError as error:
            raise MissingPackageError.of(
                "clustering", "igraph", "cells", ", or do without (clustering=none)"
            ) from error
        upper = sp.coo_matrix(sp.triu(graph, 1))
        self._igraph, self._weights = igraph, upper.data
        self._network = igraph.Graph(n=graph.shape[0], edges=np.column_stack([upper.row, upper.col]))

    def clusters(
        self, *, algorithm: str = "louvain", resolution: float = 0.8, n_starts: int = 10, random_state: int = 42
    ) -> npt.NDArray[np.int64]:
        """Cluster the cells by modularity, with ``louvain`` or ``leiden``; cluster 0 is the largest.

        Of `n_starts` random starts the one with the best modularity is kept.
        """
        network, weights = self._network, self._weights
        best = np.zeros(network.vcount(), np.int64)
        quality = -np.inf
        self._igraph.set_random_number_generator(random.Random(random_state))  # noqa: S311
        try:
            for _ in range(n_starts):
                if algorithm == "leiden":
                    partition = network.community_leiden(
                        "modularity", weights=weights, resolution=resolution, n_iterations=10
                    )
                else:
                    partition = network.community_multilevel(weights=weights, resolution=resolution)
                modularity = network.modularity(partition.membership, weights=weights, resolution=resolution)
                if quality == -np.inf or modularity > quality + 1e-12:
                    best, quality = np.array(partition.membership, np.int64), modularity
        finally:
            self._igraph.set_random_number_generator(random)
        return _by_size(best)


def _by_size(member: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Renumber clusters by size, largest first."""
    _, member = np.unique(member, return_inverse=True)
    order = np.argsort(-np.bincount(member), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[member]


def umap(embedding: npt.NDArray[np.float64], *, random_state: int = 42) -> npt.NDArray[np.float32]:
    """Compute a UMAP with the settings of Seurat's ``RunUMAP``, for plots only."""
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingPackageError.of("UMAP", "umap-learn", "cells") from error
    neighbors = min(30, len(embedding) - 1)
    model = UMAP(n_neighbors=neighbors, min_dist=0.3, metric="cosine", random_state=random_state, n_jobs=1)
    return np.asarray(model.fit_transform(embedding), np.float32)
