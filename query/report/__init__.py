"""Write a page about an integration."""

from __future__ import annotations

from homodb.query.report.conclusions import (
    INTERVALS,
    SCORES,
    STRATEGIES,
    conclusions,
    meaning,
    method_meaning,
    page_note,
    strategy_meaning,
    verdict,
)
from homodb.query.report.gather import simulated
from homodb.query.report.report import report

__all__ = [
    "INTERVALS",
    "SCORES",
    "STRATEGIES",
    "conclusions",
    "meaning",
    "method_meaning",
    "page_note",
    "report",
    "simulated",
    "strategy_meaning",
    "verdict",
]
