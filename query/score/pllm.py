"""Score by profile ``pllm``: the scores of the reference project as it computes them, beside what they leave out.

Source: https://github.com/KKzhongyi/pLLM-cross-species-integration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.integrate import Nearest, Network, shared_neighbors
from homodb.query.score.cell_scores import lisi, silhouette
from homodb.query.score.contingency import MatchedClusters, ari, cross_table, matched_f1, nmi
from homodb.query.score.embedded import Embedded
from homodb.query.score.intervals import draws, resampled
from homodb.query.score.result import Number, ProfileScores
from homodb.schema.errors import ScoreError

#: Steps of the search for a resolution at most, and its first upper end, as in the reference.
_STEPS = 25
_HIGHEST = 1.0
#: The upper end is doubled up to here if it gives too few clusters.
_LIMIT = 1024.0
#: Neighbours of the graph, including the cell itself (Seurat's ``k.param``).
_NEIGHBORS = 20
#: Starts of Louvain (Seurat's ``n.start``), fewer from 5,000 cells on, so that a search takes minutes.
_STARTS = 10
_STARTED_CELLS = 50_000

#: Scores of which higher is better, in the order of :meth:`PllmMeasures.scores`.
SCORES = (
    "nmi", "ari", "clisi", "asw", "f1_macro", "f1_micro", "f1_weighted", "f1_macro_all", "f1_micro_all",
    "f1_weighted_all",
)  # fmt: skip

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clustered:
    """Clusters of cells."""

    code: _Ints  # cluster of each cell, from 0
    resolution: float  # resolution that gave them
    count: int  # number of clusters


def cluster_to_count(
    points: _Floats, count: int, *, near: Nearest | None = None, random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> Clustered:  # fmt: skip
    """Cluster cells by Louvain on the graph of shared neighbours into a given number of clusters.

    As in the reference, up to 25 bisections between 0 and 1 stop at the number; otherwise the resolution with the
    fewest clusters above it is taken, the last of several. If all 25 give too few, where the reference fails, the upper
    end is doubled until it gives enough, and up to 25 more steps follow; if even 1024 does not, the most clusters
    are taken. `near` are the neighbours, including the cell itself, if they are known.

    Raises
    ------
    ScoreError
        If there are fewer cells than neighbours.
    MissingPackageError
        If igraph is not installed.
    """
    if len(points) <= _NEIGHBORS:
        raise ScoreError(
            f"clustering needs {_NEIGHBORS} neighbours, including the cell itself, but there are {len(points)} cells;"
            " give more cells, or leave out this profile",
            option="profile",
        )
    graph = shared_neighbors(points, k=_NEIGHBORS, near=near)
    network = Network(graph.connectivities)
    starts = max(1, min(_STARTS, _STARTED_CELLS // len(points)))

    def at(resolution: float) -> Clustered:
        cluster = network.clusters(resolution=resolution, n_starts=starts, random_state=random_state)
        code = join_singles(cluster, graph.connectivities, graph.distances)
        progress(f"resolution {resolution:.6g}: {code.max() + 1} clusters, expected {count}")
        return Clustered(code, resolution, int(code.max()) + 1)

    return _search(at, count)


def _search(at: Callable[[float], Clustered], count: int) -> Clustered:
    """Search for a resolution; see :func:`cluster_to_count`."""
    tried = _bisect(at, count, 0.0, _HIGHEST)
    high = _HIGHEST
    while all(one.count < count for one in tried) and high < _LIMIT:
        high *= 2
        tried.append(at(high))
        if tried[-1].count > count:
            tried += _bisect(at, count, high / 2, high)
    exact = [one for one in tried if one.count == count]
    above = [one for one in tried if one.count > count]
    if exact:
        return exact[0]
    return min(reversed(above), key=lambda one: one.count) if above else max(tried, key=lambda one: one.count)


def _bisect(at: Callable[[float], Clustered], count: int, low: float, high: float) -> list[Clustered]:
    """Return all clusterings on the way to the number, in 25 steps at most."""
    tried: list[Clustered] = []
    for _ in range(_STEPS):
        middle = (low + high) / 2
        tried.append(at(middle))
        if tried[-1].count == count:
            break
        low, high = (low, middle) if tried[-1].count > count else (middle, high)
    return tried


def join_singles(code: _Ints, connectivities: sp.csr_matrix, distances: sp.csr_matrix) -> _Ints:
    """Join clusters of one cell with others, as Seurat does (``group.singletons``).

    Such a cell goes to the cluster with whose cells it shares most neighbours on average, or if it shares none, to the
    cluster of its nearest neighbour (Seurat draws one at random). Nothing changes if all clusters have one cell.

    Parameters
    ----------
    code
        Cluster of each cell, from 0; in the result the largest cluster is 0.
    connectivities, distances
        Shared neighbours, and distances to the nearest others, cells x cells.
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


@dataclass(frozen=True)
class PllmMeasures:
    """Type, cluster, LISI and silhouette of every cell."""

    # type and cluster of each cell, from 0
    label: _Ints
    cluster: _Ints
    types: int  # number of types
    # scores of each cell, by type
    lisi: _Floats
    silhouette: _Floats

    @property
    def clisi(self) -> _Floats:
        """LISI of each cell, scaled so that 1 is a single type and 0 all types."""
        return 1.0 - (self.lisi - 1.0) / (self.types - 1)

    def scores(self, weights: _Floats) -> _Floats:
        """Return the scores, in the order of :data:`SCORES`, for some weights of cells."""
        table = cross_table(self.label, self.cluster, weights)
        f1 = matched_f1(table)
        means = [float(np.average(one, weights=weights)) for one in (self.clisi, self.silhouette)]
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
    n_resamples: int = 200,
    random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> ProfileScores:
    """Score an embedding as the reference does, on the cells whose type all species have.

    Parameters
    ----------
    embedded
        The cells; the first 30 dimensions are used.
    baseline
        The same cells in the ``none`` baseline, which gets its own clusters.
    n_resamples
        Number of draws of the intervals; neighbours and clusters stay the same.
    random_state
        Seed of the clusters and draws.
    progress
        Callback that receives the name of each step.

    Raises
    ------
    ScoreError
        If the species share fewer than two types, or these have too few cells.
    MissingPackageError
        If igraph is not installed.
    """
    kept = in_all_species(embedded)
    cells, left_out = embedded.subset(kept), int(np.count_nonzero(~kept))
    measures, resolution = _measured(cells, random_state, progress)
    progress("intervals")
    values = resampled(measures.scores, draws(cells, n_resamples=n_resamples, random_state=random_state))
    numbers = {name: values.number(at) for at, name in enumerate(SCORES)}
    table = cross_table(measures.label, measures.cluster)
    matched, clusters = matched_f1(table), table.shape[1]
    numbers |= {
        "f1_unmatched_cells": Number(matched.unmatched, better=-1),
        "cells": Number(cells.n_cells, better=0),
        "cells_left_out": Number(left_out, better=0),
        "types": Number(measures.types, better=0),
        "clusters": Number(clusters, better=0),
        "resolution": Number(resolution, better=0),
    }
    if baseline is not None:
        before, at = _measured(baseline.subset(kept), random_state, progress)
        by_name = dict(zip(SCORES, before.scores(np.ones(cells.n_cells)).tolist(), strict=True))
        crossed = cross_table(before.label, before.cluster)
        by_name |= {"f1_unmatched_cells": matched_f1(crossed).unmatched, "clusters": crossed.shape[1], "resolution": at}
        numbers = {name: replace(one, baseline=by_name.get(name)) for name, one in numbers.items()}
    names = cells.label.names
    columns = {f"cluster {one}": table[:, one].astype(np.int64) for one in range(clusters)}
    tables = {
        "cell types": _by_type(measures, matched, names),
        "cells by type and cluster": pl.DataFrame({"cell_type": names, **columns}),
    }
    return ProfileScores(numbers, tables, tuple(_notes(embedded, cells, matched, clusters)))


def _measured(cells: Embedded, random_state: int, progress: Callable[[str], None]) -> tuple[PllmMeasures, float]:
    progress("neighbours")
    near = cells.near
    progress("silhouettes")
    silhouettes = cells.silhouettes
    return measure(
        cells.points, cells.label.code, near=near, silhouettes=silhouettes, random_state=random_state,
        progress=progress,
    )  # fmt: skip


def measure(
    points: _Floats,
    label: _Ints,
    cluster: _Ints | None = None,
    *,
    near: Nearest | None = None,
    silhouettes: _Floats | None = None,
    random_state: int = 42,
    progress: Callable[[str], None] = lambda step: None,
) -> tuple[PllmMeasures, float]:
    """Measure every cell, and cluster if no clusters are given; return the resolution too, else NaN.

    `near` are the 90 neighbours of each cell, including itself, and `silhouettes` those by type, if they are known.
    """
    types, resolution = int(label.max()) + 1, float("nan")
    progress("LISI")
    per_cell = lisi(points, label, near=near)[0]
    if cluster is None:
        progress(f"clusters, as many as the {types} types")
        clustered = cluster_to_count(points, types, near=near, random_state=random_state, progress=progress)
        cluster, resolution = clustered.code, clustered.resolution
    widths = silhouette(points, label) if silhouettes is None else silhouettes
    return PllmMeasures(label, cluster, types, per_cell, widths), resolution


def in_all_species(embedded: Embedded) -> npt.NDArray[np.bool_]:
    """Return a mask of the cells whose type all species have, shape (cells,).

    Raises
    ------
    ScoreError
        If there are fewer than two such types.
    """
    shared = np.asarray((cross_table(embedded.label.code, embedded.species.code) > 0).all(axis=1))
    if shared.sum() < 2:
        names = ", ".join(np.array(embedded.label.names)[shared].tolist()) or "none"
        raise ScoreError(
            f"the profile pllm needs two cell types that all species ({', '.join(embedded.species.names)}) have; they"
            f" share: {names}; name them alike in all species, or leave out this profile",
            option="profile",
        )
    kept: npt.NDArray[np.bool_] = shared[embedded.label.code]
    return kept


def _by_type(measures: PllmMeasures, matched: MatchedClusters, names: tuple[str, ...]) -> pl.DataFrame:
    size = np.bincount(measures.label)
    return pl.DataFrame(
        {
            "cell_type": names,
            "cells": size,
            "cluster": [None if one < 0 else one for one in matched.cluster.tolist()],
            "f1": pl.Series(matched.f1).fill_nan(None),
            "f1_all": matched.f1_all,
            "asw": np.bincount(measures.label, measures.silhouette) / size,
            "clisi": np.bincount(measures.label, measures.clisi) / size,
        }
    )


def _notes(embedded: Embedded, cells: Embedded, matched: MatchedClusters, clusters: int) -> Iterator[str]:
    if cells.n_cells < embedded.n_cells:
        out = sorted(set(embedded.label.names) - set(cells.label.names))
        yield (
            f"{embedded.n_cells - cells.n_cells:,} of {embedded.n_cells:,} cells are left out, since not all species"
            f" have their type: {', '.join(out)}"
        )
    types = len(cells.label.names)
    if clusters != types:
        yield f"no resolution gave {types} clusters; the nearest gave {clusters}"
    wrong = [name for name, f1 in zip(cells.label.names, matched.f1, strict=True) if np.isnan(f1)]
    if wrong:
        yield (
            f"no cell of {', '.join(wrong)} is in a cluster of its own type; the reference leaves such types out of"
            " f1_macro, f1_macro_all counts them as 0"
        )
