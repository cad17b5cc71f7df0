"""A small simulated clade: two species, their cells, and a release with vectors of genes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anndata
import pytest

import homodb
from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from tests.conftest import Once


@dataclass(frozen=True)
class Clade:
    folder: Path
    release: homodb.Release
    human: anndata.AnnData
    mouse: anndata.AnnData


@pytest.fixture(scope="session")
def clade_folder(once: Once) -> Path:
    def make(folder: Path) -> None:
        summary = simulate(folder / "sim", Settings(species=2, genes=120, cells=160, cell_types=4, seed=5))
        build_release(summary.config, folder / "release")

    return once("annotated clade", make)


@pytest.fixture(scope="session")
def clade(clade_folder: Path) -> Iterator[Clade]:
    cells = clade_folder / "sim" / "cells"
    with homodb.open(clade_folder / "release") as release:
        yield Clade(
            clade_folder,
            release,
            anndata.read_h5ad(cells / "homo_sapiens.h5ad"),
            anndata.read_h5ad(cells / "mus_musculus.h5ad"),
        )
