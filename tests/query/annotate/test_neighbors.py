"""Votes of neighbours: against loops, and through an index."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.annotate import cosine_nearest, vote
from homodb.schema.errors import AnnotationError
from tests import messages


def naive(
    points: np.ndarray, label: np.ndarray, queries: np.ndarray, labels: int, k: int, weights: str, balanced: bool
) -> list[tuple[int, float, float]]:
    told = []
    for query in queries:
        if not query.any():
            told.append((-1, np.nan, np.nan))
            continue
        far = sorted(
            (1 - point @ query / np.linalg.norm(point) / np.linalg.norm(query), at)
            for at, point in enumerate(points)
            if point.any()
        )[:k]
        votes = np.zeros(labels)
        for distance, at in far:
            worth = 1.0 if weights == "uniform" or far[-1][0] <= 1e-15 else np.exp(-((distance / far[-1][0]) ** 2))
            votes[label[at]] += worth / ((label[points.any(axis=1)] == label[at]).sum() if balanced else 1)
        told.append((int(votes.argmax()), votes.max() / votes.sum(), far[0][0]))
    return told


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 12),
    weights=st.sampled_from(["distance", "uniform"]),
    balanced=st.booleans(),
)
def test_votes_are_those_of_loops(seed: int, k: int, weights: str, balanced: bool) -> None:
    rng = np.random.default_rng(seed)
    points, queries = rng.standard_normal((9, 3)), rng.standard_normal((5, 3))
    points[0] = queries[0] = 0
    label = rng.integers(0, 3, 9)
    found = vote(points, label, queries, 3, k=k, weights=weights, balanced=balanced)
    wanted = naive(points, label, queries, 3, k, weights, balanced)
    np.testing.assert_allclose(found.confidence, [one[1] for one in wanted], atol=1e-9)
    np.testing.assert_allclose(found.distance, [one[2] for one in wanted], atol=1e-9)
    even = np.array([one[1] for one in wanted]) > 0.5 + 1e-9
    assert (found.label[even] == np.array([one[0] for one in wanted])[even]).all()
    assert found.label[0] == -1


def test_equal_points_and_equal_votes() -> None:
    points = np.tile([[1.0, 2.0]], (4, 1))
    found = vote(points, np.array([1, 1, 0, 0]), [[2.0, 4.0]], 3, k=4)
    assert found.label.tolist() == [0] and found.confidence[0] == pytest.approx(0.5)
    assert found.distance[0] == pytest.approx(0)


def test_a_label_without_cells_is_never_given() -> None:
    found = vote(np.eye(3), np.array([2, 2, 2]), np.eye(3), 4, k=2, balanced=True)
    assert found.label.tolist() == [2, 2, 2] and (found.confidence == 1).all()


def test_an_index_finds_what_comparing_all_finds() -> None:
    rng = np.random.default_rng(1)
    points, queries = (rng.standard_normal((n, 8)) for n in (3000, 200))
    points, queries = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (points, queries))
    exact, found = cosine_nearest(points, queries, 5), cosine_nearest(points, queries, 5, exact=100)
    again = cosine_nearest(points, queries, 5, exact=100)
    assert (found.indices == again.indices).all()
    same = exact.indices == found.indices
    assert same.mean() > 0.97
    np.testing.assert_allclose(found.distances[same], exact.distances[same], atol=1e-12)
    assert (np.diff(found.distances, axis=1) >= 0).all()
    label = rng.integers(0, 4, 3000)
    one, other = (vote(points, label, queries, 4, exact=size) for size in (100, 50_000))
    assert (one.label == other.label).mean() > 0.97


@pytest.mark.parametrize(
    ("choices", "said"), [({"weights": "near"}, "no weights 'near'; there are distance, uniform"), ({"k": 0}, "k is 0")]
)
def test_what_is_refused(choices: dict[str, object], said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        vote(np.eye(2), np.array([0, 1]), np.eye(2), 2, **choices)  # type: ignore[arg-type]
    with pytest.raises(AnnotationError, match=messages.Annotate.no_cell_reference):
        vote(np.zeros((2, 2)), np.array([0, 1]), np.eye(2), 2)
