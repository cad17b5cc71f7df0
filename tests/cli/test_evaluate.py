"""``homodb evaluate`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from homodb.cli.app import app


@pytest.fixture
def labelled(tmp_path: Path) -> str:
    obs = pd.DataFrame(
        {"kind": list("xxyy"), "kind_homodb": list("xyyy"), "kind_homodb_confidence": [0.9, 0.6, 0.8, 0.7]},
        index=list("abcd"),
    )
    entry = {"label": "kind", "method": "knn", "reference_labels": ["x", "y"], "reference_cells": [3, 5]}
    made = anndata.AnnData(np.ones((4, 2)), obs=obs, uns={"homodb": {"annotation": {"kind_homodb": entry}}})
    made.write_h5ad(tmp_path / "out.h5ad")
    return str(tmp_path / "out.h5ad")


@pytest.mark.slow
def test_text(labelled: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = tmp_path / "figures"
    said = CliRunner().invoke(app, ["evaluate", labelled, "--truth", "kind", "--figures", str(figures)])
    assert said.exit_code == 0, said.output
    assert "kind_homodb against kind: 4 cells judged" in said.stdout
    assert "majority class" in said.stdout and "over cells only" in said.stdout
    assert "calibration error    0.300" in said.stdout
    assert sorted(path.name for path in figures.iterdir()) == ["calibration.svg", "confusion.svg"]


def test_json(labelled: str) -> None:
    said = CliRunner().invoke(app, ["evaluate", labelled, "--truth", "kind", "--json", "--resamples", "0"])
    told = json.loads(said.stdout)
    assert told["accuracy"] == 0.75 and told["balanced_accuracy"] == 0.75 and told["intervals"] == "none"
    assert told["auroc_confidence"] is None and told["types"][0]["type"] == "x"


def test_a_truth_that_is_not_there(labelled: str) -> None:
    said = CliRunner().invoke(app, ["evaluate", labelled, "--truth", "type"])
    assert said.exit_code != 0 and "no column 'type'; it has kind" in str(said.exception)
