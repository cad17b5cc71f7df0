"""Compute intervals of scores by resampling donors within their species."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from homodb.query.cells import Coded
from homodb.query.score.embedded import Embedded
from homodb.query.score.result import Number
from homodb.schema.errors import ScoreError
from homodb.schema.options import Bounds

#: Units that intervals resample: donors of every species, or cells if a species has only one donor.
DONORS, CELLS_ONLY = "donors", "cells only"

_RESAMPLES = Bounds(0, 1_000_000)

#: Ends of an interval.
_LOW, _HIGH = 0.025, 0.975

#: An interval needs a value in so large a share of the draws.
_LEAST = 0.5

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Weights:
    """Weights of cells in several draws: those of the unit, a donor or a single cell, to which each cell belongs."""

    unit: _Ints  # unit of each cell, shape (cells,)
    by_unit: _Floats  # shape (draws, units)

    @classmethod
    def of_cells(cls, weights: _Floats) -> Weights:
        """Return one draw of cells that are units of their own."""
        return cls(np.arange(len(weights)), weights[None])

    def subset(self, cells: _Ints) -> Weights:
        """Return the weights of some cells, with only the units that they belong to."""
        units, unit = np.unique(self.unit[cells], return_inverse=True)
        return Weights(unit, self.by_unit[:, units])


@dataclass(frozen=True)
class Draws:
    """Weights of cells in each draw; iterating again gives the same weights.

    Raises
    ------
    ScoreError
        If the number of draws is out of bounds.
    """

    # species and donor of each cell; None if the donors are unknown
    species: Coded
    donor: Coded | None
    n_resamples: int  # number of draws
    random_state: int  # seed

    def __post_init__(self) -> None:
        _RESAMPLES.check("n_resamples", self.n_resamples, ScoreError)

    @property
    def donors(self) -> tuple[int, ...]:
        """Number of donors of each species; 0 if unknown."""
        if self.donor is None:
            return (0,) * len(self.species.names)
        return tuple(
            len(np.unique(self.donor.code[self.species.code == one])) for one in range(len(self.species.names))
        )

    @property
    def kind(self) -> str:
        """Unit of the intervals: ``donors``, or ``cells only`` if a species has no second donor."""
        return DONORS if min(self.donors) > 1 else CELLS_ONLY

    @cached_property
    def weights(self) -> Weights:
        """Weights of all draws."""
        unit = np.empty(len(self.species.code), np.int64)
        counts: list[int] = []
        for species, donors in enumerate(self.donors):
            cells = np.flatnonzero(self.species.code == species)
            own = np.arange(len(cells))
            if self.donor is not None and donors > 1:
                own = np.unique(self.donor.code[cells], return_inverse=True)[1]
            unit[cells] = sum(counts) + own
            counts.append(donors if donors > 1 else len(cells))
        drawn = np.empty((self.n_resamples, sum(counts)))
        for number, row in enumerate(drawn):
            rng = np.random.default_rng([self.random_state, number])
            row[:] = np.concatenate([rng.multinomial(count, np.full(count, 1 / count)) for count in counts])
        return Weights(unit, drawn)

    def __iter__(self) -> Iterator[_Floats]:
        """Yield the weights of all cells, draw by draw."""
        for drawn in self.weights.by_unit:
            yield drawn[self.weights.unit]


@dataclass(frozen=True)
class Resampled:
    """Values with their intervals of 95 %, arrays of one shape; NaN where there is none."""

    value: _Floats
    low: _Floats
    high: _Floats

    def number(self, *at: int, better: int = 1, baseline: Resampled | None = None) -> Number:
        """Return one value with its interval, beside the same value of a baseline."""
        value, low, high = float(self.value[at]), float(self.low[at]), float(self.high[at])
        reference = None if baseline is None else float(baseline.value[at])
        if np.isnan(low) or np.isnan(high):
            return Number(value, better=better, baseline=reference)
        return Number(value, low, high, better, reference)


def draws(embedded: Embedded, *, n_resamples: int = 200, random_state: int = 42) -> Draws:
    """Return the draws for intervals over some cells.

    Donors of a species are drawn with replacement, as many as it has; if it has one donor or these are unknown, its
    cells are. With the same seed and donors the draws are the same for every embedding, so that they can be compared.
    """
    return Draws(embedded.species, embedded.donor, n_resamples, random_state)


def resampled(function: Callable[[_Floats], _Floats], draws: Draws) -> Resampled:
    """Compute values and their intervals.

    The function returns an array of fixed shape for the weights of all cells, NaN where a value is undefined. Intervals
    are the 2.5th and 97.5th percentiles of the draws that have a value, widened to contain the value itself. A value
    that is undefined in more than half of the draws has no interval.
    """
    value = np.asarray(function(np.ones(len(draws.species.code))), np.float64)
    return _with_interval(value, [np.asarray(function(weights), np.float64) for weights in draws])


def resampled_at_once(function: Callable[[Weights], _Floats], draws: Draws) -> Resampled:
    """Compute values and their intervals, as :func:`resampled`, by a function of all draws, its first dimension."""
    value = function(Weights(np.zeros(len(draws.species.code), np.int64), np.ones((1, 1))))[0]
    return _with_interval(value, function(draws.weights) if draws.n_resamples else [])


def _with_interval(value: _Floats, drawn: Sequence[_Floats] | _Floats) -> Resampled:
    if not len(drawn):
        nothing = np.full(value.shape, np.nan)
        return Resampled(value, nothing, nothing)
    values = np.asarray(drawn)
    enough = (np.isfinite(values).mean(axis=0) >= _LEAST) & np.isfinite(value)
    low, high = np.nanquantile(np.where(enough, values, 0.0), [_LOW, _HIGH], axis=0)
    low, high = (np.where(enough, one, np.nan) for one in (np.minimum(low, value), np.maximum(high, value)))
    return Resampled(value, low, high)


def overlaps(one: Number, other: Number) -> bool:
    """Return whether two intervals overlap; a number without an interval is a point.

    Examples
    --------
    >>> overlaps(Number(0.5, 0.4, 0.6), Number(0.7, 0.6, 0.8)), overlaps(Number(0.5), Number(0.7, 0.6, 0.8))
    (True, False)
    """
    (low, high), (other_low, other_high) = _ends(one), _ends(other)
    return low <= other_high and other_low <= high


def undistinguished(numbers: Sequence[Number], *, intervals: str = DONORS) -> list[bool]:
    """Return which of several numbers cannot be distinguished from the best.

    Parameters
    ----------
    numbers
        The same score of several embeddings; all have the same ``better``.
    intervals
        Unit of the intervals. Only ``donors`` distinguish: spread between cells says nothing about the next donor.

    Returns
    -------
    list of bool
        True for the best number and all whose interval overlaps its own. NaN is never the best, and False. All are
        True if nothing can be distinguished. **There is a winner only if exactly one is True.**

    Examples
    --------
    >>> undistinguished([Number(0.5, 0.4, 0.6), Number(0.9, 0.8, 1.0), Number(0.85, 0.7, 0.9)])
    [False, True, True]
    """
    finite = [one for one in numbers if not np.isnan(one.value)]
    if intervals != DONORS or not finite or not finite[0].better or any(one.low is None for one in finite):
        return [True] * len(numbers)
    best = max(finite, key=lambda one: one.better * one.value)
    return [not np.isnan(one.value) and overlaps(one, best) for one in numbers]


def _ends(one: Number) -> tuple[float, float]:
    return (one.value if one.low is None else one.low), (one.value if one.high is None else one.high)
