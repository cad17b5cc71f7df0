"""Evaluation of an annotation: numbers with intervals, tables and drawings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.labels import UNKNOWN
from homodb.query.results import Grid, Heading, Lines, Note, Result, ResultBlock, plain
from homodb.query.score import Number
from homodb.schema.errors import OutputError


@dataclass(frozen=True)
class Evaluation(Result):
    """Evaluation of an annotation against the truth.

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
        See :func:`calibration`.
    left_out
        See :func:`homodb.query.annotate.evaluate.evaluate.leave_out`; None where no reference was given.
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

    def totals(self) -> dict[str, Any]:
        """Return all but the pairs as plain values; None for what is not known."""
        totals: dict[str, Any] = {
            "column": self.column, "truth": self.truth, "cells": self.cells, "outside": self.outside,
            "seen": self.seen, "untold": self.untold,
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
        """Yield cells that were left aside, the measures with their intervals, and the tables."""
        lines = [f"{self.column} against {self.truth}: {self.cells:,} cells judged"]
        untold = "without a true type" if self.pairs is None else "without a true number"
        aside = {
            "of types that the reference lacks": self.outside,
            "shown to the method": self.seen,
            untold: self.untold,
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
            true, given = self.pairs["truth"].to_numpy(), self.pairs["predicted"].to_numpy()
            return {"predicted.svg": against(true, given, title, across=self.truth, up=self.column)}
        drawn = {"confusion.svg": self._confusion()}
        if self.calibration.height:
            confidence, right, cells = (self.calibration[name].to_list() for name in ("confidence", "right", "cells"))
            drawn["calibration.svg"] = calibration_curve(confidence, right, cells, f"Confidence of {self.column}")
        return drawn

    def write_figures(self, folder: Path) -> list[Path]:
        """Write the drawings into a folder, which is made where it is missing, and return their paths.

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

    def _confusion(self) -> str:
        """Draw shares of true types; labels that are no true type stand behind the others, unknown last."""
        from homodb.query.results import heat

        types = sorted(self.confusion["truth"].unique().to_list())
        given = set(self.confusion["predicted"].to_list())
        others = given - set(types)
        labels = [*(one for one in types if one in given), *sorted(others - {UNKNOWN}), *sorted(others & {UNKNOWN})]
        table = np.zeros((len(types), len(labels)))
        for true, label, cells in self.confusion.iter_rows():
            table[types.index(true), labels.index(label)] = cells
        shares = table / table.sum(axis=1, keepdims=True)
        return heat(shares, types, labels, f"{self.column} against {self.truth}", across="label", down="true type")


def calibration(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = 10
) -> tuple[pl.DataFrame, float]:
    """Compare confidence with the share of cells that are right, bin by bin.

    Parameters
    ----------
    confidence, right
        Shape (cells,); cells whose confidence is NaN are left out.
    bins
        Bins of equal width over 0 to 1.

    Returns
    -------
    tuple
        ``low, high, cells, confidence, right`` (the means), a row for each bin that has cells; and the expected
        calibration error: the mean over cells of the difference of the two means in their bin (NaN without cells).

    Examples
    --------
    >>> table, error = calibration(np.array([0.9, 0.95, 0.2]), np.array([True, False, False]), bins=2)
    >>> table["right"].to_list(), round(error, 3)
    ([0.0, 0.5], 0.35)
    """
    known = np.isfinite(confidence)
    sure, good = confidence[known], right[known].astype(np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, sure, side="right") - 1, 0, bins - 1)
    cells = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(cells)
    means = [np.bincount(place, values, bins)[filled] / cells[filled] for values in (sure, good)]
    table = pl.DataFrame({
        "low": edges[filled], "high": edges[filled + 1], "cells": cells[filled], "confidence": means[0],
        "right": means[1],
    })  # fmt: skip
    error = float((np.abs(means[0] - means[1]) * cells[filled]).sum() / len(sure)) if len(sure) else float("nan")
    return table, error
