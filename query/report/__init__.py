"""One page about an integration: gathered (:mod:`.gather`), drawn (:mod:`.draw`) and written (:mod:`.page`)."""

from __future__ import annotations

from homodb.query.report.conclusions import (
    INTERVALS,
    SCORES,
    STRATEGIES,
    conclusions,
    meaning,
    method_meaning,
    said,
    strategy_meaning,
)
from homodb.query.report.provenance import simulated
from homodb.query.report.report import report

__all__ = [
    "INTERVALS",
    "SCORES",
    "STRATEGIES",
    "conclusions",
    "meaning",
    "method_meaning",
    "report",
    "said",
    "simulated",
    "strategy_meaning",
]
