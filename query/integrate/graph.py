"""Neighbours of cells in an embedding, and the graph of neighbours that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.nearest import nearest


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
