"""Proteins evolve along the gene trees, many families at once.

A block of families is one flat array of residues: every node of a tree has a row as wide as its family's true
alignment, so identities are counted, not estimated. Insertions have their columns from the start, empty until they
happen. Replacements follow LG, with rates that vary over sites (gamma); kept domains are slow and have neither indels
nor gaps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from homodb.etl.simulate.exchange import UNKNOWN, frequencies, jumps
from homodb.etl.simulate.families import GeneTrees
from homodb.etl.simulate.histories import by_level, ragged
from homodb.etl.simulate.pace import Plan
from homodb.etl.simulate.settings import Settings

#: Residues of a block, over all its rows, about: more need more memory, fewer more time.
_BLOCK = 2_000_000

#: Shape of the gamma distribution of rates over sites; pace of sites in domains; mean length of an indel.
_SITE_SHAPE, _DOMAIN_PACE, _INDEL_LENGTH = 0.8, 0.2, 2.5


@dataclass(frozen=True)
class Block:
    """The proteins of some families, all nodes of their trees.

    Parameters
    ----------
    families
        Numbers of the families.
    nodes
        Rows of the gene trees that are in this block.
    row_of
        Place of each node of the gene trees in ``nodes``; -1 for others.
    start, width
        Of each of ``nodes``: where its row begins in ``residues``, and the width of its family's alignment.
    residues
        Rows behind each other: an index into ``exchange.LETTERS``, 0 where the alignment has a gap.
    order
        Of each row the columns in the order of the protein, laid out as ``residues`` for one row a family.
    order_start
        Where the columns of each of ``nodes`` begin in ``order``.
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
        """Return where the residues of a node's protein lie, in its order."""
        row = self.row_of[node]
        start, width, columns = self.start[row], self.width[row], self.order_start[row]
        places: np.ndarray = start + self.order[columns : columns + width]
        kept: np.ndarray = places[self.residues[places] > 0]
        return kept

    def cut(self, node: int) -> np.ndarray:
        """Take the second half off a node's protein, and return it."""
        places = self._columns(node)
        rest = places[len(places) // 2 :]
        residues: np.ndarray = self.residues[rest]
        self.residues[rest] = 0
        return residues

    def hide(self, node: int, where: float, size: float) -> None:
        """Put a run of unknown residues into a node's protein; both numbers are within 0 to 1."""
        places = self._columns(node)
        first = 1 + int(where * 0.8 * len(places))
        self.residues[places[first : first + 1 + int(size * 0.3 * len(places))]] = UNKNOWN

    def identical(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Count the residues that two proteins of one family share in their true alignment.

        Parameters
        ----------
        a, b
            Nodes.
        """
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


def evolve(trees: GeneTrees, drawn: Plan, settings: Settings) -> Iterator[Block]:
    """Yield the proteins of all families, block after block, in the order of the families' numbers.

    Parameters
    ----------
    trees, drawn
        The gene trees and what was drawn for them.
    settings
        Its rate of indels and seed count.
    """
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
    """One block while it evolves."""

    def __init__(
        self,
        trees: GeneTrees,
        drawn: Plan,
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
        """Draw the rate of each site of the first proteins, and where domains lie: sites that change slowly."""
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
        """Draw all insertions and deletions, and give every insertion its columns behind those of its family."""
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
        """Draw events outside domains: row, site, size."""
        row = np.repeat(np.arange(len(expected)), self.rng.poisson(expected))
        length = self.length[self.family[row]]
        site = (self.rng.random(len(row)) * length).astype(np.int64)
        size = self.rng.geometric(1 / _INDEL_LENGTH, len(row))
        free = ~self.kept[self.site_first[self.family[row]] + site]
        return row[free], site[free], np.minimum(size, length - site)[free]

    def run(self) -> Block:
        """Let the residues change, from the origins down."""
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
        chances = np.cumsum(frequencies())[:-1]
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
        chosen = level[self.inserted[0]]
        row, size = self.inserted[0][chosen], self.inserted[2][chosen]
        new = ragged(start[row] + self.insert_at[chosen], size)
        residues[new] = self._fresh(len(new))
