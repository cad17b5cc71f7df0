"""``homodb markers`` on the command line."""

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


def write(path: Path, names: list[str], seed: int) -> Path:
    """Two donors with 10 cells of each of two types; the first gene marks alpha, the last has most counts."""
    rng = np.random.default_rng(seed)
    kind = np.tile(["alpha", "beta"], 20)
    level = np.full((40, len(names)), 4.0)
    level[kind == "alpha", 0], level[:, -1] = 80, 4000
    donor = np.repeat(["d1", "d2"], 20)
    obs = pd.DataFrame({"cell_type": kind, "donor": donor}, index=[f"c{one}" for one in range(40)])
    anndata.AnnData(sp.csr_matrix(rng.poisson(level)), obs=obs, var=pd.DataFrame(index=names)).write_h5ad(path)
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    human = write(tmp_path / "human.h5ad", ["GCG", "TNF", "INS", "RPLP0"], 0)
    return [str(human), str(write(tmp_path / "mouse.h5ad", ["Gcg", "Tnf", "Ins2", "Rplp0"], 1))]


def test_files_to_tables(files: list[str], toy_folder: Path, tmp_path: Path) -> None:
    asked = ["markers", *files, "--species", "human,mouse", "--donor-key", "donor", "--release", str(toy_folder)]
    said = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "out")])
    assert said.exit_code == 0, said.output
    assert "GCG / Gcg" in said.output and "2 donors" in said.output and "written: " in said.output
    assert "Gcg" in (tmp_path / "out" / "conserved.svg").read_text()
    told = json.loads(CliRunner().invoke(app, [*asked, "--json", "--top", "1"]).stdout)
    assert [(row["human"], row["mouse"]) for row in told["conserved"]] == [("GCG", "Gcg")] and told["files"] == []
    assert {row["species"]: row["conserved"] for row in told["counts"] if row["type"] == "alpha"} == {
        "human": 1, "mouse": 1,
    }  # fmt: skip


def test_a_joint_file(files: list[str], toy_folder: Path, tmp_path: Path) -> None:
    joint = str(tmp_path / "joint.h5ad")
    joined = CliRunner().invoke(
        app, ["join", *files, "--species", "human,mouse", "-o", joint, "--release", str(toy_folder)]
    )
    assert joined.exit_code == 0, joined.output
    said = CliRunner().invoke(app, ["markers", joint])
    assert said.exit_code == 0, said.output
    assert "genes correspond by joint features" in said.output and "over-confident" in said.output
    assert "note: a joint object holds only features that every species has measured" in said.output


def test_errors_are_one_line(files: list[str], toy_folder: Path) -> None:
    said = CliRunner().invoke(
        app, ["markers", *files, "--label", "type", "--species", "human,mouse", "--release", str(toy_folder)]
    )
    assert said.exit_code != 0 and "no column 'type'" in f"{said.output}{said.exception}"
