"""Which groups of genes are each other's best, decided by correlations in float64.

The product in float32 only says where to look: an entry can be a line's best when it comes within twice the
tolerance of the largest. Where one alone does, it is the best; else all that do are computed anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.product import Product
from homodb.etl.matching.seek import Entries, tolerance
from homodb.etl.matching.side import DECIMALS, Floats, Ints, Side, correlations


@dataclass(frozen=True)
class Best:
    """Pairs of groups that are each other's best, ties among them, shape (pairs,) each.

    Parameters
    ----------
    groups_a, groups_b
        The groups.
    correlations
        Their correlation, the best of both.
    margins
        Their correlation less the second best of either: 0 where several genes are best, nan where a side has but one
        gene.
    """

    groups_a: Ints
    groups_b: Ints
    correlations: Floats
    margins: Floats


def mutual_best(a: Side, b: Side, told: Product) -> Best:
    """Decide which groups are each other's best."""
    slack = 2 * tolerance(a.vectors.shape[1])
    width = b.rows.size
    of_rows = _Lines(told.of_rows.rows, told.of_rows, a.rows.size, width)
    of_columns = _Lines(told.of_columns.columns, told.of_columns, width, width)
    near_rows, near_columns = of_rows.near(of_rows.first, slack), of_columns.near(of_columns.first, slack)
    possible = np.intersect1d(of_rows.pairs[near_rows], of_columns.pairs[near_columns])
    # all rivals of a possible pair are computed, so that each line's best is known
    rivals_a = of_rows.pairs[near_rows & of_rows.are(possible // width)]
    rivals_b = of_columns.pairs[near_columns & of_columns.are(possible % width)]
    pairs = np.union1d(rivals_a, rivals_b)
    exact = _exact(a, b, pairs)
    best_a, best_b = np.full(a.rows.size, -2.0), np.full(width, -2.0)
    np.maximum.at(best_a, rivals_a // width, exact[np.searchsorted(pairs, rivals_a)])
    np.maximum.at(best_b, rivals_b % width, exact[np.searchsorted(pairs, rivals_b)])
    found = exact[np.searchsorted(pairs, possible)]
    mutual = (found == best_a[possible // width]) & (found == best_b[possible % width])
    chosen, found = possible[mutual], found[mutual]
    margins = _margins(a, b, of_rows, of_columns, chosen, found)
    return Best(chosen // width, chosen % width, found, margins)


class _Lines:
    """Entries by line (row or column), with the first and the second value of each line."""

    def __init__(self, lines: Ints, entries: Entries, count: int, width: int) -> None:
        order = np.lexsort((-entries.values, lines))
        self.lines, self.values = lines[order], entries.values[order]
        #: A pair of groups as one number.
        self.pairs = entries.rows[order] * width + entries.columns[order]
        starts = np.searchsorted(self.lines, np.arange(count + 1))
        self.count = count
        self.first, self.second = np.full(count, np.nan), np.full(count, np.nan)
        for place, into in enumerate((self.first, self.second)):
            there = starts[:-1] + place < starts[1:]
            into[there] = self.values[starts[:-1][there] + place]

    def near(self, bar: Floats, slack: float) -> npt.NDArray[np.bool_]:
        """Whether entries reach the bar of their line, less a slack."""
        reached: npt.NDArray[np.bool_] = self.values >= bar[self.lines] - slack
        return reached

    def are(self, wanted: Ints) -> npt.NDArray[np.bool_]:
        """Whether the line of an entry is a wanted one."""
        marks = np.zeros(self.count, np.bool_)
        marks[wanted] = True
        return marks[self.lines]


def _margins(a: Side, b: Side, of_rows: _Lines, of_columns: _Lines, chosen: Ints, found: Floats) -> Floats:
    """Return each pair's correlation less the higher second best of its two groups."""
    if min(a.counts.sum(), b.counts.sum()) < 2:
        return np.full(chosen.size, np.nan)
    width = b.rows.size
    groups_a, groups_b = chosen // width, chosen % width
    margins = np.zeros(chosen.size)
    # with several genes in a group, or a group with several best ones, the second best is as good as the best
    alone = (a.counts[groups_a] == 1) & (b.counts[groups_b] == 1)
    alone &= (np.bincount(groups_a, minlength=a.rows.size) == 1)[groups_a]
    alone &= (np.bincount(groups_b, minlength=width) == 1)[groups_b]
    groups_a, groups_b, chosen = groups_a[alone], groups_b[alone], chosen[alone]
    slack = 2 * tolerance(a.vectors.shape[1])
    higher = np.fmax(of_rows.second[groups_a], of_columns.second[groups_b])
    rivals: list[Ints] = []
    owners: list[Ints] = []
    for lines, groups, count in ((of_rows, groups_a, a.rows.size), (of_columns, groups_b, width)):
        bar, owner = np.full(count, np.inf), np.full(count, -1)
        bar[groups], owner[groups] = higher, np.arange(groups.size)
        others = lines.near(bar, slack) & (lines.pairs != chosen[owner[lines.lines]] if chosen.size else False)
        rivals.append(lines.pairs[others])
        owners.append(owner[lines.lines[others]])
    pairs, place = np.unique(np.concatenate(rivals), return_inverse=True)
    seconds = np.full(groups_a.size, -2.0)
    np.maximum.at(seconds, np.concatenate(owners), _exact(a, b, pairs)[place])
    margins[alone] = np.round(found[alone] - seconds, DECIMALS)
    return margins


def _exact(a: Side, b: Side, pairs: Ints) -> Floats:
    """Return the correlations of pairs of groups."""
    width = b.rows.size
    return correlations(a, b, a.rows[pairs // width], b.rows[pairs % width])
