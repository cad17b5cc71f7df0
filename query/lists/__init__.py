"""Translates lists of genes: names in Python, and files of names, marker tables, gene sets, ligand-receptor pairs."""

from __future__ import annotations

from homodb.query.lists.files import is_list_file, translate_list_file
from homodb.query.lists.genes import translate_genes

__all__ = ["is_list_file", "translate_genes", "translate_list_file"]
