"""The guides that use the simulated clade: every command in them runs, and prints what is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: What differs from run to run or from machine to machine.
_LOOSE = re.compile(r"\d+\.\d MB")


def commands(page: str) -> list[tuple[str, str]]:
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", "".join(blocks), re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the five-minute start was gone through; the other guides go on from there."""
    folder = tmp_path_factory.mktemp("guides")
    go_through("index.md", folder)
    return folder


def run(command: str, folder: Path, release: Path | None) -> str:
    """Run a command as it stands on a page; give what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOMODB_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = kept | {"PATH": path, "HOMODB_CACHE": str(folder / "cache")}
    environment |= {"HOMODB_RELEASE": str(release)} if release else {}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 141), done.stderr  # 141: head had read enough
    return done.stdout


def go_through(page: str, folder: Path, release: Path | None = None) -> None:
    shown = commands(page)
    assert shown
    for command, expected in shown:
        assert lines(run(command, folder, release)) == lines(expected), command


def lines(text: str) -> list[str]:
    return [_LOOSE.sub("? MB", line.rstrip()) for line in text.strip("\n").splitlines()]


def test_five_minute_start(folder: Path) -> None:
    assert (folder / "in_human_genes.h5ad").is_file()


def test_five_minute_start_in_python(folder: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL)
    assert len(code) == 1
    done = subprocess.run([sys.executable, "-c", code[0]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_three_species(folder: Path) -> None:
    go_through("three_species.md", folder)


def test_a_species_that_ensembl_lacks(folder: Path) -> None:
    page = (DOCS / "no_ensembl.md").read_text("utf-8")
    (config,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (folder / "mine.toml").write_text(config)
    go_through("no_ensembl.md", folder)


#: Pages that show real cells, each gone through in an empty folder; comparing goes through a grid, which takes minutes.
REAL = ["identifiers", "integrate", "markers", "report", "annotate"]


@pytest.mark.shared
@pytest.mark.parametrize("page", [*REAL, *(["compare"] if "HOMODB_LONG" in os.environ else [])])
def test_pages_with_real_cells(page: str, real_folder: Path, shared_data: Path, tmp_path: Path) -> None:
    (tmp_path / "rel").symlink_to(real_folder)
    for cells in (shared_data / "cells").glob("*.h5ad"):
        (tmp_path / cells.name).symlink_to(cells)
    if page == "report":  # it goes on from what another page made
        shown = [command for command, _ in commands("integrate.md")][:1]
        run(shown[0], tmp_path, real_folder)
    go_through(f"{page}.md", tmp_path, real_folder)
