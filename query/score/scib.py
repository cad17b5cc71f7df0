"""Score by profile ``scib``: the metrics of scib-metrics, with species as its batches.

Source: Luecken et al., Nature Methods 2022 (https://doi.org/10.1038/s41592-021-01336-8). The metrics are those that
scib-metrics 0.5 defines; only k-means takes its random numbers from JAX, as there. What they mean for two species is
in docs/score.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.special import chdtrc

from homodb.query.integrate import Nearest, kneighbors, unit_rows
from homodb.query.score.cell_scores import lisi
from homodb.query.score.contingency import ari, cross_table, nmi
from homodb.query.score.embedded import Embedded
from homodb.query.score.result import Number, ProfileScores
from homodb.schema.errors import MissingPackageError, ScoreError
from homodb.schema.settings import cache_folder

#: Neighbours for LISI, kBET and graph connectivity, as in scib-metrics' ``Benchmarker``.
_NEIGHBORS = (90, 50, 15)

#: kBET: level of its tests, least and most neighbours, least cells of a type, and share of a type's cells that must
#: be in connected parts of three times the neighbours.
_LEVEL, _LEAST, _MOST, _CELLS, _CONNECTED = 0.05, 10, 70, 10, 0.75

#: Steps of k-means, and the change of its inertia, as a share of the variance, at which it ends after these.
_STEPS, _TOLERANCE = 300, 1e-4

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def scib(
    embedded: Embedded, baseline: Embedded | None = None, *, progress: Callable[[str], None] = lambda step: None
) -> ProfileScores:
    """Score an embedding by all metrics that scib-metrics' ``Benchmarker`` computes by default, on exact neighbours.

    Parameters
    ----------
    embedded
        All cells; the first 30 dimensions are used.
    baseline
        The same cells in the ``none`` baseline, which ``pcr_comparison`` compares with.
    progress
        Callback that receives the name of each step.

    Raises
    ------
    MissingPackageError
        If JAX is not installed.
    ScoreError
        If there are too few cells for its neighbours.
    """
    if embedded.n_cells <= _NEIGHBORS[0]:
        raise ScoreError(
            f"scib-metrics uses {_NEIGHBORS[0]} neighbours, but there are {embedded.n_cells} cells; give more cells, or"
            " leave out this profile",
            option="profile",
        )
    notes: list[str] = []
    values = _values(embedded, baseline, progress, notes)
    numbers = {name: Number(value) for name, value in values.items()}
    if baseline is not None:
        before = _values(baseline, baseline, progress, notes)
        numbers = {name: replace(one, baseline=before[name]) for name, one in numbers.items()}
    if baseline is None:
        notes.append("pcr_comparison is left out: it compares with the none baseline, which is not there")
    if np.isnan(values["bras"]):
        notes.append("bras and kbet cannot be computed: no cell type has several cells of two species")
    notes.insert(
        0, "scib-metrics 0.5 defines these scores; kbet takes exact neighbours within types in place of its own"
    )
    return ProfileScores(numbers, notes=tuple(dict.fromkeys(notes)))


def _values(
    embedded: Embedded, before: Embedded | None, progress: Callable[[str], None], notes: list[str]
) -> dict[str, float]:
    """Compute every metric."""
    points, label, species = embedded.points, embedded.label.code, embedded.species.code
    table = cross_table(label, species)
    progress("scib: k-means")
    by_means = cross_table(label, _means(points, len(table)))
    progress("scib: neighbours")
    near = embedded.near
    progress("scib: silhouettes")
    # a cell that is alone in its type has 0 in scib-metrics
    sizes = table.sum(axis=1)
    widths = (np.where(sizes[label] > 1, embedded.silhouettes, 0.0) + 1) / 2
    by_type = np.bincount(label, widths, len(table)) / sizes
    n_species = (table > 0).sum(axis=1)
    progress("scib: mixing of species")
    of_label, of_species = lisi(points, label, species, near=near)
    mixed = bool(((n_species > 1) & (n_species < sizes)).any())
    values = {
        "isolated_labels": by_type[n_species == n_species.min()].mean(),
        "nmi_kmeans": nmi(by_means, arithmetic=True),
        "ari_kmeans": ari(by_means),
        "silhouette_label": widths.mean(),
        "clisi": (len(table) - np.median(of_label)) / (len(table) - 1),
        "bras": _bras(points, label, species) if mixed else np.nan,
        "ilisi": (np.median(of_species) - 1) / (table.shape[1] - 1),
        "kbet": _kbet(points, label, species, near.first(_NEIGHBORS[1])) if mixed else np.nan,
        "graph_connectivity": _connectivity(label, near.first(_NEIGHBORS[2])),
    }
    if before is not None:
        explained, now = _explained(before.points, species), _explained(points, species)
        values["pcr_comparison"] = (explained - now) / explained if explained else np.nan
        if values["pcr_comparison"] < 0:
            notes.append(
                "pcr_comparison: the PCR comparison score is negative, species explain more of the variance"
                " than before; set to 0"
            )
            values["pcr_comparison"] = 0.0
    return {name: float(value) for name, value in values.items()}


def _bras(points: _Floats, label: _Ints, species: _Ints) -> float:
    """Return BRAS: one less the absolute silhouette by species within types, by cosine distance, as a mean over types.

    The distance to other species is the mean over all their cells. Sums of cosine distances are products with the sum
    of the cells' directions.
    """
    directions = unit_rows(points)
    means = []
    for one in range(int(label.max()) + 1):
        cells = np.flatnonzero(label == one)
        names, own, size = np.unique(species[cells], return_inverse=True, return_counts=True)
        if len(names) in (1, len(cells)):
            continue
        direction = directions[cells]
        total = np.stack([direction[own == number].sum(axis=0) for number in range(len(names))])
        sums = size - direction @ total.T
        mine = sums[np.arange(len(cells)), own]
        within = np.divide(mine, size[own] - 1, out=np.full(len(cells), np.nan), where=size[own] > 1)
        between = (sums.sum(axis=1) - mine) / (len(cells) - size[own])
        largest = np.maximum(within, between)
        width = np.divide(between - within, largest, out=np.zeros(len(cells)), where=largest > 0)
        means.append(1 - np.abs(width).mean())
    return float(np.mean(means))


def _kbet(points: _Floats, label: _Ints, species: _Ints, near: Nearest) -> float:
    """Return kBET: the share of cells around which species are as in the type, as a mean over types.

    scib-metrics searches these neighbours approximately, by diffusion distance on the graph of a type's cells; here
    they are the nearest of the type by the embedding. As there, a type counts as unmixed if its graph is in pieces.
    """
    scores = []
    graph = _graph(near)
    for one in range(int(label.max()) + 1):
        cells = np.flatnonzero(label == one)
        sizes = np.unique(species[cells], return_counts=True)[1]
        if len(cells) < _CELLS or len(sizes) == 1:
            continue
        k = int(min(_MOST, max(_LEAST, np.floor(sizes.mean() / 4))))
        count, piece = connected_components(graph[cells][:, cells], directed=False)
        if count > 1:
            kept = np.bincount(piece)[piece] >= 3 * k
            if kept.mean() < _CONNECTED:
                scores.append(0.0)
                continue
            cells = cells[kept]
        scores.append(_accepted(points[cells], species[cells], min(k + 1, len(cells))))
    return float(np.mean(scores)) if scores else np.nan


def _accepted(points: _Floats, species: _Ints, k: int) -> float:
    """Return the share of cells whose `k` neighbours a chi-squared test does not tell from all cells."""
    own = np.unique(species, return_inverse=True)[1]
    n_species = int(own.max()) + 1
    if n_species == 1:
        return 0.0
    around = own[kneighbors(points, k).indices]
    expected = np.bincount(own) / len(own) * k
    observed = np.stack([(around == one).sum(axis=1) for one in range(n_species)], axis=1)
    statistic = ((observed - expected) ** 2 / expected).sum(axis=1)
    return float((chdtrc(n_species - 1, statistic) >= _LEVEL).mean())


def _connectivity(label: _Ints, near: Nearest) -> float:
    """Return the share of a type's cells in its largest strongly connected part, as a mean over types."""
    graph, shares = _graph(near), []
    for one in range(int(label.max()) + 1):
        cells = np.flatnonzero(label == one)
        piece = connected_components(graph[cells][:, cells], connection="strong")[1]
        shares.append(np.bincount(piece).max() / len(cells))
    return float(np.mean(shares))


def _graph(near: Nearest) -> sp.csr_matrix:
    rows, k = near.indices.shape
    indptr = np.arange(0, rows * k + 1, k)
    return sp.csr_matrix((np.ones(rows * k, np.int8), near.indices.ravel(), indptr), (rows, rows))


def _explained(points: _Floats, species: _Ints) -> float:
    """Return the share of the variance that species explain.

    Principal component regression weights the share of each component by its variance. Over all components that is
    the sum of squares between species over the total.
    """
    apart = points - points.mean(axis=0)
    size = np.bincount(species)
    means = np.stack([apart[species == one].mean(axis=0) for one in range(len(size))])
    return float(size @ (means**2).sum(axis=1) / (apart**2).sum())


def _means(points: _Floats, count: int) -> _Ints:
    """Cluster by k-means as scib-metrics does: the same seed, random numbers and single precision.

    scib-metrics always goes 300 steps; once the clusters stay, later steps change nothing.
    """
    single = np.asarray(points, np.float32)
    tolerance = single.var(axis=0).mean() * _TOLERANCE
    single = single - single.mean(axis=0)
    centres = _plus_plus(single, count)
    placed = single.astype(np.float64)
    squares = np.einsum("ij,ij->i", placed, placed)
    inertia, cluster, step = np.inf, np.full(len(points), -1), 0
    while True:
        apart = np.einsum("ij,ij->i", centres, centres) - 2 * (placed @ centres.T)
        earlier, cluster = cluster, apart.argmin(axis=1)
        before, inertia = inertia, float((squares + apart.min(axis=1)).sum())
        if np.array_equal(earlier, cluster) or (step >= _STEPS and abs(before - inertia) <= tolerance):
            return np.asarray(cluster, np.int64)
        member = sp.csr_matrix((np.ones(len(points)), cluster, np.arange(len(points) + 1)), (len(points), count))
        size = np.maximum(np.bincount(cluster, minlength=count), 1)
        centres = np.asarray(member.T @ placed / size[:, None], np.float32).astype(np.float64)
        step += 1


def _plus_plus(points: npt.NDArray[np.float32], count: int) -> _Floats:
    """Choose the first centres by k-means++, with the random numbers that scib-metrics draws."""
    try:
        import jax
    except ImportError as error:
        raise MissingPackageError.of("the profile scib", "jax", "score") from error
    config: Any = jax.config
    if config.jax_compilation_cache_dir is None:  # what was compiled for a number of cells serves later processes
        config.update("jax_compilation_cache_dir", str(cache_folder() / "jax"))
        config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

    def draw(key: jax.Array, n: int, weights: npt.NDArray[np.float32] | None = None) -> npt.NDArray[np.int64]:
        return np.asarray(jax.random.choice(key, len(points), (n,), replace=False, p=weights))

    def squared(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        return np.stack([((points - points[row]) ** 2).sum(axis=1) for row in rows.tolist()])

    key, used = jax.random.split(jax.random.split(jax.random.PRNGKey(0), 1)[0])
    chosen = draw(used, 1).tolist()
    least = squared(np.array(chosen))[0]
    trials = 2 + int(np.log(count))
    for _ in range(count - 1):
        key, used = jax.random.split(key)
        rows = draw(used, trials, least / least.sum())
        nearer = np.minimum(least, squared(rows))
        best = int(nearer.sum(axis=1).argmin())
        chosen.append(int(rows[best]))
        least = nearer[best]
    return np.asarray(points[chosen], np.float64)
