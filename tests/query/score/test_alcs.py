"""Self-projection: SCCAF's split and classifier, chance, and the loss that merging brings."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from homodb.query.score import SPLITS, self_projection

pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def test_split_as_sccaf_does_it(make):
    # half of a type's cells teach, at most 200; of fewer than ten nine tenths
    sizes = {"a": 1, "b": 9, "c": 10, "d": 400, "e": 401}
    taught = {"a": 1, "b": 8, "c": 5, "d": 200, "e": 200}
    label = [name for name, size in sizes.items() for _ in range(size)]
    n = len(label)
    points = np.random.default_rng(0).normal(size=(2 * n, 2))
    cells = make(points, label * 2, ["human"] * n + ["mouse"] * n)
    found = self_projection(cells)
    assert found.tested.shape == (SPLITS, 2 * n)
    for asked in found.tested[:, :n]:
        count = Counter(np.array(label)[~asked].tolist())
        assert count == taught
    assert len({one.tobytes() for one in found.tested}) == SPLITS


def test_classifier_minimises_sccafs_loss(make):
    # |w| + |b| + 0.5 x the logistic loss, one type against the rest: solved here by a general optimiser
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, 200)
    points = rng.normal(size=(200, 4)) + np.eye(4)[label] * 1.5
    found = self_projection(make(points, label.tolist(), ["a"] * 100 + ["b"] * 100))
    taught = ~found.tested[0, :100]
    x, rest = (np.column_stack([points[:100][one], np.ones(one.sum())]) for one in (taught, ~taught))
    margins = []
    for one in range(3):
        sign = np.where(label[:100][taught] == one, 1.0, -1.0)

        def loss(halves, sign=sign):
            w = halves[:5] - halves[5:]
            margin = sign * (x @ w)
            slope = -0.5 * x.T @ (sign / (1 + np.exp(margin)))
            return halves.sum() + 0.5 * np.logaddexp(0, -margin).sum(), np.concatenate([1 + slope, 1 - slope])

        solved = minimize(loss, np.zeros(10), jac=True, bounds=[(0, None)] * 10, method="L-BFGS-B")
        margins.append(rest @ (solved.x[:5] - solved.x[5:]))
    called = np.argmax(margins, axis=0)
    right = found.right[0, :100][~taught]
    assert (right == (called == label[:100][~taught])).mean() >= 0.98


def test_values_against_a_loop(draw):
    cells = draw(0, lone=True)
    cells = replace(cells, points=cells.points + np.random.default_rng(0).normal(0, 4, cells.points.shape))
    found = self_projection(cells)
    weights = np.random.default_rng(1).integers(0, 3, 240).astype(float)
    values = found.values(weights)
    for species in (0, 1):
        mine = cells.species.code == species
        for column, chosen in enumerate([mine, *(mine & (cells.label.code == one) for one in range(4))]):
            shares = []
            for asked, right in zip(found.tested, found.right, strict=True):
                n = weights[asked & chosen].sum()
                if n:
                    shares.append(weights[right & chosen].sum() / n)
            wanted = np.mean(shares) if shares else np.nan
            np.testing.assert_allclose(values[species, column], wanted)
    np.testing.assert_allclose(values[-1, 0], values[:2, 0].mean())


def test_perfect_types_random_labels_and_merged_types(draw, make):
    cells = draw(0, cells=600)
    np.testing.assert_array_equal(self_projection(cells).values(np.ones(600))[:, 0], 1)
    rng = np.random.default_rng(0)
    noise = replace(cells, points=rng.normal(size=(600, 6)))
    assert abs(self_projection(noise).values(np.ones(600))[-1, 0] - 1 / 3) < 0.06
    points = cells.points.copy()
    points[:, 1] -= 10 * (cells.label.code == 1)
    points[:, 0] += 10 * (cells.label.code == 1)
    loss = 1 - self_projection(replace(cells, points=points)).values(np.ones(600))
    # the types that became one are told by chance, the third is not touched
    assert 0.25 < loss[-1, 0] < 0.42 and loss[-1, 3] == 0


def test_one_type_tells_nothing(make):
    cells = make(np.zeros((40, 2)), ["x"] * 20 + ["x", "y"] * 10, ["a"] * 20 + ["b"] * 20)
    values = self_projection(cells).values(np.ones(40))
    assert np.isnan(values[0]).all() and np.isfinite(values[1, 0])
