"""Label transfer between every ordered pair of species: what a user gets who carries cell types across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import nearest
from homodb.query.score.contingency import RIGHTNESS, classification_metrics, nan_mean, recalls
from homodb.query.score.embedded import Embedded

#: Neighbours that vote.
VOTERS = 15

_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LabelVotes:
    """The nearest reference cells of every query cell.

    Parameters
    ----------
    reference, query
        Species, as indices.
    known
        Shape (types,): which cell types the reference has.
    label
        Shape (all cells,): cell types, as indices.
    base
        The reference's cells.
    cells
        Shape (queries,): the query's cells.
    voters
        Shape (queries, k): cells of the reference, nearest first.
    farthest
        Shape (queries,): distance to the last voter.
    """

    reference: int
    query: int
    known: npt.NDArray[np.bool_]
    label: _Ints
    base: _Ints
    cells: _Ints
    voters: _Ints
    farthest: _Floats

    def call(self, weights: _Floats, label: _Ints | None = None) -> tuple[_Ints, _Floats]:
        """Call every query cell by its neighbours' votes.

        Parameters
        ----------
        weights
            Shape (all cells,): how much each votes.
        label
            Cell types to vote for in place of the true ones.

        Returns
        -------
        call
            Shape (queries,): the type with the most votes; where several have them, the one whose voters are nearer by
            their places in the order. -1 where nobody has a vote.
        confidence
            Shape (queries,): its share of the votes, 0 where nobody has one.
        """
        given, weight = (self.label if label is None else label)[self.voters], weights[self.voters]
        n, k, types = *given.shape, len(self.known)
        at = (np.arange(n)[:, None] * types + given).ravel()
        votes = np.bincount(at, weight.ravel(), n * types).reshape(n, types)
        near = np.bincount(at, (weight * np.arange(k, 0, -1.0)).ravel(), n * types).reshape(n, types)
        most, total = votes.max(axis=1), weight.sum(axis=1)
        call = np.where(votes == most[:, None], near, -1.0).argmax(axis=1)
        confidence = np.divide(most, total, out=np.zeros(n), where=total > 0)
        return np.where(total > 0, call, -1), confidence

    def table(self, call: _Ints, weights: _Floats) -> _Floats:
        """Return the weights of query cells by true type and call, shape (types, types).

        Cells of types that the reference lacks, and cells that nobody called, are left out.
        """
        true, types = self.label[self.cells], len(self.known)
        counted = self.known[true] & (call >= 0)
        at = true[counted] * types + call[counted]
        table: _Floats = np.bincount(at, weights[self.cells[counted]], types**2).astype(np.float64)
        return table.reshape(types, types)


def find_votes(embedded: Embedded, reference: int, query: int, *, k: int = VOTERS) -> LabelVotes:
    """Find the nearest reference cells of every query cell.

    Parameters
    ----------
    embedded
        The cells.
    reference, query
        Species, as indices.
    k
        How many neighbours vote; the reference has more cells.
    """
    base = np.flatnonzero(embedded.species.code == reference)
    cells = np.flatnonzero(embedded.species.code == query)
    found = nearest(embedded.points[base], embedded.points[cells], k)
    known = np.bincount(embedded.label.code[base], minlength=len(embedded.label.names)) > 0
    return LabelVotes(
        reference, query, known, embedded.label.code, base, cells, base[found.indices],
        found.distances[:, -1],
    )  # fmt: skip


#: Columns of :meth:`Transfer.values` before the recalls.
N_RIGHTNESS = len(RIGHTNESS)

#: Shuffles of the reference's labels whose mean is the score of random pairing.
SHUFFLES = 10

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Transfer:
    """Label transfer between ordered pairs of species.

    Parameters
    ----------
    votes
        By pair.
    """

    votes: Sequence[LabelVotes]

    def values(self, weights: _Floats) -> _Floats:
        """Return agreement and recalls for some weights of cells.

        Returns
        -------
        numpy.ndarray
            Shape (pairs + 1, 4 + types): balanced accuracy, kappa, accuracy, macro F1, and the recall of each type, NaN
            where the pair does not share it; the last row is the mean over pairs.
        """
        rows = np.array([_scores(one.table(one.call(weights)[0], weights)) for one in self.votes])
        return np.vstack([rows, nan_mean(rows)])

    def majority(self) -> _Floats:
        """Return, in the form of :meth:`values`, what calling everything the query's commonest shared type gives."""
        rows = []
        for one in self.votes:
            true = one.label[one.cells]
            count = np.bincount(true[one.known[true]], minlength=len(one.known))
            ones = np.ones(len(one.label))
            rows.append(_scores(one.table(np.full(len(true), count.argmax()), ones)))
        return np.vstack([rows, nan_mean(np.array(rows))])

    def random(self, random_state: int) -> _Floats:
        """Return, in the form of :meth:`values`, what shuffled labels of the reference give, the mean of ten times."""
        rows = []
        for one in self.votes:
            ones, found = np.ones(len(one.label)), []
            for number in range(SHUFFLES):
                rng = np.random.default_rng([random_state, one.reference, one.query, number])
                label = one.label.copy()
                label[one.base] = rng.permutation(label[one.base])
                found.append(_scores(one.table(one.call(ones, label)[0], ones)))
            rows.append(nan_mean(np.array(found)))
        return np.vstack([rows, nan_mean(np.array(rows))])

    def calls(self) -> list[tuple[int, int, int, int, int]]:
        """Return (reference, query, true type, call, cells) for every combination that occurs."""
        found = []
        for one in self.votes:
            call, _ = one.call(np.ones(len(one.label)))
            pairs, count = np.unique(np.stack([one.label[one.cells], call]), axis=1, return_counts=True)
            found += [
                (one.reference, one.query, int(true), int(called), int(n))
                for (true, called), n in zip(pairs.T, count, strict=True)
            ]
        return found


def _scores(table: _Floats) -> _Floats:
    return np.concatenate([classification_metrics(table), recalls(table)])
