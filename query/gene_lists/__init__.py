"""Translates lists of genes: names in Python, and files of names, marker tables, gene sets, ligand-receptor pairs."""

from __future__ import annotations

from homodb.query.gene_lists.translate import is_list_file, translate_genes, translate_list_file

__all__ = ["is_list_file", "translate_genes", "translate_list_file"]
