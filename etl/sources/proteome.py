"""Ensembl ``pep.all`` FASTA: the proteins of a species, and from their headers its genes.

A header names a protein, its location, its gene and its transcript, versioned where the IDs are Ensembl's::

    >ENSP00000451042.1 pep chromosome:GRCh38:14:22438547:22438554:1 gene:ENSG00000223997.1
     transcript:ENST00000415118.1 gene_biotype:TR_D_gene transcript_biotype:TR_D_gene gene_symbol:TRDD1
     description:T cell receptor delta diversity 1 [Source:HGNC Symbol;Acc:HGNC:12254]

(one line in the file). Releases before 2018 write ``pep:known`` and the like. The location is the
transcript's, in any coordinate system. See the README beside the files, for example
https://ftp.ensembl.org/pub/release-113/fasta/homo_sapiens/pep/README.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from homodb.etl.sources.delimited import Findings, open_bytes
from homodb.etl.sources.records import GENES, PROTEINS, Reading
from homodb.schema.species import Species

#: An identifier of a form that carries versions, and its version: Ensembl's, its mouse strains', WormBase's
#: genes', RefSeq's. GENCODE adds a mapping version (``.1_2``) and marks Y's pseudo-autosomal genes.
VERSIONED = (
    r"^(ENS[A-Z]*\d{10,}|MGP_[A-Za-z0-9]+_[A-Z]\d{7,}|WBGene\d{8}|[ANWXY][CGMPRTWZ]_\d+)"
    r"\.(\d{1,9})(?:_\d+)?(_PAR_Y)?$"
)

_VERSIONED = re.compile(VERSIONED)
_FIELD = re.compile(r"\s(gene|transcript|gene_biotype|transcript_biotype|gene_symbol):")
_LOCATION = re.compile(r"[^:\s]+:[^:\s]*:(\S+):(\d{1,18}):(\d{1,18}):(-1|0|1)")
_SOURCE = re.compile(r"\s*\[Source:[^\[\]]*\]\s*$")
_NOT_PROTEINS = ("cdna", "cds", "ncrna", "dna", "dna_rm", "dna_sm")

#: The twenty amino acids, B, Z, J, U, O, the unknown one and the stop, in either case.
_LETTERS = b"ACDEFGHIKLMNPQRSTVWYBZJUOX" + b"acdefghiklmnpqrstvwybzjuox" + b"*"


def split_version(name: str) -> tuple[str, int | None]:
    """Take the version off a stable ID, where its form is one that carries versions.

    Parameters
    ----------
    name
        The stable ID. A dot means a version in Ensembl's own forms only: ``F54D5.1`` and ``AT1G01010.1`` are
        whole names.

    Returns
    -------
    The ID, and its version if it has one. ``_PAR_Y`` stays, since it tells two genes apart.

    Examples
    --------
    >>> split_version("ENSG00000254647.7"), split_version("F54D5.1")
    (('ENSG00000254647', 7), ('F54D5.1', None))
    >>> split_version("ENSG00000002586.20_PAR_Y")
    ('ENSG00000002586_PAR_Y', 20)
    """
    found = _VERSIONED.match(name)
    if found is None:
        return name, None
    return found[1] + (found[3] or ""), int(found[2])


def without_version(column: str) -> pl.Expr:
    """Return a text column of stable IDs less their versions, as :func:`split_version` takes them off."""
    return pl.col(column).str.replace(VERSIONED, "${1}${3}")


@dataclass(frozen=True, slots=True)
class Location:
    """Where something lies: region, first and last base (1-based, inclusive), strand (0: both or unknown)."""

    region: str
    start: int
    end: int
    strand: int


@dataclass(slots=True)
class _Gene:
    line: int
    said: dict[str, str | int | None]
    location: Location | None


@dataclass
class GeneCollector:
    """Genes that are told piece by piece, in several headers or lines each.

    Version, symbol, biotype and region must agree; of descriptions the first counts. A gene spans all that is
    told of it. Its strand is unknown where the pieces lie on both: trans-spliced genes do, such as the fly's
    mod(mdg4).
    """

    findings: Findings
    genes: dict[str, _Gene] = field(default_factory=dict)

    def add(self, line: int, name: str, location: Location | None, **said: str | int | None) -> None:
        """Add what one line says: its location, and ``version``, ``symbol``, ``biotype``, ``description``."""
        gene = self.genes.setdefault(name, _Gene(line, said, location))
        if gene.line == line:
            return
        for what, value in said.items():
            if gene.said.get(what) is None:
                gene.said[what] = value
            elif value not in (None, gene.said[what]) and what != "description":
                self._contradicts(gene, line, name, what, value, gene.said[what])
        if gene.location is None or location is None:
            gene.location = gene.location or location
        elif gene.location.region != location.region:
            self._contradicts(gene, line, name, "region", location.region, gene.location.region)
        else:
            start, end = min(gene.location.start, location.start), max(gene.location.end, location.end)
            strand = location.strand if location.strand == gene.location.strand else 0
            gene.location = Location(location.region, start, end, strand)

    def _contradicts(self, gene: _Gene, line: int, name: str, what: str, here: object, there: object) -> None:
        seen = f"{name}: {what} {here}, on line {gene.line} {there}"
        self.findings.add("contradicts an earlier line on the same gene", seen, line)

    def table(self, species: Species) -> pa.Table:
        """Return the genes in the schema ``GENES``, in the order in which they were first told."""
        rows = [
            {
                "species": species.number,
                "stable_id": name,
                "region": gene.location and gene.location.region,
                "region_start": gene.location and gene.location.start,
                "region_end": gene.location and gene.location.end,
                "strand": (gene.location and gene.location.strand) or None,
                **gene.said,
            }
            for name, gene in self.genes.items()
        ]
        return pa.Table.from_pylist(rows, schema=GENES)


def read(path: Path, species: Species) -> Reading:
    """Read a proteome.

    Parameters
    ----------
    path
        The FASTA file, plain or gzip.
    species
        The species whose proteins it holds.

    Returns
    -------
    Reading
        ``proteins``, one row per record, and ``genes``, one row per gene, both in the order of the file.
        A sequence is in upper case, stops taken off its end; stops inside (read-through, frameshifts) stay
        in it, but are not residues: ``length`` leaves them out. ``unknown_residues`` counts X. A description
        loses its ``[Source:...]``. A gene's span is that of its coding transcripts. A record that repeats
        another exactly is skipped and counted.

    Raises
    ------
    InputError
        Lists all problems: an empty file, text before the first header, headers without protein or gene or
        of other molecules, locations that cannot be read, contradictions about a gene, protein IDs with two
        meanings, empty sequences, letters that are no amino acids, broken gzip, text that is not UTF-8.
    """
    findings = Findings(path)
    genes = GeneCollector(findings)
    proteins: dict[str, tuple[int, tuple[object, ...]]] = {}
    records = 0
    for line, header, sequence in _records(path, findings):
        records += 1
        told = _told(header, line, findings)
        name, version = split_version(told["protein"] or "")
        gene, gene_version = split_version(told["gene"] or "")
        letters = sequence.upper().rstrip(b"*")
        length = len(letters) - letters.count(b"*")
        if not length:
            findings.add("empty sequence", name, line)
        if not (name and gene):
            continue
        genes.add(
            line,
            gene,
            _location(told["location"], line, findings),
            version=gene_version,
            symbol=None if told["gene_symbol"] in (gene, told["gene"]) else told["gene_symbol"],
            biotype=told["gene_biotype"],
            description=told["description"],
        )
        row = (
            species.number,
            gene,
            name,
            version,
            told["transcript"] and split_version(told["transcript"])[0],
            told["transcript_biotype"],
            length,
            letters.count(b"X"),
            hashlib.sha256(letters).hexdigest(),
            letters.decode("latin-1"),
        )
        first, same = proteins.setdefault(name, (line, row))
        if same != row:
            findings.add("a protein ID with two meanings", f"{name}, first on line {first}", line)
    if not records and not len(findings):
        findings.add("the file holds no protein: wanted FASTA")
    findings.raise_any()
    repeats = records - len(proteins)
    rows = [row for _, row in proteins.values()]
    return Reading(
        rows=records,
        kept=len(proteins),
        skipped={"records that repeat another exactly": repeats} if repeats else {},
        genes=genes.table(species),
        proteins=pa.table(list(zip(*rows, strict=True)), schema=PROTEINS),
    )


def _records(path: Path, findings: Findings) -> Iterator[tuple[int, str, bytes]]:
    """Yield line of the header, header less its ``>``, and sequence of each record; note what is no FASTA."""
    line, header = 0, ""
    pieces: list[bytes] = []
    with open_bytes(path) as stream:
        for number, text in enumerate(stream, 1):
            content = text.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else text.strip()
            if content.startswith(b">"):
                if line:
                    yield line, header, b"".join(pieces)
                line, header, pieces = number, _decoded(content[1:], number, findings), []
            elif content and not line:
                findings.add("text before the first header", _decoded(content, number, findings)[:40], number)
            elif content:
                strange = content.translate(None, _LETTERS)
                if strange:
                    shown = "".join(sorted(set(_decoded(strange, number, findings))))
                    findings.add("letters that are no amino acids", shown, number)
                pieces.append(content)
    if line:
        yield line, header, b"".join(pieces)


def _decoded(content: bytes, line: int, findings: Findings) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        findings.add("is not text in UTF-8", repr(content[error.start :][:8]), line)
        return content.decode("latin-1")


def _told(header: str, line: int, findings: Findings) -> dict[str, str | None]:
    """Take a header apart; a symbol may hold spaces, a description anything."""
    told, _, description = header.partition(" description:")
    before, *pairs = _FIELD.split(told)
    words = before.split()
    fields: dict[str, str | None] = dict.fromkeys(
        ("protein", "location", "gene", "transcript", "gene_biotype", "transcript_biotype", "gene_symbol")
    )
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        fields[name] = value.strip() or None if name == "gene_symbol" else next(iter(value.split()), None)
    fields["protein"] = words[0] if words else None
    fields["location"] = next((word for word in words[1:] if word.count(":") > 3), None)
    fields["description"] = _SOURCE.sub("", description).strip() or None
    if fields["protein"] is None:
        findings.add("no protein ID in the header", header[:80], line)
    if words[1:] and words[1].partition(":")[0] in _NOT_PROTEINS:
        findings.add("not a protein: wanted the file pep.all", words[1], line)
    elif fields["gene"] is None:
        findings.add("no gene: in the header", header[:80], line)
    return fields


def _location(text: str | None, line: int, findings: Findings) -> Location | None:
    if text is None:
        return None
    found = _LOCATION.fullmatch(text)
    if found is None or int(found[2]) > int(found[3]):
        findings.add("a location that cannot be read", text, line)
        return None
    return Location(found[1], int(found[2]), int(found[3]), int(found[4]))
