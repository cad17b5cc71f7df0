"""How well each gene tells the cells of one type from others: the area under the curve, and the rank-sum test."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.stats import norm

#: Values other than zero that are sorted at once.
_AT_ONCE = 5_000_000


def rank_tests(
    values: sp.csc_matrix, code: npt.NDArray[np.int64], types: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Compare each type's cells with all other cells, gene by gene.

    Parameters
    ----------
    values
        Cells x genes, none negative.
    code
        Which type each cell is, shape (cells,).
    types
        How many types there are.

    Returns
    -------
    auroc, p
        Each of shape (types, genes). ``auroc``: share of pairs of one cell of the type and one other in which the
        type's is higher, ties by half. ``p``: of the one-sided rank-sum test that it is higher, by the normal
        approximation with the correction for ties and for continuity. NaN where a type has no cells or all.
    """
    cells, genes = values.shape
    size = np.bincount(code, minlength=types).astype(np.float64)
    auroc, p = np.full((types, genes), np.nan), np.full((types, genes), np.nan)
    for first, last in _blocks(values.indptr.astype(np.int64)):
        sums, ties = _rank_sums(values, code, types, first, last)
        others = cells - size
        pairs = (size * others)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            above = sums - (size * (size + 1) / 2)[:, None]
            auroc[:, first:last] = np.where(pairs > 0, above / pairs, np.nan)
            spread = np.sqrt(pairs / 12 * ((cells + 1) - ties[None] / (cells * (cells - 1))))
            z = (above - pairs / 2 - 0.5) / spread
        p[:, first:last] = np.where(pairs > 0, np.where(spread > 0, norm.sf(z), 1.0), np.nan)
    return auroc, p


def _blocks(indptr: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return runs of columns with so many values that they can be sorted at once."""
    genes = len(indptr) - 1
    cuts, first = [], 0
    while first < genes:
        last = int(np.searchsorted(indptr, indptr[first] + _AT_ONCE, side="right")) - 1
        last = min(genes, max(last, first + 1))
        cuts.append((first, last))
        first = last
    return cuts


def _rank_sums(
    values: sp.csc_matrix, code: npt.NDArray[np.int64], types: int, first: int, last: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the sum of ranks of each type's cells, and the sum of t^3 - t over ties, of some genes."""
    start, stop = int(values.indptr[first]), int(values.indptr[last])
    told = np.asarray(values.data[start:stop], np.float64)
    gene = np.repeat(np.arange(last - first), np.diff(values.indptr[first : last + 1]))
    there = told != 0
    told, gene, cell = told[there], gene[there], values.indices[start:stop][there]
    cells, genes = values.shape[0], last - first
    filled = np.bincount(gene, minlength=genes)
    zeros = cells - filled
    order = np.lexsort((told, gene))
    told, gene, kind = told[order], gene[order], code[cell[order]]
    new = np.concatenate([[True], (told[1:] != told[:-1]) | (gene[1:] != gene[:-1])]) if len(told) else there
    group = np.cumsum(new) - 1
    begin = np.flatnonzero(new)
    length = np.diff(np.concatenate([begin, [len(told)]])).astype(np.float64)
    offset = np.concatenate([[0], np.cumsum(filled)])[:-1]
    rank = zeros[gene] + (begin[group] - offset[gene]) + (length[group] + 1) / 2
    told_ranks = np.bincount(kind * genes + gene, rank, minlength=types * genes).reshape(types, genes)
    count = np.bincount(kind * genes + gene, minlength=types * genes).reshape(types, genes)
    absent = np.bincount(code, minlength=types)[:, None] - count
    sums: npt.NDArray[np.float64] = told_ranks + absent * ((zeros + 1) / 2)[None]
    ties = np.bincount(gene[begin], length**3 - length, minlength=genes) + (zeros.astype(np.float64) ** 3 - zeros)
    return sums, ties
