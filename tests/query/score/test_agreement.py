"""NMI, ARI, matched F1 and metrics of labels against scikit-learn and naive versions."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.score import ari, classification_metrics, cross_table, majority_table, matched_f1, nmi, random_table

Divisions = tuple[np.ndarray, np.ndarray]


@st.composite
def divisions(draw: st.DrawFn, types: int = 4, clusters: int = 6) -> Divisions:
    n = draw(st.integers(2, 40))
    first = draw(st.lists(st.integers(0, types - 1), min_size=n, max_size=n))
    second = draw(st.lists(st.integers(0, clusters - 1), min_size=n, max_size=n))
    return np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]


@settings(max_examples=30)
@given(divisions())
def test_nmi_and_ari_are_those_of_scikit_learn(both: Divisions) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    table = cross_table(*both)
    assert nmi(table) == pytest.approx(
        metrics.normalized_mutual_info_score(*both, average_method="geometric"), abs=1e-9
    )
    assert ari(table) == pytest.approx(metrics.adjusted_rand_score(*both), abs=1e-12)
    assert nmi(table.T) == pytest.approx(nmi(table), abs=1e-12)


@settings(max_examples=30)
@given(divisions(), st.data())
def test_weights_count_cells_as_often(both: Divisions, data: st.DataObject) -> None:
    times = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(both[0]), max_size=len(both[0]))))
    repeated = cross_table(*(np.repeat(one, times) for one in both))
    weighed = cross_table(*both, times.astype(float))
    assert np.array_equal(weighed, repeated)


def naive_f1(first: np.ndarray, second: np.ndarray, cluster: list[int]) -> dict[str, float]:
    """What score.R does with MLmetrics: called types by cluster, cells without one dropped; then without dropping."""
    called = np.array([next((kind for kind, one in enumerate(cluster) if one == c), -1) for c in second])
    found = {}
    for name, kept in (("", called >= 0), ("_all", np.ones(len(first), bool))):
        true, said = first[kept], called[kept]
        f1, support = [], []
        for kind in range(first.max() + 1):
            right = int(((true == kind) & (said == kind)).sum())
            precision = right / max(int((said == kind).sum()), 1)
            recall = right / max(int((true == kind).sum()), 1)
            # 0 / 0 in R, where a cluster was given and nothing is right
            nothing = np.nan if not name and cluster[kind] >= 0 else 0.0
            f1.append(nothing if right == 0 else 2 * precision * recall / (precision + recall))
            support.append(int((true == kind).sum()))
        known = [one for one in f1 if not np.isnan(one)]
        found[f"macro{name}"] = float(np.mean(known)) if known else np.nan
        found[f"weighted{name}"] = float(np.nansum(np.array(f1) * support) / sum(support))
        found[f"micro{name}"] = float((true == said).mean())
    return found


@settings(max_examples=40)
@given(divisions())
def test_f1_is_what_the_reference_computes(both: Divisions) -> None:
    table = cross_table(*both)
    found = matched_f1(table)
    given_out = [one for one in found.cluster.tolist() if one >= 0]
    assert len(given_out) == len(set(given_out)) == min(table.shape)
    for name, value in naive_f1(*both, found.cluster.tolist()).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12, nan_ok=True), name


@settings(max_examples=20)
@given(divisions(3, 4))
def test_no_other_assignment_matches_more_cells(both: Divisions) -> None:
    table = cross_table(*both)
    wide = table if table.shape[0] <= table.shape[1] else table.T
    most = max(sum(wide[np.arange(len(wide)), list(one)]) for one in permutations(range(wide.shape[1]), len(wide)))
    found = matched_f1(table)
    there = found.cluster >= 0
    assert table[np.flatnonzero(there), found.cluster[there]].sum() == most


def test_clusters_that_are_left_over_cost_only_the_honest_figures() -> None:
    # ten of type a in cluster 0, ten of type b half in cluster 1, half in cluster 2
    found = matched_f1(np.array([[10.0, 0.0, 0.0], [0.0, 5.0, 5.0]]))
    assert (found.macro, found.micro, found.weighted) == (1.0, 1.0, 1.0)
    assert found.micro_all == 0.75 and found.unmatched == 0.25
    assert found.macro_all == pytest.approx((1 + 2 / 3) / 2)


def test_a_type_without_a_cluster_is_not_forgotten() -> None:
    found = matched_f1(np.array([[10.0], [4.0]]))
    assert found.cluster.tolist() == [0, -1] and found.f1.tolist() == [pytest.approx(20 / 24), 0.0]
    assert found.macro == found.macro_all == pytest.approx(10 / 24)


def test_one_cluster_tells_nothing_and_one_of_each_is_itself() -> None:
    everything = cross_table(np.array([0, 0, 1, 1]), np.zeros(4, int))
    assert nmi(everything) == 0.0 and ari(everything) == 0.0
    same = cross_table(np.array([0, 1, 2]), np.array([2, 0, 1]))
    assert nmi(same) == pytest.approx(1.0) and ari(same) == 1.0 and matched_f1(same).macro_all == 1.0


def test_chance_is_zero_for_ari() -> None:
    rng = np.random.default_rng(0)
    drawn = [ari(cross_table(rng.integers(0, 4, 500), rng.integers(0, 4, 500))) for _ in range(50)]
    assert abs(np.mean(drawn)) < 0.003


def test_metrics_of_labels_that_are_no_true_type_are_those_of_scikit_learn() -> None:
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
        wanted = metrics.precision_recall_fscore_support(
            true, given, labels=list(range(types)), sample_weight=weight, zero_division=0
        )
        for one, other in zip((found.precision, found.recall, found.f1), wanted, strict=False):
            np.testing.assert_allclose(one, other)
        assert found.accuracy == pytest.approx(metrics.accuracy_score(true, given, sample_weight=weight))
        assert found.kappa == pytest.approx(metrics.cohen_kappa_score(true, given, sample_weight=weight))
        means = found.values(("balanced_accuracy", "macro_recall", "macro_precision", "macro_f1"))
        assert means == pytest.approx([np.mean(wanted[one]) for one in (1, 1, 0, 2)])


def test_metrics_of_the_majority_class_and_of_chance() -> None:
    size = np.array([6.0, 3.0, 1.0])
    majority = classification_metrics(majority_table(size))
    assert [majority.balanced_accuracy, majority.kappa, majority.accuracy] == pytest.approx([1 / 3, 0.0, 0.6])
    chance = classification_metrics(random_table(size, np.array([0.5, 0.25, 0.25])))
    assert [chance.balanced_accuracy, chance.kappa] == pytest.approx([1 / 3, 0.0])
    assert chance.accuracy == pytest.approx(0.6 * 0.5 + 0.3 * 0.25 + 0.1 * 0.25)
    lost = classification_metrics(np.array([[0.0, 0.0], [2.0, 2.0]]))
    assert np.isnan(lost.recall[0]) and lost.balanced_accuracy == 0.5
