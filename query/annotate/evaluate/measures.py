"""Measures of agreement between true and predicted labels, all from one table of counts; and what costs no thought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]

#: Shares that differ by less are the same.
_ROUNDING = 1e-12

#: Names of the measures, in the order in which :meth:`Measures.values` gives them.
NAMES = ("balanced_accuracy", "kappa", "accuracy", "macro_precision", "macro_recall", "macro_f1")


@dataclass(frozen=True)
class Measures:
    """Measures of one table.

    Parameters
    ----------
    accuracy
        Share of cells that are right.
    kappa
        Cohen's kappa: accuracy beyond what the two divisions' sizes give by chance.
    precision, recall, f1
        Of each type, shape (types,): NaN for a type without any true cell; precision and F1 are 0 where the type is
        never predicted, or never rightly.
    """

    accuracy: float
    kappa: float
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """All measures, as `NAMES` names them; means are over types that have true cells."""
        recall = _mean(self.recall)
        return np.array([recall, self.kappa, self.accuracy, _mean(self.precision), recall, _mean(self.f1)])


def measures(table: Table) -> Measures:
    """Measure a confusion table.

    Parameters
    ----------
    table
        Cells (or their weights) by true type and predicted label, shape (types, labels), labels being the types, in the
        same order, and any others after them, as is ``unknown``.

    Examples
    --------
    >>> found = measures(np.array([[8.0, 2.0], [1.0, 9.0]]))
    >>> round(found.accuracy, 3), round(found.kappa, 3), found.recall.tolist()
    (0.85, 0.7, [0.8, 0.9])
    """
    types = len(table)
    total = table.sum()
    right, size, called = np.diag(table[:, :types]), table.sum(axis=1), table.sum(axis=0)[:types]
    there = size > 0
    recall = np.where(there, right / np.where(there, size, 1.0), np.nan)
    precision = np.where(there, np.divide(right, called, out=np.zeros(types), where=called > 0), np.nan)
    f1 = np.where(there, 2 * right / np.where(there, size + called, 1.0), np.nan)
    if not total:
        return Measures(float("nan"), float("nan"), precision, recall, f1)
    accuracy, chance = float(right.sum() / total), float((size * called).sum() / total**2)
    beyond = 0.0 if abs(accuracy - chance) < _ROUNDING else accuracy - chance
    kappa = beyond / (1 - chance) if chance < 1 else float("nan")
    return Measures(accuracy, kappa, precision, recall, f1)


def majority_table(size: npt.NDArray[np.float64]) -> Table:
    """Return the table of a method that calls every cell by the most frequent true type."""
    table = np.zeros((len(size), len(size)))
    table[:, int(size.argmax())] = size
    return table


def random_table(size: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> Table:
    """Return the expected table of a method that draws labels by given shares, whatever the cell."""
    return np.outer(size, share)


def auroc(
    score: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], weight: npt.NDArray[np.float64] | None = None
) -> float:
    """Return the chance that a positive cell has a higher score than another one, ties counting half.

    Parameters
    ----------
    score, positive, weight
        Shape (cells,); weights are 1 by default. Cells whose score is NaN are left out.

    Returns
    -------
    float
        NaN where there are no cells of either kind.

    Examples
    --------
    >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    known = np.isfinite(score)
    each = np.ones(len(score)) if weight is None else weight
    _, level = np.unique(score[known], return_inverse=True)
    yes = np.bincount(level, np.where(positive, each, 0.0)[known])
    no = np.bincount(level, np.where(positive, 0.0, each)[known])
    pairs = yes.sum() * no.sum()
    if not pairs:
        return float("nan")
    lower = np.cumsum(no) - no
    return float((yes * (lower + no / 2)).sum() / pairs)


def _mean(values: npt.NDArray[np.float64]) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")
