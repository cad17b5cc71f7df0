"""Symbols as in life: made from a family's stem, spelled each species' way, drifting, missing, and borne twice."""

from __future__ import annotations

import numpy as np

from homodb.etl.simulate.clade import Member
from homodb.etl.simulate.families import GeneTrees, Role
from homodb.etl.simulate.histories import Histories
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.tree import SpeciesTree

_CONSONANTS, _VOWELS = "BDFGHJKLNPRTVXZ", "AEIOU"
_STEMS = (len(_CONSONANTS) ** 3) * len(_VOWELS) ** 2
_STRIDE = 40_961

#: Genes of the mitochondrial genome, proteins and RNAs.
_MT_PROTEINS = ("ND1", "ND2", "CO1", "CO2", "ATP8", "ATP6", "CO3", "ND3", "ND4L", "ND4", "ND5", "ND6", "CYB")
_MT_RNAS = ("RNR1", "RNR2", "TF", "TV")

#: Of non-coding genes, and of human ones, so many have no symbol.
_UNNAMED_RNA = 0.3
_PRIMATES = ("homo_sapiens", "pan_troglodytes", "macaca_mulatta", "gorilla_gorilla", "callithrix_jacchus")


def stem(number: int) -> str:
    """Return a made-up stem, another one for each number below 84,375.

    Examples
    --------
    >>> stem(0), stem(1)
    ('BABAB', 'TAKEL')
    """
    rest = number * _STRIDE % _STEMS
    letters = []
    for alphabet in (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS):
        rest, at = divmod(rest, len(alphabet))
        letters.append(alphabet[at])
    return "".join(letters) + ("" if number < _STEMS else str(number // _STEMS))


def symbols(
    trees: GeneTrees, tree: SpeciesTree, histories: Histories, settings: Settings
) -> tuple[list[str | None], list[str | None], np.ndarray]:
    """Name all living genes.

    Parameters
    ----------
    trees, tree, histories
        Gene trees, species tree, living genes.
    settings
        Its rate of drift and seed count.

    Returns
    -------
    tuple
        The symbols; the names that genes bore before they drifted; and which genes drifted.
    """
    rng = settings.stream("symbols")
    genes = len(histories.node)
    role = trees.role[histories.family]
    coding = np.isin(role, [Role.CODING, Role.RIBOSOMAL])
    drifted = coding & (rng.random(genes) < settings.symbol_drift)
    no_symbol = np.array([member.no_symbol for member in tree.members])[histories.species]
    unnamed = rng.random(genes) < np.where(coding, no_symbol, _UNNAMED_RNA)
    serial = rng.permutation(genes)
    numbers = _numbers(histories)
    suffixes = _suffixes(histories, rng)
    within = _within(trees)
    given: list[str | None] = []
    former: list[str | None] = []
    # Asked before the loop: Python 3.11 loses a Ctrl-C that comes while it looks up a member of an enumeration.
    is_coding, is_ribosomal, is_small = role == Role.CODING, role == Role.RIBOSOMAL, role == Role.SMALL_RNA
    is_mitochondrial, is_mt_rna = role == Role.MITOCHONDRIAL, role == Role.MT_RNA
    unnamed &= ~(is_ribosomal | is_mitochondrial | is_mt_rna)
    for gene in range(genes):
        member = tree.members[histories.species[gene]]
        family, copy = int(histories.family[gene]), suffixes[gene]
        old = None
        name: str | None
        if is_coding[gene]:
            name = spell(f"{stem(family)}{numbers[gene]}{copy}", member)
            if drifted[gene]:
                old, name = name, spell(f"{stem(len(trees.role) + int(serial[gene]))}{1 + gene % 9}", member)
        elif is_ribosomal[gene]:
            name = spell(f"RP{'LS'[family % 2]}{within[family] // 2 + 1}{copy}", member)
        elif is_mitochondrial[gene]:
            name = _mitochondrial(_MT_PROTEINS[within[family]], member)
        elif is_mt_rna[gene]:
            name = _mitochondrial(_MT_RNAS[within[family]], member)
        elif is_small[gene]:
            name = spell(f"{('MIR', 'SNORD')[family % 2]}{9000 + within[family]}{copy}", member)
        else:
            name = spell(f"LINC{serial[gene]:06d}", member)
        if unnamed[gene]:
            name = None
        given.append(name)
        former.append(old)
    return given, former, drifted


def spell(symbol: str, member: Member) -> str:
    """Return a symbol in a species' spelling."""
    return {"upper": symbol, "title": symbol[:1] + symbol[1:].lower(), "lower": symbol.lower()}[member.case]


def _mitochondrial(name: str, member: Member) -> str:
    if member.name == "mus_musculus":
        return f"mt-{name[:1]}{name[1:].lower()}"
    if member.name in _PRIMATES:
        return f"MT-{name}"
    return f"Mt-{name.lower()}" if member.case == "title" else name


def _numbers(histories: Histories) -> np.ndarray:
    """Return numbers for the ancestral genes of each family from 1: its old paralogs share a stem."""
    width = int(histories.ancestor.max(initial=0)) + 1
    pairs, inverse = np.unique(histories.family * width + histories.ancestor, return_inverse=True)
    first = np.searchsorted(pairs // width, pairs // width)
    ordinal: np.ndarray = (np.arange(len(pairs)) - first + 1)[inverse]
    return ordinal


def _suffixes(histories: Histories, rng: np.random.Generator) -> list[str]:
    """Tell young paralogs apart by letters, in no order that another species shares."""
    order = np.lexsort((rng.random(len(histories.node)), histories.species, histories.ancestor))
    suffixes = [""] * len(order)
    key = histories.ancestor[order] * (int(histories.species.max(initial=0)) + 1) + histories.species[order]
    for run in np.split(order, np.flatnonzero(np.diff(key)) + 1):
        if len(run) > 1:
            for place, gene in enumerate(run):
                suffixes[gene] = chr(ord("A") + place) if len(run) <= 26 else f"L{place + 1}"
    return suffixes


def _within(trees: GeneTrees) -> np.ndarray:
    """Return numbers from 0 for the families of each role."""
    within = np.zeros(len(trees.role), np.int64)
    for role in Role:
        own = np.flatnonzero(trees.role == role)
        within[own] = np.arange(len(own))
    return within
