"""The exam gives back what was dialled in, within bounds that a dial wrong by half would break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import homodb
from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from homodb.query.exam import Exam, exam

CLADE: dict[str, Any] = {
    "species": 2, "genes": 500, "cells": 0, "seed": 11, "non_coding": 0.0, "duplication": 0.001, "loss": 0.001,
    "missed": 0.0, "split": 0.0, "wrong_type": 0.0, "false_pairs": 0.0,
}  # fmt: skip


def examined(folder: Path, **dials: float) -> tuple[pl.DataFrame, Exam]:
    """Return the true pairs that errors can meet (proteins, not of mitochondria), and the scores."""
    simulate(folder / "sim", Settings(**CLADE | dials))
    build_release(folder / "sim" / "biomart.toml", folder / "release")
    paths = {name: folder / "sim" / f"{name}.tsv.gz" for name in ("truth", "truth_genes")}
    truth, genes = (pl.read_csv(path, separator="\t", infer_schema_length=0) for path in paths.values())
    own = genes.filter(
        (pl.col("biotype") == "protein_coding") & ~pl.col("planted").fill_null("").str.contains("mitochondrial")
    )
    with homodb.open(folder / "release") as release:
        return truth.filter(pl.col("source_id").is_in(own["stable_id"].implode())), exam(
            release, paths["truth"], genes=paths["truth_genes"]
        )


def row(frame: pl.DataFrame, strategy: str) -> dict[str, Any]:
    return frame.filter((pl.col("strategy") == strategy) & pl.col("source_species").is_null()).row(0, named=True)


def follows(lost: int, trials: int, dial: float) -> bool:
    """Whether so many of so many trials were lost as the dial says, and not as one wrong by half would."""

    def near(chance: float) -> bool:
        return abs(lost - trials * chance) < 3.5 * np.sqrt(trials * chance * (1 - chance))

    return near(dial) and not near(dial * 1.5) and not near(dial * 0.5)


def test_recall_falls_by_what_is_missed(tmp_path: Path) -> None:
    truth, found = examined(tmp_path, missed=0.3)
    many = row(found.strategies, "ENS_M2M")
    assert follows(many["possible"] - many["found"], truth.height, 0.3)
    one = truth.filter(pl.col("homology_type") == "ortholog_one2one").height
    for strategy in ("ENS_O2O", "HM_O2O"):
        scored = row(found.one2one, strategy)
        assert follows(scored["possible"] - scored["found"], one, 0.3)
    assert [row(found.strategies, name)["precision"] for name in ("ENS_M2M", "ENS_O2O", "HM_O2O")] == [1, 1, 1]


def test_wrong_types_cost_the_strategy_that_goes_by_type_alone(tmp_path: Path) -> None:
    truth, found = examined(tmp_path, wrong_type=0.3)
    one = truth.filter(pl.col("homology_type") == "ortholog_one2one").height
    scored = row(found.one2one, "ENS_O2O")
    assert follows(scored["possible"] - scored["found"], one, 0.3)
    for strategy in ("ENS_M2M", "HM_O2O"):
        scored = row(found.strategies, strategy)
        assert scored["recall"] == scored["precision"] == 1


def test_torn_groups_and_false_pairs(tmp_path: Path) -> None:
    """Each torn group loses the pairs between its halves; of the true pairs so many false ones are added."""
    truth, found = examined(tmp_path, split=0.5, false_pairs=0.06)
    links: dict[str, set[str]] = {}
    for a, b in truth.select("source_id", "target_id").rows():
        links.setdefault(a, set()).add(b)
    groups: dict[frozenset[str], int] = {}
    for partners in links.values():
        groups[frozenset(partners)] = groups.get(frozenset(partners), 0) + 1
    shapes = [(a, len(partners)) for partners, a in groups.items() if max(a, len(partners)) > 1]
    lost = np.array([a * b - ((a + 1) // 2) * ((b + 1) // 2) - (a // 2) * (b // 2) for a, b in shapes])
    many = row(found.strategies, "ENS_M2M")
    seen, spread = many["possible"] - many["found"], 3.5 * np.sqrt((lost**2).sum() * 0.25)
    assert abs(seen - 0.5 * lost.sum()) < spread < 0.5 * lost.sum()
    assert many["wrong"] == round(0.06 * many["possible"])
    assert row(found.one2one, "ENS_O2O")["recall"] == 1
    assert row(found.strategies, "ENS_O2O")["wrong"] <= many["wrong"]
