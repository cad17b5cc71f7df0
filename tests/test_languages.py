"""The page for users of R and of DuckDB's command line, run where these are installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.blocks import console_blocks

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "languages.md").read_text("utf-8")
#: Blocks of R, and what they print.
R = re.findall(r"```r\n((?:(?!```).*\n)+)```\n\n```text\n((?:(?!```).*\n)*)```", PAGE)
SHELL = console_blocks(PAGE)


@pytest.fixture
def beside(tmp_path: Path, toy_folder: Path) -> Path:
    """A folder that holds the toy release under the name that the pages use."""
    (tmp_path / "toy").symlink_to(toy_folder)
    return tmp_path


def test_the_pages_show_something() -> None:
    assert len(R) >= 3 and len(SHELL) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(R)))
def test_r_prints_what_is_shown(number: int, beside: Path) -> None:
    code, printed = R[number]
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    package = re.match(r"library\((\w+)\)", code)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if package:
        asked = f"library({package[1]})"
        if package[1] == "reticulate":  # that of Debian 12 does not know Python 3.12
            asked += '; use_python(Sys.which("python")); py_config()'
        there = subprocess.run(["Rscript", "-e", asked], env=environment, capture_output=True, check=False)
        if there.returncode:
            pytest.skip(f"R has no package {package[1]} that takes this Python")
    done = subprocess.run(
        ["Rscript", "-e", code], cwd=beside, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert _lines(done.stdout) == _lines(printed)


@pytest.mark.parametrize("number", range(len(SHELL)))
def test_duckdb_prints_what_is_shown(number: int, beside: Path) -> None:
    command, printed = SHELL[number]
    duckdb_command = shutil.which("duckdb", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if duckdb_command is None:
        pytest.skip("DuckDB's command line is not installed")
    words = shlex.split(command)
    assert words[0] == "duckdb"
    done = subprocess.run([duckdb_command, *words[1:]], cwd=beside, capture_output=True, text=True, check=True)
    assert _lines(done.stdout) == _lines(printed)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]
