"""The guides that use the simulated clade: every command in them runs, and prints what is shown."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy.sparse as sp

import homodb

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


def run(command: str, folder: Path, release: Path | None, *, refused: bool = False) -> str:
    """Run a command as it stands on a page; give what it prints, or, where the page shows a refusal, that line."""
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
    if refused:
        assert done.returncode == 2 and not done.stdout, done.stdout
        return done.stderr
    assert done.returncode in (0, 141), done.stderr  # 141: head had read enough
    return done.stdout


def go_through(page: str, folder: Path, release: Path | None = None) -> None:
    shown = commands(page)
    assert shown
    for command, expected in shown:
        printed = run(command, folder, release, refused=expected.startswith("homodb: "))
        assert lines(printed) == lines(expected), command


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
REAL = ["identifiers", "integrate", "markers", "report", "annotate", "translate", "lists", "join"]


@pytest.mark.shared
@pytest.mark.parametrize("page", [*REAL, *(["compare"] if "HOMODB_LONG" in os.environ else [])])
def test_pages_with_real_cells(
    page: str, real_folder: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rel").symlink_to(real_folder)
    for cells in (shared_data / "cells").glob("*.h5ad"):
        (tmp_path / cells.name).symlink_to(cells)
    for command, content in commands(f"{page}.md"):
        if command.startswith("cat "):  # files that the page itself shows
            (tmp_path / command.removeprefix("cat ")).write_text(content)
    if page == "translate":
        _write_logged(tmp_path)
    if page == "report":  # it goes on from what another page made
        shown = [command for command, _ in commands("integrate.md")][:1]
        run(shown[0], tmp_path, real_folder)
    go_through(f"{page}.md", tmp_path, real_folder)
    if page == "lists":
        _check_python(f"{page}.md", tmp_path, monkeypatch)


def _write_logged(folder: Path) -> None:
    """Write the cells in logarithms, as scanpy leaves them."""
    cells = anndata.read_h5ad(folder / "baron_mouse_822.h5ad")
    totals = np.asarray(cells.X.sum(axis=1))
    cells.X = sp.csr_matrix(cells.X.multiply(1e4 / totals)).log1p().astype(np.float32)
    cells.uns["log1p"] = {}
    cells.write_h5ad(folder / "logged.h5ad")


def _check_python(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what a page shows at Python's prompt."""
    shown = re.findall(r"```python\n(>>> .*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert shown
    monkeypatch.chdir(folder)
    for number, text in enumerate(shown):
        test = doctest.DocTestParser().get_doctest(text, {"homodb": homodb}, page, f"{page}, {number}", 0)
        assert doctest.DocTestRunner().run(test).failed == 0
