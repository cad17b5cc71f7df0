"""Evaluate an annotation against the truth: measures, calibration, and types that the reference lacks."""

from __future__ import annotations

from homodb.query.annotate.evaluate.evaluate import evaluate, evaluate_file
from homodb.query.annotate.evaluate.measures import (
    agreement,
    auroc,
    calibration,
    majority_table,
    measures,
    random_table,
)
from homodb.query.annotate.evaluate.result import Evaluation

__all__ = [
    "Evaluation",
    "agreement",
    "auroc",
    "calibration",
    "evaluate",
    "evaluate_file",
    "majority_table",
    "measures",
    "random_table",
]
