"""Mixing within types against a loop over cells, at chance, apart, and under weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import brentq

from homodb.query.integrate import kneighbors
from homodb.query.score import MIXING, affinities, find_mixing


def naive_affinity(distances, perplexity):
    def weights(log_b):
        raw = np.exp(-(distances - distances.min()) * np.exp(log_b))
        return raw / raw.sum()

    def over(log_b):
        p = weights(log_b)
        return -(p[p > 0] * np.log(p[p > 0])).sum() - np.log(perplexity)

    return weights(brentq(over, -30, 30, xtol=1e-13))


def averaged(pairs):
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def naive(cells, label, weights, shuffled):
    """Score one type by a loop over its cells; `shuffled` gives the species of its cells at each shuffle."""
    mine = [i for i in range(cells.n_cells) if cells.label.code[i] == label]
    species = [int(cells.species.code[i]) for i in mine]
    smallest = min(species.count(one) for one in set(species))
    few, k = min(15, smallest - 1), min(90, smallest - 1)
    per_cell = []
    for a, i in enumerate(mine):
        apart = [np.linalg.norm(cells.points[i] - cells.points[j]) for j in mine]
        near = [b for b in np.argsort(apart, kind="stable") if b != a][:k]
        per_cell.append((near, naive_affinity(np.array([apart[b] for b in near]), k / 3)))
    w = [weights[i] for i in mine]

    def lisi(names):
        means = {}
        for a, (near, p) in enumerate(per_cell):
            total = sum(w[b] * q for b, q in zip(near, p, strict=True))
            if not w[a] or not total:
                continue
            parts = []
            for one in set(names):
                others = sum(w[b] for b in range(len(mine)) if names[b] == one and b != a)
                found = sum(w[b] * q for b, q in zip(near, p, strict=True) if names[b] == one) / total
                parts.append(found / others if others else 0)
            parts = np.array(parts) / sum(parts)
            means.setdefault(names[a], []).append((1 / (parts**2).sum(), w[a]))
        return np.mean([averaged(each) for each in means.values()])

    def share(neighbours):
        means = {}
        for a in range(len(mine)):
            around = neighbours(a)
            total = sum(w[b] for b in around)
            if w[a] and total:
                other = sum(w[b] for b in around if species[b] != species[a])
                means.setdefault(species[a], []).append((other / total, w[a]))
        return np.mean([averaged(each) for each in means.values()])

    seen = share(lambda a: per_cell[a][0][:few])
    chance = share(lambda a: [b for b in range(len(mine)) if b != a])
    by_chance = np.mean([lisi(list(one)) for one in shuffled])
    return seen / chance, (lisi(species) - 1) / (by_chance - 1)


@pytest.mark.parametrize("apart", [0.0, 1.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_against_a_loop(draw, apart, weighted):
    cells = draw(3, apart=apart, cells=100)
    rng = np.random.default_rng(1)
    weights = rng.integers(0, 4, 100).astype(float) if weighted else np.ones(100)
    found = find_mixing(cells)
    values = found.values(weights)
    for row, one in zip(values, found.within, strict=False):
        wanted = naive(cells, one.label, weights, one.shuffled)
        np.testing.assert_allclose(row[:2], wanted, rtol=1e-6)
    np.testing.assert_allclose(values[-1, :2], values[:-1, :2].mean(axis=0))


def test_affinities_have_the_perplexity_and_match_a_root_finder():
    distances = np.sort(np.random.default_rng(0).gamma(2, 3, (20, 30)), axis=1)
    found = affinities(distances, 10)
    np.testing.assert_allclose(np.exp(-(found * np.log(found)).sum(axis=1)), 10, rtol=1e-9)
    for row, d in zip(found, distances, strict=True):
        np.testing.assert_allclose(row, naive_affinity(d, 10), rtol=1e-7)
    np.testing.assert_allclose(affinities(distances * 1e6, 10), found, rtol=1e-6)
    np.testing.assert_array_equal(affinities(np.zeros((2, 4)), 2), np.full((2, 4), 0.25))


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_random_species_score_at_chance_whatever_the_composition(make, share):
    rng, found = np.random.default_rng(5), []
    for _ in range(12):
        species = np.where(rng.random(300) < share, "human", "mouse").tolist()
        cells = make(rng.normal(size=(300, 4)), ["x", "x", "y"] * 100, species)
        found.append(find_mixing(cells).values(np.ones(300))[-1, :2])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(mean - 1) < 4 * error + 0.01).all() and (error < 0.05).all()


def test_apart_scores_zero_even_where_one_species_is_rare(make):
    rng = np.random.default_rng(0)
    species = ["human"] * 6 + ["mouse"] * 94
    points = rng.normal(size=(100, 3)) + 100 * np.array([one == "mouse" for one in species])[:, None]
    found = find_mixing(make(points, ["x"] * 100, species))
    np.testing.assert_allclose(found.values(np.ones(100))[:, :2], 0, atol=1e-9)


def test_more_apart_is_less_mixed_and_partial_mixing_never_beats_chance(make):
    # of nine mouse cells for a human one, where human cells keep to themselves more and more
    rng = np.random.default_rng(2)
    species = np.array(["human"] * 40 + ["mouse"] * 360)
    base = rng.normal(size=(400, 2))
    found = []
    for apart in (0, 1, 2, 3, 6):
        points = base + apart * (species == "mouse")[:, None]
        found.append(find_mixing(make(points, ["x"] * 400, species.tolist())).values(np.ones(400))[-1, :2])
    assert (np.diff(found, axis=0) < 0).all() and (np.array(found) < 1.1).all()


def test_few_cells_and_absent_species(make):
    rng = np.random.default_rng(0)
    label = ["all"] * 60 + ["rare"] * 14 + ["lone"] * 10
    species = ["a", "b", "c"] * 20 + ["a"] * 10 + ["b"] * 4 + ["c"] * 10
    cells = make(rng.normal(size=(84, 3)), label, species)
    found = find_mixing(cells)
    assert [cells.label.names[one] for one in found.labels] == ["all"]
    assert [cells.label.names[one] for one in found.left_out] == ["rare"]
    # without one of three species two are left to mix; without two nothing is
    weights = np.ones(84)
    weights[cells.species.code == 2] = 0
    assert np.isfinite(found.values(weights)).all()
    weights[cells.species.code == 1] = 0
    assert np.isnan(found.values(weights)).all() and found.values(weights).shape == (2, len(MIXING))


def test_cells_on_top_of_each_other(make):
    found = find_mixing(make(np.zeros((200, 2)), ["x", "y"] * 100, ["a"] * 100 + ["b"] * 100))
    assert np.isfinite(found.values(np.ones(200))).all()


@settings(max_examples=15)
@given(hnp.arrays(float, (30, 2), elements=st.sampled_from([0.0, 1.0, 2.5, 7.0])), st.integers(1, 20))
def test_nearest_others_never_holds_the_cell(points, k):
    found = kneighbors(points, k, exclude_self=True)
    assert found.indices.shape == (30, k)
    assert not (found.indices == np.arange(30)[:, None]).any()
    for a in range(30):
        apart = np.delete(np.linalg.norm(points - points[a], axis=1), a)
        np.testing.assert_allclose(found.distances[a], np.sort(apart)[:k], atol=1e-12)
