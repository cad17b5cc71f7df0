"""What an evaluation gives: numbers with intervals, tables, and how they read on a screen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from homodb.query.score.result import Number


@dataclass(frozen=True)
class Evaluation:
    """How right an annotation is.

    Parameters
    ----------
    column, truth
        The columns of obs that were compared.
    cells
        Cells that were judged: those of a type that the reference has, and not shown to the method.
    outside
        Cells of types that the reference lacks: no label could be right.
    seen, untold
        Cells left aside: those that showed the method their label, and those without a true one.
    numbers
        By name; see :data:`homodb.query.annotate.evaluate.measures.NAMES`, and ``calibration_error``,
        ``auroc_confidence``, ``auroc_distance`` (cells of types that the reference lacks against the others).
    rows
        The measures beside those of no thought: ``row`` (this annotation, majority class, random), and the measures.
    pairs
        Where a number was carried: ``truth, predicted`` of each judged cell; the tables of types are empty then. None
        where cell types were.
    types
        ``type, cells, predicted, precision, recall, f1``, a row per true type.
    confusion
        ``truth, predicted, cells``, every pair that there is.
    calibration
        See :func:`homodb.query.annotate.evaluate.calibration.calibration`.
    left_out
        See :func:`homodb.query.annotate.evaluate.left_out.leave_out`; None where no reference was given.
    intervals
        Over what intervals resample: ``donors``, ``cells only``, or ``none``.
    notes
        What a user should know.
    """

    column: str
    truth: str
    cells: int
    outside: int
    seen: int
    untold: int
    numbers: Mapping[str, Number]
    rows: pl.DataFrame
    types: pl.DataFrame = field(default_factory=pl.DataFrame)
    confusion: pl.DataFrame = field(default_factory=pl.DataFrame)
    calibration: pl.DataFrame = field(default_factory=pl.DataFrame)
    pairs: pl.DataFrame | None = None
    left_out: pl.DataFrame | None = None
    intervals: str = "none"
    notes: tuple[str, ...] = ()

    def flat(self) -> dict[str, Any]:
        """Return all but the pairs as plain values, as ``--json`` prints them; null for what cannot be told."""
        told: dict[str, Any] = {
            "column": self.column, "truth": self.truth, "cells": self.cells, "outside": self.outside,
            "seen": self.seen, "untold": self.untold,
        }  # fmt: skip
        for name, number in self.numbers.items():
            told[name] = _finite(number.value)
            if number.low is not None and number.high is not None:
                told |= {f"{name}_low": _finite(number.low), f"{name}_high": _finite(number.high)}
        tables = {
            "rows": self.rows, "types": self.types, "confusion": self.confusion, "calibration": self.calibration,
            "left_out": self.left_out,
        }  # fmt: skip
        told |= {name: None if table is None else _plain(table) for name, table in tables.items()}
        return {**told, "intervals": self.intervals, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """Return numbers and notes as text, for a screen; tables are printed apart."""
        lines = [f"{self.column} against {self.truth}: {self.cells:,} cells judged"]
        apart = (
            (self.outside, "of types that the reference lacks"),
            (self.seen, "shown to the method"),
        )
        for number, what in (
            *apart,
            (self.untold, "without a true type" if self.pairs is None else "without a true number"),
        ):
            if number:
                lines.append(f"  {number:,} cells {what}: not among them")
        for name, score in self.numbers.items():
            text = f"  {name.replace('_', ' '):<20} {'not known' if math.isnan(score.value) else f'{score.value:.3f}'}"
            if score.low is not None and score.high is not None:
                text += f"  ({score.low:.3f} to {score.high:.3f})"
            lines.append(text)
        if self.intervals != "none":
            lines.append(f"  (intervals of 95 % over {self.intervals})")
        return [*lines, *(f"note: {note}" for note in self.notes)]


def _plain(table: pl.DataFrame) -> list[dict[str, Any]]:
    return [{name: _finite(value) for name, value in row.items()} for row in table.to_dicts()]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
