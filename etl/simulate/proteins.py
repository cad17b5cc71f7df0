"""Simulate proteins along the gene trees, many families at once.

A block of families is one flat array of residues: every node of a tree has a row as wide as the true alignment of its
family, so identities are counted, not estimated. Insertions have their columns from the start, empty until they happen.
Replacements follow LG, with rates that vary over sites (gamma); domains are slow and have neither indels nor gaps. The
pace differs between families (log-normal), between branches, and after a duplication: one of two copies is faster.

LG: Le SQ, Gascuel O (2008): An improved general amino acid replacement matrix. Mol Biol Evol 25:1307-1320,
https://doi.org/10.1093/molbev/msn067; the numbers are those of PAML (``dat/lg.dat``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from homodb.etl.simulate.histories import PROTEINS, GeneTrees, Kind, Role, by_level, ragged
from homodb.etl.simulate.settings import Settings

#: Residue ``n`` of a simulated protein is ``LETTERS[n]``: 0 is a gap, 21 unknown.
LETTERS = "-ARNDCQEGHILKMFPSTWYVX"
UNKNOWN = 21

_EXCHANGEABILITIES = """
0.425093
0.276818 0.751878
0.395144 0.123954 5.076149
2.489084 0.534551 0.528768 0.062556
0.969894 2.807908 1.695752 0.523386 0.084808
1.038545 0.363970 0.541712 5.243870 0.003499 4.128591
2.066040 0.390192 1.437645 0.844926 0.569265 0.267959 0.348847
0.358858 2.426601 4.509238 0.927114 0.640543 4.813505 0.423881 0.311484
0.149830 0.126991 0.191503 0.010690 0.320627 0.072854 0.044265 0.008705 0.108882
0.395337 0.301848 0.068427 0.015076 0.594007 0.582457 0.069673 0.044261 0.366317 4.145067
0.536518 6.326067 2.145078 0.282959 0.013266 3.234294 1.807177 0.296636 0.697264 0.159069 0.137500
1.124035 0.484133 0.371004 0.025548 0.893680 1.672569 0.173735 0.139538 0.442472 4.273607 6.312358 0.656604
0.253701 0.052722 0.089525 0.017416 1.105251 0.035855 0.018811 0.089586 0.682139 1.112727 2.592692 0.023918 1.798853
1.177651 0.332533 0.161787 0.394456 0.075382 0.624294 0.419409 0.196961 0.508851 0.078281 0.249060 0.390322 0.099849
0.094464
4.727182 0.858151 4.008358 1.240275 2.784478 1.223828 0.611973 1.739990 0.990012 0.064105 0.182287 0.748683 0.346960
0.361819 1.338132
2.139501 0.578987 2.000679 0.425860 1.143480 1.080136 0.604545 0.129836 0.584262 1.033739 0.302936 1.136863 2.020366
0.165001 0.571468 6.472279
0.180717 0.593607 0.045376 0.029890 0.670128 0.236199 0.077852 0.268491 0.597054 0.111660 0.619632 0.049906 0.696175
2.457121 0.095131 0.248862 0.140825
0.218959 0.314440 0.612025 0.135107 1.165532 0.257336 0.120037 0.054679 5.306834 0.232523 0.299648 0.131932 0.481306
7.803902 0.089613 0.400547 0.245841 3.151815
2.547870 0.170887 0.083688 0.037967 1.959291 0.210332 0.245034 0.076701 0.119013 10.649107 1.702745 0.185202 1.898718
0.654683 0.296501 0.098369 2.188158 0.189510 0.249313
"""

_FREQUENCIES = """
0.079066 0.055941 0.041977 0.053052 0.012937 0.040767 0.071586 0.057337 0.022355 0.062157
0.099081 0.064600 0.022951 0.042302 0.044040 0.061197 0.053287 0.012066 0.034155 0.069147
"""


@cache
def amino_acid_frequencies() -> np.ndarray:
    """Return the equilibrium frequencies of the amino acids."""
    counts = np.array(_FREQUENCIES.split(), np.float64)
    frequent: np.ndarray = counts / counts.sum()
    return frequent


@cache
def rate_matrix() -> np.ndarray:
    """Return replacement rates from row to column, scaled to a mean of one."""
    matrix = np.zeros((20, 20))
    matrix[np.tril_indices(20, -1)] = np.array(_EXCHANGEABILITIES.split(), np.float64)
    matrix = (matrix + matrix.T) * amino_acid_frequencies()
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    rates: np.ndarray = matrix / -(amino_acid_frequencies() @ matrix.diagonal())
    return rates


@cache
def jumps() -> tuple[float, np.ndarray]:
    """Return the replacement process as jumps at one rate.

    A jump may end at its own residue (uniformisation, Jensen 1953), so all residues share one rate. Outcomes are
    cumulative probabilities by residue.
    """
    matrix = rate_matrix()
    rate = float(-matrix.diagonal().min())
    chances = np.eye(20) + matrix / rate
    table = np.zeros((22, 19))
    table[1:21] = np.cumsum(chances, axis=1)[:, :-1]
    return rate, table


#: Median length, its spread (standard deviation of the logarithm), minimum and maximum.
_LENGTH, _LENGTH_SPREAD, _SHORTEST, _LONGEST = 400.0, 0.8, 40, 5_000

#: Spread of pace between families and between branches.
_FAMILY_SPREAD, _BRANCH_SPREAD = 0.9, 0.3

#: Factors on the pace of fast copies, of families with bursts, of ribosomal proteins.
_COPY_PACE, _BURST_PACE, _RIBOSOMAL_PACE = 4.0, 4.0, 0.1

#: Exponent by which the pace of replacement follows the pace of duplication.
_LINKED = 0.6


@dataclass(frozen=True)
class ProteinPlan:
    """Random values of every family and node, drawn before any residue.

    Parameters
    ----------
    length
        Length of the first protein of each family; 0 for families without proteins.
    pace
        Factor on the replacement rate of each family.
    change
        Expected replacements per site on the branch above each node of the gene trees.
    """

    length: np.ndarray
    pace: np.ndarray
    change: np.ndarray


def plan_proteins(trees: GeneTrees, settings: Settings) -> ProteinPlan:
    """Draw lengths, paces, and the change of each branch."""
    rng = settings.stream("plan")
    families = len(trees.role)
    drawn = np.exp(rng.standard_normal(families) * _LENGTH_SPREAD) * _LENGTH
    length = np.clip(drawn, _SHORTEST, _LONGEST).astype(np.int64) * np.isin(trees.role, PROTEINS)
    pace = np.exp(rng.standard_normal(families) * _FAMILY_SPREAD)
    pace *= np.where(trees.pace > 0, trees.pace, 1.0) ** _LINKED
    pace *= np.where((trees.burst > 0).any(axis=0), _BURST_PACE, 1.0)
    pace *= np.where(trees.role == Role.RIBOSOMAL, _RIBOSOMAL_PACE, 1.0)
    above = np.maximum(trees.parent, 0)
    elapsed = np.where(trees.parent >= 0, trees.age[above] - trees.age, 0.0)
    uneven = np.exp(rng.standard_normal(len(above)) * _BRANCH_SPREAD - _BRANCH_SPREAD**2 / 2)
    copied = np.where((trees.kind[above] == Kind.DUPLICATION) & (rng.random(len(above)) < 0.5), _COPY_PACE, 1.0)
    change = settings.substitution * elapsed * pace[trees.family] * uneven * copied
    return ProteinPlan(length, pace, change)


#: Approximate residues of a block over all rows: larger blocks need more memory, smaller ones more time.
_BLOCK = 2_000_000

#: Shape of the gamma distribution of site rates; pace of sites in domains; mean length of an indel.
_SITE_SHAPE, _DOMAIN_PACE, _INDEL_LENGTH = 0.8, 0.2, 2.5


@dataclass(frozen=True)
class Block:
    """Proteins of some families, for all nodes of their trees.

    Parameters
    ----------
    families
        Numbers of the families.
    nodes
        Rows of the gene trees in this block.
    row_of
        Index of each node of the gene trees in ``nodes``; -1 for others.
    start, width
        Per node: start of its row in ``residues``, and width of the alignment of its family.
    residues
        Concatenated rows of indices into :data:`LETTERS`, 0 for gaps.
    order
        Columns in the order of the protein, one row per family.
    order_start
        Start of the columns of each node in ``order``.
    """

    families: np.ndarray
    nodes: np.ndarray
    row_of: np.ndarray
    start: np.ndarray
    width: np.ndarray
    residues: np.ndarray
    order: np.ndarray
    order_start: np.ndarray

    def sequence(self, node: int) -> np.ndarray:
        """Return the protein of a node, without gaps."""
        residues: np.ndarray = self.residues[self._columns(node)]
        return residues

    def _columns(self, node: int) -> np.ndarray:
        """Return the positions of the residues of a protein, in its order."""
        row = self.row_of[node]
        start, width, columns = self.start[row], self.width[row], self.order_start[row]
        places: np.ndarray = start + self.order[columns : columns + width]
        kept: np.ndarray = places[self.residues[places] > 0]
        return kept

    def cut(self, node: int) -> np.ndarray:
        """Remove the second half of a protein, and return it."""
        places = self._columns(node)
        rest = places[len(places) // 2 :]
        residues: np.ndarray = self.residues[rest]
        self.residues[rest] = 0
        return residues

    def hide(self, node: int, where: float, size: float) -> None:
        """Replace a run of residues by unknown ones; both numbers are in 0 to 1."""
        places = self._columns(node)
        first = 1 + int(where * 0.8 * len(places))
        self.residues[places[first : first + 1 + int(size * 0.3 * len(places))]] = UNKNOWN

    def identical(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Count identical residues in the true alignment of two proteins."""
        counts = np.zeros(len(a), np.int64)
        width = self.width[self.row_of[a]]
        begin = np.cumsum(width) - width
        edges = [*np.searchsorted(begin, np.arange(0, int(width.sum()), _BLOCK)).tolist(), len(a)]
        for part in (slice(*edge) for edge in pairwise(edges) if edge[0] < edge[1]):
            one = self.residues[ragged(self.start[self.row_of[a[part]]], width[part])]
            other = self.residues[ragged(self.start[self.row_of[b[part]]], width[part])]
            same = (one == other) & (one > 0) & (one <= 20)
            counts[part] = np.add.reduceat(same, np.cumsum(width[part]) - width[part])
        return counts


def evolve_proteins(trees: GeneTrees, drawn: ProteinPlan, settings: Settings) -> Iterator[Block]:
    """Yield the proteins of all families in blocks, in family order."""
    size = np.bincount(trees.family, minlength=len(drawn.length)) * drawn.length
    coding = np.flatnonzero(drawn.length)
    blocks = np.cumsum(size[coding]) // _BLOCK
    by_family = np.argsort(trees.family, kind="stable")
    first = np.searchsorted(trees.family[by_family], np.arange(len(size) + 1))
    for number in np.unique(blocks):
        families = coding[blocks == number]
        nodes = np.sort(by_family[ragged(first[families], first[families + 1] - first[families])])
        yield _Evolution(trees, drawn, settings, families, nodes, settings.stream("proteins", int(number))).run()


class _Evolution:
    """Simulation of one block."""

    def __init__(
        self,
        trees: GeneTrees,
        drawn: ProteinPlan,
        settings: Settings,
        families: np.ndarray,
        nodes: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        self.families, self.nodes, self.rng = families, nodes, rng
        self.row_of = np.full(len(trees.parent), -1)
        self.row_of[nodes] = np.arange(len(nodes))
        self.parent = np.where(trees.parent[nodes] >= 0, self.row_of[np.maximum(trees.parent[nodes], 0)], -1)
        place = np.full(len(drawn.length), -1)
        place[families] = np.arange(len(families))
        self.family = place[trees.family[nodes]]
        self.change = drawn.change[nodes]
        self.length = drawn.length[families]
        self._sites()
        self._indels(settings.indels)

    def _sites(self) -> None:
        """Draw site rates of the first proteins, and domains of slow sites."""
        first = np.cumsum(self.length) - self.length
        rate = self.rng.standard_gamma(_SITE_SHAPE, int(self.length.sum())) / _SITE_SHAPE
        start = first + (self.length * (0.1 + 0.3 * self.rng.random(len(first)))).astype(np.int64)
        kept = np.zeros(len(rate), bool)
        kept[ragged(start, (self.length * (0.2 + 0.3 * self.rng.random(len(first)))).astype(np.int64))] = True
        kept[first] = True
        rate[kept] *= _DOMAIN_PACE
        total = np.add.reduceat(rate, first)
        rate *= np.repeat(self.length / total, self.length)
        rate[first] = 0
        self.site_rate, self.kept, self.site_first = rate, kept, first

    def _indels(self, rate: float) -> None:
        """Draw all indels, and append the columns of insertions to their families."""
        expected = self.change * self.length[self.family] * rate / 2
        self.inserted = self._events(expected)
        self.deleted = self._events(expected)
        row, _, size = self.inserted
        extra = np.bincount(self.family[row], weights=size, minlength=len(self.length)).astype(np.int64)
        self.width = self.length + extra
        by_family = np.argsort(self.family[row], kind="stable")
        self.inserted = tuple(column[by_family] for column in self.inserted)
        row, anchor, size = self.inserted
        begun = np.cumsum(size) - size
        before = np.cumsum(extra) - extra
        self.insert_at = self.length[self.family[row]] + begun - before[self.family[row]]
        self.column_start = np.cumsum(self.width) - self.width
        key = np.zeros(int(self.width.sum()))
        rates = np.zeros(len(key))
        own = ragged(self.column_start, self.length)
        key[own] = ragged(np.zeros(len(self.length), np.int64), self.length)
        rates[own] = self.site_rate
        new = ragged(self.column_start[self.family[row]] + self.insert_at, size)
        key[new] = np.repeat(anchor + 0.5, size)
        rates[new] = self.rng.standard_gamma(_SITE_SHAPE, len(new)) / _SITE_SHAPE
        self.rates = rates
        of_family = np.repeat(np.arange(len(self.width)), self.width)
        order = np.lexsort((key, of_family))
        self.order = order - np.repeat(self.column_start, self.width)

    def _events(self, expected: np.ndarray) -> tuple[np.ndarray, ...]:
        """Draw row, site and size of events outside domains."""
        row = np.repeat(np.arange(len(expected)), self.rng.poisson(expected))
        length = self.length[self.family[row]]
        site = (self.rng.random(len(row)) * length).astype(np.int64)
        size = self.rng.geometric(1 / _INDEL_LENGTH, len(row))
        free = ~self.kept[self.site_first[self.family[row]] + site]
        return row[free], site[free], np.minimum(size, length - site)[free]

    def run(self) -> Block:
        """Simulate residues, from the origins down."""
        width = self.width[self.family]
        start = np.cumsum(width) - width
        residues = np.zeros(int(width.sum()), np.uint8)
        for depth, rows in enumerate(by_level(self.parent)):
            here = ragged(start[rows], width[rows])
            columns = ragged(self.column_start[self.family[rows]], width[rows])
            if depth == 0:
                sites = ragged(start[rows], self.length[self.family[rows]])
                residues[sites] = self._fresh(len(sites))
                residues[start[rows]] = 13  # methionine
                continue
            row = residues[ragged(start[self.parent[rows]], width[rows])]
            self._replace(row, self.rates[columns] * np.repeat(self.change[rows], width[rows]))
            residues[here] = row
            self._apply_indels(residues, rows, start)
        return Block(
            self.families, self.nodes, self.row_of, start, width, residues, self.order, self.column_start[self.family]
        )

    def _fresh(self, count: int) -> np.ndarray:
        chances = np.cumsum(amino_acid_frequencies())[:-1]
        return (np.searchsorted(chances, self.rng.random(count), side="right") + 1).astype(np.uint8)

    def _replace(self, residues: np.ndarray, expected: np.ndarray) -> None:
        rate, table = jumps()
        hits = self.rng.poisson(expected * rate)
        hits[residues == 0] = 0
        sites = np.flatnonzero(hits)
        while len(sites):
            drawn = self.rng.random(len(sites))
            residues[sites] = 1 + (drawn[:, None] >= table[residues[sites]]).sum(axis=1)
            hits[sites] -= 1
            sites = sites[hits[sites] > 0]

    def _apply_indels(self, residues: np.ndarray, rows: np.ndarray, start: np.ndarray) -> None:
        level = np.zeros(len(self.nodes), bool)
        level[rows] = True
        row, site, size = (column[level[self.deleted[0]]] for column in self.deleted)
        gone = ragged(start[row] + site, size)
        kept = self.kept[ragged(self.site_first[self.family[row]] + site, size)]
        residues[gone[~kept]] = 0
        in_level = level[self.inserted[0]]
        row, size = self.inserted[0][in_level], self.inserted[2][in_level]
        new = ragged(start[row] + self.insert_at[in_level], size)
        residues[new] = self._fresh(len(new))
