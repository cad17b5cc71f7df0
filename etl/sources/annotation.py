"""Ensembl and GENCODE GTF: the genes of a species, and which transcripts are tagged as canonical.

Only lines of features ``gene`` and ``transcript`` are read closely. Ensembl before release 75 wrote neither:
there a gene is told by its exons. GENCODE writes versions into the IDs, ``gene_type`` for ``gene_biotype``,
``chr1`` and ``chrM`` for regions ``1`` and ``MT``, and marks the genes of Y's pseudo-autosomal regions with
``_PAR_Y``, which stays part of the ID. See https://www.ensembl.org/info/website/upload/gff.html and
https://www.gencodegenes.org/pages/data_format.html.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from homodb.etl.sources.records import CANONICAL, GENES, Reading, split_version
from homodb.etl.sources.text import Findings, open_bytes
from homodb.schema.species import Species


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


_FIELDS = 9
_VERSION = re.compile(r"[0-9]{1,9}")
_PLACE = re.compile(r"[0-9]{1,18}")
_ATTRIBUTE = re.compile(r'\s*([A-Za-z_]\w*)\s+(?:"([^"]*)"|([^\s;"]+))\s*(?:;|$)')
_REGION = re.compile(r"chr(\d{1,3}[LR]?|[IVX]+|MT?|[WYZ])")
_STRANDS = {"+": 1, "-": -1, ".": 0}
_PRINCIPAL = re.compile(r"appris_principal(?:_(\d+))?")

#: Tags that make a claim at once; APPRIS's are compared within a gene first.
_CLAIMS = {"Ensembl_canonical": "ensembl_canonical", "MANE_Select": "mane"}


@dataclass(frozen=True, slots=True)
class _Feature:
    line: int
    gene: str
    location: Location | None
    said: dict[str, str | int | None]
    transcript: str | None
    tags: list[str]


@dataclass
class _Claims:
    """Claims to be canonical: those made, and of each gene the transcripts of APPRIS's best level so far."""

    made: dict[tuple[str, str, str], None] = field(default_factory=dict)
    principal: dict[str, tuple[int, list[str]]] = field(default_factory=dict)

    def add(self, gene: str, transcript: str, tags: list[str]) -> None:
        for tag in tags:
            if tag in _CLAIMS:
                self.made[gene, transcript, _CLAIMS[tag]] = None
            elif found := _PRINCIPAL.fullmatch(tag):
                level = int(found[1] or 1)
                best, transcripts = self.principal.setdefault(gene, (level, []))
                if level < best:
                    self.principal[gene] = (level, [transcript])
                elif level == best and transcript not in transcripts:
                    transcripts.append(transcript)

    def table(self, species: Species) -> pa.Table:
        rows = [*self.made]
        for gene, (_, transcripts) in self.principal.items():
            rows += [(gene, transcript, "appris") for transcript in transcripts]
        told = [
            {"species": species.number, "gene_id": gene, "transcript": transcript, "basis": basis}
            for gene, transcript, basis in rows
        ]
        return pa.Table.from_pylist(told, schema=CANONICAL)


def read_annotation(path: Path, species: Species) -> Reading:
    """Read the genes of an annotation, and the claims of transcripts to be canonical.

    Parameters
    ----------
    path
        The GTF file, plain or gzip. Memory grows with its genes and claims, not with its lines.
    species
        The species that it annotates.

    Returns
    -------
    Reading
        ``genes``, one row per gene: those with a line of their own first, then those told by their
        transcripts or exons, which span them. ``canonical``: tag ``Ensembl_canonical`` claims by
        ``ensembl_canonical``, ``MANE_Select`` by ``mane``, ``appris_principal*`` by ``appris`` for the best
        level that the gene has (1 before 2; without a number it is 1), several transcripts where they share
        it. Regions are spelled as Ensembl does. A symbol that only repeats the ID is none.

    Raises
    ------
    InputError
        Lists all problems: an empty file, GFF3, fewer than 9 fields, coordinates that are no numbers or out
        of order, strands other than ``+ - .``, no ``gene_id``, versions that are no numbers, tagged
        transcripts without ID, genes that stand twice, contradictions about a gene, broken gzip, text that
        is not UTF-8.
    """
    findings = Findings(path)
    stated, derived, claims = GeneCollector(findings), GeneCollector(findings), _Claims()
    features: Counter[str] = Counter()
    kept = 0
    for kind, feature in _features(path, features, findings):
        kept += 1
        if kind != "gene":
            if feature.gene not in stated.genes:
                derived.add(feature.line, feature.gene, feature.location, **feature.said)
            if feature.tags and feature.transcript:
                claims.add(feature.gene, feature.transcript, feature.tags)
        elif feature.gene in stated.genes:
            first = stated.genes[feature.gene].line
            findings.add("a gene that stands twice", f"{feature.gene}, first on line {first}", feature.line)
        else:
            stated.add(feature.line, feature.gene, feature.location, **feature.said)
            derived.genes.pop(feature.gene, None)
    if not (stated.genes or derived.genes or len(findings)):
        findings.add("holds no gene, transcript or exon: wanted GTF")
    findings.raise_any()
    return Reading(
        rows=features.total() + kept,
        kept=kept,
        skipped={f"feature {kind}": count for kind, count in sorted(features.items())},
        genes=pa.concat_tables([stated.table(species), derived.table(species)]),
        canonical=claims.table(species),
    )


def _features(path: Path, others: Counter[str], findings: Findings) -> Iterator[tuple[str, _Feature]]:
    """Yield genes and transcripts; exons as well, until the first line shows that the file has either.

    ``others`` counts the features that are passed over.
    """
    wanted = {b"gene", b"transcript", b"exon"}
    passed: Counter[bytes] = Counter()
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith(b"#") or line.count(b"\t") < _FIELDS - 1:
                _no_feature(line, number, findings)
                continue
            kind = line.split(b"\t", 3)[2]
            if kind not in wanted:
                passed[kind] += 1
                continue
            if kind != b"exon":
                wanted.discard(b"exon")
            feature = _feature(line, number, findings)
            if feature is not None:
                yield kind.decode(), feature
    others.update({kind.decode("latin-1"): count for kind, count in passed.items()})


def _no_feature(line: bytes, number: int, findings: Findings) -> None:
    """Note a line that is neither feature nor comment nor blank."""
    text = line.removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith(b"##gff-version") and text.split()[-1].startswith(b"3"):
        findings.add("is GFF3: wanted GTF", line=number)
        findings.raise_any()
    elif text and not text.startswith(b"#"):
        findings.add("fewer than 9 fields", line.count(b"\t") + 1, number)


def _feature(line: bytes, number: int, findings: Findings) -> _Feature | None:
    """Take a line apart; None where its gene cannot be told."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        findings.add("is not text in UTF-8", repr(line[error.start :][:8]), number)
        return None
    region, _, kind, start, end, _, strand, _, attributes = text.rstrip("\r\n").split("\t")[:_FIELDS]
    told: dict[str, str] = {}
    tags: list[str] = []
    for name, quoted, bare in _ATTRIBUTE.findall(attributes):
        if name == "tag":
            tags += (quoted or bare).split(",")
        else:
            told.setdefault(name, quoted or bare)
    if not told.get("gene_id"):
        findings.add("no gene_id", attributes[:80], number)
        return None
    gene, version = split_version(told["gene_id"])
    given = told.get("gene_version")
    if given and _VERSION.fullmatch(given):
        version = int(given)
    elif given:
        findings.add("gene_version is not a number", given, number)
    transcript = told.get("transcript_id") or None
    if tags and kind == "transcript" and transcript is None:
        findings.add("a tagged transcript without transcript_id", attributes[:80], number)
    symbol = told.get("gene_name") or None
    return _Feature(
        line=number,
        gene=gene,
        location=_location(region, start, end, strand, number, findings),
        said={
            "version": version,
            "symbol": None if symbol in (gene, told["gene_id"]) else symbol,
            "biotype": told.get("gene_biotype") or told.get("gene_type") or None,
        },
        transcript=transcript and split_version(transcript)[0],
        tags=tags,
    )


def _location(region: str, start: str, end: str, strand: str, number: int, findings: Findings) -> Location | None:
    if not (_PLACE.fullmatch(start) and _PLACE.fullmatch(end)):
        findings.add("start or end is not a number", f"{start}, {end}", number)
        return None
    if int(start) > int(end):
        findings.add("start lies behind end", f"{start}, {end}", number)
    if strand not in _STRANDS:
        findings.add("strand is not +, - or .", strand, number)
        return None
    found = _REGION.fullmatch(region)
    spelled = {"M": "MT"}.get(found[1], found[1]) if found else region
    return Location(spelled, int(start), int(end), _STRANDS[strand])
