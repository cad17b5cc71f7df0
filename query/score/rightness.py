"""How right calls are, from a table of weights: balanced accuracy, kappa, accuracy, macro F1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homodb.query.score.known import ratio

#: What :func:`rightness` returns, in order.
RIGHTNESS = ("balanced_accuracy", "kappa", "accuracy", "macro_f1")


def rightness(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Score a table of true types by calls.

    Parameters
    ----------
    table
        Shape (types, types), weights of cells; row: true type, column: call. Rows without weight are of no type that
        was to be found: they do not count, but calls in their columns are wrong.

    Returns
    -------
    numpy.ndarray
        Balanced accuracy, the mean recall over true types; Cohen's kappa, agreement beyond what the margins give by
        chance; accuracy; macro F1, the mean F1 over true types. NaN where there is no cell; kappa is NaN where only one
        type stands on both sides.

    Examples
    --------
    >>> rightness(np.array([[8.0, 2.0], [0.0, 2.0]])).round(3).tolist()
    [0.9, 0.571, 0.833, 0.778]
    """
    total = table.sum()
    if not total:
        return np.full(len(RIGHTNESS), np.nan)
    right, true, called = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    there = true > 0
    accuracy = right.sum() / total
    chance = float(true @ called) / total**2
    kappa = (accuracy - chance) / (1 - chance) if chance < 1 else np.nan
    f1 = 2 * right[there] / (true + called)[there]
    return np.array([(right[there] / true[there]).mean(), kappa, accuracy, f1.mean()])


def recalls(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the recall of each true type, NaN where it has no cell."""
    true = table.sum(axis=1)
    return ratio(np.diag(table), true)
