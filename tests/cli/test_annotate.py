"""``homodb annotate`` on the command line."""

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


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    """Two toy files, of three types each, and the name of an output."""
    rng = np.random.default_rng(1)
    profiles = rng.gamma(0.5, 4.0, (3, 8))
    genes = {
        "human": ["INS", "GCG", "TNF", "FCER1A", "VWF", "C1orf1", "RPLP0", "DUPA"],
        "mouse": ["Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "Rplp0", "Dup2"],
    }
    for name, names in genes.items():
        kind = np.repeat(np.arange(3), 8)
        obs = pd.DataFrame({"kind": np.array(["x", "y", "z"])[kind]}, index=[f"{name}{n}" for n in range(24)])
        counts = sp.csr_matrix(rng.poisson(profiles[kind] * 5).astype(np.float32))
        anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=names)).write_h5ad(tmp_path / f"{name}.h5ad")
    return str(tmp_path / "mouse.h5ad"), str(tmp_path / "human.h5ad"), str(tmp_path / "out.h5ad")


@pytest.mark.slow
def test_text_json_and_evaluation(files: tuple[str, str, str], toy_folder: Path, tmp_path: Path) -> None:
    query, reference, out = files
    asked = ["--release", str(toy_folder), "annotate", query, "--reference", reference, "--label", "kind", "-o", out]
    asked += ["--from", "mouse", "--reference-species", "human"]
    said = CliRunner().invoke(app, [*asked, "--set", "k=3"])
    assert said.exit_code == 0, said.output
    assert "24 cells of mouse labelled from human by knn, ENS_M2M" in said.stdout
    assert "embedding: obsm['X_kind_homodb']" in said.stdout
    assert "labels: obs['kind_homodb']" in said.stdout and "mean confidence" in said.stdout
    told = CliRunner().invoke(app, [*asked, "--json", "--strategy", "hm_o2o", "--integration", "none", "--key", "two"])
    read = json.loads(told.stdout)
    assert read["strategy"] == "HM_O2O" and read["column"] == "kind_two" and read["parameters"]["integration"] == "none"
    judged = CliRunner().invoke(app, ["evaluate", out, "--truth", "kind", "--json", "--resamples", "5"])
    assert judged.exit_code == 0, judged.output
    assert json.loads(judged.stdout)["cells"] == 24


@pytest.mark.slow
def test_refusals_are_one_line(files: tuple[str, str, str], toy_folder: Path) -> None:
    query, reference, out = files
    asked = ["annotate", query, "--reference", reference, "--label", "kind", "-o", out, "--release", str(toy_folder)]
    asked += ["--from", "mouse", "--reference-species", "human"]
    for more, words in (
        (["--method", "svm"], "there is no method 'svm'"),
        (["--set", "k"], "Expected NAME=VALUE"),
        (["--unknown-below", "2"], "--unknown-below is 2.0; it must be at least 0 and at most 1"),
        (["--query-donors", "a"], "query_label_key is missing"),
        (["--method", "protein"], "holds no vectors"),
        (["--method", "cellama", "--spatial", "xy"], "no 'xy' with coordinates"),
        (["--spatial", "xy"], "method knn does not use spatial_key; cellama does"),
        (["--vectors", "v.tsv"], "method knn does not use vectors; protein does"),
        (["--model", "x"], "method knn has no parameter 'model'; it has k, weights"),
        (["--set", "k=1e9"], "k: Expected at least 1 and at most 10,000, got 1000000000."),
        (["--method", "tron", "--set", "min_cells=0"], "min_cells: Expected at least 1"),
        (["--method", "tron", "--network", "none.safetensors"], "none.safetensors: there is no such file"),
        (["--method", "tron", "--network", query, "--set", "hidden=3"], "hidden is for training"),
        (["--network", query], "method knn has no parameter 'network'; it has k, weights"),
    ):
        said = CliRunner().invoke(app, [*asked, *more])
        assert said.exit_code != 0 and words in str(said.exception), said.output
        assert not Path(out).exists()


def test_niches_in_text_and_json(tmp_path: Path) -> None:
    pytest.importorskip("igraph", reason="the extra cells is not installed")
    rng = np.random.default_rng(6)
    place = rng.uniform(0, 1, (90, 2))
    obs = pd.DataFrame({"kind": np.where(np.arange(90) < 60, "x", "y")}, index=[f"c{n}" for n in range(90)])
    cells = anndata.AnnData(sp.csr_matrix(rng.poisson(3, (90, 6)).astype(float)), obs=obs)
    cells.obsm["spatial"], cells.obsm["X_kind"] = place, np.column_stack([place[:, 0] > 0.5, np.ones((90, 2))])
    path, out = str(tmp_path / "in.h5ad"), str(tmp_path / "out.h5ad")
    cells.write_h5ad(path)
    asked = ["niches", path, "--label", "kind", "-o", out, "--nearest", "4"]
    said = CliRunner().invoke(app, [*asked, "--types", "x", "--tables", str(tmp_path / "tables")])
    assert said.exit_code == 0, said.output
    assert "of 1 cell type in obsm['X_kind'], 4 nearest cells around each" in said.stdout
    assert "niches: obs['kind_niche']" in said.stdout and (tmp_path / "tables" / "around.tsv").is_file()
    read = json.loads(CliRunner().invoke(app, [*asked, "--min-cells", "20", "--key", "n", "--json"]).stdout)
    assert read["column"] == "kind_n" and [one["type"] for one in read["types"]] == ["x", "y"]
    for more, words in (
        (["--types", "z"], "no type 'z'"), (["--use-rep", "X_pca"], "no 'X_pca' with an embedding"),
        (["--min-cells", "9"], "--min-cells is 9"), (["--spatial", "xy"], "no 'xy' with coordinates"),
    ):  # fmt: skip
        refused = CliRunner().invoke(app, [*asked, *more])
        assert refused.exception is not None and words in str(refused.exception) + refused.output
