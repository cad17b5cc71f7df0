"""``homodb report`` on the command line."""

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

pytest.importorskip("matplotlib", reason="the extra cells is not installed")


@pytest.fixture
def integrated(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    kind = np.tile(["a", "b"], 40)
    species = np.repeat(["human", "mouse"], 40)
    obs = pd.DataFrame({"species": species, "cell_type": kind}, index=[f"c{one}" for one in range(80)])
    adata = anndata.AnnData(sp.csr_matrix(rng.poisson(np.where(kind == "a", 9, 2)[:, None] * np.ones(12))), obs=obs)
    adata.obsm["X_cca"] = rng.normal(size=(80, 5)) + (kind == "a")[:, None] * 3
    adata.obsm["X_cca_umap"] = adata.obsm["X_cca"][:, :2]
    adata.uns["homodb_integration"] = {"cca": {"method": "cca"}}
    adata.write_h5ad(tmp_path / "out.h5ad")
    return tmp_path / "out.h5ad"


@pytest.mark.slow
def test_page_and_drawings(integrated: Path, tmp_path: Path) -> None:
    page, figures = tmp_path / "report.html", tmp_path / "figures"
    asked = ["report", str(integrated), "-o", str(page), "--profile", "cross-species", "--figures", str(figures)]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0, said.output
    assert f"written: {page}" in said.output
    text = page.read_text("utf-8")
    assert "out.h5ad: human, mouse by cca" in text and "transfer balanced accuracy" in text
    few = anndata.read_h5ad(integrated)[30:50].copy()  # too few for scores
    few.write_h5ad(integrated)
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert "no scores by profile cross-species" in page.read_text("utf-8")
    assert {Path(one) for one in told["figures"]} <= set(figures.iterdir()) and told["output"] == str(page)


def test_errors_are_one_line(integrated: Path, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["report", str(integrated), "-o", str(tmp_path / "report.txt")])
    assert said.exit_code != 0 and "pages are written as .html" in f"{said.output}{said.exception}"
