"""Markers on a simulated clade, whose programmes of expression are known."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import homodb
from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from homodb.query.markers import Markers

SETTINGS = Settings(species=2, genes=260, cells=1400, seed=8, donors=3, cell_types=4, expression_drift=0.1)


@pytest.fixture(scope="module")
def clade(tmp_path_factory: pytest.TempPathFactory) -> tuple[Markers, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("markers")
    summary = simulate(folder / "sim", SETTINGS)
    build_release(summary.config, folder / "release")
    files = [folder / "sim" / "cells" / f"{name}.h5ad" for name in summary.species]
    found = homodb.markers(
        files, species=list(summary.species), donor_key="donor", release=folder / "release", min_log2fc=2.5
    )  # broad genes differ between types too, and the same way in both species, but less
    truth = pl.read_csv(folder / "sim" / "truth_genes.tsv.gz", separator="\t", infer_schema=False)
    common = dict(zip(summary.species, found.species, strict=True))
    named = truth.select(
        species=pl.col("species").replace_strict(common), gene=pl.coalesce("symbol", "stable_id"),
        programme=pl.col("expressed_as").str.split("/").list.first(), ancestor="ancestral_gene",
    )  # fmt: skip
    return found, named.unique(["species", "gene"], keep="none", maintain_order=True)


def planted(found: Markers, truth: pl.DataFrame) -> pl.DataFrame:
    """Return the markers with their programmes."""
    own = found.table.join(truth, on=["species", "gene"], how="left")
    there = truth.select(other="species", ortholog="gene", programme_there="programme", ancestor_there="ancestor")
    return own.join(there, on=["other", "ortholog"], how="left").with_columns(
        wanted=pl.format("marker:{}", "type"), alone=pl.format("own_marker:{}", "type")
    )


@pytest.mark.slow
def test_conserved_markers_are_those_that_were_planted(clade: tuple[Markers, pl.DataFrame]) -> None:
    rows = planted(*clade).filter(pl.col("kind") == "conserved").drop_nulls("programme")
    right = (pl.col("programme") == pl.col("wanted")) & (pl.col("programme_there") == pl.col("wanted"))
    assert rows.height >= 20
    assert rows.select((pl.col("ancestor") == pl.col("ancestor_there")).mean()).item() > 0.9
    assert rows.select(right.mean()).item() > 0.9


@pytest.mark.slow
def test_markers_of_one_species_are_not_called_conserved(clade: tuple[Markers, pl.DataFrame]) -> None:
    rows = planted(*clade).filter(pl.col("programme") == pl.col("alone"))
    assert rows.height >= 2 and "conserved" not in rows["kind"].to_list()
    assert rows.filter(pl.col("kind") == "species-specific").height >= 2


def test_planted_markers_are_found(clade: tuple[Markers, pl.DataFrame]) -> None:
    found, truth = clade
    heard = found.effects.filter(pl.col("share") >= 0.3).join(truth, on=["species", "gene"])
    heard = heard.filter(pl.col("programme") == pl.format("marker:{}", "type"))
    assert heard.height >= 40 and heard["marker"].mean() > 0.8  # type: ignore[operator]
    broad = found.effects.drop_nulls("q").join(truth, on=["species", "gene"]).filter(pl.col("programme") == "broad")
    assert broad["marker"].mean() < 0.05  # type: ignore[operator]


def test_lone_types_have_no_counterpart(clade: tuple[Markers, pl.DataFrame]) -> None:
    found, _ = clade
    lone = [name for name in found.types["type"] if name.endswith("only")]
    assert len(lone) == 1
    kinds = set(found.table.filter(pl.col("type") == lone[0])["kind"])
    assert kinds <= {"no such type", "no ortholog", "not measured", "unknown gene"} and "no such type" in kinds


def test_the_same_again(clade: tuple[Markers, pl.DataFrame], tmp_path: Path) -> None:
    found, _ = clade
    assert found.conserved.height and found.dots() == found.dots()
    assert not found.conserved.filter(pl.col("max_q") > 0.05).height
