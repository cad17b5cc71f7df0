"""Releases and data that tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import homodb
from homodb.etl.build import build

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def toy_config() -> Path:
    return ROOT / "tests" / "toy" / "release.toml"


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory: pytest.TempPathFactory, toy_config: Path) -> Path:
    folder = tmp_path_factory.mktemp("toy") / "release"
    build(toy_config, folder)
    return folder


@pytest.fixture
def toy(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as release:
        yield release


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data beside the checkout; a user's machine does not have it."""
    if not SHARED.is_dir():
        pytest.skip("needs the real data in ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    folder = tmp_path_factory.mktemp("real") / "release"
    build(shared_data / "pllm" / "release.toml", folder)
    return folder


@pytest.fixture
def real(real_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(real_folder) as release:
        yield release
