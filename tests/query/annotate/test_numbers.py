"""Numbers carried in place of cell types: by neighbours and by TRON, how they are judged, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from typer.testing import CliRunner

import homodb
from homodb.cli.app import app
from homodb.query.annotate import annotate_files, average, read_options
from homodb.query.annotate.evaluate import agreement
from homodb.schema.errors import AnnotationError, ScoreError
from tests import messages


def staged(adata: anndata.AnnData) -> anndata.AnnData:
    """Cells with a number that follows their type, 0 to 3, and what is in it by chance."""
    made = adata.copy()
    types = sorted(set(made.obs["cell_type"].astype(str)))
    noise = np.random.default_rng(1).normal(0, 0.1, made.n_obs)
    made.obs["stage"] = [types.index(one) for one in made.obs["cell_type"].astype(str)] + noise
    return made


@pytest.fixture(scope="module")
def sides(clade: Any) -> tuple[anndata.AnnData, anndata.AnnData]:
    return staged(clade.mouse), staged(clade.human)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["knn", "tron"])
def test_a_number_crosses_species(
    clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData], method: str, tmp_path: Path
) -> None:
    more: dict[str, Any] = {}
    if method == "tron":
        pytest.importorskip("torch")
        more = {"seeds": 2, "epochs": 30}
    query, reference = sides
    bare = query.copy()
    del bare.obs["stage"]
    made, told = homodb.annotate(
        bare,
        reference,
        label_key="stage",
        method=method,
        numeric=True,
        release=clade.release,
        **more,
        return_report=True,
    )
    assert list(made.obs)[-3:] == ["stage_homodb", "stage_homodb_spread", "stage_homodb_distance"]
    types = homodb.annotate(bare, reference, label_key="cell_type", method=method, release=clade.release, **more)
    names = sorted(set(reference.obs["cell_type"].astype(str)))
    by_type = [names.index(one) for one in types.obs["cell_type_homodb"].astype(str)]
    true = query.obs["stage"].to_numpy()
    found = np.corrcoef(made.obs["stage_homodb"], true)[0, 1]
    assert found > max(0.5, np.corrcoef(by_type, true)[0, 1] - 0.1)
    assert (made.obs["stage_homodb_spread"] >= 0).all() and told.labels.height == 0
    assert "given stage from human" in told.lines()[0] and "reference" in told.lines()[2]
    made.obs["stage"] = query.obs["stage"]
    path = tmp_path / "out.h5ad"
    made.write_h5ad(path)
    judged = homodb.evaluate(anndata.read_h5ad(path), truth="stage", n_resamples=5)
    assert judged.numbers["pearson"].value == pytest.approx(found)
    assert judged.rows["r2"][1] == pytest.approx(0, abs=1e-9) and judged.numbers["spearman"].value > 0.5
    assert judged.numbers["mean_absolute_error"].better == -1 and judged.cells == query.n_obs
    assert json.loads(json.dumps(judged.totals(), allow_nan=False))["types"] == []
    assert list(judged.figures()) == ["predicted.svg"]


def test_the_query_is_not_read_unless_named(clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData]) -> None:
    pytest.importorskip("torch")
    query, reference = sides
    other = query.copy()
    other.obs["stage"] = 7.0
    more: dict[str, Any] = {"label_key": "stage", "method": "tron", "numeric": True, "release": clade.release}
    more |= {"seeds": 1, "epochs": 2, "tuning_epochs": 2}
    one, two = (homodb.annotate(cells, reference, **more) for cells in (query, other))
    pd.testing.assert_series_equal(one.obs["stage_homodb"], two.obs["stage_homodb"])
    shown = homodb.annotate(query, reference, query_label_key="stage", **more)
    assert 0 < shown.obs["stage_homodb_seen"].sum() < query.n_obs
    assert not np.allclose(shown.obs["stage_homodb"], one.obs["stage_homodb"])
    left = homodb.evaluate(shown, truth="stage", n_resamples=0)
    assert left.cells + left.shown == query.n_obs and left.shown == shown.obs["stage_homodb_seen"].sum()


@pytest.mark.parametrize("method", ["knn", "tron"])
def test_cells_that_were_shown_are_marked(
    clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData], method: str
) -> None:
    if method == "tron":
        pytest.importorskip("torch")
    more: dict[str, Any] = {"seeds": 1, "epochs": 2, "tuning_epochs": 2} if method == "tron" else {}
    donors = sorted(set(sides[0].obs["donor"].astype(str)))
    made = homodb.annotate(
        sides[0], sides[1], label_key="stage", method=method, numeric=True, release=clade.release,
        query_label_key="stage", donor_key="donor", query_donors=donors[:1], **more,
    )  # fmt: skip
    shown = (sides[0].obs["donor"].astype(str) == donors[0]).to_numpy()
    np.testing.assert_array_equal(made.obs["stage_homodb_seen"].to_numpy(), shown)
    judged = homodb.evaluate(made, truth="stage", n_resamples=0)
    assert (judged.cells, judged.shown) == (int((~shown).sum()), int(shown.sum()))


def test_cells_without_a_number_or_counts(clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData]) -> None:
    query, reference = (one.copy() for one in sides)
    reference.obs.loc[reference.obs_names[:5], "stage"] = np.nan
    query.X[0] = 0
    made, told = homodb.annotate(
        query, reference, label_key="stage", numeric=True, release=clade.release, return_report=True
    )
    assert np.isnan(made.obs["stage_homodb"].iloc[0]) and made.obs["stage_homodb"].iloc[1:].notna().all()
    assert told.unknown == 1 and any("5 cells of the reference without a number" in one for one in told.notes)
    assert any("have no number" in one for one in told.notes)
    judged = homodb.evaluate(made, truth="stage", n_resamples=0)
    assert judged.cells == query.n_obs - 1 and "were given no number" in judged.notes[0]


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 9), weights=st.sampled_from(["distance", "uniform"]))
def test_means_are_those_of_loops(seed: int, k: int, weights: str) -> None:
    rng = np.random.default_rng(seed)
    points, queries, number = rng.standard_normal((7, 3)), rng.standard_normal((4, 3)), rng.standard_normal(7)
    points[2] = queries[1] = 0
    found = average(points, number, queries, k=k, weights=weights)
    for cell, query in enumerate(queries):
        if not query.any():
            assert np.isnan(found.number[cell]) and np.isnan(found.spread[cell])
            continue
        far = sorted(
            (1 - one @ query / np.linalg.norm(one) / np.linalg.norm(query), at)
            for at, one in enumerate(points)
            if one.any()
        )[:k]
        worth = [1.0 if weights == "uniform" else np.exp(-((away / far[-1][0]) ** 2)) for away, _ in far]
        told = [number[at] for _, at in far]
        assert found.number[cell] == pytest.approx(np.average(told, weights=worth))
        spread = np.sqrt(np.average((told - np.average(told, weights=worth)) ** 2, weights=worth))
        assert found.spread[cell] == pytest.approx(spread, abs=1e-9)


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), cells=st.integers(3, 30))
def test_measures_are_those_of_scipy(seed: int, cells: int) -> None:
    rng = np.random.default_rng(seed)
    true, guess = rng.integers(0, 9, cells).astype(float), rng.integers(0, 9, cells).astype(float)
    true[:2], guess[:2] = (0, 1), (1, 0)
    many = rng.integers(1, 4, cells)
    one, two = np.repeat(true, many), np.repeat(guess, many)
    pearson, spearman, r2, error = agreement(true, guess, many.astype(float))
    assert pearson == pytest.approx(stats.pearsonr(one, two).statistic)
    assert spearman == pytest.approx(stats.spearmanr(one, two).statistic)
    assert r2 == pytest.approx(1 - ((one - two) ** 2).sum() / ((one - one.mean()) ** 2).sum())
    assert error == pytest.approx(np.abs(one - two).mean())


def test_perfect_chance_and_constant() -> None:
    true = np.arange(200.0)
    assert agreement(true, true).tolist() == pytest.approx([1, 1, 1, 0])
    chance = agreement(true, np.random.default_rng(0).permutation(true))
    assert abs(chance[0]) < 0.2 and abs(chance[1]) < 0.2 and chance[2] < 0
    assert np.isnan(agreement(true, np.full(200, 0.1))[:2]).all()
    assert np.isnan(agreement(1e9 + true, np.full(200, 0.1))[:2]).all()
    for unit in (1e-9, 1.0, 1e9):
        few = agreement(unit * true, unit * np.sqrt(true))
        assert few[:3] == pytest.approx(agreement(true, np.sqrt(true))[:3]), unit


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"method": "cellama"}, "does not use numeric; knn, tron and protein do"),
        ({"method": "consensus"}, "does not use numeric"),
        ({"unknown_below": 0.5}, "unknown_below is about cell types"),
        ({"balanced": True}, "balanced is about votes for cell types"),
        ({"label_key": "cell_type"}, "expected finite numbers"),
        ({"label_key": "nothing"}, "has no column 'nothing'"),
        ({"label_key": "same"}, "has one number; two are needed"),
        ({"label_key": "endless"}, "expected finite numbers"),
    ],
)
def test_what_is_refused(
    clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData], more: dict[str, Any], told: str
) -> None:
    query, reference = sides[0], sides[1].copy()
    reference.obs["same"], reference.obs["endless"] = 1.0, np.inf
    with pytest.raises(AnnotationError, match=told):
        homodb.annotate(query, reference, **{"label_key": "stage", "numeric": True, "release": clade.release, **more})


def test_what_an_evaluation_refuses(clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData]) -> None:
    made = homodb.annotate(sides[0], sides[1], label_key="stage", numeric=True, release=clade.release)
    with pytest.raises(AnnotationError, match=messages.Annotate.reference_is_about_cell):
        homodb.evaluate(made, truth="stage", reference=sides[1], release=clade.release)
    with pytest.raises(AnnotationError, match=messages.Annotate.expected_finite_numbers):
        homodb.evaluate(made, truth="cell_type")
    with pytest.raises(ScoreError, match=messages.Annotate.resamples_is_1_must):
        homodb.evaluate(made, truth="stage", n_resamples=-1)
    made.obs["stage"] = np.nan
    with pytest.raises(AnnotationError, match=messages.Annotate.fewer_than_two_cells_can):
        homodb.evaluate(made, truth="stage")


@pytest.mark.slow
def test_from_file_to_file(clade: Any, sides: tuple[anndata.AnnData, anndata.AnnData], tmp_path: Path) -> None:
    paths = [tmp_path / "query.h5ad", tmp_path / "reference.h5ad"]
    for adata, path in zip(sides, paths, strict=True):
        adata.write_h5ad(path)
    told = annotate_files(
        *paths, tmp_path / "out.zarr", read_options({"label_key": "stage", "numeric": True}), release=clade.release
    )
    assert told.numbers is not None and told.numbers["side"].to_list() == ["query", "reference"]
    entry = anndata.read_zarr(tmp_path / "out.zarr").uns["homodb"]["annotation"]["stage_homodb"]
    assert bool(entry["settings"]["numeric"])
    chosen = ["--release", str(clade.folder / "release"), "annotate", str(paths[0]), "--reference", str(paths[1])]
    said = CliRunner().invoke(app, [*chosen, "--label", "stage", "--numeric", "-o", str(tmp_path / "out.h5ad")])
    assert said.exit_code == 0 and "cells of mouse given stage from human by knn" in said.output
    drawn = tmp_path / "drawn"
    judge = ["evaluate", str(tmp_path / "out.h5ad"), "--truth", "stage", "--figures", str(drawn)]
    said = CliRunner().invoke(app, judge)
    assert said.exit_code == 0 and "spearman" in said.output and "true mean" in said.output
    assert [one.name for one in drawn.iterdir()] == ["predicted.svg"]
