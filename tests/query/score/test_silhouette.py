"""Silhouettes against scikit-learn, in many blocks and in one."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from homodb.query.score import silhouette

module = importlib.import_module("homodb.query.score.cell_scores")


@pytest.mark.parametrize("held", [300, 1_000_000])
@pytest.mark.parametrize("away", [0.0, 1e4])
def test_against_scikit_learn(held: int, away: float, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    monkeypatch.setattr(module, "_HELD", held)
    rng = np.random.default_rng(0)
    points, code = rng.normal(0, 1, (150, 7)), rng.integers(0, 5, 150)
    points[code == 2, 0] += 4
    # cells far from the origin must not lose digits (scikit-learn's own distances do)
    assert silhouette(points + away, code) == pytest.approx(metrics.silhouette_samples(points, code), abs=1e-9)


def test_single_precision_beyond_some_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    code = np.sort(rng.integers(0, 40, 5000))[rng.permutation(5000)]
    points = rng.normal(0, 1, (5000, 12)) + 3 * rng.normal(0, 1, (40, 12))[code] + 100
    exact = silhouette(points, code)
    monkeypatch.setattr(module, "_DOUBLE", 1000)
    assert np.abs(silhouette(points, code) - exact).max() < 1e-6


def test_a_cell_alone_in_its_type_counts_one() -> None:
    points = np.array([[0.0], [1.0], [5.0]])
    assert silhouette(points, np.array([0, 0, 1])).tolist()[2] == 1.0


def test_cells_in_one_place_have_none() -> None:
    assert silhouette(np.zeros((6, 2)), np.array([0, 1, 0, 1, 0, 1])).tolist() == [0.0] * 6


def test_two_piles_are_perfect() -> None:
    points = np.repeat([[0.0, 0.0], [3.0, 4.0]], 5, axis=0)
    assert silhouette(points, np.repeat([0, 1], 5)) == pytest.approx(1.0, abs=1e-6)


def test_codes_without_cells_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    points, code = rng.normal(size=(30, 3)), rng.integers(0, 3, 30)
    assert np.array_equal(silhouette(points, code), silhouette(points, code * 5 + 2))
