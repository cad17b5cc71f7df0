"""``homodb.score``: what runs, what stands beside it, and what is refused, from objects and from files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.score import PROFILES, Number, ProfileScores, Score, profiles_named
from homodb.schema.errors import MissingPackageError, ScoreError, TranslationError
from tests import messages

pytest.importorskip("igraph", reason="the extra cells is not installed")

SMALL = {"n_features": 100, "n_components": 10, "dims": 6, "k_score": 10, "k_weight": 15, "k_neighbors": 8}


@pytest.fixture
def cells() -> anndata.AnnData:
    """Three types in two species, well apart in ``cca``, the species apart in ``pca``; without counts."""
    rng = np.random.default_rng(0)
    code, mouse = np.arange(180) % 3, (np.arange(180) // 3) % 2 == 1
    points = rng.normal(0, 1, (180, 6)) + 10 * np.eye(6)[code]
    obs = pd.DataFrame(
        {
            "cell_type": np.array(["alpha", "beta", "delta"])[code],
            "species": np.where(mouse, "mouse", "human"),
            "donor": [f"d{one}" for one in rng.integers(0, 3, 180)],
        },
        index=[f"c{one}" for one in range(180)],
    )
    before = points + np.where(mouse, 30.0, 0.0)[:, None] * np.eye(6)[5]
    return anndata.AnnData(obs=obs, obsm={"X_cca": points, "X_pca": before})


@pytest.fixture
def joint() -> anndata.AnnData:
    """Counts of two types in two species, integrated, without the baseline."""
    pytest.importorskip("skmisc", reason="the extra cells is not installed")
    rng = np.random.default_rng(3)
    profiles = rng.gamma(0.5, 2.0, (2, 200))
    kind = rng.integers(0, 2, 120)
    obs = pd.DataFrame(
        {"species": ["human"] * 70 + ["mouse"] * 50, "cell_type": np.array(["alpha", "beta"])[kind]},
        index=[f"c{n}" for n in range(120)],
    )
    made = anndata.AnnData(sp.csr_matrix(rng.poisson(profiles[kind] * 2.0)), obs=obs)
    return homodb.integrate(made, method="cca", clustering="none", **SMALL)


def test_profiles_and_intervals(cells: anndata.AnnData) -> None:
    before = cells.copy()
    found = homodb.score(cells, key="cca", donor_key="donor", profile="pllm,cross-species", n_resamples=5)
    assert list(found.parts) == ["pllm", "cross_species"] and found.key == "cca" and found.intervals == "donors"
    flat = found.flat()
    assert flat["pllm_ari"] == 1.0 and flat["pllm_ari_low"] is not None and flat["pllm_ari_baseline"] is not None
    assert "none baseline: pca, which homodb integrate did not make" in found.notes
    unnamed = homodb.score(cells, key="cca", profile="pllm", n_resamples=5)
    hint = "no column of donors was named, such as donor of obs, which intervals resample"
    assert unnamed.intervals == "cells only" and hint in unnamed.notes and hint not in found.notes
    without = homodb.score(cells, key="cca", profile="pllm", n_resamples=0)
    assert without.intervals == "none" and hint not in without.notes
    for name in ("X_cca", "X_pca"):
        assert np.array_equal(cells.obsm[name], before.obsm[name])
    assert cells.obs.equals(before.obs) and not cells.uns


def test_only_30_dimensions_count(cells: anndata.AnnData) -> None:
    rng = np.random.default_rng(1)
    padded = np.hstack([cells.obsm["X_cca"], np.zeros((180, 24))])
    cells.obsm["X_padded"] = padded
    cells.obsm["X_wide"] = np.hstack([padded, rng.normal(0, 100, (180, 5))])
    one, two = (
        homodb.score(cells, key=key, profile="pllm", baseline=False, n_resamples=0).flat() for key in ("padded", "wide")
    )
    assert one == two


def test_the_baseline_itself_has_nothing_beside_it(cells: anndata.AnnData) -> None:
    for key in ("pca", "X_pca"):
        found = homodb.score(cells, key=key, profile="pllm", n_resamples=0)
        assert found.notes == ("pca is the none baseline itself: nothing stands beside it",)
        assert not any(name.endswith("_baseline") for name in found.flat())


def test_another_baseline_or_none(cells: anndata.AnnData) -> None:
    cells.obsm["X_other"] = cells.obsm["X_pca"].copy()
    named = homodb.score(cells, key="cca", profile="pllm", baseline="other", n_resamples=0)
    found = homodb.score(cells, key="cca", profile="pllm", n_resamples=0)
    assert named.flat() == found.flat()
    without = homodb.score(cells, key="cca", profile="pllm", baseline=False, n_resamples=0)
    assert without.parts["pllm"].numbers["ari"].baseline is None
    with pytest.raises(ScoreError, match=messages.Score.no_embedding_nothing):
        homodb.score(cells, key="cca", profile="pllm", baseline="nothing")


def test_the_baseline_is_computed_with_the_integrations_settings(joint: anndata.AnnData) -> None:
    found = homodb.score(joint, profile="pllm", n_resamples=0)
    assert "none baseline: computed from the counts, its settings" in found.notes
    both = homodb.integrate(joint, method="none", clustering="none", **SMALL)
    named = homodb.score(both, profile="pllm", n_resamples=0)
    assert named.key == "cca" and "none baseline: pca" in named.notes
    assert named.flat() == pytest.approx(found.flat(), abs=1e-9)


def test_a_baseline_that_cannot_be_computed_is_said_to_be_missing(joint: anndata.AnnData) -> None:
    joint.X = -joint.X
    found = homodb.score(joint, profile="pllm", n_resamples=0)
    assert found.notes[0].startswith("there is no none baseline: obsm has no X_pca, and it cannot be computed (")
    assert not any(name.endswith("_baseline") for name in found.flat())


@pytest.mark.slow
def test_files_give_what_objects_give(joint: anndata.AnnData, tmp_path: Path) -> None:
    both = homodb.integrate(joint, method="none", clustering="none", **SMALL)
    wanted = homodb.score(both, profile="pllm", n_resamples=3).flat()
    both.write_h5ad(tmp_path / "out.h5ad")
    both.write_zarr(tmp_path / "out.zarr")
    joint.write_h5ad(tmp_path / "counts.h5ad")
    assert homodb.score(tmp_path / "out.h5ad", profile="pllm", n_resamples=3).flat() == wanted
    assert homodb.score(tmp_path / "out.zarr", profile="pllm", n_resamples=3).flat() == wanted
    computed = homodb.score(tmp_path / "counts.h5ad", profile="pllm", n_resamples=3)
    assert "none baseline: computed from the counts, its settings" in computed.notes


def test_counts_are_not_read_where_the_baseline_is_there(cells: anndata.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "out.h5ad"
    anndata.AnnData(np.zeros((180, 4)), obs=cells.obs, obsm=dict(cells.obsm)).write_h5ad(path)
    with h5py.File(path, "a") as file:
        del file["X"]
        file["X"] = np.zeros(3)
    assert homodb.score(path, key="cca", profile="pllm", n_resamples=0).flat()["pllm_ari"] == 1.0
    with pytest.raises(TranslationError, match=messages.Shared.no_such_file):
        homodb.score(tmp_path / "nothing.h5ad")
    (tmp_path / "text.h5ad").write_text("not cells")
    with pytest.raises(TranslationError, match=messages.Score.text_h5ad):
        homodb.score(tmp_path / "text.h5ad")


def test_an_awkward_array_beside_the_embedding_is_left_out(cells: anndata.AnnData, tmp_path: Path) -> None:
    """As by other commands, and with its name."""
    if "awkward" in sys.modules:
        pytest.skip("awkward is installed")
    path = tmp_path / "out.h5ad"
    anndata.AnnData(np.zeros((180, 4)), obs=cells.obs, obsm=dict(cells.obsm)).write_h5ad(path)
    with h5py.File(path, "a") as file:
        group = file["obsm"].create_group("airr")
        group.attrs.update({"encoding-type": "awkward-array", "encoding-version": "0.1.0", "form": "{}", "length": 180})
    with pytest.warns(UserWarning, match=r"obsm\['airr'\] is an awkward array"):
        score = homodb.score(path, key="cca", profile="pllm", n_resamples=0)
    assert score.flat()["pllm_ari"] == 1.0


def _blank(adata: anndata.AnnData) -> None:
    adata.obs["cell_type"] = adata.obs["cell_type"].astype(object)
    adata.obs.loc["c3", "cell_type"] = None


def _flat(adata: anndata.AnnData) -> None:
    adata.obsm["X_cca"] = adata.obsm["X_cca"].copy()
    adata.obsm["X_cca"][4, 1] = np.nan


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (lambda a: a.obs.__delitem__("cell_type"), {}, "no column 'cell_type' with cell types"),
        (_blank, {}, "is empty for 1 cell;"),
        (lambda a: a.obs.__setitem__("cell_type", list(map(str, range(180)))), {}, "different for every cell"),
        (lambda a: a.obs.__setitem__("cell_type", "beta"), {}, "has one value, beta"),
        (lambda a: a.obs.__setitem__("species", "human"), {}, "has one value, human"),
        (lambda a: None, {"species_key": "organism"}, "no column 'organism' with species"),
        (lambda a: None, {"donor_key": "patient"}, "no column 'patient' with donors"),
        (lambda a: None, {"key": "harmony"}, "no embedding 'harmony'; obsm has: X_cca, X_pca"),
        (lambda a: None, {"key": None}, "integrate left no embedding in this file"),
        (_flat, {}, "holds NaN"),
        (lambda a: None, {"profile": "plm"}, "no profile 'plm'; there are pllm, scib, cross-species, all.*'pllm'"),
    ],
)
def test_bad_input_gives_one_clear_error(cells: anndata.AnnData, spoil: Any, options: Any, message: str) -> None:
    spoil(cells)
    with pytest.raises(ScoreError, match=message) as caught:
        homodb.score(cells, **{"key": "cca", "profile": "pllm", **options})
    assert "\n" not in str(caught.value)


def test_fewer_cells_than_neighbours(cells: anndata.AnnData) -> None:
    few = cells[:60].copy()
    with pytest.raises(ScoreError, match=messages.Score.neighbours_60_cells):
        homodb.score(few, key="cca", profile="pllm")


def test_scib_alone_needs_its_package_and_all_goes_on(cells: anndata.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingPackageError, match=messages.Score.homodb_score):
        homodb.score(cells, key="cca", profile="scib")
    found = homodb.score(cells, key="cca", profile="all", n_resamples=2)
    assert list(found.parts) == ["pllm", "cross_species"]
    assert any(note.startswith("scib is left out: ") for note in found.notes)


def test_where_no_profile_can_be_computed_the_first_says_why(
    cells: anndata.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ScoreError, match=messages.Score.neighbours_2):
        homodb.score(cells[:18].copy(), key="cca")


def test_the_list_of_profiles() -> None:
    assert [one.name for one in profiles_named("all")] == [one.name for one in PROFILES]
    assert [one.key for one in profiles_named("cross_species , PLLM")] == ["pllm", "cross_species"]
    assert all(one.summary and one.reference for one in PROFILES)


def test_text() -> None:
    import polars as pl

    table = pl.DataFrame({"cell_type": ["beta"], "f1": [0.5], "f1_low": [0.4], "f1_high": [0.6], "f1_baseline": [0.1]})
    part = ProfileScores(
        {"ari": Number(0.70983, 0.6, 0.8, baseline=float("nan")), "cells": Number(12633, better=0)},
        {"cell types": table}, ("a note",),
    )  # fmt: skip
    assert Score("cca", {"cross_species": part}, "cells only", ("none baseline: pca",)).lines() == [
        "embedding: cca",
        "none baseline: pca",
        "intervals of 95 %: cells only; they say nothing of other donors, and no winner can be called",
        "",
        "cross-species",
        "score   value  95 %",  # the baseline is undefined throughout
        "ari    0.7098  0.6 to 0.8",
        "cells  12,633  -",
        "",
        "cell types",
        "cell type  f1                none",
        "beta       0.5 (0.4 to 0.6)   0.1",
        "",
        "note: a note",
    ]
