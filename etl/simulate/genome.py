"""Where genes lie: gene order evolves along the species tree, and conserved order gives GOC and WGA.

New copies stay beside their original or go elsewhere; segments are turned round or moved. Scores follow Ensembl's
(https://www.ensembl.org/info/genome/compara/Ortholog_qc_manual.html): GOC is the share of the two genes on each side
whose orthologs lie as near to the ortholog, the better of both directions; WGA the share of a gene that lies in an
alignment of both genomes, which the simulation lets follow from the same blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import GeneTrees, Kind, Role
from homodb.etl.simulate.histories import Histories
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

#: Rearrangements per thousand genes and million years; share of new copies that stay beside the old one.
_REARRANGEMENTS = 0.08
_TANDEM = 0.55

#: Chromosomes begin and end inside this, clear of human's pseudo-autosomal regions.
_FIRST_BASE, _LAST_BASE = 3_000_000, 145_000_000

#: Pairs of species further apart (million years) have neither GOC nor WGA.
DISTANT = 250.0
_GENES_PER_CHROMOSOME = 40
_CHROMOSOME = 1 << 20


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
    for node, order in _orders(trees, tree, rng).items():
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
        rank[placed[is_coding]] = np.arange(is_coding.sum()) + _CHROMOSOME * chromosome[is_coding]
        circle = np.flatnonzero(mitochondrial & (histories.species == tree.tip[node]))
        start[circle] = 1_000 * np.arange(len(circle)) + 1
        end[circle] = start[circle] + 899
    return Genome(region, start, end, np.where(rng.random(genes) < 0.5, 1, -1), rank)


def _orders(trees: GeneTrees, tree: SpeciesTree, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """Return the nodes of the gene trees that end each branch, in the order of the genome there."""
    ends = (trees.kind == Kind.SPECIATION) | (trees.kind == Kind.GENE)
    above = _above(trees, ends)
    place = np.full(len(trees.parent), -1.0)
    orders: dict[int, np.ndarray] = {}
    for branch in range(len(tree.parent)):
        here = np.flatnonzero(ends & (trees.branch == branch))
        source = above[here]
        key = np.where(source >= 0, place[source], rng.random(len(here)) * max(len(here), 1))
        if branch == 0:  # families lie anywhere, and copies of one another together or not
            key = (rng.random(len(trees.role)) * len(here))[trees.family[here]]
            source = trees.family[here]
        order = np.lexsort((here, source))
        copy = np.zeros(len(here), bool)
        copy[order[1:]] = (source[order[1:]] == source[order[:-1]]) & (source[order[1:]] >= 0)
        apart = copy & (rng.random(len(here)) >= _TANDEM)
        key = np.where(apart, rng.random(len(here)) * max(len(here), 1), key + copy * rng.random(len(here)) * 0.9)
        ranked = here[np.argsort(key, kind="stable")]
        length = tree.start(branch) - tree.age[branch]
        _rearrange(ranked, int(rng.poisson(_REARRANGEMENTS * length * len(here) / 1000)) if branch else 0, rng)
        place[ranked] = np.arange(len(ranked))
        orders[branch] = ranked
    return orders


def _above(trees: GeneTrees, ends: np.ndarray) -> np.ndarray:
    """Return of each node the nearest end of a branch above it; -1 where its family began in the branch."""
    above = trees.parent.copy()
    while True:
        on_the_way = np.flatnonzero((above >= 0) & ~ends[above])
        if not len(on_the_way):
            return above
        above[on_the_way] = trees.parent[above[on_the_way]]


def _rearrange(order: np.ndarray, events: int, rng: np.random.Generator) -> None:
    """Turn round or move segments, short ones mostly."""
    for _ in range(events):
        length = int(min(len(order), 2 + rng.standard_exponential() * 20))
        first = int(rng.integers(0, len(order) - length + 1))
        if rng.random() < 0.7:
            order[first : first + length] = order[first : first + length][::-1]
        else:
            segment = order[first : first + length].copy()
            rest = np.delete(order, np.s_[first : first + length])
            order[:] = np.insert(rest, int(rng.integers(0, len(rest) + 1)), segment)


def conserved_order(a: np.ndarray, b: np.ndarray, histories: Histories, genome: Genome) -> np.ndarray:
    """Return the gene-order conservation score of called orthologs.

    Parameters
    ----------
    a, b
        Genes of the called pairs, of any two species each, that of the lower species first.
    histories, genome
        Species, and ranks along the genome.

    Returns
    -------
    numpy.ndarray
        0, 25, 50, 75 or 100.
    """
    score = np.zeros(len(a), np.int64)
    pair = histories.species[a] * (int(histories.species.max(initial=0)) + 1) + histories.species[b]
    for one in np.unique(pair):
        rows = np.flatnonzero(pair == one)
        score[rows] = _conserved(genome.rank, a[rows], b[rows])
    return score


def _conserved(rank: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the score of the called pairs of two species; genes without a called ortholog are no neighbours."""
    places, seats = [], []
    for side in (a, b):
        own = np.unique(side[rank[side] >= 0])
        own = own[np.argsort(rank[own])]
        place = np.full(len(rank), 0)
        place[own] = np.arange(len(own)) + 10 * (rank[own] // _CHROMOSOME) + 2
        seat = np.full(int(place.max(initial=0)) + 5, -1)
        seat[place[own]] = own
        places.append(place)
        seats.append(seat)
    called = np.sort(a * len(rank) + b)
    found = np.zeros((4, 4, len(a)), bool)
    steps = (-2, -1, 1, 2)
    for i, step in enumerate(steps):
        beside_a = seats[0][np.maximum(places[0][a] + step, 0)]
        for j, other in enumerate(steps):
            beside_b = seats[1][np.maximum(places[1][b] + other, 0)]
            key = beside_a * len(rank) + beside_b
            at = np.minimum(np.searchsorted(called, key), len(called) - 1)
            found[i, j] = (called[at] == key) & (beside_a >= 0) & (beside_b >= 0)
    known = (rank[a] >= 0) & (rank[b] >= 0)
    return np.where(known, 25 * np.maximum(found.any(1).sum(0), found.any(0).sum(0)), 0)
