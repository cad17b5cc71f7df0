"""Ensembl's cross-references: the identifiers that NCBI Gene, UniProt and RefSeq have for genes.

They lie in the dumps ``<species>.<assembly>.<release>.{entrez,uniprot,refseq}.tsv.gz``; a README is beside them, for
example at https://ftp.ensembl.org/pub/release-113/tsv/homo_sapiens/.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from homodb.etl.sources.delimited import batches
from homodb.etl.sources.findings import Findings, missing_columns
from homodb.etl.sources.header import read_header
from homodb.etl.sources.records import Reading
from homodb.etl.sources.told_aliases import alias_reading
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

#: Ensembl's external databases whose accessions are aliases of genes. Left out on purpose: names of
#: transcripts (``EntrezGene_trans_name``), isoforms, and whole sequences (``RefSeq_genomic``), which are of
#: no single gene.
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

#: What an accession of a kind looks like; ``Uniprot_gn`` held symbols once. UniProt's own pattern:
#: https://www.uniprot.org/help/accession_numbers.
_FORMS = {
    "entrez": r"^[0-9]+$",
    "uniprot": r"^([OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9]([A-Z][A-Z0-9]{2}[0-9]){1,2})(\.[0-9]+)?$",
    "refseq": r"^[A-Z]{2}_[0-9]+(\.[0-9]+)?$",
}
_DUMP = {"gene_id": "gene_stable_id", "alias": "xref", "database": "db_name"}


def read(path: Path, species: Species) -> Reading:
    """Read one of the dumps of cross-references.

    Parameters
    ----------
    path
        The dump, plain or gzip.
    species
        The species of its genes.

    Returns
    -------
    Reading
        ``aliases`` of kinds ``entrez``, ``uniprot``, ``refseq``, each once per gene though the dump repeats
        it for transcripts. Accessions and gene IDs are without version. Other databases, and values that are
        no accessions, are skipped and counted by ``db_name``.

    Raises
    ------
    InputError
        Lists all problems: missing columns, rows without gene, accession or database, no accession of these
        kinds at all, rows with the wrong number of fields, broken gzip, text that is not UTF-8.
    """
    header = read_header(path)
    absent = [name for name in _DUMP.values() if name not in header.names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    places = {column: header.names.index(name) for column, name in _DUMP.items()}
    findings = Findings(path, header)
    kind = pl.col("database").replace_strict(KINDS, default=None, return_dtype=pl.String)
    form = pl.any_horizontal(
        (pl.col("kind") == known) & pl.col("alias").str.contains(form) for known, form in _FORMS.items()
    )
    frames: list[pl.DataFrame] = []
    skipped: Counter[str] = Counter()
    rows = kept = 0
    for batch in batches(path, header, places, findings):
        rows += batch.height
        for column, name in _DUMP.items():
            bad = pl.col(column).is_null() | (pl.col(column) == "-")
            findings.check(batch, bad, f"no {name}", "gene_id", "alias", "database")
        frame = batch.with_columns(kind=kind).with_columns(form=form.fill_null(value=False))
        skipped.update(frame.filter(pl.col("kind").is_null())["database"].fill_null(""))
        misfits = frame.filter(pl.col("kind").is_not_null() & ~pl.col("form"))["database"]
        skipped.update(f"{database}, no accession" for database in misfits)
        told = frame.filter("form")
        kept += told.height
        version = pl.when(pl.col("kind") != "entrez").then(pl.col("alias").str.replace(r"\.[0-9]+$", ""))
        frames.append(
            told.with_columns(alias=pl.coalesce(version, "alias")).select("gene_id", "alias", "kind").unique()
        )
    findings.raise_any()
    if not kept:
        seen = ", ".join(sorted(skipped)) or "no row"
        wanted = "wanted accessions of NCBI Gene, UniProt or RefSeq"
        raise InputError(path, [Problem(0, f"names no gene: {wanted}", f"db_name: {seen}")])
    return alias_reading(species, rows, kept, skipped, pl.concat(frames))
