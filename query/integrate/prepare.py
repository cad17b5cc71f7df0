"""The preparation that all methods share: variable features, normalising, scaling, principal components."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.counts import Joint
from homodb.query.integrate.linear import Components, log_normalized, principal_components, scaled
from homodb.query.integrate.settings import IntegrateSettings
from homodb.schema.errors import IntegrationError, MissingPackageError

if TYPE_CHECKING:
    from homodb.query.release import ReleaseFile

_ROWS = 4096
#: Features that a neighbourhood of a local parabola needs.
_POINTS = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Vst:
    """How each feature varies over cells.

    Parameters
    ----------
    mean, variance
        Of the counts, shape (features,); the variance with n - 1.
    standardized
        Variance of the counts after each was centred, divided by the deviation that loess expects at its mean, and
        clipped at the square root of the number of cells.
    """

    mean: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    standardized: npt.NDArray[np.float64]

    def order(self) -> npt.NDArray[np.int64]:
        """Return the features that any cell has, the most variable first; ties, to ten decimals, in their own order."""
        order = np.argsort(-self.standardized.round(10), kind="stable")
        return order[self.mean[order] > 0]


def vst(counts: sp.csr_matrix, *, span: float = 0.3, clip: float | None = None) -> Vst:
    """Compute Seurat's variance-stabilised statistics of features.

    Parameters
    ----------
    counts
        Counts of one species, cells x features.
    span
        Share of features that loess looks at around each (``loess.span``).
    clip
        Largest standardised value (``clip.max``); by default the square root of the number of cells.

    Raises
    ------
    MissingPackageError
        If scikit-misc, which holds R's loess, is not installed.
    IntegrationError
        If there are too few features that vary for loess.
    """
    cells, features = counts.shape
    mean = np.asarray(counts.sum(axis=0), np.float64).ravel() / cells
    zeros = cells - np.bincount(counts.indices, minlength=features)
    squares = zeros * mean**2
    for columns, values in _blocks(counts):
        squares += np.bincount(columns, (values - mean[columns]) ** 2, minlength=features)
    variance = squares / (cells - 1)
    deviation = _expected(mean, variance, span)
    top = np.sqrt(cells) if clip is None else clip
    safe = np.where(deviation > 0, deviation, 1.0)
    total = zeros * (mean / safe) ** 2
    for columns, values in _blocks(counts):
        scaled = np.minimum((values - mean[columns]) / safe[columns], top)
        total += np.bincount(columns, scaled**2, minlength=features)
    return Vst(mean, variance, np.where(deviation > 0, total / (cells - 1), 0.0))


def consensus(ranked: Sequence[npt.NDArray[np.int64]], names: Sequence[str], n: int) -> npt.NDArray[np.int64]:
    """Choose features that are variable in most species, as Seurat's ``SelectIntegrationFeatures`` does.

    Parameters
    ----------
    ranked
        The variable features of each species, the most variable first.
    names
        Of all features; ties fall in the order of names.
    n
        How many to choose (``nfeatures``).

    Returns
    -------
    numpy.ndarray
        Features by the number of species in which they are variable, then by the median of their ranks there.

    Examples
    --------
    >>> consensus([np.array([2, 0]), np.array([1, 2])], ["a", "b", "c"], 2)
    array([2, 1])
    """
    total = len(names)
    ranks = np.full((len(ranked), total), np.nan)
    for row, features in zip(ranks, ranked, strict=True):
        row[features] = np.arange(1, len(features) + 1)
    times = np.count_nonzero(~np.isnan(ranks), axis=0)
    chosen = np.flatnonzero(times)
    median = np.nanmedian(ranks[:, chosen], axis=0)
    alphabetic = np.array([names[feature] for feature in chosen.tolist()])
    order = np.lexsort((alphabetic, median, -times[chosen]))
    return chosen[order[:n]]


def _expected(mean: npt.NDArray[np.float64], variance: npt.NDArray[np.float64], span: float) -> npt.NDArray[np.float64]:
    """Return the deviation that loess expects at each feature's mean; 0 for those that do not vary."""
    try:
        from skmisc.loess import loess
    except ImportError as error:
        raise MissingPackageError.of("the choice of variable features", "scikit-misc", "cells") from error
    varies = variance > 0
    expected = np.zeros(len(mean))
    points = int(np.count_nonzero(varies))
    # the library crashes where no point lies in a neighbourhood; R refuses the same
    if points * span < _POINTS:
        raise IntegrationError(
            f"loess cannot be fitted to the {points} features that vary (neighbourhoods of {points * span:.1f},"
            f" wanted {_POINTS}); give more features or a larger span"
        )
    model = loess(np.log10(mean[varies]), np.log10(variance[varies]), span=span, degree=2)
    try:
        model.fit()
        fitted = np.asarray(model.outputs.fitted_values)
    except ValueError as error:
        # where R warns of neighbourhoods with too few different means and goes on, scikit-misc raises with the fit made
        fitted = np.asarray(model.outputs.fitted_values)
        if "singular" not in str(error) or not np.isfinite(fitted).all():
            raise IntegrationError(
                f"loess cannot be fitted to the {points} features that vary ({error}); give more features or a larger"
                " span"
            ) from error
        _log.warning("loess of %d features is nearly singular in places (%s)", points, error)
    expected[varies] = np.sqrt(10.0**fitted)
    return expected


def _blocks(counts: sp.csr_matrix) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]]:
    """Yield the columns and values of runs of rows."""
    for start in range(0, counts.shape[0], _ROWS):
        low, high = counts.indptr[start], counts.indptr[min(start + _ROWS, counts.shape[0])]
        yield counts.indices[low:high], counts.data[low:high].astype(np.float64)


@dataclass(frozen=True)
class IntegrationInput:
    """What a method works on; rows are the cells of the joint object, in its order.

    Parameters
    ----------
    joint
        Counts and species.
    chosen
        The variable features, in order of consensus.
    logs
        Their normalised logarithms, cells x chosen features.
    components
        Principal components of these, scaled over all cells.
    release
        A release, open or where it lies, for methods that need vectors of genes.
    """

    joint: Joint
    chosen: npt.NDArray[np.int64]
    logs: sp.csr_matrix
    components: Components
    release: ReleaseFile | str | Path | None = None


def prepare(joint: Joint, settings: IntegrateSettings) -> IntegrationInput:
    """Choose features and compute principal components with Seurat's steps.

    Raises
    ------
    IntegrationError
        If there are fewer cells or features than components are wanted.
    """
    ranked = []
    for number in range(len(joint.species)):
        of_species = sp.csr_matrix(joint.counts[joint.rows(number)])
        ranked.append(vst(of_species, span=settings.span).order()[: settings.n_features])
    chosen = consensus(ranked, joint.features, settings.n_features)
    if min(len(chosen), len(joint.code)) <= settings.n_components:
        raise IntegrationError(
            f"{settings.n_components} components are wanted (n_components) of {len(joint.code)} cells and {len(chosen)}"
            " variable features; give more, or lower n_components and dims"
        )
    logs = log_normalized(sp.csr_matrix(joint.counts[:, chosen]), joint.totals, scale_factor=settings.scale_factor)
    matrix = scaled(logs, scale_max=settings.scale_max)
    return IntegrationInput(
        joint, chosen, logs, principal_components(matrix, settings.n_components, seed=settings.random_state)
    )
