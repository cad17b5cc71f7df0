"""Each step against a plain implementation of what it says."""

from __future__ import annotations

import importlib
import itertools
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.integrate import (
    Anchors,
    MergeStep,
    canonical_vectors,
    consensus,
    correct,
    find_anchors,
    kneighbors,
    log_normalized,
    merge,
    merge_order,
    principal_components,
    scaled,
    shared_neighbors,
    standardized_cells,
    umap,
    unit_rows,
    varying,
    vst,
    weights,
)
from homodb.schema.errors import IntegrationError
from tests import messages

linear, neighbors = (importlib.import_module(f"homodb.query.integrate.{name}") for name in ("linear", "neighbors"))

FEW = settings(max_examples=15, deadline=None)


def counts_of(cells: int, features: int, seed: int = 0) -> sp.csr_matrix:
    rng = np.random.default_rng(seed)
    depth = rng.gamma(4, 0.25, (cells, 1))
    made = rng.poisson(depth * rng.gamma(0.4, 3, (1, features)))
    made[:, 0] = 0  # a feature that no cell has
    made[:, 1] = 1  # and one that is constant
    return sp.csr_matrix(made.astype(np.float32))


def dense_scaled(logs: np.ndarray, top: float = 10.0) -> np.ndarray:
    deviation = logs.std(axis=0, ddof=1)
    centred = logs - logs.mean(axis=0)
    return np.minimum(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-12), top)


@FEW
@given(st.integers(0, 10_000), st.integers(1, 40))
def test_nearest(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    points, queries = rng.standard_normal((40, 3)), rng.standard_normal((17, 3))
    apart = np.linalg.norm(queries[:, None] - points[None], axis=2)
    found = kneighbors(points, k, queries=queries)
    np.testing.assert_array_equal(found.indices, np.argsort(apart, axis=1)[:, :k])
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :k])


@FEW
@given(st.integers(0, 10_000), st.integers(1, 40), st.sampled_from([0, 1_000_003]))
def test_of_points_that_are_equally_far_the_first_are_nearest(seed: int, k: int, away: int) -> None:
    rng = np.random.default_rng(seed)
    points, queries = (rng.integers(0, 3, (rows, 3)) + away for rows in (40, 17))  # whole numbers: ties are exact
    apart = ((queries[:, None] - points[None]) ** 2).sum(axis=2)
    found = kneighbors(points, k, queries=queries)
    np.testing.assert_array_equal(found.indices, np.argsort(apart, axis=1, kind="stable")[:, :k])
    np.testing.assert_array_equal(found.distances, np.sqrt(np.sort(apart, axis=1)[:, :k]))


@FEW
@given(st.integers(0, 10_000), st.sampled_from([1e-30, 1e-3, 1.0, 1e25]), st.sampled_from([0.0, 1.0, 1e5]))
def test_nearest_of_points_that_single_precision_cannot_tell_apart(seed: int, scale: float, away: float) -> None:
    rng = np.random.default_rng(seed)
    # piles far from each other, some of copies, and one point farther than all
    points = rng.integers(0, 3, (700, 3)) * 1e4 + rng.normal(0, rng.choice([0, 1e-4, 1], (700, 1)), (700, 3))
    points[rng.integers(700)] = 1e9
    points = (points + away) * scale
    apart = np.sqrt(((points[:40, None] - points[None]) ** 2).sum(axis=2))
    order = np.argsort(apart, axis=1, kind="stable")[:, :25]
    found = kneighbors(points, 25, rows=np.arange(40))
    np.testing.assert_allclose(found.distances, np.take_along_axis(apart, order, 1), rtol=1e-12)
    # whole distances are the same to the last digit or not, and then the order is theirs
    np.testing.assert_array_equal(np.sort(found.distances, axis=1), found.distances)
    np.testing.assert_array_equal(found.indices, order)


def test_neighbors_among_the_nearest_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbors, "_GROUP", 60)
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (3000, 8)) + 4 * rng.integers(0, 3, (3000, 1))
    for queries in (None, rng.normal(0, 3, (200, 8))):
        exact = kneighbors(points, 15, queries=queries)
        found, again = (kneighbors(points, 15, queries=queries, exact=1000) for _ in range(2))
        np.testing.assert_array_equal(found.indices, again.indices)
        same = [len(np.intersect1d(a, b)) / 15 for a, b in zip(found.indices, exact.indices, strict=True)]
        assert np.mean(same) > 0.97
        right = found.indices == exact.indices
        np.testing.assert_array_equal(found.distances[right], exact.distances[right])
    # more neighbours than groups have points
    assert kneighbors(points, 2500, rows=np.arange(3), exact=1000).indices.shape == (3, 2500)


def test_a_known_search_gives_the_same_graph() -> None:
    cells = np.random.default_rng(0).standard_normal((80, 4))
    graph, other = shared_neighbors(cells, k=9), shared_neighbors(cells, k=9, near=kneighbors(cells, 30))
    assert (graph.connectivities != other.connectivities).nnz == (graph.distances != other.distances).nnz == 0


def test_products_in_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "_MANY", 1)
    matrix = scaled(sp.random(203, 31, 0.3, "csr", rng=np.random.default_rng(0)))
    rng = np.random.default_rng(1)
    for right, left in (
        (rng.normal(size=31), rng.normal(size=203)),
        (rng.normal(size=(31, 4)), rng.normal(size=(203, 4))),
    ):
        np.testing.assert_allclose(matrix.times(right), matrix.dense() @ right, atol=1e-12)
        np.testing.assert_allclose(matrix.transposed_times(left), matrix.dense().T @ left, atol=1e-12)


def test_nearest_refuses_more_than_there_are() -> None:
    with pytest.raises(ValueError, match=messages.Integrate.neighbours_among_3):
        kneighbors(np.zeros((3, 2)), 4, queries=np.zeros((1, 2)))


def test_vst_by_hand() -> None:
    pytest.importorskip("skmisc")
    from skmisc.loess import loess

    sparse = counts_of(70, 200, 3)
    counts = sparse.toarray().astype(float)
    mean, variance = counts.mean(axis=0), counts.var(axis=0, ddof=1)
    some = variance > 0
    fit = loess(np.log10(mean[some]), np.log10(variance[some]), span=0.3, degree=2)
    fit.fit()
    wanted = np.zeros(200)
    z = (counts[:, some] - mean[some]) / np.sqrt(10**fit.outputs.fitted_values)
    wanted[some] = (np.minimum(z, np.sqrt(70)) ** 2).sum(axis=0) / 69
    found = vst(sparse)
    np.testing.assert_allclose(found.variance, variance, atol=1e-12)
    np.testing.assert_allclose(found.standardized, wanted, rtol=1e-9)
    assert 0 not in found.order() and 1 in found.order()


def test_vst_of_few_cells_goes_on_as_r_does() -> None:
    pytest.importorskip("skmisc")
    rng = np.random.default_rng(2)
    rates = rng.gamma(0.3, 1.0, 9000)
    for cells in (12, 20, 40):  # of whose means many are the same, so that loess is singular in places
        found = vst(sp.csr_matrix(rng.poisson(rates, (cells, 9000)).astype(np.float32)))
        assert np.isfinite(found.standardized).all() and len(found.order()) == np.count_nonzero(found.mean)


@pytest.mark.parametrize("reason", ["reciprocal condition number  2.4e-15", "pseudoinverse used at -1.8", "span"])
def test_warnings_of_loess_are_no_errors(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    loess = pytest.importorskip("skmisc.loess")

    class Warned(loess.loess):  # type: ignore[misc]
        def fit(self) -> None:
            super().fit()
            raise ValueError(reason.encode())

    counts = counts_of(70, 200, 3)
    expected = vst(counts)
    monkeypatch.setattr(loess, "loess", Warned)
    if reason == "span":
        with pytest.raises(IntegrationError, match=r"\(span\); give a larger span"):
            vst(counts)
    else:
        np.testing.assert_array_equal(vst(counts).standardized, expected.standardized)


def test_vst_of_too_few_features() -> None:
    pytest.importorskip("skmisc")
    with pytest.raises(IntegrationError, match=messages.Integrate.loess_cannot_be_fitted):
        vst(counts_of(30, 5))


@FEW
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_consensus(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"g{one}" for one in rng.permutation(12)]
    ranked = [rng.permutation(12)[:6] for _ in range(3)]
    rows = []
    for feature, name in enumerate(names):
        ranks = [one.tolist().index(feature) for one in ranked if feature in one]
        if ranks:
            rows.append((-len(ranks), np.median(ranks), name, feature))
    assert consensus(ranked, names, n).tolist() == [row[-1] for row in sorted(rows)][:n]


def test_scaling_is_that_of_dense_data() -> None:
    counts = counts_of(60, 50)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    logs = log_normalized(counts, totals)
    dense = np.log1p(counts.toarray() / totals[:, None] * 1e4)
    np.testing.assert_allclose(logs.toarray(), dense, rtol=1e-6)
    for top in (10.0, 1.5):  # the second clips many
        ours, wanted = scaled(logs, scale_max=top), dense_scaled(logs.toarray(), top)
        np.testing.assert_allclose(ours.dense(), wanted, atol=1e-10)
        wanted_cells = (wanted - wanted.mean(axis=1, keepdims=True)) / wanted.std(axis=1, ddof=1, keepdims=True)
        np.testing.assert_allclose(standardized_cells(ours).dense(), wanted_cells, atol=1e-9)
        vector, back = np.random.default_rng(1).standard_normal(50), np.random.default_rng(2).standard_normal(60)
        np.testing.assert_allclose(ours.times(vector), wanted @ vector, atol=1e-9)
        np.testing.assert_allclose(ours.transposed_times(back), wanted.T @ back, atol=1e-9)
    # a feature without counts does not vary
    assert not varying(ours)[0] and varying(ours)[2:].any()


def test_cell_without_counts_stays_finite() -> None:
    counts = sp.csr_matrix(np.vstack([counts_of(40, 30).toarray(), np.zeros((1, 30))]))
    logs = log_normalized(counts, np.asarray(counts.sum(axis=1)).ravel())
    assert np.isfinite(standardized_cells(scaled(logs)).dense()).all() and logs[40].nnz == 0


def test_components_and_canonical_vectors_are_plain_decompositions() -> None:
    one, two = (
        log_normalized(x, np.asarray(x.sum(axis=1)).ravel()) for x in (counts_of(50, 90, 1), counts_of(70, 90, 2))
    )
    left, values, _ = np.linalg.svd(dense_scaled(one.toarray()), full_matrices=False)
    cells = principal_components(scaled(one), 6).cells
    np.testing.assert_allclose(np.abs(cells), np.abs(left * values)[:, :6], atol=1e-8)
    a, b = scaled(one), scaled(two)
    both = varying(a) & varying(b)
    first, second = (dense_scaled(x.toarray())[:, both] for x in (one, two))
    first, second = ((x - x.mean(axis=1)[:, None]) / x.std(axis=1, ddof=1)[:, None] for x in (first, second))
    u, _, vt = np.linalg.svd(first @ second.T)
    ours = canonical_vectors(a, b, 5)
    np.testing.assert_allclose(np.abs(ours[0]), np.abs(u[:, :5]), atol=1e-7)
    np.testing.assert_allclose(np.abs(ours[1]), np.abs(vt[:5].T), atol=1e-7)
    assert (ours[0][0] >= 0).all() and np.array_equal(canonical_vectors(a, b, 5)[0], ours[0])


@FEW
@given(st.integers(0, 10_000))
def test_anchors_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = unit_rows(rng.standard_normal((25, 4))), unit_rows(rng.standard_normal((31, 4)))
    found = find_anchors(one, two, k_anchor=3, k_score=8)

    def near(x: np.ndarray, points: np.ndarray, k: int) -> list[int]:
        return np.argsort(np.linalg.norm(points - x, axis=1))[:k].tolist()

    pairs, shared = [], []
    for i, x in enumerate(one):
        for j in near(x, two, 3):
            if i in near(two[j], one, 3):
                pairs.append((i, j))
                left = {("a", n) for n in near(x, one, 8)} | {("b", n) for n in near(x, two, 8)}
                right = {("a", n) for n in near(two[j], one, 8)} | {("b", n) for n in near(two[j], two, 8)}
                shared.append(len(left & right))
    low, high = np.quantile(shared, [0.01, 0.9])
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == pairs
    np.testing.assert_allclose(found.score, np.clip((np.array(shared) - low) / (high - low), 0, 1) if high > low else 1)


@FEW
@given(st.integers(0, 10_000), st.integers(2, 30))
def test_correction_by_hand(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    reference, query = rng.standard_normal((20, 3)), rng.standard_normal((30, 3))
    pairs = sorted({(int(a), int(b)) for a, b in zip(rng.integers(0, 20, 40), rng.integers(0, 30, 40), strict=True)})
    anchors = Anchors(*np.array(pairs).T, rng.uniform(0.1, 1, len(pairs)))
    cells = sorted({b for _, b in pairs})
    wanted = []
    for x in query:
        near = sorted(cells, key=lambda cell: np.linalg.norm(query[cell] - x))[:k]
        farthest = np.linalg.norm(query[near[-1]] - x)
        taken = [(n, cell) for cell in near for n, (_, b) in enumerate(pairs) if b == cell][:k]
        raw = [
            1 - np.exp(-(1 - np.linalg.norm(query[cell] - x) / farthest) * anchors.score[n] / 4) for n, cell in taken
        ]
        vectors = [query[pairs[n][1]] - reference[pairs[n][0]] for n, _ in taken]
        total = sum(raw)
        wanted.append(x - sum(w / total * v for w, v in zip(raw, vectors, strict=True)) if total > 0 else x)
    np.testing.assert_allclose(correct(reference, query, anchors, k_weight=k), wanted, atol=1e-9)
    sums = np.asarray(weights(query, anchors, k_weight=k, sd_weight=1.0).sum(axis=1)).ravel()
    assert ((np.abs(sums - 1) < 1e-9) | (sums == 0)).all()


def test_a_shift_is_undone() -> None:
    rng = np.random.default_rng(5)
    reference = rng.standard_normal((200, 4))
    shift = np.array([4.0, -2.0, 1.0, 0.0])
    anchors = Anchors(np.arange(200), np.arange(200), np.ones(200))
    np.testing.assert_allclose(correct(reference, reference + shift, anchors), reference, atol=1e-9)


def _linked(numbers: dict[tuple[int, int], int], offset: list[int]) -> dict[tuple[int, int], Anchors]:
    return {
        (a, b): Anchors(offset[a] + np.arange(n), offset[b] + np.arange(n), np.ones(n)) for (a, b), n in numbers.items()
    }


def test_order_of_merging() -> None:
    # 2 and 1 have the most anchors per cell of the smaller: 2 (smaller) goes onto 1, then 0 (smaller) onto both
    pairs = _linked({(0, 1): 5, (0, 2): 4, (1, 2): 18}, [0, 30, 80])
    assert merge_order(pairs, np.array([30, 50, 20])) == [MergeStep((1,), (2,)), MergeStep((1, 2), (0,))]


def test_groups_without_anchors_are_refused() -> None:
    pairs = _linked({(0, 1): 6, (0, 2): 0, (1, 2): 0}, [0, 10, 20])
    cells, code = np.random.default_rng(0).standard_normal((30, 3)), np.repeat([0, 1, 2], 10)
    with pytest.raises(IntegrationError, match=messages.Integrate.no_anchor_between_pig):
        merge(cells, code, pairs, ("human", "mouse", "pig"), k_weight=5, sd_weight=1.0)


def test_three_shifted_species_meet() -> None:
    rng = np.random.default_rng(1)
    base = rng.standard_normal((60, 3))
    sizes = [60, 40, 25]
    shifts = [np.zeros(3), np.array([5.0, 0, 0]), np.array([0, -7.0, 2.0])]
    cells = np.vstack([base[:n] + shift for n, shift in zip(sizes, shifts, strict=True)])
    pairs = {}
    for a, b in itertools.combinations(range(3), 2):
        n, starts = min(sizes[a], sizes[b]), np.cumsum([0, *sizes])
        pairs[a, b] = Anchors(starts[a] + np.arange(n), starts[b] + np.arange(n), np.ones(n))
    merged, steps = merge(cells, np.repeat([0, 1, 2], sizes), pairs, ("a", "b", "c"), k_weight=100, sd_weight=1.0)
    assert len(steps) == 2
    np.testing.assert_allclose(merged, np.vstack([base[:n] for n in sizes]), atol=1e-9)


@FEW
@given(st.integers(0, 10_000))
def test_shared_neighbors_by_hand(seed: int) -> None:
    cells = np.random.default_rng(seed).standard_normal((30, 3))
    graph = shared_neighbors(cells, k=6, prune=0.2)
    near = [set(np.argsort(np.linalg.norm(cells - x, axis=1))[:6].tolist()) for x in cells]
    wanted = np.zeros((30, 30))
    for i, j in itertools.permutations(range(30), 2):
        share = len(near[i] & near[j]) / len(near[i] | near[j])
        wanted[i, j] = share if share >= 0.2 else 0
    np.testing.assert_allclose(graph.connectivities.toarray(), wanted)
    assert [set(graph.distances[i].indices.tolist()) for i in range(30)] == [n - {i} for i, n in enumerate(near)]


@pytest.mark.parametrize("seed", range(3))
def test_the_fuzzy_graph_is_umap_learns(seed: int) -> None:
    from umap.umap_ import fuzzy_simplicial_set

    cells = np.random.default_rng(seed).normal(size=(120, 5))
    cells[60:] += 4
    cells[5:9] = cells[5]
    near = kneighbors(cells, 15)
    ours = neighbors.fuzzy_graph(near.indices, near.distances)
    theirs, _, _ = fuzzy_simplicial_set(
        cells, 15, None, "euclidean", knn_indices=near.indices, knn_dists=near.distances.astype(np.float32)
    )
    assert abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("cells", [2, 5, 40])
def test_umap_of_few_and_of_equal_cells(cells: int) -> None:
    points = np.random.default_rng(0).normal(size=(cells, 4))
    for one in (points, np.zeros((cells, 4)), np.repeat(points[:1], cells, axis=0)):
        plane = umap(one)
        assert plane.shape == (cells, 2) and np.isfinite(plane).all()
    assert np.array_equal(umap(points), umap(points))


def test_identical_cells_have_neighbors() -> None:
    graph = shared_neighbors(np.zeros((40, 2)), k=5)
    assert (np.diff(graph.distances.indptr) == 4).all()
    assert (graph.distances.tocoo().row != graph.distances.tocoo().col).all()


@pytest.mark.slow
def test_memory_stays_below_cells_by_cells() -> None:
    cells = np.random.default_rng(0).standard_normal((4000, 10))
    matrix = scaled(sp.random(4000, 60, 0.1, "csr", rng=np.random.default_rng(1)))
    tracemalloc.start()
    try:
        find_anchors(cells, cells[::-1])
        canonical_vectors(matrix, matrix, 5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4000 * 4000 * 8 / 2
