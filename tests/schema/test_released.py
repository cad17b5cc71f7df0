"""Releases of every released schema open and answer."""

from __future__ import annotations

from pathlib import Path

import pytest

import homodb
from homodb.schema.connect import schema_version

FILES = sorted((Path(__file__).parent / "released").glob("schema-*.duckdb"))


def test_the_current_schema_has_its_file() -> None:
    assert f"schema-{schema_version()}.duckdb" in [path.name for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_release_of_a_released_schema_opens_and_answers(path: Path) -> None:
    with homodb.open(path) as release:
        partners = release.orthologs("INS", source="human", target="mouse")
        assert partners["target_symbol"].to_list() == ["Ins2", "Ins1"]
        assert release.explain("VWF", source="human", target="mouse").answers.height == 5
        assert release.sql("SELECT count(*) AS n FROM orthologs('mice', 'pig', 'ens_m2m')")["n"].item() == 7
