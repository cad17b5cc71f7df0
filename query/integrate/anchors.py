"""Anchors between two species: cells that are mutually nearest, scored by the neighbourhoods that they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.nearest import nearest

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Anchors:
    """Pairs of cells of two species.

    Parameters
    ----------
    first, second
        Rows of the cells, shape (anchors,), int64.
    score
        Shape (anchors,), between 0 and 1.
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    score: Array

    def __len__(self) -> int:
        return len(self.first)

    def swapped(self) -> Anchors:
        """Return the same anchors seen from the other species."""
        return Anchors(self.second, self.first, self.score)


def find_anchors(first: Array, second: Array, *, k_anchor: int = 5, k_score: int = 30) -> Anchors:
    """Find and score anchors, as Seurat's ``FindIntegrationAnchors`` does without a filter (``k.filter = NA``).

    Parameters
    ----------
    first, second
        Where the cells of each species lie, shape (cells, dimensions): canonical vectors, rows of unit length.
    k_anchor
        Cells must be among so many nearest of each other (``k.anchor``).
    k_score
        Size of the neighbourhoods in either species that are compared to score an anchor (``k.score``).

    Returns
    -------
    Anchors
        By the row of the first species, nearest first. The score is the number of shared neighbours, rescaled so
        that its 1st percentile becomes 0 and its 90th 1.
    """
    k = max(k_anchor, k_score)
    across = nearest(second, first, k).indices
    back = nearest(first, second, k).indices
    one, two = _mutual(across[:, :k_anchor], back[:, :k_anchor])
    if not len(one):
        return Anchors(one, two, np.empty(0))
    within_first = nearest(first, first, k_score).indices
    within_second = nearest(second, second, k_score).indices
    shared = _overlap(within_first[one], back[two, :k_score]) + _overlap(across[one, :k_score], within_second[two])
    return Anchors(one, two, _rescaled(shared.astype(np.float64)))


def _mutual(
    across: npt.NDArray[np.int64], back: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the pairs in which either cell is among the other's nearest."""
    rows, k = across.shape
    one = np.repeat(np.arange(rows), k)
    two = across.ravel()
    kept = (back[two] == one[:, None]).any(axis=1)
    return one[kept], two[kept]


def _overlap(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Count, row by row, the values that both have; within a row none is repeated."""
    both = np.sort(np.concatenate([left, right], axis=1), axis=1)
    counted: npt.NDArray[np.int64] = np.count_nonzero(both[:, 1:] == both[:, :-1], axis=1)
    return counted


def _rescaled(score: Array) -> Array:
    low, high = np.quantile(score, [0.01, 0.9])
    if high <= low:
        return np.ones(len(score))
    rescaled: Array = np.clip((score - low) / (high - low), 0.0, 1.0)
    return rescaled
