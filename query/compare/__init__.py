"""Compare mappings and methods of integration on the same cells.

Every mapping is joined, integrated by every method and scored; the result marks only what intervals distinguish.
"""

from __future__ import annotations

from homodb.query.compare.compare import compare
from homodb.query.compare.grid import CompareProgress, pairings, random_pairing, read_strategies, same_symbol
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
