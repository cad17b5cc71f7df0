"""The moderated t test: few donors tell little of a gene's spread, but thousands of genes tell what spreads are usual.

Variances are drawn towards a trend over the mean, as much as their own spread says (Smyth 2004,
10.2202/1544-6115.1027; with a trend as in limma, 10.1093/nar/gkv007). The trend here is a parabola.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma
from scipy.stats import t as student

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
