"""Measures against scikit-learn, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.annotate.evaluate import METRICS, auroc, calibration
from homodb.query.score import classification_metrics, majority_table, random_table


def test_agreement_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(4)
    for _ in range(20):
        types, cells = int(rng.integers(2, 6)), int(rng.integers(10, 80))
        true = np.concatenate([np.arange(types), rng.integers(0, types, cells)])
        given = np.where(rng.random(len(true)) < 0.6, true, rng.integers(0, types + 2, len(true)))
        weight = rng.integers(1, 4, len(true)).astype(float)
        table = np.zeros((types, types + 2))
        np.add.at(table, (true, given), weight)
        found = classification_metrics(table)
        labels = list(range(types))
        wanted = metrics.precision_recall_fscore_support(
            true, given, labels=labels, sample_weight=weight, zero_division=0
        )
        for one, other in zip((found.precision, found.recall, found.f1), wanted, strict=False):
            np.testing.assert_allclose(one, other)
        assert found.accuracy == pytest.approx(metrics.accuracy_score(true, given, sample_weight=weight))
        assert found.kappa == pytest.approx(metrics.cohen_kappa_score(true, given, sample_weight=weight))
        values = found.values(METRICS)
        assert values[0] == pytest.approx(np.mean(wanted[1])) == values[4]
        assert values[[3, 5]] == pytest.approx([np.mean(wanted[0]), np.mean(wanted[2])])


@settings(max_examples=50)
@given(seed=st.integers(0, 10_000))
def test_auroc_against_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 5, 20).astype(float)
    score[rng.random(20) < 0.1] = np.nan
    positive, weight = rng.random(20) < 0.4, rng.integers(0, 3, 20).astype(float)
    won = pairs = 0.0
    for one in np.flatnonzero(positive):
        for other in np.flatnonzero(~positive):
            if np.isfinite(score[one] + score[other]):
                worth = weight[one] * weight[other]
                pairs += worth
                won += worth * (float(score[one] > score[other]) + float(score[one] == score[other]) / 2)
    np.testing.assert_allclose(auroc(score, positive, weight), won / pairs if pairs else np.nan)


def test_rows_of_no_thought() -> None:
    size = np.array([6.0, 3.0, 1.0])
    assert classification_metrics(majority_table(size)).values(METRICS)[:3].tolist() == pytest.approx([1 / 3, 0.0, 0.6])
    drawn = classification_metrics(random_table(size, np.array([0.5, 0.25, 0.25])))
    assert drawn.values(METRICS)[:3].tolist() == pytest.approx([1 / 3, 0.0, 0.6 * 0.5 + 0.3 * 0.25 + 0.1 * 0.25])
    lost = classification_metrics(np.array([[0.0, 0.0], [2.0, 2.0]]))
    assert np.isnan(lost.recall[0]) and lost.balanced_accuracy == 0.5
    assert np.isnan(classification_metrics(np.zeros((2, 2))).values(METRICS)).all()


def test_calibration_by_hand() -> None:
    confidence = np.array([0.05, 0.15, 0.95, 1.0, np.nan])
    table, error = calibration(confidence, np.array([False, True, True, False, True]))
    assert table.select("cells", "right").rows() == [(1, 0.0), (1, 1.0), (2, 0.5)]
    assert table["confidence"].to_list() == pytest.approx([0.05, 0.15, 0.975])
    assert error == pytest.approx((0.05 + 0.85 + 2 * 0.475) / 4)
    empty, none = calibration(np.full(3, np.nan), np.ones(3, bool))
    assert empty.height == 0 and np.isnan(none)
