"""Label transfer against a loop and scikit-learn, at chance, perfect, and under weights."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from homodb.query.score import TRANSFER_METRICS, Transfer, classification_metrics, find_votes


def all_votes(cells):
    species = range(len(cells.species.names))
    return [find_votes(cells, a, b) for a in species for b in species if a != b]


def naive_call(cells, i, reference, weights, k=15):
    """Vote by a loop over the nearest reference cells."""
    apart = [(np.linalg.norm(cells.points[i] - cells.points[j]), j) for j in np.flatnonzero(reference)]
    votes, near = defaultdict(float), defaultdict(float)
    for place, (_, j) in enumerate(sorted(apart)[:k]):
        votes[cells.label.code[j]] += weights[j]
        near[cells.label.code[j]] += weights[j] * (k - place)
    total = sum(votes.values())
    if not total:
        return -1, 0.0
    call = max(votes, key=lambda one: (votes[one], near[one]))
    return call, votes[call] / total


@pytest.mark.parametrize("weighted", [False, True])
def test_calls_against_a_loop(draw, weighted):
    cells = draw(1, apart=6, lone=True, cells=120)
    weights = np.random.default_rng(0).integers(0, 3, 120).astype(float) if weighted else np.ones(120)
    for votes in all_votes(cells):
        call, confidence = votes.call(weights)
        for i, one, share in zip(votes.cells, call, confidence, strict=True):
            assert (one, share) == naive_call(cells, i, cells.species.code == votes.reference, weights)


def test_ties_go_to_the_nearer_voters(make):
    # 15 voters: seven of x nearer than seven of y, and one of z
    line = np.arange(1.0, 16)[:, None]
    label = ["x"] * 7 + ["z"] + ["y"] * 7 + ["x"] * 16
    cells = make(np.vstack([line, np.zeros((16, 1))]), label, ["a"] * 15 + ["b"] * 16)
    votes = all_votes_from(cells, k=14)
    call, confidence = votes[0].call(np.ones(31))
    assert {cells.label.names[one] for one in call} == {"x"} and set(confidence) == {7 / 14}
    # with the nearer ones weighing nothing y has it; with nobody weighing anything nobody is called
    weights = np.ones(31)
    weights[:7] = 0
    assert {cells.label.names[one] for one in votes[0].call(weights)[0]} == {"y"}
    assert set(votes[0].call(np.zeros(31))[0]) == {-1}


def all_votes_from(cells, k):
    return [find_votes(cells, 0, 1, k=k)]


tables = st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=4, max_size=4).map(np.array)


@settings(max_examples=50)
@given(tables)
def test_metrics_against_scikit_learn(table):
    metrics = pytest.importorskip("sklearn.metrics")
    assume(table.sum() and (np.count_nonzero(table.sum(axis=1)) > 1 or np.count_nonzero(table.sum(axis=0)) > 1))
    true, called = (np.repeat(one.ravel(), table.ravel()) for one in np.indices(table.shape))
    there = np.unique(true)
    wanted = [
        metrics.recall_score(true, called, labels=there, average="macro", zero_division=0),
        metrics.cohen_kappa_score(true, called),
        metrics.accuracy_score(true, called),
        metrics.f1_score(true, called, labels=there, average="macro", zero_division=0),
    ]
    found = classification_metrics(table.astype(float))
    np.testing.assert_allclose(found.values(TRANSFER_METRICS), wanted, atol=1e-12)
    assert [not np.isnan(one) for one in found.recall] == [one in there for one in range(4)]


def test_metrics_of_nothing_and_of_one_type():
    assert np.isnan(classification_metrics(np.zeros((2, 2))).values(TRANSFER_METRICS)).all()
    one_type = classification_metrics(np.diag([5.0, 0])).values(TRANSFER_METRICS)
    np.testing.assert_array_equal(one_type, [1, np.nan, 1, 1])


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_weights_of_query_cells_are_copies(draw, seed):
    cells = draw(seed % 5, apart=5, cells=90)
    weights = np.random.default_rng(seed).integers(0, 4, 90).astype(float)
    votes = find_votes(cells, 0, 1)
    call, _ = votes.call(np.ones(90))
    table = votes.table(call, weights)
    copied = np.zeros_like(table)
    for i, one in zip(votes.cells, call, strict=True):
        for _ in range(int(weights[i])):
            copied[cells.label.code[i], one] += 1
    np.testing.assert_array_equal(table, copied)


def test_perfect_types_score_perfectly(draw):
    values = Transfer(all_votes(draw(0))).values(np.ones(240))
    np.testing.assert_array_equal(values, np.ones_like(values))


def test_types_that_the_reference_lacks_are_left_out(draw):
    cells = draw(0, lone=True)
    transfer = Transfer(all_votes(cells))
    values = transfer.values(np.ones(240))
    np.testing.assert_array_equal(values[:, :4], 1)
    assert np.isnan(values[:, 4 + 3]).all()
    human_mouse = transfer.votes[0]
    table = human_mouse.table(human_mouse.call(np.ones(240))[0], np.ones(240))
    true = cells.label.code[human_mouse.cells]
    assert table.sum() == (true < 3).sum() < len(true)
    told = [row for row in transfer.calls() if row[2] == 3]
    assert sum(row[4] for row in told) == (true == 3).sum()


def test_random_labels_score_at_chance(draw, make):
    found = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        label = rng.choice(["x", "y", "z"], 300, p=[0.6, 0.3, 0.1])
        cells = make(rng.normal(size=(300, 3)), label.tolist(), ["a", "b"] * 150)
        found.append(Transfer(all_votes(cells)).values(np.ones(300))[-1, :2])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(8)
    assert (np.abs(mean - [1 / 3, 0]) < 4 * error + 0.005).all()


def test_random_pairing_scores_at_chance_where_labels_are_perfect(draw):
    transfer = Transfer(all_votes(draw(0, cells=600)))
    values = transfer.random(1)
    assert abs(values[-1, 0] - 1 / 3) < 0.05 and abs(values[-1, 1]) < 0.07
    np.testing.assert_array_equal(values, transfer.random(1))
    assert not np.array_equal(values, transfer.random(2))


def test_majority_calls_all_the_commonest_shared_type(make):
    label = ["x"] * 20 + ["y"] * 20 + ["x"] * 15 + ["y"] * 5 + ["only b"] * 30
    species = ["a"] * 40 + ["b"] * 50
    cells = make(np.random.default_rng(0).normal(size=(90, 2)), label, species)
    transfer = Transfer(all_votes(cells))
    a_to_b = transfer.majority()[0]
    np.testing.assert_allclose(a_to_b[:3], [0.5, 0, 15 / 20])
    np.testing.assert_array_equal(a_to_b[4:], [np.nan, 1, 0])


def test_species_without_a_shared_type(make):
    cells = make(np.random.default_rng(0).normal(size=(40, 2)), ["x"] * 20 + ["y"] * 20, ["a"] * 20 + ["b"] * 20)
    transfer = Transfer(all_votes(cells))
    for values in (transfer.values(np.ones(40)), transfer.majority(), transfer.random(0)):
        assert np.isnan(values).all() and values.shape == (3, 6)
