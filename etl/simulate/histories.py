"""Find orthologs and paralogs in gene trees.

Pairs whose last common ancestor is a speciation are orthologs, others paralogs. Genes are ordered by a walk through
their trees, so the genes below a node are an interval. Every pair whose last common ancestor is a node is then one gene
of the left interval with one of the right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import GeneTrees, Kind, Role
from homodb.etl.simulate.species import SpeciesTree


@dataclass(frozen=True)
class Histories:
    """Living genes, in the order of a walk through their trees, and pairs.

    Parameters
    ----------
    node, species, family, ancestor
        Per gene: row in the gene trees, index of its species, family, and row of its ancestral gene, which is at
        the root of the clade or, for a later family, its origin.
    first, last
        Per node of the gene trees: interval of the genes below it.
    orthologs
        ``a, b`` (genes, lower species first), ``group`` (number of genes from the same speciation within a pair of
        species), ``type`` (0 one2one, 1 one2many, 2 many2many).
    paralogs
        ``a, b`` (genes of one species whose last common ancestor is a duplication).
    """

    node: np.ndarray
    species: np.ndarray
    family: np.ndarray
    ancestor: np.ndarray
    first: np.ndarray
    last: np.ndarray
    orthologs: dict[str, np.ndarray]
    paralogs: dict[str, np.ndarray]


#: Names of ``type``.
TYPES = ("ortholog_one2one", "ortholog_one2many", "ortholog_many2many")


def read_histories(trees: GeneTrees, tree: SpeciesTree) -> Histories:
    """Find all pairs of genes and their last common ancestors.

    Parameters
    ----------
    trees
        Gene trees.
    tree
        Species tree.
    """
    levels = by_level(trees.parent)
    first, last = _intervals(trees, levels)
    genes = np.flatnonzero(trees.kind == Kind.GENE)
    node = genes[np.argsort(first[genes])]
    species = np.array(tree.tip)[trees.branch[node]]
    sides = _sides(trees, first, last)
    orthologs = _orthologs(trees, species, sides, len(tree.species))
    paralogs = _paralogs(trees, species, sides, len(tree.species))
    return Histories(
        node, species, trees.family[node], _ancestors(trees, levels)[node], first, last, orthologs, paralogs
    )


def by_level(parent: np.ndarray) -> list[np.ndarray]:
    """Return the nodes of each level, from the origins down."""
    level = np.zeros(len(parent), np.int32)
    waiting = np.flatnonzero(parent >= 0)
    while len(waiting):
        deeper = level[parent[waiting]] + 1
        waiting = waiting[deeper != level[waiting]]
        level[waiting] = level[parent[waiting]] + 1
    order = np.argsort(level, kind="stable")
    return np.split(order, np.cumsum(np.bincount(level))[:-1])


def family_name(number: int) -> str:
    """Return the ID of a family."""
    return f"F{number:06d}"


def ancestor_name(node: int) -> str:
    """Return the ID of an ancestral gene."""
    return f"A{node:07d}"


def ragged(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the concatenated numbers of intervals from ``starts``."""
    before = np.cumsum(lengths) - lengths
    numbers: np.ndarray = np.repeat(starts - before, lengths)
    numbers += np.arange(len(numbers))
    return numbers


def products(
    left: tuple[np.ndarray, np.ndarray], right: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the products of left and right intervals, with interval numbers."""
    width_left, width_right = left[1] - left[0], right[1] - right[0]
    count = width_left * width_right
    which = np.repeat(np.arange(len(count)), count)
    place = ragged(np.zeros(len(count), np.int64), count)
    row, column = np.divmod(place, width_right[which])
    return left[0][which] + row, right[0][which] + column, which


def _intervals(trees: GeneTrees, levels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of genes below each node, families in order."""
    size = (trees.kind == Kind.GENE).astype(np.int64)
    for level in reversed(levels[1:]):
        np.add.at(size, trees.parent[level], size[level])
    first = np.zeros(len(size), np.int64)
    roots = levels[0][np.argsort(trees.family[levels[0]], kind="stable")]
    first[roots] = np.cumsum(size[roots]) - size[roots]
    for level in levels[1:]:
        nodes = level[np.argsort(trees.parent[level], kind="stable")]
        parent = trees.parent[nodes]
        second = np.flatnonzero(np.concatenate([[False], parent[1:] == parent[:-1]]))
        first[nodes] = first[parent]
        first[nodes[second]] += size[nodes[second - 1]]
    return first, first + size


def _ancestors(trees: GeneTrees, levels: list[np.ndarray]) -> np.ndarray:
    """Return the ancestral gene of each node; -1 above the root of the clade."""
    own = (trees.kind == Kind.SPECIATION) & (trees.branch == 0) | (trees.kind == Kind.ORIGIN) & (trees.branch > 0)
    ancestor = np.where(own, np.arange(len(own)), -1)
    for level in levels[1:]:
        ancestor[level] = np.where(own[level], level, ancestor[trees.parent[level]])
    return ancestor


def _sides(trees: GeneTrees, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return nodes with genes on both sides, and their two children."""
    child = np.flatnonzero(trees.parent >= 0)
    child = child[np.argsort(trees.parent[child], kind="stable")]
    parent = trees.parent[child]
    twin = np.flatnonzero(parent[1:] == parent[:-1])
    left, right = child[twin], child[twin + 1]
    both = (last[left] > first[left]) & (last[right] > first[right])
    nodes, left, right = parent[twin][both], left[both], right[both]
    return nodes, np.stack([first[left], last[left]]), np.stack([first[right], last[right]])


def _orthologs(
    trees: GeneTrees, species: np.ndarray, sides: tuple[np.ndarray, np.ndarray, np.ndarray], count: int
) -> dict[str, np.ndarray]:
    nodes, left, right = sides
    coding = trees.role[trees.family[nodes]] != Role.LONG_RNA
    is_speciation = (trees.kind[nodes] == Kind.SPECIATION) & coding
    a, b, which = products(
        (left[0][is_speciation], left[1][is_speciation]), (right[0][is_speciation], right[1][is_speciation])
    )
    swap = species[a] > species[b]
    a, b = np.where(swap, b, a), np.where(swap, a, b)
    key = (nodes[is_speciation][which] * count + species[a]) * count + species[b]
    _, group = np.unique(key, return_inverse=True)
    several = [_distinct(group, side)[group] > 1 for side in (a, b)]
    kind = several[0].astype(np.int8) + several[1]
    order = np.lexsort((b, a, species[b], species[a]))
    return {"a": a[order], "b": b[order], "group": group[order], "type": kind[order]}


def _distinct(group: np.ndarray, gene: np.ndarray) -> np.ndarray:
    """Count the genes of each group."""
    pairs = np.unique(group * (int(gene.max(initial=0)) + 1) + gene)
    return np.bincount(pairs // (int(gene.max(initial=0)) + 1))


def _paralogs(
    trees: GeneTrees, species: np.ndarray, sides: tuple[np.ndarray, np.ndarray, np.ndarray], count: int
) -> dict[str, np.ndarray]:
    nodes, left, right = sides
    is_duplication = trees.kind[nodes] == Kind.DUPLICATION
    found_a, found_b = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for one in range(count):
        own = np.flatnonzero(species == one)
        before = np.concatenate([[0], np.cumsum(species == one)])
        a, b, _ = products(tuple(before[left[:, is_duplication]]), tuple(before[right[:, is_duplication]]))
        found_a.append(own[a])
        found_b.append(own[b])
    return {"a": np.concatenate(found_a), "b": np.concatenate(found_b)}
