"""Events happen at the rates that were asked for; bounds are four standard deviations, which a wrong rate exceeds."""

from __future__ import annotations

import numpy as np
import pytest

from homodb.etl.simulate import GeneTrees, Kind, Role, Settings, SpeciesTree, grow_families, species_tree
from homodb.etl.simulate.histories import _PRONE

SETTINGS = Settings(species=5, genes=3_000, seed=3, duplication=0.002, loss=0.0015, birth=0.0002, bursts=0.0)


@pytest.fixture(scope="module")
def tree() -> SpeciesTree:
    return species_tree(SETTINGS.species)


@pytest.fixture(scope="module")
def trees(tree: SpeciesTree) -> GeneTrees:
    return grow_families(tree, SETTINGS)


def exposure(trees: GeneTrees, *, stem: bool) -> float:
    """Million years that lineages lived, each times the pace of its family."""
    below = np.flatnonzero((trees.parent >= 0) & (stem | (trees.branch > 0)))
    lived = trees.age[trees.parent[below]] - trees.age[below]
    return float((lived * trees.pace[trees.family[below]]).sum())


@pytest.mark.parametrize(("kind", "rate", "stem"), [(Kind.DUPLICATION, 0.002, True), (Kind.LOSS, 0.0015, False)])
def test_events_happen_at_their_rate(trees: GeneTrees, kind: Kind, rate: float, stem: bool) -> None:
    seen = int((trees.kind == kind).sum())
    expected = rate * exposure(trees, stem=stem)
    assert abs(seen - expected) < 4 * np.sqrt(expected)
    assert abs(seen - 1.1 * expected) > 4 * np.sqrt(1.1 * expected)  # a rate wrong by a tenth would be seen


def test_families_are_born_at_their_rate(trees: GeneTrees, tree: SpeciesTree) -> None:
    length = sum(tree.start(node) - tree.age[node] for node in range(1, len(tree.parent)))
    expected = SETTINGS.birth * SETTINGS.genes * length
    born = (trees.kind == Kind.ORIGIN) & (trees.branch > 0) & (trees.role[trees.family] == Role.CODING)
    assert abs(int(born.sum()) - expected) < 4 * np.sqrt(expected)


def test_bursts_meet_their_share_of_families(tree: SpeciesTree) -> None:
    settings = Settings(species=5, genes=10_000, seed=5, duplication=0.0, loss=0.0, birth=0.0, bursts=0.0002)
    trees = grow_families(tree, settings)
    coding = int((trees.role == Role.CODING).sum())
    lengths = np.array([tree.start(node) - tree.age[node] for node in range(len(tree.parent))])
    chance = _PRONE * -np.expm1(-settings.bursts / _PRONE * lengths)
    seen = (trees.burst > 0).sum(axis=1)
    assert np.all(np.abs(seen - coding * chance) < 4 * np.sqrt(coding * chance * (1 - chance)) + 1)


def test_with_no_event_every_family_has_one_gene_in_every_species(tree: SpeciesTree) -> None:
    settings = Settings(species=5, genes=200, duplication=0.0, loss=0.0, birth=0.0, bursts=0.0, non_coding=0.0)
    trees = grow_families(tree, settings)
    genes = np.bincount(trees.family[trees.kind == Kind.GENE])
    assert set(genes) == {5}
    assert set(trees.kind) == {Kind.ORIGIN, Kind.SPECIATION, Kind.GENE}


def test_nodes_stand_behind_and_below_their_parents(trees: GeneTrees) -> None:
    below = np.flatnonzero(trees.parent >= 0)
    assert np.all(trees.parent[below] < below)
    assert np.all(trees.age[trees.parent[below]] >= trees.age[below])
    assert np.all(trees.family[trees.parent[below]] == trees.family[below])
    children = np.bincount(trees.parent[below], minlength=len(trees.parent))
    assert set(children[trees.kind == Kind.DUPLICATION]) == {2}
    assert set(children[(trees.kind == Kind.LOSS) | (trees.kind == Kind.GENE)]) == {0}
    assert set(children[trees.kind == Kind.SPECIATION]) <= {2}
    for node in set(np.flatnonzero(trees.kind == Kind.GENE)):
        assert trees.age[node] == 0


@pytest.mark.parametrize("count", [2, 3, 16])
def test_species_tree_is_ultrametric_with_the_ages_of_the_clade(count: int) -> None:
    tree = species_tree(count)
    assert [one.number for one in tree.species] == sorted(one.number for one in tree.species)
    divergence = tree.divergence()
    place = {one.name: index for index, one in enumerate(tree.species)}
    assert divergence[place["homo_sapiens"], place["mus_musculus"]] == 87
    for member in tree.members:
        if member.joins:
            assert divergence[place[member.name], place[member.joins]] == member.age
    for a in range(count):
        for b in range(count):
            for c in range(count):
                assert divergence[a, c] <= max(divergence[a, b], divergence[b, c])
