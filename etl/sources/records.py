"""Arrow schemas of the tables that readers return.

Genes have the names of the sources, and no keys yet. ``species`` columns hold the fixed number of the species. In
tables of pairs the species are in the order of their numbers, whatever the order in the file, and every value of a side
has moved with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from homodb.schema.enums import ORTHOLOG_TYPES, HomologyType

#: A gene of one source, with a stable ID, a symbol, or both.
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

#: A homology between two genes, each with a stable ID, a symbol, both, or neither (counted as a loss).
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

#: A protein with its sequence (upper case, without trailing stops).
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

#: A transcript that a source names as the canonical one of its gene.
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

#: A gene that is one of several alleles; a group is named by its lowest stable ID.
ALTERNATES = pa.schema(
    [
        pa.field("species", pa.int16(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("allele_group", pa.string(), nullable=False),
    ]
)

#: A measured correlation of two genes, named by stable ID or symbol.
HITS = pa.schema(
    [
        pa.field("species_a", pa.int16(), nullable=False),
        pa.field("species_b", pa.int16(), nullable=False),
        pa.field("name_a", pa.string(), nullable=False),
        pa.field("name_b", pa.string(), nullable=False),
        pa.field("correlation", pa.float64(), nullable=False),
    ]
)

#: A pair of genes that orthology databases name; the databases are separated by bars.
ORTHOLOGY = pa.schema(
    [
        pa.field("species_a", pa.int16(), nullable=False),
        pa.field("species_b", pa.int16(), nullable=False),
        pa.field("stable_id_a", pa.string(), nullable=False),
        pa.field("symbol_a", pa.string()),
        pa.field("entrez_a", pa.int64()),
        pa.field("stable_id_b", pa.string(), nullable=False),
        pa.field("symbol_b", pa.string()),
        pa.field("entrez_b", pa.int64()),
        pa.field("databases", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Reading:
    """Content of one input file.

    Parameters
    ----------
    rows
        Number of data rows (FASTA records) in the file.
    kept
        Number of rows that were used.
    skipped
        Number of other rows by reason.
    genes, homologies, proteins, canonical, aliases, alternates, hits, orthology
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
    orthology: pa.Table = field(default_factory=ORTHOLOGY.empty_table)


def to_arrow(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """Convert a frame to a schema; missing columns become null."""
    columns = [
        frame[field.name].to_arrow().cast(field.type)
        if field.name in frame.columns
        else pa.nulls(frame.height, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


def ordered_pair(frame: pl.DataFrame) -> pl.DataFrame:
    """Swap ``*_a`` and ``*_b`` where species_a is greater than species_b."""
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


#: Versioned identifiers: Ensembl's, its mouse strains', WormBase genes', RefSeq's. GENCODE adds a mapping version
#: (``.1_2``) and marks the pseudo-autosomal genes of Y.
VERSIONED = (
    r"^(ENS[A-Z]*\d{10,}|MGP_[A-Za-z0-9]+_[A-Z]\d{7,}|WBGene\d{8}|[ANWXY][CGMPRTWZ]_\d+)"
    r"\.(\d{1,9})(?:_\d+)?(_PAR_Y)?$"
)

_VERSIONED = re.compile(VERSIONED)


def split_version(name: str) -> tuple[str, int | None]:
    """Split a stable ID into the bare ID and its version.

    Parameters
    ----------
    name
        Stable ID. A dot is a version separator only in the forms of :data:`VERSIONED`: ``F54D5.1`` and
        ``AT1G01010.1`` are whole names.

    Returns
    -------
    tuple
        The bare ID, and its version or None. ``_PAR_Y`` stays, since it distinguishes two genes.

    Examples
    --------
    >>> split_version("ENSG00000254647.7"), split_version("F54D5.1")
    (('ENSG00000254647', 7), ('F54D5.1', None))
    >>> split_version("ENSG00000002586.20_PAR_Y")
    ('ENSG00000002586_PAR_Y', 20)
    """
    match = _VERSIONED.match(name)
    if match is None:
        return name, None
    return match[1] + (match[3] or ""), int(match[2])


def without_version(column: str) -> pl.Expr:
    """Return stable IDs without versions, like :func:`split_version`."""
    return pl.col(column).str.replace(VERSIONED, "${1}${3}")


#: Orthologs only.
ORTHOLOGS = tuple(str(kind) for kind in ORTHOLOG_TYPES)

#: Types that are read: orthologs and gene splits.
KEPT_TYPES = tuple(str(kind) for kind in HomologyType)

#: Other types that Ensembl uses or has used; skipped and counted.
OTHER_TYPES = frozenset(
    {
        "within_species_paralog",
        "other_paralog",
        "between_species_paralog",
        "alt_allele",
        "homoeolog_one2one",
        "homoeolog_one2many",
        "homoeolog_many2many",
        # until release 73
        "apparent_ortholog_one2one",
        "possible_ortholog",
        "contiguous_gene_split",
        "putative_gene_split",
        "projection_unchanged",
        "projection_altered",
        # until about release 60: best reciprocal hits, unique and multiple, and by synteny
        "UBRH",
        "BRH",
        "MBRH",
        "RHS",
        # rapid release: best hits
        "homolog_bbh",
        "homolog_rbbh",
    }
)

#: All other types are errors.
KNOWN_TYPES = OTHER_TYPES.union(KEPT_TYPES)
