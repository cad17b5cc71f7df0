"""Translate lists of genes.

These are names in Python, and files of names, marker tables, gene sets, and tables of ligands and receptors.
"""

from __future__ import annotations

from homodb.query.gene_lists.delimited import find_separator, read, read_table
from homodb.query.gene_lists.partners import ListReport
from homodb.query.gene_lists.translate import (
    check_cells_or_list,
    is_list_file,
    translate_genes,
    translate_list_file,
)

__all__ = [
    "ListReport", "check_cells_or_list",
    "find_separator", "is_list_file", "read", "read_table", "translate_genes", "translate_list_file",
]  # fmt: skip
