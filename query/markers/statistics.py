"""Test in which cell types of a species genes are expressed more.

With two donors or more these are tested by a moderated t test: donors are weighted by the precision of their sums of
cells, and variances are drawn towards a trend over the mean, as much as their own spread suggests (Smyth 2004,
10.2202/1544-6115.1027; with a trend as in limma, 10.1093/nar/gkv007; the trend here is a parabola). Precision weights
are those of voom (10.1186/gb-2014-15-2-r29) and dreamlet (10.1101/2023.03.17.533005) in purpose; here the spread of the
cells themselves gives them. With one donor cells are tested, by the rank-sum test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp
from scipy.optimize import brentq
from scipy.special import digamma, gammaln, ndtr, polygamma
from scipy.stats import chi2, norm
from scipy.stats import t as student

from homodb.query.markers.cells import MarkerCells
from homodb.schema.errors import ScoreError

#: Of fewer genes no usual variance is estimated: the t test is the plain one.
_FEWEST = 30

#: The usual variance weighs as much as this many degrees of freedom at most, so that a gene's own donors always count.
_MOST = 20.0

#: Non-zero values that are sorted at once.
_AT_ONCE = 5_000_000
#: Cells whose values are taken at once where they are summed.
_ROWS = 8192

#: Of fewer cells, of the type or of the others, ranks are not taken as normal.
_FEW = 500

#: Terms of a p value that are left out, unless it is as small itself.
_RARE = 1e-15

#: Without two donors a type is tested from this many cells on, against as many others.
FEWEST_CELLS = 10

#: Added to counts per million before logarithms: about one count in a cell of 100,000.
PSEUDO = 10.0

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Limits:
    """Limits of a marker.

    Raises
    ------
    ScoreError
        If a limit is out of its range.
    """

    fdr: float = 0.05  # highest false discovery rate (Benjamini-Hochberg over the tested genes of a type in a species)
    log2fc: float = 1.0  # least log2 fold change over the other types
    share: float = 0.1  # least share of the type's cells that have any count of the gene
    cells: int = 3  # fewest cells of a type, in a donor and in all

    def __post_init__(self) -> None:
        if not 0 < self.fdr <= 1 or not 0 <= self.share <= 1 or self.cells < 1 or not np.isfinite(self.log2fc):
            raise ScoreError(
                f"markers by a rate of {self.fdr}, log2 fold change of {self.log2fc}, share of {self.share}, "
                f"{self.cells} cells; rate and share lie between 0 and 1, and a type needs a cell"
            )


@dataclass(frozen=True)
class Effects:
    """Every gene in every type of one species."""

    # a row per type and gene: ``species, type, gene, column`` (of the side), ``cpm, cpm_rest, log2fc, share,
    # share_rest, auroc, p, q`` (null if not tested), ``marker``
    table: pl.DataFrame
    # a row per type: ``species, type, cells, donors`` (that are tested), ``test`` (``donors``, ``cells``, or ``none``
    # for too few cells)
    types: pl.DataFrame


def effects(side: MarkerCells, background: Sequence[str], limits: Limits) -> Effects:
    """Compare each type with the mean of the other types of the background, which have equal weights.

    Raises
    ------
    ScoreError
        If no type has enough cells.

    Notes
    -----
    ``log2fc`` is the mean over donors of the difference of logarithms (counts per million plus 10) between the type and
    the mean of the others in the same donor; donors count that have enough cells of both, and weigh by
    :func:`precision_weights`. Two such donors or more are tested by a moderated t test of these differences. With
    fewer, all cells are taken as one donor and tested by the
    rank-sum test (not below 10 cells), which takes cells of one donor as independent and is over-confident. Tested are
    the genes that enough cells of the type, or of the others on average, have.
    """
    by_donor = bulk(side)
    whole = bulk(replace(side, donors=("",), donor_code=np.zeros_like(side.donor_code)))
    areas = _areas(side, background)
    frames, types = [], []
    for place, name in enumerate(side.types):
        others = np.array([k for k, one in enumerate(side.types) if one in background and one != name], np.int64)
        differences, level, noise = _differences(by_donor, place, others, limits.cells)
        donors = len(differences)
        if donors < 2:
            differences, level, noise = _differences(whole, place, others, limits.cells)
        enough = min(whole.cells[0, place], whole.cells[0, others].sum()) >= FEWEST_CELLS
        test = "donors" if donors > 1 else "cells" if len(differences) and enough else "none"
        types.append((side.species, name, int(whole.cells[0, place]), donors if test == "donors" else 0, test))
        if test == "none":
            continue
        share, share_rest = whole.shares[place], whole.shares[others].mean(axis=0)
        auroc, by_cells = areas[place]
        tested = np.maximum(share, share_rest) >= limits.share
        weights = precision_weights(differences, noise, tested)
        log2fc = np.average(differences, axis=0, weights=weights)
        p, q = np.full((2, len(tested)), np.nan)
        p[tested] = (
            by_cells[tested]
            if test == "cells"
            else moderated_t(differences[:, tested], level[tested], weights[:, tested])
        )
        q[tested] = adjusted(p[tested])
        frames.append(pl.DataFrame({
            "species": side.species, "type": name, "gene": side.genes, "column": np.arange(len(tested)),
            "cpm": whole.cpm[0, place], "cpm_rest": whole.cpm[0, others].mean(axis=0), "log2fc": log2fc,
            "share": share, "share_rest": share_rest, "auroc": auroc, "p": p, "q": q,
            "marker": (q <= limits.fdr) & (log2fc >= limits.log2fc) & (share >= limits.share),
        }))  # fmt: skip
    if not frames:
        sizes = ", ".join(f"{name} ({cells})" for name, cells in side.cells().items())
        raise ScoreError(
            f"{side.species} has no two cell types of {limits.cells} cells or more to compare ({FEWEST_CELLS} without a"
            f" second donor); it has {sizes}"
        )
    schema = ["species", "type", "cells", "donors", "test"]
    table = pl.concat(frames).with_columns(pl.col("p", "q").fill_nan(None))
    return Effects(table, pl.DataFrame(types, schema=schema, orient="row"))


def adjusted(p: _Floats) -> _Floats:
    """Return false discovery rates by Benjamini and Hochberg.

    Examples
    --------
    >>> adjusted(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    order = np.argsort(p)
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    rates = np.empty(len(p))
    rates[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1)
    return rates


def _areas(side: MarkerCells, background: Sequence[str]) -> dict[int, tuple[Any, Any]]:
    """Return area and rank-sum p of each type against the cells of the background."""
    counts = side.counts  # divided, not scaled, so that equal shares are equal numbers and tie
    totals = np.repeat(np.maximum(side.totals, 1), np.diff(counts.indptr))
    scaled = sp.csr_matrix((counts.data / totals, counts.indices, counts.indptr), counts.shape)
    inside = np.array([one in background for one in side.types])
    areas: dict[int, tuple[Any, Any]] = {}
    for group in [np.flatnonzero(inside), *(np.array([one]) for one in np.flatnonzero(~inside))]:
        keep = inside.copy()
        keep[group] = True
        rows = np.flatnonzero(keep[side.type_code])
        auroc, p = rank_tests(sp.csc_matrix(scaled[rows]), side.type_code[rows], len(side.types))
        areas |= {int(one): (auroc[one], p[one]) for one in group}
    return areas


@dataclass(frozen=True)
class Bulk:
    """Counts per million of groups of cells."""

    cells: _Ints  # number of cells, shape (donors, types)
    cpm: npt.NDArray[np.float32]  # NaN without counts, shape (donors, types, genes)
    # variance of a cell's counts per million around those of its donor's cells, shape (types, genes)
    noise: npt.NDArray[np.float32]
    shares: npt.NDArray[np.float32]  # share of a type's cells that have any count of a gene, shape (types, genes)


def bulk(side: MarkerCells) -> Bulk:
    """Sum the counts of each donor's cells of each type."""
    donors, types = len(side.donors), len(side.types)
    group = side.donor_code * types + side.type_code
    cells = np.bincount(group, minlength=donors * types)
    totals = np.bincount(group, side.totals, minlength=donors * types)
    with np.errstate(invalid="ignore", divide="ignore"):
        cpm = _sums(side.counts, group, donors * types) * (1e6 / totals)[:, None]
        positive = (side.counts.data > 0).astype(np.float32)
        measured = sp.csr_matrix((positive, side.counts.indices, side.counts.indptr), side.counts.shape)
        shares = _sums(measured, side.type_code, types) / np.bincount(side.type_code, minlength=types)[:, None]
    cpm[totals == 0] = 0
    noise = _noise(side, group, cells, np.asarray(totals, np.float64), cpm)
    cpm[totals == 0] = np.nan
    return Bulk(
        cells.reshape(donors, types), cpm.astype(np.float32).reshape(donors, types, -1), noise.astype(np.float32),
        shares.astype(np.float32),
    )  # fmt: skip


def _noise(side: MarkerCells, group: _Ints, cells: _Ints, totals: _Floats, cpm: _Floats) -> _Floats:
    """Return the variance of a cell around its group, pooled over the groups of a type, shape (types, genes).

    The cells of a group are weighted by their depth, the share of a cell in the mean total of its group: what is left
    of a cell is its count less what its depth lets expect. Zero for types without a group of two cells.
    """
    counts, types, genes = side.counts, len(side.types), side.counts.shape[1]
    mean_total = np.maximum(totals / np.maximum(cells, 1), 1e-12)[group]
    depth = side.totals / mean_total
    flat = np.zeros(types * genes)
    # sum of (scaled - depth x cpm)^2, of which zeros have the last term only
    for start in range(0, len(group), _ROWS):
        stop = min(start + _ROWS, len(group))
        low, high = counts.indptr[start], counts.indptr[stop]
        row = np.repeat(np.arange(start, stop), np.diff(counts.indptr[start : stop + 1]))
        column = counts.indices[low:high]
        scaled = counts.data[low:high] * (1e6 / mean_total)[row]
        terms = scaled * (scaled - 2 * depth[row] * cpm[group[row], column])
        flat += np.bincount(side.type_code[row] * genes + column, terms, len(flat))
    squares = flat.reshape(types, genes)
    depths = np.bincount(group, depth**2, len(cells))
    for one in range(len(cells)):
        squares[one % types] += depths[one] * cpm[one] ** 2
    freedom = np.maximum(cells - 1, 0).reshape(-1, types).sum(axis=0)
    variance: _Floats = np.maximum(squares, 0) / np.maximum(freedom, 1)[:, None] * (freedom > 0)[:, None]
    return variance


def _sums(matrix: sp.csr_matrix, group: _Ints, groups: int) -> _Floats:
    """Return the sum of each group's rows."""
    rows = np.arange(len(group))
    member = sp.csr_matrix((np.ones(len(group)), (group, rows)), shape=(groups, len(group)))
    return np.asarray((member @ matrix).todense(), np.float64)


def _differences(bulk: Bulk, place: int, others: _Ints, fewest: int) -> tuple[_Floats, _Floats, _Floats]:
    """Return log2 differences between a type and the mean of the others, their mean level, and their noise.

    Differences and noise have the shape (donors, genes). The noise is the variance that a difference has since its sums
    are of so few cells, by the delta method: the same for each donor but for its numbers of cells.
    """
    able = (bulk.cells >= fewest) & np.isfinite(bulk.cpm[:, :, :1]).all(axis=2)
    donors = np.flatnonzero(able[:, place] & able[:, others].any(axis=1))
    shape = (len(donors), bulk.cpm.shape[2])
    own, rest, own_noise, rest_noise = np.zeros((4, *shape))
    for row, donor in enumerate(donors.tolist()):
        others_here = others[able[donor, others]]
        own[row], rest[row] = bulk.cpm[donor, place], bulk.cpm[donor, others_here].mean(axis=0, dtype=np.float64)
        own_noise[row] = bulk.noise[place] / bulk.cells[donor, place]
        each = bulk.noise[others_here] / bulk.cells[donor, others_here, None]
        rest_noise[row] = each.sum(axis=0, dtype=np.float64) / len(others_here) ** 2
    above, below = np.log2(own + PSEUDO), np.log2(rest + PSEUDO)
    level = (above + below).sum(axis=0) / (2 * max(len(donors), 1))
    if not len(donors):
        return above - below, level, own_noise
    slopes = [1 / (np.log(2) * (one.mean(axis=0) + PSEUDO)) for one in (own, rest)]
    return above - below, level, own_noise * slopes[0] ** 2 + rest_noise * slopes[1] ** 2


def precision_weights(differences: _Floats, noise: _Floats, genes: npt.NDArray[np.bool_] | None = None) -> _Floats:
    """Return the weight of each donor for each gene: 1 / (variance between donors + noise), shape (donors, genes).

    Parameters
    ----------
    differences, noise
        Differences, and the variance that each has since it is of few cells, shape (donors, genes).
    genes
        Mask of the genes from which the variance between donors is estimated; None for all.

    Notes
    -----
    One variance between donors serves all genes: the one by which the weighted sum of squares of the median gene is
    what chance gives. (Paule and Mandel 1982, 10.6028/jres.087.022, for one series of values; a gene's own few donors
    would give weights by chance.) It is at least a thousandth of the mean noise.
    """
    donors = len(differences)
    used = np.ones(differences.shape[1], bool) if genes is None else genes
    own, spread = differences[:, used], noise[:, used]
    least = max(1e-3 * float(spread.mean()) if spread.size else 0.0, 1e-9)
    between = least
    if donors > 1 and own.size:
        expected = float(chi2.median(donors - 1))

        def excess(logarithm: float) -> float:
            weights = 1 / (np.exp(logarithm) + spread)
            left = own - (weights * own).sum(axis=0) / weights.sum(axis=0)
            return float(np.median((weights * left**2).sum(axis=0))) - expected

        low, high = np.log(least), np.log(max(float(own.var(axis=0).max()), least) * 1e3)
        if excess(low) > 0 > excess(high):
            between = float(np.exp(brentq(excess, low, high, xtol=1e-6)))
    return np.asarray(1 / (between + noise))


def moderated_t(
    differences: _Floats, level: _Floats, weights: _Floats | None = None, *, moderate: bool = True
) -> _Floats:
    """Test whether differences are above zero on average.

    Parameters
    ----------
    differences
        Differences of two donors or more, shape (donors, genes).
    level
        Mean level (logarithm) of each gene, on which the usual variance may depend, shape (genes,).
    weights
        Precision of each difference, up to a factor of each gene, shape (donors, genes); None for equal ones.
    moderate
        Whether to draw variances towards the usual ones; else it is the (weighted) one-sample t test.
    """
    donors, genes = differences.shape
    freedom = float(donors - 1)
    weights = np.ones_like(differences) if weights is None else weights
    total = weights.sum(axis=0)
    mean = (weights * differences).sum(axis=0) / total
    variance = (weights * (differences - mean) ** 2).sum(axis=0) / freedom
    if moderate and genes >= _FEWEST:
        prior, usual = usual_variance(variance, level, freedom)
        prior = min(prior, _MOST)
        variance = (prior * usual + freedom * variance) / (prior + freedom)
        freedom = min(freedom + prior, freedom * genes)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = mean / np.sqrt(variance / total)
    p: _Floats = student.sf(np.where(np.isnan(t), -np.inf, t), freedom)
    return p


def usual_variance(variance: _Floats, level: _Floats, freedom: float) -> tuple[float, _Floats]:
    """Estimate the usual variance at each level, and how far single genes stray from it.

    Returns
    -------
    prior, usual
        Degrees of freedom of the usual variance (may be infinite), and that variance of each gene.
    """
    least = max(1e-5 * float(np.median(variance)), 1e-12)
    logs = np.log(np.maximum(variance, least)) - digamma(freedom / 2) + np.log(freedom / 2)
    centred = (level - level.mean()) / max(float(level.std()), 1e-12)
    design = np.vander(centred, 3) if level.std() > 0 else np.ones((len(level), 1))
    trend = design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    left = ((logs - trend) ** 2).sum() / (len(logs) - design.shape[1]) - polygamma(1, freedom / 2)
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


def rank_tests(values: sp.csc_matrix, code: _Ints, types: int) -> tuple[_Floats, _Floats]:
    """Compare each type's cells with all other cells, gene by gene.

    Parameters
    ----------
    values
        Cells x genes, none negative.
    code, types
        Type of each cell, shape (cells,), and number of types.

    Returns
    -------
    auroc, p
        Each of shape (types, genes), NaN if a type has no cells or all. ``auroc``: share of pairs of a cell of the type
        and another in which the first is higher, ties by half. ``p``: of the one-sided rank-sum test that it is
        higher: by :func:`_few_cells_p` if the type or the others have fewer than 500 cells, else by the normal
        approximation with the corrections for ties and continuity.
    """
    cells, genes = values.shape
    size = np.bincount(code, minlength=types).astype(np.float64)
    few = np.flatnonzero((np.minimum(size, cells - size) < _FEW) & (size > 0) & (size < cells))
    auroc, p = np.full((types, genes), np.nan), np.full((types, genes), np.nan)
    for first, last in _blocks(values.indptr.astype(np.int64)):
        ranks = _ranks(values, code, types, first, last)
        ties = ranks.ties + (ranks.zeros.astype(np.float64) ** 3 - ranks.zeros)
        pairs = (size * (cells - size))[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            above = ranks.sums(size) - (size * (size + 1) / 2)[:, None]
            auroc[:, first:last] = np.where(pairs > 0, above / pairs, np.nan)
            spread = np.sqrt(pairs / 12 * ((cells + 1) - ties[None] / (cells * (cells - 1))))
            z = (above - pairs / 2 - 0.5) / spread
        p[:, first:last] = np.where(pairs > 0, np.where(spread > 0, norm.sf(z), 1.0), np.nan)
        for one in few.tolist():
            higher = np.flatnonzero(auroc[one, first:last] > 0.5)
            few_p = _few_cells_p(ranks, int(size[one]), ranks.present[one], ranks.within[one], higher)
            p[one, first + higher] = few_p
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


@dataclass(frozen=True)
class _Ranks:
    """Ranks of cells in some genes: zeros tie, the others are ranked among themselves."""

    zeros: _Ints  # number of zeros, shape (genes,)
    ties: _Floats  # sum of t^3 - t over ties of the others, shape (genes,)
    start: _Ints  # first of `rank` of each gene, and their number, shape (genes + 1,)
    rank: _Floats  # ranks of the others, ascending within each gene
    present: _Ints  # number of each type's cells with the gene, shape (types, genes)
    within: _Floats  # sum of their ranks, shape (types, genes)

    def sums(self, size: _Floats) -> _Floats:
        """Return the sum of ranks of each type's cells among all cells, given the sizes of types."""
        absent = size[:, None] - self.present
        return self.within + self.present * self.zeros + absent * ((self.zeros + 1) / 2)[None]


def _ranks(values: sp.csc_matrix, code: _Ints, types: int, first: int, last: int) -> _Ranks:
    """Rank the cells in some genes."""
    begin, end = int(values.indptr[first]), int(values.indptr[last])
    value = np.asarray(values.data[begin:end], np.float64)
    gene = np.repeat(np.arange(last - first), np.diff(values.indptr[first : last + 1]))
    filled = value != 0
    value, gene, cell = value[filled], gene[filled], values.indices[begin:end][filled]
    genes = last - first
    count: _Ints = np.bincount(gene, minlength=genes).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(count)])
    # genes stand together already: each is sorted by itself
    order = np.concatenate([low + np.argsort(value[low:high]) for low, high in pairwise(start.tolist())])
    value, kind = value[order], code[cell[order]]
    new = np.ones(len(value), bool)
    new[1:] = (value[1:] != value[:-1]) | (gene[1:] != gene[:-1])
    group = np.cumsum(new) - 1
    head = np.flatnonzero(new)
    length = np.diff(np.concatenate([head, [len(value)]])).astype(np.float64)
    rank = (head[group] - start[gene]) + (length[group] + 1) / 2
    place = kind * genes + gene
    shape = (types, genes)
    ties = np.bincount(gene[head], length**3 - length, minlength=genes).astype(np.float64)
    return _Ranks(
        values.shape[0] - count, ties, start, rank,
        np.bincount(place, minlength=types * genes).reshape(shape),
        np.bincount(place, rank, minlength=types * genes).reshape(shape).astype(np.float64),
    )  # fmt: skip


def _few_cells_p(ranks: _Ranks, size: int, present: _Ints, within: _Floats, genes: _Ints) -> _Floats:
    """Return one-sided p values of the rank-sum test in some genes, for a type if it or the others have few cells.

    Where most values are zero, the rank sum of few cells is far from normal, since it depends most of all on how many
    of them have the gene. That number is hypergeometric. Given it, the sum of their ranks is taken as normal; of one
    cell, or of all but one, it is exact.
    """
    count, zeros = np.diff(ranks.start), ranks.zeros
    cells = int(count[0] + zeros[0])
    log_factorial = gammaln(np.arange(cells + 1) + 1.0)
    key = np.repeat(np.arange(len(count)), count) * (cells + 1.0) + ranks.rank

    def log_choose(n: Any, k: Any) -> Any:
        return log_factorial[n] - log_factorial[k] - log_factorial[n - k]

    def share_from(at: _Ints, rank: _Floats) -> _Floats:
        """Return the share of a gene's ranks that are not below a rank."""
        below = np.searchsorted(key, at * (cells + 1.0) + np.clip(rank, 0.0, cells) - 0.25)
        return np.asarray((ranks.start[at + 1] - below) / count[at])

    step, mean = (zeros - 1) / 2, (count + 1) / 2
    variance = (count.astype(np.float64) ** 3 - count - ranks.ties) / 12 / np.maximum(count, 1)
    observed = present * step + within
    p = np.zeros(len(count))
    for number in range(min(size, cells - size) + 1):
        k = np.full(len(genes), number) if 2 * size <= cells else count[genes] - number
        possible = (k >= 0) & (k <= count[genes]) & (k <= size) & (size - k <= zeros[genes])
        at, k = genes[possible], k[possible]
        chance = np.exp(log_choose(count[at], k) + log_choose(zeros[at], size - k) - log_choose(cells, size))
        likely = (chance > _RARE) | ((k >= present[at]) & (p[at] < _RARE**0.5))
        at, k, chance = at[likely], k[likely], chance[likely]
        least = observed[at] - k * step[at]  # of the sum of k ranks
        spread = np.sqrt(variance[at] * k * (count[at] - k) / np.maximum(count[at] - 1, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            tail = np.where(spread > 0, ndtr((k * mean[at] - least + 0.5) / spread), k * mean[at] >= least)
        for exact, upper in ((k == count[at] - 1, False), (k == 1, True)):
            total = (count * mean)[at[exact]]
            one = least[exact] if upper else total - least[exact] + 0.5
            tail[exact] = share_from(at[exact], one) if upper else 1 - share_from(at[exact], one)
        p[at] += chance * tail
    return np.minimum(p[genes], 1.0)
