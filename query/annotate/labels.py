"""Vocabularies of cell types: a file that says which labels mean the same, and labels that one side alone has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.task import Labelled
from homodb.schema.errors import AnnotationError, InputError, Problem
from homodb.schema.io import read_lines
from homodb.schema.messages import close_matches

#: Header of the file, and the sides that its third column may name.
COLUMNS = ("label", "means", "side")
SIDES = ("query", "reference")
#: Labels less alike than this are not thought to be the same.
_ALIKE = 0.75


@dataclass(frozen=True)
class LabelMap:
    """What labels mean, by side; labels that it does not name stay as they are.

    Parameters
    ----------
    query, reference
        By label, what it means; None for labels that are to be treated as missing.
    """

    query: dict[str, str | None] = field(default_factory=dict)
    reference: dict[str, str | None] = field(default_factory=dict)

    def of(self, side: str) -> dict[str, str | None]:
        """Return what labels of a side mean."""
        return self.query if side == "query" else self.reference


def read_labels(path: Path | str) -> LabelMap:
    """Read a label map.

    Parameters
    ----------
    path
        Text with tabs between columns and a header: ``label``, ``means`` and, if wanted, ``side`` (``query`` or
        ``reference``; empty for both). An empty ``means`` leaves the label's cells out. Lines that begin with # are
        notes.

    Raises
    ------
    AnnotationError
        If the file cannot be read.
    InputError
        If it has no such header, or says two things of one label; lists every such line.
    """
    lines = read_lines(Path(path), "a label map", AnnotationError)
    told = [(at, line.split("\t")) for at, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    header = [cell.strip() for cell in told[0][1]] if told else []
    if header not in (list(COLUMNS), list(COLUMNS[:2])):
        seen = ", ".join(header) or "nothing"
        raise InputError(path, [Problem(told[0][0] if told else 0, f"wanted the header {', '.join(COLUMNS)}", seen)])
    found, problems = LabelMap(), []
    for at, cells in told[1:]:
        label, means, side, *more = [cell.strip() for cell in cells] + [""] * (3 - len(cells))
        if more:
            problems.append(Problem(at, "has more columns than the header"))
        elif not label:
            problems.append(Problem(at, "names no label"))
        elif side and side not in SIDES:
            problems.append(Problem(at, f"the side is none of {', '.join(SIDES)}", side))
        else:
            for one in (side,) if side else SIDES:
                known = found.of(one)
                if known.get(label, means or None) != (means or None):
                    problems.append(Problem(at, f"says another thing of a label of the {one}", label))
                known.setdefault(label, means or None)
    if problems:
        raise InputError(path, problems)
    return found


def mapped(named: Sequence[str | None], meaning: dict[str, str | None]) -> tuple[str | None, ...]:
    """Return what labels mean.

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
        ``label``, ``side``, ``cells``, and ``alike``: the other side's label that is spelled most alike, where one is.

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


#: What stands in obs for a cell without a label.
UNKNOWN = "unknown"


def mask_low_confidence(found: Labelled, least: float | None) -> Labelled:
    """Take the label from cells whose confidence is below a threshold; their confidence and distance stay.

    Parameters
    ----------
    found
        What a method gave.
    least
        The threshold; None for none. One that was found on the reference does not carry across species: find it by
        leaving a type out (``homodb evaluate --reference``).
    """
    if least is None:
        return found
    return replace(found, label=np.where(found.confidence < least, -1, found.label))


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
