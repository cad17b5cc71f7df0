"""Calls the cell types of one species by the nearest cells of another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.nearest import nearest
from homodb.query.score.embedded import Embedded

#: Neighbours that vote.
VOTERS = 15

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Votes:
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


def find_votes(embedded: Embedded, reference: int, query: int, *, k: int = VOTERS) -> Votes:
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
    return Votes(
        reference, query, known, embedded.label.code, base, cells, base[found.indices],
        found.distances[:, -1],
    )  # fmt: skip
