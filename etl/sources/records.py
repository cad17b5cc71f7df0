"""What readers hand on: Arrow tables of these schemas, in the words of the sources (no keys yet).

``species`` columns hold the species' fixed number. In tables of pairs the species stand in the order of
their numbers, whatever the order in the file, and every value that belongs to a side has moved with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

#: A gene as a source tells it: with a stable ID, a symbol, or both.
GENES = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("stable_id", pa.string()),
        pa.field("version", pa.int32()),
        pa.field("symbol", pa.string()),
        pa.field("biotype", pa.string()),
        pa.field("region", pa.string()),
        pa.field("region_start", pa.int64()),
        pa.field("region_end", pa.int64()),
        pa.field("strand", pa.int8()),
        pa.field("description", pa.string()),
    ]
)

#: A homology between two genes, each with a stable ID, a symbol, both, or (a loss that is counted) neither.
HOMOLOGIES = pa.schema(
    [
        pa.field("species_a", pa.int16(), nullable=False),
        pa.field("species_b", pa.int16(), nullable=False),
        pa.field("stable_id_a", pa.string()),
        pa.field("symbol_a", pa.string()),
        pa.field("stable_id_b", pa.string()),
        pa.field("symbol_b", pa.string()),
        pa.field("protein_a", pa.string()),
        pa.field("protein_b", pa.string()),
        pa.field("homology_type", pa.string(), nullable=False),
        pa.field("identity_a", pa.float64()),
        pa.field("identity_b", pa.float64()),
        pa.field("goc", pa.float64()),
        pa.field("wga", pa.float64()),
        pa.field("confidence", pa.int8()),
        pa.field("dn", pa.float64()),
        pa.field("ds", pa.float64()),
    ]
)

#: A protein with its sequence (upper case, stops taken off the end).
PROTEINS = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("stable_id", pa.string(), nullable=False),
        pa.field("version", pa.int32()),
        pa.field("transcript", pa.string()),
        pa.field("biotype", pa.string()),
        pa.field("length", pa.int32(), nullable=False),
        pa.field("unknown_residues", pa.int32(), nullable=False),
        pa.field("sequence_sha256", pa.string(), nullable=False),
        pa.field("sequence", pa.large_string(), nullable=False),
    ]
)

#: A transcript's claim to be the canonical one of its gene.
CANONICAL = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("transcript", pa.string(), nullable=False),
        pa.field("basis", pa.string(), nullable=False),
    ]
)

#: Another identifier of a gene.
ALIASES = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("alias", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)

#: A gene that is one of several alleles of a gene: those of one group have the same lowest stable ID.
ALTERNATES = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("allele_group", pa.string(), nullable=False),
    ]
)

#: A known correlation of two genes, named by stable ID or symbol; NULL where the source gives the stand-in for unknown.
HITS = pa.schema(
    [
        pa.field("species_a", pa.int16(), nullable=False),
        pa.field("species_b", pa.int16(), nullable=False),
        pa.field("name_a", pa.string(), nullable=False),
        pa.field("name_b", pa.string(), nullable=False),
        pa.field("correlation", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Reading:
    """What one file told.

    Parameters
    ----------
    rows
        Data rows (FASTA records) in the file.
    kept
        Of these, rows that told something that was asked for.
    skipped
        The others, counted by reason.
    genes, homologies, proteins, canonical, aliases, alternates, hits
        Tables of the schemas above; empty where the source has none.
    """

    rows: int
    kept: int
    skipped: dict[str, int] = field(default_factory=dict)
    genes: pa.Table = field(default_factory=GENES.empty_table)
    homologies: pa.Table = field(default_factory=HOMOLOGIES.empty_table)
    proteins: pa.Table = field(default_factory=PROTEINS.empty_table)
    canonical: pa.Table = field(default_factory=CANONICAL.empty_table)
    aliases: pa.Table = field(default_factory=ALIASES.empty_table)
    alternates: pa.Table = field(default_factory=ALTERNATES.empty_table)
    hits: pa.Table = field(default_factory=HITS.empty_table)


def to_arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """Bring a frame into a schema: columns in its order, missing ones as nulls, types cast and checked."""
    columns = [
        frame[field.name].to_arrow().cast(field.type)
        if field.name in frame.columns
        else pa.nulls(frame.height, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def ordered_pair(frame: pl.DataFrame) -> pl.DataFrame:
    """Put the species of a pair in order: swap ``*_a`` and ``*_b`` where species_a is above species_b."""
    sides = sorted(name[:-2] for name in frame.columns if name.endswith("_a"))
    swap = pl.col("species_a") > pl.col("species_b")
    return frame.with_columns(
        expression
        for side in sides
        for expression in (
            pl.when(swap).then(pl.col(f"{side}_b")).otherwise(pl.col(f"{side}_a")).alias(f"{side}_a"),
            pl.when(swap).then(pl.col(f"{side}_a")).otherwise(pl.col(f"{side}_b")).alias(f"{side}_b"),
        )
    )
