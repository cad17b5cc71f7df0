"""Integrate by canonical correlation, as ``IntegrateEmbeddings`` of Seurat 4.3 and ``CCAIntegration`` of Seurat 5 do.

Source: Stuart et al., Cell 2019 (https://doi.org/10.1016/j.cell.2019.05.031).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.linear import (
    SparseMinusLowRank,
    canonical_vectors,
    in_threads,
    scaled,
    unit_rows,
    varying,
)
from homodb.query.integrate.neighbors import Nearest, kneighbors
from homodb.query.integrate.prepare import Integrated, IntegrationInput
from homodb.query.integrate.settings import IntegrateSettings
from homodb.schema.errors import IntegrationError

Array = npt.NDArray[np.float64]

#: Cells per block.
_ROWS = 2048

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Anchors:
    """Pairs of cells of two species."""

    first: npt.NDArray[np.int64]  # rows of the cells, shape (anchors,)
    second: npt.NDArray[np.int64]
    score: Array  # scores from 0 to 1, shape (anchors,)

    def __len__(self) -> int:
        return len(self.first)

    def swapped(self) -> Anchors:
        """Return the same anchors seen from the other species."""
        return Anchors(self.second, self.first, self.score)


#: Anchors of every pair of species (first < second), as rows of all cells.
Pairs = Mapping[tuple[int, int], Anchors]


@dataclass(frozen=True)
class MergeStep:
    """Species (by number) that keep their place, and species that are moved onto them."""

    reference: tuple[int, ...]
    query: tuple[int, ...]


def cca(prepared: IntegrationInput, settings: IntegrateSettings) -> Integrated:
    """Correct the principal components of prepared data.

    Each pair of species gets canonical vectors of data scaled per species, and anchors between them. Then species are
    merged pair by pair.

    Raises
    ------
    IntegrationError
        If too few features vary in both species of a pair, or a pair has no anchors.
    """
    joint = prepared.joint
    rows = [joint.rows(number) for number in range(len(joint.species))]
    matrices = [scaled(sp.csr_matrix(prepared.logs[one]), scale_max=settings.scale_max) for one in rows]
    pairs: dict[tuple[int, int], Anchors] = {}
    for first, second in combinations(range(len(rows)), 2):
        names = joint.species[first], joint.species[second]
        local = _anchors(matrices[first], matrices[second], settings, names)
        pairs[first, second] = Anchors(rows[first][local.first], rows[second][local.second], local.score)
    merged, steps = merge(
        prepared.components.cells, joint.code, pairs, joint.species,
        k_weight=settings.k_weight, sd_weight=settings.sd_weight,
    )  # fmt: skip
    counts = {f"{joint.species[a]}-{joint.species[b]}": len(anchors) for (a, b), anchors in pairs.items()}
    order = [f"{_joined(joint.species, one.query)} into {_joined(joint.species, one.reference)}" for one in steps]
    return Integrated(merged, {"anchors": counts, "merged": order})


def _anchors(
    first: SparseMinusLowRank, second: SparseMinusLowRank, settings: IntegrateSettings, names: tuple[str, str]
) -> Anchors:
    both = int((varying(first) & varying(second)).sum())
    if both <= settings.dims:
        raise IntegrationError(
            f"{first.shape[1]} variable features, of which {int(varying(first).sum())} vary in {names[0]},"
            f" {int(varying(second).sum())} in {names[1]} and {both} in both: too few for {settings.dims} canonical"
            " vectors; give more shared genes, or lower dims"
        )
    left, right = canonical_vectors(first, second, settings.dims, random_state=settings.random_state)
    return find_anchors(unit_rows(left), unit_rows(right), k_anchor=settings.k_anchor, k_score=settings.k_score)


def _joined(species: tuple[str, ...], numbers: tuple[int, ...], separator: str = "+") -> str:
    return separator.join(species[number] for number in numbers)


def find_anchors(first: Array, second: Array, *, k_anchor: int = 5, k_score: int = 30) -> Anchors:
    """Find and score anchors, as Seurat's ``FindIntegrationAnchors`` does without a filter (``k.filter = NA``).

    Parameters
    ----------
    first, second
        Canonical vectors of the cells of each species, rows of unit length, shape (cells, dimensions).
    k_anchor, k_score
        See :func:`homodb.integrate`.

    Returns
    -------
    Anchors
        By the row of the first species, nearest first. The score is the number of shared neighbours, rescaled so
        that its 1st percentile becomes 0 and its 90th 1.
    """
    k = max(k_anchor, k_score)
    across = kneighbors(second, k, queries=first).indices
    back = kneighbors(first, k, queries=second).indices
    one, two = _mutual(across[:, :k_anchor], back[:, :k_anchor])
    if not len(one):
        return Anchors(one, two, np.empty(0))
    within_first = kneighbors(first, k_score).indices
    within_second = kneighbors(second, k_score).indices
    shared = _overlap(within_first[one], back[two, :k_score]) + _overlap(across[one, :k_score], within_second[two])
    return Anchors(one, two, _rescaled(shared.astype(np.float64)))


def _mutual(
    across: npt.NDArray[np.int64], back: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs of cells that are among each other's nearest."""
    rows, k = across.shape
    one = np.repeat(np.arange(rows), k)
    two = across.ravel()
    kept = (back[two] == one[:, None]).any(axis=1)
    return one[kept], two[kept]


def _overlap(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count the common values of each row; values within a row are distinct."""
    both = np.sort(np.concatenate([left, right], axis=1), axis=1)
    common: npt.NDArray[np.int64] = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)
    return common


def _rescaled(score: Array) -> Array:
    low, high = np.quantile(score, [0.01, 0.9])
    if high <= low:
        return np.ones(len(score))
    rescaled: Array = np.clip((score - low) / (high - low), 0.0, 1.0)
    return rescaled


def merge_order(pairs: Pairs, sizes: npt.NDArray[np.int64]) -> list[MergeStep]:
    """Order the species by complete linkage of the anchors between them, as Seurat's ``BuildSampleTree`` does.

    Two species are closer the more anchors they have per cell of the smaller one. Of two groups, the one with fewer
    cells is moved.

    Examples
    --------
    >>> pair = Anchors(np.array([0]), np.array([7]), np.ones(1))
    >>> merge_order({(0, 1): pair}, np.array([5, 9]))
    [MergeStep(reference=(1,), query=(0,))]
    """
    from scipy.cluster.hierarchy import linkage

    distances = []
    for first, second in combinations(range(len(sizes)), 2):
        count = 2 * len(pairs[first, second])
        distances.append(min(sizes[first], sizes[second]) / count if count else float(sizes.sum()))
    groups: list[tuple[int, ...]] = [(one,) for one in range(len(sizes))]
    steps = []
    for left, right, *_ in linkage(np.array(distances, np.float64), "complete"):
        first_group, second_group = groups[int(left)], groups[int(right)]
        if sizes[list(second_group)].sum() > sizes[list(first_group)].sum():
            first_group, second_group = second_group, first_group
        steps.append(MergeStep(first_group, second_group))
        groups.append(first_group + second_group)
    return steps


def merge(
    embedding: Array, code: npt.NDArray[np.int64], pairs: Pairs, names: tuple[str, ...], *,
    k_weight: int, sd_weight: float,
) -> tuple[Array, list[MergeStep]]:  # fmt: skip
    """Merge all species into one embedding; see :func:`correct` for the parameters.

    If two groups of species have fewer anchors than `k_weight`, all are used and the log says so; if they have none, it
    is an IntegrationError.
    """
    merged = embedding.copy()
    steps = merge_order(pairs, np.bincount(code, minlength=len(names)))
    for step in steps:
        stay, move = np.flatnonzero(np.isin(code, step.reference)), np.flatnonzero(np.isin(code, step.query))
        between = _between(pairs, step)
        groups = f"{_joined(names, step.query, ', ')} and {_joined(names, step.reference, ', ')}"
        if not len(between):
            raise IntegrationError(f"no anchor between {groups}; check that they share cell types, or raise k_anchor")
        if len(between) < k_weight:
            _log.warning(
                "%d anchors between %s, fewer than k_weight (%d): all of them are used", len(between), groups, k_weight
            )
        local = Anchors(np.searchsorted(stay, between.first), np.searchsorted(move, between.second), between.score)
        used = min(k_weight, len(between))
        merged[move] = correct(merged[stay], merged[move], local, k_weight=used, sd_weight=sd_weight)
    return merged, steps


def _between(pairs: Pairs, step: MergeStep) -> Anchors:
    """Return all anchors from the reference to the query."""
    parts = []
    for (first, second), anchors in pairs.items():
        if first in step.reference and second in step.query:
            parts.append(anchors)
        elif second in step.reference and first in step.query:
            parts.append(anchors.swapped())
    first_rows, second_rows, scores = zip(*((one.first, one.second, one.score) for one in parts), strict=True)
    return Anchors(np.concatenate(first_rows), np.concatenate(second_rows), np.concatenate(scores))


def correct(
    reference: Array, query: Array, anchors: Anchors, *, k_weight: int = 100, sd_weight: float = 1.0,
    near: Nearest | None = None,
) -> Array:  # fmt: skip
    """Move the query's cells onto the reference, as Seurat's ``IntegrateEmbeddings`` does.

    The correction vector of an anchor points from its reference cell to its query cell. A query cell moves back along
    the weighted mean of the vectors of its nearest anchors.

    Parameters
    ----------
    reference, query
        Coordinates of the cells, shape (cells, components).
    anchors
        Pairs of rows: ``first`` of the reference, ``second`` of the query.
    k_weight, sd_weight
        See :func:`homodb.integrate`.
    near
        Nearest anchor cells of each query cell, as indices into the sorted rows of the query that have anchors; by
        default searched exactly. Seurat's search (Annoy) misses some.
    """
    vectors = query[anchors.second] - reference[anchors.first]
    nearest = near or _nearest_anchors(query, anchors, k_weight)
    corrected = np.empty(query.shape)

    def move(start: int) -> None:
        rows = slice(start, start + _ROWS)
        part = Nearest(nearest.indices[rows], nearest.distances[rows])
        weighted = weights(query[rows], anchors, k_weight=k_weight, sd_weight=sd_weight, near=part)
        corrected[rows] = query[rows] - weighted @ vectors

    in_threads(move, range(0, len(query), _ROWS))
    return corrected


def _nearest_anchors(query: Array, anchors: Anchors, k_weight: int) -> Nearest:
    """Find the nearest anchor cells of each query cell, as indices into the sorted rows that have anchors."""
    cells = np.unique(anchors.second)
    return kneighbors(query[cells], min(k_weight, len(cells)), queries=query)


def weights(
    query: Array, anchors: Anchors, *, k_weight: int, sd_weight: float, near: Nearest | None = None
) -> sp.csr_matrix:
    """Return the weights of anchors for each query cell, cells x anchors; each row sums to 1.

    Anchors are taken from the `k_weight` anchor cells nearest to a cell, from near to far, until there are `k_weight`
    anchors. The weight of an anchor is ``1 - exp(-s d / (2 / sd)^2)`` for its score s and for d, one minus the distance
    as a share of the farthest.
    """
    cells = np.unique(anchors.second)
    order = np.argsort(anchors.second, kind="stable")
    starts = np.searchsorted(anchors.second[order], cells)
    times = np.diff(np.append(starts, len(order)))
    near = near or _nearest_anchors(query, anchors, k_weight)
    farthest = near.distances[:, -1:]
    closeness = 1.0 - np.divide(near.distances, farthest, out=np.ones_like(near.distances), where=farthest > 0)
    # every neighbouring cell opened into its anchors, and of these the first k_weight of each row
    each = times[near.indices]
    before = np.cumsum(each, axis=1) - each
    taken = np.minimum(each, np.maximum(k_weight - before, 0))
    flat = taken.ravel()
    offsets = np.arange(flat.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
    anchor = order[np.repeat(starts[near.indices].ravel(), flat) + offsets]
    raw = 1.0 - np.exp(-np.repeat(closeness.ravel(), flat) * anchors.score[anchor] / (2.0 / sd_weight) ** 2)
    indptr = np.concatenate([[0], np.cumsum(taken.sum(axis=1))])
    matrix = sp.csr_matrix((raw, anchor, indptr), (len(query), len(anchors)))
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    inverse = np.divide(1.0, totals, out=np.zeros(len(totals)), where=totals > 0)
    return sp.csr_matrix(sp.diags(inverse) @ matrix)
