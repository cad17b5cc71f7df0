"""Over-merging: what becomes of cell types that another species lacks, which no label transfer can get right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import kneighbors_excluding_self
from homodb.query.score.contingency import nan_mean
from homodb.query.score.embedded import Embedded
from homodb.query.score.transfer import LabelVotes

#: What :meth:`OverMerging.values` returns of each type.
OVER_MERGING = ("neighbours", "neighbours_expected", "confident", "confident_near")

#: A label is confident from this share of the votes on.
CONFIDENT = 0.8

#: A cell lies among a species' cells where it is as near to them as this share of these are to each other.
_AMONG = 0.95

#: Neighbours whose species are counted; of a type with fewer other cells so many that all may be of it.
NEIGHBOURS = 15

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Lone:
    """The cells of a type that one species has and another lacks.

    Parameters
    ----------
    label
        The type, as an index.
    votes
        Of the pair of species; the reference lacks the type.
    rows
        Which of its queries are of the type.
    near
        Shape (cells, k): nearest cells of all species, nearest first, without the cell itself.
    among
        Shape (cells,): whether a cell lies among the reference's: its last voter is no farther than the last of as many
        nearest others is for 95 % of the reference's own cells.
    lacking
        Shape (all cells,): whether a cell is of the species that lacks the type.
    """

    label: int
    votes: LabelVotes
    rows: _Ints
    near: _Ints
    among: npt.NDArray[np.bool_]
    lacking: npt.NDArray[np.bool_]

    def values(self, weights: _Floats, call: _Ints, confidence: _Floats) -> _Floats:
        cells = self.votes.cells[self.rows]
        weight, near = weights[cells], weights[self.near]
        total = near.sum(axis=1)
        share = np.divide(
            (near * self.lacking[self.near]).sum(axis=1), total, out=np.zeros(len(cells)), where=total > 0
        )
        around = weights.sum() - weight
        expected = np.divide(weights @ self.lacking, around, out=np.zeros(len(cells)), where=around > 0)
        sure = (call[self.rows] >= 0) & (confidence[self.rows] >= CONFIDENT)
        columns = np.stack([share, expected, sure, sure & self.among])
        # cells that nothing is left around or that nobody called tell nothing
        known = weight * (total > 0) * (call[self.rows] >= 0)
        all_of_them = known.sum()
        return columns @ known / all_of_them if all_of_them else np.full(len(OVER_MERGING), np.nan)


@dataclass(frozen=True)
class OverMerging:
    """Cell types that a species lacks, by ordered pair of species.

    Parameters
    ----------
    votes
        By pair.
    lone
        By pair and type.
    """

    votes: Sequence[LabelVotes]
    lone: Sequence[_Lone]

    def values(self, weights: _Floats) -> _Floats:
        """Return scores for some weights of cells.

        Returns
        -------
        numpy.ndarray
            Shape (pairs and types + 1, 4): the share that the species without the type has of 15 neighbours, and has of
            all other cells; shares of cells with a label of that species by at least 0.8 of the votes (every such label
            is wrong), and of those that moreover lie among its cells. The last row is the mean.
        """
        called = {id(one): one.call(weights) for one in self.votes}
        rows = [one.values(weights, *called[id(one.votes)]) for one in self.lone]
        table = np.array(rows).reshape(-1, len(OVER_MERGING))
        return np.vstack([table, nan_mean(table)])

    def called(self) -> list[tuple[int, float]]:
        """Return the commonest call of each type, and the share of the type's cells that it has."""
        found = []
        for one in self.lone:
            call, _ = one.votes.call(np.ones(len(one.votes.label)))
            count = np.bincount(call[one.rows])
            found.append((int(count.argmax()), float(count.max() / len(one.rows))))
        return found


def find_over_merging(embedded: Embedded, votes: Sequence[LabelVotes]) -> OverMerging:
    """Find the neighbours of cells whose type another species lacks.

    Parameters
    ----------
    embedded
        The cells.
    votes
        Of every ordered pair of species.
    """
    lone = []
    near: dict[tuple[int, int], _Ints] = {}
    for one in votes:
        true = embedded.label.code[one.cells]
        if one.known[true].all():
            continue
        own = kneighbors_excluding_self(embedded.points[one.base], one.voters.shape[1]).distances[:, -1]
        among = one.farthest <= np.quantile(own, _AMONG)
        for label in np.unique(true[~one.known[true]]).tolist():
            rows = np.flatnonzero(true == label)
            if (one.query, label) not in near:
                k = max(1, min(NEIGHBOURS, len(rows) - 1))
                near[one.query, label] = kneighbors_excluding_self(embedded.points, k, cells=one.cells[rows]).indices
            lacking = embedded.species.code == one.reference
            lone.append(_Lone(label, one, rows, near[one.query, label], among[rows], lacking))
    return OverMerging(tuple(votes), tuple(lone))
