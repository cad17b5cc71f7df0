"""Niches: clusters by surroundings, what lies around them counted by hand, markers, drawings, and refusals."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import homodb
from homodb.query.annotate import NicheOptions, NicheSettings, niches_file
from homodb.query.integrate import spatial_neighbors
from homodb.schema.errors import AnnotationError, CountsError, OutputError
from tests import messages

pytest.importorskip("igraph", reason="the extra cells is not installed")


@pytest.fixture
def cells() -> anndata.AnnData:
    """Beta cells all over a tissue, alpha cells on its left; the embedding knows of the side, and so does gene Edge."""
    rng = np.random.default_rng(4)
    place = rng.uniform(0, 10, (240, 2))
    kind = np.where(np.arange(240) < 160, "beta", "alpha")
    place[160:, 0] *= 0.4
    left = place[:, 0] < 4
    counts = rng.poisson(3, (240, 12)).astype(float)
    counts[:, 0] = rng.poisson(np.where(left, 30, 2))
    embedding = np.column_stack([np.where(left, 1.0, -1.0), 0.2 * rng.normal(size=(240, 3)) + 1])
    obs = pd.DataFrame({"kind": kind, "kind_distance": place[:, 0]}, index=[f"cell{n}" for n in range(240)])
    var = pd.DataFrame(index=["Edge", *(f"Gene{n}" for n in range(11))])
    return anndata.AnnData(
        sp.csr_matrix(counts), obs, var, obsm={"spatial": place, "X_kind": embedding.astype(np.float32)}
    )


def test_niches_are_told_apart_by_what_lies_around(cells: anndata.AnnData) -> None:
    before = cells.copy()
    made, told = homodb.niches(cells, label_key="kind", spatial=8, resolution=0.1, return_report=True)
    assert list(cells.obs) == list(before.obs) and "homodb" not in cells.uns
    assert (made.X != before.X).nnz == 0 and list(made.obs) == ["kind", "kind_distance", "kind_niche"]
    left = cells.obsm["spatial"][:, 0] < 4
    niche = made.obs["kind_niche"].astype(str).to_numpy()
    for name in set(niche[:160]):
        assert name.startswith("beta ") and len(set(left[niche == name])) == 1
    assert set(niche[160:]) <= {f"alpha {n}" for n in range(9)}
    by_type = {row["type"]: row for row in told.types.iter_rows(named=True)}
    assert by_type["beta"]["explained"] > 0.5 > 5 * by_type["beta"]["chance"]
    assert (by_type["beta"]["cells"], by_type["alpha"]["cells"]) == (160, 80)
    # the abundance, counted by hand
    place, kind = cells.obsm["spatial"], cells.obs["kind"].to_numpy()
    apart = np.linalg.norm(place[:, None] - place[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    near = np.argsort(apart, axis=1)[:, :8]
    for row in told.around.iter_rows(named=True):
        share = (kind[near] == row["around"]).mean(axis=1)
        assert row["share"] == pytest.approx(share[niche == row["niche"]].mean())
        assert row["share_all"] == pytest.approx(share[kind == row["type"]].mean())
        assert row["cells"] == (niche == row["niche"]).sum()
    marked = told.markers.filter(told.markers["type"] == "beta")
    assert set(marked["gene"]) == {"Edge"} and marked["auroc"].min() > 0.9
    assert all(left[niche == name].all() for name in marked["niche"])
    text = str(told)
    assert "nearest cells around each" in text and "no p values" in text and "hardly differ" not in text
    assert {"types", "around", "markers", "cells"} <= set(told.to_json() and told.totals() | dict(told.frames()))


def test_an_embedding_without_places_is_said(cells: anndata.AnnData) -> None:
    cells.obsm["X_pca"] = np.random.default_rng(0).normal(size=(240, 3))
    _, told = homodb.niches(cells, label_key="kind", use_rep="X_pca", cell_types="beta", return_report=True)
    assert told.types["type"].to_list() == ["beta"] and "alpha" in told.notes[0]
    assert any("the niches of beta hardly differ" in note for note in told.notes)
    [row] = told.types.to_dicts()
    assert row["explained"] < 0.1


def test_cells_of_other_sections_are_not_near(cells: anndata.AnnData, tmp_path: Path) -> None:
    cells.obs["slide"] = np.where(cells.obs["kind"] == "beta", "one", "two")
    cells.obs.loc["cell3", "slide"] = None
    made, told = homodb.niches(cells, label_key="kind", donor_key="slide", return_report=True)
    alone = told.around.filter(told.around["type"] == told.around["around"])
    assert (alone["share"] == 1).all()  # each section holds one type
    assert told.cells["section"][3] is None and made.obs["kind_niche"].notna().all()
    drawn = told.figures()
    assert {"distance_0.svg", "distance_1.svg", "distance_2.svg"} <= set(drawn)
    path = tmp_path / "niches.h5ad"
    made.write_h5ad(path)
    entry = anndata.read_h5ad(path).uns["homodb"]["niches"]["kind_niche"]
    assert entry["settings"]["spatial"] == 20 and set(entry["tables"]) == {"types", "around", "markers"}


def test_files_and_drawings(cells: anndata.AnnData, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    cells.obsm["X_kind"][7] = 0  # a cell without a position
    cells.obs["kind"] = cells.obs["kind"].astype(object)
    cells.obs.loc["cell9", "kind"] = None
    path, out = tmp_path / "in.h5ad", tmp_path / "out.h5ad"
    cells.write_h5ad(path)
    options = NicheOptions(label_key="kind", settings=NicheSettings(n_starts=1))
    told = niches_file(path, out, options, figures=tmp_path / "figures", tables=tmp_path / "tables")
    written = anndata.read_h5ad(out)
    assert written.obs["kind_niche"].isna().sum() == 2 and any("1 cell without a position" in one for one in told.notes)
    names = sorted(one.name for one in (tmp_path / "figures").iterdir())
    assert names == [
        "around_0_alpha.svg", "around_1_beta.svg", "distance.svg", "niches_0_alpha.svg", "niches_1_beta.svg",
    ]  # fmt: skip
    assert "kind_distance" in (tmp_path / "figures" / "distance.svg").read_text()
    assert "beta 0" in (tmp_path / "figures" / "niches_1_beta.svg").read_text()
    assert len((tmp_path / "tables" / "cells.tsv").read_text().splitlines()) == 241
    with pytest.raises(OutputError, match=messages.Shared.is_input_file):
        niches_file(path, path, options)


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"label_key": "type"}, "no column 'type'", "label_key"),
    ({"use_rep": "X_kin"}, "did you mean 'X_kind'", "use_rep"),
    ({"spatial_key": "xy"}, "obsm has no 'xy'", "spatial_key"),
    ({"donor_key": "donor"}, "no column 'donor'", "donor_key"),
    ({"cell_types": ["betta"]}, "no type 'betta'.*did you mean 'beta'", "cell_types"),
    ({"cell_types": ["alpha"], "min_cells": 100}, "alpha has 80 cells .* fewer than 100", "min_cells"),
    ({"min_cells": 1000}, "no type .* has 1000 cells.*alpha .80., beta .160.", "min_cells"),
    ({"clustering": "kmeans"}, "louvain, leiden", None),
    ({"spatial": 0}, "spatial: Expected at least 1", None),
    ({"key_added": "a/b"}, "without a slash", "key_added"),
    ({"layer": "counts"}, "counts", None),
]


@pytest.mark.parametrize(("asked", "words", "option"), REFUSED, ids=lambda one: str(one)[:40])
def test_refused(cells: anndata.AnnData, asked: dict[str, Any], words: str, option: str | None) -> None:
    with pytest.raises(AnnotationError, match=words) as told:
        homodb.niches(cells, **{"label_key": "kind", **asked})
    assert option is None or told.value.option == option


@pytest.mark.parametrize("broken", ["text", "nan", "shape"])
def test_an_embedding_that_is_none_is_refused(cells: anndata.AnnData, broken: str) -> None:
    points = {"text": np.full((240, 2), "a"), "nan": np.full((240, 2), np.nan), "shape": np.zeros((240, 2, 2))}
    cells.obsm["X_bad"] = points[broken]
    with pytest.raises(AnnotationError, match="table of finite numbers"):
        homodb.niches(cells, label_key="kind", use_rep="X_bad")
    cells.X = cells.X.astype(float) * -1
    with pytest.raises(CountsError):
        homodb.niches(cells, label_key="kind")


def test_every_setting_stands_in_the_signature_with_its_default() -> None:
    parameters = inspect.signature(homodb.niches).parameters
    fields = {**NicheOptions.model_fields, **NicheSettings.model_fields}
    for name, field in fields.items():
        if name not in ("settings", "label_key"):
            assert parameters[name].default == field.default and parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert set(parameters) - set(fields) == {"adata", "progress", "return_report"}


@given(
    place=arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(0, 3).map(float)),
    k=st.integers(1, 3), seed=st.integers(0, 99),
)  # fmt: skip
def test_neighbours_on_a_tissue_are_those_of_a_full_search(place: np.ndarray, k: int, seed: int) -> None:
    group = np.random.default_rng(seed).integers(-1, 2, len(place))
    found = spatial_neighbors(place, k, group=group)
    for cell, row in enumerate(found.tolist()):
        others = [one for one in range(len(place)) if one != cell and group[one] == group[cell] >= 0]
        wanted = sorted(others, key=lambda one: (((place[one] - place[cell]) ** 2).sum(), one))[:k]
        assert row == wanted + [-1] * (k - len(wanted))


def test_neighbours_where_very_many_cells_lie_at_one_place() -> None:
    found = spatial_neighbors(np.zeros((50, 3)), 5)
    assert (found >= 0).all() and all(cell not in row for cell, row in enumerate(found.tolist()))
    assert all(len(set(row)) == 5 for row in found.tolist())
