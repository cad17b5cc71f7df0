"""Measure the agreement of two groupings of the same cells, from one table of counts.

A table has a row for each true cell type and a column for each cluster or predicted label. Cells may have weights, as
they do when donors are resampled, so tables are float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

#: Differences of shares below this are rounding.
_ROUNDING = 1e-12


def cross_table(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], weight: Floats | None = None) -> Floats:
    """Count cells, or sum their weights, by two groupings that number groups from 0.

    Examples
    --------
    >>> cross_table(np.array([0, 0, 1]), np.array([1, 1, 0])).tolist()
    [[0.0, 2.0], [1.0, 0.0]]
    """
    rows, columns = int(first.max()) + 1, int(second.max()) + 1
    return np.bincount(first * columns + second, weight, rows * columns).astype(np.float64).reshape(rows, columns)


def majority_table(size: Floats) -> Floats:
    """Return the table that results if every cell is called by the most frequent true type."""
    table = np.zeros((len(size), len(size)))
    table[:, int(size.argmax())] = size
    return table


def random_table(size: Floats, share: Floats) -> Floats:
    """Return the expected table if labels are drawn by given shares, independent of the cell."""
    return np.outer(size, share)


def nmi(table: Floats, *, arithmetic: bool = False) -> float:
    """Return the normalised mutual information, over the geometric or arithmetic mean of the two entropies.

    It is 0 where one grouping has a single group, and 1 where both have.

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
    mean = (rows + columns) / 2 if arithmetic else np.sqrt(rows * columns)
    return float(np.clip(mutual / mean, 0.0, 1.0))


def ari(table: Floats) -> float:
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
class ClassificationMetrics:
    """Metrics of predicted labels."""

    accuracy: float  # share of cells with the right label
    kappa: float  # Cohen's kappa: agreement beyond that expected from the margins; NaN if both sides have only one type
    # metrics of each type, shape (types,). NaN for a type without true cells; precision and F1 are 0 for a type that
    # is never predicted
    precision: Floats
    recall: Floats
    f1: Floats

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the types with true cells."""
        return _mean(self.recall)

    macro_recall = balanced_accuracy

    @property
    def macro_precision(self) -> float:
        """Mean precision of the types with true cells."""
        return _mean(self.precision)

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the types with true cells."""
        return _mean(self.f1)

    def values(self, names: Sequence[str]) -> Floats:
        """Return the metrics with these names, such as ``kappa`` or ``macro_f1``, as an array."""
        return np.array([getattr(self, name) for name in names], np.float64)


def classification_metrics(table: Floats) -> ClassificationMetrics:
    """Compute accuracy, kappa, precision, recall and F1 of a confusion table.

    Parameters
    ----------
    table
        Cells, or their weights, by true type and predicted label, shape (types, labels). The first labels are the
        types in the same order; others, such as ``unknown``, follow. A type without true cells does not count in
        means, but predictions of it are wrong.

    Returns
    -------
    ClassificationMetrics
        All NaN if there are no cells.

    Examples
    --------
    >>> metrics = classification_metrics(np.array([[8.0, 2.0], [0.0, 2.0]]))
    >>> metrics.values(("balanced_accuracy", "kappa", "accuracy", "macro_f1")).round(3).tolist()
    [0.9, 0.571, 0.833, 0.778]
    """
    types, total = len(table), table.sum()
    right, size, called = np.diag(table[:, :types]), table.sum(axis=1), table.sum(axis=0)[:types]
    recall, f1 = ratio(right, size), ratio(2 * right, np.where(size > 0, size + called, 0.0))
    precision = np.where(size > 0, np.divide(right, called, out=np.zeros(types), where=called > 0), np.nan)
    if not total:
        return ClassificationMetrics(np.nan, np.nan, precision, recall, f1)
    accuracy, chance = float(right.sum() / total), float(size @ called) / float(total**2)
    excess = 0.0 if abs(accuracy - chance) < _ROUNDING else accuracy - chance
    return ClassificationMetrics(accuracy, excess / (1 - chance) if chance < 1 else np.nan, precision, recall, f1)


@dataclass(frozen=True)
class MatchedClusters:
    """F1 of cell types after each was matched with at most one cluster."""

    cluster: npt.NDArray[np.int64]  # cluster of each type, -1 if it has none, shape (types,)
    # F1 of each type, shape (types,), over the cells of matched clusters and over all cells. `f1` is NaN if the type
    # has a cluster but no right cell, as in the reference
    f1: Floats
    f1_all: Floats
    # averages of the reference, over the cells of matched clusters
    macro: float
    micro: float
    weighted: float
    # averages over all cells; those of unmatched clusters count as wrong
    macro_all: float
    micro_all: float
    weighted_all: float
    unmatched: float  # share of the cells that are in unmatched clusters


def matched_f1(table: Floats) -> MatchedClusters:
    """Match clusters to cell types one to one so that most cells agree, and compute F1.

    The reference (R's ``clue::solve_LSAP``, then ``MLmetrics``) leaves out cells of unmatched clusters, and leaves
    types without a right cell out of the mean because their F1 is 0 / 0. The figures named ``_all`` leave nothing out:
    such cells are wrong, such an F1 is 0. The reference fails with fewer clusters than types; here types without a
    cluster have an F1 of 0.

    Parameters
    ----------
    table
        Cells by type and cluster; types and clusters without cells do not count.

    Examples
    --------
    >>> matched = matched_f1(np.array([[8.0, 0.0, 2.0], [1.0, 9.0, 0.0]]))
    >>> matched.cluster.tolist(), round(matched.micro, 3), round(matched.micro_all, 3)
    ([0, 1], 0.944, 0.85)
    """
    from scipy.optimize import linear_sum_assignment

    types, clusters = linear_sum_assignment(table, maximize=True)
    cluster = np.full(len(table), -1, np.int64)
    cluster[types] = clusters
    right = np.where(cluster >= 0, table[np.arange(len(table)), cluster], 0.0)
    called = np.where(cluster >= 0, table.sum(axis=0)[cluster], 0.0)
    size, kept = table.sum(axis=1), table[:, clusters].sum(axis=1)
    f1 = _share(2 * right, called + kept)
    f1[(cluster >= 0) & (right == 0)] = np.nan
    f1[size == 0] = np.nan
    f1_all = np.where(size > 0, _share(2 * right, called + size), np.nan)
    counted = np.where(np.isnan(f1), 0.0, f1)
    total, inside = size.sum(), kept.sum()
    return MatchedClusters(
        cluster, f1, f1_all,
        macro=_mean(f1), micro=float(right.sum() / inside), weighted=float((counted * kept).sum() / inside),
        macro_all=_mean(f1_all), micro_all=float(right.sum() / total),
        weighted_all=float(np.nansum(f1_all * size) / total), unmatched=float(1.0 - inside / total),
    )  # fmt: skip


def ratio(top: Floats | float, bottom: Floats) -> Floats:
    """Divide; NaN where the divisor is not above zero."""
    quotient = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


def nan_mean(rows: Floats) -> Floats:
    """Return the mean of the finite values over the first axis, NaN where there are none.

    Examples
    --------
    >>> nan_mean(np.array([[1.0, np.nan], [2.0, np.nan]])).tolist()
    [1.5, nan]
    """
    finite = np.isfinite(rows)
    return ratio(np.where(finite, rows, 0.0).sum(axis=0), finite.sum(axis=0).astype(np.float64))


def _entropy(shares: Floats) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum()) if len(positive) > 1 else 0.0


def _pairs(counts: Floats | np.float64) -> float:
    return float((counts * (counts - 1)).sum() / 2)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan
