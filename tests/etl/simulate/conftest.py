"""A small clade that several tests read: four species, some 200 genes each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from homodb.etl import build_release
from homodb.etl.simulate import Settings, SimulationProgress, Summary, simulate

SETTINGS = Settings(
    species=4, genes=220, cells=400, seed=7, duplication=0.001, loss=0.001, missed=0.08, split=0.3, wrong_type=0.05,
    false_pairs=0.05, split_models=0.01, alternate_loci=0.03, shared_symbols=0.02, alias_clashes=0.02,
)  # fmt: skip


@dataclass(frozen=True)
class Simulated:
    folder: Path
    settings: Settings
    summary: Summary
    progress: list[SimulationProgress]


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    folder = tmp_path_factory.mktemp("simulated") / "sim"
    progress: list[SimulationProgress] = []
    summary = simulate(folder, SETTINGS, report=progress.append)
    return Simulated(folder, SETTINGS, summary, progress)


@pytest.fixture(scope="session")
def simulated_release(simulated: Simulated) -> Path:
    folder = simulated.folder.parent / "release"
    build_release(simulated.summary.config, folder)
    return folder
