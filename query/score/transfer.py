"""Transfer labels between every ordered pair of species, and see what becomes of types that the reference lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import kneighbors
from homodb.query.score.contingency import classification_metrics, majority_table, nan_mean
from homodb.query.score.embedded import Embedded

#: Neighbours that vote.
VOTERS = 15

#: Columns of :meth:`Transfer.values` before the recall of each type.
TRANSFER_METRICS = ("balanced_accuracy", "kappa", "accuracy", "macro_f1")

#: Shuffles of the reference's labels whose mean is the score of random pairing.
SHUFFLES = 10

#: Columns of :meth:`OverMerging.values`.
OVER_MERGING = ("neighbours", "neighbours_expected", "confident", "confident_near")

#: Share of the votes from which a label is confident.
CONFIDENT = 0.8

#: A cell lies among a species' cells if it is as near to them as this share of these are to each other.
_AMONG = 0.95

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelVotes:
    """Nearest reference cells of every query cell."""

    # species, as indices
    reference: int
    query: int
    in_reference: _Bools  # mask of the cell types that the reference has, shape (types,)
    label: _Ints  # cell type of each cell, as index, shape (all cells,)
    base: _Ints  # cells of the reference
    cells: _Ints  # cells of the query, shape (queries,)
    voters: _Ints  # cells of the reference, nearest first, shape (queries, k)
    farthest: _Floats  # distance to the last voter, shape (queries,)

    def call(self, weights: _Floats, label: _Ints | None = None) -> tuple[_Ints, _Floats]:
        """Call every query cell by the votes of its neighbours.

        Parameters
        ----------
        weights
            Weight of each vote, shape (all cells,).
        label
            Cell types to vote for in place of the true ones.

        Returns
        -------
        call
            Type with the most votes, shape (queries,). Among several, the one whose voters rank nearer; -1 without
            votes.
        confidence
            Its share of the votes, shape (queries,), 0 if there are none.
        """
        total = weights[self.voters].sum(axis=1)
        if label is None:
            # where all voters are of one type, their weights do not matter
            call, confidence = np.where(total > 0, self._unanimous, -1), np.where(total > 0, 1.0, 0.0)
            call[self._split], confidence[self._split] = self._count(
                self.voters[self._split], self.label, weights, total[self._split]
            )
            return call, confidence
        return self._count(self.voters, label, weights, total)

    @cached_property
    def _unanimous(self) -> _Ints:
        """Type of each query's first voter."""
        return self.label[self.voters[:, 0]]

    @cached_property
    def _split(self) -> _Ints:
        """Queries whose voters are of several types."""
        return np.flatnonzero((self.label[self.voters] != self._unanimous[:, None]).any(axis=1))

    def _count(self, voters: _Ints, label: _Ints, weights: _Floats, total: _Floats) -> tuple[_Ints, _Floats]:
        votes_for, weight = label[voters], weights[voters]
        n, k, types = *votes_for.shape, len(self.in_reference)
        at = (np.arange(n)[:, None] * types + votes_for).ravel()
        votes = np.bincount(at, weight.ravel(), n * types).reshape(n, types)
        near = np.bincount(at, (weight * np.arange(k, 0, -1.0)).ravel(), n * types).reshape(n, types)
        most = votes.max(axis=1)
        call = np.where(votes == most[:, None], near, -1.0).argmax(axis=1)
        return np.where(total > 0, call, -1), _share(most, total)

    def table(self, call: _Ints, weights: _Floats) -> _Floats:
        """Return the weights of query cells by true type and call, shape (types, types).

        Cells of types that the reference lacks, and cells without a call, are left out.
        """
        true, types = self.label[self.cells], len(self.in_reference)
        counted = self.in_reference[true] & (call >= 0)
        at = true[counted] * types + call[counted]
        table: _Floats = np.bincount(at, weights[self.cells[counted]], types**2).astype(np.float64)
        return table.reshape(types, types)


def find_votes(embedded: Embedded, reference: int, query: int, *, k: int = VOTERS) -> LabelVotes:
    """Find the `k` nearest cells of the reference, a species of more cells, for every cell of the query."""
    base = np.flatnonzero(embedded.species.code == reference)
    cells = np.flatnonzero(embedded.species.code == query)
    near = kneighbors(embedded.points[base], k, queries=embedded.points[cells])
    in_reference = np.bincount(embedded.label.code[base], minlength=len(embedded.label.names)) > 0
    voters, farthest = base[near.indices], near.distances[:, -1]
    return LabelVotes(reference, query, in_reference, embedded.label.code, base, cells, voters, farthest)


@dataclass(frozen=True)
class Transfer:
    """Label transfer by the votes of each ordered pair of species."""

    votes: Sequence[LabelVotes]

    def values(self, weights: _Floats) -> _Floats:
        """Return metrics and recalls for some weights of cells.

        Returns
        -------
        numpy.ndarray
            Shape (pairs + 1, 4 + types): balanced accuracy, kappa, accuracy, macro F1, and the recall of each type, NaN
            if the pair does not share it; the last row is the mean over pairs.
        """
        return _with_mean([_scores(one.table(one.call(weights)[0], weights)) for one in self.votes])

    def majority(self) -> _Floats:
        """Return the values if every cell is called by the query's most frequent shared type."""
        rows = []
        for one in self.votes:
            true = one.label[one.cells]
            size = np.bincount(true[one.in_reference[true]], minlength=len(one.in_reference)).astype(np.float64)
            rows.append(_scores(majority_table(size)))
        return _with_mean(rows)

    def random(self, random_state: int) -> _Floats:
        """Return the mean values over ten shuffles of the reference's labels."""
        rows = []
        for one in self.votes:
            ones, shuffles = np.ones(len(one.label)), []
            for number in range(SHUFFLES):
                rng = np.random.default_rng([random_state, one.reference, one.query, number])
                label = one.label.copy()
                label[one.base] = rng.permutation(label[one.base])
                shuffles.append(_scores(one.table(one.call(ones, label)[0], ones)))
            rows.append(nan_mean(np.array(shuffles)))
        return _with_mean(rows)

    def calls(self) -> list[tuple[int, int, int, int, int]]:
        """Return (reference, query, true type, call, cells) for every combination that occurs."""
        calls = []
        for one in self.votes:
            call, _ = one.call(np.ones(len(one.label)))
            pairs, count = np.unique(np.stack([one.label[one.cells], call]), axis=1, return_counts=True)
            calls += [
                (one.reference, one.query, int(true), int(called), int(n))
                for (true, called), n in zip(pairs.T, count, strict=True)
            ]
        return calls


@dataclass(frozen=True)
class _LoneType:
    """Cells of a type that one species has and another lacks."""

    label: int  # the type, as index
    votes: LabelVotes  # votes of the pair of species; the reference lacks the type
    rows: _Ints  # queries of the type
    near: _Ints  # nearest other cells of all species, nearest first, shape (cells, k)
    # mask of cells among the reference's cells: the last voter is no farther than the last of as many neighbours is
    # for 95 % of the reference's own cells; shape (cells,)
    among: _Bools
    lacking: _Bools  # mask of the cells of the reference, shape (all cells,)

    def values(self, weights: _Floats, call: _Ints, confidence: _Floats) -> tuple[_Floats, float]:
        """Return the scores, and the weight of the cells that count."""
        cells = self.votes.cells[self.rows]
        weight, near = weights[cells], weights[self.near]
        total, around = near.sum(axis=1), weights.sum() - weight
        share = _share((near * self.lacking[self.near]).sum(axis=1), total)
        expected = _share(weights @ self.lacking, around)
        sure = (call[self.rows] >= 0) & (confidence[self.rows] >= CONFIDENT)
        columns = np.stack([share, expected, sure, sure & self.among])
        # cells without neighbours or votes do not count
        counted = weight * (total > 0) * (call[self.rows] >= 0)
        sum_counted = float(counted.sum())
        return (columns @ counted / sum_counted if sum_counted else np.zeros(len(OVER_MERGING))), sum_counted


@dataclass(frozen=True)
class OverMerging:
    """Cell types that a species lacks, which no label transfer can get right."""

    votes: Sequence[LabelVotes]  # votes by ordered pair of species
    lone: Sequence[_LoneType]  # types by pair

    def values(self, weights: _Floats) -> _Floats:
        """Return scores for some weights of cells.

        Returns
        -------
        numpy.ndarray
            Shape (pairs and types + 1, 4): the share of the species without the type among 15 neighbours, and among all
            other cells; the share of cells with a label of that species by at least 0.8 of the votes (all such labels
            are wrong), and of those that also lie among its cells. The last row is the mean over cells: a type of two
            cells counts less than one of two hundred.
        """
        called = {id(one): one.call(weights) for one in self.votes}
        rows = [one.values(weights, *called[id(one.votes)]) for one in self.lone]
        table = np.array([scores for scores, _ in rows]).reshape(-1, len(OVER_MERGING))
        size = np.array([weight for _, weight in rows], dtype=np.float64)
        absent = np.full(len(OVER_MERGING), np.nan)
        mean = size @ table / size.sum() if size.any() else absent
        return np.vstack([np.where(size[:, None] > 0, table, absent), mean])

    def called(self) -> list[tuple[int, float]]:
        """Return the most frequent call of each type, and its share of the type's cells."""
        calls = []
        for one in self.lone:
            call, _ = one.votes.call(np.ones(len(one.votes.label)))
            count = np.bincount(call[one.rows])
            calls.append((int(count.argmax()), float(count.max() / len(one.rows))))
        return calls


def find_over_merging(embedded: Embedded, votes: Sequence[LabelVotes]) -> OverMerging:
    """Find the neighbours of cells whose type another species lacks, given the votes of all pairs of species."""
    lone = []
    near: dict[tuple[int, int], _Ints] = {}
    for one in votes:
        true = embedded.label.code[one.cells]
        if one.in_reference[true].all():
            continue
        own = kneighbors(embedded.points[one.base], one.voters.shape[1], exclude_self=True).distances[:, -1]
        among = one.farthest <= np.quantile(own, _AMONG)
        for label in np.unique(true[~one.in_reference[true]]).tolist():
            rows = np.flatnonzero(true == label)
            if (one.query, label) not in near:
                # of a small type so few that all may be of it
                k = max(1, min(VOTERS, len(rows) - 1))
                others = kneighbors(embedded.points, k, rows=one.cells[rows], exclude_self=True)
                near[one.query, label] = others.indices
            lacking = embedded.species.code == one.reference
            lone.append(_LoneType(label, one, rows, near[one.query, label], among[rows], lacking))
    return OverMerging(tuple(votes), tuple(lone))


def _scores(table: _Floats) -> _Floats:
    metrics = classification_metrics(table)
    return np.concatenate([metrics.values(TRANSFER_METRICS), metrics.recall])


def _with_mean(rows: Sequence[_Floats] | _Floats) -> _Floats:
    """Return rows and, below them, their mean."""
    return np.vstack([rows, nan_mean(np.array(rows))])


def _share(part: _Floats | float, whole: _Floats) -> _Floats:
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
