"""The search for as many clusters as types, by what it asks for and by real clusters."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse as sp

from homodb.query.score import Clustered, cluster_to_count, join_singles
from homodb.schema.errors import ScoreError
from tests import messages

module = importlib.import_module("homodb.query.score.pllm")


def search(count: Callable[[float], int], wanted: int) -> tuple[Clustered, list[float]]:
    asked: list[float] = []

    def at(resolution: float) -> Clustered:
        asked.append(resolution)
        return Clustered(np.zeros(1, np.int64), resolution, count(resolution))

    return module._search(at, wanted), asked


def test_bisection_begins_at_a_half_and_ends_when_met() -> None:
    found, asked = search(lambda resolution: int(resolution * 16), 3)
    assert found.count == 3 and asked == [0.5, 0.25, 0.125, 0.1875]


def test_a_number_that_is_skipped_gives_the_nearest_above_in_25_steps() -> None:
    found, asked = search(lambda resolution: 2 if resolution < 0.3 else 5, 3)
    assert found.count == 5 and len(asked) == 25 and found.resolution == pytest.approx(0.3, abs=1e-6)


def test_of_several_above_the_nearest_and_of_these_the_last() -> None:
    # not monotone, as Louvain is not: 5 at first, 4 below, then too few
    found, asked = search(lambda r: {0.5: 5, 0.25: 4}.get(r, 4 if r == 0.1875 else 1), 3)
    assert found.count == 4 and found.resolution == 0.1875 and len(asked) == 25


def test_where_one_is_not_enough_it_goes_on_from_there() -> None:
    found, asked = search(lambda resolution: int(resolution), 11)
    assert found.count == 11
    assert asked[:25] == [1 - 0.5**step for step in range(1, 26)] and asked[25:29] == [2.0, 4.0, 8.0, 16.0]
    assert len(asked) <= 25 + 10 + 25


def test_where_nothing_is_enough_it_ends_with_the_most() -> None:
    found, asked = search(lambda resolution: 2, 3)
    assert found.count == 2 and len(asked) == 35


def test_real_clusters_are_found_and_the_same_again() -> None:
    pytest.importorskip("igraph")
    rng = np.random.default_rng(0)
    code = rng.integers(0, 4, 200)
    points = rng.normal(0, 1, (200, 5)) + 12 * np.eye(5)[code]
    one, two = cluster_to_count(points, 4), cluster_to_count(points, 4)
    assert np.array_equal(one.code, two.code) and one.resolution == two.resolution and one.count == 4
    assert len({(a, b) for a, b in zip(code.tolist(), one.code.tolist(), strict=True)}) == 4


def test_a_lone_cell_joins_the_cluster_that_it_shares_most_with() -> None:
    code = np.array([0, 0, 0, 1, 1, 2, 3])
    shared, apart = np.zeros((7, 7)), np.zeros((7, 7))
    shared[5, [0, 3]] = shared[[0, 3], 5] = 0.4, 0.3  # mean over cells: 0.4 / 3 of cluster 0, 0.3 / 2 of cluster 1
    apart[6, [5, 1]] = 0.5, 0.7  # shares with none: its nearest that is not alone is cell 1
    joined = join_singles(code, sp.csr_matrix(shared), sp.csr_matrix(apart))
    assert joined.tolist() == [0, 0, 0, 1, 1, 1, 0]
    alone = np.arange(3)
    assert join_singles(alone, sp.csr_matrix((3, 3)), sp.csr_matrix((3, 3))).tolist() == [0, 1, 2]


def test_too_few_cells() -> None:
    with pytest.raises(ScoreError, match=messages.Score.neighbours):
        cluster_to_count(np.zeros((20, 2)), 2)
