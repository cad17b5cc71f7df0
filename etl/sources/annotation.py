"""Read genes and canonical transcripts from Ensembl and GENCODE GTF files.

Only lines of features ``gene`` and ``transcript`` are parsed. Ensembl before release 75 wrote neither, so genes are
derived from their exons there. GENCODE writes versions into the IDs, ``gene_type`` for ``gene_biotype``, ``chr1`` and
``chrM`` for regions ``1`` and ``MT``, and marks the genes in the pseudo-autosomal regions of Y with ``_PAR_Y``, which
stays part of the ID. See https://www.ensembl.org/info/website/upload/gff.html and
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
from homodb.etl.sources.text import LONGEST_FIELD, Findings, input_errors, open_bytes
from homodb.schema.species import Species


@dataclass(frozen=True, slots=True)
class Location:
    """Region, first and last base (1-based, inclusive), strand (0: unknown)."""

    region: str
    start: int
    end: int
    strand: int


@dataclass(slots=True)
class _Gene:
    line: int
    details: dict[str, str | int | None]
    location: Location | None


@dataclass
class GeneCollector:
    """Genes collected from several lines or headers each.

    Version, symbol, biotype and region must agree; the first description counts. A gene spans all its lines. Its
    strand is unknown where the lines are on both, as for trans-spliced genes such as mod(mdg4) of the fly.
    """

    findings: Findings
    genes: dict[str, _Gene] = field(default_factory=dict)

    def add(self, line: int, name: str, location: Location | None, **details: str | int | None) -> None:
        """Add the location and the details of one line."""
        gene = self.genes.setdefault(name, _Gene(line, details, location))
        if gene.line == line:
            return
        for detail, value in details.items():
            if gene.details.get(detail) is None:
                gene.details[detail] = value
            elif value not in (None, gene.details[detail]) and detail != "description":
                self._contradiction(gene, line, name, detail, value, gene.details[detail])
        if gene.location is None or location is None:
            gene.location = gene.location or location
        elif gene.location.region != location.region:
            self._contradiction(gene, line, name, "region", location.region, gene.location.region)
        else:
            start, end = min(gene.location.start, location.start), max(gene.location.end, location.end)
            strand = location.strand if location.strand == gene.location.strand else 0
            gene.location = Location(location.region, start, end, strand)

    def _contradiction(self, gene: _Gene, line: int, name: str, detail: str, value: object, earlier: object) -> None:
        shown = f"{name}: {detail} {value}, but {earlier} on line {gene.line}"
        self.findings.add("contradicts an earlier line of the same gene", shown, line)

    def table(self, species: Species) -> pa.Table:
        """Return the genes in the schema ``GENES``, in order of appearance."""
        rows = [
            {
                "species": species.number,
                "stable_id": name,
                "region": gene.location and gene.location.region,
                "region_start": gene.location and gene.location.start,
                "region_end": gene.location and gene.location.end,
                "strand": (gene.location and gene.location.strand) or None,
                **gene.details,
            }
            for name, gene in self.genes.items()
        ]
        return pa.Table.from_pylist(rows, schema=GENES)


_FIELDS = 9
_VERSION = re.compile(r"[0-9]{1,9}")
_PLACE = re.compile(r"[0-9]{1,18}")
#: Possessive, and from the beginning of a word: a hostile line would take quadratic time.
_ATTRIBUTE = re.compile(r'(?<!\w)([A-Za-z_]\w*+)\s++(?:"([^"]*+)"|([^\s;"]++))\s*+(?:;|$)')
#: Attributes that are kept.
_BOUNDED = ("gene_id", "gene_name", "gene_biotype", "gene_type", "transcript_id")
_REGION = re.compile(r"chr(\d{1,3}[LR]?|[IVX]+|MT?|[WYZ])")
_STRANDS = {"+": 1, "-": -1, ".": 0}
_PRINCIPAL = re.compile(r"appris_principal(?:_(\d+))?")

#: Tags that name a canonical transcript; those of APPRIS are compared within a gene first.
_CLAIMS = {"Ensembl_canonical": "ensembl_canonical", "MANE_Select": "mane"}


@dataclass(frozen=True, slots=True)
class _Feature:
    line: int
    gene: str
    location: Location | None
    details: dict[str, str | int | None]
    transcript: str | None
    tags: list[str]


@dataclass
class _Claims:
    """Canonical transcripts by tag, and the best APPRIS level of each gene."""

    tagged: dict[tuple[str, str, str], None] = field(default_factory=dict)
    principal: dict[str, tuple[int, dict[str, None]]] = field(default_factory=dict)

    def add(self, gene: str, transcript: str, tags: list[str]) -> None:
        for tag in tags:
            if tag in _CLAIMS:
                self.tagged[gene, transcript, _CLAIMS[tag]] = None
            elif match := _PRINCIPAL.fullmatch(tag):
                level = int(match[1] or 1)
                best, transcripts = self.principal.setdefault(gene, (level, {}))
                if level < best:
                    self.principal[gene] = (level, {transcript: None})
                elif level == best:
                    transcripts[transcript] = None

    def table(self, species: Species) -> pa.Table:
        rows = [*self.tagged]
        for gene, (_, transcripts) in self.principal.items():
            rows += [(gene, transcript, "appris") for transcript in transcripts]
        claims = [
            {"species": species.number, "gene_id": gene, "transcript": transcript, "basis": basis}
            for gene, transcript, basis in rows
        ]
        return pa.Table.from_pylist(claims, schema=CANONICAL)


@input_errors
def read_annotation(path: Path, species: Species) -> Reading:
    """Read genes and canonical transcripts from a GTF file.

    Parameters
    ----------
    path
        GTF file, plain or gzip. Memory grows with its genes, not with its lines.
    species
        Species of the annotation.

    Returns
    -------
    Reading
        ``genes``, one row per gene: first those with a line of their own, then those derived from their
        transcripts or exons. ``canonical``: basis ``ensembl_canonical`` for tag ``Ensembl_canonical``, ``mane``
        for ``MANE_Select``, ``appris`` for the best ``appris_principal*`` level of the gene (1 before 2; no
        number means 1), with several transcripts where they share it. Regions are spelled as in Ensembl. A
        symbol that repeats the ID counts as missing.
    """
    findings = Findings(path)
    stated, derived, claims = GeneCollector(findings), GeneCollector(findings), _Claims()
    features: Counter[str] = Counter()
    kept = 0
    for kind, feature in _features(path, features, findings):
        kept += 1
        if kind != "gene":
            if feature.gene not in stated.genes:
                derived.add(feature.line, feature.gene, feature.location, **feature.details)
            if feature.tags and feature.transcript:
                claims.add(feature.gene, feature.transcript, feature.tags)
        elif feature.gene in stated.genes:
            first = stated.genes[feature.gene].line
            findings.add("duplicate gene", f"{feature.gene}, first on line {first}", feature.line)
        else:
            stated.add(feature.line, feature.gene, feature.location, **feature.details)
            derived.genes.pop(feature.gene, None)
    if not (stated.genes or derived.genes or len(findings)):
        findings.add("no gene, transcript or exon. Expected GTF")
    findings.raise_any()
    return Reading(
        rows=features.total() + kept,
        kept=kept,
        skipped={f"feature {kind}": count for kind, count in sorted(features.items())},
        genes=pa.concat_tables([stated.table(species), derived.table(species)]),
        canonical=claims.table(species),
    )


def _features(path: Path, others: Counter[str], findings: Findings) -> Iterator[tuple[str, _Feature]]:
    """Yield genes, transcripts, and exons up to the first gene or transcript.

    ``others`` counts the skipped features.
    """
    wanted = {b"gene", b"transcript", b"exon"}
    skipped: Counter[bytes] = Counter()
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, 1):
            if line.startswith(b"#") or line.count(b"\t") < _FIELDS - 1:
                _no_feature(line, number, findings)
                continue
            kind = line.split(b"\t", 3)[2]
            if kind not in wanted:
                skipped[kind[:LONGEST_FIELD]] += 1
                continue
            if kind != b"exon":
                wanted.discard(b"exon")
            feature = _feature(line, number, findings)
            if feature is not None:
                yield kind.decode(), feature
    others.update({kind.decode("latin-1"): count for kind, count in skipped.items()})


def _no_feature(line: bytes, number: int, findings: Findings) -> None:
    """Record a line that is neither feature nor comment nor blank."""
    text = line.removeprefix(b"\xef\xbb\xbf").strip()
    if text.startswith(b"##gff-version") and text.split()[-1].startswith(b"3"):
        findings.add("is GFF3. Expected GTF", line=number)
        findings.raise_any()
    elif text and not text.startswith(b"#"):
        findings.add("fewer than 9 fields", line.count(b"\t") + 1, number)


def _feature(line: bytes, number: int, findings: Findings) -> _Feature | None:
    """Parse a line; None where it has no gene."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        findings.add("is not valid UTF-8", repr(line[error.start :][:8]), number)
        return None
    region, _, kind, start, end, _, strand, _, attributes = text.rstrip("\r\n").split("\t")[:_FIELDS]
    values: dict[str, str] = {}
    tags: list[str] = []
    for name, quoted, bare in _ATTRIBUTE.findall(attributes):
        if name == "tag":
            tags += (quoted or bare).split(",")
        else:
            values.setdefault(name, quoted or bare)
    if not values.get("gene_id"):
        findings.add("missing gene_id", attributes, number)
        return None
    values |= {name: findings.bounded(name, values[name], number) for name in _BOUNDED if name in values}
    gene, version = split_version(values["gene_id"])
    gene_version = values.get("gene_version")
    if gene_version and _VERSION.fullmatch(gene_version):
        version = int(gene_version)
    elif gene_version:
        findings.add("gene_version is not a number", gene_version, number)
    transcript = values.get("transcript_id") or None
    if tags and kind == "transcript" and transcript is None:
        findings.add("tagged transcript without transcript_id", attributes, number)
    symbol = values.get("gene_name") or None
    return _Feature(
        line=number,
        gene=gene,
        location=_location(findings.bounded("region", region, number), start, end, strand, number, findings),
        details={
            "version": version,
            "symbol": None if symbol in (gene, values["gene_id"]) else symbol,
            "biotype": values.get("gene_biotype") or values.get("gene_type") or None,
        },
        transcript=transcript and split_version(transcript)[0],
        tags=tags,
    )


def _location(region: str, start: str, end: str, strand: str, number: int, findings: Findings) -> Location | None:
    if not (_PLACE.fullmatch(start) and _PLACE.fullmatch(end)):
        findings.add("start or end is not a number", f"{start}, {end}", number)
        return None
    if int(start) > int(end):
        findings.add("start is greater than end", f"{start}, {end}", number)
    if strand not in _STRANDS:
        findings.add("strand is not +, - or .", strand, number)
        return None
    match = _REGION.fullmatch(region)
    spelled = {"M": "MT"}.get(match[1], match[1]) if match else region
    return Location(spelled, int(start), int(end), _STRANDS[strand])


class TranscriptGenes:
    """Genes of the transcripts and proteins of a GTF file, which is read at the first question."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._details: dict[str, dict[str, str | None]] | None = None

    def find(self, transcript: str | None, protein: str) -> dict[str, str | None]:
        """Return gene, transcript, biotypes and symbol of a protein; empty if the file lacks it."""
        if self._details is None:
            self._details = self._read()
        details = self._details
        return details.get(split_version(transcript or "")[0]) or details.get(split_version(protein)[0]) or {}

    def _read(self) -> dict[str, dict[str, str | None]]:
        details: dict[str, dict[str, str | None]] = {}
        with open_bytes(self._path) as stream:
            for line in stream:
                fields = line.split(b"\t", _FIELDS - 1)
                if len(fields) < _FIELDS or fields[2] not in (b"transcript", b"CDS"):
                    continue
                pairs = _ATTRIBUTE.findall(fields[-1].decode("utf-8", "replace"))
                values = {name: quoted or bare for name, quoted, bare in reversed(pairs)}
                transcript = split_version(values.get("transcript_id", ""))[0]
                if gene := values.get("gene_id"):
                    version = values.get("gene_version")
                    entry = {
                        "gene": f"{gene}.{version}" if version and "." not in gene else gene,
                        "transcript": transcript or None,
                        "gene_biotype": values.get("gene_biotype") or values.get("gene_type"),
                        "transcript_biotype": values.get("transcript_biotype") or values.get("transcript_type"),
                        "gene_symbol": values.get("gene_name"),
                    }
                    for name in (transcript, split_version(values.get("protein_id", ""))[0]):
                        if name:
                            details.setdefault(name, entry)
        return details
