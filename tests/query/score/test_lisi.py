"""LISI per cell against a loop over cells, and against R's package lisi."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from homodb.query.score import lisi
from homodb.schema.errors import ScoreError
from tests import messages


def naive(points: np.ndarray, code: np.ndarray) -> np.ndarray:
    """A cell at a time: all distances, the 89 least but its own, and beta by halving an interval until it is met."""
    found = []
    for cell, point in enumerate(points):
        apart = np.sqrt(((points - point) ** 2).sum(axis=1))
        apart[cell] = -1.0
        near = np.argsort(apart, kind="stable")[1:90]
        distances = apart[near] - apart[near].min()
        low, high = 1e-9, 1e9
        for _ in range(80):
            beta = np.sqrt(low * high)
            weights = np.exp(-beta * distances)
            weights /= weights.sum()
            entropy = -(weights[weights > 0] * np.log(weights[weights > 0])).sum()
            low, high = (beta, high) if entropy > np.log(30) else (low, beta)
        found.append(1 / sum(weights[code[near] == kind].sum() ** 2 for kind in np.unique(code)))
    return np.array(found)


@pytest.mark.parametrize(("seed", "scale"), [(0, 1.0), (1, 1e-3), (2, 1e4)])
def test_against_a_loop(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, scale, (110, 5))
    points[:55, 0] += 2 * scale
    code = rng.integers(0, 3, 110)
    assert lisi(points, code)[0] == pytest.approx(naive(points, code), abs=1e-4)


def test_several_divisions_at_once_and_bounds() -> None:
    rng = np.random.default_rng(3)
    points, one, other = rng.normal(size=(100, 3)), rng.integers(0, 4, 100), np.zeros(100, np.int64)
    mixed, alone = lisi(points, one, other)
    assert np.array_equal(mixed, lisi(points, one)[0])
    assert alone == pytest.approx(1.0)
    assert (mixed >= 1).all() and (mixed <= 4).all()


def test_copies_of_cells_and_far_ones() -> None:
    rng = np.random.default_rng(4)
    code = np.arange(200) % 2
    same = lisi(np.zeros((200, 3)), code)[0]
    assert np.isfinite(same).all() and same.min() > 1.9
    points = rng.normal(size=(200, 3))
    points[7] = 1e7
    assert np.isfinite(lisi(points, code)[0]).all()
    copied = np.repeat(rng.normal(size=(100, 3)), 2, axis=0)
    assert np.isfinite(lisi(copied, code)[0]).all()


def test_too_few_cells() -> None:
    with pytest.raises(ScoreError, match=messages.Score.neighbours_89_cells):
        lisi(np.zeros((89, 2)), np.zeros(89, np.int64))


@pytest.mark.shared
def test_every_cell_against_r(shared_data: Path) -> None:
    """R's nn2 searches exactly (eps = 0): all 633 cells agree, the largest difference is R's tolerance of 1e-5."""
    folder = shared_data / "seurat"
    cells = pd.read_csv(folder / "cells.tsv.gz", sep="\t")
    points = pd.read_csv(folder / "integrated.tsv.gz", sep="\t", index_col=0).loc[cells.cell].to_numpy()[:, :30]
    names = ("cell_type", "species")
    found = lisi(points, *(pd.factorize(cells[name])[0].astype(np.int64) for name in names))
    for name, values in zip(names, found, strict=True):
        assert np.abs(values - cells[f"lisi_{name}"]).max() < 1e-5
