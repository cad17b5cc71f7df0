"""Cells follow their programme; paralogs share out what their ancestor had."""

from __future__ import annotations

from pathlib import Path

import anndata
import numpy as np
import pytest

from homodb.etl.simulate import (
    Expression,
    GeneTrees,
    Histories,
    Settings,
    SimulatedAnnotation,
    annotate_genes,
    design_cells,
    draw_counts,
    draw_expression,
    grow_families,
    lay_out_genome,
    read_histories,
    species_tree,
)

SETTINGS = Settings(
    species=3, genes=200, cells=1_800, seed=9, duplication=0.002, dispersion=0.0, dropout=0.0, ambient=0.0,
    expression_drift=0.0,
)  # fmt: skip
Clade = tuple[GeneTrees, Histories, SimulatedAnnotation, Expression]


@pytest.fixture(scope="module")
def clade() -> Clade:
    tree = species_tree(3)
    trees = grow_families(tree, SETTINGS)
    histories = read_histories(trees, tree)
    annotation = annotate_genes(trees, tree, histories, lay_out_genome(trees, tree, histories, SETTINGS), SETTINGS)
    return trees, histories, annotation, draw_expression(trees, tree, histories, SETTINGS)


def drawn(clade: Clade, settings: Settings) -> tuple[np.ndarray, np.ndarray, object]:
    plan = design_cells(0, clade[2], clade[3], settings)
    cells = len(plan.types)
    return draw_counts(plan, plan.soup(), 0, cells, settings, settings.stream("test")), plan.profile, plan


def test_means_of_a_type_are_those_of_its_programme(clade: Clade) -> None:
    plan = design_cells(0, clade[2], clade[3], SETTINGS)
    table = draw_counts(plan, plan.soup(), 0, len(plan.types), SETTINGS, SETTINGS.stream("test"))
    scores = []
    for kind in np.unique(plan.types):
        for donor in range(SETTINGS.donors):
            cells = (plan.types == kind) & (plan.donors == donor)
            expected = plan.profile[donor, kind] * plan.depth[cells].sum()
            seen = table[cells].sum(axis=0)
            scores.append((seen - expected)[expected > 20] / np.sqrt(expected[expected > 20]))
            assert not seen[expected == 0].any()
    z = np.concatenate(scores)
    assert len(z) > 500 and np.abs(z).max() < 5.5
    assert 0.9 < z.std() < 1.1 and abs(z.mean()) < 4 / np.sqrt(len(z))


def test_ambient_reads_come_from_the_donors_soup(clade: Clade) -> None:
    settings = SETTINGS.model_copy(update={"ambient": 0.3})
    plan = design_cells(0, clade[2], clade[3], settings)
    table = draw_counts(plan, plan.soup(), 0, len(plan.types), settings, settings.stream("test"))
    weight = plan.depth * plan.ambient
    expected = np.zeros(table.shape[1])
    for donor in range(settings.donors):
        cells = plan.donors == donor
        expected += weight[cells].sum() * plan.soup()[donor]
        for kind in np.unique(plan.types):
            own = cells & (plan.types == kind)
            expected += (plan.depth - weight)[own].sum() * plan.profile[donor, kind]
    z = (table.sum(axis=0) - expected)[expected > 20] / np.sqrt(expected[expected > 20])
    assert np.abs(z).max() < 5.5 and 0.85 < z.std() < 1.15


def test_dropout_and_dispersion_do_what_they_say(clade: Clade) -> None:
    plain, _, _ = drawn(clade, SETTINGS)
    dropping, _, plan = drawn(clade, SETTINGS.model_copy(update={"dropout": 0.5}))
    expected = plan.profile[plan.donors, plan.types] * plan.depth[:, None]  # type: ignore[attr-defined]
    low = expected < 1
    kept = (expected * (1 - 0.5 / (1 + expected)))[low].sum()
    assert abs(dropping[low].sum() - kept) < 4 * np.sqrt(kept)
    assert abs(plain[low].sum() - expected[low].sum()) < 4 * np.sqrt(expected[low].sum())
    assert kept < 0.75 * expected[low].sum()
    spread, _, _ = drawn(clade, SETTINGS.model_copy(update={"dispersion": 0.5}))
    high = expected.mean(axis=0) > 30
    extra = ((spread - expected)[:, high] ** 2 - expected[:, high]).sum() / (expected[:, high] ** 2).sum()
    assert abs(extra - 0.5) < 0.1


def test_descendants_share_out_their_ancestors_expression(clade: Clade) -> None:
    _, histories, _, expression = clade
    groups: dict[tuple[int, int], list[int]] = {}
    for gene, key in enumerate(zip(histories.ancestor.tolist(), histories.species.tolist(), strict=True)):
        groups.setdefault(key, []).append(gene)
    assert sum(len(genes) > 1 for genes in groups.values()) > 30
    for genes in groups.values():
        np.testing.assert_allclose(expression.share[genes].sum(axis=0), 1, rtol=1e-6)
        if len(genes) == 1:
            assert np.all(expression.share[genes] == pytest.approx(1))
    plain = [not name.startswith("own_marker") for name in expression.expressed_as]
    for species in range(3):
        rows = np.flatnonzero((histories.species == species) & plain)
        ratio = expression.level[rows] / np.where(expression.ancestral[rows] > 0, expression.ancestral[rows], np.nan)
        scaled = ratio / expression.share[rows]
        assert np.nanstd(scaled, axis=0).max() < 1e-6 * np.nanmean(scaled)


def test_markers_and_silent_genes_are_what_they_are_called(clade: Clade) -> None:
    expression = clade[3]
    up = []
    for gene, name in enumerate(expression.expressed_as):
        programme = name.split("/")[0]
        level = expression.level[gene]
        if programme == "silent":
            assert not level.any()
        elif programme.startswith("marker:"):
            place = expression.types.index(programme.split(":")[1])
            up.append(level[place] / np.delete(level, place).mean())
    assert np.median(up) > 20
    assert {name.split(":")[0].split("/")[0] for name in expression.expressed_as} == {
        "broad", "marker", "own_marker", "silent",
    }  # fmt: skip


def test_some_cell_types_are_of_one_species_only(clade: Clade) -> None:
    expression = clade[3]
    species = expression.present.sum(axis=0)
    assert list(species[: SETTINGS.cell_types]) == [3] * SETTINGS.cell_types
    assert list(species[SETTINGS.cell_types :]) == [1]


def test_h5ad_holds_counts_and_labels(simulated: object) -> None:
    folder: Path = simulated.folder  # type: ignore[attr-defined]
    total = 0
    for path in sorted((folder / "cells").glob("*.h5ad")):
        data = anndata.read_h5ad(path)
        total += data.n_obs
        assert data.X.dtype == np.int32 and data.X.min() >= 0 and data.X.has_sorted_indices
        assert {"cell_type", "donor", "species"} <= set(data.obs)
        assert data.obs["donor"].nunique() == 3 and data.obs["species"].unique().tolist() == [path.stem]
        assert data.var_names.is_unique
        known = data.var["gene_ids"][data.var["gene_ids"] != ""]
        assert known.duplicated().sum() >= 1  # genes that stand twice
        assert (data.var["gene_ids"] == "").sum() >= 1  # names of no gene
        assert "simulated" in data.uns
    assert total == 400
