"""Evaluation of an annotation: numbers with intervals, tables and drawings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl

from homodb.query.annotate.labels import UNKNOWN
from homodb.query.results import Grid, Heading, Lines, Note, Plot, Result, ResultBlock, plain
from homodb.query.score import Number
from homodb.schema.errors import OutputError


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """Evaluation of an annotation against the truth.

    Parameters
    ----------
    column, truth
        The columns of obs that were compared.
    cells
        Number of judged cells: of a type that the reference has, and not shown to the method.
    outside
        Number of cells of types that the reference lacks: no label could be right.
    shown, unlabelled
        Numbers of other cells left out: those that the method was shown with their label, and those without a true one.
    numbers
        Measures by name; see :data:`homodb.query.annotate.evaluate.measures.METRICS`, and ``calibration_error``,
        ``auroc_confidence``, ``auroc_distance`` (cells of types that the reference lacks against the others).
    rows
        The measures beside simple baselines: ``row`` (this annotation, majority class, random), and the measures.
    pairs
        For numbers: ``truth, predicted`` of each judged cell; the tables of types are empty then. None for cell types.
    types
        ``type, cells, predicted, precision, recall, f1``, a row per true type.
    confusion
        ``truth, predicted, cells``, a row per pair.
    calibration
        See :func:`homodb.query.annotate.evaluate.measures.calibration`.
    left_out
        See :func:`homodb.query.annotate.evaluate.evaluate.leave_out`; None without a reference.
    intervals
        Unit that intervals resample: ``donors``, ``cells only``, or ``none``.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "rows"

    column: str
    truth: str
    cells: int
    outside: int
    shown: int
    unlabelled: int
    numbers: Mapping[str, Number]
    rows: pl.DataFrame
    types: pl.DataFrame = field(default_factory=pl.DataFrame)
    confusion: pl.DataFrame = field(default_factory=pl.DataFrame)
    calibration: pl.DataFrame = field(default_factory=pl.DataFrame)
    pairs: pl.DataFrame | None = None
    left_out: pl.DataFrame | None = None
    intervals: str = "none"
    notes: tuple[str, ...] = ()

    def totals(self) -> dict[str, Any]:
        """Return the evaluation without its pairs as plain values; None for unknown ones."""
        totals: dict[str, Any] = {
            "column": self.column, "truth": self.truth, "cells": self.cells, "outside": self.outside,
            "shown": self.shown, "unlabelled": self.unlabelled,
        }  # fmt: skip
        for name, number in self.numbers.items():
            totals[name] = number.value
            if number.low is not None and number.high is not None:
                totals |= {f"{name}_low": number.low, f"{name}_high": number.high}
        for name in ("rows", "types", "confusion", "calibration", "left_out"):
            table = getattr(self, name)
            totals[name] = None if table is None else table.to_dicts()
        totals |= {"intervals": self.intervals, "notes": list(self.notes)}
        return {name: plain(value) for name, value in totals.items()}

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the cells that were left out, the measures with their intervals, and the tables."""
        lines = [f"{self.column} against {self.truth}: {self.cells:,} cells judged"]
        unlabelled = "without a true type" if self.pairs is None else "without a true number"
        aside = {
            "of types that the reference lacks": self.outside,
            "shown to the method": self.shown,
            unlabelled: self.unlabelled,
        }
        lines += [f"  {cells:,} cells {which}: not among them" for which, cells in aside.items() if cells]
        for name, one in self.numbers.items():
            value = "not known" if math.isnan(one.value) else f"{one.value:.3f}"
            interval = "" if one.low is None or one.high is None else f"  ({one.low:.3f} to {one.high:.3f})"
            lines.append(f"  {name.replace('_', ' '):<20} {value}{interval}")
        if self.intervals != "none":
            lines.append(f"  (intervals of 95 % over {self.intervals})")
        yield Heading("homodb evaluate", level=1)
        yield Lines(lines)
        yield from map(Note, self.notes)
        for title, table in (
            ("", self.rows), ("", self.types), ("each type left out of the reference:", self.left_out),
        ):  # fmt: skip
            if table is not None and table.height:
                yield Grid(table, title)
        for title, table in (("confusion", self.confusion), ("calibration", self.calibration)):
            if table.height:
                yield Grid(table, title, in_text=False, folded=True)

    def figures(self) -> dict[str, str]:
        """Draw true types against labels and the calibration, or predicted numbers against true ones.

        Returns
        -------
        dict
            SVG documents by the names of their files.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        from homodb.query.results import against, calibration_curve

        if self.pairs is not None:
            title = f"{self.column} against {self.truth}"
            true, predicted = self.pairs["truth"].to_numpy(), self.pairs["predicted"].to_numpy()
            return {"predicted.svg": against(true, predicted, title, across=self.truth, up=self.column)}
        drawn = {"confusion.svg": self.confusion_plot().svg()}
        if self.calibration.height:
            confidence, right, cells = (self.calibration[name].to_list() for name in ("confidence", "right", "cells"))
            drawn["calibration.svg"] = calibration_curve(confidence, right, cells, f"Confidence of {self.column}")
        return drawn

    def write_figures(self, folder: Path) -> list[Path]:
        """Write the drawings into a folder, which is created if missing, and return their paths.

        Raises
        ------
        OutputError
            If they cannot be written.
        """
        drawn = self.figures()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, svg in drawn.items():
                (folder / name).write_text(svg, "utf-8")
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
        return [folder / name for name in drawn]

    def confusion_plot(self) -> Plot:
        """Draw shares of true types; labels that are not a true type come last, unknown at the end."""
        from homodb.query.results import heat

        types = sorted(self.confusion["truth"].unique().to_list())
        predicted = set(self.confusion["predicted"].to_list())
        others = predicted - set(types)
        labels = [*(one for one in types if one in predicted), *sorted(others - {UNKNOWN}), *sorted(others & {UNKNOWN})]
        table = np.zeros((len(types), len(labels)))
        for true, label, cells in self.confusion.iter_rows():
            table[types.index(true), labels.index(label)] = cells
        shares = table / table.sum(axis=1, keepdims=True)
        return heat(shares, types, labels, f"{self.column} against {self.truth}", across="label", down="true type")
