"""Evidence from the vectors of two species: best hits, wanted correlations, and the median of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from homodb.etl.evidence import BEST_HIT_COLUMNS, CORRELATION_COLUMNS, EmbeddingEvidence
from homodb.etl.matching.best import Best, mutual_best
from homodb.etl.matching.product import CELLS, product
from homodb.etl.matching.side import Floats, Ints, Side, correlations, side
from homodb.etl.matching.ties import pairs_of_genes
from homodb.schema.errors import VectorsError
from homodb.schema.vectors import GeneVectors

#: Up to so many numbers to multiply, all correlations are computed in float64 for their median.
_FEW = 1 << 24


def correlate(
    a: GeneVectors,
    b: GeneVectors,
    *,
    wanted: pl.DataFrame,
    device: str = "auto",
    block: int | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> EmbeddingEvidence:
    """Correlate all genes of one species with all of another, exactly, without holding all correlations.

    The answer does not depend on block, device or threads: a matrix product in float32 finds what could be a best
    or second best, and what is decided and reported is computed in float64.

    Parameters
    ----------
    a, b
        Vectors of both species by the same embedding. A constant vector correlates with nothing.
    wanted
        Pairs whose correlation is wanted: ``gene_a, gene_b``. Where thousands of genes have one vector, best hits
        are thinned out, and these pairs stay: give all that a strategy prefers in a tie (Ensembl's).
    device
        Where the product is made: a device of torch, ``numpy`` for the processor without torch, or ``auto``: a GPU
        where there is one, else the processor. Without torch, ``auto`` and ``cpu`` mean ``numpy``.
    block
        Rows and columns of the tiles of the product. Default: what goes well on the device.
    report
        Called with finished and all correlations, tile by tile.

    Returns
    -------
    EmbeddingEvidence
        Best hits with ties, sorted by gene: ``margin`` is null where a species has but one gene with a vector. The
        wanted correlations that exist and those of the best hits, sorted by gene. The median to 1e-4.

    Raises
    ------
    VectorsError
        If vectors differ in their dimensions or hold numbers that are not finite.
    MissingPackageError
        If the device needs torch and there is none.

    Examples
    --------
    >>> one = GeneVectors(np.array([1, 2]), np.array([[1, 2, 4], [3, 1, 1]], np.float32))
    >>> two = GeneVectors(np.array([7, 8]), np.array([[1, 2, 3], [5, 1, 2]], np.float32))
    >>> told = correlate(one, two, wanted=pl.DataFrame({"gene_a": [1], "gene_b": [8]}))
    >>> told.best_hits.select("gene_a", "gene_b", pl.col("correlation", "margin").round(4)).rows()
    [(1, 7, 0.982, 1.5585), (2, 8, 0.9707, 1.5473)]
    """
    if a.vectors.shape[1] != b.vectors.shape[1]:
        raise VectorsError(
            f"vectors of {a.vectors.shape[1]} and of {b.vectors.shape[1]} dimensions cannot be correlated; "
            "embed both species by the same model"
        )
    side_a, side_b = side(a), side(b)
    rows_a, rows_b = _rows(side_a, side_b, wanted)
    # of the second a normalised copy is held, so the smaller one is
    turned = side_b.rows.size > side_a.rows.size
    high, wide = (side_b, side_a) if turned else (side_a, side_b)
    if wide.rows.size:
        told = product(high, wide, device=device, block=block, report=report)
        best, median = mutual_best(high, wide, told), _median(high, wide, told.histogram)
    else:
        nothing, none = np.zeros(0, np.int64), np.zeros(0)
        best, median = Best(nothing, nothing, none, none), None
    if turned:
        best = replace(best, groups_a=best.groups_b, groups_b=best.groups_a)
    best_hits = pairs_of_genes(side_a, side_b, best, (rows_a, rows_b))
    found = (side_a.genes[rows_a], side_b.genes[rows_b], correlations(side_a, side_b, rows_a, rows_b))
    known = pl.DataFrame(dict(zip(CORRELATION_COLUMNS, found, strict=True)), schema=CORRELATION_COLUMNS)
    both = pl.concat([known, best_hits.select(list(CORRELATION_COLUMNS))]).unique(["gene_a", "gene_b"])
    return EmbeddingEvidence(best_hits.select(list(BEST_HIT_COLUMNS)), both.sort("gene_a", "gene_b"), median)


def _rows(a: Side, b: Side, wanted: pl.DataFrame) -> tuple[Ints, Ints]:
    """Return the wanted pairs both of whose genes correlate with something, by row, each once, sorted."""
    pairs = wanted.select("gene_a", "gene_b").drop_nulls().unique().sort("gene_a", "gene_b")
    genes = [pairs[name].cast(pl.Int64).to_numpy() for name in pairs.columns]
    rows = [np.minimum(np.searchsorted(s.genes, g), s.genes.size - 1) for s, g in zip((a, b), genes, strict=True)]
    if not a.genes.size or not b.genes.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    good = np.ones(pairs.height, np.bool_)
    for s, r, g in zip((a, b), rows, genes, strict=True):
        good &= (s.genes[r] == g) & (s.lengths[r] > 0)
    return rows[0][good], rows[1][good]


def _median(a: Side, b: Side, histogram: Floats) -> float:
    """Return the median of the correlations of all pairs of genes: of few exactly, else from the histogram."""
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
