"""Clusters of cells in a graph, through igraph; and UMAP, which is for looking only."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.schema.errors import MissingPackageError


class Network:
    """Cells and the weights between them, as igraph holds them; made once for several resolutions.

    Parameters
    ----------
    graph
        Symmetric weights, cells x cells.

    Raises
    ------
    MissingPackageError
        If igraph is not installed.
    """

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
        self, *, algorithm: str = "louvain", resolution: float = 0.8, n_starts: int = 10, seed: int = 42
    ) -> npt.NDArray[np.int64]:
        """Cluster the cells by modularity.

        Parameters
        ----------
        algorithm
            ``louvain`` or ``leiden``.
        resolution
            Higher gives more clusters.
        n_starts
            Of so many random starts the one of best modularity is kept.
        seed
            Of the random starts.

        Returns
        -------
        numpy.ndarray
            The cluster of each cell, the largest being 0.
        """
        network, weights = self._network, self._weights
        best: npt.NDArray[np.int64] | None = None
        quality = -np.inf
        self._igraph.set_random_number_generator(random.Random(seed))  # noqa: S311
        try:
            for _ in range(n_starts):
                if algorithm == "leiden":
                    found = network.community_leiden(
                        "modularity", weights=weights, resolution=resolution, n_iterations=10
                    )
                else:
                    found = network.community_multilevel(weights=weights, resolution=resolution)
                member = np.array(found.membership, np.int64)
                reached = network.modularity(found.membership, weights=weights, resolution=resolution)
                if best is None or reached > quality + 1e-12:
                    best, quality = member, reached
        finally:
            self._igraph.set_random_number_generator(random)
        return _by_size(best if best is not None else np.zeros(network.vcount(), np.int64))


def umap(embedding: npt.NDArray[np.float64], *, seed: int = 42) -> npt.NDArray[np.float32]:
    """Lay cells out on a plane with Seurat's ``RunUMAP`` settings; for looking only.

    Parameters
    ----------
    embedding
        Shape (cells, dimensions).
    seed
        Of its random start.

    Raises
    ------
    MissingPackageError
        If umap-learn is not installed.
    """
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingPackageError.of("UMAP", "umap-learn", "cells") from error
    near = min(30, len(embedding) - 1)
    made = UMAP(n_neighbors=near, min_dist=0.3, metric="cosine", random_state=seed, n_jobs=1).fit_transform(embedding)
    return np.asarray(made, np.float32)


def _by_size(member: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the clusters numbered by their size, the largest 0."""
    _, member = np.unique(member, return_inverse=True)
    order = np.argsort(-np.bincount(member), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[member]
