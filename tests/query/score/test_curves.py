"""Scores move the right way when the planted truth of a simulated clade is disturbed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from homodb.etl.simulate import Settings

pytest.importorskip("skmisc", reason="the extra cells is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "score_curves.py"


@pytest.fixture(scope="module")
def curves() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_curves", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def found(curves: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """A small clade at both ends of every dial."""
    sizes = Settings(species=2, genes=200, cells=300, donors=3, cell_types=3, seed=5, dispersion=1.0)
    joint = curves.clade(tmp_path_factory.mktemp("clade"), sizes)
    dials = {curves.WRONG: (0, 0.6), curves.BATCH: (0, 2), curves.MERGED: (0, 1)}
    return curves.measure(joint, dials, methods=("none", "cca"), resamples=20)


def ends(found: pl.DataFrame, dial: str, at: float, method: str, score: str) -> tuple[float, float]:
    row = found.row(by_predicate=(pl.col("dial") == dial) & (pl.col("at") == at) & (pl.col("method") == method)
                    & (pl.col("score") == score), named=True)  # fmt: skip
    return row["low"], row["high"]


def below(found, one, other) -> bool:
    """Whether the interval of one lies below that of the other: more than donors can explain."""
    return ends(found, *one)[1] < ends(found, *other)[0]


def check(found, worse, better, sure: dict[str, list[str]], scores: list[str]) -> None:
    """Of the scores none moves the wrong way by more than its interval, and some surely move the right way."""
    for method in ("none", "cca"):
        for score in scores:
            assert not below(found, (*better, method, score), (*worse, method, score)), (method, score)
    for method, names in sure.items():
        for score in names:
            assert below(found, (*worse, method, score), (*better, method, score)), (method, score)


@pytest.mark.slow
def test_wrong_pairs_of_genes_cost_mixing_and_transfer(curves, found):
    sure = {"none": ["mixing_neighbours", "mixing_ilisi", "transfer_balanced_accuracy"]}
    check(found, (curves.WRONG, 0.6), (curves.WRONG, 0), sure, [*sure["none"], "transfer_kappa"])


@pytest.mark.slow
def test_a_batch_costs_mixing(curves, found):
    sure = {"none": ["mixing_neighbours", "mixing_ilisi"]}
    check(found, (curves.BATCH, 2), (curves.BATCH, 0), sure, [*sure["none"], "transfer_kappa"])


@pytest.mark.slow
def test_integration_mixes_and_transfer_is_far_from_random_pairing(curves, found):
    assert below(found, (curves.WRONG, 0, "none", "mixing_neighbours"), (curves.WRONG, 0, "cca", "mixing_neighbours"))
    random = found.filter(dial=curves.WRONG, at=0, method="cca", score="transfer_random_kappa")["value"].item()
    assert abs(random) < 0.2 < ends(found, curves.WRONG, 0, "cca", "transfer_kappa")[0]


@pytest.mark.slow
def test_a_type_merged_away_is_caught(curves, found):
    scores = ["over_merging_neighbours", "over_merging_confident_near", "alcs"]
    # the better of these is the lower
    sure = {"none": scores[:2], "cca": [scores[0]]}
    check(found, (curves.MERGED, 0), (curves.MERGED, 1), sure, scores)
