"""Read cross-references, synonyms and retired stable IDs of genes.

Cross-references are in the dumps ``<species>.<assembly>.<release>.{entrez,uniprot,refseq}.tsv.gz``, with a README in
the same folder (for example https://ftp.ensembl.org/pub/release-113/tsv/homo_sapiens/). Synonyms are a table of
BioMart's attribute "Gene Synonym", or an export of ``external_synonym``. Retired stable IDs are in table
``stable_id_event`` of an Ensembl core database, dumped below ``mysql/<database>/``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pyarrow as pa

from homodb.etl.sources.records import ALIASES, Reading, to_arrow, without_version
from homodb.etl.sources.text import MISSING, Findings, Header, batches, input_errors, missing_columns, read_header
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species


def alias_table(aliases: pl.DataFrame, species: Species) -> pa.Table:
    """Return distinct, sorted aliases in the schema ``ALIASES``."""
    table = aliases.with_columns(without_version("gene_id"), species=pl.lit(species.number, pl.Int16))
    return to_arrow(table.unique().sort("gene_id", "kind", "alias"), ALIASES)


def alias_reading(species: Species, rows: int, kept: int, skipped: Mapping[str, int], aliases: pl.DataFrame) -> Reading:
    """Return the reading of a file that has nothing but aliases."""
    counted = {reason: count for reason, count in sorted(skipped.items()) if count}
    return Reading(rows=rows, kept=kept, skipped=counted, aliases=alias_table(aliases, species))


#: External databases whose accessions are aliases of genes. Excluded on purpose: names of transcripts
#: (``EntrezGene_trans_name``), isoforms, and whole sequences (``RefSeq_genomic``), which belong to no single gene.
KINDS = {
    "EntrezGene": "entrez",
    "NCBI gene": "entrez",
    "Uniprot/SWISSPROT": "uniprot",
    "Uniprot/SPTREMBL": "uniprot",
    "Uniprot_gn": "uniprot",
    "RefSeq_mRNA": "refseq",
    "RefSeq_mRNA_predicted": "refseq",
    "RefSeq_ncRNA": "refseq",
    "RefSeq_ncRNA_predicted": "refseq",
    "RefSeq_peptide": "refseq",
    "RefSeq_peptide_predicted": "refseq",
    "RefSeq_dna": "refseq",
    "RefSeq_dna_predicted": "refseq",
    "RefSeq_rna": "refseq",
    "RefSeq_rna_predicted": "refseq",
}

#: Names of the same databases in the dumps of Ensembl's new platform.
KINDS |= {
    "NCBI gene (formerly Entrezgene)": "entrez",
    "UniProtKB/Swiss-Prot": "uniprot",
    "UniProtKB/TrEMBL": "uniprot",
    "UniProtKB Gene Name": "uniprot",
} | {name.replace("_", " "): kind for name, kind in KINDS.items() if kind == "refseq"}

#: Patterns of accessions, since ``Uniprot_gn`` held symbols once. The pattern of UniProt is from
#: https://www.uniprot.org/help/accession_numbers.
_FORMS = {
    "entrez": r"^[0-9]+$",
    "uniprot": r"^([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2})(\.[0-9]+)?$",
    "refseq": r"^[A-Z]{2}_[0-9]+(\.[0-9]+)?$",
}
_DUMP = {"gene_id": "gene_stable_id", "alias": "xref", "database": "db_name"}


@input_errors
def read_xrefs(path: Path, species: Species) -> Reading:
    """Read a dump of cross-references.

    Returns
    -------
    Reading
        ``aliases`` of kinds ``entrez``, ``uniprot``, ``refseq``, each once per gene although the dump repeats
        it for transcripts. Accessions and gene IDs have no version. Other databases, and values that are not
        accessions, are skipped and counted by ``db_name``.
    """
    header = read_header(path)
    # the new platform's dumps have `xref_id`
    names = _DUMP if "xref_id" not in header.names else _DUMP | {"alias": "xref_id"}
    absent = [name for name in names.values() if name not in header.names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    places = {column: header.names.index(name) for column, name in names.items()}
    findings = Findings(path, header)
    kind = pl.col("database").replace_strict(KINDS, default=None, return_dtype=pl.String)
    form = pl.any_horizontal(
        (pl.col("kind") == name) & pl.col("alias").str.contains(form) for name, form in _FORMS.items()
    )
    frames: list[pl.DataFrame] = []
    skipped: Counter[str] = Counter()
    rows = kept = 0
    for batch in batches(path, header, places, findings):
        rows += batch.height
        for column, name in names.items():
            bad = pl.col(column).is_null() | (pl.col(column) == "-")
            findings.check(batch, bad, f"missing {name}", "gene_id", "alias", "database")
        frame = batch.with_columns(kind=kind).with_columns(form=form.fill_null(value=False))
        skipped.update(frame.filter(pl.col("kind").is_null())["database"].fill_null(""))
        misfits = frame.filter(pl.col("kind").is_not_null() & ~pl.col("form"))["database"]
        skipped.update(f"{database}, not an accession" for database in misfits)
        accessions = frame.filter("form")
        kept += accessions.height
        version = pl.when(pl.col("kind") != "entrez").then(pl.col("alias").str.replace(r"\.[0-9]+$", ""))
        frames.append(
            accessions.with_columns(alias=pl.coalesce(version, "alias")).select("gene_id", "alias", "kind").unique()
        )
    findings.raise_any()
    if not kept:
        databases = ", ".join(sorted(skipped)) or "no row"
        problem = "no usable accession. Expected accessions of NCBI Gene, UniProt or RefSeq"
        raise InputError(path, [Problem(0, problem, f"db_name: {databases}")])
    return alias_reading(species, rows, kept, skipped, pl.concat(frames))


_GENE_NAMES = ("gene stable id", "gene_stable_id", "stable_id", "ensembl_gene_id")
_SYNONYM_NAMES = ("gene synonym", "synonym", "external_synonym")


@input_errors
def read_synonyms(path: Path, species: Species) -> Reading:
    """Read a table of synonyms.

    Parameters
    ----------
    path
        Table, tab or comma, plain or gzip. Column names may be those of BioMart (``Gene stable ID``,
        ``Gene Synonym``), biomaRt (``ensembl_gene_id``, ``external_synonym``) or Ensembl's tables
        (``stable_id`` or ``gene_stable_id``, ``synonym``), in any case.
    species
        Species of the genes.

    Returns
    -------
    Reading
        ``aliases`` of kind ``synonym``, each once per gene. Genes without a synonym are skipped and counted.
    """
    header = read_header(path)
    places = {
        "gene_id": _only(path, header, _GENE_NAMES, "'Gene stable ID'"),
        "alias": _only(path, header, _SYNONYM_NAMES, "'Gene Synonym'"),
    }
    findings = Findings(path, header)
    frames: list[pl.DataFrame] = []
    rows = kept = 0
    for batch in batches(path, header, places, findings):
        rows += batch.height
        synonyms = batch.filter(pl.col("alias").is_not_null())
        findings.check(synonyms, pl.col("gene_id").is_null(), "synonym without a gene", "alias")
        kept += synonyms.height
        frames.append(synonyms.select("gene_id", "alias", kind=pl.lit("synonym")).unique())
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    return alias_reading(species, rows, kept, {"genes without a synonym": rows - kept}, pl.concat(frames))


def _only(path: Path, header: Header, names: tuple[str, ...], shown: str) -> int:
    """Return the position of the one column with one of these names."""
    places = [place for place, name in enumerate(header.names) if name.lower() in names]
    if not places:
        raise missing_columns(path, header, [shown])
    if len(places) > 1:
        raise InputError(path, [Problem(1, "duplicate column", header.names[places[1]])])
    return places[0]


#: Columns of ``stable_id_event``, whose dump has no header; older dumps lack the last.
_EVENT = ("old_stable_id", "old_version", "new_stable_id", "new_version", "mapping_session_id", "type", "score")
_NEITHER = "neither an old nor a new stable ID"
_TYPES = ("gene", "transcript", "translation", "rnaproduct")


@input_errors
def read_history(path: Path, species: Species) -> Reading:
    """Read the successors of retired gene stable IDs.

    Parameters
    ----------
    path
        Dump ``stable_id_event.txt``, which has no header, or a table with columns ``old_stable_id`` and
        ``new_stable_id``, and optionally ``type`` and ``mapping_session_id`` (without ``type`` every row is of a
        gene).
    species
        Species of the genes.

    Returns
    -------
    Reading
        ``aliases`` of kind ``retired``: the retired ID for its successor and, since successors retire too, for
        all later ones. The history does not say which of these IDs are current, so the caller keeps those
        that are genes of its release. An ID with several successors is an alias of each. An ID that the same
        mapping session also maps to itself is not retired.
    """
    header = read_header(path)
    findings = Findings(path, header)
    edges: list[pl.DataFrame] = []
    stayed: list[pl.DataFrame] = []
    skipped: Counter[str] = Counter()
    rows = 0
    old, new = pl.col("old"), pl.col("new")
    for batch in _events(path, header, findings):
        rows += batch.height
        findings.check(batch, ~pl.col("type").is_in(_TYPES).fill_null(value=False), "unknown type", "type")
        findings.check(batch, old.is_null() & new.is_null(), _NEITHER)
        genes = batch.filter(pl.col("type") == "gene").with_columns(without_version("old"), without_version("new"))
        skipped["events of transcripts and proteins"] += batch.height - genes.height
        skipped["new genes"] += genes.filter(old.is_null()).height
        skipped["genes without a successor"] += genes.filter(new.is_null()).height
        skipped["genes that kept their stable ID"] += genes.filter(old == new).height
        edges.append(genes.filter(old != new).select("session", "old", "new"))
        stayed.append(genes.filter((old == new) & pl.col("session").is_not_null()).select("session", "old").unique())
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    changes = pl.concat(edges)
    retired = changes.join(pl.concat(stayed).unique(), on=["session", "old"], how="anti", maintain_order="left")
    skipped["genes that also kept their stable ID"] = changes.height - retired.height
    return alias_reading(species, rows, retired.height, skipped, _followed(retired))


def _events(path: Path, header: Header, findings: Findings) -> Iterator[pl.DataFrame]:
    """Yield the columns ``old``, ``new``, ``session`` and ``type``."""
    wanted = {"old": "old_stable_id", "new": "new_stable_id", "session": "mapping_session_id", "type": "type"}
    unnamed = len(header.names) in (6, 7) and header.names[_EVENT.index("type")] in _TYPES
    names = _EVENT if unnamed else header.names
    absent = [name for name in ("old_stable_id", "new_stable_id") if name not in names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    places = {column: names.index(name) for column, name in wanted.items() if name in names}
    if unnamed:
        texts = {column: header.names[place] for column, place in places.items()}
        first = {column: None if text in MISSING else text for column, text in texts.items()}
        if first["old"] or first["new"]:
            yield pl.DataFrame(
                {"row": [-1], **{column: [text] for column, text in first.items()}},
                schema_overrides=dict.fromkeys(first, pl.String),
            )
        else:
            findings.add(_NEITHER, line=1)
    absences = {"session": pl.lit(None, pl.String), "type": pl.lit("gene")}
    for batch in batches(path, header, places, findings):
        yield batch.with_columns(**{name: value for name, value in absences.items() if name not in places})


def _followed(retired: pl.DataFrame) -> pl.DataFrame:
    """Pair each retired ID with all its direct and indirect successors."""
    successors: dict[str, dict[str, None]] = {}
    for old, new in retired.select("old", "new").iter_rows():
        successors.setdefault(old, {})[new] = None
    pairs: list[tuple[str, str]] = []
    for retired_id in successors:
        reached: dict[str, None] = dict(successors[retired_id])
        ahead = list(reached)
        while ahead:
            for following in successors.get(ahead.pop(), ()):
                if following not in reached:
                    reached[following] = None
                    ahead.append(following)
        pairs += [(following, retired_id) for following in reached if following != retired_id]
    frame = pl.DataFrame(pairs, schema={"gene_id": pl.String, "alias": pl.String}, orient="row")
    return frame.with_columns(kind=pl.lit("retired"))
