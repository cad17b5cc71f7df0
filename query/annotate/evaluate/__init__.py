"""How right an annotation is, against the truth: measures, calibration, and what the reference lacks."""

from __future__ import annotations

from homodb.query.annotate.evaluate.evaluate import evaluate, evaluate_file
from homodb.query.annotate.evaluate.measures import auroc, majority_table, measures, random_table
from homodb.query.annotate.evaluate.numbers import agreement
from homodb.query.annotate.evaluate.result import Evaluation, calibration

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
