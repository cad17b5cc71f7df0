"""Annotate the simulated genes: IDs, symbols, places and planted traits.

Symbols are built from the stem of a family and spelled as the species does; they drift, are missing, and are shared.
Planted traits are the difficulties of real annotations: alternate loci, shared symbols, aliases that are current
symbols of other genes, gene models in two parts, retired IDs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from homodb.etl.simulate.genome import Genome
from homodb.etl.simulate.histories import GeneTrees, Histories, Role
from homodb.etl.simulate.settings import Settings
from homodb.etl.simulate.species import Member, SpeciesTree

_CONSONANTS, _VOWELS = "BDFGHJKLNPRTVXZ", "AEIOU"
_STEMS = (len(_CONSONANTS) ** 3) * len(_VOWELS) ** 2
_STRIDE = 40_961

#: Genes of the mitochondrial genome, proteins and RNAs.
_MT_PROTEINS = ("ND1", "ND2", "CO1", "CO2", "ATP8", "ATP6", "CO3", "ND3", "ND4L", "ND4", "ND5", "ND6", "CYB")
_MT_RNAS = ("RNR1", "RNR2", "TF", "TV")

#: Share of non-coding genes without a symbol.
_UNNAMED_RNA = 0.3
_PRIMATES = ("homo_sapiens", "pan_troglodytes", "macaca_mulatta", "gorilla_gorilla", "callithrix_jacchus")


def stem(number: int) -> str:
    """Return a made-up stem, distinct for each number below 84,375.

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
    """Draw the symbols of all living genes.

    Returns
    -------
    tuple
        Symbols, symbols before drift, and a mask of drifted genes.
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
    # before the loop: Python 3.11 loses a Ctrl-C that arrives while it looks up a member of an enumeration
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
    """Return a symbol in the spelling of a species."""
    return {"upper": symbol, "title": symbol[:1] + symbol[1:].lower(), "lower": symbol.lower()}[member.case]


def _mitochondrial(name: str, member: Member) -> str:
    if member.name == "mus_musculus":
        return f"mt-{name[:1]}{name[1:].lower()}"
    if member.name in _PRIMATES:
        return f"MT-{name}"
    return f"Mt-{name.lower()}" if member.case == "title" else name


def _numbers(histories: Histories) -> np.ndarray:
    """Return numbers from 1 for the ancestral genes of each family."""
    width = int(histories.ancestor.max(initial=0)) + 1
    pairs, inverse = np.unique(histories.family * width + histories.ancestor, return_inverse=True)
    first = np.searchsorted(pairs // width, pairs // width)
    ordinal: np.ndarray = (np.arange(len(pairs)) - first + 1)[inverse]
    return ordinal


def _suffixes(histories: Histories, rng: np.random.Generator) -> list[str]:
    """Distinguish young paralogs by letters, in random order."""
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


#: First number in simulated stable IDs, far above those of Ensembl.
FIRST_NUMBER = 90_000_000_000

_BIOTYPES = ("protein_coding", "protein_coding", "protein_coding", "Mt_tRNA", "miRNA", "lncRNA")
_SYNONYMS, _RETIRED = 0.3, 0.03


@dataclass
class SimulatedAnnotation:
    """Annotated genes: living genes in order, then additional loci.

    Parameters
    ----------
    species, gene, role
        Index of the species, gene of the histories, role of its family.
    stable_id, version, symbol, biotype, region, start, end, strand
        Values in the files; a symbol may be missing.
    primary
        False for alternate loci.
    planted
        Planted traits of each row.
    synonyms, retired
        ``(row, alias)``; ``(row, retired stable ID, its version)``.
    alternates, parts
        Rows of alternate loci and of second parts of split gene models.
    """

    species: np.ndarray
    gene: np.ndarray
    role: np.ndarray
    symbol: list[str | None]
    biotype: list[str]
    region: list[str]
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    primary: np.ndarray
    planted: list[list[str]]
    stable_id: list[str] = field(default_factory=list)
    version: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    synonyms: list[tuple[int, str]] = field(default_factory=list)
    retired: list[tuple[int, str, int]] = field(default_factory=list)
    alternates: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    parts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def rows(self, species: int) -> np.ndarray:
        """Return the rows of a species in genome order."""
        own = np.flatnonzero(self.species == species)
        return own[np.lexsort((self.start[own], np.array([self.region[row] for row in own])))]


def annotate_genes(
    trees: GeneTrees, tree: SpeciesTree, histories: Histories, genome: Genome, settings: Settings
) -> SimulatedAnnotation:
    """Annotate all living genes, and plant the traits."""
    rng = settings.stream("annotation")
    named, former, drifted = symbols(trees, tree, histories, settings)
    count = len(named)
    role = trees.role[histories.family]
    annotation = SimulatedAnnotation(
        species=histories.species,
        gene=np.arange(count),
        role=role,
        symbol=named,
        biotype=_biotypes(role, histories.family),
        region=list(genome.region),
        start=genome.start,
        end=genome.end,
        strand=genome.strand,
        primary=np.ones(count, bool),
        planted=[[] for _ in range(count)],
    )
    mitochondrial = np.isin(role, [Role.MITOCHONDRIAL, Role.MT_RNA])
    for gene in range(count):
        if named[gene] is None:
            annotation.planted[gene].append("no_symbol")
        elif drifted[gene]:
            annotation.planted[gene].append("symbol_drift")
        if mitochondrial[gene]:
            annotation.planted[gene].append("mitochondrial")
        if former[gene] is not None and rng.random() < _SYNONYMS * 2:
            annotation.synonyms.append((gene, former[gene] or ""))
    _share_symbols(annotation, settings, rng)
    _clash(annotation, settings, rng)
    _alternate(annotation, tree, settings, rng)
    _split_models(annotation, settings, rng)
    _identify(annotation, tree, rng)
    _retire(annotation, tree, rng)
    return annotation


def _biotypes(role: np.ndarray, family: np.ndarray) -> list[str]:
    odd_small = (role == Role.SMALL_RNA) & (family % 2 == 1)
    return ["snoRNA" if odd else _BIOTYPES[one] for one, odd in zip(role, odd_small, strict=True)]


def _sample(rows: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draw a share of rows, at least one unless the share is 0."""
    count = min(len(rows), max(round(share * len(rows)), int(share > 0)))
    return rng.permutation(rows)[:count]


def _named(annotation: SimulatedAnnotation, species: int) -> np.ndarray:
    """Return coding nuclear genes of a species with a symbol and no trait."""
    rows = np.flatnonzero((annotation.species == species) & (annotation.role == Role.CODING))
    plain = [row for row in rows.tolist() if annotation.symbol[row] and not annotation.planted[row]]
    return np.array(plain, np.int64)


def _share_symbols(annotation: SimulatedAnnotation, settings: Settings, rng: np.random.Generator) -> None:
    for species in np.unique(annotation.species):
        sampled = _sample(_named(annotation, species), settings.shared_symbols, rng)
        others = rng.permutation(np.setdiff1d(_named(annotation, species), sampled))[: len(sampled)]
        for row, other in zip(sampled, others, strict=False):
            annotation.symbol[row] = annotation.symbol[other]
            annotation.planted[row].append("shared_symbol")
            annotation.planted[other].append("shared_symbol")


def _clash(annotation: SimulatedAnnotation, settings: Settings, rng: np.random.Generator) -> None:
    for species in np.unique(annotation.species):
        sampled = _sample(_named(annotation, species), settings.alias_clashes, rng)
        others = rng.permutation(np.setdiff1d(_named(annotation, species), sampled))[: len(sampled)]
        for row, other in zip(sampled, others, strict=False):
            annotation.synonyms.append((int(row), annotation.symbol[other] or ""))
            annotation.planted[row].append("alias_clash")
        plain = _sample(_named(annotation, species), _SYNONYMS, rng)
        annotation.synonyms += [(int(row), f"{annotation.symbol[row]}-OLD{1 + row % 3}") for row in plain]


def _alternate(
    annotation: SimulatedAnnotation, tree: SpeciesTree, settings: Settings, rng: np.random.Generator
) -> None:
    """Copy some genes to haplotypes of their chromosome, with their own IDs."""
    sampled = [
        _sample(_named(annotation, index), min(1.0, settings.alternate_loci * member.alternates), rng)
        for index, member in enumerate(tree.members)
    ]
    rows = np.concatenate(sampled)
    regions = [f"CHR_HSCHR{annotation.region[row]}_{1 + row % 3}_CTG{1 + row % 5}" for row in rows]
    annotation.alternates = _append(annotation, rows, regions, "alternate_locus", annotation.symbol)
    annotation.primary[annotation.alternates] = False


def _split_models(annotation: SimulatedAnnotation, settings: Settings, rng: np.random.Generator) -> None:
    """Split the models of some genes; the second part has no symbol."""
    sampled = [_sample(_named(annotation, one), settings.split_models, rng) for one in np.unique(annotation.species)]
    rows = np.concatenate(sampled)
    rows = rows[annotation.primary[rows] & ~np.isin(rows, annotation.gene[annotation.alternates])]
    regions = [annotation.region[row] for row in rows]
    parts = _append(annotation, rows, regions, "gene_split", [None] * len(annotation.symbol))
    middle = (annotation.start[rows] + annotation.end[rows]) // 2
    annotation.end[rows], annotation.start[parts] = middle, middle + 1
    annotation.parts = parts
    for row in rows:
        annotation.planted[row].append("gene_split")


def _append(
    annotation: SimulatedAnnotation, rows: np.ndarray, regions: list[str], trait: str, named: list[str | None]
) -> np.ndarray:
    """Append copies of rows with other regions and symbols, and return them."""
    before = len(annotation.symbol)
    for name in ("species", "gene", "role", "start", "end", "strand", "primary"):
        column = getattr(annotation, name)
        setattr(annotation, name, np.concatenate([column, column[rows]]))
    annotation.symbol = annotation.symbol + [named[row] for row in rows]
    annotation.biotype += [annotation.biotype[row] for row in rows]
    annotation.region += regions
    annotation.planted += [[trait] for _ in rows]
    return np.arange(before, before + len(rows))


def _identify(annotation: SimulatedAnnotation, tree: SpeciesTree, rng: np.random.Generator) -> None:
    """Assign stable IDs whose order is unrelated to orthology."""
    annotation.version = rng.integers(1, 20, len(annotation.symbol))
    annotation.stable_id = [""] * len(annotation.symbol)
    for index, member in enumerate(tree.members):
        rows = rng.permutation(np.flatnonzero(annotation.species == index))
        numbers = FIRST_NUMBER + np.cumsum(rng.integers(1, 9, len(rows)))
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            annotation.stable_id[row] = f"{member.prefix}G{number:011d}"


def _retire(annotation: SimulatedAnnotation, tree: SpeciesTree, rng: np.random.Generator) -> None:
    for index, member in enumerate(tree.members):
        rows = _sample(np.flatnonzero((annotation.species == index) & annotation.primary), _RETIRED, rng)
        for number, row in enumerate(rows.tolist()):
            old = f"{member.prefix}G{FIRST_NUMBER - 1 - number:011d}"
            annotation.retired.append((row, old, int(rng.integers(1, 9))))
            annotation.planted[row].append("retired_id")
