"""What runs on a GPU gives what the processor gives; without a GPU, torch's own processor stands in for it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from homodb.query.integrate import canonical_vectors, kneighbors, principal_components, scaled
from homodb.query.score.cell_scores import silhouette

torch = pytest.importorskip("torch", reason="torch is an extra")
linear, neighbors = (importlib.import_module(f"homodb.query.integrate.{name}") for name in ("linear", "neighbors"))
cell_scores = importlib.import_module("homodb.query.score.cell_scores")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def on(device: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (linear, neighbors, cell_scores):
        monkeypatch.setattr(module, "gpu", lambda: None if device is None else torch.device(device))


def points(case: str) -> Any:
    rng = np.random.default_rng(1)
    if case == "grid":
        return rng.integers(0, 3, (400, 4)).astype(np.float64)
    if case == "equal":
        return np.ones((300, 3))
    return rng.normal(size=(3000, 12)) + (1e4 if case == "far" else 0.0)


@pytest.mark.parametrize("case", ["plain", "far", "grid", "equal"])
@pytest.mark.parametrize("device", DEVICES)
def test_neighbors(device: str, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = points(case)
    on(None, monkeypatch)
    expected = kneighbors(cells, 20)
    on(device, monkeypatch)
    for ours in (kneighbors(cells, 20), kneighbors(cells[::-1], 20, queries=cells)):
        np.testing.assert_array_equal(ours.distances, expected.distances)
    np.testing.assert_array_equal(kneighbors(cells, 20).indices, expected.indices)


@pytest.mark.parametrize("device", DEVICES)
def test_silhouettes(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cells, code = points("plain"), np.random.default_rng(0).integers(0, 7, 3000)
    on(None, monkeypatch)
    expected = silhouette(cells, code)
    on(device, monkeypatch)
    monkeypatch.setattr(cell_scores, "_HELD_ON_GPU", 100_000)
    np.testing.assert_allclose(silhouette(cells, code), expected, atol=1e-9)


@pytest.mark.parametrize("device", DEVICES)
def test_components_and_canonical_vectors(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = [sp.random(300, 60, 0.3, "csr", rng=np.random.default_rng(seed)) for seed in (1, 2)]
    one, two = map(scaled, logs)
    on(None, monkeypatch)
    expected = principal_components(one, 10).cells, *canonical_vectors(one, two, 8)
    on(device, monkeypatch)
    for ours, theirs in zip(
        (principal_components(one, 10).cells, *canonical_vectors(one, two, 8)), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
