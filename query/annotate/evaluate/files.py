"""Evaluates a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homodb.query.annotate.evaluate.evaluate import evaluate
from homodb.query.annotate.evaluate.figures import write_figures
from homodb.query.annotate.evaluate.result import Evaluation
from homodb.query.annotate.files import read_cells


def evaluate_file(
    path: str | Path, *, truth: str, reference: str | Path | None = None, figures: Path | None = None, **choices: Any
) -> Evaluation:
    """Evaluate the labels that a file holds.

    Parameters
    ----------
    path
        Cells as ``homodb annotate`` left them (h5ad or zarr).
    truth
        Column of obs with the true types.
    reference
        File of the reference, to leave each type out of it in turn.
    figures
        Folder to draw to.
    **choices
        See :func:`homodb.evaluate`.

    Raises
    ------
    AnnotationError, OutputError
        As :func:`homodb.evaluate` raises it, or if drawings cannot be written.
    """
    atlas = None if reference is None else read_cells(Path(reference))
    told = evaluate(read_cells(Path(path)), truth=truth, reference=atlas, **choices)
    if figures is not None:
        write_figures(told, figures)
    return told
