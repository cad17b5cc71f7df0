"""Which cells are held out and learned from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="torch is an extra")

from homodb.query.annotate.tron.train import choose_tuning, hold_out

cells = st.integers(1, 40)


@settings(max_examples=60)
@given(data=st.data(), n=cells, share=st.sampled_from([0.0, 0.1, 0.3, 0.6]), donors=st.booleans())
def test_no_group_is_held_out_whole_and_donors_never_torn(
    data: st.DataObject, n: int, share: float, donors: bool
) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    codes = rng.integers(4, size=n)
    donor = rng.integers(-1, 5, size=n) if donors else None
    held, by = hold_out(codes, donor, share, rng)
    assert set(codes[~held]) == set(codes)
    assert held.any() == (by != "nothing") and (share > 0 or by == "nothing")
    if by == "donors":
        assert donor is not None and not held[donor < 0].any()
        assert not set(donor[held]) & set(donor[~held])
        assert held.sum() <= max(2 * share, 0.5) * n


@settings(max_examples=60)
@given(data=st.data(), n=cells, share=st.sampled_from([0.0, 0.5, 1.0]), donors=st.booleans())
def test_tuning_cells_are_seen_and_donors_never_torn(data: st.DataObject, n: int, share: float, donors: bool) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    codes = rng.integers(-2, 3, size=n)
    donor = rng.integers(-1, 4, size=n) if donors else None
    chosen = choose_tuning(codes, donor, share, rng)
    assert (codes[chosen.rows] >= 0).all() and chosen.shown[chosen.rows].all()
    assert bool(len(chosen.rows)) == bool(((codes >= 0) & ((donor if chosen.by == "donors" else codes) >= 0)).any())  # type: ignore[operator]
    if chosen.by == "donors":
        assert donor is not None and not set(donor[chosen.shown]) & set(donor[~chosen.shown])
        assert np.array_equal(np.flatnonzero(chosen.shown & (codes >= 0)), chosen.rows)
    else:
        assert np.array_equal(np.flatnonzero(chosen.shown), chosen.rows)


@pytest.mark.parametrize(("labelled", "wanted"), [((0, 1, 2, 3), 2), ((0, 1), 2), ((2,), 1)])
def test_half_of_the_donors_where_all_are_labelled_else_all_of_them(labelled: tuple[int, ...], wanted: int) -> None:
    donor = np.repeat(np.arange(4), 5)
    codes = np.where(np.isin(donor, labelled), 0, -1)
    chosen = choose_tuning(codes, donor, 0.0, np.random.default_rng(0))
    assert len(np.unique(donor[chosen.shown])) == wanted
    assert set(donor[chosen.shown]) <= set(labelled)
