"""Read the MANE summary: one agreed transcript per human gene.

Columns are found by name: ``Ensembl_Gene``, ``Ensembl_nuc`` and ``MANE_status``. See
https://www.ncbi.nlm.nih.gov/refseq/MANE/ and Morales et al. 2022, https://doi.org/10.1038/s41586-022-04558-8.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from homodb.etl.sources.delimited import batches
from homodb.etl.sources.records import CANONICAL, Reading, to_arrow, without_version
from homodb.etl.sources.text import Findings, missing_columns, read_header
from homodb.schema.errors import InputError, Problem
from homodb.schema.species import Species

#: Status of the one agreed transcript of a gene; ``MANE Plus Clinical`` transcripts are additional.
SELECT = "MANE Select"

_COLUMNS = {"gene_id": "Ensembl_Gene", "transcript": "Ensembl_nuc", "status": "MANE_status"}


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

    Raises
    ------
    InputError
        Lists all problems: missing columns, rows without gene, transcript or status, genes with two selected
        transcripts, no selected transcript, wrong numbers of fields, broken gzip, text that is not UTF-8.
    """
    header = read_header(path)
    absent = [name for name in _COLUMNS.values() if name not in header.names]
    if absent:
        raise missing_columns(path, header, [f"'{name}'" for name in absent])
    findings = Findings(path, header)
    positions = {column: header.names.index(name) for column, name in _COLUMNS.items()}
    frames: list[pl.DataFrame] = []
    others: Counter[str] = Counter()
    rows = 0
    for batch in batches(path, header, positions, findings):
        rows += batch.height
        for column, name in _COLUMNS.items():
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
        species=pl.lit(species.number, pl.Int16),
        gene_id="gene_id",
        transcript="transcript",
        basis=pl.lit("mane"),
    )
    return Reading(
        rows=rows,
        kept=claims.height,
        skipped=dict(sorted(others.items())),
        canonical=to_arrow(claims, CANONICAL),
    )
