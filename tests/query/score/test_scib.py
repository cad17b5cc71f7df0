"""Profile scib against calling scib-metrics.

kBET compiles umap-learn and pynndescent for a minute: both sides get a stand-in that tells every argument apart.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest

from homodb.query.integrate import kneighbors
from homodb.query.score import Embedded, scib
from homodb.schema.errors import MissingPackageError, ScoreError
from tests import messages


@pytest.fixture(scope="module")
def package() -> Any:
    pytest.importorskip("scib_metrics", reason="the extra score is not installed")
    import scib_metrics

    def kbet(near: Any, batches: np.ndarray, labels: np.ndarray) -> float:
        kinds = np.array(
            [hash((one, other)) % 97 for one, other in zip(batches.tolist(), labels.tolist(), strict=True)]
        )
        return float((near.distances * kinds[near.indices]).sum() / near.indices.shape[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scib_metrics, "kbet_per_label", kbet)
        yield scib_metrics


def two(make: Any, seed: int = 0, *, apart: float = 1.0, cells: int = 162) -> Embedded:
    """Types of equal numbers of cells: JAX compiles anew for every shape."""
    rng = np.random.default_rng(seed)
    code, species = np.arange(cells) % 3, (np.arange(cells) // 3) % 2
    points = rng.normal(0, 1, (cells, 5))
    points[np.arange(cells), code] += 5
    points[:, 4] += apart * species
    names = np.array(["human", "mouse"])[species]
    label = np.array(["alpha", "beta", "delta"])[code]
    label[(names == "mouse") & (label == "delta")] = "gamma"
    return make(points, label.tolist(), names.tolist())  # type: ignore[no-any-return]


@pytest.mark.slow
def test_every_metric_is_that_of_scib_metrics(package: Any, make: Any, capfd: pytest.CaptureFixture[str]) -> None:
    cells, before = two(make), two(make, apart=6)
    found = scib(cells, before)
    assert capfd.readouterr().out == ""
    label, species = (np.array(one.names)[one.code] for one in (cells.label, cells.species))
    points = cells.points
    exact = kneighbors(points, 90)
    near = package.nearest_neighbors.NeighborsResults(indices=exact.indices, distances=exact.distances)
    by_means = package.nmi_ari_cluster_labels_kmeans(points, label)
    wanted = {
        "isolated_labels": package.isolated_labels(points, label, species),
        "nmi_kmeans": by_means["nmi"],
        "ari_kmeans": by_means["ari"],
        "silhouette_label": package.silhouette_label(points, label),
        "clisi": package.clisi_knn(near, label),
        "bras": package.bras(points, label, species),
        "ilisi": package.ilisi_knn(near, species),
        "kbet": package.kbet_per_label(near.subset_neighbors(50), species, label),
        "graph_connectivity": package.graph_connectivity(near.subset_neighbors(15), label),
        "pcr_comparison": package.pcr_comparison(before.points, points, species, categorical=True),
    }
    assert {name: one.value for name, one in found.numbers.items()} == pytest.approx(wanted, abs=0)
    assert found.numbers["ilisi"].value > (found.numbers["ilisi"].baseline or 0)
    assert found.numbers["pcr_comparison"].baseline == pytest.approx(0, abs=1e-6)
    assert found.notes[0].startswith("scib-metrics ")
    again = scib(cells)
    assert {name: one.value for name, one in again.numbers.items()} == {
        name: one.value for name, one in found.numbers.items() if name != "pcr_comparison"
    }
    assert any("pcr_comparison is left out" in note for note in again.notes)


@pytest.mark.slow
def test_worse_than_before_is_said_and_nothing_is_warned(package: Any, make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scib(two(make, apart=6), two(make))
    assert found.numbers["pcr_comparison"].value == 0.0
    assert any("PCR comparison score is negative" in note for note in found.notes)


@pytest.mark.slow
def test_no_type_in_two_species(package: Any, make: Any) -> None:
    cells = two(make)
    species = [cells.species.names[one] for one in cells.species.code]
    label = [f"{one} {kind % 2}" for one, kind in zip(species, cells.label.code.tolist(), strict=True)]
    found = scib(make(cells.points, label, species))
    assert np.isnan(found.numbers["bras"].value) and np.isnan(found.numbers["kbet"].value)
    assert any("no cell type" in note for note in found.notes)


@pytest.mark.slow
def test_too_few_cells(package: Any, make: Any) -> None:
    with pytest.raises(ScoreError, match=messages.Score.neighbours_but):
        scib(two(make, cells=90))


def test_without_the_package(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scib_metrics", None)
    with pytest.raises(MissingPackageError, match=messages.Score.pip_install_homodb_score):
        scib(two(make))
