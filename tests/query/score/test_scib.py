"""Profile scib against scib-metrics, but kBET against loops: it takes other neighbours than scib-metrics."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from homodb.query.integrate import kneighbors
from homodb.query.score import Embedded, scib
from homodb.schema.errors import MissingPackageError, ScoreError
from tests import messages


@pytest.fixture(scope="module", autouse=True)
def jax() -> Any:
    return pytest.importorskip("jax", reason="the extra score is not installed")


@pytest.fixture(scope="module")
def package() -> Any:
    return pytest.importorskip("scib_metrics", reason="scib-metrics is not installed")


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
def test_every_metric_is_that_of_scib_metrics(
    package: Any, jax: Any, make: Any, capfd: pytest.CaptureFixture[str]
) -> None:
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
        "bras": package.bras(points, label, species),
        "graph_connectivity": package.graph_connectivity(near.subset_neighbors(15), label),
        "pcr_comparison": package.pcr_comparison(before.points, points, species, categorical=True),
    }
    # in single precision its search for the width of the weights ends a step sooner or later for some cells
    jax.config.update("jax_enable_x64", True)
    try:
        wanted |= {"clisi": package.clisi_knn(near, label), "ilisi": package.ilisi_knn(near, species)}
    finally:
        jax.config.update("jax_enable_x64", False)
    values = {name: one.value for name, one in found.numbers.items() if name != "kbet"}
    assert values["ilisi"] == pytest.approx(package.ilisi_knn(near, species), abs=1e-5)
    assert values == pytest.approx(wanted, abs=1e-6)
    assert found.numbers["ilisi"].value > (found.numbers["ilisi"].baseline or 0)
    assert found.numbers["pcr_comparison"].baseline == pytest.approx(0, abs=1e-6)
    assert found.notes[0].startswith("scib-metrics ")
    again = scib(cells)
    assert {name: one.value for name, one in again.numbers.items()} == {
        name: one.value for name, one in found.numbers.items() if name != "pcr_comparison"
    }
    assert any("pcr_comparison is left out" in note for note in again.notes)


@pytest.mark.slow
def test_worse_than_before_is_said_and_nothing_is_warned(make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scib(two(make, apart=6), two(make))
    assert found.numbers["pcr_comparison"].value == 0.0
    assert any("PCR comparison score is negative" in note for note in found.notes)


def test_no_type_in_two_species(make: Any) -> None:
    cells = two(make)
    species = [cells.species.names[one] for one in cells.species.code]
    label = [f"{one} {kind % 2}" for one, kind in zip(species, cells.label.code.tolist(), strict=True)]
    found = scib(make(cells.points, label, species))
    assert np.isnan(found.numbers["bras"].value) and np.isnan(found.numbers["kbet"].value)
    assert any("no cell type" in note for note in found.notes)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_types_and_species_of_all_sizes(package: Any, make: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    label = [*rng.choice(["a", "b", "c", "d"], 150, p=[0.6, 0.25, 0.1, 0.05]), "alone", "pair", "pair"]
    species = [*rng.choice(["human", "mouse", "fly"], 150, p=[0.7, 0.2, 0.1]), "human", "human", "mouse"]
    points = rng.normal(0, 1, (153, 6)) + 2 * np.array([[len(one) + ord(one[0]) % 5] for one in label])
    cells = make(points, label, species)
    values = {name: one.value for name, one in scib(cells).numbers.items()}
    label, species = np.array(label), np.array(species)
    wanted = {
        "isolated_labels": package.isolated_labels(points, label, species),
        "silhouette_label": package.silhouette_label(points, label),
        "bras": package.bras(points, label, species),
        **{f"{name}_kmeans": one for name, one in package.nmi_ari_cluster_labels_kmeans(points, label).items()},
    }
    assert {name: values[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_kbet_by_hand(make: Any, seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    label, species = rng.choice(list("abc"), 400, p=[0.6, 0.35, 0.05]), rng.choice(["human", "mouse"], 400)
    points = rng.normal(0, 1, (400, 3)) + 8 * (label == "a")[:, None] + seed * (species == "mouse")[:, None]
    points[label == "c"] += 40 * rng.random((400, 1))[label == "c"]
    shares = []
    everyone = np.linalg.norm(points[:, None] - points[None], axis=2)
    nearest = np.argsort(everyone, axis=1)[:, :50]
    for one in "abc":
        cells = np.flatnonzero(label == one)
        k = min(70, max(10, int(np.unique(species[cells], return_counts=True)[1].mean() / 4)))
        pieces = {cell: {cell} for cell in cells.tolist()}
        for cell in cells.tolist():
            for other in set(nearest[cell].tolist()) & set(cells.tolist()):
                joined = pieces[cell] | pieces[other]
                for member in joined:
                    pieces[member] = joined
        kept = np.array(
            [cell for cell in cells.tolist() if len(pieces[cell]) == len(cells) or len(pieces[cell]) >= 3 * k]
        )
        if len(kept) < 0.75 * len(cells):
            shares.append(0.0)
            continue
        names, expected = np.unique(species[kept], return_counts=True)
        accepted = []
        for cell in kept:
            around = kept[np.argsort(everyone[cell, kept])[: k + 1]]
            observed = np.array([(species[around] == name).sum() for name in names])
            accepted.append(stats.chisquare(observed, expected / len(kept) * len(around)).pvalue >= 0.05)
        shares.append(np.mean(accepted))
    assert scib(make(points, label, species)).numbers["kbet"].value == pytest.approx(np.mean(shares), abs=1e-12)


def test_too_few_cells(make: Any) -> None:
    with pytest.raises(ScoreError, match=messages.Score.neighbours_but):
        scib(two(make, cells=90))


def test_without_the_package(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingPackageError, match=messages.Score.pip_install_homodb_score):
        scib(two(make))


def test_nothing_is_compiled_by_numba() -> None:
    program = "import sys, homodb.query.score; assert not {'numba', 'jax', 'scib_metrics', 'umap'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
