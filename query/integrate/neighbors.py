"""Find nearest neighbours, build their graph, and cluster it."""

from __future__ import annotations

import random
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.linear import gpu, in_threads, unit_rows
from homodb.schema.errors import MissingPackageError

#: Points up to which all are compared; beyond, only those of the nearest groups.
EXACT = 200_000
#: Points of a group on average, queries of each that are compared with all points, and the share of the neighbours
#: of these that the groups to search must hold.
_GROUP, _SAMPLE, _RECALL = 2000, 8, 0.995
#: Steps of k-means, and points of each group that it sees.
_MEANS, _SEEN = 8, 50

#: Ranks in memory at once for each thread, and least and most rows of such a block.
_BLOCK, _LEAST, _MOST = 4_000_000, 32, 512
_BLOCK_ON_GPU = 1 << 25
#: Candidates beyond those asked for: rounding rarely moves a neighbour farther than these.
_SPARE = 8

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Nearest:
    """The nearest points of each query."""

    indices: npt.NDArray[np.int64]  # rows of the points, nearest first, shape (queries, k), int64
    distances: npt.NDArray[np.float64]  # Euclidean distances, shape (queries, k), float64

    def first(self, k: int) -> Nearest:
        """Return the first `k` of each query."""
        return Nearest(self.indices[:, :k], self.distances[:, :k])


def kneighbors(
    points: npt.ArrayLike, k: int, *, queries: npt.ArrayLike | None = None, rows: npt.NDArray[np.int64] | None = None,
    exclude_self: bool = False, exact: int = EXACT,
) -> Nearest:  # fmt: skip
    """Find the `k` nearest points of each query, by Euclidean distance.

    Up to 200,000 points are all compared, and the result is exact. Beyond, k-means makes groups of some 2,000 points,
    and each query is compared with those of the groups nearest to its own, so many that these hold 99.5 % of the
    neighbours of a sample. Distances are exact in both cases, and the same input gives the same result. Memory
    grows linearly with the number of points.

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
    exact
        Number of points up to which all are compared.

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
    searched = np.ascontiguousarray(points, np.float64)
    if queries is not None:
        return _kneighbors(searched, np.ascontiguousarray(queries, np.float64), k, exact)
    own = np.arange(len(searched)) if rows is None else rows
    nearest = _kneighbors(searched, searched if rows is None else searched[rows], k + exclude_self, exact)
    return without_self(nearest, own) if exclude_self else nearest


def _kneighbors(points: _Floats, queries: _Floats, k: int, exact: int) -> Nearest:
    if not 0 < k <= len(points):
        raise ValueError(f"expected at least {k} points for {k} neighbours, got {len(points)}")
    if len(points) <= exact:
        return _compare_all(points, queries, k)
    return _compare_groups(points, queries, k)


def _compare_all(points: _Floats, queries: _Floats, k: int) -> Nearest:
    """Compare every query with every point.

    Candidates are chosen by float32 products and sorted by float64 distances. A query whose last candidate is so near
    that rounding may have hidden a neighbour is searched again by float64 products, and if points at equal distances
    hide one, among all of these. A GPU computes all products in float64.
    """
    nearest = Nearest(np.empty((len(queries), k), np.int64), np.empty((len(queries), k)))
    todo = np.arange(len(queries))
    for kind in (np.float32, np.float64) if gpu() is None else (np.float64,):
        search = _Search(points, queries, k, np.dtype(kind))
        todo = todo[~search.fill(nearest, todo)]
        if not len(todo):
            return nearest
    for row in todo.tolist():
        possible = np.flatnonzero(search.ranks(row) <= search.reach(row, nearest.distances[row, -1]))
        one = _by_distance(points, queries[[row]], possible[None])
        nearest.indices[row], nearest.distances[row] = one.indices[0, :k], one.distances[0, :k]
    return nearest


class _Search:
    """Products of queries and points in one precision; the rank of a point is |point|^2 - 2 point * query."""

    def __init__(self, points: _Floats, queries: _Floats, k: int, kind: np.dtype[Any]) -> None:
        n, dimensions = points.shape
        self._points, self._queries, self._k, self._n = points, queries, k, n
        self._width = min(n, k + _SPARE)
        # ranks are reduced to the least of every so many points, which are then looked through
        self._stride = max(1, int(np.sqrt(n / (4 * self._width))))
        self._starts = -(-n // self._stride)
        # less the mean and in units of the largest value, so that squares are small against what they are summed of
        mean = points.mean(axis=0)
        self._scale = float(max(np.abs(points - mean).max(initial=0.0), np.abs(queries - mean).max(initial=0.0)) or 1.0)
        centred, self._placed = (points - mean) / self._scale, (queries - mean) / self._scale
        self._right = np.zeros((dimensions + 1, self._stride * self._starts), kind)
        self._right[:-1, :n] = centred.T
        self._right[-1] = np.finfo(kind).max / 2  # farther than all points, and finite: products warn of infinities
        self._right[-1, :n] = np.einsum("ij,ij->i", centred, centred)
        self._rounding = (dimensions + 6) * float(np.finfo(kind).eps)
        self._device, self._block = gpu(), _BLOCK
        if self._device is not None:
            import torch

            self._block, self._on_device = _BLOCK_ON_GPU, torch.as_tensor(self._right, device=self._device)

    def fill(self, nearest: Nearest, rows: _Ints) -> npt.NDArray[np.bool_]:
        """Write the neighbours of some queries; return which of them are proven."""
        proven = np.empty(len(rows), np.bool_)
        size = min(_MOST, max(_LEAST, self._block // self._right.shape[1]))

        def search(start: int) -> None:
            part = slice(start, start + size)
            near, last = self._nearest(rows[part])
            nearest.indices[rows[part]] = near.indices
            nearest.distances[rows[part]] = near.distances
            proven[part] = True if self._width == self._n else self.reach(rows[part], near.distances[:, -1]) < last

        in_threads(search, range(0, len(rows), size))
        return proven

    def ranks(self, rows: _Ints | int) -> npt.NDArray[Any]:
        """Return the ranks of all points for some queries."""
        return np.asarray(np.matmul(self._left(rows), self._right)).reshape(*np.shape(rows), -1)

    def _left(self, rows: _Ints | int) -> npt.NDArray[Any]:
        left = np.empty((np.size(rows), self._right.shape[0]), self._right.dtype)
        left[:, :-1] = -2.0 * self._placed[rows]
        left[:, -1] = 1.0
        return left

    def reach(self, rows: _Ints | int, distance: _Floats | float) -> npt.NDArray[Any]:
        """Return the largest rank that a point as near as `distance` may have, since products are rounded."""
        length = np.linalg.norm(self._placed[rows], axis=-1)
        apart = distance / self._scale
        far = length + apart
        reach: npt.NDArray[Any] = apart**2 - length**2 + self._rounding * far * (2 * length + far)
        return reach

    def _nearest(self, rows: _Ints) -> tuple[Nearest, npt.NDArray[Any]]:
        """Return the neighbours of some queries, and the rank of the last candidate."""
        if self._device is not None:
            import torch

            ranked = torch.as_tensor(self._left(rows), device=self._device) @ self._on_device
            values, first = (one.cpu().numpy() for one in torch.topk(ranked, self._width, largest=False))
            return _by_distance(self._points, self._queries[rows], first).first(self._k), values[:, -1]
        ranks = self.ranks(rows)
        candidates = None
        if self._stride > 1:
            least = ranks.reshape(len(rows), self._stride, self._starts).min(axis=1)
            groups = np.argpartition(least, self._width - 1, axis=1)[:, : self._width]
            steps = np.arange(0, ranks.shape[1], self._starts)
            candidates = (groups[:, None, :] + steps[:, None]).reshape(len(rows), -1)
            ranks = np.take_along_axis(ranks, candidates, 1)
        first = np.argpartition(ranks, self._width - 1, axis=1)[:, : self._width]
        last = np.take_along_axis(ranks, first[:, -1:], 1)[:, 0].astype(np.float64)
        if candidates is not None:
            first = np.take_along_axis(candidates, first, 1)
        near = _by_distance(self._points, self._queries[rows], first)
        return near.first(self._k), last


def _by_distance(points: _Floats, queries: _Floats, nearest: _Ints) -> Nearest:
    """Sort neighbours by their distances, computed without cancellation, then by index."""
    nearest = np.sort(nearest, axis=1)
    apart = points[nearest]
    apart -= queries[:, None, :]
    distances = np.sqrt(np.einsum("ijk,ijk->ij", apart, apart))
    order = np.argsort(distances, axis=1, kind="stable")
    return Nearest(np.take_along_axis(nearest, order, 1), np.take_along_axis(distances, order, 1))


def _compare_groups(points: _Floats, queries: _Floats, k: int) -> Nearest:
    """Compare each query with the points of the groups that are nearest to its own group.

    How many groups that are follows from some queries of each group, which are compared with all points.
    """
    centres = _means(points, max(1, len(points) // _GROUP))
    group = kneighbors(centres, 1, queries=points).indices[:, 0]
    own = group if queries is points else kneighbors(centres, 1, queries=queries).indices[:, 0]
    members = _members(group, len(centres))
    rows = [one for one in _members(own, len(centres)) if len(one)]
    order = kneighbors(centres, len(centres)).indices
    samples = [one[np.linspace(0, len(one) - 1, min(_SAMPLE, len(one))).astype(int)] for one in rows]
    true = np.split(_compare_all(points, queries[np.concatenate(samples)], k).indices, np.cumsum([*map(len, samples)]))
    nearest = Nearest(np.empty((len(queries), k), np.int64), np.empty((len(queries), k)))

    def search(at: int) -> None:
        groups = order[own[rows[at][0]]]
        place = np.empty(len(groups), np.int64)
        place[groups] = np.arange(len(groups))
        count = 1 + int(np.quantile(place[group[true[at]]], _RECALL, method="higher"))
        # more groups where these have too few points
        count = max(count, 1 + int(np.searchsorted(np.cumsum([len(members[one]) for one in groups]), k)))
        searched = np.sort(np.concatenate([members[one] for one in groups[:count]]))
        near = _compare_all(points[searched], queries[rows[at]], k)
        nearest.indices[rows[at]], nearest.distances[rows[at]] = searched[near.indices], near.distances

    in_threads(search, range(len(rows)))
    return nearest


def _members(group: _Ints, count: int) -> list[_Ints]:
    """Return the rows of each group."""
    order = np.argsort(group, kind="stable")
    return np.split(order, np.searchsorted(group[order], np.arange(1, count)))


def _means(points: _Floats, count: int) -> _Floats:
    """Return the centres of `count` groups by k-means on some of the points."""
    rng = np.random.default_rng(0)
    sample = points[np.sort(rng.choice(len(points), min(len(points), count * _SEEN), replace=False))]
    centres = sample[np.sort(rng.choice(len(sample), count, replace=False))]
    for _ in range(_MEANS):
        group = kneighbors(centres, 1, queries=sample).indices[:, 0]
        member = sp.csr_matrix((np.ones(len(sample)), group, np.arange(len(sample) + 1)), (len(sample), count))
        size = np.bincount(group, minlength=count)[:, None]
        centres = np.where(size > 0, member.T @ sample / np.maximum(size, 1), centres)
    return centres


def without_self(nearest: Nearest, rows: npt.NDArray[np.int64]) -> Nearest:
    """Remove each query, a row of the points, from its own neighbours, or the farthest if it is not among them."""
    own = nearest.indices == rows[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), nearest.indices.shape[1] - 1
    return Nearest(nearest.indices[~own].reshape(shape), nearest.distances[~own].reshape(shape))


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
        Number of the donor or section of each cell, shape (cells,). Cells of other groups are not neighbours; one with
        -1, for unknown, has none. None: all cells are of one group.

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
        wanted = min(k + 1 + _SPARE, len(cells))  # equally near cells of a grid stand by their index
        nearby: Any = cKDTree(place[cells]).query(place[cells], wanted)
        order = np.lexsort((nearby[1], nearby[0]), axis=1)
        sorted_cells = Nearest(np.take_along_axis(nearby[1], order, 1), np.take_along_axis(nearby[0], order, 1))
        others = without_self(sorted_cells, np.arange(len(cells))).indices[:, :k]
        nearest[cells, : others.shape[1]] = cells[others]
    return nearest


@dataclass(frozen=True)
class Graph:
    """Graph of shared neighbours."""

    distances: sp.csr_matrix  # Euclidean distances to the k - 1 nearest other cells, CSR, cells x cells
    connectivities: sp.csr_matrix  # share of common neighbours, CSR, symmetric, without diagonal


def shared_neighbors(
    embedding: npt.NDArray[np.float64], *, k: int = 20, prune: float = 1 / 15, near: Nearest | None = None
) -> Graph:
    """Build the graph of shared neighbours, as Seurat's ``FindNeighbors`` does.

    A cell has `k` neighbours, including itself (``k.param``); edges need a share of common neighbours, s / (2 k - s)
    for s common ones, of at least `prune` (``prune.SNN``). `near` are `k` neighbours or more, if they are known.
    """
    cells = len(embedding)
    near = kneighbors(embedding, k) if near is None else near.first(k)
    indptr = np.arange(0, cells * k + 1, k)
    member = sp.csr_matrix((np.ones(cells * k, np.float64), near.indices.ravel(), indptr), (cells, cells))
    shared = sp.coo_matrix(member @ member.T)
    share = shared.data / (2 * k - shared.data)
    kept = (share >= prune) & (shared.row != shared.col)
    connectivities = sp.csr_matrix((share[kept], (shared.row[kept], shared.col[kept])), (cells, cells))
    others = without_self(near, np.arange(cells))
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
    """Lay cells out on a plane by UMAP with the settings of Seurat's ``RunUMAP``, for plots only.

    The graph is built here from exact neighbours; umap-learn lays it out. Its own graph is the same, but it would
    compile the functions for it in every process.
    """
    try:
        from umap.umap_ import find_ab_params, simplicial_set_embedding
    except ImportError as error:
        raise MissingPackageError.of("UMAP", "umap-learn", "cells") from error
    directions = unit_rows(embedding)
    near = kneighbors(directions, min(30, len(embedding)))
    a, b = find_ab_params(1.0, 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few cells it starts at random places
        plane, _ = simplicial_set_embedding(
            data=directions.astype(np.float32), graph=fuzzy_graph(near.indices, near.distances**2 / 2).tocoo(),
            n_components=2, initial_alpha=1.0, a=a, b=b, gamma=1.0, negative_sample_rate=5, n_epochs=None,
            init="spectral" if len(embedding) > 3 else "random", metric="cosine", metric_kwds={}, densmap=False,
            random_state=np.random.RandomState(random_state), densmap_kwds={}, output_dens=False, parallel=False,
        )  # fmt: skip
    return np.asarray(plane, np.float32)


def fuzzy_graph(indices: _Ints, distances: _Floats) -> sp.csr_matrix:
    """Build UMAP's graph from the neighbours of each cell, shape (cells, k), the cell itself among them.

    The weight of a neighbour at distance d is ``exp(-(d - r) / s)``, for r the smallest distance above 0, and s so
    that the weights of the others sum to log2(k); an edge has the weight of the union of both directions.

    Source: McInnes et al. 2018, https://arxiv.org/abs/1802.03426, algorithms 2 and 3.
    """
    cells, k = indices.shape
    nearest = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest[np.isinf(nearest)] = 0.0
    beyond = np.maximum(distances - nearest[:, None], 0.0)
    low, high, scale = np.zeros(cells), np.full(cells, np.inf), np.ones(cells)
    for _ in range(64):
        is_wide = np.exp(-beyond[:, 1:] / scale[:, None]).sum(axis=1) > np.log2(k)
        low, high = np.where(is_wide, low, scale), np.where(is_wide, scale, high)
        scale = np.where(np.isinf(high), 2 * scale, (low + high) / 2)
    floor = np.where(nearest > 0, distances.mean(axis=1), distances.mean())
    weight = np.exp(-beyond / np.maximum(np.maximum(scale, 1e-3 * floor), np.finfo(np.float64).tiny)[:, None])
    weight[indices == np.arange(cells)[:, None]] = 0.0
    graph = sp.csr_matrix((weight.ravel(), indices.ravel(), np.arange(0, cells * k + 1, k)), (cells, cells))
    graph.eliminate_zeros()
    return sp.csr_matrix(graph + graph.T - graph.multiply(graph.T))
