"""The same object in every form (CSR, CSC, dense, Dask, h5ad, zarr) gives what dictionaries and loops give."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import homodb
from homodb.query.cells import matrices
from homodb.query.translate import translate_file
from tests import messages
from tests.floats import float_tolerance

pytestmark = pytest.mark.versions

MOUSE = [
    "Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "mt-Nd1", "Rplp0", "Dup1", "Dup2",
    "ENSMUSG00000000012", "Orph9", "Xist", "Nonsense", "Ins1-1", "ENSMUSG00000000010.4",
]  # fmt: skip
SAME = {"ENSMUSG00000000010.4": "Dup1"}
NEVER = ("Xist", "Nonsense", "Orph9")


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def partners(release: homodb.Release) -> dict[str, list[str]]:
    """Human partners of each mouse gene by ENS_M2M, best first."""
    rows = release.orthologs(source="mouse", target="human").sort("rank")
    found = defaultdict(list)
    for source_id, symbol, target in rows.select("source_id", "source_symbol", "target_id").iter_rows():
        found[symbol or source_id].append(target)
    return dict(found)


def naive(
    counts: np.ndarray, names: list[str], partners: dict[str, list[str]], many_to_one: str, one_to_many: str
) -> dict[str, list[float]]:
    """Cell by cell and gene by gene, with dictionaries; a row made unique beside its gene is left out."""
    partners = {**partners, "Ins1-1": [] if "Ins1" in names else partners["Ins1"]}
    columns: dict[str, list[float]] = {}
    cells = []
    for row in counts.tolist():
        genes: dict[str, float] = defaultdict(float)
        for name, value in zip(names, row, strict=True):
            genes[SAME.get(name, name)] += value
        goes: dict[str, list[float]] = defaultdict(list)
        for gene, value in genes.items():
            targets = partners.get(gene, [])
            chosen = targets[:1] if one_to_many == "best" else targets
            for target in chosen:
                goes[target].append(value / len(targets) if one_to_many == "split" else value)
        fold = {"sum": math.fsum, "max": max, "mean": lambda values: math.fsum(values) / len(values)}[many_to_one]
        cells.append({target: fold(values) for target, values in goes.items()})
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        targets = partners.get(SAME.get(name, name), [])
        for target in targets[:1] if one_to_many == "best" else targets:
            first.setdefault(target, place)
    for target in sorted(first, key=lambda target: (first[target], target)):
        if cells and target in cells[0]:
            columns[target] = [cell[target] for cell in cells]
    return columns


@st.composite
def objects(draw: st.DrawFn) -> tuple[np.ndarray, list[str]]:
    names = draw(st.lists(st.sampled_from(MOUSE), min_size=2, max_size=12, unique=True))
    names = [*names, "Gcg"] if "Gcg" not in names else names
    cells = draw(st.integers(1, 9))
    counts = draw(npst.arrays(np.int64, (cells, len(names)), elements=st.sampled_from([0, 0, 0, 1, 2, 7, 300])))
    return counts, names


def build(matrix: Any, names: list[str]) -> anndata.AnnData:
    """The matrix as X, as a layer and as raw."""
    obs = pd.DataFrame(
        {"kind": pd.Categorical(["a"] * matrix.shape[0])}, index=[f"c{i}" for i in range(matrix.shape[0])]
    )
    adata = anndata.AnnData(X=matrix, obs=obs, var=pd.DataFrame(index=names))
    adata.layers["counts"] = matrix.copy()
    adata.obsm["X_pca"] = np.ones((matrix.shape[0], 2))
    adata.raw = adata.copy()
    return adata


def dense(matrix: Any) -> np.ndarray:
    if type(matrix).__module__.split(".")[0] == "dask":
        matrix = matrix.compute()
    return np.asarray(matrix.todense() if sp.issparse(matrix) else matrix)


FORMS = {"dense": np.asarray, "csr": sp.csr_matrix, "csc": sp.csc_matrix, "csr_array": sp.csr_array}


@pytest.mark.slow
@settings(deadline=None, max_examples=40, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    given_object=objects(),
    form=st.sampled_from(sorted(FORMS)),
    dtype=st.sampled_from(["int64", "int32", "uint8", "uint16", "float32", "float64"]),
    many_to_one=st.sampled_from(["sum", "sum", "mean", "max"]),
    one_to_many=st.sampled_from(["best", "best", "split", "all"]),
    block=st.integers(1, 5),
    store=st.sampled_from(["memory", "h5ad", "h5ad", "zarr", "dask"]),
    values=st.sampled_from([3, 1 << 22]),
)
def test_every_form_agrees_with_dictionaries(
    release: homodb.Release, partners: dict[str, list[str]], given_object: tuple[np.ndarray, list[str]], form: str,
    dtype: str, many_to_one: str, one_to_many: str, block: int, store: str, values: int,
) -> None:  # fmt: skip
    counts, names = given_object
    counts = np.minimum(counts, 255) if dtype == "uint8" else counts
    adata = build(FORMS[form](counts.astype(dtype)), names)
    choices: Any = {"many_to_one": many_to_one, "one_to_many": one_to_many}
    asked: Any = {"source": "mouse", "release": release, "force": True, **choices}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(matrices, "BLOCK_VALUES", values)
        if store == "memory":
            result, report = homodb.translate(adata, "human", **asked, return_report=True)
        elif store == "dask":
            array = pytest.importorskip("dask.array", reason="needs dask (pip install 'homodb[scale]')")
            rows = adata.X.tocsr() if sp.issparse(adata.X) else adata.X
            adata.X = array.from_array(rows, chunks=(block, rows.shape[1]), asarray=False)
            adata.layers["counts"] = adata.X
            result, report = homodb.translate(adata, "human", **asked, return_report=True)
        else:
            result, report = through_a_file(adata, store, block if values > 3 else None, asked)
    expected = naive(counts, names, partners, many_to_one, one_to_many)
    assert result.var["homodb_id"].tolist() == list(expected)
    wanted = np.array(list(expected.values())).T
    for matrix in (result.X, result.layers["counts"], result.raw.X):
        got = dense(matrix)
        assert got.shape == wanted.shape
        floats = got.dtype if np.issubdtype(got.dtype, np.floating) else np.float64
        np.testing.assert_allclose(got, wanted, rtol=float_tolerance(len(names) + 2, floats))
        whole = many_to_one != "mean" and (one_to_many != "split" or dtype.startswith("float"))
        if whole and np.issubdtype(np.dtype(dtype), np.integer):
            assert np.issubdtype(got.dtype, np.integer) and (got == wanted).all()
    kept = sp.issparse(result.X) or (store == "dask" and sp.issparse(result.X._meta))
    assert kept == (form != "dense")
    assert result.raw.var_names.tolist() == result.var_names.tolist()
    assert result.obs["kind"].tolist() == ["a"] * len(counts) and (result.obsm["X_pca"] == 1).all()
    if store != "dask":
        assert report.fates["counts"].to_list() == counts.sum(axis=0).tolist()
        if sp.issparse(result.X):
            assert result.X.has_sorted_indices and result.X.has_canonical_format


def through_a_file(
    adata: anndata.AnnData, store: str, block: int | None, asked: dict[str, Any]
) -> tuple[anndata.AnnData, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / f"in.{store}", Path(folder) / f"out.{store}"
        adata.write_zarr(path) if store == "zarr" else adata.write_h5ad(path)
        report = translate_file(path, output, "human", block=block, **asked)
        assert sorted(one.name for one in Path(folder).iterdir()) == [f"in.{store}", f"out.{store}"]
        read = anndata.read_zarr(output) if store == "zarr" else anndata.read_h5ad(output)
        return read, report


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("policy", ["sum", "expm1-sum-log1p"])
@pytest.mark.parametrize("base", [None, 2])
def test_logarithms_are_undone_and_taken_again(
    release: homodb.Release, partners: dict[str, list[str]], form: str, policy: str, base: int | None, tmp_path: Path
) -> None:
    """By the definition: log1p of the sum of expm1."""
    names = [name for name in MOUSE if name not in NEVER]
    linear = np.random.default_rng(0).poisson(1.0, (20, len(names)))
    linear = linear / np.maximum(linear.sum(axis=1, keepdims=True), 1) * 1e4
    scale = 1 if base is None else np.log(base)
    adata = anndata.AnnData(FORMS[form](np.log1p(linear) / scale), var=pd.DataFrame(index=names))
    adata.uns["log1p"] = {} if base is None else {"base": base}
    adata.write_h5ad(tmp_path / "in.h5ad")
    asked: Any = {"source": "mouse", "release": release, "slots": {"X": policy}}
    if policy == "sum":
        with pytest.raises(homodb.HomodbError, match=messages.Translate.logarithms):
            homodb.translate(adata, "human", **asked)
        with pytest.raises(homodb.HomodbError, match=messages.Translate.logarithms):
            translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", **asked)
        assert [path.name for path in tmp_path.iterdir()] == ["in.h5ad"]
        return
    expected = naive(linear, names, partners, "sum", "best")
    wanted = np.log1p(np.array(list(expected.values())).T) / scale
    translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", block=7, **asked)
    for result in (homodb.translate(adata, "human", **asked), anndata.read_h5ad(tmp_path / "out.h5ad")):
        np.testing.assert_allclose(dense(result.X), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("cells", [1, 7, 40])
def test_human_to_human_is_the_identity(release: homodb.Release, form: str, cells: int, tmp_path: Path) -> None:
    names = ["GCG", "INS", "Nonsense", "TNF", "TBCE", "MALAT1", "IL8", "VWF"]
    counts = np.random.default_rng(1).poisson(1.0, (cells, len(names))).astype(np.float32)
    adata = build(FORMS[form](counts), names)
    adata.write_h5ad(tmp_path / "in.h5ad")
    translate_file(tmp_path / "in.h5ad", tmp_path / "out.h5ad", "human", source="human", release=release, block=3)
    for result in (
        homodb.translate(adata, "human", source="human", release=release),
        anndata.read_h5ad(tmp_path / "out.h5ad"),
    ):
        assert result.var_names.tolist() == ["CXCL8" if name == "IL8" else name for name in names]
        for matrix in (result.X, result.layers["counts"], result.raw.X):
            assert (dense(matrix) == counts).all() and matrix.dtype == counts.dtype


def test_dask_stays_lazy(release: homodb.Release) -> None:
    """Not a chunk is computed, and neither is X of the result until it is asked for."""
    array = pytest.importorskip("dask.array", reason="needs dask (pip install 'homodb[scale]')")
    computed = []

    def chunk(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info:
            computed.append(block_info[None]["chunk-location"])
        return np.ones_like(block)

    names = [name for name in MOUSE if name not in (*SAME, "Ins1-1")]
    lazy = array.zeros((10, len(names)), chunks=(4, 5)).map_blocks(chunk, dtype=np.float64, meta=np.empty((0, 0)))
    adata = anndata.AnnData(X=lazy, var=pd.DataFrame(index=names))
    computed.clear()
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert computed == []
    assert isinstance(result.X, array.Array) and result.X.chunks[0] == (4, 4, 2)
    assert report.totals()["carried"] is None and any("no counts" in note for note in report.notes)
    assert result[:, "INS"].X.compute().ravel().tolist() == [2.0] * 10
    assert computed
    negative = anndata.AnnData(X=lazy - 5, var=pd.DataFrame(index=names))
    wrong = homodb.translate(negative, "human", source="mouse", release=release)
    with pytest.raises(homodb.HomodbError, match=messages.Translate.negative):
        wrong.X.compute()


def test_backed_objects_are_translated(release: homodb.Release, tmp_path: Path) -> None:
    counts = np.arange(4 * len(MOUSE)).reshape(4, -1)
    for number, form in enumerate((np.asarray, sp.csr_matrix, sp.csc_matrix)):
        adata = anndata.AnnData(form(counts.astype(np.float32)), var=pd.DataFrame(index=MOUSE))
        path = tmp_path / f"{number}.h5ad"
        adata.write_h5ad(path)
        backed = anndata.read_h5ad(path, backed="r")
        result = homodb.translate(backed, "human", source="mouse", release=release)
        assert (dense(result.X) == dense(homodb.translate(adata, "human", source="mouse", release=release).X)).all()
        backed.file.close()
