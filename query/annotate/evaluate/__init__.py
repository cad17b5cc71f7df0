"""Evaluate an annotation against the truth: measures, calibration, and types that the reference lacks."""

from __future__ import annotations

from homodb.query.annotate.evaluate.evaluate import evaluate, evaluate_file
from homodb.query.annotate.evaluate.measures import METRICS, agreement, auroc, calibration
from homodb.query.annotate.evaluate.result import Evaluation

__all__ = [
    "METRICS",
    "Evaluation",
    "agreement",
    "auroc",
    "calibration",
    "evaluate",
    "evaluate_file",
]
