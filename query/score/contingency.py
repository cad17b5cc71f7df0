"""How far two divisions of the same cells agree: mutual information, Rand index, F1; all from one table of counts.

A table counts cells: a row for each cell type, a column for each cluster. Cells may weigh more than once, as they do
when donors are drawn again, so tables are float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]


def cross_table(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], weight: npt.NDArray[np.float64] | None = None
) -> Table:
    """Count cells by two divisions.

    Parameters
    ----------
    first, second
        Which part each cell is in, from 0, shape (cells,).
    weight
        How often each cell counts; by default once.

    Examples
    --------
    >>> cross_table(np.array([0, 0, 1]), np.array([1, 1, 0])).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    rows, columns = int(first.max()) + 1, int(second.max()) + 1
    return np.bincount(first * columns + second, weight, rows * columns).astype(np.float64).reshape(rows, columns)


def nmi(table: Table) -> float:
    """Return the normalised mutual information: over the geometric mean of the two entropies.

    Where either division has one part only it tells nothing of the other and the score is 0; where both have, 1.

    Examples
    --------
    >>> nmi(np.array([[3.0, 0.0], [0.0, 2.0]]))
    1.0
    """
    total = table.sum()
    rows, columns = _entropy(table.sum(axis=1) / total), _entropy(table.sum(axis=0) / total)
    if rows <= 0 or columns <= 0:
        return float(rows <= 0 and columns <= 0)
    mutual = rows + columns - _entropy(table.ravel() / total)
    return float(np.clip(mutual / np.sqrt(rows * columns), 0.0, 1.0))


def ari(table: Table) -> float:
    """Return the adjusted Rand index (Hubert and Arabie, https://doi.org/10.1007/BF01908075).

    Examples
    --------
    >>> ari(np.array([[2.0, 0.0], [1.0, 1.0]]))
    0.0
    """
    both, rows, columns = _pairs(table), _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    total = _pairs(table.sum())
    expected = rows * columns / total if total else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


@dataclass(frozen=True)
class Matched:
    """F1 of cell types after each was given at most one cluster.

    Parameters
    ----------
    cluster
        The cluster of each type, -1 where there was none left, shape (types,).
    f1, f1_all
        F1 of each type, shape (types,): over the cells of matched clusters, and over all cells. NaN in `f1` where the
        type has a cluster and no cell of it is right, as the reference has it.
    macro, micro, weighted
        As the reference has them, over the cells of matched clusters.
    macro_all, micro_all, weighted_all
        Over all cells, those of unmatched clusters counted as wrong.
    unmatched
        Share of the cells that are in unmatched clusters.
    """

    cluster: npt.NDArray[np.int64]
    f1: npt.NDArray[np.float64]
    f1_all: npt.NDArray[np.float64]
    macro: float
    micro: float
    weighted: float
    macro_all: float
    micro_all: float
    weighted_all: float
    unmatched: float


def matched_f1(table: Table) -> Matched:
    """Match clusters to cell types one to one so that most cells agree, and compute F1.

    The reference (R's ``clue::solve_LSAP``, then ``MLmetrics``) leaves cells of unmatched clusters out of everything,
    and a type none of whose cells is right out of the mean, its F1 being 0 / 0. The figures named ``_all`` leave
    nothing out: such cells are wrong, such an F1 is 0. With fewer clusters than types the reference gives nothing;
    here the types that get no cluster have an F1 of 0.

    Parameters
    ----------
    table
        Cells by type and cluster; types and clusters without any cell are not counted.

    Examples
    --------
    >>> found = matched_f1(np.array([[8.0, 0.0, 2.0], [1.0, 9.0, 0.0]]))
    >>> found.cluster.tolist(), round(found.micro, 3), round(found.micro_all, 3)
    ([0, 1], 0.944, 0.85)
    """
    from scipy.optimize import linear_sum_assignment

    types, clusters = linear_sum_assignment(table, maximize=True)
    cluster = np.full(len(table), -1, np.int64)
    cluster[types] = clusters
    right = np.where(cluster >= 0, table[np.arange(len(table)), cluster], 0.0)
    called = np.where(cluster >= 0, table.sum(axis=0)[cluster], 0.0)
    size, kept = table.sum(axis=1), table[:, clusters].sum(axis=1)
    f1 = _ratio(2 * right, called + kept)
    f1[(cluster >= 0) & (right == 0)] = np.nan
    f1[size == 0] = np.nan
    f1_all = np.where(size > 0, _ratio(2 * right, called + size), np.nan)
    counted = np.where(np.isnan(f1), 0.0, f1)
    total, inside = size.sum(), kept.sum()
    return Matched(
        cluster, f1, f1_all,
        macro=_mean(f1), micro=float(right.sum() / inside), weighted=float((counted * kept).sum() / inside),
        macro_all=_mean(f1_all), micro_all=float(right.sum() / total),
        weighted_all=float(np.nansum(f1_all * size) / total), unmatched=float(1.0 - inside / total),
    )  # fmt: skip


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    there = shares[shares > 0]
    return float(-(there * np.log(there)).sum()) if len(there) > 1 else 0.0


def _pairs(counts: npt.NDArray[np.float64] | np.float64) -> float:
    return float((counts * (counts - 1)).sum() / 2)


def _ratio(above: npt.NDArray[np.float64], below: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _mean(values: npt.NDArray[np.float64]) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")


_Floats = npt.NDArray[np.float64]


def ratio(top: _Floats | float, bottom: _Floats) -> _Floats:
    """Divide; NaN where the divisor is not above zero."""
    shape = np.broadcast(top, bottom).shape
    found: _Floats = np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0)
    return found


def nan_mean(rows: _Floats) -> _Floats:
    """Return the mean over the first axis of what is known, NaN where nothing is.

    Examples
    --------
    >>> nan_mean(np.array([[1.0, np.nan], [2.0, np.nan]])).tolist()
    [1.5, nan]
    """
    known = np.isfinite(rows)
    return ratio(np.where(known, rows, 0.0).sum(axis=0), known.sum(axis=0).astype(np.float64))


def weighted_mean(values: _Floats, weight: _Floats) -> float:
    """Return the weighted mean of the values that are known."""
    counted = np.isfinite(values) & (weight > 0)
    total = float(weight[counted].sum())
    return float(values[counted] @ weight[counted]) / total if total else np.nan


#: What :func:`rightness` returns, in order.
RIGHTNESS = ("balanced_accuracy", "kappa", "accuracy", "macro_f1")


def classification_metrics(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
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
    >>> classification_metrics(np.array([[8.0, 2.0], [0.0, 2.0]])).round(3).tolist()
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
