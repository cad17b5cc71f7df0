"""Compares mappings and methods on one's own cells: every mapping is joined, integrated by every method, and scored.

What is compared (:mod:`.pairings`) runs through one line (:mod:`.grid`); the answer (:mod:`.result`) marks only what
intervals tell apart.
"""

from __future__ import annotations

from homodb.query.compare.compare import compare
from homodb.query.compare.grid import CompareProgress
from homodb.query.compare.pairings import pairings, random_pairing, read_strategies, same_symbol
from homodb.query.compare.result import Comparison, Row, marks

__all__ = [
    "CompareProgress",
    "Comparison",
    "Row",
    "compare",
    "marks",
    "pairings",
    "random_pairing",
    "read_strategies",
    "same_symbol",
]
