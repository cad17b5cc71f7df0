"""Find orthologs and paralogs in gene trees.

Pairs whose last common ancestor is a speciation are orthologs, others paralogs. Genes are ordered by a walk through
their trees, so the genes below a node are an interval. Every pair whose last common ancestor is a node is then one gene
of the left interval with one of the right.

A family is a birth-and-death process (Kendall 1948). Rates differ between families, with bursts in which a family grows
many times over within one branch, as receptors and zinc fingers do. All lineages of a branch are simulated together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.species import SpeciesTree
from homodb.schema.errors import ConfigError


class Kind(IntEnum):
    """Kind of a node of a gene tree."""

    ORIGIN = 0
    SPECIATION = 1
    DUPLICATION = 2
    LOSS = 3
    GENE = 4


class Role(IntEnum):
    """Role of a family."""

    CODING = 0
    RIBOSOMAL = 1
    MITOCHONDRIAL = 2
    MT_RNA = 3
    SMALL_RNA = 4
    LONG_RNA = 5


#: Roles of families with proteins.
PROTEINS = (Role.CODING, Role.RIBOSOMAL, Role.MITOCHONDRIAL)

#: Approximate numbers of mitochondrial proteins, mitochondrial RNAs and ribosomal proteins.
_FIXED = {Role.MITOCHONDRIAL: 13, Role.MT_RNA: 4, Role.RIBOSOMAL: 80}

#: Copies that bursts of a family add: minimum, exponent of the power law, maximum, and maximum before the root.
_FEWEST_COPIES, _COPIES_FALL, _MOST_COPIES, _MOST_OLD_COPIES = 2.0, 1.0, 28.0, 8.0

#: Share of families with bursts, which are the same families, with the same size, in all lineages.
_PRONE = 0.02

#: Spread of the pace of families (standard deviation of the logarithm), and its maximum in multiples of the mean.
_SPREAD, _FASTEST = 1.3, 10.0

#: Maximum of duplications minus losses of an average gene, at which the fastest families have thousands of genes.
_MOST_GROWTH = 0.8
_RNA_AGE = 10.0


@dataclass(frozen=True)
class GeneTrees:
    """Histories of all families, one row per node; parents precede children.

    Parameters
    ----------
    parent
        Row of the parent; -1 for the origin of a family.
    family
        Number of the family, index into ``role`` and ``pace``.
    branch
        Node of the species tree at whose lower end a speciation or gene is, or whose branch has the event.
    kind
        :class:`Kind`.
    age
        Million years to the present.
    role
        :class:`Role` of each family.
    pace
        Factor on the duplication and loss rates of each family.
    burst
        Additional duplication rate, nodes of the species tree by families.
    """

    parent: np.ndarray
    family: np.ndarray
    branch: np.ndarray
    kind: np.ndarray
    age: np.ndarray
    role: np.ndarray
    pace: np.ndarray
    burst: np.ndarray


@dataclass
class _Forest:
    """Growing list of nodes."""

    columns: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    nodes: int = 0

    def add(self, parent: np.ndarray, family: np.ndarray, branch: int, kind: Kind, age: np.ndarray) -> np.ndarray:
        count = len(parent)
        same = np.full(count, branch, np.int32), np.full(count, kind, np.int8)
        self.columns.append((parent, family, *same, age))
        self.nodes += count
        return np.arange(self.nodes - count, self.nodes)


def grow_families(tree: SpeciesTree, settings: Settings) -> GeneTrees:
    """Simulate the histories of all families.

    Parameters
    ----------
    tree
        Species tree.
    settings
        Settings; ``genes`` sets the number of families before the root, ``birth`` of later ones.

    Raises
    ------
    ConfigError
        If families would grow without bound.
    """
    _check_growth(tree, settings)
    rng = settings.stream("families")
    branches = range(len(tree.parent))
    lengths = np.array([tree.start(node) - tree.age[node] for node in branches])
    role, born = _families(tree, settings, lengths, rng)
    pace = np.minimum(np.exp(rng.standard_normal(len(role)) * _SPREAD - _SPREAD**2 / 2), _FASTEST)
    pace *= np.choose(role, [1.0, 0.2, 0.0, 0.0, 0.5, 0.0])
    prone = (rng.random(len(role)) < _PRONE) & (role == Role.CODING)
    copies = _FEWEST_COPIES / (1 - rng.random(len(role))) ** (1 / _COPIES_FALL)
    burst = np.zeros((len(lengths), len(role)))
    forest = _Forest()
    ends: dict[int, np.ndarray] = {}
    families_of = np.empty(0, np.int64)
    for node in branches:
        above = ends[tree.parent[node]] if node else np.empty(0, np.int64)
        families = families_of[above] if node else np.empty(0, np.int64)
        new = born[node]
        at = tree.age[node] + rng.random(len(new)) * np.where(role[new] == Role.LONG_RNA, _RNA_AGE, lengths[node])
        at = np.full(len(new), tree.start(node)) if node == 0 else np.minimum(at, tree.start(node))
        genes = np.bincount(families, minlength=len(role))
        most = np.minimum(copies, _MOST_COPIES if node else _MOST_OLD_COPIES)
        burst[node] = _burst(prone, settings.bursts, lengths[node], genes, most, rng)
        origins = forest.add(np.full(len(new), -1), new, node, Kind.ORIGIN, at)
        tips = _along(
            forest,
            node,
            (np.concatenate([above, origins]), np.concatenate([families, new])),
            np.concatenate([np.full(len(above), tree.start(node)), at]),
            tree.age[node],
            (settings.duplication * pace + burst[node], settings.loss * pace * (node > 0)),
            rng,
        )
        end = Kind.GENE if tree.tip[node] >= 0 else Kind.SPECIATION
        ends[node] = forest.add(*tips, node, end, np.full(len(tips[0]), tree.age[node]))
        families_of = np.concatenate([one[1] for one in forest.columns])
    columns = [np.concatenate(column) for column in zip(*forest.columns, strict=True)]
    parent, family, branch, kind, age = columns
    return GeneTrees(parent, family, branch, kind, age, role, pace, burst)


def _check_growth(tree: SpeciesTree, settings: Settings) -> None:
    lost = settings.loss * tree.age[0]
    if settings.duplication * tree.start(0) - lost > _MOST_GROWTH:
        raise ConfigError(
            f"duplication is too high: families would grow without bound over {tree.start(0):g} million years. "
            f"Expected at most {(_MOST_GROWTH + lost) / tree.start(0):.2g}, got {settings.duplication!r}. "
            "Lower it, or raise loss"
        )


def _families(
    tree: SpeciesTree, settings: Settings, lengths: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the role of each family, and the new families of each branch."""
    growth = np.expm1(settings.duplication * lengths[0]) + settings.bursts * lengths[0] * 4
    fixed = {role: min(count, max(1, settings.genes // (4000 // count))) for role, count in _FIXED.items()}
    coding = round((settings.genes - fixed[Role.MITOCHONDRIAL] - fixed[Role.RIBOSOMAL]) / (1 + growth))
    small = round(settings.genes * settings.non_coding / 5)
    counts = fixed | {Role.CODING: coding, Role.SMALL_RNA: small}
    roles = [np.full(counts.get(role, 0), role, np.int8) for role in Role]
    born = [np.arange(sum(counts.values()))]
    for node in range(1, len(lengths)):
        new = int(rng.poisson(settings.birth * settings.genes * lengths[node]))
        long = round(settings.genes * settings.non_coding * 4 / 5) if tree.tip[node] >= 0 else 0
        first = sum(map(len, roles))
        roles += [np.full(new, Role.CODING, np.int8), np.full(long, Role.LONG_RNA, np.int8)]
        born.append(np.arange(first, first + new + long))
    return np.concatenate(roles), born


def _burst(
    prone: np.ndarray, rate: float, length: float, genes: np.ndarray, copies: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return the duplication rate that bursts add in one branch."""
    bursting = rng.random(len(prone)) < -np.expm1(-rate / _PRONE * length)
    return np.where(prone & bursting, np.log1p(copies / np.maximum(genes, 1)) / length, 0.0)


def _along(
    forest: _Forest,
    branch: int,
    lineages: tuple[np.ndarray, np.ndarray],
    ages: np.ndarray,
    end: float,
    rates: tuple[np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate lineages (parent, family) along a branch; return the survivors."""
    parents, families = lineages
    reached: list[tuple[np.ndarray, np.ndarray]] = [(parents[:0], families[:0])]
    while len(parents):
        duplication, loss = (rate[families] for rate in rates)
        total = duplication + loss
        with np.errstate(divide="ignore"):
            at = ages - rng.standard_exponential(len(parents)) / total
        duplicates = rng.random(len(parents)) * total < duplication
        through = ~(at > end)
        reached.append((parents[through], families[through]))
        lost = ~through & ~duplicates
        forest.add(parents[lost], families[lost], branch, Kind.LOSS, at[lost])
        twice = ~through & duplicates
        nodes = forest.add(parents[twice], families[twice], branch, Kind.DUPLICATION, at[twice])
        parents, families, ages = (np.repeat(column, 2) for column in (nodes, families[twice], at[twice]))
    parents, families = (np.concatenate(column) for column in zip(*reached, strict=True))
    order = np.argsort(families, kind="stable")
    return parents[order], families[order]


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
    """Find all pairs of genes and their last common ancestors."""
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
