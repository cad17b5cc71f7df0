"""The whole grid on a simulated clade: each row is what joining, integrating and scoring one by one give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

import homodb
from homodb.cli.app import app
from homodb.query.compare import CompareProgress, grid
from homodb.query.score import Number, ProfileScores, Score
from homodb.schema.errors import (
    CountsError,
    HomodbError,
    IntegrationError,
    JoinError,
    OutputError,
    ScoreError,
    UnknownStrategyError,
)
from tests import messages
from tests.query.compare.conftest import SMALL, Clade

pytest.importorskip("skmisc", reason="the extra cells is not installed")
pytest.importorskip("igraph", reason="the extra cells is not installed")

Options = dict[str, Any]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Score by nothing but the first cell's place; return what was asked."""
    asked: list[dict[str, Any]] = []

    def fake(adata: anndata.AnnData, **options: Any) -> Score:
        asked.append({"cells": list(adata.obs_names), **options})
        place = float(abs(adata.obsm[f"X_{options['key']}"][0, 0]))
        return Score(options["key"], {"fake": ProfileScores({"place": Number(place, place, place)})}, "donors")

    monkeypatch.setattr(grid, "score", fake)
    return asked


@pytest.fixture(scope="module")
def compared(
    clade: Clade, tmp_path_factory: pytest.TempPathFactory
) -> tuple[homodb.Comparison, Path, list[CompareProgress]]:
    keep, progress = tmp_path_factory.mktemp("kept") / "joint", []
    found = homodb.compare(
        clade.cells, species=["human", "mouse"], release=clade.release, methods="cca,none", strategies="hm_o2o",
        donor_key="donor", n_resamples=20, keep=keep, progress=progress.append, **SMALL,
    )  # fmt: skip
    return found, keep, progress


@pytest.mark.slow
def test_rows_stand_in_order(compared: tuple[homodb.Comparison, Path, list[CompareProgress]]) -> None:
    found, _, progress = compared
    names = ["HM_O2O", "same symbol", "random pairing"]
    assert [(row.strategy, row.method) for row in found.rows] == [
        (one, way) for one in names for way in ("none", "cca")
    ]
    assert found.intervals == "donors" and found.donors == {"human": 3, "mouse": 3}
    assert {one.done for one in progress} == set(range(6)) and {one.total for one in progress} == {6}


@pytest.mark.slow
def test_a_row_is_what_the_steps_give_one_by_one(
    compared: tuple[homodb.Comparison, Path, list[CompareProgress]], clade: Clade
) -> None:
    found, keep, _ = compared
    joint = homodb.join(clade.cells, species=["human", "mouse"], release=clade.release, strategy="hm_o2o")
    kept = anndata.read_h5ad(keep / "hm_o2o.h5ad")
    assert (kept.X != joint.X).nnz == 0
    for key, method, row in (("pca", "none", found.rows[0]), ("cca", "cca", found.rows[1])):
        done = homodb.integrate(joint, method=method, label_key="cell_type", **SMALL)
        np.testing.assert_array_equal(kept.obsm[f"X_{key}"], done.obsm[f"X_{key}"])
        assert (kept.obs[f"{key}_cluster"] == done.obs[f"{key}_cluster"]).all()
        alone = homodb.score(
            kept, key=key, donor_key="donor", profile="cross-species", n_resamples=20,
            baseline=False if key == "pca" else "pca",
        )  # fmt: skip
        assert row.score is not None and str(row.score.flat()) == str(alone.flat())
    assert sorted(one.name for one in keep.iterdir()) == [
        "hm_o2o.h5ad", "random_pairing.h5ad", "same_symbol.h5ad",
    ]  # fmt: skip


@pytest.mark.slow
def test_random_pairing_is_told_from_a_mapping(compared: tuple[homodb.Comparison, Path, list[CompareProgress]]) -> None:
    table = compared[0].table.filter(method="none")
    right = dict(zip(table["strategy"], table["transfer_balanced_accuracy"], strict=True))
    assert right["random pairing"] < 0.4 < 0.6 < right["HM_O2O"]
    marks = dict(zip(table["strategy"], table["transfer_balanced_accuracy_mark"], strict=True))
    assert marks["random pairing"] == "worse" and marks["HM_O2O"] == ""


@pytest.mark.slow
def test_all_strategies_by_kmers_on_the_same_cells(clade: Clade, quick: list[dict[str, Any]]) -> None:
    found = homodb.compare(clade.cells, release=clade.release, methods=["none"], **SMALL)
    assert [row.strategy for row in found.rows] == [*map(str, homodb.Strategy), "same symbol", "random pairing"]
    assert len({tuple(one["cells"]) for one in quick}) == 1 and len(quick[0]["cells"]) == sum(found.cells.values())
    assert {one["baseline"] for one in quick} == {False}
    assert found.left_out == {} and found.donors == {"human": None, "mouse": None}
    with homodb.open(clade.release) as release:
        for row in found.rows[:5]:
            _, told = homodb.join(clade.cells, release=release, strategy=row.strategy, return_report=True)
            assert row.features == told.feature_count
            assert row.carried["carried"].to_list() == pytest.approx(told.files["carried"].to_list())
            mapped = told.fates.filter(fate="mapped").group_by("species").agg(pl.col("stable_id").n_unique())
            assert row.carried["genes"].to_list() == mapped.sort("species")["stable_id"].to_list()
    hm, random = found.rows[2], found.rows[6]
    assert random.carried.equals(hm.carried) and random.features == hm.features
    options: Options = {"release": clade.release, "methods": ["none"], "strategies": "hm_o2o", **SMALL}
    again = homodb.compare(clade.cells, **options)
    assert found.table[[2, 5, 6]].equals(again.table)
    other = homodb.compare(
        clade.cells, release=clade.release, methods=["none"], strategies="hm_o2o", random_state=5, **SMALL
    )
    assert other.rows[0].strategy == "HM_O2O" and other.rows[-1].score != found.rows[-1].score


@pytest.mark.slow
def test_one_donor_calls_no_winner(clade: Clade) -> None:
    cells = [anndata.read_h5ad(path) for path in clade.cells]
    cells[1].obs["donor"] = "one"
    before = [one.copy() for one in cells]
    found = homodb.compare(
        cells, species=["human", "mouse"], release=clade.release, methods="none", strategies="hm_o2o",
        donor_key="donor", n_resamples=10, **SMALL,
    )  # fmt: skip
    assert found.intervals == "cells only"
    marks = [name for name in found.table.columns if name.endswith("_mark")]
    assert marks and set(found.table.select(marks).unpivot()["value"]) == {""}
    assert "one donor of mouse" in found.lines()[-1]
    for one, other in zip(cells, before, strict=True):
        assert one.obs.equals(other.obs) and (one.X != other.X).nnz == 0 and not one.obsm


@pytest.mark.slow
def test_a_method_that_fails_on_one_mapping_is_a_row_that_says_so(
    clade: Clade, quick: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = grid.add_prepared

    def failing(adata: anndata.AnnData, prepared: Any, method: Any, *rest: Any, **more: Any) -> Any:
        if method.name == "cca" and adata.uns["homodb"]["strategy"] == "random pairing":
            raise IntegrationError("no anchors at all")
        return real(adata, prepared, method, *rest, **more)

    monkeypatch.setattr(grid, "add_prepared", failing)
    options: Options = {"release": clade.release, "strategies": "hm_o2o", **SMALL}
    found = homodb.compare(clade.cells, methods="none,cca", **options)
    assert [row.why for row in found.rows] == [""] * 5 + ["no anchors at all"]
    assert found.table["place"].null_count() == 1 and "no anchors at all" in "\n".join(found.lines())

    def never(*some: Any, **more: Any) -> Any:
        raise IntegrationError("not today")

    monkeypatch.setattr(grid, "add_prepared", never)
    with pytest.raises(IntegrationError, match=messages.Compare.no_method_could_integrate):
        homodb.compare(clade.cells, methods="none", **options)


@pytest.mark.slow
def test_bad_input_is_one_error_before_anything_is_computed(
    clade: Clade, quick: list[dict[str, Any]], tmp_path: Path
) -> None:
    cells = [anndata.read_h5ad(path) for path in clade.cells]
    gap = cells[1].copy()
    gap.obs["cell_type"] = gap.obs["cell_type"].astype(object)
    gap.obs.iloc[0, list(gap.obs.columns).index("cell_type")] = None
    logs = cells[1].copy()
    logs.X = np.log1p(logs.X)
    few = cells[1][:5].copy()
    human = ["human", "human"]
    (tmp_path / "file").write_text("")
    wrong: list[tuple[type[HomodbError], str, list[Any], Options]] = [
        (UnknownStrategyError, "there is no strategy 'hm_o2oo'.*HM_O2O", cells, {"strategies": "hm_o2oo"}),
        (IntegrationError, "did you mean 'harmony'", cells, {"methods": "none,harmny"}),
        (ScoreError, "there is no profile", cells, {"profile": "mixing"}),
        (ScoreError, "obs has no column 'celltype'.*did you mean 'cell_type'", cells, {"label_key": "celltype"}),
        (ScoreError, "obs has no column 'patient'", cells, {"donor_key": "patient"}),
        (ScoreError, "is empty for 1 cell;", [cells[0], gap], {}),
        (ScoreError, "all cells are of human", [cells[0], cells[0].copy()], {"species": human}),
        (JoinError, "name two or more", cells[:1], {}),
        (CountsError, "logarithms", [cells[0], logs], {}),
        (IntegrationError, "5 cells", [cells[0], few], {}),
        (OutputError, "not a folder", cells, {"keep": tmp_path / "file"}),
    ]
    for error, text, given, options in wrong:
        with pytest.raises(error, match=text):
            homodb.compare(
                given, release=clade.release, **{"methods": "none", "strategies": "hm_o2o"} | SMALL | options
            )
    assert not quick
    with pytest.raises(TypeError, match=messages.Compare.unexpected_keyword):
        homodb.compare(cells, release=clade.release, k_wight=3)  # type: ignore[call-arg]


@pytest.mark.slow
def test_several_files_of_one_species(clade: Clade, quick: list[dict[str, Any]]) -> None:
    human, mouse = (anndata.read_h5ad(path) for path in clade.cells)
    half = human.n_obs // 2
    parts = [human[:half].copy(), human[half:, ::-1].copy(), mouse]
    options: Options = {"release": clade.release, "methods": "none", "strategies": "hm_o2o", **SMALL}
    whole = homodb.compare([human, mouse], species=["human", "mouse"], **options)
    found = homodb.compare(parts, species=["human", "human", "mouse"], donor_key="source_file", **options)
    assert found.donors == {"human": 2, "mouse": 1} and found.cells == whole.cells
    for one, other in zip(found.rows, whole.rows, strict=True):
        assert one.features == other.features and one.carried["genes"].equals(other.carried["genes"])
        assert one.carried["carried"].to_list() == pytest.approx(other.carried["carried"].to_list())


@pytest.mark.slow
def test_on_the_command_line(clade: Clade, quick: list[dict[str, Any]], tmp_path: Path) -> None:
    words = ["compare", *map(str, clade.cells), "--release", str(clade.release), "--methods", "none", "--strategies"]
    words += ["hm_o2o", *(word for name, value in SMALL.items() for word in ("--set", f"{name}={value}"))]
    out = tmp_path / "table.csv"
    said = CliRunner().invoke(app, [*words, "--donor-key", "donor", "-o", str(out)])
    assert said.exit_code == 0, said.output
    table = pd.read_csv(out)
    assert list(table["strategy"]) == ["HM_O2O", "same symbol", "random pairing"]
    assert "random pairing" in said.output and f"written: {out}" in said.output
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert [row["scores"]["fake_place"] for row in told["rows"]] == pytest.approx(table["place"].tolist())
