"""Mutual best groups of genes, decided by correlations in float64.

The product in float32 only gives candidates: an entry can be the best of its line if it is within twice the tolerance
of the largest. All candidates of a line are computed again in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.product import Entries, Product, tolerance
from homodb.etl.matching.side import DECIMALS, Floats, GroupedVectors, Ints, correlations


@dataclass(frozen=True)
class MutualBest:
    """Pairs of groups that are each other's best, including ties.

    Each array has the shape (pairs,).

    Parameters
    ----------
    groups_a, groups_b
        The groups.
    correlations
        Their correlation.
    margins
        Their correlation minus the higher second best of the two: 0 if several genes are best, nan if a species has
        only one gene.
    """

    groups_a: Ints
    groups_b: Ints
    correlations: Floats
    margins: Floats


def mutual_best(a: GroupedVectors, b: GroupedVectors, product: Product) -> MutualBest:
    """Return the groups that are each other's best."""
    slack = 2 * tolerance(a.vectors.shape[1])
    width = b.rows.size
    of_rows = _Lines(product.of_rows.rows, product.of_rows, a.rows.size, width)
    of_columns = _Lines(product.of_columns.columns, product.of_columns, width, width)
    near_rows, near_columns = of_rows.near(of_rows.first, slack), of_columns.near(of_columns.first, slack)
    possible = np.intersect1d(of_rows.pairs[near_rows], of_columns.pairs[near_columns])
    # all rivals of a possible pair are computed, so that the best of each line is exact
    rivals_a = of_rows.pairs[near_rows & of_rows.of(possible // width)]
    rivals_b = of_columns.pairs[near_columns & of_columns.of(possible % width)]
    pairs = np.union1d(rivals_a, rivals_b)
    exact = _exact(a, b, pairs)
    best_a, best_b = np.full(a.rows.size, -2.0), np.full(width, -2.0)
    np.maximum.at(best_a, rivals_a // width, exact[np.searchsorted(pairs, rivals_a)])
    np.maximum.at(best_b, rivals_b % width, exact[np.searchsorted(pairs, rivals_b)])
    values = exact[np.searchsorted(pairs, possible)]
    mutual = (values == best_a[possible // width]) & (values == best_b[possible % width])
    best, values = possible[mutual], values[mutual]
    return MutualBest(best // width, best % width, values, _margins(a, b, of_rows, of_columns, best, values))


class _Lines:
    """Entries by line (row or column), and the best two of each line."""

    def __init__(self, lines: Ints, entries: Entries, count: int, width: int) -> None:
        order = np.lexsort((-entries.values, lines))
        self.lines, self.values = lines[order], entries.values[order]
        #: Each pair of groups as one number.
        self.pairs = entries.rows[order] * width + entries.columns[order]
        starts = np.searchsorted(self.lines, np.arange(count + 1))
        self.count = count
        self.first, self.second = np.full(count, np.nan), np.full(count, np.nan)
        for place, into in enumerate((self.first, self.second)):
            is_long = starts[:-1] + place < starts[1:]
            into[is_long] = self.values[starts[:-1][is_long] + place]

    def near(self, bar: Floats, slack: float) -> npt.NDArray[np.bool_]:
        """Mask the entries that reach the bar of their line minus a slack."""
        reached: npt.NDArray[np.bool_] = self.values >= bar[self.lines] - slack
        return reached

    def of(self, wanted: Ints) -> npt.NDArray[np.bool_]:
        """Mask the entries of some lines."""
        marks = np.zeros(self.count, np.bool_)
        marks[wanted] = True
        return marks[self.lines]


def _margins(
    a: GroupedVectors, b: GroupedVectors, of_rows: _Lines, of_columns: _Lines, best: Ints, values: Floats
) -> Floats:
    """Return the correlations minus the higher second best of a pair."""
    if min(a.counts.sum(), b.counts.sum()) < 2:
        return np.full(best.size, np.nan)
    width = b.rows.size
    groups_a, groups_b = best // width, best % width
    margins = np.zeros(best.size)
    # if a group has several genes or several best groups, the second best equals the best
    alone = (a.counts[groups_a] == 1) & (b.counts[groups_b] == 1)
    alone &= (np.bincount(groups_a, minlength=a.rows.size) == 1)[groups_a]
    alone &= (np.bincount(groups_b, minlength=width) == 1)[groups_b]
    groups_a, groups_b, best = groups_a[alone], groups_b[alone], best[alone]
    slack = 2 * tolerance(a.vectors.shape[1])
    higher = np.fmax(of_rows.second[groups_a], of_columns.second[groups_b])
    rivals: list[Ints] = []
    owners: list[Ints] = []
    for lines, groups, count in ((of_rows, groups_a, a.rows.size), (of_columns, groups_b, width)):
        bar, owner = np.full(count, np.inf), np.full(count, -1)
        bar[groups], owner[groups] = higher, np.arange(groups.size)
        others = lines.near(bar, slack) & (lines.pairs != best[owner[lines.lines]] if best.size else False)
        rivals.append(lines.pairs[others])
        owners.append(owner[lines.lines[others]])
    pairs, place = np.unique(np.concatenate(rivals), return_inverse=True)
    seconds = np.full(groups_a.size, -2.0)
    np.maximum.at(seconds, np.concatenate(owners), _exact(a, b, pairs)[place])
    margins[alone] = np.round(values[alone] - seconds, DECIMALS)
    return margins


def _exact(a: GroupedVectors, b: GroupedVectors, pairs: Ints) -> Floats:
    """Return the correlations of pairs of groups."""
    width = b.rows.size
    return correlations(a, b, a.rows[pairs // width], b.rows[pairs % width])
