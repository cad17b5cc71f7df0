"""Synonyms of genes: a table of BioMart's attribute "Gene Synonym", or an export of ``external_synonym``."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from homodb.etl.sources.delimited import batches
from homodb.etl.sources.findings import Findings, missing_columns
from homodb.etl.sources.header import Header, read_header
from homodb.etl.sources.records import Reading
from homodb.etl.sources.told_aliases import alias_reading
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

_GENE_NAMES = ("gene stable id", "gene_stable_id", "stable_id", "ensembl_gene_id")
_SYNONYM_NAMES = ("gene synonym", "synonym", "external_synonym")


def read(path: Path, species: Species) -> Reading:
    """Read a table of synonyms.

    Parameters
    ----------
    path
        The table, tab or comma, plain or gzip. Its columns may be named as by BioMart (``Gene stable ID``,
        ``Gene Synonym``), by biomaRt (``ensembl_gene_id``, ``external_synonym``) or as in Ensembl's tables
        (``stable_id`` or ``gene_stable_id``, ``synonym``), whatever their case.
    species
        The species of its genes.

    Returns
    -------
    Reading
        ``aliases`` of kind ``synonym``, each once per gene. Genes without a synonym are skipped and counted.

    Raises
    ------
    InputError
        Lists all problems: missing columns, a column that stands twice, synonyms without a gene, rows with
        the wrong number of fields, broken gzip, text that is not UTF-8.
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
        told = batch.filter(pl.col("alias").is_not_null())
        findings.check(told, pl.col("gene_id").is_null(), "a synonym without a gene", "alias")
        kept += told.height
        frames.append(told.select("gene_id", "alias", kind=pl.lit("synonym")).unique())
    findings.raise_any()
    if not rows:
        raise InputError(path, [Problem(0, "the file has a header and no rows")])
    return alias_reading(species, rows, kept, {"genes without a synonym": rows - kept}, pl.concat(frames))


def _only(path: Path, header: Header, names: tuple[str, ...], shown: str) -> int:
    """Find the one column that bears one of these names."""
    places = [place for place, name in enumerate(header.names) if name.lower() in names]
    if not places:
        raise missing_columns(path, header, [shown])
    if len(places) > 1:
        raise InputError(path, [Problem(1, "a column stands twice", header.names[places[1]])])
    return places[0]
