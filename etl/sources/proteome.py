"""Read the proteins of a species and their genes from ``pep.all`` FASTA.

A header has a protein, its location, its gene and its transcript, versioned where the IDs are Ensembl's::

    >ENSP00000451042.1 pep chromosome:GRCh38:14:22438547:22438554:1 gene:ENSG00000223997.1
     transcript:ENST00000415118.1 gene_biotype:TR_D_gene transcript_biotype:TR_D_gene gene_symbol:TRDD1
     description:T cell receptor delta diversity 1 [Source:HGNC Symbol;Acc:HGNC:12254]

(one line in the file). Releases before 2018 write ``pep:annotated`` and similar. The location is that of the
transcript, in any coordinate system. See the README in the same folder, for example
https://ftp.ensembl.org/pub/release-113/fasta/homo_sapiens/pep/README.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from homodb.etl.sources.annotation import GeneCollector, Location, TranscriptGenes
from homodb.etl.sources.records import PROTEINS, Reading, split_version
from homodb.etl.sources.text import Findings, input_errors, open_bytes
from homodb.schema.species import Species

_FIELD = re.compile(r"\s(gene|transcript|gene_biotype|transcript_biotype|gene_symbol):")
_LOCATION = re.compile(r"[^:\s]+:[^:\s]*:(\S+):(\d{1,18}):(\d{1,18}):(-1|0|1)")
_SOURCE = re.compile(r"\[Source:[^\[\]]*\]\s*$")
#: Longest protein, in residues; the longest that is known has some 45,000.
_LONGEST = 1 << 20
_NOT_PROTEINS = ("cdna", "cds", "ncrna", "dna", "dna_rm", "dna_sm")

#: The twenty amino acids, B, Z, J, U, O, the unannotated one and the stop, in either case.
_LETTERS = b"ACDEFGHIKLMNPQRSTVWYBZJUOX" + b"acdefghiklmnpqrstvwybzjuox" + b"*"


@input_errors
def read_proteome(path: Path, species: Species, annotation: Path | None = None) -> Reading:
    """Read a proteome.

    Parameters
    ----------
    path
        FASTA file, plain or gzip.
    species
        Species of the proteins.
    annotation
        GTF file that has the genes of proteins whose headers lack them; it is read only then.

    Returns
    -------
    Reading
        ``proteins``, one row per record, and ``genes``, one row per gene, both in the order of the file.
        Sequences are in upper case, without trailing stops; internal stops (read-through, frameshifts) stay in
        the sequence but do not count in ``length``. ``unannotated_residues`` counts X. Descriptions lose
        ``[Source:...]``. A gene spans its coding transcripts. Exact duplicate records, and proteins without a gene
        in header and annotation (unless all lack it), are skipped and counted.
    """
    findings = Findings(path)
    genes = GeneCollector(findings)
    annotated = TranscriptGenes(annotation) if annotation else None
    proteins: dict[str, tuple[int, tuple[object, ...]]] = {}
    records = without_gene = 0
    for line, header, sequence in _records(path, findings):
        records += 1
        fields = _parse_header(header, line, findings)
        if fields["gene"] is None and annotated and fields["protein"]:
            fields |= annotated.find(fields["transcript"], fields["protein"])
            without_gene += fields["gene"] is None
        elif fields["gene"] is None:
            findings.add("missing gene: in the header", header, line)
        fields = {name: text and findings.bounded(name, text, line) for name, text in fields.items()}
        name, version = split_version(fields["protein"] or "")
        gene, gene_version = split_version(fields["gene"] or "")
        letters = sequence.upper().rstrip(b"*")
        length = len(letters) - letters.count(b"*")
        if not length:
            findings.add("empty sequence", name, line)
        if not (name and gene):
            continue
        genes.add(
            line,
            gene,
            _location(fields["location"], line, findings),
            version=gene_version,
            symbol=None if fields["gene_symbol"] in (gene, fields["gene"]) else fields["gene_symbol"],
            biotype=fields["gene_biotype"],
            description=fields["description"],
        )
        row = (
            species.number,
            gene,
            name,
            version,
            fields["transcript"] and split_version(fields["transcript"])[0],
            fields["transcript_biotype"],
            length,
            letters.count(b"X"),
            hashlib.sha256(letters).hexdigest(),
            letters.decode("latin-1"),
        )
        first, same = proteins.setdefault(name, (line, row))
        if same != row:
            findings.add("protein ID of two different records", f"{name}, first on line {first}", line)
    if not records and not len(findings):
        findings.add("no protein. Expected FASTA")
    if records and without_gene == records:
        findings.add("missing gene: in all headers, and the annotation has none of the proteins")
    findings.raise_any()
    repeats = records - without_gene - len(proteins)
    skipped = {"exact duplicate records": repeats, "proteins without a gene": without_gene}
    rows = [row for _, row in proteins.values()]
    return Reading(
        rows=records,
        kept=len(proteins),
        skipped={reason: count for reason, count in skipped.items() if count},
        genes=genes.table(species),
        proteins=pa.table(list(zip(*rows, strict=True)), schema=PROTEINS),
    )


def _records(path: Path, findings: Findings) -> Iterator[tuple[int, str, bytes]]:
    """Yield line, header without ``>`` and sequence of each record."""
    line, header, length = 0, "", 0
    pieces: list[bytes] = []
    with open_bytes(path) as stream:
        for number, text in enumerate(stream, 1):
            content = text.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else text.strip()
            if content.startswith(b">"):
                if line:
                    yield line, header, b"".join(pieces)
                line, header, pieces, length = number, _decoded(content[1:], number, findings), [], 0
            elif content and not line:
                findings.add("text before the first header", line=number)
            elif content:
                strange = content.translate(None, _LETTERS)
                if strange:
                    shown = "".join(sorted(set(_decoded(strange, number, findings))))
                    findings.add("invalid amino-acid letters", shown, number)
                length += len(content)
                if length > _LONGEST:
                    findings.add(f"protein longer than {_LONGEST:,} residues", header, line)
                    findings.raise_any()
                pieces.append(content)
    if line:
        yield line, header, b"".join(pieces)


def _decoded(content: bytes, line: int, findings: Findings) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        findings.add("is not valid UTF-8", repr(content[error.start :][:8]), line)
        return content.decode("latin-1")


def _parse_header(header: str, line: int, findings: Findings) -> dict[str, str | None]:
    """Parse a header; symbols may contain spaces, descriptions anything."""
    leading, _, description = header.partition(" description:")
    before, *pairs = _FIELD.split(leading)
    words = before.split()
    fields: dict[str, str | None] = dict.fromkeys(
        ("protein", "location", "gene", "transcript", "gene_biotype", "transcript_biotype", "gene_symbol")
    )
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        fields[name] = value.strip() or None if name == "gene_symbol" else next(iter(value.split()), None)
    fields["protein"] = words[0] if words else None
    fields["location"] = next((word for word in words[1:] if word.count(":") > 3), None)
    fields["description"] = _SOURCE.sub("", description.strip()).strip() or None
    if fields["protein"] is None:
        findings.add("missing protein ID in the header", header, line)
    if words[1:] and words[1].partition(":")[0] in _NOT_PROTEINS:
        findings.add("not a protein. Expected the file pep.all", words[1], line)
    return fields


def _location(text: str | None, line: int, findings: Findings) -> Location | None:
    if text is None:
        return None
    match = _LOCATION.fullmatch(text)
    if match is None or int(match[2]) > int(match[3]):
        findings.add("invalid location", text, line)
        return None
    return Location(match[1], int(match[2]), int(match[3]), int(match[4]))
