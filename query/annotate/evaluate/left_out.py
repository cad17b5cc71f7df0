"""What a method does with a type that the reference lacks: each type is left out of the reference in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.evaluate.measures import auroc
from homodb.query.annotate.options import Choices
from homodb.query.annotate.read import Prepared
from homodb.query.annotate.sides import some_cells

#: A threshold is set so that this share of the cells that have a type in the reference stay above it.
KEPT = 0.95

SCHEMA = {
    "type": pl.String, "cells": pl.Int64, "auroc_confidence": pl.Float64, "auroc_distance": pl.Float64,
    "threshold": pl.Float64, "found": pl.Float64,
}  # fmt: skip


def leave_out(
    prepared: Prepared,
    choices: Choices,
    truth: Sequence[str | None],
    judged: npt.NDArray[np.bool_],
    report: Callable[[str], None] = lambda step: None,
) -> pl.DataFrame:
    """Annotate anew without each type that the query has, and see whether its cells stand out.

    Parameters
    ----------
    prepared
        The task.
    choices
        How it was annotated.
    truth
        Type of each cell of the query, None for none.
    judged
        Which cells may be judged.
    report
        Called with the name of each step as it begins.

    Returns
    -------
    polars.DataFrame
        A row for each type left out: ``type``; ``cells`` of it in the query; ``auroc_confidence`` and
        ``auroc_distance``, the chance that a cell of it has less confidence, or lies farther, than one whose type is
        still in the reference; ``threshold``, the confidence that 95 % of those reach; ``found``, the share of its
        cells that fall below. NaN where the query has no other cells. A reference that would be left with one type
        is not tried.
    """
    task, rows = prepared.task, np.flatnonzero(prepared.used)
    there = np.unique(task.reference.label)
    true = np.array([truth[row] for row in rows.tolist()], dtype=object)
    counted = judged[rows] & np.isin(true, [task.labels[one] for one in there])
    made = []
    for one in there.tolist() if len(there) > 2 else []:
        positive = counted & (true == task.labels[one])
        if not positive.any():
            continue
        report(f"without {task.labels[one]}")
        lessened = some_cells(task.reference, task.reference.label != one)
        found = choices.chosen.run(replace(task, reference=lessened, report=lambda step: None))
        unsure = 1 - np.where(np.isfinite(found.confidence), found.confidence, 0.0)
        rest = counted & ~positive
        threshold = float(np.quantile(1 - unsure[rest], 1 - KEPT)) if rest.any() else float("nan")
        made.append((
            task.labels[one], int(positive.sum()), auroc(unsure[counted], positive[counted]),
            auroc(found.distance[counted], positive[counted]), threshold,
            float((1 - unsure[positive] < threshold).mean()) if rest.any() else float("nan"),
        ))  # fmt: skip
    return pl.DataFrame(made, schema=SCHEMA, orient="row")
