"""Define the species of a simulated clade, and their tree.

Names and prefixes of stable IDs are those of Ensembl, as readers meet them in real data. Ages are rounded figures of
the real divergences (https://timetree.org), so that a clade has near and far relatives; its genes are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from homodb.schema.species import Species, find


@dataclass(frozen=True, slots=True)
class Member:
    """A species of the clade.

    Parameters
    ----------
    name
        Production name.
    prefix
        Prefix of stable IDs, before a letter for the kind and eleven digits.
    joins
        Earlier member that is its relative; empty for the first.
    age
        Million years to their last common ancestor.
    case
        Case of symbols.
    no_symbol
        Share of coding genes without a symbol.
    isoforms
        Mean number of proteins per gene.
    chromosomes
        Number of chromosomes.
    alternates
        Factor on the share of genes with an alternate locus.
    """

    name: str
    prefix: str
    joins: str
    age: float
    case: Literal["upper", "title", "lower"] = "upper"
    no_symbol: float = 0.05
    isoforms: float = 1.5
    chromosomes: int = 20
    alternates: float = 0.3


#: Members in the order in which they join; the first N make a clade of N species.
MEMBERS = (
    Member("homo_sapiens", "ENS", "", 0, no_symbol=0.005, isoforms=3.2, chromosomes=22, alternates=9),
    Member("mus_musculus", "ENSMUS", "homo_sapiens", 87, "title", 0.002, 2.4, 19),
    Member("sus_scrofa", "ENSSSC", "homo_sapiens", 94, chromosomes=18),
    Member("macaca_mulatta", "ENSMMU", "homo_sapiens", 29),
    Member("gallus_gallus", "ENSGAL", "homo_sapiens", 319, no_symbol=0.1, chromosomes=30),
    Member("danio_rerio", "ENSDAR", "homo_sapiens", 429, "lower", 0.03, chromosomes=25),
    Member("rattus_norvegicus", "ENSRNO", "mus_musculus", 12, "title", 0.04),
    Member("pan_troglodytes", "ENSPTR", "homo_sapiens", 6.4, no_symbol=0.03, chromosomes=23),
    Member("bos_taurus", "ENSBTA", "sus_scrofa", 62, chromosomes=29),
    Member("canis_lupus_familiaris", "ENSCAF", "sus_scrofa", 76, chromosomes=38),
    Member("monodelphis_domestica", "ENSMOD", "homo_sapiens", 160, no_symbol=0.1, chromosomes=8),
    Member("oryctolagus_cuniculus", "ENSOCU", "mus_musculus", 79, no_symbol=0.08),
    Member("xenopus_tropicalis", "ENSXET", "homo_sapiens", 352, "lower", 0.1, chromosomes=10),
    Member("callithrix_jacchus", "ENSCJA", "homo_sapiens", 43),
    Member("gorilla_gorilla", "ENSGGO", "homo_sapiens", 8.6, chromosomes=23),
    Member("ovis_aries", "ENSOAR", "bos_taurus", 24, chromosomes=26),
)


#: Million years before the root in which ancestral families duplicate.
STEM = 100.0


@dataclass(frozen=True)
class SpeciesTree:
    """Rooted binary tree with ages; parents precede their children.

    Parameters
    ----------
    species, members
        Species in the order of their numbers, and their members of the clade.
    parent
        Parent of each node; -1 for the root, node 0.
    age
        Million years from each node to the present.
    tip
        Index of the species for a tip, -1 for other nodes.
    """

    species: tuple[Species, ...]
    members: tuple[Member, ...]
    parent: tuple[int, ...]
    age: tuple[float, ...]
    tip: tuple[int, ...]

    def start(self, node: int) -> float:
        """Return the age at the start of the branch above a node."""
        return self.age[self.parent[node]] if node else self.age[0] + STEM

    def children(self, node: int) -> list[int]:
        """Return the nodes below a node."""
        return [child for child, parent in enumerate(self.parent) if parent == node]

    def divergence(self) -> np.ndarray:
        """Return million years to the last common ancestor, species by species."""
        ages = np.zeros((len(self.species), len(self.species)))
        for one in range(len(self.parent)):
            for other in range(len(self.parent)):
                if self.tip[one] >= 0 and self.tip[other] >= 0 and one != other:
                    shared = set(self.lineage(one)) & set(self.lineage(other))
                    ages[self.tip[one], self.tip[other]] = min(self.age[node] for node in shared)
        return ages

    def lineage(self, node: int) -> list[int]:
        """Return a node and its ancestors."""
        return [node] if node == 0 else [node, *self.lineage(self.parent[node])]

    def newick(self, node: int = 0) -> str:
        """Return the tree in Newick format, with branch lengths in million years."""
        below = ",".join(self.newick(child) for child in self.children(node))
        name = self.species[self.tip[node]].name if self.tip[node] >= 0 else f"({below})"
        return f"{name}:{self.start(node) - self.age[node]:g}" if node else f"{name};"


def species_tree(count: int) -> SpeciesTree:
    """Return the tree of the first members of the clade.

    Examples
    --------
    >>> species_tree(3).newick()
    '(sus_scrofa:94,(homo_sapiens:87,mus_musculus:87):7);'
    """
    members = sorted(MEMBERS[:count], key=lambda member: find(member.name).number)
    groups = {member.name: index for index, member in enumerate(members)}
    below: list[tuple[int, int]] = []
    ages = [0.0] * count
    for member in sorted((one for one in members if one.joins), key=lambda member: member.age):
        own, other = groups[member.name], groups[member.joins]
        below.append((min(own, other), max(own, other)))
        ages.append(member.age)
        merged = count + len(below) - 1
        groups = {name: merged if group in (own, other) else group for name, group in groups.items()}
    parent, tip, age = [-1], [-1], [ages[-1]]
    waiting = [(len(ages) - 1, 0)]
    while waiting:
        group, node = waiting.pop(0)
        for child in below[group - count] if group >= count else ():
            parent.append(node)
            age.append(ages[child])
            tip.append(child if child < count else -1)
            waiting.append((child, len(parent) - 1))
    return SpeciesTree(tuple(find(one.name) for one in members), tuple(members), tuple(parent), tuple(age), tuple(tip))
