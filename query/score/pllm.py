"""Profile ``pllm``: the scores of the reference project, as it computes them, and what they leave out beside them.

Source: https://github.com/KKzhongyi/pLLM-cross-species-integration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.score.agreement import Matched, ari, cross_table, matched_f1, nmi
from homodb.query.score.donors import draws, resampled
from homodb.query.score.embedded import Coded, Embedded
from homodb.query.score.lisi import lisi
from homodb.query.score.resolution import cluster_to_count
from homodb.query.score.result import Number, Part
from homodb.query.score.silhouette import silhouette
from homodb.schema.errors import ScoreError

#: Scores of which higher is better, in the order in which they are computed.
SCORES = (
    "nmi", "ari", "clisi", "asw", "f1_macro", "f1_micro", "f1_weighted", "f1_macro_all", "f1_micro_all",
    "f1_weighted_all",
)  # fmt: skip

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
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
) -> Part:
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
    return Part(numbers, tables, tuple(_notes(embedded, cells, matched, clusters)))


def measure(
    points: Array,
    label: npt.NDArray[np.int64],
    cluster: npt.NDArray[np.int64] | None = None,
    *,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> tuple[Measured, float]:
    """Measure every cell, and find clusters where none are given; returns the resolution too, NaN where they are."""
    types, resolution = int(label.max()) + 1, float("nan")
    report("LISI")
    per_cell = lisi(points, label)[0]
    if cluster is None:
        report(f"clusters, as many as the {types} types")
        found = cluster_to_count(points, types, seed=seed, report=report)
        cluster, resolution = found.code, found.resolution
    report("silhouettes")
    return Measured(label, cluster, types, per_cell, silhouette(points, label)), resolution


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


def _by_type(measured: Measured, matched: Matched, names: tuple[str, ...]) -> pl.DataFrame:
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
