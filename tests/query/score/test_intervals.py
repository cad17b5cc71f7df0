"""Draws of donors, intervals, and what may be called the best."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.query.score import (
    CELLS_ONLY,
    DONORS,
    Number,
    draws,
    find_mixing,
    overlaps,
    resampled,
    resampled_at_once,
    self_projection,
    undistinguished,
)


def naive_means(values, species, donor, resamples, seed):
    """Resample by copying cells, in the order of draws: species by species, a multinomial over its donors."""
    found = []
    for number in range(resamples):
        rng = np.random.default_rng([seed, number])
        copied = []
        for one in sorted(set(species)):
            names = sorted({d for s, d in zip(species, donor, strict=True) if s == one})
            times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
            for name, count in zip(names, times, strict=True):
                copied += [v for v, s, d in zip(values, species, donor, strict=True) if (s, d) == (one, name)] * count
        found.append(np.mean(copied))
    return found


def test_intervals_are_those_of_copied_donors(make):
    rng = np.random.default_rng(0)
    species = ["b"] * 30 + ["a"] * 20
    donor = [f"d{one}" for one in rng.integers(0, 4, 50)]
    values = rng.normal(size=50)
    cells = make(rng.normal(size=(50, 2)), ["x", "y"] * 25, species, donor)
    found = resampled(lambda w: np.array([w @ values / w.sum()]), draws(cells, n_resamples=40, random_state=7))
    low, high = np.quantile(naive_means(values, species, donor, 40, 7), [0.025, 0.975])
    assert found.value[0] == pytest.approx(values.mean())
    assert (found.low[0], found.high[0]) == pytest.approx((low, high))


def test_every_draw_has_as_many_donors_and_never_parts_one(draw):
    cells = draw(0)
    drawn = draws(cells, n_resamples=30, random_state=1)
    assert drawn.kind == DONORS and drawn.donors == (3, 3)
    for weights in drawn:
        for species in (0, 1):
            own = {
                one: set(weights[cells.donor.code == one]) for one in cells.donor.code[cells.species.code == species]
            }
            assert all(len(each) == 1 for each in own.values())
            assert sum(next(iter(each)) for each in own.values()) == 3


def test_the_same_draws_at_every_pass_and_for_every_embedding(draw):
    cells, other = draw(0), draw(0, apart=50)
    first, again, elsewhere = (list(draws(one, n_resamples=5, random_state=3)) for one in (cells, cells, other))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, elsewhere)
    assert not np.array_equal(first, list(draws(cells, n_resamples=5, random_state=4)))


@pytest.mark.parametrize("donor", [None, ["d"] * 60, ["d"] * 30 + ["d", "e"] * 15])
def test_one_donor_draws_cells_and_says_so(make, donor):
    species = ["a"] * 30 + ["b"] * 30
    drawn = draws(make(np.zeros((60, 2)), ["x", "y"] * 30, species, donor), n_resamples=20, random_state=0)
    assert drawn.kind == CELLS_ONLY
    weights = next(iter(drawn))
    assert weights[:30].sum() == 30 and len(set(weights[:30])) > 2


def test_no_interval_without_draws_or_where_most_draws_tell_nothing(draw):
    cells = draw(0)
    assert np.isnan(resampled(lambda w: np.array([1.0]), draws(cells, n_resamples=0)).low).all()
    turn = iter([1.0, *[np.nan, np.nan, 0.5] * 10])
    found = resampled(lambda w: np.array([next(turn), 0.25]), draws(cells, n_resamples=30))
    assert found.number(0) == Number(1.0) and found.number(1) == Number(0.25, 0.25, 0.25)


def test_an_interval_holds_its_value(draw):
    turn = iter([1.0, *[0.5] * 30])
    found = resampled(lambda w: np.array([next(turn)]), draws(draw(0), n_resamples=30))
    assert found.number(0) == Number(1.0, 0.5, 1.0)


numbers = st.tuples(*[st.floats(0, 1)] * 3).map(sorted).map(lambda one: Number(one[1], one[0], one[2]))


@given(st.lists(numbers, min_size=1, max_size=6), st.sampled_from([1, -1]))
def test_undistinguished_by_hand(found, better):
    found = [Number(one.value, one.low, one.high, better) for one in found]
    best = (max if better > 0 else min)(found, key=lambda one: one.value)
    wanted = [not (one.high < best.low or one.low > best.high) for one in found]
    assert undistinguished(found) == wanted
    assert any(one is best and told for one, told in zip(found, wanted, strict=True))
    assert all(undistinguished(found, intervals=CELLS_ONLY))


@given(numbers, numbers)
def test_overlap_is_mutual(one, other):
    assert overlaps(one, other) == overlaps(other, one)


def test_nothing_is_told_apart_without_intervals_and_nan_is_never_best():
    assert undistinguished([Number(0.1), Number(0.9)]) == [True, True]
    assert undistinguished([Number(np.nan), Number(0.5, 0.4, 0.6)]) == [False, True]
    assert undistinguished([Number(0.1, 0.1, 0.1, 0), Number(0.9, 0.9, 0.9, 0)]) == [True, True]


@pytest.mark.parametrize("donors", [True, False])
def test_all_draws_at_once_are_those_one_by_one(draw, donors):
    cells = draw(1, apart=1.0)
    cells = cells if donors else dataclasses.replace(cells, donor=None)
    drawn, mixing, projection = draws(cells, n_resamples=12), find_mixing(cells), self_projection(cells)
    for one, all_draws in ((mixing.values, mixing.drawn), (projection.values, projection.drawn)):
        slow, fast = resampled(one, drawn), resampled_at_once(all_draws, drawn)
        for part in ("value", "low", "high"):
            np.testing.assert_allclose(getattr(fast, part), getattr(slow, part), atol=1e-12)
