"""Translate lists of genes.

These are names in Python, and files of names, marker tables, gene sets, and tables of ligands and receptors.
"""

from __future__ import annotations

from homodb.query.gene_lists.report import ListReport
from homodb.query.gene_lists.rows import read
from homodb.query.gene_lists.table import find_separator, read_table
from homodb.query.gene_lists.translate import is_list_file, translate_genes, translate_list_file

__all__ = [
    "ListReport",
    "find_separator",
    "is_list_file",
    "read",
    "read_table",
    "translate_genes",
    "translate_list_file",
]
