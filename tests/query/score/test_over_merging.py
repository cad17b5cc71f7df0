"""Over-merging: a type that is merged away is caught, one that stays apart is not blamed."""

from __future__ import annotations

import numpy as np
import pytest

from homodb.query.score import CONFIDENT, find_over_merging, find_votes


def found_in(cells):
    species = range(len(cells.species.names))
    return find_over_merging(cells, [find_votes(cells, a, b) for a in species for b in species if a != b])


def naive(cells, label, query, reference, weights, k=15):
    """Score one type by loops over its cells."""
    base = np.flatnonzero(cells.species.code == reference)
    own = []
    for i in base:
        own.append(np.sort(np.linalg.norm(cells.points[base] - cells.points[i], axis=1))[k])
    limit = np.quantile(own, 0.95)
    rows, counted = [], []
    few = min(k, sum((cells.label.code == label) & (cells.species.code == query)) - 1)
    for i in np.flatnonzero((cells.label.code == label) & (cells.species.code == query)):
        apart = np.linalg.norm(cells.points - cells.points[i], axis=1)
        around = [j for j in np.argsort(apart, kind="stable") if j != i][:few]
        voters = base[np.argsort(apart[base], kind="stable")[:k]]
        total, of_voters = sum(weights[around]), sum(weights[voters])
        if not total or not of_voters:
            continue
        share = sum(weights[j] for j in around if cells.species.code[j] == reference) / total
        most = max(sum(weights[j] for j in voters if cells.label.code[j] == one) for one in range(9)) / of_voters
        sure = most >= CONFIDENT
        rows.append(
            [share, weights[base].sum() / (weights.sum() - weights[i]), sure, sure and apart[voters[-1]] <= limit]
        )
        counted.append(weights[i])
    return np.average(np.array(rows, float), axis=0, weights=counted)


@pytest.mark.parametrize("weighted", [False, True])
def test_against_a_loop(draw, weighted):
    cells = draw(2, apart=1, lone=True, cells=120)
    weights = np.random.default_rng(0).integers(0, 3, 120).astype(float) if weighted else np.ones(120)
    found = found_in(cells)
    assert [(one.label, one.votes.query, one.votes.reference) for one in found.lone] == [(3, 1, 0)]
    values = found.values(weights)
    np.testing.assert_allclose(values[0], naive(cells, 3, 1, 0, weights), rtol=1e-12)
    np.testing.assert_array_equal(values[0], values[1])


def test_the_mean_is_over_cells_not_over_types(make):
    """Four cells of one type lie among another species' cells, eighty of a second type apart."""
    rng = np.random.default_rng(1)
    points = np.vstack([rng.normal(size=(80, 3)), rng.normal(size=(4, 3)) / 9, rng.normal(size=(80, 3)) + 50])
    cells = make(points, ["x"] * 80 + ["few"] * 4 + ["many"] * 80, ["a"] * 80 + ["b"] * 84)
    found = found_in(cells)
    rows = found.values(np.ones(164))
    size = [len(one.rows) for one in found.lone]
    assert sorted(size) == [4, 80, 80] and rows[:-1, 2].max() == 1
    np.testing.assert_allclose(rows[-1], np.average(rows[:-1], axis=0, weights=size), rtol=1e-12)


def test_a_type_that_stays_apart_is_not_blamed(draw):
    values = found_in(draw(0, lone=True)).values(np.ones(240))[-1]
    assert values[0] == 0 and values[3] == 0


def test_a_type_that_is_merged_away_is_caught(draw, make):
    cells = draw(0, lone=True)
    points, lone = cells.points.copy(), cells.label.code == 3
    points[lone] = points[(cells.label.code == 0) & (cells.species.code == 0)][: lone.sum()] + 0.01
    merged = type(cells)(points, cells.label, cells.species, cells.donor, "merged")
    found = found_in(merged)
    apart, confident, near = found.values(np.ones(240))[-1, [0, 2, 3]]
    assert apart > 0.4 and confident > 0.95 and near > 0.85
    assert found.called() == [(0, 1.0)]


def test_a_small_island_is_not_blamed(make):
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(size=(80, 3)), rng.normal(size=(4, 3)) + 50])
    cells = make(points, ["x", "y"] * 40 + ["lone"] * 4, ["a"] * 40 + ["b"] * 44)
    assert found_in(cells).values(np.ones(84))[-1, [0, 3]].tolist() == [0, 0]


def test_the_same_types_everywhere_leave_nothing_to_tell(draw):
    found = found_in(draw(0))
    assert not found.lone and np.isnan(found.values(np.ones(240))).all() and found.called() == []


def test_of_three_species_each_that_lacks_the_type_is_asked(make):
    rng = np.random.default_rng(0)
    species = ["a"] * 30 + ["b"] * 30 + ["c"] * 30
    label = ["x"] * 15 + ["y"] * 15 + ["x"] * 30 + ["x"] * 15 + ["y"] * 15
    found = found_in(make(rng.normal(size=(90, 3)), label, species))
    assert [(one.votes.reference, one.votes.query) for one in found.lone] == [(1, 0), (1, 2)]
    values = found.values(np.ones(90))
    # of b's cells, a third of all, not of the other species altogether
    assert values[0, 1] == pytest.approx(30 / 89) and values[-1, 0] < 0.5
