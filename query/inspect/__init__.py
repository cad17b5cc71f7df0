"""Summarise the gene names, matrices and tables of an AnnData."""

from __future__ import annotations

from homodb.query.inspect.inspect import Inspection, inspect

__all__ = ["Inspection", "inspect"]
