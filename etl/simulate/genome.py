"""Where genes lie: gene order and strands evolve along the species tree.

New copies stay beside their original, on its strand, or go elsewhere; segments are turned round or moved, and single
genes jump.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import GeneTrees, Kind, Role
from homodb.etl.simulate.histories import Histories
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

#: Segments turned or moved, and single genes that jump, per thousand genes and million years; mean length of a segment
#: beyond two genes.
_REARRANGEMENTS, _JUMPS, _SEGMENT = 0.05, 0.06, 40

#: Share of new copies that stay beside the old one.
_TANDEM = 0.53

#: Chromosomes begin and end inside this, clear of human's pseudo-autosomal regions.
_FIRST_BASE, _LAST_BASE = 3_000_000, 145_000_000

#: Pairs of species further apart (million years) have neither GOC nor WGA.
DISTANT = 250.0
_GENES_PER_CHROMOSOME = 40
CHROMOSOME = 1 << 20


@dataclass(frozen=True)
class Genome:
    """Location of every gene of the histories: region, first and last base, strand, and rank among coding genes.

    Coding genes are ranked in the order of the genome; ranks of each chromosome begin far behind the one before.
    """

    region: np.ndarray
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    rank: np.ndarray


def lay_out(trees: GeneTrees, tree: SpeciesTree, histories: Histories, settings: Settings) -> Genome:
    """Let gene order evolve, and place every gene.

    Parameters
    ----------
    trees, tree, histories
        Gene trees, species tree, living genes.
    settings
        Its seed counts.
    """
    rng = settings.stream("genome")
    genes = len(histories.node)
    gene_of = np.full(len(trees.parent), -1)
    gene_of[histories.node] = np.arange(genes)
    mitochondrial = np.isin(trees.role[histories.family], [Role.MITOCHONDRIAL, Role.MT_RNA])
    coding = np.isin(trees.role[histories.family], [Role.CODING, Role.RIBOSOMAL])
    region = np.full(genes, "MT", dtype=object)
    start, end, rank = np.zeros(genes, np.int64), np.zeros(genes, np.int64), np.full(genes, -1)
    orders, turned = _orders(trees, tree, rng)
    for node, order in orders.items():
        if tree.tip[node] < 0:
            continue
        placed = gene_of[order]
        placed = placed[~mitochondrial[placed]]
        count = max(2, min(tree.members[tree.tip[node]].chromosomes, len(placed) // _GENES_PER_CHROMOSOME))
        cuts = np.sort(rng.integers(0, len(placed), count - 1))
        cuts = (cuts + np.arange(1, count) * len(placed) // count * 3) // 4
        chromosome = np.searchsorted(cuts, np.arange(len(placed)), side="right")
        names = np.array([str(number + 1) for number in range(count - 1)] + ["X"], dtype=object)
        region[placed] = names[chromosome]
        sizes = np.bincount(chromosome, minlength=count)
        spacing = (_LAST_BASE - _FIRST_BASE) // np.maximum(sizes, 1)
        place = np.arange(len(placed)) - (np.cumsum(sizes) - sizes)[chromosome]
        start[placed] = _FIRST_BASE + place * spacing[chromosome] + 1
        span = np.minimum(spacing[chromosome] * 0.8, np.exp(rng.standard_normal(len(placed)) * 1.2 + 10))
        end[placed] = start[placed] + np.maximum(span.astype(np.int64), 300)
        is_coding = coding[placed]
        rank[placed[is_coding]] = np.arange(is_coding.sum()) + CHROMOSOME * chromosome[is_coding]
        circle = np.flatnonzero(mitochondrial & (histories.species == tree.tip[node]))
        start[circle] = 1_000 * np.arange(len(circle)) + 1
        end[circle] = start[circle] + 899
    return Genome(region, start, end, np.where(turned[histories.node], -1, 1), rank)


def _orders(trees: GeneTrees, tree: SpeciesTree, rng: np.random.Generator) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Return the nodes of the gene trees that end each branch, in the order of the genome there, and their strands."""
    ends = (trees.kind == Kind.SPECIATION) | (trees.kind == Kind.GENE)
    above = _above(trees, ends)
    place = np.full(len(trees.parent), -1.0)
    turned = (rng.random(len(trees.role)) < 0.5)[trees.family]
    orders: dict[int, np.ndarray] = {}
    for branch in range(len(tree.parent)):
        here = np.flatnonzero(ends & (trees.branch == branch))
        source = above[here]
        turned[here] = np.where(source >= 0, turned[source], turned[here])
        key = np.where(source >= 0, place[source], rng.random(len(here)) * max(len(here), 1))
        if branch == 0:  # families lie anywhere, and copies of one another together or not
            key = (rng.random(len(trees.role)) * len(here))[trees.family[here]]
            source = trees.family[here]
        order = np.lexsort((here, source))
        copy = np.zeros(len(here), bool)
        copy[order[1:]] = (source[order[1:]] == source[order[:-1]]) & (source[order[1:]] >= 0)
        apart = copy & (rng.random(len(here)) >= _TANDEM)
        turned[here] ^= apart & (rng.random(len(here)) < 0.5)
        key = np.where(apart, rng.random(len(here)) * max(len(here), 1), key + copy * rng.random(len(here)) * 0.9)
        ranked = here[np.argsort(key, kind="stable")]
        lived = (tree.start(branch) - tree.age[branch]) * len(here) / 1000 if branch else 0.0
        _jump(ranked, turned, int(rng.poisson(_JUMPS * lived)), rng)
        _rearrange(ranked, turned, int(rng.poisson(_REARRANGEMENTS * lived)), rng)
        place[ranked] = np.arange(len(ranked))
        orders[branch] = ranked
    return orders, turned


def _above(trees: GeneTrees, ends: np.ndarray) -> np.ndarray:
    """Return of each node the nearest end of a branch above it; -1 where its family began in the branch."""
    above = trees.parent.copy()
    while True:
        on_the_way = np.flatnonzero((above >= 0) & ~ends[above])
        if not len(on_the_way):
            return above
        above[on_the_way] = trees.parent[above[on_the_way]]


def _jump(order: np.ndarray, turned: np.ndarray, events: int, rng: np.random.Generator) -> None:
    """Move single genes anywhere."""
    key = np.arange(len(order)) + 0.0
    moved = rng.integers(0, max(len(order), 1), events)
    key[moved] = rng.random(events) * len(order)
    turned[order[moved]] = rng.random(events) < 0.5
    order[:] = order[np.argsort(key, kind="stable")]


def _rearrange(order: np.ndarray, turned: np.ndarray, events: int, rng: np.random.Generator) -> None:
    """Turn round or move segments, short ones mostly."""
    for _ in range(events):
        length = int(min(len(order), 2 + rng.standard_exponential() * _SEGMENT))
        first = int(rng.integers(0, len(order) - length + 1))
        segment = order[first : first + length].copy()
        if rng.random() < 0.7:
            order[first : first + length] = segment[::-1]
            turned[segment] ^= True
        else:
            rest = np.delete(order, np.s_[first : first + length])
            order[:] = np.insert(rest, int(rng.integers(0, len(rest) + 1)), segment)
