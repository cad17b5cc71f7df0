"""Evidence from the vectors of two species: best hits, correlations.

The product in float32 only gives candidates: an entry can be the best of its line if it is within twice the tolerance
of the largest. All candidates of a line are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.evidence import BEST_HIT_COLUMNS, CORRELATION_COLUMNS, EmbeddingEvidence
from homodb.etl.matching.product import CELLS, Entries, Product, multiply, tolerance
from homodb.etl.matching.side import DECIMALS, Floats, GroupedVectors, Ints, correlations, group_vectors
from homodb.schema.errors import VectorsError
from homodb.schema.vectors import GeneVectors

#: Number of products up to which the median is computed from all correlations in float64.
_FEW = 1 << 24
#: Number of pairs (at least 1) beyond which two groups are large.
_ALL_PAIRS = 1024

_Pair = tuple[int, int]


def correlate_genes(
    a: GeneVectors,
    b: GeneVectors,
    *,
    wanted: pl.DataFrame,
    device: str = "auto",
    block: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EmbeddingEvidence:
    """Correlate all genes of one species with all genes of another, exactly.

    The correlations are not all held in memory. The result does not depend on block, device or threads: a matrix
    product in float32 finds the candidates, and everything that is decided and returned is computed in float64.

    Parameters
    ----------
    a, b
        Vectors of both species by the same embedding. A constant vector has no correlations.
    wanted
        Pairs whose correlation is returned in any case: ``gene_a, gene_b``. Where thousands of genes share a vector,
        their best hits are thinned out except for these pairs, so give all pairs that a strategy prefers in a tie
        (those of Ensembl).
    device
        Device of the product: a device of torch, ``numpy`` for the CPU without torch, or ``auto`` for a GPU if there
        is one, else the CPU. Without torch, ``auto`` and ``cpu`` mean ``numpy``.
    block
        Rows and columns of a tile of the product. Default: what suits the device.
    progress
        Callback that receives the numbers of finished and of all correlations, tile by tile.

    Returns
    -------
    EmbeddingEvidence
        Best hits with ties, sorted by gene; ``margin`` is null if a species has only one gene with a vector. The
        correlations of `wanted` that exist and those of the best hits, sorted by gene. The median to 1e-4.

    Raises
    ------
    VectorsError
        If the vectors differ in their dimensions or have values that are not finite.
    MissingPackageError
        If the device needs torch and torch is not installed.

    Examples
    --------
    >>> one = GeneVectors(np.array([1, 2]), np.array([[1, 2, 4], [3, 1, 1]], np.float32))
    >>> two = GeneVectors(np.array([7, 8]), np.array([[1, 2, 3], [5, 1, 2]], np.float32))
    >>> evidence = correlate_genes(one, two, wanted=pl.DataFrame({"gene_a": [1], "gene_b": [8]}))
    >>> evidence.best_hits.select("gene_a", "gene_b", pl.col("correlation", "margin").round(4)).rows()
    [(1, 7, 0.982, 1.5585), (2, 8, 0.9707, 1.5473)]
    """
    if a.vectors.shape[1] != b.vectors.shape[1]:
        raise VectorsError(
            f"expected vectors of equal dimensions, got {a.vectors.shape[1]} and {b.vectors.shape[1]}; "
            "embed both species by the same model"
        )
    groups_a, groups_b = group_vectors(a), group_vectors(b)
    rows_a, rows_b = _rows(groups_a, groups_b, wanted)
    # a normalised copy of the second is held in memory, so the smaller species comes second
    turned = groups_b.rows.size > groups_a.rows.size
    high, wide = (groups_b, groups_a) if turned else (groups_a, groups_b)
    if wide.rows.size:
        product = multiply(high, wide, device=device, block=block, progress=progress)
        best, median = mutual_best(high, wide, product), _median(high, wide, product.histogram)
    else:
        no_groups, no_values = np.zeros(0, np.int64), np.zeros(0)
        best, median = MutualBest(no_groups, no_groups, no_values, no_values), None
    if turned:
        best = replace(best, groups_a=best.groups_b, groups_b=best.groups_a)
    best_hits = _pairs_of_genes(groups_a, groups_b, best, (rows_a, rows_b))
    columns = (groups_a.genes[rows_a], groups_b.genes[rows_b], correlations(groups_a, groups_b, rows_a, rows_b))
    requested = pl.DataFrame(dict(zip(CORRELATION_COLUMNS, columns, strict=True)), schema=CORRELATION_COLUMNS)
    both = pl.concat([requested, best_hits.select(list(CORRELATION_COLUMNS))]).unique(["gene_a", "gene_b"])
    return EmbeddingEvidence(best_hits.select(list(BEST_HIT_COLUMNS)), both.sort("gene_a", "gene_b"), median)


def _rows(a: GroupedVectors, b: GroupedVectors, wanted: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return the rows of the pairs that have a correlation, each once, sorted."""
    pairs = wanted.select("gene_a", "gene_b").drop_nulls().unique().sort("gene_a", "gene_b")
    genes = [pairs[name].cast(pl.Int64).to_numpy() for name in pairs.columns]
    rows = [np.minimum(np.searchsorted(s.genes, g), s.genes.size - 1) for s, g in zip((a, b), genes, strict=True)]
    if not a.genes.size or not b.genes.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    good = np.ones(pairs.height, np.bool_)
    for s, r, g in zip((a, b), rows, genes, strict=True):
        good &= (s.genes[r] == g) & (s.lengths[r] > 0)
    return rows[0][good], rows[1][good]


def _median(a: GroupedVectors, b: GroupedVectors, histogram: Floats) -> float:
    """Return the median correlation of all pairs of genes. It is exact for few pairs, and else from the histogram."""
    count_a, count_b = a.rows.size, b.rows.size
    if count_a * count_b * a.vectors.shape[1] <= _FEW:
        in_a, in_b = np.divmod(np.arange(count_a * count_b), count_b)
        values = correlations(a, b, a.rows[in_a], b.rows[in_b])
        order = np.argsort(values)
        values, counts = values[order], (a.counts[in_a] * b.counts[in_b])[order].astype(np.float64)
    else:
        values, counts = (np.arange(histogram.size) - CELLS) / CELLS, histogram
    total = int(counts.sum())
    middle = np.searchsorted(np.cumsum(counts), [(total - 1) // 2, total // 2], side="right")
    return float(values[middle].mean())


def _pairs_of_genes(
    a: GroupedVectors, b: GroupedVectors, best: MutualBest, preferred: tuple[Ints, Ints]
) -> pl.DataFrame:
    """Return the pairs of genes that are each other's best.

    A gene has a row for each gene that is equally good. A thousand genes with one vector in both species would be a
    million rows, so two large groups give only: the preferred pairs; the pairs that the greedy choice takes, which
    prefers these, then low keys; and a rival of each of these pairs, which marks it as tied. The greedy choice is the
    same on these pairs as on all pairs: those that it takes are among them, and those that it skips change nothing.
    """
    sizes = a.counts[best.groups_a] * b.counts[best.groups_b]
    small = np.flatnonzero(sizes <= _ALL_PAIRS)
    place = np.repeat(small, sizes[small])
    # the n-th pair of two groups consists of their members n // count and n % count
    nth = np.arange(place.size) - np.repeat(np.cumsum(sizes[small]) - sizes[small], sizes[small])
    in_a, in_b = np.divmod(nth, b.counts[best.groups_b[place]])
    rows_a = a.members[a.starts[best.groups_a[place]] + in_a]
    rows_b = b.members[b.starts[best.groups_b[place]] + in_b]
    if small.size < sizes.size:
        some = _of_large(a, b, best, sizes > _ALL_PAIRS, preferred)
        place, rows_a, rows_b = (np.concatenate(both) for both in zip((place, rows_a, rows_b), some, strict=True))
    columns = (a.genes[rows_a], b.genes[rows_b], best.correlations[place], best.margins[place])
    frame = pl.DataFrame(dict(zip(BEST_HIT_COLUMNS, columns, strict=True)), schema=BEST_HIT_COLUMNS)
    return frame.with_columns(pl.col("margin").fill_nan(None)).sort("gene_a", "gene_b")


def _of_large(
    a: GroupedVectors, b: GroupedVectors, best: MutualBest, large: npt.NDArray[np.bool_], preferred: tuple[Ints, Ints]
) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of large groups that matter. The arrays are the position in `best`, and the row of each gene."""
    together = zip(best.groups_a.tolist(), best.groups_b.tolist(), strict=True)
    places = {pair: place for place, pair in enumerate(together)}

    def place_of(pair: _Pair) -> int | None:
        return places.get((int(a.groups[pair[0]]), int(b.groups[pair[1]])))

    rows_a, rows_b = preferred
    first = [pair for pair in zip(rows_a.tolist(), rows_b.tolist(), strict=True) if place_of(pair) is not None]
    # small groups too: a gene may be tied with a large group and a small group
    taken = _taken(a, b, best, first)
    kept = {pair: place for pair in (*first, *taken) if (place := place_of(pair)) is not None and large[place]}
    for (row_a, row_b), place in list(kept.items()):
        others_b = [row for row in b.group(int(b.groups[row_b]))[:2].tolist() if row != row_b]
        others_a = [row for row in a.group(int(a.groups[row_a]))[:2].tolist() if row != row_a]
        kept[(row_a, others_b[0]) if others_b else (others_a[0], row_b)] = place
    # a pair of small groups may be tied with pairs of a large one only: one of these shows it
    by_a = {int(best.groups_a[place]): place for place in np.flatnonzero(large).tolist()}
    by_b = {int(best.groups_b[place]): place for place in np.flatnonzero(large).tolist()}
    for row_a, row_b in (*first, *taken):
        if (place := place_of((row_a, row_b))) is None or large[place]:
            continue
        if (of_a := by_a.get(int(a.groups[row_a]))) is not None:
            kept[row_a, int(b.group(int(best.groups_b[of_a]))[0])] = of_a
        if (of_b := by_b.get(int(b.groups[row_b]))) is not None:
            kept[int(a.group(int(best.groups_a[of_b]))[0]), row_b] = of_b
    rows = np.array([(place, *pair) for pair, place in kept.items()], np.int64).reshape(-1, 3)
    return rows[:, 0], rows[:, 1], rows[:, 2]


def _taken(a: GroupedVectors, b: GroupedVectors, best: MutualBest, first: list[_Pair]) -> list[_Pair]:
    """Return the greedy choice. It takes some pairs first, then for each gene of A the lowest free gene of B."""
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


@dataclass(frozen=True)
class MutualBest:
    """Pairs of groups that are each other's best, including ties. Each array has the shape (pairs,).

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
