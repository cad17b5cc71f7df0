"""From groups that are each other's best to pairs of genes.

A gene stands in a row for each gene that is equally good. A thousand genes with one vector on both sides would be a
million rows, so of two large groups only the rows that can matter to a greedy choice are made.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.evidence import BEST_HIT_COLUMNS
from homodb.etl.matching.best import Best
from homodb.etl.matching.side import Ints, Side

#: Two groups with more pairs than this (at least 1) are large.
ALL_PAIRS = 1024

_Pair = tuple[int, int]


def pairs_of_genes(a: Side, b: Side, best: Best, preferred: tuple[Ints, Ints]) -> pl.DataFrame:
    """Return the pairs of genes that are each other's best.

    All of them, but of two large groups only: the preferred pairs; those that the greedy choice takes, which goes by
    preferred pairs first, then by low keys; and for each of these a rival, so that it is seen to be tied. Greedy gives
    the same on these as on all pairs: what it takes is among them, and what it passes over takes nothing away.

    Parameters
    ----------
    a, b
        The two sides.
    best
        The groups.
    preferred
        Pairs of genes that win ties, by row, sorted.

    Returns
    -------
    polars.DataFrame
        Columns of :data:`~homodb.etl.evidence.BEST_HIT_COLUMNS`, sorted by gene.
    """
    sizes = a.counts[best.groups_a] * b.counts[best.groups_b]
    small = np.flatnonzero(sizes <= ALL_PAIRS)
    place = np.repeat(small, sizes[small])
    # the n-th pair of two groups is of their members n // count, n % count
    nth = np.arange(place.size) - np.repeat(np.cumsum(sizes[small]) - sizes[small], sizes[small])
    in_a, in_b = np.divmod(nth, b.counts[best.groups_b[place]])
    rows_a = a.members[a.starts[best.groups_a[place]] + in_a]
    rows_b = b.members[b.starts[best.groups_b[place]] + in_b]
    if small.size < sizes.size:
        some = _of_large(a, b, best, sizes > ALL_PAIRS, preferred)
        place, rows_a, rows_b = (np.concatenate(both) for both in zip((place, rows_a, rows_b), some, strict=True))
    told = (a.genes[rows_a], b.genes[rows_b], best.correlations[place], best.margins[place])
    frame = pl.DataFrame(dict(zip(BEST_HIT_COLUMNS, told, strict=True)), schema=BEST_HIT_COLUMNS)
    return frame.with_columns(pl.col("margin").fill_nan(None)).sort("gene_a", "gene_b")


def _of_large(
    a: Side, b: Side, best: Best, large: npt.NDArray[np.bool_], preferred: tuple[Ints, Ints]
) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of large groups that can matter: the place of their groups, the row of each gene."""
    together = zip(best.groups_a.tolist(), best.groups_b.tolist(), strict=True)
    places = {pair: place for place, pair in enumerate(together)}

    def place_of(pair: _Pair) -> int | None:
        return places.get((int(a.groups[pair[0]]), int(b.groups[pair[1]])))

    rows_a, rows_b = preferred
    first = [pair for pair in zip(rows_a.tolist(), rows_b.tolist(), strict=True) if place_of(pair) is not None]
    # small groups too: a gene may be tied with a large group and a small one
    taken = _taken(a, b, best, first)
    kept = {pair: place for pair in (*first, *taken) if (place := place_of(pair)) is not None and large[place]}
    for (row_a, row_b), place in list(kept.items()):
        others_b = [row for row in b.group(int(b.groups[row_b]))[:2].tolist() if row != row_b]
        others_a = [row for row in a.group(int(a.groups[row_a]))[:2].tolist() if row != row_a]
        kept[(row_a, others_b[0]) if others_b else (others_a[0], row_b)] = place
    found = np.array([(place, *pair) for pair, place in kept.items()], np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


def _taken(a: Side, b: Side, best: Best, first: list[_Pair]) -> list[_Pair]:
    """Return what the greedy choice takes: some pairs first, then for each gene of A the lowest free one of B."""
    taken: list[_Pair] = []
    taken_a: set[int] = set()
    taken_b: set[int] = set()

    def take(row_a: int, row_b: int) -> None:
        taken.append((row_a, row_b))
        taken_a.add(row_a)
        taken_b.add(row_b)

    for row_a, row_b in first:
        if row_a not in taken_a and row_b not in taken_b:
            take(row_a, row_b)
    partners: dict[int, list[int]] = {}
    for group_a, group_b in zip(best.groups_a.tolist(), best.groups_b.tolist(), strict=True):
        partners.setdefault(group_a, []).append(group_b)
    waiting = {group: b.group(group).tolist()[::-1] for group in set(best.groups_b.tolist())}
    for row_a, group_a in sorted((row, group) for group in partners for row in a.group(group).tolist()):
        if row_a in taken_a:
            continue
        for partner in partners[group_a]:
            while waiting[partner] and waiting[partner][-1] in taken_b:
                waiting[partner].pop()
        free = [waiting[partner][-1] for partner in partners[group_a] if waiting[partner]]
        if free:
            take(row_a, min(free))
    return taken
