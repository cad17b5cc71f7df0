"""Scores that conserved gene order gives to called orthologs: GOC and WGA, as Ensembl reckons them.

https://www.ensembl.org/info/genome/compara/Ortholog_qc_manual.html. Genomes have no bases here, so WGA follows from the
same blocks: an alignment of genomes has one best place for every gene.
"""

from __future__ import annotations

import numpy as np

from homodb.etl.simulate.genome import CHROMOSOME, Genome
from homodb.etl.simulate.histories import Histories

_STEPS = (-2, -1, 1, 2)

#: Chance that a pair is aligned: genes that are each other's nearest, with and without conserved order; other pairs.
_IN_PLACE, _ALONE, _SECOND = 0.97, 0.55, 0.08


def conserved_order(
    a: np.ndarray, b: np.ndarray, group: np.ndarray, histories: Histories, genome: Genome
) -> np.ndarray:
    """Return the gene-order conservation score of called orthologs.

    The called pairs of two species are walked through in the order of one genome. Of the two pairs before and the
    two behind a pair, those count whose genes in the other genome lie on the right side of the pair's own: as near,
    or with one gene more between. Genes without a called ortholog are not seen; nor are tandem copies: genes that
    descend from an ancestral gene of one of the five pairs, and are in none of them. The better direction counts.

    Parameters
    ----------
    a, b
        Genes of the called pairs, of any two species each, that of the lower species first.
    group
        A number for the pairs of two species that descend from one ancestral gene.
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
        there = _along(*ranks, group[rows], turned)
        score[rows] = 25 * np.maximum(there, _along(*ranks[::-1], group[rows], turned))
    return score


def in_alignment(
    a: np.ndarray,
    b: np.ndarray,
    identity: np.ndarray,
    goc: np.ndarray,
    histories: Histories,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return whether called orthologs lie in an alignment of both genomes, which has one best place for every gene.

    Parameters
    ----------
    a, b
        Genes of the called pairs, of any two species each, that of the lower species first.
    identity
        The lower of both identities; NaN without proteins.
    goc
        Gene-order conservation; -1 where unknown.
    histories
        Species.
    rng
        Where chance comes from.
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
    """Count of each pair of two species how many of its four neighbours are in place, in the order of the first."""
    order = np.argsort(rank, kind="stable")
    genes, first = np.unique(other, return_index=True)
    group_of, place = group[first], np.searchsorted(genes, other[order])
    region, there = rank[order] // CHROMOSOME, genes[place] // CHROMOSOME
    group, turned = group[order], turned[order]
    rows = np.arange(len(order))
    window = np.stack([np.clip(rows + step, 0, max(len(rows) - 1, 0)) for step in (*_STEPS, 0)])
    inside = (region[window] == region) & (window == rows + np.array([*_STEPS, 0])[:, None])
    apart = np.where(inside, place[window] - place, 0)
    apart -= np.sign(apart) * _passed_over(window, inside, place, group, group_of, apart)
    apart = np.where(turned, -apart, apart)
    apart[~inside | (there[window] != there)] = 0
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
    """Count tandem copies between the gene of each pair and those of its neighbours.

    Parameters
    ----------
    window, inside
        Pairs in each pair's window, five times pairs, and which of them are there.
    place, group
        Of each pair, where its gene lies in the other genome; its group.
    group_of
        By place, the group of that gene.
    apart
        Places from the gene of each pair to that of each in its window.
    """
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
