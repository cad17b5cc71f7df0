"""A simulated clade of two species, small, with a release from its k-mer profiles."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from tests.conftest import Once

#: Settings of integration that a hundred cells allow.
SMALL = {
    "n_features": 100, "n_components": 10, "dims": 6, "k_score": 10, "k_weight": 15, "k_neighbors": 8,
}  # fmt: skip


class Clade(NamedTuple):
    release: Path
    cells: list[Path]


@pytest.fixture(scope="session")
def clade(once: Once) -> Clade:
    def make(folder: Path) -> None:
        summary = simulate(folder / "sim", Settings(species=2, genes=120, cells=120, seed=3, cell_types=4))
        build_release(summary.config, folder / "release")

    folder = once("compared clade", make)
    return Clade(folder / "release", sorted((folder / "sim" / "cells").glob("*.h5ad")))
