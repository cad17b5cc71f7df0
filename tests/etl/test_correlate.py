"""Exact matching, against correlations that numpy computes one pair at a time in float64."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from homodb.etl import BEST_HIT_COLUMNS, CORRELATION_COLUMNS, HOMOLOGY_COLUMNS, EmbeddingEvidence, Evidence, Parameters
from homodb.etl.matching import correlate, correlate_genes, product, side
from homodb.etl.strategies.lm_o2o import lm_o2o
from homodb.schema.errors import MissingPackageError, VectorsError
from homodb.schema.vectors import GeneVectors
from tests import messages

Array = npt.NDArray[np.float32]
NOTHING = pl.DataFrame(schema={"gene_a": pl.Int64, "gene_b": pl.Int64})
DEVICES = ("numpy", "cpu")


def species(vectors: Any, first: int = 100) -> GeneVectors:
    array = np.asarray(vectors, np.float32)
    return GeneVectors(np.arange(first, first + array.shape[0]), array)


def naive(a: GeneVectors, b: GeneVectors) -> npt.NDArray[np.float64]:
    """All correlations; nan where a vector is constant."""
    one, two = (v.vectors.astype(np.float64) for v in (a, b))
    all_of = np.full((len(one), len(two)), np.nan)
    for i, x in enumerate(one):
        for j, y in enumerate(two):
            if np.ptp(x) > 0 and np.ptp(y) > 0:
                x0, y0 = x - x.mean(), y - y.mean()
                all_of[i, j] = np.dot(x0, y0) / np.sqrt(np.dot(x0, x0) * np.dot(y0, y0))
    return all_of


def best_of(a: GeneVectors, b: GeneVectors, matrix: npt.NDArray[np.float64]) -> list[tuple[int, int, float, Any]]:
    """Every pair that is best for both, by looking at each row and each column whole."""
    matrix = np.round(matrix, 12)
    rows, columns = ~np.isnan(matrix).all(axis=1), ~np.isnan(matrix).all(axis=0)
    found = []
    for i in np.flatnonzero(rows):
        for j in np.flatnonzero(columns):
            row, column = matrix[i, columns], matrix[rows, j]
            r = matrix[i, j]
            if r == row.max() and r == column.max():
                margin = None
                if row.size > 1 and column.size > 1:
                    margin = float(min(r - np.sort(row)[-2], r - np.sort(column)[-2]))
                found.append((int(a.genes[i]), int(b.genes[j]), float(r), margin))
    return found


def check(told: EmbeddingEvidence, a: GeneVectors, b: GeneVectors) -> None:
    matrix = naive(a, b)
    known = matrix[~np.isnan(matrix)]
    expected = best_of(a, b, matrix)
    frame = pl.DataFrame(expected, schema=BEST_HIT_COLUMNS, orient="row")
    assert_frame_equal(told.best_hits, frame, rel_tol=0, abs_tol=2e-12)
    assert told.best_hits.schema == BEST_HIT_COLUMNS and told.correlations.schema == CORRELATION_COLUMNS
    if known.size:
        assert told.median is not None and abs(told.median - np.median(known)) <= 1e-4
    else:
        assert told.median is None


def same(one: EmbeddingEvidence, two: EmbeddingEvidence) -> None:
    """To the last bit."""
    assert one.best_hits.equals(two.best_hits)
    assert one.correlations.equals(two.correlations)
    assert one.median == two.median


@pytest.fixture(params=[2, 1 << 16])
def at_once(request: pytest.FixtureRequest) -> Iterator[int]:
    """Numbers that are worked on at a time: a row of a tile, or all of it."""
    with patch.object(side, "_AT_ONCE", request.param):
        yield request.param


def random(seed: int, rows: int, dimensions: int) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)


def awkward(seed: int, rows: int, dimensions: int) -> Array:
    """Families of alike vectors: duplicates, scaled and shifted ones, some a last bit apart, and constant ones."""
    rng = np.random.default_rng(seed)
    # a common seed, so that both species share the families
    ancestors = random(99, 12, dimensions)
    vectors = ancestors[rng.integers(0, 12, rows)] + (
        0.3 * random(seed, rows, dimensions) * (rng.random((rows, 1)) < 0.5)
    )
    near = rng.random(rows) < 0.3
    vectors[near, 0] *= np.float32(1) + np.float32(2**-23) * rng.integers(0, 4, near.sum())
    vectors[rng.random(rows) < 0.1] *= 4
    vectors[rng.random(rows) < 0.1] = 3.25
    return vectors.astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("make", [random, awkward])
@pytest.mark.parametrize(
    ("rows", "columns", "dimensions"), [(110, 70, 7), (50, 130, 64), (1, 40, 5), (40, 1, 5), (1, 1, 9)]
)
def test_like_all_pairs_whatever_computes_it(make: Any, rows: int, columns: int, dimensions: int, at_once: int) -> None:
    a, b = species(make(1, rows, dimensions)), species(make(2, columns, dimensions), 7)
    reference = correlate_genes(a, b, wanted=NOTHING, device="numpy")
    check(reference, a, b)
    for device in DEVICES:
        for block in (17, 64, 100):
            same(correlate_genes(a, b, wanted=NOTHING, device=device, block=block), reference)
    turned = correlate_genes(b, a, wanted=NOTHING, device="cpu", block=31).best_hits
    assert turned.select("gene_b", "gene_a", "correlation", "margin").sort("gene_b", "gene_a").rows() == (
        reference.best_hits.rows()
    )


@given(
    st.data(), st.integers(1, 6), st.sampled_from([1, 3, 64]), st.sampled_from(DEVICES), st.sampled_from([2, 1 << 16])
)
@settings(deadline=None, max_examples=70)
def test_like_all_pairs_of_odd_numbers(
    data: st.DataObject, dimensions: int, block: int, device: str, size: int
) -> None:
    row = st.lists(st.integers(-3, 3), min_size=dimensions, max_size=dimensions)
    a, b = (
        species(np.array(data.draw(st.lists(row, max_size=9)), np.float32).reshape(-1, dimensions), first)
        for first in (100, 1)
    )
    # where a correlation lies on the edge of the last decimal, ties are not defined
    matrix = naive(a, b)
    assume(np.all(np.abs(np.abs(matrix[~np.isnan(matrix)]) * 1e12 % 1 - 0.5) > 1e-2))
    with patch.object(side, "_AT_ONCE", size):
        told = correlate_genes(a, b, wanted=NOTHING, device=device, block=block)
        check(told, a, b)
        same(told, correlate_genes(a, b, wanted=NOTHING))


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")

    a, b = species(awkward(3, 150, 50)), species(awkward(4, 100, 50))
    every = pl.DataFrame({"gene_a": a.genes}).join(pl.DataFrame({"gene_b": b.genes}), how="cross")
    reference = correlate_genes(a, b, wanted=every, block=128)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with (
            patch.object(side, "_THREADS", threads),
            patch.object(side, "_AT_ONCE", 170),
            patch.object(product.os, "cpu_count", lambda: threads),
        ):
            for device in ("cpu", "numpy"):
                same(correlate_genes(a, b, wanted=every, device=device, block=9), reference)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["cpu", "numpy"])
def test_an_interrupted_product_ends_at_once_and_leaves_threads_as_they_were(device: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")

    a, b = species(random(1, 400, 16)), species(random(2, 300, 16))
    tiles = 0

    def interrupt(done: int, total: int) -> None:
        nonlocal tiles
        tiles += 1
        raise KeyboardInterrupt

    before = torch.get_num_threads(), threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        correlate_genes(a, b, wanted=NOTHING, device=device, block=4, progress=interrupt)
    assert tiles == 1 and (torch.get_num_threads(), threading.active_count()) == before


def test_the_failure_of_one_worker_is_raised() -> None:
    a, b = species(random(1, 400, 16)), species(random(2, 300, 16))
    at, extract = itertools.count(), product._extract

    def look(*arguments: Any) -> product.Product:
        if next(at) == 20:
            raise MemoryError("one tile too many")
        return extract(*arguments)

    with patch.object(product, "_extract", look), pytest.raises(MemoryError, match=messages.Matching.one_tile):
        correlate_genes(a, b, wanted=NOTHING, block=4)
    assert next(at) < 1000  # of 7500 tiles


def test_neighbours_closer_than_float32_can_tell() -> None:
    rng = np.random.default_rng(8)
    ancestors = rng.standard_normal((40, 256))
    for distance in (1e-7, 3e-7, 1e-6):
        # correlation 0.7 to the ancestor, and copies whose correlations are about `distance` apart
        a = species(ancestors)
        b = species(
            np.repeat(ancestors + rng.standard_normal((40, 256)), 5, axis=0)
            + distance * rng.standard_normal((200, 256))
        )
        told = correlate_genes(a, b, wanted=NOTHING, block=50)
        check(told, a, b)
        assert told.best_hits["margin"].min() < 1e-6


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (3, 3), (2, 3), (33, 17), (64, 129)])
def test_median_from_the_histogram(device: str, rows: int, columns: int) -> None:
    for make in (random, awkward):
        a, b = species(make(rows, rows, 16)), species(make(columns + 50, columns, 16))
        matrix = naive(a, b)
        if np.isnan(matrix).all():
            continue
        expected = np.nanmedian(matrix)
        with patch.object(correlate, "_FEW", 0):
            binned = correlate_genes(a, b, wanted=NOTHING, device=device, block=20).median
        exact = correlate_genes(a, b, wanted=NOTHING, device=device).median
        assert binned == pytest.approx(expected, abs=1e-4)
        assert exact == pytest.approx(expected, abs=1e-12)


def test_median_of_ones_and_minus_ones() -> None:
    """The ends of the histogram."""
    line = np.arange(8, dtype=np.float32)
    a, up, down = species([line]), species([line, line * 2 + 1, -line]), species([-line, 3 - line, line])
    with patch.object(correlate, "_FEW", 0):
        assert correlate_genes(a, up, wanted=NOTHING).median == 1
        assert correlate_genes(a, down, wanted=NOTHING).median == -1


def test_equal_vectors_are_tied_to_the_bit() -> None:
    vectors = random(1, 20, 33)
    a, b = species(vectors[[0, 1, 2, 1]]), species(vectors[[1, 5, 0, 1, 0]], 10)
    told = correlate_genes(a, b, wanted=NOTHING)
    rows = told.best_hits.filter(pl.col("correlation") > 0.9).rows()
    assert [row[:2] for row in rows] == [(100, 12), (100, 14), (101, 10), (101, 13), (103, 10), (103, 13)]
    assert {row[2:] for row in rows} == {(1.0, 0.0)}


def test_zero_with_a_sign_is_zero() -> None:
    a, b = species([[0.0, 1, 5]]), species([[-0.0, 1, 5], [0.0, 1, 5]], 10)
    with patch.object(correlate, "_ALL_PAIRS", 1):
        assert correlate_genes(a, b, wanted=NOTHING).best_hits["gene_b"].to_list() == [10, 11]


def test_constant_vectors_match_nothing() -> None:
    a = species([[1, 1, 1], [0, 0, 0], [1, 2, 3], [1e8, 1e8, 1e8]])
    b = species([[5, 5, 5], [3, 2, 1]], 10)
    every = pl.DataFrame({"gene_a": a.genes}).join(pl.DataFrame({"gene_b": b.genes}), how="cross")
    told = correlate_genes(a, b, wanted=every)
    assert told.best_hits.rows() == [(102, 11, -1.0, None)]
    assert told.correlations.rows() == [(102, 11, -1.0)]
    assert told.median == -1
    nothing = correlate_genes(species([[1, 1]]), species([[1, 2]]), wanted=every)
    assert nothing.best_hits.height == nothing.correlations.height == 0 and nothing.median is None


def test_no_genes() -> None:
    some, none = species(random(1, 3, 4)), species(np.zeros((0, 4)))
    wanted = pl.DataFrame({"gene_a": [100], "gene_b": [100]})
    for a, b in ((some, none), (none, some), (none, none)):
        told = correlate_genes(a, b, wanted=wanted)
        assert told.best_hits.schema == BEST_HIT_COLUMNS and told.correlations.schema == CORRELATION_COLUMNS
        assert told.best_hits.height == told.correlations.height == 0 and told.median is None


def test_wanted_pairs() -> None:
    a, b = species(awkward(1, 60, 20)), species(awkward(2, 50, 20), 500)
    matrix = naive(a, b)
    rng = np.random.default_rng(0)
    wanted = pl.DataFrame({"gene_a": rng.integers(50, 210, 900), "gene_b": rng.integers(450, 600, 900)})
    told = correlate_genes(a, b, wanted=pl.concat([wanted, wanted.with_columns(gene_b=pl.lit(None, pl.Int64))]))
    pairs = {(x, y) for x, y in wanted.rows() if 100 <= x < 160 and 500 <= y < 550}
    pairs = {(x, y) for x, y in pairs if not np.isnan(matrix[x - 100, y - 500])}
    best = {(x, y) for x, y, *_ in told.best_hits.rows()}
    assert [(x, y) for x, y, _ in told.correlations.rows()] == sorted(pairs | best)
    for x, y, r in told.correlations.rows():
        assert r == pytest.approx(matrix[x - 100, y - 500], abs=1e-12)
    joined = told.best_hits.join(told.correlations, on=["gene_a", "gene_b"])
    assert (joined["correlation"] == joined["correlation_right"]).all() and joined.height == len(best)


def homologies(pairs: pl.DataFrame) -> pl.DataFrame:
    kind = pl.lit("ortholog_many2many")
    missing = {name: pl.lit(None, kind) for name, kind in HOMOLOGY_COLUMNS.items()}
    return pairs.with_columns(
        **{**missing, "gene_a": pl.col("gene_a"), "gene_b": pl.col("gene_b"), "homology_type": kind}
    )


@pytest.mark.slow
@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12), st.data())
@settings(deadline=None, max_examples=60)
def test_thinned_ties_choose_the_same(left: list[int], right: list[int], data: st.DataObject) -> None:
    # 0 and 1 are equally far from 2: a tie between groups, too
    vectors = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 3, 1]], np.float32)
    a, b = species(vectors[np.array(left, int)]), species(vectors[np.array(right, int)], 500)
    pairs = st.tuples(st.integers(99, 112), st.integers(499, 512))
    wanted = pl.DataFrame(data.draw(st.lists(pairs, max_size=8)), schema=NOTHING.schema, orient="row").unique()
    answers = []
    for limit in (1, 5, 10**9):
        with patch.object(correlate, "_ALL_PAIRS", limit):
            told = correlate_genes(a, b, wanted=wanted)
        evidence = Evidence(homologies(wanted), None, told)
        answers.append(lm_o2o(evidence, Parameters()).drop("rank"))
    assert answers[0].equals(answers[2]) and answers[1].equals(answers[2])


def test_thousands_of_genes_with_one_vector() -> None:
    count = 3000
    vectors = np.repeat(random(1, 1, 40), count, axis=0)
    others_a, others_b = random(2, 500, 40), random(3, 500, 40)
    a, b = species(np.concatenate([vectors, others_a])), species(np.concatenate([others_b, vectors[:-5]]))
    wanted = pl.DataFrame({"gene_a": [100 + count - 1], "gene_b": [100 + 500]})
    told = correlate_genes(a, b, wanted=wanted)
    tied = told.best_hits.filter(pl.col("correlation") == 1)
    assert count - 5 <= tied.height <= 3 * count
    rows = lm_o2o(Evidence(homologies(wanted), None, told), Parameters()).filter(pl.col("correlation") == 1)
    assert rows.height == count - 5 and rows["tied"].all() and set(rows["margin"]) == {0.0}
    assert rows.row(0)[:2] == (100 + count - 1, 600)
    assert [(x, y) for x, y, *_ in rows.rows()[1:]] == [(100 + n, 601 + n) for n in range(count - 6)]


def test_a_gene_with_several_equal_partners_is_tied() -> None:
    """Also when these partners have different vectors."""
    a = species([[1, 1, 0, 0, 0], [0, 0, 0, 1, 2]])
    b = species([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 3]], 10)
    told = correlate_genes(a, b, wanted=NOTHING)
    assert [row[:2] for row in told.best_hits.rows()] == [(100, 10), (100, 11), (101, 12)]
    wanted = pl.DataFrame({"gene_a": [100], "gene_b": [11]})
    for known, partner in ((NOTHING, 10), (wanted, 11)):
        rows = lm_o2o(Evidence(homologies(known), None, told), Parameters()).sort("gene_a")
        assert rows.select("gene_a", "gene_b", "tied").rows() == [(100, partner, True), (101, 12, False)]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(broken: float) -> None:
    vectors = random(1, 5, 4)
    vectors[3, 2] = broken
    with pytest.raises(VectorsError, match=messages.Matching.genes_first_103_values):
        correlate_genes(species(vectors), species(random(2, 5, 4)), wanted=NOTHING)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(VectorsError, match=messages.Matching.expected_vectors_equal):
        correlate_genes(species(random(1, 5, 4)), species(random(2, 5, 5)), wanted=NOTHING)


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = species(awkward(1, 30, 8)), species(awkward(2, 30, 8))
    reference = correlate_genes(a, b, wanted=NOTHING, device="cpu")
    monkeypatch.setitem(sys.modules, "torch", None)
    for device in ("auto", "cpu", "numpy"):
        same(correlate_genes(a, b, wanted=NOTHING, device=device), reference)
    with pytest.raises(MissingPackageError, match=messages.Matching.needs_torch):
        correlate_genes(a, b, wanted=NOTHING, device="cuda")


def test_all_on_torch() -> None:
    """What runs on a GPU, run on the processor."""
    pytest.importorskip("torch", reason="torch is an extra")

    device = "cpu:0"  # a device of torch like another
    assert product.Backend(device).on_gpu and not product.Backend("cpu").on_gpu
    a, b = species(awkward(1, 200, 30)), species(awkward(2, 150, 30))
    reference = correlate_genes(a, b, wanted=NOTHING, device="numpy", block=70)
    same(correlate_genes(a, b, wanted=NOTHING, device=device, block=70), reference)
    same(correlate_genes(a, b, wanted=NOTHING, device=device), reference)
    with patch.object(correlate, "_FEW", 0):
        binned = correlate_genes(a, b, wanted=NOTHING, device=device, block=33).median
        assert binned == pytest.approx(reference.median, abs=1e-4)


def test_on_a_gpu() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra")

    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    a, b = species(awkward(1, 3000, 700)), species(awkward(2, 2500, 700))
    torch.set_float32_matmul_precision("medium")
    try:
        same(
            correlate_genes(a, b, wanted=NOTHING, device="cuda", block=1000),
            correlate_genes(a, b, wanted=NOTHING, device="numpy"),
        )
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_product_stays_within_the_tolerance() -> None:
    """Also where all rounding errors point one way: products of one size."""
    for dimensions in (10, 100, 1000, 6000):
        half = np.where(np.arange(dimensions) % 2, 1.0, -1.0).astype(np.float32)
        vectors = np.concatenate([[half], half * (1 + 0.3 * random(1, 20, dimensions)), random(2, 20, dimensions)])
        one = side.group_vectors(species(vectors))
        exact = side.correlations(one, one, *(np.indices((41, 41)).reshape(2, -1)))
        numbers = one.normalised(0, 41)[np.argsort(one.rows)]
        products = [numbers @ numbers.T]
        if importlib.util.find_spec("torch") is not None:
            import torch

            products.append(torch.mm(torch.from_numpy(numbers), torch.from_numpy(numbers).T).numpy())
        for found in products:
            assert (
                np.abs(found.reshape(-1) - exact).max() < product.tolerance(dimensions) / 2
            )  # kernels of OpenBLAS use up to 0.35 of it


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    a, b = species(random(1, 50, 4)), species(random(2, 30, 4))
    correlate_genes(a, b, wanted=NOTHING, block=20, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (1500, 1500) and len(told) == 6
    assert all(one[0] < two[0] for one, two in pairwise(told))


@pytest.mark.parametrize("turned", [False, True])
def test_a_tie_with_a_large_group_alone_is_seen(turned: bool) -> None:
    """One gene has as equal partners one of a vector of its own, which it takes, and two that share a vector."""
    vectors = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]], np.float32)
    sides = (species(vectors[3:]), species(vectors[:3], 500))
    a, b = reversed(sides) if turned else sides
    for limit in (1, 5, 10**9):
        with patch.object(correlate, "_ALL_PAIRS", limit):
            told = correlate_genes(a, b, wanted=NOTHING)
        rows = lm_o2o(Evidence(homologies(NOTHING), None, told), Parameters())
        assert rows["tied"].to_list() == [True], limit
