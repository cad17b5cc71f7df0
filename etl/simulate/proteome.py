"""Write proteomes with isoforms, and measure the identity of gene pairs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from homodb.etl.simulate.annotation import FIRST_NUMBER, SimulatedAnnotation
from homodb.etl.simulate.histories import GeneTrees, Histories
from homodb.etl.simulate.proteins import LETTERS, Block, amino_acid_frequencies, evolve_proteins, plan_proteins
from homodb.etl.simulate.settings import ASSEMBLY, Layout, Settings, open_gzip
from homodb.etl.simulate.species import SpeciesTree

#: Kinds and shares of other isoforms: a skipped exon, an early stop that leaves a short rest, another last exon, and
#: transcripts that decay, whose protein ends in residues of another frame.
_KINDS = (("skipped", 0.45), ("short", 0.12), ("extended", 0.2), ("decay", 0.23))
_BYTES = np.frombuffer(LETTERS.encode(), np.uint8)
_SHORTEST = 10


@dataclass(frozen=True, slots=True)
class Isoform:
    """Sequence of a protein, biotype of its transcript, and canonical flag."""

    sequence: str
    biotype: str
    canonical: bool


def isoforms(residues: np.ndarray, count: int, rng: np.random.Generator) -> list[Isoform]:
    """Return the proteins of a gene, the canonical one first."""
    proteins = [Isoform(text(residues), "protein_coding", True)]
    draws = rng.random((count - 1, 3))
    chances = np.cumsum([chance for _, chance in _KINDS])[:-1]
    length = len(residues)
    for kind, where, size in draws:
        cut = max(_SHORTEST, int(length * (0.25 + 0.6 * where)))
        name = _KINDS[int(np.searchsorted(chances, kind, side="right"))][0]
        if name == "skipped":
            end = min(length, cut + max(1, int(length * 0.3 * size)))
            proteins.append(Isoform(text(np.concatenate([residues[:cut], residues[end:]])), "protein_coding", False))
        elif name == "short":
            short = residues[: max(_SHORTEST, int(length * 0.6 * size))]
            proteins.append(Isoform(text(short), "protein_coding", False))
        elif name == "extended":
            exon = _other_frame(5 + int(60 * size), rng)
            proteins.append(Isoform(text(np.concatenate([residues, exon])), "protein_coding", False))
        else:
            frame = _other_frame(2 + int(20 * size), rng)
            decayed = np.concatenate([residues[:cut], frame])
            proteins.append(Isoform(text(decayed), "nonsense_mediated_decay", False))
    return proteins


def text(residues: np.ndarray) -> str:
    """Return residues as letters."""
    return str(_BYTES[residues].tobytes().decode())


def _other_frame(length: int, rng: np.random.Generator) -> np.ndarray:
    chances = np.cumsum(amino_acid_frequencies())[:-1]
    return (np.searchsorted(chances, rng.random(length), side="right") + 1).astype(np.uint8)


_LINE = 60


@dataclass
class Transcripts:
    """Coding transcripts of all species, in the order of their numbers.

    Parameters
    ----------
    row
        Row of the annotation.
    transcript, protein
        Stable IDs, without version.
    biotype, canonical, length
        Biotype of the transcript; flag and length of its protein.
    canonical_protein
        Canonical protein by row of the annotation.
    """

    row: list[int] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    protein: list[str] = field(default_factory=list)
    biotype: list[str] = field(default_factory=list)
    canonical: list[bool] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    canonical_protein: dict[int, str] = field(default_factory=dict)


class ProteomeWriter:
    """Writer of the proteomes of all species.

    Parameters
    ----------
    trees, tree, histories, annotation
        Gene trees, species tree, living genes, annotated genes.
    settings
        Rates and seed.
    """

    def __init__(
        self,
        trees: GeneTrees,
        tree: SpeciesTree,
        histories: Histories,
        annotation: SimulatedAnnotation,
        settings: Settings,
    ) -> None:
        self.trees, self.tree, self.histories, self.annotation = trees, tree, histories, annotation
        self.settings = settings
        self.rng = settings.stream("isoforms")
        means = np.array([member.isoforms for member in tree.members])[histories.species]
        self.count = self.rng.geometric(1 / means)
        self.unknown = self.rng.random(len(means)) < settings.unknown_residues
        self.beside = {int(annotation.gene[row]): int(row) for row in (*annotation.alternates, *annotation.parts)}
        self.parts = {int(annotation.gene[row]) for row in annotation.parts}
        self.length = np.zeros(len(means), np.int64)
        self.transcripts = Transcripts()

    def write(
        self, a: np.ndarray, b: np.ndarray, layout: Layout, report: Callable[[int, int], None]
    ) -> tuple[Transcripts, np.ndarray]:
        """Write the files, and measure the identity of pairs of genes.

        Genes with unknown residues get the trait ``unknown_residues``.

        Parameters
        ----------
        a, b
            Genes of the pairs; both genes of a pair are of one family.
        report
            Callback that receives the number of finished and of all families.

        Returns
        -------
        tuple
            Transcripts, and the identities of both sides of each pair in percent, NaN without proteins.
        """
        drawn = plan_proteins(self.trees, self.settings)
        total = int((drawn.length > 0).sum())
        size = np.bincount(self.histories.family, minlength=len(drawn.length))
        first = np.cumsum(size) - size
        order = np.argsort(self.histories.family[a], kind="stable")
        family = self.histories.family[a][order]
        identity = np.full((2, len(a)), np.nan)
        done = 0
        with ExitStack() as stack:
            files = [stack.enter_context(open_gzip(layout.proteome(one))) for one in range(len(self.tree.species))]
            for block in evolve_proteins(self.trees, drawn, self.settings):
                for one in block.families:
                    for gene in range(first[one], first[one] + size[one]):
                        self._gene(block, gene, files[self.histories.species[gene]])
                begin, end = np.searchsorted(family, [block.families[0], block.families[-1] + 1])
                measured = order[begin:end][drawn.length[family[begin:end]] > 0]
                same = block.identical(self.histories.node[a[measured]], self.histories.node[b[measured]])
                for side, genes in enumerate((a, b)):
                    identity[side, measured] = 100 * same / self.length[genes[measured]]
                done += len(block.families)
                report(done, total)
        return self.transcripts, identity

    def _gene(self, block: Block, gene: int, stream: BinaryIO) -> None:
        """Write the proteins of a gene, its alternate locus and its second part."""
        node = int(self.histories.node[gene])
        rest = block.cut(node) if gene in self.parts else None
        if self.unknown[gene]:
            block.hide(node, *self.rng.random(2))
            self.annotation.planted[gene].append("unknown_residues")
        residues = block.sequence(node)
        self.length[gene] = len(residues)
        records = [(gene, one) for one in isoforms(residues, int(self.count[gene]), self.rng)]
        if gene in self.beside:
            copy = residues if rest is None else rest
            records += [(self.beside[gene], one) for one in isoforms(copy, 1, self.rng)]
        stream.write("".join(self._record(row, one) for row, one in records).encode())

    def _record(self, row: int, isoform: Isoform) -> str:
        """Return a FASTA record, and add its transcript."""
        annotation, transcripts = self.annotation, self.transcripts
        prefix = self.tree.members[annotation.species[row]].prefix
        number = FIRST_NUMBER + len(transcripts.row) + 1
        transcripts.row.append(row)
        transcripts.transcript.append(f"{prefix}T{number:011d}")
        transcripts.protein.append(f"{prefix}P{number:011d}")
        transcripts.biotype.append(isoform.biotype)
        transcripts.canonical.append(isoform.canonical)
        transcripts.length.append(len(isoform.sequence))
        if isoform.canonical:
            transcripts.canonical_protein[row] = transcripts.protein[-1]
        symbol = annotation.symbol[row]
        head = (
            f">{transcripts.protein[-1]}.1 pep chromosome:{ASSEMBLY}:{annotation.region[row]}:{annotation.start[row]}:"
            f"{annotation.end[row]}:{annotation.strand[row]} "
            f"gene:{annotation.stable_id[row]}.{annotation.version[row]} transcript:{transcripts.transcript[-1]}.1 "
            f"gene_biotype:{annotation.biotype[row]} "
            f"transcript_biotype:{isoform.biotype}{f' gene_symbol:{symbol}' if symbol else ''} "
            f"description:simulated protein [Source:homodb simulate;Acc:{number}]"
        )
        letters = isoform.sequence
        lines = [letters[at : at + _LINE] for at in range(0, len(letters), _LINE)]
        return "\n".join([head, *lines, ""])
