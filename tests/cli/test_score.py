"""``homodb score`` on the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from homodb.cli.app import app
from tests.blocks import console_blocks, updated
from tests.console import typed

pytest.importorskip("igraph", reason="the extra cells is not installed")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    code, mouse = np.arange(120) % 2, (np.arange(120) // 2) % 2 == 1
    points = rng.normal(0, 1, (120, 4)) + 12 * np.eye(4)[code]
    obs = pd.DataFrame(
        {"kind": np.array(["a", "b"])[code], "species": np.where(mouse, "mouse", "human")},
        index=[f"c{one}" for one in range(120)],
    )
    apart = points + np.where(mouse, 30.0, 0.0)[:, None] * np.eye(4)[3]
    path = tmp_path / "out.h5ad"
    anndata.AnnData(obs=obs, obsm={"X_cca": points, "X_pca": apart}).write_h5ad(path)
    return path


def test_text_json_and_file(out: Path, tmp_path: Path) -> None:
    command = ["score", str(out), "--label", "kind", "--key", "cca", "--profile", "pllm", "--resamples", "3"]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    first = said.stdout.splitlines()
    assert first[0] == "embedding: cca" and first[2].startswith("intervals of 95 %: cells only")
    assert ["score", "value", "95", "%", "none"] in [line.split() for line in first]
    told = CliRunner().invoke(app, [*command, "--json"])
    read = json.loads(told.stdout)
    assert read["pllm_ari"] == 1.0 and read["pllm_types"] == 2 and all(not isinstance(v, dict) for v in read.values())
    written = CliRunner().invoke(app, [*command, "--json", "-o", str(tmp_path / "score.json")])
    assert written.exit_code == 0 and written.stdout == ""
    assert json.loads((tmp_path / "score.json").read_text()) == read


def test_sentences_and_fifteen_lines_unless_all(out: Path) -> None:
    command = ["score", str(out), "--label", "kind", "--key", "cca", "--profile", "cross-species", "--resamples", "3"]
    brief = CliRunner().invoke(app, command).stdout.splitlines()
    start = brief.index("")
    assert any("species are" in line for line in brief[start:])
    table = brief[next(at for at, line in enumerate(brief) if line.startswith("score ")) :]
    assert len(table) <= 15 and "(--all shows them)" in table[-1]
    assert len(CliRunner().invoke(app, [*command, "--all"]).stdout.splitlines()) > len(brief)


def test_what_cannot_be_told_is_null(out: Path) -> None:
    # without a baseline there is no ALCS
    command = ["score", str(out), "--label", "kind", "--key", "cca", "--profile", "cross-species", "--json"]
    told = CliRunner().invoke(app, [*command, "--baseline", "-", "--resamples", "0"])
    assert told.exit_code == 0, told.output
    read = json.loads(told.stdout)
    assert read["cross_species_alcs"] is None and not any(name.endswith("_baseline") for name in read)


@pytest.mark.slow
def test_one_line_and_exit_code(out: Path) -> None:
    homodb = Path(sys.executable).parent / "homodb"
    command = [homodb, "score", out, "--key", "cca", "--label", "type"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and not done.stdout and len(done.stderr.splitlines()) == 1
    assert "obs has no column 'type' with cell types; it has kind, species (--label)" in done.stderr


@pytest.mark.slow
@pytest.mark.shared
def test_the_docs_show_what_is_printed(shared_data: Path, real_folder: Path, tmp_path: Path) -> None:
    """Words are the same; numbers may differ in the second decimal, as linear algebra does between machines."""
    for name in ("baron_human_175.h5ad", "baron_mouse_822.h5ad"):
        (tmp_path / name).symlink_to(shared_data / "cells" / name)
    blocks = console_blocks((Path(__file__).parents[2] / "docs" / "score.md").read_text())
    assert len(blocks) >= 2
    for line, printed in blocks:
        ran = typed(line, tmp_path, os.environ | {"HOMODB_RELEASE": str(real_folder)})
        assert not ran.code, ran.err
        seen, wanted = _words(ran.out), _words(printed)
        if wanted[-1] == "...":
            seen, wanted = seen[: len(wanted) - 1], wanted[:-1]
        same = [a for a, b in zip(seen, wanted, strict=False) if not _same(a, b)] == [] and len(seen) == len(wanted)
        assert same or updated(line, ran.out, printed), line


def _same(one: str, other: str) -> bool:
    return one == other or bool(
        re.fullmatch(r"-?\d[\d.]* -?\d[\d.]*", f"{one} {other}")
        and float(one) == pytest.approx(float(other), abs=0.02, rel=0.02)
    )


def _words(text: str) -> list[str]:
    return re.sub(r"[(),]", " ", text).split()
