"""Map labels of the same meaning to each other, and apply labels to cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.task import Labelled
from homodb.schema.errors import AnnotationError, InputError, Problem, shown
from homodb.schema.io import read_lines
from homodb.schema.messages import close_matches

#: Header of the file, and the sides that its third column may name.
COLUMNS = ("label", "means", "side")
SIDES = ("query", "reference")
#: Value in obs of a cell without a label.
UNKNOWN = "unknown"
#: Least similarity of labels that may be the same.
_ALIKE = 0.75


@dataclass(frozen=True)
class LabelMap:
    """Meaning of labels, by side; labels that it does not name stay as they are.

    Parameters
    ----------
    query, reference
        Meaning by label; None for labels that count as missing.
    """

    query: dict[str, str | None] = field(default_factory=dict)
    reference: dict[str, str | None] = field(default_factory=dict)


def read_labels(path: Path | str) -> LabelMap:
    """Read a label map.

    Parameters
    ----------
    path
        Tab-separated text with a header: ``label``, ``means`` and, optionally, ``side`` (``query`` or ``reference``;
        empty for both). An empty ``means`` leaves the label's cells out. Lines that begin with # are comments.

    Raises
    ------
    AnnotationError
        If the file cannot be read.
    InputError
        If it has no such header, or gives two meanings to a label; lists every such line.
    """
    lines = read_lines(Path(path), "a label map", AnnotationError)
    rows = [(at, line.split("\t")) for at, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    header = [cell.strip() for cell in rows[0][1]] if rows else []
    if header not in (list(COLUMNS), list(COLUMNS[:2])):
        content = shown(", ".join(header)) or "nothing"
        raise InputError(
            path, [Problem(rows[0][0] if rows else 0, f"expected the header {', '.join(COLUMNS)}", content)]
        )
    labels, problems = LabelMap(), []
    for at, cells in rows[1:]:
        label, means, side, *more = [cell.strip() for cell in cells] + [""] * (3 - len(cells))
        if more:
            problems.append(Problem(at, "has more columns than the header"))
        elif not label:
            problems.append(Problem(at, "names no label"))
        elif side and side not in SIDES:
            problems.append(Problem(at, f"the side is none of {', '.join(SIDES)}", shown(side)))
        else:
            for one in (side,) if side else SIDES:
                meaning: dict[str, str | None] = getattr(labels, one)
                if meaning.setdefault(label, means or None) != (means or None):
                    problems.append(Problem(at, f"gives another meaning to a label of the {one}", shown(label)))
    if problems:
        raise InputError(path, problems)
    return labels


def mapped(named: Sequence[str | None], meaning: dict[str, str | None]) -> tuple[str | None, ...]:
    """Return the meaning of labels.

    Examples
    --------
    >>> mapped(["B cell", "beta", None, "?"], {"B cell": "b", "?": None})
    ('b', 'beta', None, None)
    """
    return tuple(None if one is None else meaning.get(one, one) for one in named)


def one_side_only(query: Sequence[str | None], reference: Sequence[str | None]) -> pl.DataFrame:
    """List the labels that one side alone has.

    Returns
    -------
    polars.DataFrame
        ``label``, ``side``, ``cells``, and ``alike``: the other side's most similar label, or null.

    Examples
    --------
    >>> one_side_only(["beta", "B cell"], ["beta", "b cells"])["alike"].to_list()
    ['b cells', 'B cell']
    """
    counts = {"query": Counter(filter(None, query)), "reference": Counter(filter(None, reference))}
    rows: list[tuple[str, str, int, str | None]] = []
    for side, other in (SIDES, SIDES[::-1]):
        for label, cells in sorted(counts[side].items()):
            if label not in counts[other]:
                close = close_matches(label, sorted(counts[other]), cutoff=_ALIKE)
                rows.append((label, side, cells, close[0] if close else None))
    schema = {"label": pl.String, "side": pl.String, "cells": pl.Int64, "alike": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def mask_low_confidence(labelled: Labelled, least: float | None) -> Labelled:
    """Remove the label of cells with less confidence than `least`; their confidence and distance stay.

    A threshold from the reference does not carry across species; ``homodb evaluate --reference`` finds one by leaving
    types out.
    """
    if least is None:
        return labelled
    return replace(labelled, label=np.where(labelled.confidence < least, -1, labelled.label))


def expand_to_all_cells(
    n_cells: int, rows: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the values of some cells as those of all, NaN for the others.

    Examples
    --------
    >>> expand_to_all_cells(3, np.array([2, 0]), np.array([0.5, 1.0])).tolist()
    [1.0, nan, 0.5]
    """
    every = np.full(n_cells, np.nan)
    every[rows] = values
    return every
