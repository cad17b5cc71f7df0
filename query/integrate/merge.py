"""In which order species are merged, and the merging: pair by pair, those with the most anchors first."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.anchors import Anchors
from homodb.query.integrate.correct import correct
from homodb.schema.errors import IntegrationError

Array = npt.NDArray[np.float64]
#: Anchors of every pair of species (first < second); their rows are those of all cells.
Pairs = Mapping[tuple[int, int], Anchors]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """Species (by number) that stay where they are, and species that are moved onto them."""

    reference: tuple[int, ...]
    query: tuple[int, ...]


def merge_order(pairs: Pairs, sizes: npt.NDArray[np.int64]) -> list[Step]:
    """Order the species by complete linkage of the anchors between them, as Seurat's ``BuildSampleTree`` does.

    Two species are the closer, the more anchors they have per cell of the smaller. Of two groups that are merged the
    one with fewer cells is moved.

    Examples
    --------
    >>> pair = Anchors(np.array([0]), np.array([7]), np.ones(1))
    >>> merge_order({(0, 1): pair}, np.array([5, 9]))
    [Step(reference=(1,), query=(0,))]
    """
    from scipy.cluster.hierarchy import linkage

    n = len(sizes)
    apart = []
    for first in range(n):
        for second in range(first + 1, n):
            count = 2 * len(pairs[first, second])
            apart.append(min(sizes[first], sizes[second]) / count if count else float(sizes.sum()))
    groups: list[tuple[int, ...]] = [(one,) for one in range(n)]
    steps = []
    for left, right, *_ in linkage(np.array(apart, np.float64), "complete"):
        first_group, second_group = groups[int(left)], groups[int(right)]
        if sizes[list(second_group)].sum() > sizes[list(first_group)].sum():
            first_group, second_group = second_group, first_group
        steps.append(Step(first_group, second_group))
        groups.append(first_group + second_group)
    return steps


def merge(
    embedding: Array,
    code: npt.NDArray[np.int64],
    pairs: Pairs,
    names: tuple[str, ...],
    *,
    k_weight: int,
    sd_weight: float,
) -> tuple[Array, list[Step]]:
    """Merge all species into one embedding.

    Parameters
    ----------
    embedding
        Where the cells lie, shape (cells, components); it is not changed.
    code
        The species of each cell.
    pairs
        Anchors of every pair of species.
    names
        Of species, for messages.
    k_weight, sd_weight
        See :func:`homodb.query.integrate.correct.correct`; where two groups have fewer anchors than `k_weight`,
        all of them weigh in, said in the log.

    Raises
    ------
    IntegrationError
        If two groups of species have no anchor.
    """
    merged = embedding.copy()
    steps = merge_order(pairs, np.bincount(code, minlength=len(names)))
    for step in steps:
        stay, move = np.flatnonzero(np.isin(code, step.reference)), np.flatnonzero(np.isin(code, step.query))
        between = _between(pairs, step)
        said = f"{', '.join(names[one] for one in step.query)} and {', '.join(names[one] for one in step.reference)}"
        if not len(between):
            raise IntegrationError(f"no anchor between {said}; check that they share cell types, or raise k_anchor")
        if len(between) < k_weight:
            _log.warning(
                "%d anchors between %s, fewer than k_weight (%d): all of them weigh in", len(between), said, k_weight
            )
        local = Anchors(np.searchsorted(stay, between.first), np.searchsorted(move, between.second), between.score)
        weighing = min(k_weight, len(between))
        merged[move] = correct(merged[stay], merged[move], local, k_weight=weighing, sd_weight=sd_weight)
    return merged, steps


def _between(pairs: Pairs, step: Step) -> Anchors:
    """Return all anchors from the reference to the query."""
    found = []
    for (first, second), anchors in pairs.items():
        if first in step.reference and second in step.query:
            found.append(anchors)
        elif second in step.reference and first in step.query:
            found.append(anchors.swapped())
    first_rows, second_rows, scores = zip(*((one.first, one.second, one.score) for one in found), strict=True)
    return Anchors(np.concatenate(first_rows), np.concatenate(second_rows), np.concatenate(scores))
