"""Evaluates a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homodb.query.annotate.evaluate.evaluate import evaluate
from homodb.query.annotate.evaluate.result import Evaluation
from homodb.query.stored import read_whole
from homodb.schema.errors import TranslationError
from homodb.schema.files import check_folder, check_there


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
    TranslationError
        If a file is not there, or is no AnnData.
    AnnotationError, OutputError
        As :func:`homodb.evaluate` raises it, or if drawings cannot be written.
    """
    check_there(Path(path), None if reference is None else Path(reference), error=TranslationError)
    if figures is not None:
        check_folder(figures)
    atlas = None if reference is None else read_whole(Path(reference))
    told = evaluate(read_whole(Path(path)), truth=truth, reference=atlas, **choices)
    if figures is not None:
        told.write_figures(figures)
    return told
