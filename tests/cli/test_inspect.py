"""``homodb inspect`` and ``homodb translate`` of lists, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cells.h5ad"
    names = ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "Nonsense"]
    anndata.AnnData(X=np.ones((4, 7), np.int32), var=pd.DataFrame(index=names)).write_h5ad(path)
    return path


def test_it_says_what_is_there(run: Run, toy_folder: Path, path: Path) -> None:
    code, out, err = run("inspect", path, "--release", toy_folder)
    assert (code, err) == (0, "")
    assert "cells.h5ad: 4 cells, 7 genes; names from var's index" in out
    assert "species: mus_musculus; 85.7% of the names mean one gene" in out
    assert "Nonsense" in out and "dense" in out and "counts" in out
    assert len(out.splitlines()) < 40


def test_it_says_so_in_json(run: Run, toy_folder: Path, path: Path) -> None:
    code, out, _ = run("inspect", path, "--json", "--from", "mouse", "--release", toy_folder)
    told = json.loads(out)
    assert code == 0 and told["species"] == "mus_musculus" and told["genes"] == 7
    assert told["kinds"][0] == {"how": "symbol", "names": 6, "share": 6 / 7, "examples": ["Ins1", "Ins2", "Gcg", "Tnf"]}
    assert told["slots"][0]["kind"] == "counts"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["no.h5ad"], "no such file"),
        (["{path}", "--column", "x"], "no column 'x'"),
        (["{path}", "--from", "elf"], "no species"),
    ],
)
def test_errors_are_one_line(
    run: Run,
    toy_folder: Path,
    path: Path,
    words: list[str],
    says: str,
) -> None:
    filled = [word.format(path=path) for word in words]
    code, out, err = run("inspect", *filled, "--release", toy_folder)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1 and says in err
