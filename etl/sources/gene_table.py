"""Read tables of genes, and the transcripts that MANE selects.

Such a table is what BioMart's attributes of genes give, and what is easily made of any list of genes. Columns may be
named as BioMart or biomaRt name them, or plainly (``stable_id``, ``symbol``, ``chrom``, ``start``).

Columns are found by name: ``Ensembl_Gene``, ``Ensembl_nuc`` and ``MANE_status``. See
https://www.ncbi.nlm.nih.gov/refseq/MANE/ and Morales et al. 2022, https://doi.org/10.1038/s41586-022-04558-8.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import polars as pl

from homodb.etl.sources.records import CANONICAL, GENES, VERSIONED, Reading, to_arrow, without_version
from homodb.etl.sources.text import Findings, Header, batches, input_errors, missing_columns, number, read_header
from homodb.schema.errors import InputError, Problem, shown
from homodb.schema.species import Species

_COLUMNS = {
    "stable_id": r"gene stable id( version)?|(ensembl_)?gene_(stable_)?id(_version)?|stable_id",
    "symbol": r"gene name|gene[_ ]symbol|gene_name|external_gene_name|symbol",
    "version": r"version \(gene\)|version|gene_version",
    "biotype": r"gene type|gene_biotype|gene_type|biotype",
    "region": r"chromosome/scaffold name|chromosome_name|chromosome|chrom|region",
    "region_start": r"gene start \(bp\)|start_position|start|region_start",
    "region_end": r"gene end \(bp\)|end_position|end|region_end",
    "strand": r"strand",
    "description": r"gene description|description",
}
_STRANDS = {"1": 1, "+": 1, "+1": 1, "-1": -1, "-": -1, ".": None, "0": None}


@input_errors
def read_gene_table(path: Path, species: Species) -> Reading:
    """Read a table of genes.

    Parameters
    ----------
    path
        Table, tab or comma, plain or gzip; only a column of stable IDs is required.
    species
        Species of the genes.

    Returns
    -------
    Reading
        ``genes``, one row per gene. A version in the stable ID is split off. A symbol that repeats the stable ID
        counts as missing.
    """
    header = read_header(path)
    places = _places(path, header)
    findings = Findings(path, header)
    frames = [_checked(batch, places, findings) for batch in batches(path, header, places, findings)]
    if frames:
        genes = pl.concat(frames)
        repeated = ~pl.col("stable_id").is_first_distinct() & pl.col("stable_id").is_not_null()
        findings.check(genes, repeated, "duplicate gene", "stable_id")
    findings.raise_any()
    if not frames:
        raise InputError(path, [Problem(0, "the file has a header but no rows")])
    table = to_arrow(genes.with_columns(species=pl.lit(species.number, pl.Int16)), GENES)
    return Reading(rows=genes.height, kept=genes.height, genes=table)


def _places(path: Path, header: Header) -> dict[str, int]:
    matches = {
        column: [place for place, name in enumerate(header.names) if re.fullmatch(pattern, name, re.IGNORECASE)]
        for column, pattern in _COLUMNS.items()
    }
    if not matches["stable_id"]:
        raise missing_columns(path, header, ["'Gene stable ID'"])
    repeated = [header.names[places[1]] for places in matches.values() if len(places) > 1]
    if repeated:
        raise InputError(path, [Problem(1, "duplicate column", shown(name)) for name in repeated])
    return {column: places[0] for column, places in matches.items() if places}


def _checked(batch: pl.DataFrame, places: dict[str, int], findings: Findings) -> pl.DataFrame:
    findings.check(batch, pl.col("stable_id").is_null(), "row without a stable ID")
    if "strand" in places:
        unknown = pl.col("strand").is_not_null() & ~pl.col("strand").is_in(list(_STRANDS))
        findings.check(batch, unknown, "strand is not 1, -1, + or -", "stable_id", "strand")
        batch = batch.with_columns(pl.col("strand").replace_strict(_STRANDS, default=None, return_dtype=pl.Int8))
    for column, high in (("region_start", 2**53), ("region_end", 2**53), ("version", 2**31 - 1)):
        if column in places:
            what = column.replace("region_", "")
            batch = number(batch, column, findings, low=0, high=high, what=what, whole=True)
    if {"region_start", "region_end"} <= places.keys():
        backwards = pl.col("region_start") > pl.col("region_end")
        findings.check(batch, backwards, "start is greater than end", "stable_id", "region_start", "region_end")
    written = pl.col("stable_id").str.extract(VERSIONED, 2).cast(pl.Float64)
    batch = batch.with_columns(
        without_version("stable_id"), version=pl.coalesce(["version", written] if "version" in places else [written])
    )
    if "symbol" in places:
        batch = batch.with_columns(symbol=pl.when(pl.col("symbol") != pl.col("stable_id")).then("symbol"))
    return batch


#: Status of the one agreed transcript of a gene; ``MANE Plus Clinical`` transcripts are additional.
SELECT = "MANE Select"

_MANE_COLUMNS = {"gene_id": "Ensembl_Gene", "transcript": "Ensembl_nuc", "status": "MANE_status"}


@input_errors
def read_canonical(path: Path, species: Species) -> Reading:
    """Read the transcripts that MANE selects.

    Parameters
    ----------
    path
        Summary, tab or comma, plain or gzip.
    species
        Species of the genes: human, since MANE has no other.

    Returns
    -------
    Reading
        ``canonical``: one row with basis ``mane`` per gene, IDs without versions, in the order of the file.
        Rows with another status are skipped and counted by status.
    """
    header = read_header(path)
    absent = [name for name in _MANE_COLUMNS.values() if name not in header.names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    findings = Findings(path, header)
    positions = {column: header.names.index(name) for column, name in _MANE_COLUMNS.items()}
    frames: list[pl.DataFrame] = []
    others: Counter[str] = Counter()
    rows = 0
    for batch in batches(path, header, positions, findings):
        rows += batch.height
        for column, name in _MANE_COLUMNS.items():
            findings.check(batch, pl.col(column).is_null(), f"missing {name}", "gene_id", "transcript")
        others.update(batch.filter(pl.col("status") != SELECT)["status"])
        selected_rows = batch.filter(pl.col("status") == SELECT)
        frames.append(selected_rows.with_columns(without_version("gene_id"), without_version("transcript")))
    if frames:
        selected = pl.concat(frames)
        findings.check(
            selected,
            ~pl.col("gene_id").is_first_distinct() & pl.col("gene_id").is_not_null(),
            "gene with two selected transcripts",
            "gene_id",
            "transcript",
        )
    findings.raise_any()
    if not frames or selected.is_empty():
        statuses = ", ".join(sorted(others)) or "no row"
        raise InputError(path, [Problem(0, f"no {SELECT} transcript", f"MANE_status: {statuses}")])
    claims = selected.select(
        species=pl.lit(species.number, pl.Int16), gene_id="gene_id", transcript="transcript", basis=pl.lit("mane")
    )
    return Reading(
        rows=rows, kept=claims.height, skipped=dict(sorted(others.items())), canonical=to_arrow(claims, CANONICAL)
    )
