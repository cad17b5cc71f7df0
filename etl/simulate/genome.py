"""Simulate gene order, and compute the gene-order scores of orthologs.

Gene order and strands evolve along the species tree. New copies stay next to their original, on its strand, or go
elsewhere; segments are inverted or moved, and single genes jump.

GOC and WGA follow Ensembl, https://www.ensembl.org/info/genome/compara/Ortholog_qc_manual.html. Genomes have no bases
here, so WGA follows from the same blocks: an alignment of genomes has one best place for every gene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.histories import GeneTrees, Histories, Kind, Role
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.species import SpeciesTree

#: Inverted or moved segments, and jumping genes, per thousand genes and million years; mean segment length minus two.
_REARRANGEMENTS, _JUMPS, _SEGMENT = 0.05, 0.06, 40

#: Share of new copies next to the original.
_TANDEM = 0.53

#: First and last base of chromosomes, outside the pseudo-autosomal regions of human.
_FIRST_BASE, _LAST_BASE = 3_000_000, 145_000_000

#: Divergence (million years) above which pairs of species have neither GOC nor WGA.
DISTANT = 250.0
_GENES_PER_CHROMOSOME = 40
CHROMOSOME = 1 << 20


@dataclass(frozen=True)
class Genome:
    """Region, first and last base, strand and rank of every gene.

    Coding genes are ranked in genome order; the ranks of different chromosomes are far apart.
    """

    region: np.ndarray
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    rank: np.ndarray


def lay_out_genome(trees: GeneTrees, tree: SpeciesTree, histories: Histories, settings: Settings) -> Genome:
    """Simulate gene order, and place every gene."""
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
    """Return the nodes that end each branch, in genome order, and strands."""
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
        if branch == 0:  # families are anywhere, with copies together or apart
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
    """Return the nearest branch end above each node; -1 for new families."""
    above = trees.parent.copy()
    while True:
        on_the_way = np.flatnonzero((above >= 0) & ~ends[above])
        if not len(on_the_way):
            return above
        above[on_the_way] = trees.parent[above[on_the_way]]


def _jump(order: np.ndarray, turned: np.ndarray, events: int, rng: np.random.Generator) -> None:
    """Move single genes to random places."""
    key = np.arange(len(order)) + 0.0
    moved = rng.integers(0, max(len(order), 1), events)
    key[moved] = rng.random(events) * len(order)
    turned[order[moved]] = rng.random(events) < 0.5
    order[:] = order[np.argsort(key, kind="stable")]


def _rearrange(order: np.ndarray, turned: np.ndarray, events: int, rng: np.random.Generator) -> None:
    """Invert or move segments, mostly short ones."""
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


_STEPS = (-2, -1, 1, 2)

#: Probability of alignment for mutually nearest genes with and without conserved order, and for other pairs.
_IN_PLACE, _ALONE, _SECOND = 0.97, 0.55, 0.08


def conserved_order(
    a: np.ndarray, b: np.ndarray, group: np.ndarray, histories: Histories, genome: Genome
) -> np.ndarray:
    """Return the gene-order conservation score of called orthologs.

    The called pairs of two species are ordered by one genome. Of the two pairs before and the two after a pair, those
    count whose genes in the other genome are on the right side of the gene of the pair, as near, or with one more gene
    between. Genes without a called ortholog are ignored, and so are tandem copies: genes that descend from an
    ancestral gene of one of the five pairs, and are in none of them. The better direction counts.

    Parameters
    ----------
    a, b
        Genes of the called pairs of any two species, lower species first.
    group
        Number of the pairs of two species that descend from one ancestral gene.
    histories, genome
        Species; ranks along the genome, and strands.

    Returns
    -------
    numpy.ndarray
        0, 25, 50, 75 or 100.
    """
    score = np.zeros(len(a), np.int64)
    pair = histories.species[a] * (int(histories.species.max(initial=0)) + 1) + histories.species[b]
    for one in np.unique(pair):
        rows = np.flatnonzero((pair == one) & (genome.rank[a] >= 0) & (genome.rank[b] >= 0))
        sides = a[rows], b[rows]
        turned = genome.strand[sides[0]] != genome.strand[sides[1]]
        ranks = genome.rank[sides[0]], genome.rank[sides[1]]
        forward = _along(*ranks, group[rows], turned)
        score[rows] = 25 * np.maximum(forward, _along(*ranks[::-1], group[rows], turned))
    return score


def in_alignment(
    a: np.ndarray, b: np.ndarray, identity: np.ndarray, goc: np.ndarray, histories: Histories, rng: np.random.Generator
) -> np.ndarray:
    """Draw whether called orthologs are in an alignment of both genomes.

    Parameters
    ----------
    a, b
        Genes of the called pairs of any two species, lower species first.
    identity
        Lower of both identities; NaN without proteins.
    goc
        Gene-order conservation; -1 if unknown.
    histories
        Species.
    rng
        Random generator.
    """
    species = histories.species
    pair = species[a] * (int(species.max(initial=0)) + 1) + species[b]
    nearest = np.ones(len(a), bool)
    for one, other in ((a, b), (b, a)):
        order = np.lexsort((other, np.nan_to_num(identity), pair, one))
        further = (one[order][1:] == one[order][:-1]) & (pair[order][1:] == pair[order][:-1])
        nearest[order[:-1][further]] = False
    chance = np.where(nearest, np.where(goc > 0, _IN_PLACE, _ALONE), _SECOND)
    aligned: np.ndarray = rng.random(len(a)) < chance
    return aligned


def _along(rank: np.ndarray, other: np.ndarray, group: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Count the neighbours in place of each pair, in the order of the first."""
    order = np.argsort(rank, kind="stable")
    genes, first = np.unique(other, return_index=True)
    group_of, place = group[first], np.searchsorted(genes, other[order])
    region, other_region = rank[order] // CHROMOSOME, genes[place] // CHROMOSOME
    group, turned = group[order], turned[order]
    rows = np.arange(len(order))
    window = np.stack([np.clip(rows + step, 0, max(len(rows) - 1, 0)) for step in (*_STEPS, 0)])
    inside = (region[window] == region) & (window == rows + np.array([*_STEPS, 0])[:, None])
    apart = np.where(inside, place[window] - place, 0)
    apart -= np.sign(apart) * _passed_over(window, inside, place, group, group_of, apart)
    apart = np.where(turned, -apart, apart)
    apart[~inside | (other_region[window] != other_region)] = 0
    score = np.zeros(len(rows), np.int64)
    for near, far, side in ((1, 0, -1), (2, 3, 1)):
        steps = apart[[near, far]] * side
        beside = (steps[0] == 1) | (steps[0] == 2)
        score[order] += beside
        score[order] += (steps[1] == 1 + beside) | (steps[1] == 2 + beside)
    return score


def _passed_over(
    window: np.ndarray,
    inside: np.ndarray,
    place: np.ndarray,
    group: np.ndarray,
    group_of: np.ndarray,
    apart: np.ndarray,
) -> np.ndarray:
    """Count tandem copies between each gene and those of its neighbours."""
    size = np.bincount(np.unique(group_of, return_inverse=True)[1].reshape(-1), minlength=1)
    alone = np.isin(group, np.unique(group_of)[size == 1])
    counts = np.zeros(window.shape, np.int64)
    rows = np.flatnonzero(((~alone[window]) & inside).any(axis=0))
    groups = np.sort(np.where(inside, group[window], -1)[:, rows], axis=0)
    groups[1:][groups[1:] == groups[:-1]] = -1
    places = np.sort(np.where(inside, place[window], -1)[:, rows], axis=0)
    places[1:][places[1:] == places[:-1]] = -1
    own = (group_of[places][:, None] == groups[None]).any(axis=1) & (places >= 0)
    width = len(group_of) + 1
    keys = np.sort(group_of * width + np.arange(len(group_of)))
    for step in range(len(window)):
        one, other = place[rows], place[rows] + apart[step, rows]
        low, high = np.minimum(one, other), np.maximum(one, other)
        between = np.searchsorted(keys, groups * width + high) - np.searchsorted(keys, groups * width + low + 1)
        kept = own & (places > low) & (places < high)
        counts[step, rows] = np.where(groups >= 0, np.maximum(between, 0), 0).sum(axis=0) - kept.sum(axis=0)
    return counts
