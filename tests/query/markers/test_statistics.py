"""Ranks, moderated t, adjusted rates, pseudobulks and effects against scipy, other formulas and plain loops."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from homodb.query.markers import (
    PSEUDO,
    Effects,
    Limits,
    MarkerCells,
    adjusted,
    bulk,
    effects,
    moderated_t,
    precision_weights,
    rank_tests,
    statistics,
    usual_variance,
)
from homodb.query.markers.statistics import _trigamma_inverse
from homodb.schema.errors import ScoreError
from tests import messages


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 6), st.integers(2, 4), st.sampled_from([0, 1, 4]))
def test_ranks_are_those_of_scipy(seed: int, cells: int, genes: int, types: int, rate: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.poisson(rate, (cells, genes)) / rng.integers(1, 4, (cells, 1))
    code = rng.integers(0, types, cells)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "_FEW", 0)
        auroc, p = rank_tests(sp.csc_matrix(values), code, types)
    np.testing.assert_array_equal(rank_tests(sp.csc_matrix(values), code, types)[0], auroc)
    for kind in range(types):
        own, rest = values[code == kind], values[code != kind]
        for gene in range(genes):
            if not len(own) or not len(rest):
                assert np.isnan(auroc[kind, gene]) and np.isnan(p[kind, gene])
                continue
            told = stats.mannwhitneyu(own[:, gene], rest[:, gene], alternative="greater", method="asymptotic")
            assert auroc[kind, gene] == pytest.approx(told.statistic / (len(own) * len(rest)), abs=1e-12)
            wanted = 1.0 if np.ptp(values[:, gene]) == 0 else told.pvalue
            assert p[kind, gene] == pytest.approx(wanted, abs=1e-10)


def sparse_values(rng: np.random.Generator, cells: int, genes: int, shares: tuple[float, float]) -> np.ndarray:
    """Values of which most are zero, as cells have them."""
    level = rng.gamma(2.0, 2.0, (cells, genes))
    return np.where(rng.random((cells, genes)) < rng.uniform(*shares, genes), level, 0.0)


@pytest.mark.parametrize(("size", "cells"), [(1, 30), (2, 24), (3, 20), (17, 20), (22, 24), (29, 30)])
def test_few_cells_against_all_ways_to_draw_them(size: int, cells: int) -> None:
    rng = np.random.default_rng(size)
    values, code = sparse_values(rng, cells, 60, (0.05, 0.9)), np.zeros(cells, int)
    code[rng.choice(cells, size, replace=False)] = 1
    auroc, p = (one[1] for one in rank_tests(sp.csc_matrix(values), code, 2))
    few = min(size, cells - size)
    drawn = np.array([np.isin(np.arange(cells), one) for one in combinations(range(cells), few)]) != (few < size)
    ranks = stats.rankdata(values, axis=0)
    exact = (drawn.astype(float) @ ranks >= (ranks[code == 1].sum(axis=0) - 1e-9)).mean(axis=0)
    higher = auroc > 0.5
    assert higher.sum() > 10
    np.testing.assert_allclose(p[higher], exact[higher], rtol=1e-9 if few == 1 else 0.25, atol=0.02)
    if few == 1:
        assert (p[higher] > 1 / 31).all()


@pytest.mark.parametrize("size", [10, 25, 270])
def test_few_cells_against_permutations(size: int) -> None:
    rng = np.random.default_rng(size)
    cells = 300
    values, code = sparse_values(rng, cells, 200, (0.02, 0.5)), np.zeros(cells, int)
    code[rng.choice(cells, size, replace=False)] = 1
    auroc, p = (one[1] for one in rank_tests(sp.csc_matrix(values), code, 2))
    ranks = stats.rankdata(values, axis=0)
    drawn = rng.permuted(np.tile(code, (20_000, 1)), axis=1)
    share = (drawn @ ranks >= ranks[code == 1].sum(axis=0) - 1e-9).mean(axis=0)
    near = (auroc > 0.5) & (share > 0.005)
    assert near.sum() > 50
    np.testing.assert_allclose(p[near], share[near], rtol=0.2, atol=0.004)


def test_a_p_value_is_small_but_not_zero_where_all_cells_of_a_type_have_a_gene() -> None:
    values, code = np.zeros((400, 1)), (np.arange(400) < 100).astype(int)
    values[:100, 0] = np.arange(1, 101)
    p = rank_tests(sp.csc_matrix(values), code, 2)[1][1, 0]
    assert p == pytest.approx(stats.hypergeom.pmf(100, 400, 100, 100), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("size", [3, 5, 10, 17, 30, 50, 100, 300])
def test_shuffled_labels_have_no_more_markers_than_the_rate_allows(size: int, ties: bool) -> None:
    rng = np.random.default_rng(size)
    cells, genes, calls = 800, 1500, []
    level = rng.gamma(0.3, 2.0, genes) * rng.gamma(4.0, 0.25, (cells, 1))
    counts = rng.negative_binomial(2, 2 / (2 + level))
    values = sp.csc_matrix(counts if ties else counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    for _ in range(6):
        code = np.zeros(cells, int)
        code[rng.choice(cells, size, replace=False)] = 1
        p = rank_tests(values, code, 2)[1][1]
        tested = np.maximum(*((counts[code == one] > 0).mean(axis=0) for one in (0, 1))) >= 0.1
        calls.append(int((adjusted(p[tested]) <= 0.05).sum()))
    # of a rate of 0.05, one draw of twenty may call one
    assert sum(one > 0 for one in calls) <= 2 and sum(calls) <= 6, calls


def test_ranks_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    values, code = sp.csc_matrix(rng.poisson(0.7, (60, 50)).astype(float)), rng.integers(0, 3, 60)
    whole = rank_tests(values, code, 3)
    monkeypatch.setattr(statistics, "_AT_ONCE", 70)
    for one, other in zip(whole, rank_tests(values, code, 3), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("donors", [2, 3, 8])
def test_plain_t_is_that_of_scipy(donors: int) -> None:
    told = np.random.default_rng(donors).normal(0.5, 1, (donors, 200))
    wanted = stats.ttest_1samp(told, 0, alternative="greater").pvalue
    np.testing.assert_allclose(moderated_t(told, told.mean(axis=0), moderate=False), wanted, rtol=1e-9)
    few = told[:, :10]
    np.testing.assert_allclose(moderated_t(few, few.mean(axis=0)), wanted[:10], rtol=1e-9)


def test_usual_variance_is_the_one_that_was_drawn() -> None:
    rng = np.random.default_rng(3)
    level = rng.uniform(0, 10, 40_000)
    usual = np.exp(0.3 + 0.2 * level - 0.03 * level**2)
    own = usual * 8 / rng.chisquare(8, level.size)
    prior, found = usual_variance(own * rng.chisquare(3, level.size) / 3, level, 3.0)
    assert prior == pytest.approx(8, rel=0.15)
    np.testing.assert_allclose(found, usual, rtol=0.08)
    prior, found = usual_variance(usual * rng.chisquare(3, level.size) / 3, level, 3.0)
    assert prior > 200 or np.isinf(prior)


def test_moderated_p_is_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(5)
    spread = np.sqrt(4 / rng.chisquare(4, 20_000))
    p = moderated_t(rng.normal(0, spread, (3, 20_000)), np.zeros(20_000))
    assert stats.kstest(p, "uniform").statistic < 0.02
    assert np.mean(p < 1e-3) < 2.5e-3
    assert moderated_t(np.zeros((3, 50)), np.zeros(50)).tolist() == pytest.approx([0.5] * 50)


@given(st.floats(1e-5, 1e6))
def test_trigamma_is_undone(value: float) -> None:
    from scipy.special import polygamma

    assert float(polygamma(1, _trigamma_inverse(value))) == pytest.approx(value, rel=1e-6)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_rates_are_those_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(adjusted(np.array(p)), stats.false_discovery_control(p), atol=1e-12)


def side(seed: int = 0, *, cells: int = 90, genes: int = 40, donors: int = 3, types: int = 3) -> MarkerCells:
    rng = np.random.default_rng(seed)
    kind, donor = rng.integers(0, types, cells), rng.integers(0, donors, cells)
    level = rng.gamma(1, 3, (types, genes))
    drawn = rng.poisson(level[kind] * rng.gamma(5, 0.2, (cells, 1)))
    drawn[0] = 0
    counts = sp.csr_matrix(drawn)
    totals = np.asarray(counts.sum(axis=1), float).ravel()
    names = [f"g{one}" for one in range(genes)]
    return MarkerCells(
        "human", names, np.full(genes, -1), counts, totals, tuple(f"t{one}" for one in range(types)), kind,
        tuple(f"d{one}" for one in range(donors)), donor,
    )  # fmt: skip


def test_bulk_is_what_a_loop_gives() -> None:
    cells = side()
    summed, dense = bulk(cells), cells.counts.toarray()
    for kind in range(3):
        rows = cells.type_code == kind
        np.testing.assert_allclose(summed.shares[kind], (dense[rows] > 0).mean(axis=0), rtol=1e-6)
        for donor in range(3):
            own = rows & (cells.donor_code == donor)
            assert summed.cells[donor, kind] == own.sum()
            wanted = dense[own].sum(axis=0) / dense[own].sum() * 1e6
            np.testing.assert_allclose(summed.cpm[donor, kind], wanted, rtol=1e-5)


def naive_donors(cells: MarkerCells, kind: int, others: list[int], fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Differences and the variance that few cells give them, donors x genes, one donor, gene and cell at a time."""
    dense, totals = cells.counts.toarray(), cells.totals
    genes, groups = dense.shape[1], {}
    for donor in range(len(cells.donors)):
        for one in (kind, *others):
            groups[donor, one] = np.flatnonzero((cells.donor_code == donor) & (cells.type_code == one))
    rate = {key: dense[rows].sum(axis=0) / totals[rows].sum() * 1e6 for key, rows in groups.items() if len(rows)}
    noise = np.zeros((len(cells.types), genes))
    for one in (kind, *others):
        squares, freedom = np.zeros(genes), 0
        for donor in range(len(cells.donors)):
            rows = groups[donor, one]
            for cell in rows:
                depth = totals[cell] / totals[rows].mean()
                squares += (dense[cell] / totals[rows].mean() * 1e6 - depth * rate[donor, one]) ** 2
            freedom += len(rows) - 1
        noise[one] = squares / freedom
    able = [one for one in range(len(cells.donors)) if len(groups[one, kind]) >= fewest]
    means = {donor: np.mean([rate[donor, one] for one in others], axis=0) for donor in able}
    differences = np.array([np.log2(rate[one, kind] + PSEUDO) - np.log2(means[one] + PSEUDO) for one in able])
    own, rest = np.mean([rate[one, kind] for one in able], axis=0), np.mean([means[one] for one in able], axis=0)
    variance = np.array([
        noise[kind] / len(groups[donor, kind]) / (np.log(2) * (own + PSEUDO)) ** 2
        + sum(noise[one] / len(groups[donor, one]) for one in others)
        / len(others) ** 2 / (np.log(2) * (rest + PSEUDO)) ** 2
        for donor in able
    ])  # fmt: skip
    return differences, variance


def naive_test(differences: np.ndarray, variance: np.ndarray, tested: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means, and one-sided p of a least-squares fit of the mean to differences times roots of weights."""
    donors, genes = differences.shape

    def fit(between: float) -> tuple[np.ndarray, np.ndarray]:
        root = np.sqrt(1 / (between + variance))
        fits = [np.linalg.lstsq(root[:, [one]], root[:, one] * differences[:, one]) for one in range(genes)]
        return np.array([one[0][0] for one in fits]), np.array([one[1][0] for one in fits])

    low, high = 1e-4, 1e3
    for _ in range(60):
        middle = np.sqrt(low * high)
        enough = np.median(fit(middle)[1][tested]) > stats.chi2.ppf(0.5, donors - 1)
        low, high = (middle, high) if enough else (low, middle)
    mean, squares = fit(middle)
    error = np.sqrt(squares / (donors - 1) / (1 / (middle + variance)).sum(axis=0))
    return mean, stats.t.sf(mean / error, donors - 1)


@pytest.mark.parametrize(("seed", "genes"), [(4, 25), (5, 60)])
def test_effects_are_what_a_loop_gives(seed: int, genes: int) -> None:
    cells = side(seed, genes=genes, donors=4, cells=130)
    found, dense = effects(cells, ("t0", "t1"), Limits(cells=5)), cells.counts.toarray()
    assert found.types["test"].to_list() == ["donors"] * 3 and found.types["donors"].to_list() == [4] * 3
    for kind, others in ((0, [1]), (1, [0]), (2, [0, 1])):
        differences, variance = naive_donors(cells, kind, others, 5)
        rows = found.table.filter(found.table["type"] == f"t{kind}")
        tested = rows["p"].is_not_null().to_numpy()
        mean, p = naive_test(differences, variance, tested)
        np.testing.assert_allclose(rows["log2fc"], mean, rtol=1e-3, atol=1e-4)
        if genes < 30:  # no usual variance is estimated
            np.testing.assert_allclose(rows["p"].to_numpy()[tested], p[tested], rtol=1e-3, atol=1e-6)
        scaled = dense / np.maximum(cells.totals, 1)[:, None]
        own, rest = scaled[cells.type_code == kind], scaled[np.isin(cells.type_code, others)]
        area = (own[:, None] > rest[None]).mean(axis=(0, 1)) + (own[:, None] == rest[None]).mean(axis=(0, 1)) / 2
        np.testing.assert_allclose(rows["auroc"], area, atol=1e-9)
        q = stats.false_discovery_control(rows["p"].to_numpy()[tested])
        np.testing.assert_allclose(rows["q"].to_numpy()[tested], q, rtol=1e-9)


def unequal(seed: int, sizes: tuple[int, ...], rest: tuple[int, ...], fold: float) -> MarkerCells:
    """Two types of some donors; a fifth of the genes is higher in the first. Donors differ more in some genes."""
    rng, genes = np.random.default_rng(seed), 800
    level, spread = rng.lognormal(-1.0, 1.5, genes), 0.5 * np.sqrt(4 / rng.chisquare(4, genes))
    higher = np.where(np.arange(genes) < genes // 5, fold, 0.0)
    counts = []
    for own, other in zip(sizes, rest, strict=True):
        base = rng.normal(0, 0.3, genes)
        for cells, added in ((own, higher), (other, 0.0)):
            mean = level * 2 ** (base + rng.normal(0, spread / np.sqrt(2)) + added)
            counts.append(rng.poisson(rng.gamma(2.0, mean * rng.lognormal(0, 0.4, (cells, 1)) / 2.0)))
    kind = np.concatenate([np.repeat([0, 1], pair) for pair in zip(sizes, rest, strict=True)])
    donor = np.repeat(np.arange(len(sizes)), np.add(sizes, rest))
    matrix = sp.csr_matrix(np.vstack(counts))
    donors = tuple(f"d{one}" for one in range(len(sizes)))
    totals = np.asarray(matrix.sum(axis=1), float).ravel()
    names = [f"g{one}" for one in range(genes)]
    return MarkerCells("human", names, np.full(genes, -1), matrix, totals, ("a", "b"), kind, donors, donor)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "rest"),
    [
        ((3, 19, 8), (30, 30, 30)), ((3, 3, 19, 19), (40,) * 4), ((3, 40), (40, 40)), ((19, 19, 19), (3, 19, 60)),
        ((3, 5, 10, 30, 60, 80), (50,) * 6), ((20,) * 4, (40,) * 4),
    ],
    ids=str,
)  # fmt: skip
def test_weights_by_cells_hold_the_rate_and_find_more(
    sizes: tuple[int, ...], rest: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tested(fold: float) -> tuple[np.ndarray, np.ndarray]:
        """P values and fold changes of all repeats: of the genes that are higher, or with no fold of all."""
        tables = [effects(unequal(seed, sizes, rest, fold), ("a", "b"), Limits()).table for seed in range(5)]
        rows = [one.filter((pl.col("type") == "a") & pl.col("p").is_not_null()) for one in tables]
        rows = [one.filter(pl.col("column") < 160) if fold else one for one in rows]
        return tuple(np.concatenate([one[name].to_numpy() for one in rows]) for name in ("p", "log2fc"))

    nothing, (higher, fold) = tested(0.0)[0], tested(1.5)
    monkeypatch.setattr(statistics, "precision_weights", lambda differences, noise, genes: np.ones_like(differences))
    plain_nothing, (plain, plain_fold) = tested(0.0)[0], tested(1.5)
    # of some 3,500 tests that depend on one another within a repeat
    assert np.mean(nothing <= 0.05) < 0.05 and np.mean(nothing <= 0.01) < 0.01, (nothing <= 0.05).mean()
    # genes that are found where each way calls 5 % of those that do not differ (1 % are too few to compare by)
    found, wanted = (np.mean(p <= np.quantile(null, 0.05)) for p, null in ((higher, nothing), (plain, plain_nothing)))
    errors = [np.sqrt(np.mean((one - 1.5) ** 2)) for one in (fold, plain_fold)]
    equal = len(set(sizes)) == len(set(rest)) == 1
    assert found > wanted * (0.95 if equal else 1) and errors[0] < errors[1] * (1.02 if equal else 0.99), (
        found,
        wanted,
    )


def test_weights_of_equal_noise_are_equal_and_of_a_noisy_donor_are_small() -> None:
    rng = np.random.default_rng(2)
    same = precision_weights(rng.normal(0, 1, (4, 500)), np.full((4, 500), 0.2))
    np.testing.assert_allclose(same, same[:1].repeat(4, axis=0))
    noise = np.broadcast_to(np.array([0.0, 0.0, 0.0, 3.0])[:, None], (4, 4000))
    drawn = rng.normal(0, np.sqrt(0.25 + noise))
    # the variance between donors that was drawn comes back
    np.testing.assert_allclose(1 / precision_weights(drawn, noise) - noise, 0.25, rtol=0.1)
    exact = precision_weights(np.zeros((3, 10)), np.zeros((3, 10)))
    assert np.isfinite(exact).all() and (exact == exact[0, 0]).all()


def test_one_donor_is_tested_by_cells_and_order_does_not_matter() -> None:
    cells = side(6, donors=1)
    first = effects(cells, cells.types, Limits())
    assert first.types["test"].to_list() == ["cells"] * 3 and first.types["donors"].sum() == 0
    order = np.random.default_rng(0).permutation(len(cells.totals))
    mixed = MarkerCells(
        cells.species, cells.genes, cells.keys, cells.counts[order], cells.totals[order], cells.types,
        cells.type_code[order], cells.donors, cells.donor_code[order],
    )  # fmt: skip
    again: Effects = effects(mixed, cells.types, Limits())
    for name in ("log2fc", "auroc", "p", "q"):
        one, other = (frame.table[name].fill_null(-1).to_numpy() for frame in (first, again))
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-9)


def test_limits_are_checked() -> None:
    for wrong in ({"fdr": 0.0}, {"fdr": 2.0}, {"share": -0.1}, {"cells": 0}, {"log2fc": float("nan")}):
        with pytest.raises(ScoreError, match=messages.Markers.rate_share):
            Limits(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ScoreError, match=messages.Markers.no_two_cell_types_500):
        effects(side(), ("t0", "t1", "t2"), Limits(cells=500))
