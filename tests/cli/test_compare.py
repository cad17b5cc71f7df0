"""``homodb compare`` on the command line: what is asked, and in which forms the answer is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from homodb.cli.app import app
from homodb.query.compare import CompareProgress, Comparison, Row
from homodb.query.score import Number, ProfileScores, Score

ABOUT = pl.DataFrame({"species": ["human", "mouse"], "genes": [1100, 1200], "carried": [0.875, None]})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, toy_folder: Path) -> dict[str, Any]:
    """Answer with two rows, whatever is asked; return what was."""
    kept: dict[str, Any] = {}

    def fake(objects: list[Path], **options: Any) -> Comparison:
        kept.update(options, objects=objects)
        options["progress"](CompareProgress("HM_O2O", "joining", 0, 2))
        rows = [
            Row(name, "none", 1100, ABOUT, Score("pca", {"pllm": ProfileScores({"ari": Number(at, at, at)})}, "donors"))
            for name, at in (("HM_O2O", 0.5), ("same symbol", 0.25))
        ]
        failed = Row("random pairing", "none", 1100, ABOUT, None, "no anchors [x]")
        return Comparison("r1", {"human": 5, "mouse": 7}, {"human": 2, "mouse": 2}, (*rows, failed), {})

    monkeypatch.setattr("homodb.query.compare.compare", fake)
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    return kept


def test_text(asked: dict[str, Any]) -> None:
    said = CliRunner().invoke(app, ["compare", "a.h5ad", "b.h5ad"])
    assert said.exit_code == 0, said.output
    printed = said.stdout.splitlines()
    assert printed[0] == "release r1; 5 human cells of 2 donors, 7 mouse cells of 2 donors"
    assert printed[2].split() == [
        "strategy",
        "method",
        "features",
        "human",
        "genes",
        "human",
        "counts",
        "mouse",
        "genes",
        "ari",  # mouse counts are unknown throughout
    ]
    assert printed[3].split() == [
        "HM_O2O",
        "none",
        "1,100",
        "1,100",
        "87.5%",
        "1,200",
        "0.50",
        "(0.50",
        "to",
        "0.50)",
        "*",
    ]
    assert printed[4].endswith("0.25 (0.25 to 0.25) -") and "random pairing, none: no anchors [x]" in printed
    assert asked["methods"] == "none,cca,harmony" and asked["strategies"] == "all" and asked["species"] is None
    assert asked["label_key"] == "cell_type" and asked["donor_key"] is None and asked["keep"] is None


def test_what_is_asked(asked: dict[str, Any], tmp_path: Path) -> None:
    words = [
        "--species",
        "human, mouse",
        "--strategies",
        "hm_o2o",
        "--methods",
        "cca",
        "--label",
        "kind",
        "--keep",
        "k",
    ]
    words += ["--donor-key", "who", "--profile", "pllm", "--column", "-,id", "--layer", "counts"]
    words += ["--set", "k_weight=9", "--resamples", "5"]
    assert CliRunner().invoke(app, ["compare", "a.h5ad", "b.h5ad", *words]).exit_code == 0
    expected = {
        "objects": [Path("a.h5ad"), Path("b.h5ad")], "species": ["human", "mouse"], "strategies": "hm_o2o",
        "methods": "cca", "label_key": "kind", "donor_key": "who", "profile": "pllm", "column": [None, "id"],
        "layer": ["counts"], "k_weight": 9, "n_resamples": 5, "keep": Path("k"),
    }  # fmt: skip
    assert {name: asked[name] for name in expected} == expected


def test_files_and_json(asked: dict[str, Any], tmp_path: Path) -> None:
    frames = []
    for name in ("table.csv", "table.parquet"):
        out = tmp_path / name
        said = CliRunner().invoke(app, ["compare", "a.h5ad", "b.h5ad", "-o", str(out), "--json"])
        frames.append(pl.read_csv(out) if out.suffix == ".csv" else pl.read_parquet(out))
        told = json.loads(said.stdout)
        assert told["rows"][0]["marks"] == {"pllm_ari": "best"} and told["rows"][0]["scores"]["pllm_ari"] == 0.5
        assert told["rows"][0]["species"][1] == {"species": "mouse", "genes": 1200, "carried": None}
    assert frames[0]["ari_mark"].to_list()[:2] == frames[1]["ari_mark"].to_list()[:2] == ["best", "worse"]
    assert frames[0]["ari"].to_list() == frames[1]["ari"].to_list() == [0.5, 0.25, None]


def test_an_output_of_no_known_form_is_refused_first(asked: dict[str, Any], tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["compare", "a.h5ad", "b.h5ad", "-o", str(tmp_path / "table.xlsx")])
    assert said.exit_code != 0 and "are written as .csv, .tsv, .json, .parquet or .arrow" in str(said.exception)
    assert not asked
