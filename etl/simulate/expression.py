"""What each gene is expressed as: an ancestral gene's programme, which its descendants in a species share out.

Every ancestral gene has a level and a programme over cell types. A duplication parts each cell type's expression
between both copies, so paralogs divide their ancestor's work, the same way in species that have both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import GeneTrees, Kind, Role
from homodb.etl.simulate.histories import Histories, ancestor_name, by_level
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

#: Spread of levels (standard deviation of the natural logarithm) and the mean added for some roles.
_SPREAD = 1.7
_ADDED = {Role.RIBOSOMAL: 3.5, Role.MITOCHONDRIAL: 4.0, Role.MT_RNA: 3.0, Role.SMALL_RNA: -3.0, Role.LONG_RNA: -1.5}

#: Programmes and their shares: markers of one cell type, genes that are silent everywhere; the rest is broad.
_MARKERS, _SILENT = 0.12, 0.1
_MARKER_UP, _MARKER_ELSEWHERE, _OWN_UP = 20.0, 0.2, 30.0

#: Share of a species' genes that are markers there and nowhere else.
_OWN_MARKERS = 0.01


@dataclass(frozen=True)
class Expression:
    """Expected expression of every living gene in every cell type.

    Parameters
    ----------
    types
        Names of the cell types: first those of all species, then those of one.
    present
        Species x types: which species has which.
    level
        Genes x types: share of all reads of a cell, before donors, ambient reads and dropout.
    share
        Genes x types: a gene's share of its ancestral gene's expression in its species.
    ancestral
        Genes x types: level of the ancestral gene, in no unit.
    expressed_as
        Of each gene, ``programme/ancestral gene``.
    """

    types: tuple[str, ...]
    present: np.ndarray
    level: np.ndarray
    share: np.ndarray
    ancestral: np.ndarray
    expressed_as: list[str]


def express(trees: GeneTrees, tree: SpeciesTree, histories: Histories, settings: Settings) -> Expression:
    """Draw programmes, and let descendants share them.

    Parameters
    ----------
    trees, tree, histories
        Gene trees, species tree, living genes.
    settings
        Number of cell types, drift of expression, seed.
    """
    rng = settings.stream("expression")
    common = [f"type {number + 1}" for number in range(settings.cell_types)]
    private = [index for index in range(len(tree.species)) if index % 2]
    types = (*common, *(f"type of {tree.species[index].common_name} only" for index in private))
    present = np.ones((len(tree.species), len(types)), bool)
    for place, index in enumerate(private):
        present[:, len(common) + place] = np.arange(len(tree.species)) == index
    ancestors, inverse = np.unique(histories.ancestor, return_inverse=True)
    profile, programmes = _programmes(trees, ancestors, types, rng)
    share = _shares(trees, histories, len(types), rng)
    ancestral = profile[inverse]
    drift = np.exp(rng.standard_normal(len(inverse)) * settings.expression_drift)
    level = ancestral * share * drift[:, None]
    labels = [programmes[one] for one in inverse.tolist()]
    audible = np.array([label != "silent" for label in labels])
    own = np.flatnonzero((rng.random(len(inverse)) < _OWN_MARKERS) & audible)
    for gene in own.tolist():
        place = int(rng.choice(np.flatnonzero(present[histories.species[gene]])))
        level[gene] = level[gene].mean() * _MARKER_ELSEWHERE
        level[gene, place] *= _OWN_UP / _MARKER_ELSEWHERE
        labels[gene] = f"own_marker:{types[place]}"
    for index in range(len(tree.species)):
        rows = histories.species == index
        level[rows] /= level[rows].sum(axis=0)
    names = [f"{label}/{ancestor_name(one)}" for label, one in zip(labels, histories.ancestor.tolist(), strict=True)]
    return Expression(types, present, level, share, ancestral, names)


def _programmes(
    trees: GeneTrees, ancestors: np.ndarray, types: tuple[str, ...], rng: np.random.Generator
) -> tuple[np.ndarray, list[str]]:
    """Draw level and programme of each ancestral gene."""
    role = trees.role[trees.family[ancestors]]
    added = np.array([_ADDED.get(one, 0.0) for one in Role])
    base = np.exp(rng.standard_normal(len(ancestors)) * np.where(role == Role.CODING, _SPREAD, 0.7) + added[role])
    profile = base[:, None] * np.exp(rng.standard_normal((len(ancestors), len(types))) * 0.3)
    kind = rng.random(len(ancestors))
    place = rng.integers(0, len(types), len(ancestors))
    marker = (kind < _MARKERS) & (role == Role.CODING)
    profile[marker] *= _MARKER_ELSEWHERE
    profile[marker, place[marker]] *= _MARKER_UP / _MARKER_ELSEWHERE
    silent = (kind > 1 - _SILENT) & np.isin(role, [Role.CODING, Role.LONG_RNA])
    profile[silent] = 0
    programmes = np.where(marker, np.array([f"marker:{name}" for name in types])[place], "broad")
    return profile, [str(name) for name in np.where(silent, "silent", programmes)]


def _shares(trees: GeneTrees, histories: Histories, types: int, rng: np.random.Generator) -> np.ndarray:
    """Part expression at every duplication below an ancestral gene; the living share what those lost had."""
    weight = np.ones((len(trees.parent), types), np.float32)
    ancestor = np.zeros(len(trees.parent), bool)
    ancestor[histories.ancestor] = True
    for level in by_level(trees.parent)[1:]:
        nodes = level[np.argsort(trees.parent[level], kind="stable")]
        parent = trees.parent[nodes]
        weight[nodes] = np.where(ancestor[nodes][:, None], 1, weight[parent])
        second = np.flatnonzero(np.concatenate([[False], parent[1:] == parent[:-1]]))
        second = second[trees.kind[parent[second]] == Kind.DUPLICATION]
        part = rng.random((len(second), types), np.float32)
        weight[nodes[second]] *= part
        weight[nodes[second - 1]] *= 1 - part
    own = weight[histories.node].astype(np.float64) + 1e-9
    species = int(histories.species.max(initial=0)) + 1
    _, group = np.unique(histories.ancestor * species + histories.species, return_inverse=True)
    total = np.zeros((int(group.max(initial=-1)) + 1, types))
    np.add.at(total, group, own)
    shared: np.ndarray = own / total[group]
    return shared
