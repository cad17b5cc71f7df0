"""Score by profile ``scib``: scib-metrics, with species as its batches.

Source: Luecken et al., Nature Methods 2022 (https://doi.org/10.1038/s41592-021-01336-8).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from homodb.query.integrate import kneighbors
from homodb.query.score.contingency import cross_table
from homodb.query.score.embedded import Embedded
from homodb.query.score.result import Number, ProfileScores
from homodb.schema.errors import MissingPackageError, ScoreError

#: Neighbours for LISI, kBET and graph connectivity, as in scib-metrics' ``Benchmarker``.
_NEIGHBORS = (90, 50, 15)


def scib(
    embedded: Embedded, baseline: Embedded | None = None, *, progress: Callable[[str], None] = lambda step: None
) -> ProfileScores:
    """Score an embedding by scib-metrics: all that its ``Benchmarker`` computes by default, on exact neighbours.

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
        If scib-metrics is not installed.
    ScoreError
        If there are too few cells for its neighbours.
    """
    try:
        import scib_metrics
    except ImportError as error:
        raise MissingPackageError.of("the profile scib", "scib-metrics", "score") from error
    if embedded.n_cells <= _NEIGHBORS[0]:
        raise ScoreError(
            f"scib-metrics uses {_NEIGHBORS[0]} neighbours, but there are {embedded.n_cells} cells; give more cells, or"
            " leave out this profile",
            option="profile",
        )
    notes: list[str] = []
    with _warnings_as(notes):
        values = _values(scib_metrics, embedded, baseline, progress)
        numbers = {name: Number(value) for name, value in values.items()}
        if baseline is not None:
            before = _values(scib_metrics, baseline, baseline, progress)
            numbers = {name: replace(one, baseline=before[name]) for name, one in numbers.items()}
    if baseline is None:
        notes.append("pcr_comparison is left out: it compares with the none baseline, which is not there")
    if np.isnan(values["bras"]):
        notes.append("bras and kbet cannot be computed: no cell type has several cells of two species")
    return ProfileScores(numbers, notes=tuple(dict.fromkeys([f"scib-metrics {scib_metrics.__version__}", *notes])))


def _values(
    package: Any, embedded: Embedded, before: Embedded | None, progress: Callable[[str], None]
) -> dict[str, float]:
    """Call every metric."""
    points = embedded.points
    label = np.array(embedded.label.names)[embedded.label.code]
    species = np.array(embedded.species.names)[embedded.species.code]
    progress("scib-metrics: neighbours")
    most, middle, least = _NEIGHBORS
    exact = kneighbors(points, most)
    near = package.nearest_neighbors.NeighborsResults(indices=exact.indices, distances=exact.distances)
    progress("scib-metrics: cell types")
    by_means = package.nmi_ari_cluster_labels_kmeans(points, label)
    values = {
        "isolated_labels": package.isolated_labels(points, label, species),
        "nmi_kmeans": by_means["nmi"],
        "ari_kmeans": by_means["ari"],
        "silhouette_label": package.silhouette_label(points, label),
        "clisi": package.clisi_knn(near, label),
    }
    progress("scib-metrics: mixing of species")
    # scib-metrics fails unless some type has cells of two species, and more cells than species
    table = cross_table(embedded.label.code, embedded.species.code)
    n_species, cells = (table > 0).sum(axis=1), table.sum(axis=1)
    mixed = bool(((n_species > 1) & (n_species < cells)).any())
    values |= {
        "bras": package.bras(points, label, species) if mixed else np.nan,
        "ilisi": package.ilisi_knn(near, species),
        "kbet": package.kbet_per_label(near.subset_neighbors(middle), species, label) if mixed else np.nan,
        "graph_connectivity": package.graph_connectivity(near.subset_neighbors(least), label),
    }
    if before is not None:
        values["pcr_comparison"] = package.pcr_comparison(before.points, points, species, categorical=True)
    return {name: float(value) for name, value in values.items()}


@contextmanager
def _warnings_as(notes: list[str]) -> Iterator[None]:
    """Turn the warnings of scib-metrics into notes, and keep its messages from standard output."""
    logger = logging.getLogger("scib_metrics")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        logger.setLevel(level)
    notes += [f"scib-metrics: {one.message}" for one in caught if "scib_metrics" in str(one.filename)]
