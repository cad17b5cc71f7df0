"""The same seed gives the same bytes; bad input ends in one clear line and leaves nothing."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from homodb.cli.simulate import simulate as command
from homodb.etl.simulate import Settings, simulate
from homodb.schema.errors import ConfigError, OutputError
from tests import messages

TINY = Settings(species=2, genes=40, cells=20, seed=5)
CODE = """
import sys
from pathlib import Path
from homodb.etl.simulate import Settings, simulate
simulate(Path(sys.argv[1]), Settings(species=2, genes=40, cells=20, seed=int(sys.argv[2])))
"""


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_elsewhere(folder: Path, seed: int, **environment: str) -> dict[str, str]:
    subprocess.run([sys.executable, "-c", CODE, str(folder), str(seed)], check=True, env={**os.environ, **environment})
    return digests(folder)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    simulate(tmp_path / "here", TINY)
    here = digests(tmp_path / "here")
    there = run_elsewhere(tmp_path / "there", 5, PYTHONHASHSEED="1", POLARS_MAX_THREADS="1", OMP_NUM_THREADS="1")
    assert here == there
    assert any(name.endswith(".h5ad") for name in here)
    simulate(tmp_path / "other", TINY.model_copy(update={"seed": 6}))
    other = digests(tmp_path / "other")
    assert not [name for name in here.keys() & other.keys() if other[name] == here[name]]


def test_cells_do_not_change_the_genes(tmp_path: Path) -> None:
    simulate(tmp_path / "with", TINY)
    simulate(tmp_path / "without", TINY.model_copy(update={"cells": 0}))
    some, none = digests(tmp_path / "with"), digests(tmp_path / "without")
    assert not (tmp_path / "without" / "cells").exists()
    alike = {name for name in none if some[name] == none[name]}
    assert set(none) - alike == {"README.md"}


def test_progress_is_told_step_by_step(simulated: Any) -> None:
    steps = list(dict.fromkeys(one.step for one in simulated.progress))
    assert steps == ["families", "proteins", "annotation", "cells"]
    for step in steps:
        told = [one for one in simulated.progress if one.step == step]
        assert [one.done for one in told] == sorted(one.done for one in told)
        assert all(0 <= one.done <= one.total for one in told)
    assert simulated.progress[-1].done == simulated.progress[-1].total == 400


def test_everything_says_that_it_is_simulated(simulated: Any) -> None:
    assert "made up" in (simulated.folder / "README.md").read_text()
    assert "Simulated" in simulated.summary.config.read_text()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"species": 1}, "species: Expected 2 or more, got 1."),
        ({"species": 99}, "species: Expected 16 or less, got 99."),
        ({"genes": 3}, "genes: Expected 20 or more, got 3."),
        ({"genes": 10**9}, "genes: Expected 100,000 or less, got 1000000000."),
        ({"cells": -1}, "cells: Expected 0 or more, got -1."),
        ({"seed": -1}, "seed: Expected 0 or more, got -1."),
        ({"duplication": -0.1}, "duplication: Expected 0 or more, got -0.1."),
        ({"duplication": 0.1}, "duplication: Expected 0.05 or less, got 0.1."),
        ({"loss": float("nan")}, "loss: Expected a finite number, got nan."),
        ({"missed": 1.5}, "missed: Expected 1 or less, got 1.5."),
        ({"birth": float("inf")}, "birth: Expected a finite number, got inf."),
        ({"donors": 0}, "donors: Expected 1 or more, got 0."),
        ({"duplication": 0.05}, "duplication is too high: families would grow without bound"),
    ],
)
def test_impossible_settings_are_one_line(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        simulate(tmp_path / "sim", Settings(**TINY.model_dump() | changed))
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=messages.Simulate.is_not_empty_use_new):
        simulate(tmp_path / "sim", TINY)
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_created_because):
        simulate(tmp_path / "file", TINY)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "mine.txt", "sim"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def report(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "sim", TINY, report=report)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "extreme", [{"loss": 0.05}, {"missed": 1.0}, {"species": 16, "genes": 20}, {"cell_types": 1, "donors": 1}]
)
def test_extremes_still_make_a_clade(tmp_path: Path, extreme: dict[str, Any]) -> None:
    summary = simulate(tmp_path / "sim", TINY.model_copy(update=extreme))
    assert summary.genes > 0 and summary.config.is_file()


def test_command_line(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    output = tmp_path / "sim"
    words = ["-o", str(output), "--species", "2", "--genes", "40", "--cells", "20", "--set", "missed=0.2"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "no real genes" in done.output and (output / "release.toml").is_file()
    wrong = CliRunner().invoke(app, ["-o", str(tmp_path / "b"), "--set", "mised=0.2"])
    assert isinstance(wrong.exception, ConfigError) and "did you mean 'missed'?" in str(wrong.exception)
    wrong = CliRunner().invoke(app, ["-o", str(tmp_path / "b"), "--set", "missed=much"])
    assert isinstance(wrong.exception, ConfigError)
