"""Evidence from the vectors of two species: best hits, correlations.

The product in float32 only gives candidates: an entry can be the best of its line if it is within twice the tolerance
of the largest. All candidates of a line are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from homodb.etl.evidence import BEST_HIT_COLUMNS, CORRELATION_COLUMNS, EmbeddingEvidence
from homodb.etl.matching.product import CELLS, Product, best_two, multiply, tolerance
from homodb.etl.matching.side import DECIMALS, Floats, GroupedVectors, correlations, group_vectors
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
    one, two = group_vectors(a), group_vectors(b)
    pairs = wanted.select(pl.col("gene_a", "gene_b").cast(pl.Int64)).drop_nulls().unique()
    pairs = pairs.join(_genes(one, "a"), on="gene_a").join(_genes(two, "b"), on="gene_b").sort("gene_a", "gene_b")
    values = correlations(one, two, pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy())
    product = multiply(one, two, device=device, block=block, progress=progress)
    best_hits = _pairs_of_genes(one, two, _mutual_best(one, two, product), pairs)
    frames = (frame.select(list(CORRELATION_COLUMNS)) for frame in (pairs.with_columns(correlation=values), best_hits))
    both = pl.concat(frames).unique(["gene_a", "gene_b"]).sort("gene_a", "gene_b")
    return EmbeddingEvidence(best_hits, both, _median(one, two, product.histogram))


def _genes(species: GroupedVectors, name: str) -> pl.DataFrame:
    """Return the genes that have correlations, with their rows and groups, for one species of a pair."""
    rows = np.flatnonzero(species.lengths)
    columns = {"gene": species.genes[rows], "row": rows, "group": species.groups[rows]}
    return pl.DataFrame({f"{column}_{name}": values for column, values in columns.items()})


def _median(a: GroupedVectors, b: GroupedVectors, histogram: Floats) -> float | None:
    """Return the median correlation of all pairs of genes. It is exact for few pairs, and else from the histogram."""
    if not histogram.any():
        return None
    values, counts = (np.arange(histogram.size) - CELLS) / CELLS, histogram
    if a.rows.size * b.rows.size * a.vectors.shape[1] <= _FEW:
        in_a, in_b = np.indices((a.rows.size, b.rows.size)).reshape(2, -1)
        values = correlations(a, b, a.rows[in_a], b.rows[in_b])
        order = np.argsort(values)
        values, counts = values[order], (a.counts[in_a] * b.counts[in_b])[order].astype(np.float64)
    total = int(counts.sum())
    middle = np.searchsorted(np.cumsum(counts), [(total - 1) // 2, total // 2], side="right")
    return float(values[middle].mean())


def _mutual_best(a: GroupedVectors, b: GroupedVectors, product: Product) -> pl.DataFrame:
    """Return the groups that are each other's best: ``group_a, group_b, correlation, margin``.

    A margin is the correlation minus the higher second best, 0 in a tie, null if a species has only one gene.
    """
    rows, columns, values = product.rows, product.columns, product.values
    slack = 2 * tolerance(a.vectors.shape[1])
    first_a, second_a = best_two(rows, values, a.rows.size)
    first_b, second_b = best_two(columns, values, b.rows.size)
    possible = (values >= first_a[rows] - slack) & (values >= first_b[columns] - slack)
    # of the lines of possible pairs, all that could be the best two are computed
    needed = (values >= second_a[rows] - slack) & np.isin(rows, rows[possible])
    needed |= (values >= second_b[columns] - slack) & np.isin(columns, columns[possible])
    rows, columns, possible = rows[needed], columns[needed], possible[needed]
    values = correlations(a, b, a.rows[rows], b.rows[columns])
    first_a, second_a = best_two(rows, values, a.rows.size)
    first_b, second_b = best_two(columns, values, b.rows.size)
    best = possible & (values == first_a[rows]) & (values == first_b[columns])
    rows, columns, values = rows[best], columns[best], values[best]
    margins = np.round(values - np.maximum(second_a[rows], second_b[columns]), DECIMALS)
    margins[(a.counts[rows] > 1) | (b.counts[columns] > 1)] = 0
    frame = pl.DataFrame({"group_a": rows, "group_b": columns, "correlation": values, "margin": margins})
    return frame.with_columns(pl.when(min(a.counts.sum(), b.counts.sum()) > 1).then("margin")).sort(
        "group_a", "group_b"
    )


def _pairs_of_genes(a: GroupedVectors, b: GroupedVectors, best: pl.DataFrame, preferred: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of genes that are each other's best.

    A gene has a row for each gene that is equally good. A thousand genes with one vector in both species would be a
    million rows, so two large groups give only: the preferred pairs; the pairs that the greedy choice takes, which
    prefers these, then low keys; and a rival of each of these pairs, which marks it as tied. The greedy choice is the
    same on these pairs as on all pairs: those that it takes are among them, and those that it skips change nothing.
    """
    genes_a, genes_b, groups = _genes(a, "a"), _genes(b, "b"), ["group_a", "group_b"]
    is_large = pl.Series(a.counts[best["group_a"]] * b.counts[best["group_b"]] > _ALL_PAIRS)
    pairs = best.filter(~is_large).join(genes_a, on="group_a").join(genes_b, on="group_b")
    if is_large.any():
        first = preferred.join(best, on=groups, how="semi").sort("gene_a", "gene_b").select("row_a", "row_b").rows()
        kept = _of_large(a, b, dict(zip(best.select(groups).rows(), is_large, strict=True)), first)
        rows = pl.DataFrame(list(kept), ["row_a", "row_b"], orient="row")
        rows = rows.join(genes_a, on="row_a").join(genes_b, on="row_b").join(best, on=groups)
        pairs = pl.concat([pairs, rows.select(pairs.columns)])
    return pairs.select(list(BEST_HIT_COLUMNS)).sort("gene_a", "gene_b")


def _of_large(a: GroupedVectors, b: GroupedVectors, is_large: dict[_Pair, bool], first: list[_Pair]) -> set[_Pair]:
    """Return the rows of the pairs of large groups that matter."""
    large_of_a = {group_a: group_b for (group_a, group_b), large in is_large.items() if large}
    large_of_b = {group_b: group_a for (group_a, group_b), large in is_large.items() if large}
    kept: set[_Pair] = set()
    # small groups too: a gene may be tied with a large group and a small group
    for row_a, row_b in (*first, *_greedy(a, b, list(is_large), first)):
        group_a, group_b = int(a.groups[row_a]), int(b.groups[row_b])
        if is_large[group_a, group_b]:
            rivals = [(row_a, row) for row in b.by_group[group_b][:2] if row != row_b]
            rivals += [(row, row_b) for row in a.by_group[group_a][:2] if row != row_a]
            kept |= {(row_a, row_b), rivals[0]}
            continue
        # a pair of small groups may be tied with pairs of a large one only: one of these shows it
        if group_a in large_of_a:
            kept.add((row_a, b.by_group[large_of_a[group_a]][0]))
        if group_b in large_of_b:
            kept.add((a.by_group[large_of_b[group_b]][0], row_b))
    return kept


def _greedy(a: GroupedVectors, b: GroupedVectors, best: list[_Pair], first: list[_Pair]) -> list[_Pair]:
    """Return the greedy choice. It takes some pairs first, then for each gene of A the lowest free gene of B."""
    taken: dict[int, int] = {}
    partners: dict[int, list[dict[int, None]]] = {}
    free = {group_b: dict.fromkeys(b.by_group[group_b]) for _, group_b in best}
    for group_a, group_b in best:
        partners.setdefault(group_a, []).append(free[group_b])
    for row_a, row_b in first:
        of_b = free[int(b.groups[row_b])]
        if row_a not in taken and row_b in of_b:
            taken[row_a] = row_b
            del of_b[row_b]
    for row_a, group_a in sorted((row, group) for group in partners for row in a.by_group[group]):
        lowest = [(next(iter(of_b)), of_b) for of_b in partners[group_a] if of_b]
        if row_a not in taken and lowest:
            taken[row_a], of_b = min(lowest, key=lambda one: one[0])
            del of_b[taken[row_a]]
    return list(taken.items())
