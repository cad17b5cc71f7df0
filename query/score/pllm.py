"""Profile ``pllm``: the scores of the reference project, as it computes them, and what they leave out beside them.

Source: https://github.com/KKzhongyi/pLLM-cross-species-integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.cells import Coded
from homodb.query.integrate import Network, shared_neighbors
from homodb.query.score.contingency import Matched, ari, cross_table, matched_f1, nmi
from homodb.query.score.donors import draws, resampled
from homodb.query.score.embedded import Embedded
from homodb.query.score.lisi import lisi
from homodb.query.score.result import Number, ProfileScores
from homodb.query.score.silhouette import silhouette
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


#: Scores of which higher is better, in the order in which they are computed.
SCORES = (
    "nmi", "ari", "clisi", "asw", "f1_macro", "f1_micro", "f1_weighted", "f1_macro_all", "f1_micro_all",
    "f1_weighted_all",
)  # fmt: skip

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PllmMeasures:
    """What is known of every cell once neighbours, distances and clusters were found.

    Parameters
    ----------
    label, cluster
        Type and cluster of each cell, from 0.
    types
        How many types there are.
    lisi, silhouette
        Of each cell, by type.
    """

    label: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]
    types: int
    lisi: Array
    silhouette: Array

    def scores(self, weights: Array) -> Array:
        """Return the scores, in the order of :data:`SCORES`, of cells that weigh so much."""
        table = cross_table(self.label, self.cluster, weights)
        f1 = matched_f1(table)
        clisi = 1.0 - (self.lisi - 1.0) / (self.types - 1)
        means = [float(np.average(one, weights=weights)) for one in (clisi, self.silhouette)]
        return np.array(
            [
                nmi(table), ari(table), *means, f1.macro, f1.micro, f1.weighted, f1.macro_all, f1.micro_all,
                f1.weighted_all,
            ]
        )  # fmt: skip


def pllm(
    embedded: Embedded,
    baseline: Embedded | None = None,
    *,
    resamples: int = 200,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> ProfileScores:
    """Score an embedding as the reference does: on the cells whose type all species have.

    Parameters
    ----------
    embedded
        The cells; the first 30 dimensions are used.
    baseline
        The same cells in the ``none`` baseline, clustered anew.
    resamples
        Draws of the intervals; neighbours and clusters stay as they are.
    seed
        Of clustering and draws.
    report
        Called with the name of each step as it begins.

    Raises
    ------
    ScoreError
        If all species share fewer than two types, or these have too few cells.
    MissingPackageError
        If igraph is not installed.
    """
    kept = in_all_species(embedded)
    cells, left_out = subset(embedded, kept), int(np.count_nonzero(~kept))
    measured, resolution = measure(cells.points, cells.label.code, seed=seed, report=report)
    report("intervals")
    drawn = draws(cells, resamples=resamples, seed=seed)
    found = resampled(measured.scores, drawn)
    numbers = {name: found.number(at) for at, name in enumerate(SCORES)}
    table = cross_table(measured.label, measured.cluster)
    matched, clusters = matched_f1(table), table.shape[1]
    numbers |= {
        "f1_unmatched_cells": Number(matched.unmatched, better=-1),
        "cells": Number(cells.n_cells, better=0),
        "cells_left_out": Number(left_out, better=0),
        "types": Number(measured.types, better=0),
        "clusters": Number(clusters, better=0),
        "resolution": Number(resolution, better=0),
    }
    if baseline is not None:
        beside, at = measure(subset(baseline, kept).points, cells.label.code, seed=seed, report=report)
        values = dict(zip(SCORES, beside.scores(np.ones(cells.n_cells)).tolist(), strict=True))
        base = cross_table(beside.label, beside.cluster)
        values |= {"f1_unmatched_cells": matched_f1(base).unmatched, "clusters": base.shape[1], "resolution": at}
        numbers = {name: replace(one, baseline=values.get(name)) for name, one in numbers.items()}
    names = cells.label.names
    tables = {"cell types": _by_type(measured, matched, names), "cells by type and cluster": _crossed(table, names)}
    return ProfileScores(numbers, tables, tuple(_notes(embedded, cells, matched, clusters)))


def measure(
    points: Array,
    label: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64] | None = None,
    *,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> tuple[PllmMeasures, float]:
    """Measure every cell, and find clusters where none are given; returns the resolution too, NaN where they are."""
    types, resolution = int(label.max()) + 1, float("nan")
    report("LISI")
    per_cell = lisi(points, label)[0]
    if cluster is None:
        report(f"clusters, as many as the {types} types")
        found = cluster_to_count(points, types, seed=seed, report=report)
        cluster, resolution = found.code, found.resolution
    report("silhouettes")
    return PllmMeasures(label, cluster, types, per_cell, silhouette(points, label)), resolution


def in_all_species(embedded: Embedded) -> npt.NDArray[np.bool_]:
    """Return which cells are of a type that all species have, shape (cells,).

    Raises
    ------
    ScoreError
        If there are fewer than two such types.
    """
    shared = np.asarray((cross_table(embedded.label.code, embedded.species.code) > 0).all(axis=1))
    if shared.sum() < 2:
        seen = ", ".join(np.array(embedded.label.names)[shared].tolist()) or "none"
        raise ScoreError(
            f"the profile pllm needs two cell types that all species ({', '.join(embedded.species.names)}) have; they"
            f" share: {seen}; name them alike in all species, or leave this profile out (--profile)"
        )
    kept: npt.NDArray[np.bool_] = shared[embedded.label.code]
    return kept


def subset(embedded: Embedded, kept: npt.NDArray[np.bool_]) -> Embedded:
    """Return some of the cells; names that none of them has are dropped."""
    donor = None if embedded.donor is None else _part(embedded.donor, kept)
    label, species = _part(embedded.label, kept), _part(embedded.species, kept)
    return Embedded(np.ascontiguousarray(embedded.points[kept]), label, species, donor, embedded.key)


def _part(coded: Coded, kept: npt.NDArray[np.bool_]) -> Coded:
    there, code = np.unique(coded.code[kept], return_inverse=True)
    return Coded(code.astype(np.int64), tuple(coded.names[one] for one in there))


def _by_type(measured: PllmMeasures, matched: Matched, names: tuple[str, ...]) -> pl.DataFrame:
    size = np.bincount(measured.label)
    normal = 1.0 - (measured.lisi - 1.0) / (measured.types - 1)
    return pl.DataFrame(
        {
            "cell_type": names,
            "cells": size,
            "cluster": [None if one < 0 else one for one in matched.cluster.tolist()],
            "f1": pl.Series(matched.f1).fill_nan(None),
            "f1_all": matched.f1_all,
            "asw": np.bincount(measured.label, measured.silhouette) / size,
            "clisi": np.bincount(measured.label, normal) / size,
        }
    )


def _crossed(table: Array, names: tuple[str, ...]) -> pl.DataFrame:
    columns = {f"cluster {one}": table[:, one].astype(np.int64) for one in range(table.shape[1])}
    return pl.DataFrame({"cell_type": names, **columns})


def _notes(embedded: Embedded, cells: Embedded, matched: Matched, clusters: int) -> list[str]:
    said = []
    if cells.n_cells < embedded.n_cells:
        out = sorted(set(embedded.label.names) - set(cells.label.names))
        said.append(
            f"{embedded.n_cells - cells.n_cells:,} of {embedded.n_cells:,} cells are left out, since not all species"
            f" have their type: {', '.join(out)}"
        )
    types = len(cells.label.names)
    if clusters != types:
        said.append(f"no resolution gave {types} clusters; the nearest gave {clusters}")
    wrong = [name for name, f1 in zip(cells.label.names, matched.f1, strict=True) if np.isnan(f1)]
    if wrong:
        said.append(
            f"no cell of {', '.join(wrong)} is in a cluster of its own type; the reference leaves such types out of"
            " f1_macro, f1_macro_all counts them as 0"
        )
    return said
