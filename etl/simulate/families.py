"""Simulate gene families along the species tree.

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
    prone: np.ndarray,
    rate: float,
    length: float,
    genes: np.ndarray,
    copies: np.ndarray,
    rng: np.random.Generator,
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
