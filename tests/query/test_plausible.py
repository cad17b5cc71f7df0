"""Nonsense is refused: names that nothing knows, counts that are not carried, two species that are one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest

import homodb
from homodb.schema.errors import ImplausibleError, UndecidedSpeciesError
from tests.console import homodb as run

HUMAN = ["INS", "GCG", "TP53", "CD8B", "FCER1A", "FCGR1B"]
MOUSE = ["Ins1", "Ins2", "Gcg", "Trp53", "Cd8b1", "Fcer1a"]


def cells(names: list[str], known: float, rows: int = 40, weight: int = 1) -> anndata.AnnData:
    """Cells of which so many of forty names are genes; the counts of an unknown name are `weight` times as many."""
    wanted = max(1, round(rows * known))
    var = [*(names[n] for n in range(min(wanted, len(names))))]
    total = round(len(var) / known)
    var += [f"nothing{n}" for n in range(total - len(var))]
    counts = np.where(np.char.startswith(np.array(var), "nothing"), weight, 1)
    obs = pd.DataFrame({"cell_type": ["a", "b"] * 3}, index=[str(n) for n in range(6)])
    return anndata.AnnData(np.tile(counts, (6, 1)).astype(np.float32), obs=obs, var=pd.DataFrame(index=var))


def each_function(toy: homodb.Release, mouse: anndata.AnnData, **force: Any) -> dict[str, Callable[[], Any]]:
    human = cells(HUMAN, 1.0)
    return {
        "translate": lambda: homodb.translate(mouse, "human", source="mouse", release=toy, **force),
        "join": lambda: homodb.join({"human": human, "mouse": mouse}, release=toy, **force),
        "annotate": lambda: homodb.annotate(
            mouse, human, label_key="cell_type", source="mouse", reference_species="human", release=toy, k=2, **force
        ),
        "markers": lambda: homodb.markers({"human": human, "mouse": mouse}, release=toy, min_cells=2, **force),
        "integrate": lambda: homodb.integrate(
            {"human": human, "mouse": mouse}, release=toy, method="none", dims=2, n_components=2, **force
        ),
    }


NAMES = ("translate", "join", "annotate", "markers", "integrate")


@pytest.mark.parametrize("name", NAMES)
def test_hardly_any_name_is_an_error_that_names_force(toy: homodb.Release, name: str) -> None:
    with pytest.raises(ImplausibleError) as raised:
        each_function(toy, cells(MOUSE, 0.03))[name]()
    assert raised.value.option == "force" and "mouse" in str(raised.value) and "nothing" in str(raised.value)


@pytest.mark.parametrize("name", ["translate", "join", "annotate", "markers"])
def test_force_makes_a_warning_of_it_and_less_than_half_is_one(toy: homodb.Release, name: str) -> None:
    for mouse, force in ((cells(MOUSE, 0.03), {"force": True}), (cells(MOUSE, 0.3), {})):
        with pytest.warns(UserWarning, match="names are genes of mouse in release toy-1; likely"):
            each_function(toy, mouse, **force)[name]()


@pytest.mark.parametrize("name", ["translate", "join", "annotate", "markers"])
def test_what_fits_is_silent(toy: homodb.Release, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        each_function(toy, cells(MOUSE, 1.0))[name]()


@pytest.mark.parametrize("name", ["translate", "annotate", "join"])
def test_counts_of_unknown_names(toy: homodb.Release, name: str) -> None:
    """Most names are known, and most counts are of the others."""
    with pytest.raises(ImplausibleError, match="of the counts"):
        each_function(toy, cells(MOUSE, 0.6, weight=1000))[name]()
    with pytest.warns(UserWarning, match="of the counts"):
        each_function(toy, cells(MOUSE, 0.6, weight=3))[name]()


def test_the_likely_reason(toy: homodb.Release) -> None:
    mouse = cells(MOUSE, 0.3)
    mouse.var["names"] = [*MOUSE, *MOUSE, *MOUSE, *MOUSE][: mouse.n_vars]
    with pytest.warns(UserWarning, match=r"another column: of var\['names'\] 100% are known"):
        homodb.translate(mouse, "human", source="mouse", release=toy)
    mouse.var["none"] = [f"x{n}" if n else "Gcg" for n in range(mouse.n_vars)]
    mouse.var_names = mouse.var["names"].astype(str)
    del mouse.var["names"]
    with pytest.warns(UserWarning, match="the index of var has the names"):
        homodb.translate(mouse, "human", source="mouse", column="none", release=toy, force=True)


def test_nothing_is_written_and_the_command_names_the_flag(toy_folder: Path, tmp_path: Path) -> None:
    cells(MOUSE, 0.03).write_h5ad(tmp_path / "mouse.h5ad")
    words = ["translate", "mouse.h5ad", "--from", "mouse", "--to", "human", "--release", str(toy_folder)]
    ran = run(words, tmp_path, {})
    assert ran.code == 2 and "(--force)\nhint: " in ran.err and ran.err.startswith("error: ")
    assert [one.name for one in tmp_path.iterdir()] == ["mouse.h5ad"]
    ran = run([*words, "--force"], tmp_path, {})
    assert ran.code == 0 and ran.err.startswith("warning: ") and (tmp_path / "mouse.human.h5ad").exists()


def test_two_species_that_vote_for_one(toy: homodb.Release) -> None:
    one, other = cells(HUMAN, 1.0), cells(HUMAN, 1.0)
    one.obs["organism"], other.obs["organism"] = "Mus musculus", "Homo sapiens"
    for ask in (
        lambda: homodb.annotate(one, other, label_key="cell_type", source="human", release=toy, k=2),
        lambda: homodb.join([one, other], species=[None, "human"], release=toy),
        lambda: homodb.annotate(
            other, other.copy(), label_key="cell_type", source="human", strategy="hm_o2o", release=toy, k=2
        ),
    ):
        with pytest.raises(UndecidedSpeciesError, match=r"vote for human, which knows 100\.0%"):
            ask()
    del one.obs["organism"]  # nothing says that two are meant
    homodb.annotate(one, other, label_key="cell_type", source="human", release=toy, k=2)
