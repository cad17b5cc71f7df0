"""What a matrix holds, judged on simulated cells: how many genes are there, and how deep, must not matter."""

from __future__ import annotations

from collections.abc import Callable

import anndata
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from homodb.query.cells import as_counts, judge, kind_of_values
from homodb.query.cells.matrices import sample_rows
from homodb.query.cells.slots import logged_of
from homodb.schema.errors import CountsError

Matrix = np.ndarray


def counts(seed: int, cells: int = 40, genes: int = 150) -> Matrix:
    """Over-dispersed counts: few genes with many, many with few."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, 2.0, genes), (cells, genes)).astype(float)


def per_cell(matrix: Matrix, total: float) -> Matrix:
    return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1) * total


def ambient(matrix: Matrix) -> Matrix:
    """Counts less the share of each gene that ambient RNA explains, as SoupX and CellBender give them."""
    return np.maximum(matrix - np.random.default_rng(0).uniform(0.05, 0.4, matrix.shape[1]), 0)


def scaled(matrix: Matrix) -> Matrix:
    logarithms = np.log1p(per_cell(matrix, 1e4))
    return (logarithms - logarithms.mean(axis=0)) / (logarithms.std(axis=0) + 1e-9)


FORMS: dict[str, tuple[Callable[[Matrix], Matrix], str]] = {
    "counts": (lambda m: m, "counts"),
    "integers": (lambda m: m.astype(np.int32), "counts"),
    "small integers": (lambda m: np.minimum(m, 200).astype(np.uint8), "counts"),
    "binary": (lambda m: (m > 0).astype(float), "counts"),
    "counts of undone logarithms": (lambda m: np.expm1(np.log1p(m.astype(np.float32))), "counts"),
    "counts of undone logarithms to base 2": (lambda m: np.exp2(np.log2(1 + m.astype(np.float32))) - 1, "counts"),
    "CPM": (lambda m: per_cell(m, 1e6), "linear"),
    "per ten thousand": (lambda m: per_cell(m, 1e4), "linear"),
    "per ten": (lambda m: per_cell(m, 10), "linear"),
    "fractions": (lambda m: per_cell(m, 1), "linear"),
    "ambient-corrected": (ambient, "linear"),
    "ambient-corrected, shallow": (lambda m: ambient(np.minimum(m, 20)), "linear"),
    "halves": (lambda m: m / 2, "linear"),
    "soft counts": (lambda m: np.round(m * np.random.default_rng(1).uniform(0.9, 1.1, m.shape), 1), "linear"),
    "dense, shifted": (lambda m: m * 0.93 + 12.137, "transformed"),  # not expressed is 12.137, not 0
    "pseudo-counts": (lambda m: m + 0.5, "transformed"),
    "Freeman-Tukey": (lambda m: np.sqrt(m) + np.sqrt(m + 1), "transformed"),
    "Anscombe": (lambda m: 2 * np.sqrt(m + 3 / 8), "transformed"),
    "log of CPM and a half": (lambda m: np.log2(per_cell(m, 1e6) + 1.5), "transformed"),
    "ranks": (lambda m: rankdata(m, axis=1), "transformed"),
    "log1p of ten thousand": (lambda m: np.log1p(per_cell(m, 1e4)), "log"),
    "log1p of CPM": (lambda m: np.log1p(per_cell(m, 1e6)), "log"),
    "log1p of the median": (lambda m: np.log1p(per_cell(m, float(np.median(m.sum(axis=1))))), "log"),
    "log1p of counts": (np.log1p, "log"),
    "log1p, 32 bits": (lambda m: np.log1p(per_cell(m, 1e4).astype(np.float32)), "log"),
    "log1p, rounded": (lambda m: np.round(np.log1p(per_cell(m, 1e4)), 4), "log"),
    "log2": (lambda m: np.log2(1 + per_cell(m, 1e4)), "log"),  # scran and scater
    "log10": (lambda m: np.log10(1 + per_cell(m, 1e4)), "log"),
    "scaled": (scaled, "scaled"),
    "log ratios": (lambda m: np.log1p(m) - np.log1p(m).mean(axis=1, keepdims=True), "scaled"),
}
CONTAINERS: dict[str, Callable[[Matrix], object]] = {
    "dense": np.asarray, "csr": sp.csr_matrix, "csc": sp.csc_matrix, "csr_array": sp.csr_array,
}  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    form=st.sampled_from(sorted(FORMS)),
    container=st.sampled_from(sorted(CONTAINERS)),
    seed=st.integers(0, 1000),
    cells=st.integers(10, 60),
    genes=st.integers(40, 200),
)
def test_simulated_cells(form: str, container: str, seed: int, cells: int, genes: int) -> None:
    make, expected = FORMS[form]
    assert kind_of_values(CONTAINERS[container](make(counts(seed, cells, genes)))) == expected


@pytest.mark.parametrize("cells", [10, 40])
@pytest.mark.parametrize("genes", [100, 200])
def test_rounded_logarithms_of_simulated_cells(cells: int, genes: int) -> None:
    """Fewer genes of such cells have too few values each to show it."""
    for seed in range(40):
        logarithms = np.log2(1 + per_cell(counts(seed, cells, genes), 1e6))
        assert kind_of_values(np.round(logarithms)) == "transformed", seed


@pytest.mark.parametrize("most", [9, 15, 30])
@pytest.mark.parametrize("cells", [3, 7, 20])
def test_few_small_counts_are_no_rounded_logarithms(cells: int, most: int) -> None:
    """Also where they are capped, so that the highest value is the same in every cell."""
    for seed in range(40):
        assert kind_of_values(np.minimum(counts(seed, cells, 40 + seed), most)) == "counts", seed


@pytest.mark.parametrize("kept", [15, 50, 400])
def test_logarithms_are_seen_after_genes_were_selected(kept: int) -> None:
    """Values are per cell of all genes, and only the most variable genes are left."""
    logarithms = np.log1p(per_cell(counts(3, 60, 2000), 1e4))
    variable = np.argsort(-logarithms.var(axis=0))[:kept]
    assert kind_of_values(logarithms[:, variable]) == "log"
    assert kind_of_values(per_cell(counts(3, 60, 2000), 1e4)[:, variable]) == "linear"


@pytest.mark.parametrize("cells", [201, 300, 399, 599, 822])
def test_rows_to_the_end_are_looked_at(cells: int) -> None:
    """The last cells are those of the last of several objects."""
    matrix = counts(4, cells) * 7
    last = cells // 15
    matrix[-last:] = np.log1p(per_cell(matrix[-last:], 1e4))
    for make in CONTAINERS.values():
        assert kind_of_values(make(matrix)) == "transformed"
    rows = sample_rows(cells)
    assert rows.size == 200 and rows[0] == 0 and np.diff(rows).max() <= -(-cells // 200) and rows[-1] >= cells - 5


def test_more_rows_than_are_looked_at() -> None:
    deep = counts(4, cells=1000, genes=40)
    assert kind_of_values(deep) == "counts"
    assert kind_of_values(np.log1p(per_cell(deep, 1e4))) == "log"
    one = deep.copy()
    one[0, 0] = -1
    assert kind_of_values(one) == "scaled"


@pytest.mark.parametrize(
    ("matrix", "kind"),
    [
        (np.zeros((0, 5)), "counts"),
        (np.zeros((5, 0)), "counts"),
        (np.zeros((0, 0)), "counts"),
        (np.zeros((3, 4)), "counts"),
        (np.array([[1.0], [2.0], [0.0]]), "counts"),
        (np.array([[1.5], [2.25], [0.0]]), "linear"),  # one gene tells nothing
        (np.array([[0.5]]), "linear"),
        (np.array([[-0.5]]), "scaled"),
        (np.log1p(np.ones((5, 5))), "linear"),  # one value tells nothing either
    ],
)
def test_little_to_see(matrix: Matrix, kind: str) -> None:
    for make in CONTAINERS.values():
        assert kind_of_values(make(matrix)) == kind


def test_explicit_zeros_are_zeros() -> None:
    logarithms = sp.csr_matrix(np.log1p(per_cell(counts(5), 1e4)))
    logarithms.data[:50] = 0.0
    assert kind_of_values(logarithms) == "log"
    assert kind_of_values(sp.csr_matrix((np.zeros(2), [0, 1], [0, 1, 2]), shape=(2, 2))) == "counts"


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["baron_mouse_822", "baron_human_175"])
def test_real_cells(shared_data, name: str) -> None:  # type: ignore[no-untyped-def]
    raw = anndata.read_h5ad(shared_data / "cells" / f"{name}.h5ad").X[:150].toarray().astype(float)
    for form, (make, expected) in FORMS.items():
        assert kind_of_values(make(raw)) == expected, form


def test_an_object_that_says_so_is_believed_where_it_may_be() -> None:
    corrected = np.random.default_rng(0).gamma(1.0, 2.0, size=(20, 30))
    logs = np.log1p(corrected)
    assert kind_of_values(logs) == "linear"
    assert kind_of_values(logs, logged=True) == "log"
    assert kind_of_values(np.round(corrected), logged=True) == "counts"
    assert kind_of_values(corrected * 1e3, logged=True) == "linear"


def test_indices_of_two_widths_as_files_may_hold_them() -> None:
    matrix = sp.random_array((1000, 20), density=0.1, format="csr", rng=np.random.default_rng(0))
    matrix.data = np.ceil(matrix.data * 10)
    matrix.indptr, matrix.indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    assert kind_of_values(matrix) == "counts"


BASES = {"e": np.e, "2": 2.0, "10": 10.0}


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    base=st.sampled_from(sorted(BASES)), total=st.sampled_from([1e4, 1e6, "median"]),
    decimals=st.sampled_from([None, 2, 3]),
    container=st.sampled_from(sorted(CONTAINERS)), seed=st.integers(0, 1000), cells=st.integers(5, 60),
    genes=st.integers(60, 300), dtype=st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
@example(
    base="10", total="median", decimals=2, container="dense", seed=144, cells=5, genes=144, dtype=np.float32
)  # fmt: skip
def test_logarithms_of_what_adds_up_to_a_constant(
    base: str, total: float | str, decimals: int | None, container: str, seed: int, cells: int, genes: int,
    dtype: type[np.floating],
) -> None:  # fmt: skip
    """log2(TPM + 1) and its like: no whole multiples, for every gene has its length; exactly, or as printed.

    Two decimals of decimal logarithms may be too coarse where there are few cells; they are refused then.
    """
    by_length = counts(seed, cells, genes) / np.random.default_rng(seed).uniform(0.3, 9, genes)
    by_length[:, 0] += 1  # no cell is empty
    constant = float(np.median(by_length.sum(axis=1))) if isinstance(total, str) else total
    linear = by_length / by_length.sum(axis=1, keepdims=True) * constant
    logs = np.log1p(linear) / np.log(BASES[base])
    logs = (logs if decimals is None else np.round(logs, decimals)).astype(dtype)
    holds = judge(CONTAINERS[container](logs))
    is_coarse = decimals == 2 and base == "10" and cells < 10
    is_log = holds.kind == "log" and holds.base == pytest.approx(BASES[base])
    assert is_log or (is_coarse and holds.small)
    undone = judge(CONTAINERS[container](linear.astype(dtype)))
    assert undone.kind == "linear" and undone.small == bool(linear.max() <= 30)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    total=st.floats(0.01, 50), seed=st.integers(0, 1000), cells=st.integers(3, 60), genes=st.integers(60, 200),
    container=st.sampled_from(sorted(CONTAINERS)),
)  # fmt: skip
def test_counts_scaled_to_a_small_total_are_linear(
    total: float, seed: int, cells: int, genes: int, container: str
) -> None:
    """``normalize_total`` of a panel; not so roots and logarithms that were scaled."""
    matrix = counts(seed, cells, genes)
    matrix[:, :3] += 1, 2, 3
    holds = judge(CONTAINERS[container](per_cell(matrix, total).astype(np.float32)), logged=True)
    assert holds.kind == "linear" and not holds.small
    for other in (np.log1p, np.sqrt, lambda m: np.log1p(m / m.sum(axis=1, keepdims=True))):
        for again in (True, False):
            made = per_cell(other(matrix), total) if again else other(matrix)
            holds = judge(CONTAINERS[container](made.astype(np.float32)))
            assert holds.small or holds.kind in ("log", "transformed") or made.max() > 30


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 1000), largest=st.floats(0.5, 30), form=st.sampled_from(["gamma", "sqrt", "log", "residuals"])
)
def test_small_values_that_are_not_whole_are_never_taken_for_counts(seed: int, largest: float, form: str) -> None:
    rng = np.random.default_rng(seed)
    matrix = {
        "gamma": rng.gamma(0.5, 1, (20, 30)), "sqrt": np.sqrt(rng.poisson(2.0, (20, 30))),
        "log": np.log1p(rng.gamma(0.5, 20, (20, 30))), "residuals": np.maximum(rng.normal(0, 2, (20, 30)), 0),
    }[form]  # fmt: skip
    matrix = matrix / matrix.max() * largest
    holds = judge(matrix)
    assert holds.small or holds.kind in ("log", "transformed")
    with pytest.raises(CountsError):
        as_counts(matrix, "X")


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 1000), value=st.sampled_from([np.inf, -np.inf, np.nan]),
    container=st.sampled_from(sorted(CONTAINERS)),
)  # fmt: skip
def test_infinite_values_are_as_nan(seed: int, value: float, container: str) -> None:
    rng = np.random.default_rng(seed)
    matrix = counts(seed)
    matrix[rng.integers(40), rng.integers(150)] = value
    assert judge(CONTAINERS[container](matrix)).kind == "nan"
    with pytest.raises(CountsError):
        as_counts(matrix, "X")


def test_square_roots_are_told() -> None:
    deep = counts(2) * 7 + np.random.default_rng(0).poisson(1500, (40, 150))
    assert judge(np.sqrt(deep)).kind == "transformed"  # beyond 30
    lengths = np.random.default_rng(0).uniform(0.3, 9, 150)
    assert judge(np.sqrt(per_cell(counts(2) / lengths, 1e6))).kind == "transformed"
    normed = counts(2) / np.linalg.norm(counts(2), axis=1, keepdims=True)
    assert judge(normed).kind == judge(normed * 50).kind == "linear"


@pytest.mark.parametrize("base", [np.nan, np.inf, 0, 1, -2, "x", None, np.array([2.0, 3.0])])
def test_a_recorded_base_that_is_none_is_not_used(base: object) -> None:
    assert logged_of({"log1p": {"base": base}}) == (True, None)
    assert logged_of({"log1p": {"base": np.int64(2)}}) == logged_of({"log1p": {"base": np.array(2.0)}}) == (True, 2.0)


def test_a_recorded_base_that_the_values_contradict_is_not_used() -> None:
    logs = np.log1p(per_cell(counts(1), 1e4))
    assert judge(logs, logged=True, base=2.0).base == pytest.approx(np.e)
    assert judge(np.log1p(np.random.default_rng(0).gamma(1, 2, (20, 30))), logged=True, base=2.0).base == 2.0


def test_square_roots_of_normalized_counts_are_told_after_genes_were_selected() -> None:
    roots = np.sqrt(per_cell(counts(3, 60, 2000), 1e6))
    variable = np.argsort(-roots.var(axis=0))[:100]
    assert roots[:, variable].max() > 30 and judge(roots[:, variable]).kind == "transformed"
    assert judge(roots[:, variable] ** 2).kind == "linear"


@pytest.mark.parametrize("rounded", [np.floor, np.round, np.ceil])
def test_rounded_logarithms_are_not_counts(rounded: Callable[[Matrix], Matrix]) -> None:
    rng = np.random.default_rng(0)
    logs = np.log1p(per_cell(rng.poisson(rng.gamma(0.5, 2.0, 1000) * rng.uniform(0.1, 3, (60, 1))), 1e4))
    assert judge(rounded(logs)).kind == "transformed"
    shallow = np.minimum(counts(2, 60, 1000), 30)
    assert judge(shallow).kind == judge(shallow, logged=True).kind == "counts"
    reads = rng.negative_binomial(1, 0.25, (60, 1000)).astype(float)
    assert judge(np.where(reads < 3, 0, reads)).kind == "counts"  # genes of fewer than 3 reads were set to zero
    for seed in range(20):  # made up by hand, and even
        rng = np.random.default_rng(seed)
        for mean in (1, 5, 10):
            dense = rng.poisson(mean, (50, 40)).astype(float)
            for matrix in (dense, dense * (rng.random((50, 40)) < 0.5), np.tile(np.arange(1.0, 41), (50, 1))):
                assert judge(matrix).kind == "counts"


@pytest.mark.parametrize("logged", [3, 30])
def test_logarithms_of_some_cells_are_told(logged: int) -> None:
    """Two objects, of which one was normalized, were concatenated."""
    mixed = counts(2) * 7
    mixed[:logged] = np.log1p(per_cell(mixed[:logged], 1e4))
    holds = judge(mixed)
    assert holds.kind == "transformed" and "logarithms" in holds.content
    with pytest.raises(CountsError):
        as_counts(mixed, "X")
