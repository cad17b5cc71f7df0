"""Read the proteins of a species and their genes from FASTA.

A header of Ensembl's ``pep.all`` has a protein, its location, its gene and its transcript, versioned where the IDs are
Ensembl's::

    >ENSP00000451042.1 pep chromosome:GRCh38:14:22438547:22438554:1 gene:ENSG00000223997.1
     transcript:ENST00000415118.1 gene_biotype:TR_D_gene transcript_biotype:TR_D_gene gene_symbol:TRDD1
     description:T cell receptor delta diversity 1 [Source:HGNC Symbol;Acc:HGNC:12254]

(one line in the file). Releases before 2018 write ``pep:annotated`` and similar. The location is that of the
transcript, in any coordinate system. See the README in the same folder, for example
https://ftp.ensembl.org/pub/release-113/fasta/homo_sapiens/pep/README.

Other headers are those of NCBI's proteins and translated coding sequences, and of UniProt
(https://www.uniprot.org/help/fasta-headers), of which only some name a gene, and bare IDs::

    >XP_069504871.1 insulin [Ambystoma mexicanum]
    >lcl|NC_090446.1_prot_XP_069504871.1_2 [gene=INS] [db_xref=GeneID:138500] [protein_id=XP_069504871.1]
    >sp|P01308|INS_HUMAN Insulin OS=Homo sapiens OX=9606 GN=INS PE=1 SV=1
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from homodb.etl.sources.aliases import alias_table
from homodb.etl.sources.annotation import GeneCollector, Location, TranscriptGenes
from homodb.etl.sources.records import GENES, PROTEINS, Reading, split_version
from homodb.etl.sources.text import Findings, batches, input_errors, missing_columns, open_bytes, read_header
from homodb.schema.errors import InputError, Problem, UnknownSpeciesError
from homodb.schema.messages import choices_hint
from homodb.schema.species import Species, find, normalise, species_of_ids

_FIELD = re.compile(r"\s(gene|transcript|gene_biotype|transcript_biotype|gene_symbol):")
_LOCATION = re.compile(r"[^:\s]+:[^:\s]*:(\S+):(\d{1,18}):(\d{1,18}):(-1|0|1)")
_SOURCE = re.compile(r"\[Source:[^\[\]]*\]\s*$")
#: Longest protein, in residues; the longest that is known has some 45,000.
_LONGEST = 1 << 20
#: Attributes of NCBI's translated coding sequences, and the organism at the end of its proteins.
_ATTRIBUTE = re.compile(r"\[(gene|locus_tag|protein|protein_id|db_xref)=([^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]")
_ACCESSION = re.compile(r"[ANXWY]P_\d{6,}(?:\.\d+)?")
#: Identifier and fields of UniProt's headers.
_UNIPROT = re.compile(r"(?:sp|tr)\|([A-Z0-9]+(?:-\d+)?)\|\S*")
_UNIPROT_FIELD = re.compile(r"\s(OS|OX|GN|PE|SV)=")
#: Headers that are looked at to tell their form.
_LOOKED_AT = 200
#: Names that a pattern may give to its groups.
_GROUPS = ("protein", "gene", "transcript", "gene_symbol", "description")
#: Share of the proteins of another species above which a proteome is said to be of it.
_FOREIGN = 0.5
_COLUMNS = {
    "protein": r"protein([_ ](stable[_ ])?(id|accession)( version)?)?|product_accession",
    "gene": r"gene([_ ](stable[_ ])?id( version)?)?|geneid|locus_tag",
    "symbol": r"gene[_ ](name|symbol)|symbol",
}
_NOT_PROTEINS = ("cdna", "cds", "ncrna", "dna", "dna_rm", "dna_sm")

#: The twenty amino acids, B, Z, J, U, O, the unannotated one and the stop, in either case.
_LETTERS = b"ACDEFGHIKLMNPQRSTVWYBZJUOX" + b"acdefghiklmnpqrstvwybzjuox" + b"*"

_Fields = dict[str, str | None]
_Parser = Callable[[str], _Fields]


class HeaderForm(StrEnum):
    """Forms of FASTA headers."""

    ENSEMBL = "ensembl"
    NCBI = "ncbi"
    UNIPROT = "uniprot"
    PLAIN = "plain"


def header_form(written: str) -> HeaderForm | re.Pattern[str]:
    r"""Return the form of FASTA headers that a config names: a word, or a pattern with named groups.

    Raises
    ------
    ValueError
        If it is neither, or the pattern has no group ``protein``, or one of another name.

    Examples
    --------
    >>> header_form("uniprot")
    <HeaderForm.UNIPROT: 'uniprot'>
    >>> header_form(r"(?P<protein>\S+) gene=(?P<gene>\S+)").groups
    2
    """
    words = [str(form) for form in HeaderForm]
    if "(?P<" not in written:
        if written not in words:
            raise ValueError(
                f"There is no form of headers {written!r}{choices_hint(written, words)} or a pattern such as "
                r"'(?P<protein>\S+) gene=(?P<gene>\S+)'"
            )
        return HeaderForm(written)
    try:
        pattern = re.compile(written)
    except re.error as error:
        raise ValueError(f"{written!r} is not a pattern: {error}.") from error
    for name in pattern.groupindex:
        if name not in _GROUPS:
            raise ValueError(f"There is no group {name!r} of headers{choices_hint(name, _GROUPS)}")
    if "protein" not in pattern.groupindex:
        raise ValueError(f"{written!r} has no group (?P<protein>…).")
    return pattern


@input_errors
def read_proteome(
    path: Path, species: Species, annotation: Path | None = None, header: str | None = None,
    protein_genes: Path | None = None,
) -> Reading:  # fmt: skip
    """Read a proteome.

    Parameters
    ----------
    path
        FASTA file, plain or gzip.
    species
        Species of the proteins.
    annotation
        GTF file that has the genes of proteins whose headers lack them; it is read only then.
    header
        Form of the headers, a word or a pattern (see :func:`header_form`); None finds it out.
    protein_genes
        Table of proteins and their genes, which stands above headers and annotation.

    Returns
    -------
    Reading
        ``proteins``, one row per record, and ``genes``, one row per gene, both in the order of the file; with a table,
        ``aliases``: the genes by their proteins.
        Sequences are in upper case, without trailing stops; internal stops (read-through, frameshifts) stay in
        the sequence but do not count in ``length``. ``unannotated_residues`` counts X. Descriptions lose
        ``[Source:...]``. A gene spans its coding transcripts. Where headers of a form other than Ensembl's, table and
        annotation name no gene, each protein is a gene of its own. Exact duplicate records, and proteins that table or
        annotation lack (unless all do), are skipped and counted, and so are proteins of another species.
    """
    findings = Findings(path)
    genes = GeneCollector(findings)
    annotated = TranscriptGenes(annotation) if annotation else None
    listed = None if protein_genes is None else _protein_genes(protein_genes)
    proteins: dict[str, tuple[int, tuple[object, ...]]] = {}
    records = without_gene = alone = 0
    others: Counter[Species] = Counter()
    read = _records(path, findings)
    first_records = list(islice(read, _LOOKED_AT))
    form = header_form(header) if header else _form([text for _, text, _ in first_records])
    parse = _matcher(form) if isinstance(form, re.Pattern) else _PARSERS[form]
    is_ensembl = form is HeaderForm.ENSEMBL
    for line, text, sequence in chain(first_records, read):
        records += 1
        fields = parse(text)
        _check_fields(form, fields, text, line, findings)
        if listed is not None and fields["protein"]:
            gene_symbol = listed.get(fields["protein"]) or listed.get(split_version(fields["protein"])[0])
            fields |= dict(zip(("gene", "gene_symbol"), gene_symbol or (None, None), strict=True))
            without_gene += gene_symbol is None
        elif fields["gene"] is None and annotated and fields["protein"]:
            fields |= annotated.find(fields["transcript"], fields["protein"])
            without_gene += fields["gene"] is None
        elif fields["gene"] is None and is_ensembl:
            findings.add("missing gene: in the header", text, line)
        elif fields["gene"] is None:
            fields["gene"] = fields["protein"]
            alone += 1
        fields = {name: value and findings.bounded(name, value, line) for name, value in fields.items()}
        name, version = split_version(fields["protein"] or "")
        gene, gene_version = split_version(fields["gene"] or "")
        others.update(_others(species, gene, name, fields))
        letters = sequence.upper().rstrip(b"*")
        length = len(letters) - letters.count(b"*")
        if not length:
            findings.add("empty sequence", name, line)
        if not (name and gene):
            continue
        genes.add(
            line, gene, _location(fields["location"], line, findings), version=gene_version,
            symbol=None if is_ensembl and fields["gene_symbol"] in (gene, fields["gene"]) else fields["gene_symbol"],
            biotype=fields["gene_biotype"], description=fields["description"],
        )  # fmt: skip
        row = (
            species.number, gene, name, version, fields["transcript"] and split_version(fields["transcript"])[0],
            fields["transcript_biotype"], length, letters.count(b"X"), hashlib.sha256(letters).hexdigest(),
            letters.decode("latin-1"),
        )  # fmt: skip
        first, same = proteins.setdefault(name, (line, row))
        if same != row:
            findings.add("protein ID of two different records", f"{name}, first on line {first}", line)
    if not records and not len(findings):
        findings.add("no protein. Expected FASTA")
    if records and without_gene == records:
        findings.add(
            "missing gene: in all headers, and the annotation has none of the proteins"
            if listed is None
            else f"the table of proteins and genes has none of the proteins, such as {first_records[0][1][:40]!r}"
        )
    findings.raise_any()
    skipped = {
        "exact duplicate records": records - without_gene - len(proteins),
        "proteins without a gene": without_gene,
        "proteins without a gene in header, table or annotation, each a gene of its own": alone,
    }
    for other, count in others.most_common(1):
        if count > _FOREIGN * records:
            own = f"{other.name} ({other.common_name}), not of {species.name}"
            skipped[f"proteins have IDs or headers of {own}: check that it is the right file"] = count
    rows = [row for _, row in proteins.values()]
    pairs = [] if listed is None else [(row[1], protein, "protein") for protein, (_, row) in proteins.items()]
    aliases = pl.DataFrame(pairs, dict.fromkeys(("gene_id", "alias", "kind"), pl.String), orient="row")
    return Reading(
        rows=records, kept=len(proteins), skipped={reason: count for reason, count in skipped.items() if count},
        genes=genes.table(species) if is_ensembl else _without_stand_ins(genes.table(species)),
        proteins=pa.table(list(zip(*rows, strict=True)), schema=PROTEINS), aliases=alias_table(aliases, species),
    )  # fmt: skip


def _without_stand_ins(genes: pa.Table) -> pa.Table:
    """Remove stable IDs that are the symbol, for lack of a stable ID."""
    same = pc.fill_null(pc.equal(genes["stable_id"], genes["symbol"]), fill_value=False)
    ids = pc.if_else(same, None, genes["stable_id"])
    return genes.set_column(genes.schema.get_field_index("stable_id"), GENES.field("stable_id"), ids)


@input_errors
def read_protein_genes(path: Path, species: Species) -> Reading:
    """Count the rows of a table of proteins and genes, which :func:`read_proteome` uses."""
    rows = len(_protein_genes(path))
    return Reading(rows, rows)


def _protein_genes(path: Path) -> dict[str, tuple[str, str | None]]:
    """Return gene and symbol by protein; a row without one of both is passed over."""
    header = read_header(path)
    places = {
        column: [place for place, name in enumerate(header.names) if re.fullmatch(pattern, name, re.IGNORECASE)]
        for column, pattern in _COLUMNS.items()
    }
    places["gene"] = places["gene"] or places["symbol"]
    lacking = [f"'{column}'" for column in ("protein", "gene") if not places[column]]
    if lacking:
        raise missing_columns(path, header, lacking)
    columns = {column: matches[0] for column, matches in places.items() if matches}
    findings = Findings(path, header)
    genes: dict[str, tuple[str, str | None]] = {}
    for batch in batches(path, header, columns, findings):
        kept = batch.drop_nulls(["protein", "gene"])
        symbols = kept["symbol"] if "symbol" in kept.columns else [None] * kept.height
        for row, protein, gene, symbol in zip(kept["row"], kept["protein"], kept["gene"], symbols, strict=True):
            if genes.setdefault(protein, (gene, symbol))[0] != gene:
                findings.add_record("protein of two genes", f"{protein}: {genes[protein][0]}, {gene}", row)
    findings.raise_any()
    if not genes:
        raise InputError(path, [Problem(0, "no row has a protein and a gene")])
    return genes


def _others(species: Species, gene: str, protein: str, fields: _Fields) -> list[Species]:
    """Return the species other than the wanted one that the header or the IDs name."""
    organism = fields.get("organism")
    if organism is None:
        named = next(species_of_ids(f"{gene} {protein}"), None)
    else:
        binomial = organism if organism.isdigit() else _binomial(normalise(organism))
        try:
            named = find(binomial)
        except UnknownSpeciesError:
            named = Species(0, binomial, 0, organism[:60], ())
    if named is None or _binomial(named.name) == _binomial(species.name) or named.taxon_id == species.taxon_id:
        return []
    return [named]


def _binomial(name: str) -> str:
    """Return genus and species of a production name, without strain and assembly."""
    return "_".join(name.split("_")[:2])


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


def _form(headers: Sequence[str]) -> HeaderForm:
    """Return the form that most headers have."""
    if any(re.search(r"\sgene:\S|\spep(:\w+)?(\s|$)", text) for text in headers):
        return HeaderForm.ENSEMBL
    forms = Counter(
        HeaderForm.UNIPROT if _UNIPROT.match(text)
        else HeaderForm.NCBI if text.startswith(("lcl|", "gi|", "ref|")) or _ACCESSION.match(text)
        else HeaderForm.ENSEMBL if any(word.partition(":")[0] in _NOT_PROTEINS for word in text.split()[1:2])
        else HeaderForm.PLAIN
        for text in headers
    )  # fmt: skip
    return forms.most_common(1)[0][0] if forms else HeaderForm.ENSEMBL


def _fields(**values: str | None) -> _Fields:
    names = ("protein", "location", "gene", "transcript", "gene_biotype", "transcript_biotype", "gene_symbol")
    return {**dict.fromkeys((*names, "description")), **values}


def _ensembl(header: str) -> _Fields:
    """Parse a header of Ensembl; symbols may contain spaces, descriptions anything."""
    leading, _, description = header.partition(" description:")
    before, *pairs = _FIELD.split(leading)
    words = before.split()
    values = {
        name: value.strip() or None if name == "gene_symbol" else next(iter(value.split()), None)
        for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    }
    return _fields(
        **values,
        protein=words[0] if words else None,
        location=next((word for word in words[1:] if word.count(":") > 3), None),
        description=_SOURCE.sub("", description.strip()).strip() or None,
    )


def _ncbi(header: str) -> _Fields:
    """Parse a header of NCBI: a protein and its organism, or attributes of a translated coding sequence."""
    attributes = dict(reversed(_ATTRIBUTE.findall(header)))
    first, _, rest = header.partition(" ")
    accession = _ACCESSION.search(first)
    description, organism = (rest, None) if attributes else _without_organism(rest)
    gene_id = re.search(r"GeneID:(\d+)", attributes.get("db_xref", ""))
    gene = attributes.get("gene") or attributes.get("locus_tag") or (f"LOC{gene_id[1]}" if gene_id else None)
    return _fields(
        protein=attributes.get("protein_id")
        or (accession[0] if accession else first.strip("|").split("|")[-1] or None),
        gene=gene,
        gene_symbol=attributes.get("gene"),
        description=attributes.get("protein") if attributes else description or None,
        organism=organism,
    )


def _without_organism(text: str) -> tuple[str, str | None]:
    """Split off the organism, in brackets at the end of a description; it may have brackets itself."""
    text, depth = text.strip(), 0
    if not text.endswith("]"):
        return text, None
    for place in range(len(text) - 1, -1, -1):
        depth += {"]": 1, "[": -1}.get(text[place], 0)
        if not depth:
            return text[:place].strip(), text[place + 1 : -1]
    return text, None


def _uniprot(header: str) -> _Fields:
    """Parse a header of UniProt; proteins of one gene name (``GN``) are of one gene."""
    before, *pairs = _UNIPROT_FIELD.split(header)
    values = {name: value.strip() for name, value in zip(pairs[::2], pairs[1::2], strict=True)}
    first, _, description = before.partition(" ")
    match = _UNIPROT.match(first)
    return _fields(
        protein=match[1] if match else first or None,
        gene=values.get("GN") or (match[1].partition("-")[0] if match else None),
        gene_symbol=values.get("GN"),
        description=description.strip() or None,
        organism=values.get("OS") or values.get("OX"),
    )


def _plain(header: str) -> _Fields:
    """Parse a bare ID and a description."""
    first, _, rest = header.partition(" ")
    return _fields(protein=first or None, description=rest.strip() or None)


def _matcher(pattern: re.Pattern[str]) -> _Parser:
    """Return the parser of a pattern; what does not match has no protein."""

    def parse(header: str) -> _Fields:
        match = pattern.search(header)
        return _fields(**(match.groupdict() if match else {}))

    return parse


_PARSERS: dict[HeaderForm, _Parser] = {
    HeaderForm.ENSEMBL: _ensembl,
    HeaderForm.NCBI: _ncbi,
    HeaderForm.UNIPROT: _uniprot,
    HeaderForm.PLAIN: _plain,
}


def _check_fields(
    form: HeaderForm | re.Pattern[str], fields: _Fields, header: str, line: int, findings: Findings
) -> None:
    """Record a header without a protein."""
    if fields["protein"] is None and isinstance(form, re.Pattern):
        findings.add("header that the pattern does not match", header, line)
    elif fields["protein"] is None:
        findings.add("missing protein ID in the header", header, line)
    words = header.split()
    if form is HeaderForm.ENSEMBL and words[1:] and words[1].partition(":")[0] in _NOT_PROTEINS:
        findings.add("not a protein. Expected the file pep.all", words[1], line)


def _location(text: str | None, line: int, findings: Findings) -> Location | None:
    if text is None:
        return None
    match = _LOCATION.fullmatch(text)
    if match is None or int(match[2]) > int(match[3]):
        findings.add("invalid location", text, line)
        return None
    return Location(match[1], int(match[2]), int(match[3]), int(match[4]))
