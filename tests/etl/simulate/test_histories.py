"""Pairs and their last common ancestors, against a slow method that walks up from both genes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from homodb.etl.simulate import (
    TYPES,
    GeneTrees,
    Histories,
    Kind,
    Role,
    Settings,
    SpeciesTree,
    grow_families,
    read_histories,
    species_tree,
)

Clade = tuple[SpeciesTree, GeneTrees, Histories]


@pytest.fixture(scope="module", params=[(3, 1), (6, 2)], ids=["3 species", "6 species"])
def clade(request: pytest.FixtureRequest) -> Clade:
    species, seed = request.param
    settings = Settings(species=species, genes=120, seed=seed, duplication=0.002, loss=0.001, bursts=0.0004)
    tree = species_tree(species)
    trees = grow_families(tree, settings)
    return tree, trees, read_histories(trees, tree)


def lineage(trees: GeneTrees, node: int) -> list[int]:
    nodes = [node]
    while trees.parent[nodes[-1]] >= 0:
        nodes.append(int(trees.parent[nodes[-1]]))
    return nodes


def naive(tree: SpeciesTree, trees: GeneTrees) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int]]:
    """Orthologs and same-species paralogs as pairs of nodes, each with their last common ancestor."""
    families: dict[int, list[int]] = {}
    for node in np.flatnonzero(trees.kind == Kind.GENE):
        families.setdefault(int(trees.family[node]), []).append(int(node))
    orthologs, paralogs = {}, {}
    for family, genes in families.items():
        if trees.role[family] == Role.LONG_RNA:
            continue
        above = {gene: lineage(trees, gene) for gene in genes}
        for one, other in combinations(genes, 2):
            ancestor = next(node for node in above[one] if node in set(above[other]))
            tips = tree.tip[trees.branch[one]], tree.tip[trees.branch[other]]
            pair = (one, other) if tips[0] < tips[1] else (other, one)
            if trees.kind[ancestor] == Kind.SPECIATION:
                orthologs[pair] = ancestor
            elif tips[0] == tips[1]:
                paralogs[min(pair), max(pair)] = ancestor
    return orthologs, paralogs


def test_orthologs_are_the_pairs_whose_last_common_ancestor_is_a_speciation(clade: Clade) -> None:
    tree, trees, histories = clade
    expected, same_species = naive(tree, trees)
    node = histories.node
    a, b = histories.orthologs["a"], histories.orthologs["b"]
    assert len(a) == len(expected) > 200
    assert set(zip(node[a].tolist(), node[b].tolist(), strict=True)) == set(expected)
    found = {tuple(sorted(pair)) for pair in np.stack([node[histories.paralogs[side]] for side in "ab"], 1).tolist()}
    assert found == set(same_species)
    assert len(found) == len(histories.paralogs["a"])


def test_types_follow_from_the_genes_below_the_ancestor(clade: Clade) -> None:
    tree, trees, histories = clade
    expected, _ = naive(tree, trees)
    tip = {node: tree.tip[trees.branch[node]] for pair in expected for node in pair}
    below: dict[tuple[int, int, int], tuple[set[int], set[int]]] = {}
    for (one, other), ancestor in expected.items():
        sides = below.setdefault((ancestor, tip[one], tip[other]), (set(), set()))
        sides[0].add(one)
        sides[1].add(other)
    for a, b, kind in zip(*(histories.orthologs[name].tolist() for name in ("a", "b", "type")), strict=True):
        one, other = int(histories.node[a]), int(histories.node[b])
        sides = below[expected[one, other], tip[one], tip[other]]
        many = sum(len(side) > 1 for side in sides)
        assert TYPES[kind] == ("ortholog_one2one", "ortholog_one2many", "ortholog_many2many")[many]


def test_ancestral_genes_stand_at_the_root_of_the_clade_or_begin_a_family(clade: Clade) -> None:
    _, trees, histories = clade
    for gene in range(len(histories.node)):
        above = lineage(trees, int(histories.node[gene]))
        at_root = [node for node in above if trees.kind[node] == Kind.SPECIATION and trees.branch[node] == 0]
        assert histories.ancestor[gene] == (at_root[0] if at_root else above[-1])


def test_every_gene_lies_in_the_intervals_of_its_lineage(clade: Clade) -> None:
    _, trees, histories = clade
    for place, node in enumerate(histories.node.tolist()):
        for above in lineage(trees, node):
            assert histories.first[above] <= place < histories.last[above]
