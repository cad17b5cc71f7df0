"""``homodb join``: what it prints, writes, and refuses."""

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
from homodb.schema.errors import HomodbError, JoinError, OutputError
from tests import messages

GENES = {
    "human": ["INS", "GCG", "TNF", "VWF", "MALAT1"],
    "mouse": ["Ins1", "Ins2", "Gcg", "Tnf", "Vwf", "Xist"],
    "pig": ["INS", "GCG", "TNF", "VWF"],
}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for number, (species, names) in enumerate(GENES.items()):
        counts = sp.csr_matrix(np.random.default_rng(number).poisson(2.0, (3, len(names))).astype(np.int32))
        var = pd.DataFrame({"symbol": names}, index=names)
        anndata.AnnData(counts, obs=pd.DataFrame(index=list("abc")), var=var).write_h5ad(tmp_path / f"{species}.h5ad")
    return [str(tmp_path / f"{species}.h5ad") for species in GENES]


def run(toy_folder: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--release", str(toy_folder), "join", *arguments])
    if isinstance(result.exception, HomodbError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_report_and_a_file(toy_folder: Path, files: list[str], tmp_path: Path) -> None:
    output = tmp_path / "joint.h5ad"
    told = run(toy_folder, *files, "--species", "human,mouse,pig", "--strategy", "ens_m2m", "-o", str(output))
    assert "9 cells of 3 objects, 4 features (groups of orthologs), by ENS_M2M of release toy-1; 1 adds up" in told
    assert "names of cells repeat" in told and f"written: {output}" in told
    joint = anndata.read_h5ad(output)
    assert joint.shape == (9, 4) and joint.obs["source_file"].nunique() == 3


@pytest.mark.slow
def test_json_and_report_files(toy_folder: Path, files: list[str], tmp_path: Path) -> None:
    for suffix in (".json", ".tsv", ".html"):
        report = tmp_path / f"report{suffix}"
        told = run(
            toy_folder, *files, "--species", "human,mouse,pig", "--via", "mouse", "--json",
            "-o", str(tmp_path / "joint.zarr"), "--report", str(report), "--column", "symbol,-,symbol", "--block", "2",
        )  # fmt: skip
        totals = json.loads(told)
        assert totals["features"] == 4 and totals["hub"] == "mus_musculus"
        assert totals["files"][1]["fates"] == {"mapped": 4, "lost_to": 1, "no_protein": 1}
        text = report.read_text()
        assert "Ins1" in text and "MALAT1" in text
    assert len(json.loads((tmp_path / "report.json").read_text())["genes"]) == 15
    assert (tmp_path / "report.tsv").read_text().count("\n") == 16


def test_refused(toy_folder: Path, files: list[str], tmp_path: Path) -> None:
    output = str(tmp_path / "joint.h5ad")
    with pytest.raises(JoinError, match=messages.Cli.objects_2_species):
        run(toy_folder, *files, "--species", "human,mouse", "-o", output)
    with pytest.raises(JoinError, match=messages.Shared.object_cannot_be_joined):
        run(toy_folder, files[0], "-o", output)
    with pytest.raises(OutputError, match=messages.Shared.is_input_file):
        run(toy_folder, *files, "--species", "human,mouse,pig", "-o", files[1])
    with pytest.raises(OutputError, match=messages.Shared.is_input_or_output):
        run(toy_folder, *files, "-o", output, "--report", files[2])
    assert not Path(output).exists()
