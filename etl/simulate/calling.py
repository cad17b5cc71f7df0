"""Simulate the calls of an orthology pipeline, with errors at set rates.

The rates are settings, not results of a pipeline: they say nothing about the errors of Ensembl.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homodb.etl.simulate.families import GeneTrees, Role
from homodb.etl.simulate.histories import Histories
from homodb.etl.simulate.settings import Settings

#: Kinds of error by number; 0 is none. The remaining pairs of a split group have the type of what remains; they are
#: ``retyped`` if it differs from the true type.
ERRORS = ("", "missed", "split", "wrong_type", "false_pair", "retyped")
MISSED, SPLIT, WRONG_TYPE, FALSE_PAIR, RETYPED = 1, 2, 3, 4, 5

#: Thresholds of Ensembl for high confidence: upper age, minimum GOC or WGA, minimum identity.
#: https://www.ensembl.org/info/genome/compara/Ortholog_qc_manual.html
_CONFIDENT = ((35.0, 75, 80.0), (170.0, 75, 50.0), (430.0, 50, 25.0))


@dataclass(frozen=True)
class Calls:
    """Pairs that are true, called, or both.

    Parameters
    ----------
    a, b
        Genes of the histories, lower species first.
    true_type, called_type
        Index into ``histories.TYPES``; -1 for pairs that are not orthologs, or not called.
    error
        Index into :data:`ERRORS`.
    group
        Number of the pairs of two species that are called descendants of one ancestral gene.
    """

    a: np.ndarray
    b: np.ndarray
    true_type: np.ndarray
    called_type: np.ndarray
    error: np.ndarray
    group: np.ndarray


def call_orthologs(trees: GeneTrees, histories: Histories, settings: Settings) -> Calls:
    """Call orthologs with errors.

    Parameters
    ----------
    trees, histories
        Gene trees and true pairs.
    settings
        Settings, for the error rates.

    Returns
    -------
    Calls
        True pairs in their order, then false ones. RNAs are called without errors. No gene has two one-to-one
        orthologs in one species: a wrong type is never ``one2one``.
    """
    rng = settings.stream("calling")
    a, b, group, kind = (histories.orthologs[name] for name in ("a", "b", "group", "type"))
    coding = np.isin(trees.role[histories.family[a]], [Role.CODING, Role.RIBOSOMAL])
    error = np.zeros(len(a), np.int8)
    groups = int(group.max(initial=-1)) + 1
    torn = (rng.random(groups) < settings.split)[group] & (kind > 0) & coding
    half_a, half_b = _half(group, a), _half(group, b)
    error[torn & (half_a != half_b)] = SPLIT
    part = np.where(torn, group * 2 + half_a, group * 2)
    called = np.where(error == SPLIT, -1, _types(part, a, b, error == 0))
    error[coding & (error == 0) & (rng.random(len(a)) < settings.missed)] = MISSED
    called[error == MISSED] = -1
    wrong = coding & (error == 0) & (rng.random(len(a)) < settings.wrong_type)
    error[wrong] = WRONG_TYPE
    called[wrong] = np.array([1, 2, 1], np.int8)[called[wrong]]
    error[(error == 0) & (called != kind)] = RETYPED
    false_a, false_b = _false_pairs(trees, histories, settings.false_pairs, rng)
    count = histories.species.max(initial=0) + 1
    taken_a = np.unique((a * count + histories.species[b])[called >= 0])
    taken_b = np.unique((b * count + histories.species[a])[called >= 0])
    free = ~np.isin(false_a * count + histories.species[false_b], taken_a)
    free &= ~np.isin(false_b * count + histories.species[false_a], taken_b)
    return Calls(
        np.concatenate([a, false_a]),
        np.concatenate([b, false_b]),
        np.concatenate([kind, np.full(len(false_a), -1, np.int8)]),
        np.concatenate([called, np.where(free, 0, 1)]).astype(np.int8),
        np.concatenate([error, np.full(len(false_a), FALSE_PAIR, np.int8)]),
        np.concatenate([part, 2 * groups + np.arange(len(false_a))]),
    )


def _half(group: np.ndarray, gene: np.ndarray) -> np.ndarray:
    """Divide the genes of each group in two, near relatives together."""
    width = int(gene.max(initial=0)) + 1
    pairs, inverse = np.unique(group * width + gene, return_inverse=True)
    size = np.bincount(pairs // width)
    rank = np.arange(len(pairs)) - (np.cumsum(size) - size)[pairs // width]
    half: np.ndarray = (2 * rank >= np.maximum(size[pairs // width], 2))[inverse.reshape(-1)]
    return half.astype(np.int64)


def _types(group: np.ndarray, a: np.ndarray, b: np.ndarray, called: np.ndarray) -> np.ndarray:
    """Return the types that follow from the numbers of genes in each group."""
    several = np.zeros(len(a), np.int8)
    for gene in (a, b):
        width = int(gene.max(initial=0)) + 1
        pairs = np.unique((group * width + gene)[called])
        several += np.bincount(pairs // width, minlength=int(group.max(initial=0)) + 1)[group] > 1
    return several


def _false_pairs(
    trees: GeneTrees, histories: Histories, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pairs of paralogs in two species, each gene once."""
    a, b = histories.orthologs["a"], histories.orthologs["b"]
    genes = len(histories.species)
    wanted = round(share * len(a))
    true = np.sort(a * genes + b)
    size = np.bincount(histories.family, minlength=len(trees.role))
    begin = np.cumsum(size) - size
    large = np.flatnonzero((trees.role[histories.family] == Role.CODING) & (size[histories.family] > 2))
    if not len(large) or not wanted:
        return a[:0], b[:0]
    one = large[rng.integers(0, len(large), wanted * 20)]
    family = histories.family[one]
    other = begin[family] + (rng.random(len(one)) * size[family]).astype(np.int64)
    swap = histories.species[one] > histories.species[other]
    one, other = np.where(swap, other, one), np.where(swap, one, other)
    good = (histories.species[one] != histories.species[other]) & ~np.isin(one * genes + other, true)
    one, other = one[good], other[good]
    for side in (0, 1):
        _, kept = np.unique((one, other)[side], return_index=True)
        kept.sort()
        one, other = one[kept], other[kept]
    sampled = np.sort(rng.permutation(len(one))[:wanted])
    return one[sampled], other[sampled]


def is_confident(divergence: np.ndarray, identity: np.ndarray, goc: np.ndarray, wga: np.ndarray) -> np.ndarray:
    """Return whether calls are of high confidence.

    Parameters
    ----------
    divergence
        Million years to the last common ancestor of the two species.
    identity
        Lower of both identities; NaN without proteins, which are never confident.
    goc, wga
        Scores; -1 if unknown.
    """
    result: np.ndarray = np.nan_to_num(identity) >= 25.0
    for age, score, least in reversed(_CONFIDENT):
        near = divergence < age
        backed = (goc >= score) | (wga >= score) | ((goc < 0) & (wga < 0))
        result = np.where(near, backed & (np.nan_to_num(identity) >= least), result)
    return result
