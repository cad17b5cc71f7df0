"""Label transfer between every ordered pair of species: what a user gets who carries cell types across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.score.known import mean_known
from homodb.query.score.rightness import RIGHTNESS, recalls, rightness
from homodb.query.score.votes import Votes

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

    votes: Sequence[Votes]

    def values(self, weights: _Floats) -> _Floats:
        """Return agreement and recalls for some weights of cells.

        Returns
        -------
        numpy.ndarray
            Shape (pairs + 1, 4 + types): balanced accuracy, kappa, accuracy, macro F1, and the recall of each type, NaN
            where the pair does not share it; the last row is the mean over pairs.
        """
        rows = np.array([_scores(one.table(one.call(weights)[0], weights)) for one in self.votes])
        return np.vstack([rows, mean_known(rows)])

    def majority(self) -> _Floats:
        """Return, in the form of :meth:`values`, what calling everything the query's commonest shared type gives."""
        rows = []
        for one in self.votes:
            true = one.label[one.cells]
            count = np.bincount(true[one.known[true]], minlength=len(one.known))
            ones = np.ones(len(one.label))
            rows.append(_scores(one.table(np.full(len(true), count.argmax()), ones)))
        return np.vstack([rows, mean_known(np.array(rows))])

    def random(self, seed: int) -> _Floats:
        """Return, in the form of :meth:`values`, what shuffled labels of the reference give, the mean of ten times."""
        rows = []
        for one in self.votes:
            ones, found = np.ones(len(one.label)), []
            for number in range(SHUFFLES):
                rng = np.random.default_rng([seed, one.reference, one.query, number])
                label = one.label.copy()
                label[one.base] = rng.permutation(label[one.base])
                found.append(_scores(one.table(one.call(ones, label)[0], ones)))
            rows.append(mean_known(np.array(found)))
        return np.vstack([rows, mean_known(np.array(rows))])

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
    return np.concatenate([rightness(table), recalls(table)])
