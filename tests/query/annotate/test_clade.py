"""The simulated clade, where the truth is known: every strategy carries types, random pairs of genes do not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import homodb
from homodb.query.annotate import AnnotateOptions, knn, prepare


def accuracy(clade: Any, label: Any, kept: np.ndarray) -> float:
    truth = clade.mouse.obs["cell_type"].astype(str).to_numpy()
    return float((np.asarray(label)[kept] == truth[kept]).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "strategy", "least"),
    [
        *(("knn", strategy, 0.6) for strategy in homodb.Strategy),
        ("protein", None, 0.6),
        ("consensus", None, 0.8),
    ],
)
def test_types_are_carried(clade: Any, method: str, strategy: str | None, least: float) -> None:
    more = {"methods": "knn,protein"} if method == "consensus" else {}
    made = homodb.annotate(
        clade.mouse, clade.human, label_key="cell_type", method=method, strategy=strategy, release=clade.release, **more
    )
    kept = clade.mouse.obs["cell_type"].isin(set(clade.human.obs["cell_type"])).to_numpy()
    assert accuracy(clade, made.obs["cell_type_homodb"].astype(str), kept) > least


def test_random_pairs_carry_nothing(clade: Any) -> None:
    task = prepare(clade.release, clade.mouse, clade.human, AnnotateOptions(label_key="cell_type")).task
    kept = clade.mouse.obs["cell_type"].isin(set(clade.human.obs["cell_type"])).to_numpy()
    drawn = []
    for seed in range(5):
        genes = np.random.default_rng(seed).permutation(task.reference.counts.shape[1])[: len(task.best.query)]
        found = knn(replace(task, best=replace(task.best, reference=genes)))
        drawn.append(accuracy(clade, np.array(task.labels)[found.label], kept))
    assert np.mean(drawn) < 0.5
