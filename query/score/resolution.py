"""Finds the resolution at which there are as many clusters as cell types, by bisection, as the reference does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.clusters import Network
from homodb.query.integrate.graph import shared_neighbors
from homodb.schema.errors import ScoreError

#: The reference's: steps at most, and where the search begins.
_STEPS = 25
_HIGHEST = 1.0
#: Where that is not enough, the upper end is doubled up to here.
_LIMIT = 1024.0
#: Neighbours of the graph, the cell itself among them (Seurat's ``k.param``).
_NEIGHBORS = 20
#: Starts of Louvain (Seurat's ``n.start``), fewer from 5 000 cells on, so that a search takes minutes.
_STARTS = 10
_STARTED_CELLS = 50_000


@dataclass(frozen=True)
class Clustered:
    """Clusters of cells.

    Parameters
    ----------
    code
        Cluster of each cell, from 0.
    resolution
        At which they were found.
    count
        How many there are.
    """

    code: npt.NDArray[np.int64]
    resolution: float
    count: int


def cluster_to_count(
    points: npt.NDArray[np.float64],
    wanted: int,
    *,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> Clustered:
    """Cluster cells by Louvain, on the graph of shared neighbours, into a wanted number of clusters.

    The reference's search: bisection between 0 and 1, 25 steps at most, until the number is met; otherwise the
    resolution that gave the fewest above it, the last of several. Where all 25 give too few, with which the reference
    fails, the upper end is doubled until it gives enough, and 25 more steps look between; where even 1024 does not,
    the most that were found are taken.

    Parameters
    ----------
    points
        Where cells lie, shape (cells, dimensions).
    wanted
        How many clusters.
    seed
        Of Louvain's starts.
    report
        Called with each step.

    Raises
    ------
    ScoreError
        If there are fewer cells than neighbours.
    MissingPackageError
        If igraph is not installed.
    """
    if len(points) <= _NEIGHBORS:
        raise ScoreError(
            f"clusters are found among {_NEIGHBORS} neighbours, the cell itself among them, but there are"
            f" {len(points)} cells; give more, or leave this profile out (--profile)"
        )
    graph = shared_neighbors(points, k=_NEIGHBORS)
    network = Network(graph.connectivities)
    starts = max(1, min(_STARTS, _STARTED_CELLS // len(points)))

    def at(resolution: float) -> Clustered:
        found = network.clusters(resolution=resolution, n_starts=starts, seed=seed)
        code = join_singles(found, graph.connectivities, graph.distances)
        report(f"resolution {resolution:.6g}: {code.max() + 1} clusters, wanted {wanted}")
        return Clustered(code, resolution, int(code.max()) + 1)

    return _search(at, wanted)


def _search(at: Callable[[float], Clustered], wanted: int) -> Clustered:
    """Bisect; see :func:`cluster_to_count`."""
    tried = _bisect(at, wanted, 0.0, _HIGHEST)
    high = _HIGHEST
    while all(one.count < wanted for one in tried) and high < _LIMIT:
        high *= 2
        tried.append(at(high))
        if tried[-1].count > wanted:
            tried += _bisect(at, wanted, high / 2, high)
    exact = [one for one in tried if one.count == wanted]
    above = [one for one in tried if one.count > wanted]
    if exact:
        return exact[0]
    return min(reversed(above), key=lambda one: one.count) if above else max(tried, key=lambda one: one.count)


def _bisect(at: Callable[[float], Clustered], wanted: int, low: float, high: float) -> list[Clustered]:
    """Return all that was found on the way to the wanted number, in 25 steps at most."""
    tried: list[Clustered] = []
    for _ in range(_STEPS):
        middle = (low + high) / 2
        tried.append(at(middle))
        if tried[-1].count == wanted:
            break
        if tried[-1].count > wanted:
            high = middle
        else:
            low = middle
    return tried


def join_singles(
    code: npt.NDArray[np.int64], connectivities: sp.csr_matrix, distances: sp.csr_matrix
) -> npt.NDArray[np.int64]:
    """Give clusters of one cell to others, as Seurat does (``group.singletons``).

    Such a cell goes to the cluster with whose cells it shares most neighbours on average; one that shares with none to
    the cluster of its nearest neighbour (Seurat draws one by chance). Where all clusters are of one cell, nothing
    is changed.

    Parameters
    ----------
    code
        Cluster of each cell, from 0.
    connectivities
        Shared neighbours, cells x cells.
    distances
        To the nearest others, cells x cells.

    Returns
    -------
    numpy.ndarray
        Cluster of each cell, numbered anew, the largest 0.
    """
    sizes = np.bincount(code)
    single = sizes[code] == 1
    if not single.any() or single.all():
        return code
    joined = code.copy()
    for cell in np.flatnonzero(single).tolist():
        row = connectivities[[cell]]
        shared = np.bincount(code[row.indices], row.data, len(sizes))
        shared[sizes == 1] = 0.0
        if shared.any():
            joined[cell] = int(np.argmax(shared / sizes))
            continue
        near = distances[[cell]]
        order = near.indices[np.argsort(near.data, kind="stable")]
        others = order[~single[order]]
        if len(others):
            joined[cell] = code[others[0]]
    kept, joined = np.unique(joined, return_inverse=True)
    rank = np.empty(len(kept), np.int64)
    rank[np.argsort(-np.bincount(joined), kind="stable")] = np.arange(len(kept))
    return rank[joined]
