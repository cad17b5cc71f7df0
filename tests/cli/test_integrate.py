"""``homodb integrate`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from typer.testing import CliRunner

from homodb.cli.app import app

pytest.importorskip("skmisc", reason="the extra cells is not installed")
pytest.importorskip("igraph", reason="the extra cells is not installed")

SMALL = [
    one
    for setting in ("n_features=100", "n_components=10", "dims=6", "k_score=10", "k_weight=15", "k_neighbors=8")
    for one in ("--set", setting)
]


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    rng = np.random.default_rng(3)
    profiles = rng.gamma(0.5, 2.0, (2, 200))
    counts = rng.poisson(profiles[rng.integers(0, 2, 80)] * 2.0)
    obs = pd.DataFrame({"species": ["human"] * 50 + ["mouse"] * 30}, index=[f"c{n}" for n in range(80)])
    path = tmp_path / "joint.h5ad"
    anndata.AnnData(sp.csr_matrix(counts), obs=obs).write_h5ad(path)
    return path


def test_text_and_json(joint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.h5ad"
    said = CliRunner().invoke(app, ["integrate", str(joint), "-o", str(out), *SMALL])
    assert said.exit_code == 0, said.output
    assert "80 cells: 50 human, 30 mouse" in said.output and "mouse into human" in said.output
    assert "anchors human-mouse" in said.output and "obsm['X_cca']" in said.output and out.is_file()
    told = CliRunner().invoke(app, ["integrate", str(joint), "-o", str(out), "--method", "none", "--json", *SMALL])
    read = json.loads(told.stdout)
    assert read["key"] == "pca" and len(read["features"]) == 100 and read["cells"] == {"human": 50, "mouse": 30}


@pytest.mark.slow
@pytest.mark.shared
def test_real_files_in_one_command(shared_data: Path, real_folder: Path, tmp_path: Path) -> None:
    cells, out = shared_data / "cells", tmp_path / "out.h5ad"
    said = CliRunner().invoke(
        app,
        [
            "integrate", str(cells / "baron_human_175.h5ad"), str(cells / "baron_mouse_822.h5ad"), "--species",
            "human,mouse", "--method", "cca", "-o", str(out), "--release", str(real_folder), "--size-factors", "full",
        ],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert anndata.read_h5ad(out, backed="r").obsm["X_cca"].shape == (997, 50)
