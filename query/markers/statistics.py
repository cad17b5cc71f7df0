"""The moderated t test: few donors tell little of a gene's spread, but thousands of genes tell what spreads are usual.

Variances are drawn towards a trend over the mean, as much as their own spread says (Smyth 2004,
10.2202/1544-6115.1027; with a trend as in limma, 10.1093/nar/gkv007). The trend here is a parabola.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import digamma, polygamma
from scipy.stats import norm
from scipy.stats import t as student

from homodb.query.markers.cells import MarkerCells

#: Of fewer genes no usual spread is learnt: the test is the plain one.
_FEWEST = 30

#: The usual spread weighs as much as so many degrees of freedom at most, so that a gene's own donors always count.
_MOST = 20.0


def moderated_t(
    differences: npt.NDArray[np.float64], level: npt.NDArray[np.float64], *, moderate: bool = True
) -> npt.NDArray[np.float64]:
    """Test whether differences are above zero on average.

    Parameters
    ----------
    differences
        Shape (donors, genes), two donors or more.
    level
        Mean level of each gene (logarithm), which the usual spread may depend on. Shape (genes,).
    moderate
        Whether to draw variances towards the usual ones; else it is the one-sample t test.

    Returns
    -------
    numpy.ndarray
        One-sided p value of each gene; 1 where all differences are zero.
    """
    donors, genes = differences.shape
    freedom = float(donors - 1)
    mean, variance = differences.mean(axis=0), differences.var(axis=0, ddof=1)
    if moderate and genes >= _FEWEST:
        prior, usual = usual_variance(variance, level, freedom)
        prior = min(prior, _MOST)
        variance = (prior * usual + freedom * variance) / (prior + freedom)
        freedom = min(freedom + prior, freedom * genes)
    with np.errstate(invalid="ignore", divide="ignore"):
        told = mean / np.sqrt(variance / donors)
    p: npt.NDArray[np.float64] = student.sf(np.where(np.isnan(told), -np.inf, told), freedom)
    return p


def usual_variance(
    variance: npt.NDArray[np.float64], level: npt.NDArray[np.float64], freedom: float
) -> tuple[float, npt.NDArray[np.float64]]:
    """Learn what variance is usual at each level, and how far single genes stray from it.

    Parameters
    ----------
    variance
        Of each gene, shape (genes,).
    level
        Mean level of each gene, shape (genes,).
    freedom
        Degrees of freedom of each variance.

    Returns
    -------
    prior, usual
        Degrees of freedom that the usual variance weighs as much as (may be infinite), and that variance of each gene.
    """
    least = max(1e-5 * float(np.median(variance)), 1e-12)
    told = np.log(np.maximum(variance, least)) - digamma(freedom / 2) + np.log(freedom / 2)
    centred = (level - level.mean()) / max(float(level.std()), 1e-12)
    design = np.vander(centred, 3) if level.std() > 0 else np.ones((len(level), 1))
    trend = design @ np.linalg.lstsq(design, told, rcond=None)[0]
    left = ((told - trend) ** 2).sum() / (len(told) - design.shape[1]) - polygamma(1, freedom / 2)
    if left <= 0:
        return np.inf, np.exp(trend)
    prior = 2 * _trigamma_inverse(float(left))
    return prior, np.exp(trend + digamma(prior / 2) - np.log(prior / 2))


def _trigamma_inverse(value: float) -> float:
    """Return the x whose trigamma is the value, by Newton's method."""
    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-6:
        return 1 / value
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if -step / x < 1e-8:
            break
    return x


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


#: Added to counts per million before logarithms: about one count in a cell of 100,000.
PSEUDO = 10.0


@dataclass(frozen=True)
class Bulk:
    """Counts per million of groups of cells.

    Parameters
    ----------
    cells
        Shape (donors, types): how many cells there are.
    cpm
        Shape (donors, types, genes): counts per million of the cells' sum; NaN where there are no counts.
    shares
        Shape (types, genes): share of a type's cells that have any count of a gene.
    """

    cells: npt.NDArray[np.int64]
    cpm: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]


def bulk(side: MarkerCells) -> Bulk:
    """Add up the counts of each donor's cells of each type."""
    donors, types = len(side.donors), len(side.types)
    group = side.donor_code * types + side.type_code
    cells = np.bincount(group, minlength=donors * types)
    totals = np.bincount(group, side.totals, minlength=donors * types)
    with np.errstate(invalid="ignore", divide="ignore"):
        cpm = _added(side.counts, group, donors * types) * (1e6 / totals)[:, None]
        seen = sp.csr_matrix(
            ((side.counts.data > 0).astype(np.float32), side.counts.indices, side.counts.indptr), side.counts.shape
        )
        shares = _added(seen, side.type_code, types) / np.bincount(side.type_code, minlength=types)[:, None]
    cpm[totals == 0] = np.nan
    return Bulk(
        cells.reshape(donors, types), cpm.astype(np.float32).reshape(donors, types, -1), shares.astype(np.float32)
    )


def _added(matrix: sp.csr_matrix, group: npt.NDArray[np.int64], groups: int) -> npt.NDArray[np.float64]:
    """Return the sum of each group's rows."""
    rows = np.arange(len(group))
    member = sp.csr_matrix((np.ones(len(group)), (group, rows)), shape=(groups, len(group)))
    return np.asarray((member @ matrix).todense(), np.float64)
