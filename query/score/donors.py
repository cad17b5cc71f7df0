"""Intervals of scores: donors are drawn anew within their species, and cells weighed by how often theirs was drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.cells import Coded
from homodb.query.score.embedded import Embedded
from homodb.query.score.result import Number
from homodb.schema.errors import ScoreError
from homodb.schema.options import Bounds

#: What intervals resample: donors of every species; or, where a species has one donor, cells there.
DONORS, CELLS_ONLY = "donors", "cells only"

#: How many draws there may be.
_DRAWS = Bounds(0, 1_000_000)

#: Ends of an interval.
_LOW, _HIGH = 0.025, 0.975

#: An interval needs a value in so large a share of the draws.
_LEAST = 0.5


@dataclass(frozen=True)
class Draws:
    """Weights of cells, drawn so many times; the same at every pass.

    Parameters
    ----------
    species, donor
        Of each cell. None for donors that are unknown.
    resamples
        How many draws.
    seed
        Of the draws.
    """

    species: Coded
    donor: Coded | None
    resamples: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse a number of draws that is none.

        Raises
        ------
        ScoreError
            If it is below 0, or beyond what anybody waits for.
        """
        _DRAWS.check("resamples", self.resamples, ScoreError)

    @property
    def donors(self) -> tuple[int, ...]:
        """How many donors each species has; 0 where none are known."""
        if self.donor is None:
            return (0,) * len(self.species.names)
        return tuple(
            len(np.unique(self.donor.code[self.species.code == one])) for one in range(len(self.species.names))
        )

    @property
    def kind(self) -> str:
        """What intervals tell: ``donors``, or ``cells only`` where a species has no second donor."""
        return DONORS if min(self.donors) > 1 else CELLS_ONLY

    def __iter__(self) -> Iterator[npt.NDArray[np.float64]]:
        """Give the weights of all cells, draw by draw."""
        units = self._units()
        for number in range(self.resamples):
            rng = np.random.default_rng([self.seed, number])
            weights = np.zeros(len(self.species.code))
            for cells, unit, count in units:
                weights[cells] = rng.multinomial(count, np.full(count, 1 / count))[unit]
            yield weights

    def _units(self) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]]:
        """Return of each species its cells, what is drawn of each (donor or cell), and how many of these there are."""
        units = []
        for species, donors in enumerate(self.donors):
            cells = np.flatnonzero(self.species.code == species)
            if self.donor is not None and donors > 1:
                unit = np.unique(self.donor.code[cells], return_inverse=True)[1].astype(np.int64)
                units.append((cells, unit, donors))
            else:
                units.append((cells, np.arange(len(cells)), len(cells)))
        return units


@dataclass(frozen=True)
class Resampled:
    """Values with their intervals, all of one shape; NaN where there is none.

    Parameters
    ----------
    value
        With every cell weighing 1.
    low, high
        Interval of 95 %.
    """

    value: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    def number(self, *at: int, better: int = 1, baseline: Resampled | None = None) -> Number:
        """Return one of the values as a number with its interval, and the same of a baseline beside it."""
        value, low, high = float(self.value[at]), float(self.low[at]), float(self.high[at])
        beside = None if baseline is None else float(baseline.value[at])
        if np.isnan(low) or np.isnan(high):
            return Number(value, better=better, baseline=beside)
        return Number(value, low, high, better, beside)


def draws(embedded: Embedded, *, resamples: int = 200, seed: int = 42) -> Draws:
    """Return the draws for intervals over some cells.

    A species with two donors or more has as many donors drawn with replacement as it has; one with a single donor, or
    with none known, has as many cells drawn as it has.

    Parameters
    ----------
    embedded
        The cells.
    resamples
        How many draws.
    seed
        The same seed and donors give the same draws, whatever the embedding, so that embeddings are compared on the
        same ones.
    """
    return Draws(embedded.species, embedded.donor, resamples, seed)


def resampled(function: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]], drawn: Draws) -> Resampled:
    """Compute values and their intervals.

    Parameters
    ----------
    function
        From the weights of all cells to values, of the same shape every time; NaN where a value cannot be told.
    drawn
        The draws.

    Returns
    -------
    Resampled
        Intervals are the 2.5th and 97.5th percentiles over draws that have a value, widened to hold the value itself;
        there are none where fewer than half of the draws have a value.
    """
    value = np.asarray(function(np.ones(len(drawn.species.code))), np.float64)
    if not drawn.resamples:
        nothing = np.full(value.shape, np.nan)
        return Resampled(value, nothing, nothing)
    found = np.stack([np.asarray(function(weights), np.float64) for weights in drawn])
    there = np.isfinite(found)
    enough = (there.mean(axis=0) >= _LEAST) & np.isfinite(value)
    low, high = np.nanquantile(np.where(enough, found, 0.0), [_LOW, _HIGH], axis=0)
    low, high = (np.where(enough, one, np.nan) for one in (np.minimum(low, value), np.maximum(high, value)))
    return Resampled(value, low, high)


def overlaps(one: Number, other: Number) -> bool:
    """Return whether two intervals share a value; a number without an interval is its value alone.

    Examples
    --------
    >>> overlaps(Number(0.5, 0.4, 0.6), Number(0.7, 0.6, 0.8)), overlaps(Number(0.5), Number(0.7, 0.6, 0.8))
    (True, False)
    """
    (low, high), (other_low, other_high) = _ends(one), _ends(other)
    return low <= other_high and other_low <= high


def undistinguished(numbers: Sequence[Number], *, intervals: str = DONORS) -> list[bool]:
    """Tell which of several numbers cannot be told from the best.

    Parameters
    ----------
    numbers
        The same score of several embeddings; all have the same ``better``.
    intervals
        What intervals resample. Only with ``donors`` is anything told apart: spread between cells says nothing about
        the next donor.

    Returns
    -------
    list of bool
        True for the best and all whose interval overlaps its own. A number that is NaN is never the best and is told
        from it. All are True where nothing can be told apart. **There is a winner only where one is True.**

    Examples
    --------
    >>> undistinguished([Number(0.5, 0.4, 0.6), Number(0.9, 0.8, 1.0), Number(0.85, 0.7, 0.9)])
    [False, True, True]
    """
    known = [one for one in numbers if not np.isnan(one.value)]
    if intervals != DONORS or not known or not known[0].better or any(one.low is None for one in known):
        return [True] * len(numbers)
    best = max(known, key=lambda one: one.better * one.value)
    return [not np.isnan(one.value) and overlaps(one, best) for one in numbers]


def _ends(one: Number) -> tuple[float, float]:
    return (one.value if one.low is None else one.low), (one.value if one.high is None else one.high)
