"""The whole way on a small synthetic case, with numbers that must not move, and everything that is refused."""

from __future__ import annotations

import builtins
import inspect
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.integrate import BOUNDS, METHODS, IntegrateSettings, integrate_files, method_named, read_settings
from homodb.schema.errors import (
    CountsError,
    HomodbError,
    IntegrationError,
    MissingPackageError,
    OutputError,
    TranslationError,
)
from tests import messages

pytest.importorskip("skmisc", reason="the extra cells is not installed")
pytest.importorskip("igraph", reason="the extra cells is not installed")

SMALL: dict[str, Any] = {
    "n_features": 150, "n_components": 12, "dims": 8, "k_anchor": 5, "k_score": 15, "k_weight": 20, "k_neighbors": 10,
}  # fmt: skip
SIZES = {"human": 90, "mouse": 60, "pig": 41}


def cells_of(sizes: dict[str, int] = SIZES, *, types: int = 3, features: int = 300, seed: int = 0) -> anndata.AnnData:
    """Cells of some types; every species bends the expression of all genes in its own way."""
    rng = np.random.default_rng(seed)
    profiles = rng.gamma(0.5, 2.0, (types, features))
    parts, rows = [], []
    for name, n in sizes.items():
        kind = rng.integers(0, types, n)
        bend = np.exp(rng.normal(0, 0.5, features))
        parts.append(rng.poisson(profiles[kind] * bend * rng.gamma(8, 0.25, (n, 1))))
        rows += [(name, f"type{one}") for one in kind]
    obs = pd.DataFrame(rows, columns=["species", "cell_type"], index=[f"c{n}" for n in range(len(rows))])
    var = pd.DataFrame(index=[f"g{n}" for n in range(features)])
    return anndata.AnnData(sp.csr_matrix(np.vstack(parts).astype(np.float32)), obs=obs, var=var)


@pytest.fixture(scope="module")
def cells() -> anndata.AnnData:
    return cells_of()


@pytest.fixture(scope="module")
def done(cells: anndata.AnnData) -> anndata.AnnData:
    return homodb.integrate(cells, label_key="cell_type", **SMALL)


def mixing(embedding: np.ndarray, species: np.ndarray) -> float:
    """Share of the nearest ten others that are of another species."""
    apart = np.linalg.norm(embedding[:, None] - embedding[None], axis=2)
    near = np.argsort(apart, axis=1)[:, 1:11]
    return float((species[near] != species[:, None]).mean())


def test_frozen_numbers(done: anndata.AnnData) -> None:
    told, embedding = done.uns["homodb_integration"]["cca"], done.obsm["X_cca"]
    assert told["features"][:5].tolist() == ["g121", "g65", "g76", "g180", "g25"]
    assert told["anchors"] == {"human-mouse": 281, "human-pig": 205, "mouse-pig": 196}
    assert told["merged"] == ["pig into human", "mouse into human+pig"]
    assert told["clusters"] == 4
    assert np.linalg.norm(embedding) == pytest.approx(134.8979, abs=1e-4)
    assert np.abs(embedding[0, :3]) == pytest.approx([3.4126, 9.2686, 2.5527], abs=1e-4)


def test_where_results_lie_and_that_nothing_else_changes(cells: anndata.AnnData, done: anndata.AnnData) -> None:
    assert set(done.obsm) == {"X_cca"}
    assert set(done.obsp) == {"cca_neighbors_distances", "cca_neighbors_connectivities"}
    assert set(done.uns) == {"cca_neighbors", "homodb_integration"}
    assert list(done.obs.columns) == ["species", "cell_type", "cca_cluster"]
    assert (done.X != cells.X).nnz == 0 and list(done.var_names) == list(cells.var_names)
    assert not cells.obsm and not cells.uns and list(cells.obs.columns) == ["species", "cell_type"]
    kept = done.uns["cca_neighbors"]
    assert (np.diff(done.obsp[kept["distances_key"]].indptr) == SMALL["k_neighbors"] - 1).all()
    assert kept["params"]["use_rep"] == "X_cca"


def test_species_meet_and_types_stay_apart(cells: anndata.AnnData, done: anndata.AnnData) -> None:
    species, types = cells.obs["species"].to_numpy(), cells.obs["cell_type"].to_numpy()
    baseline = homodb.integrate(cells, method="none", **SMALL).obsm["X_pca"]
    assert mixing(done.obsm["X_cca"][:, :8], species) > 0.4 > 0.2 > mixing(baseline[:, :8], species)
    assert mixing(done.obsm["X_cca"][:, :8], types) < 0.02


def test_two_runs_are_the_same(cells: anndata.AnnData, done: anndata.AnnData) -> None:
    again = homodb.integrate(cells, **SMALL)
    np.testing.assert_array_equal(done.obsm["X_cca"], again.obsm["X_cca"])
    assert (done.obs["cca_cluster"] == again.obs["cca_cluster"]).all()


def test_order_of_cells_matters_little(cells: anndata.AnnData, done: anndata.AnnData) -> None:
    # components do not know the order; of a cell's many anchors the first k_weight count, in Seurat as here
    order = np.random.default_rng(0).permutation(cells.n_obs)
    shuffled = cells[order].copy()
    before, after = (homodb.integrate(one, method="none", **SMALL).obsm["X_pca"] for one in (cells, shuffled))
    np.testing.assert_allclose(after, before[order], atol=1e-6)
    apart = homodb.integrate(shuffled, **SMALL).obsm["X_cca"] - done.obsm["X_cca"][order]
    assert np.sqrt((apart**2).mean()) < 0.05 * done.obsm["X_cca"].std()


def test_dense_integers_and_layers_give_the_same(cells: anndata.AnnData, done: anndata.AnnData) -> None:
    dense = anndata.AnnData(np.log1p(cells.X.toarray()), obs=cells.obs.copy(), var=cells.var.copy())
    dense.layers["counts"] = cells.X.toarray().astype(np.int32)
    np.testing.assert_allclose(
        homodb.integrate(dense, layer="counts", **SMALL).obsm["X_cca"], done.obsm["X_cca"], atol=1e-6
    )


def test_size_factors_from_full_matrices(cells: anndata.AnnData) -> None:
    with pytest.raises(IntegrationError, match=messages.Integrate.homodb_total):
        homodb.integrate(cells, size_factors="full", **SMALL)
    with pytest.raises(IntegrationError, match=messages.Integrate.there_are_shared_full):
        homodb.integrate(cells, size_factors="half", **SMALL)
    told = cells.copy()
    told.obs["homodb_total"] = np.asarray(cells.X.sum(axis=1)).ravel()
    shared = homodb.integrate(told, method="none", **SMALL).obsm["X_pca"]
    np.testing.assert_array_equal(
        homodb.integrate(told, method="none", size_factors="full", **SMALL).obsm["X_pca"], shared
    )
    told.obs["homodb_total"] *= np.linspace(1, 3, told.n_obs)
    assert not np.allclose(homodb.integrate(told, method="none", size_factors="full", **SMALL).obsm["X_pca"], shared)
    told.obs["homodb_total"] = np.nan
    with pytest.raises(CountsError, match=messages.Integrate.homodb_total):
        homodb.integrate(told, method="none", size_factors="full", **SMALL)


def _without(part: str) -> Any:
    def change(cells: anndata.AnnData) -> anndata.AnnData:
        return cells[cells.obs["species"] != part].copy()

    return change


def _few_pigs(cells: anndata.AnnData) -> anndata.AnnData:
    return cells[: 90 + 60 + 14].copy()


def _disjoint(cells: anndata.AnnData) -> anndata.AnnData:
    matrix = cells.X.toarray()
    matrix[:90, :150] = 0
    matrix[90:, 150:] = 0
    return anndata.AnnData(sp.csr_matrix(matrix), obs=cells.obs.copy(), var=cells.var.copy())


def _values(make: Any) -> Any:
    def change(cells: anndata.AnnData) -> anndata.AnnData:
        return anndata.AnnData(sp.csr_matrix(make(cells.X.toarray())), obs=cells.obs.copy(), var=cells.var.copy())

    return change


def _nan(x: np.ndarray) -> np.ndarray:
    x[180, 7] = np.nan  # one value in a row that no sample need hold
    return x


def _normalized(x: np.ndarray) -> np.ndarray:
    return np.log1p(x / x.sum(axis=1, keepdims=True) * 1e4)


def _unnamed(cells: anndata.AnnData) -> anndata.AnnData:
    other = cells.copy()
    other.obs.loc["c3", "species"] = None
    return other


BROKEN = [
    (_without("pig"), {"species": ["human", "mouse", "pig"]}, IntegrationError, "no cell of pig"),
    (lambda x: x, {"species": ["human", "mouse"]}, IntegrationError, "cells of pig, which was not requested"),
    (lambda x: x[:90].copy(), {}, IntegrationError, "has one value, human"),
    (_few_pigs, {}, IntegrationError, "pig has 14 cells, and k_score is 15.*k_score=13"),
    (_disjoint, {}, IntegrationError, "share no genes: of 300 features 150 have counts in human, 149 .*, 0 in all"),
    (_values(_nan), {}, CountsError, "NaN"),
    (_values(lambda x: x - 1), {}, CountsError, "negative"),
    (_values(_normalized), {}, CountsError, "logarithms"),
    (_unnamed, {}, IntegrationError, "empty for 1 cell;"),
    (lambda x: x, {"species_key": "organism"}, IntegrationError, "no column 'organism'.*species, cell_type"),
    (lambda x: x, {"label_key": "kind"}, IntegrationError, "no column 'kind'"),
    (lambda x: x, {"layer": "raw_counts"}, IntegrationError, "no layer 'raw_counts'"),
    (lambda x: x, {"method": "magic"}, IntegrationError, "there are none, cca, harmony, scvi"),
    (lambda x: x, {"dims": 20}, IntegrationError, "lower dims"),
    (lambda x: x, {"k_anchor": 0}, IntegrationError, "k_anchor is 0"),
    (lambda x: x, {"clustering": "kmeans"}, IntegrationError, "louvain, leiden, none"),
    (lambda x: x, {"n_features": 9}, IntegrationError, "12 components are requested"),
]


@pytest.mark.parametrize(("change", "asked", "error", "words"), BROKEN)
def test_refused(
    cells: anndata.AnnData, change: Any, asked: dict[str, Any], error: type[HomodbError], words: str
) -> None:
    given = change(cells)
    with pytest.raises(error, match=words):
        homodb.integrate(given, **{**SMALL, **asked})
    assert not given.obsm and not given.uns


def test_the_signature_lists_every_setting_with_its_default() -> None:
    defaults = {name: one.default for name, one in IntegrateSettings.model_fields.items()}
    for function in (homodb.integrate, homodb.compare):
        parameters = inspect.signature(function).parameters
        own = {name: parameters[name].default for name in defaults}
        # a comparison does not cluster unless its objects are kept
        assert own == defaults | ({"clustering": None} if function is homodb.compare else {})
        assert all(one.kind is one.KEYWORD_ONLY for one in list(parameters.values())[1:])


def test_unknown_argument(cells: anndata.AnnData) -> None:
    with pytest.raises(TypeError, match=messages.Integrate.k_weigth):
        homodb.integrate(cells, k_weigth=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(("method", "package"), [("harmony", "harmonypy"), ("scvi", "scvi")])
def test_missing_package(cells: anndata.AnnData, monkeypatch: pytest.MonkeyPatch, method: str, package: str) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=messages.Integrate.method_needs_homodb.format(method=method)):
        homodb.integrate(cells, method=method, **SMALL)


def test_harmony(cells: anndata.AnnData) -> None:
    pytest.importorskip("harmonypy")
    first, second = (homodb.integrate(cells, method="harmony", **SMALL).obsm["X_harmony"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (cells.n_obs, 12)
    assert mixing(first[:, :8], cells.obs["species"].to_numpy()) > 0.3


def test_scvi(cells: anndata.AnnData) -> None:
    pytest.importorskip("scvi")
    assert homodb.integrate(cells, method="scvi", **SMALL).obsm["X_scvi"].shape == (cells.n_obs, 8)


def test_leiden_and_none(cells: anndata.AnnData) -> None:
    found = homodb.integrate(cells, method="none", key_added="base", **{**SMALL, "clustering": "leiden"})
    assert 2 <= found.obs["base_cluster"].nunique() <= 20 and "X_base" in found.obsm
    plain = homodb.integrate(cells, method="none", **{**SMALL, "clustering": "none"})
    assert "pca_cluster" not in plain.obs


def test_methods_and_settings() -> None:
    names = [one.name for one in METHODS]
    assert names == ["none", "cca", "harmony", "scvi", "protein", "cellama"]
    assert method_named("Harmony").key == "harmony"
    assert IntegrateSettings(**read_settings(["k_weight = 7", "prune=0"])).k_weight == 7
    for text, words in (
        ("k=1", "no setting 'k'"),
        ("dims=many", "expected a whole number"),
        ("span=x", "expected a number"),
    ):
        with pytest.raises(IntegrationError, match=words):
            read_settings([text])
    with pytest.raises(IntegrationError, match=messages.Integrate.span_is_1000000000_0_must):
        IntegrateSettings(**read_settings(["span=1e9"]))


def test_every_number_of_an_integration_has_a_range() -> None:
    numbers = {name for name, one in IntegrateSettings.model_fields.items() if isinstance(one.default, int | float)}
    assert set(BOUNDS) == numbers
    for name, allowed in BOUNDS.items():
        for value in (-1, float("nan"), float("inf"), allowed.high * 10 + 1):
            with pytest.raises(
                IntegrationError, match=messages.Integrate.is_must_be_at_most.format(name=name, value=value)
            ):
                IntegrateSettings(**{name: value})
    with pytest.raises(IntegrationError, match=messages.Integrate.k_anchor_is_inf_k):
        read_settings(["k_anchor=inf"])


def test_what_a_method_has_not_is_neither_taken_nor_told(cells: anndata.AnnData, tmp_path: Path) -> None:
    told = {one.name: one.settings(IntegrateSettings()) for one in METHODS}
    assert "model" in told["cellama"] and "k_anchor" not in told["cellama"]
    assert "model" not in told["cca"] and "k_anchor" in told["cca"]
    assert {"model", "k_anchor"}.isdisjoint(told["none"]) and "dims" in told["none"]
    with pytest.raises(IntegrationError, match=messages.Integrate.method_cca_uses):
        homodb.integrate(cells, method="cca", model="x")
    # before a file is looked at
    (tmp_path / "joint.h5ad").write_text("nothing")
    with pytest.raises(IntegrationError, match=messages.Integrate.dims_is_0_must):
        integrate_files([tmp_path / "joint.h5ad"], tmp_path / "out.h5ad", settings=IntegrateSettings(dims=0))
    with pytest.raises(TranslationError, match=messages.Shared.no_h5ad):
        integrate_files([tmp_path / "no.h5ad"], tmp_path / "out.h5ad")


def test_files(cells: anndata.AnnData, done: anndata.AnnData, tmp_path: Path) -> None:
    joint, out = tmp_path / "joint.h5ad", tmp_path / "out.h5ad"
    cells.write_h5ad(joint)
    steps, small = list[str](), IntegrateSettings(**SMALL)
    told = integrate_files([joint], out, species=["human", "mouse", "pig"], progress=steps.append, settings=small)
    read = anndata.read_h5ad(out)
    np.testing.assert_array_equal(read.obsm["X_cca"], done.obsm["X_cca"])
    assert read.uns["homodb_integration"]["cca"]["settings"]["k_weight"] == 20
    assert told["n_cells"] == cells.n_obs and steps[0] == "reading counts" and steps[-1] == "writing"
    with pytest.raises(OutputError, match=messages.Shared.is_input_file):
        integrate_files([joint], joint, settings=small)
    with pytest.raises(IntegrationError, match=messages.Integrate.no_file_is_named):
        integrate_files([], out)
    # a second method stands beside the first
    integrate_files([out], tmp_path / "two.h5ad", method="none", settings=small)
    assert set(anndata.read_h5ad(tmp_path / "two.h5ad").uns["homodb_integration"]) == {"cca", "pca"}


def test_cells_of_types_that_not_all_species_have_are_dropped_first(cells: anndata.AnnData, tmp_path: Path) -> None:
    given = cells.copy()
    kind, species = given.obs["cell_type"].astype(object), given.obs["species"]
    kind[(species == "pig") & (kind == "type2")] = "type1"
    kind.iloc[np.flatnonzero(kind == "type0")[:2]] = None
    given.obs["kind"] = kind
    # by hand: cells of the two types that are left in all three, and with a type
    left = given[kind.isin(["type0", "type1"]).to_numpy()].copy()
    assert 0 < left.n_obs < given.n_obs - 2
    made = homodb.integrate(given, method="none", shared_types="kind", **SMALL)
    wanted = homodb.integrate(left, method="none", **SMALL)
    assert made.obs_names.tolist() == wanted.obs_names.tolist() and given.n_obs == cells.n_obs
    np.testing.assert_array_equal(made.obsm["X_pca"], wanted.obsm["X_pca"])
    note = made.uns["homodb_integration"]["pca"]["shared_types"]
    assert f"{left.n_obs} of {given.n_obs} cells stay (left out: type2)" in note
    assert "shared_types" not in wanted.uns["homodb_integration"]["pca"]
    joint, out = tmp_path / "joint.h5ad", tmp_path / "out.h5ad"
    given.write_h5ad(joint)
    told = integrate_files([joint], out, method="none", settings=IntegrateSettings(**SMALL), shared_types="kind")
    assert told["shared_types"] == note and told["n_cells"] == left.n_obs
    np.testing.assert_array_equal(anndata.read_h5ad(out).obsm["X_pca"], wanted.obsm["X_pca"])
    given.obs["kind"] = given.obs["species"]
    with pytest.raises(IntegrationError, match=messages.Join.no_value_kind) as caught:
        homodb.integrate(given, method="none", shared_types="kind", **SMALL)
    assert caught.value.option == "shared_types"
    with pytest.raises(IntegrationError, match=messages.Integrate.obs_has_no_column_typ):
        homodb.integrate(given, method="none", shared_types="typ", **SMALL)


@pytest.mark.parametrize(("package", "words"), [("skmisc", "scikit-misc"), ("igraph", "clustering=none")])
def test_missing_package_of_every_method(
    cells: anndata.AnnData, monkeypatch: pytest.MonkeyPatch, package: str, words: str
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    given = cells.copy()
    with pytest.raises(MissingPackageError, match=words):
        homodb.integrate(given, method="none", **SMALL)
    assert not given.obsm
