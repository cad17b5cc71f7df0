"""Readers of the files that Ensembl and others publish, one per format.

Each raises an InputError with all problems of a file and their lines: missing or duplicate columns, wrong numbers
of fields, broken gzip, text that is not UTF-8, rows that contradict each other, values missing or out of bounds.
"""

from homodb.etl.sources.aliases import read_history, read_synonyms, read_xrefs
from homodb.etl.sources.annotation import read_annotation
from homodb.etl.sources.biomart import read_biomart
from homodb.etl.sources.compara import OTHER_PAIRS, read_compara
from homodb.etl.sources.core import read_core
from homodb.etl.sources.gene_pairs import read_databases, read_hits
from homodb.etl.sources.gene_table import read_canonical, read_gene_table
from homodb.etl.sources.proteome import HeaderForm, header_form, read_protein_genes, read_proteome
from homodb.etl.sources.records import (
    ALIASES,
    ALTERNATES,
    CANONICAL,
    GENES,
    HITS,
    HOMOLOGIES,
    ORTHOLOGY,
    OTHER_TYPES,
    PROTEINS,
    Reading,
    split_version,
    to_arrow,
)
from homodb.etl.sources.text import DATE, SERIAL, input_errors, open_bytes, sha256

__all__ = [
    "ALIASES", "ALTERNATES", "CANONICAL", "DATE", "GENES", "HITS", "HOMOLOGIES", "ORTHOLOGY", "OTHER_PAIRS",
    "OTHER_TYPES", "PROTEINS", "SERIAL", "HeaderForm", "Reading", "header_form", "input_errors", "open_bytes",
    "read_annotation", "read_biomart", "read_canonical", "read_compara", "read_core", "read_databases",
    "read_gene_table", "read_history", "read_hits", "read_protein_genes", "read_proteome", "read_synonyms",
    "read_xrefs", "sha256", "split_version", "to_arrow",
]  # fmt: skip
