"""``homodb.evaluate``: an annotated AnnData and the truth in, how right it is out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.annotate import ENTRY
from homodb.query.annotate.evaluate.judged import EvaluatedCells, judge
from homodb.query.annotate.evaluate.measures import NAMES, auroc, majority_table, measures, random_table
from homodb.query.annotate.evaluate.numbers import evaluate_numbers
from homodb.query.annotate.evaluate.result import Evaluation, calibration
from homodb.query.annotate.labels import LabelMap, mapped, read_labels
from homodb.query.annotate.options import Choices, choices_of
from homodb.query.annotate.read import AnnotationInput, prepare, some_cells
from homodb.query.cells import Coded, read_anndata, with_tables
from homodb.query.release import ReleaseFile, use_release
from homodb.query.score import Draws, Number, resampled
from homodb.schema.errors import AnnotationError, TranslationError
from homodb.schema.io import check_folder, check_there

if TYPE_CHECKING:
    import anndata

#: A threshold is set so that this share of the cells that have a type in the reference stay above it.
KEPT = 0.95

SCHEMA = {
    "type": pl.String, "cells": pl.Int64, "auroc_confidence": pl.Float64, "auroc_distance": pl.Float64,
    "threshold": pl.Float64, "found": pl.Float64,
}  # fmt: skip


def leave_out(
    prepared: AnnotationInput,
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


def evaluate(
    adata: anndata.AnnData,
    *,
    truth: str,
    predicted: str | None = None,
    donor_key: str | None = None,
    reference: anndata.AnnData | None = None,
    labels: str | Path | None = None,
    release: str | Path | ReleaseFile | None = None,
    numeric: bool | None = None,
    resamples: int = 200,
    seed: int = 42,
    report: Callable[[str], None] = lambda step: None,
) -> Evaluation:
    """Compare labels with the truth.

    Parameters
    ----------
    adata
        Cells as :func:`homodb.annotate` left them.
    truth
        Column of obs with the true types. Cells without one are left aside.
    predicted
        Column with the labels; by default the one that an annotation left.
    donor_key
        Column of obs with donors, over which intervals resample; without one, or with one donor, over cells, which
        says nothing about the next donor.
    reference
        The reference: then each type is left out of it in turn and the cells are annotated anew.
    labels
        File that says what labels mean; by default the one that was used to annotate.
    release
        Used with a reference: an open release, or what :func:`homodb.open` takes.
    numeric
        Whether the columns hold numbers; by default what uns tells of the annotation. Then see
        :func:`homodb.query.annotate.evaluate.numbers.evaluate_numbers` for what is measured.
    resamples
        Draws for intervals; 0 for none.
    seed
        Of the draws.
    report
        Called with the name of each step as it begins.

    Returns
    -------
    Evaluation
        Cells whose true type the reference lacks do not count in measures of agreement: no label could be right. They
        are what ``auroc_confidence`` and ``auroc_distance`` are about.

    Raises
    ------
    AnnotationError
        If a column is missing, no cell can be judged, or the reference is asked for and uns does not tell how the
        cells were annotated.

    Examples
    --------
    >>> import homodb
    >>> homodb.evaluate(labelled, truth="cell_type").numbers["kappa"]  # doctest: +SKIP
    """
    adata = with_tables(adata)
    column, entry = _column(adata, predicted)
    if numeric or (numeric is None and _setting(entry, "numeric") is not None):
        if reference is not None or labels is not None:
            option = "--labels" if reference is None else "--reference"
            raise AnnotationError(f"{option} is about cell types, and obs[{column!r}] holds numbers; leave it out")
        report("measures, and their intervals")
        return evaluate_numbers(adata, truth=truth, column=column, donor_key=donor_key, resamples=resamples, seed=seed)
    path = labels if labels is not None else _setting(entry, "labels")
    meaning = LabelMap() if path is None else read_labels(path)
    # an annotation that used a map has left labels that are mapped already
    already = {} if _setting(entry, "labels") is not None else meaning.reference
    known = set(filter(None, mapped([str(one) for one in entry.get("reference_labels", ())], already))) or None
    told = judge(
        adata, truth=truth, column=column, donor_key=donor_key, meaning=LabelMap(meaning.query, already), known=known
    )
    judged = told.cells_judged
    report("measures, and their intervals")
    drawn = Draws(Coded(np.zeros(len(judged), np.int64), ("query",)), told.donor, resamples, seed)
    found = resampled(lambda weight: _values(told, weight), drawn)
    numbers = {name: found.number(at) for at, name in enumerate((*NAMES, "auroc_confidence", "auroc_distance"))}
    curve, error = calibration(told.confidence[judged], told.right[judged])
    numbers["calibration_error"] = Number(error, better=-1)
    left_out = None
    if reference is not None:
        left_out = _left_out(adata, reference, entry, told, release, report)
    return Evaluation(
        column=column, truth=truth, cells=int(judged.sum()), outside=int(told.outside.sum()),
        seen=int(told.seen.sum()), untold=int(told.untold.sum()),
        numbers=numbers,
        rows=_rows(told, entry), types=_types(told), confusion=_confusion(told), calibration=curve, left_out=left_out,
        intervals=drawn.kind if resamples else "none", notes=_notes(told, entry, known),
    )  # fmt: skip


def annotated_columns(adata: anndata.AnnData) -> Mapping[str, Any]:
    """Return what uns tells of annotations, by the column that they made."""
    own = adata.uns.get("homodb", {})
    told: Mapping[str, Any] = own.get(ENTRY, {}) if hasattr(own, "get") else {}
    return told


def _column(adata: anndata.AnnData, predicted: str | None) -> tuple[str, Mapping[str, Any]]:
    """Return the column to judge, and what uns tells of it."""
    told = annotated_columns(adata)
    if predicted is None:
        there = [one for one in told if one in adata.obs]
        if not there:
            raise AnnotationError(
                "homodb annotate left no labels in this file; give the file that it wrote, or name their column "
                "(--predicted)"
            )
        if len(there) > 1:
            raise AnnotationError(
                f"which labels are meant? There are: {', '.join(there)}; name their column (--predicted)"
            )
        predicted = there[0]
    return predicted, told.get(predicted, {})


def _setting(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get("settings", {}).get(name)
    return None if value is None else str(value)


def _values(told: EvaluatedCells, weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the measures, and how well unsureness and distance tell cells of types that the reference lacks."""
    known = told.cells_judged | told.outside
    # cells without a confidence are the least sure ones; where no cell has any, nothing is told
    unsure = 1 - np.where(np.isfinite(told.confidence), told.confidence, 0.0)
    unsure = unsure if np.isfinite(told.confidence).any() else told.confidence
    apart = [auroc(score[known], told.outside[known], weight[known]) for score in (unsure, told.distance)]
    return np.concatenate([measures(told.table(weight)).values, apart])


def _rows(told: EvaluatedCells, entry: Mapping[str, Any]) -> pl.DataFrame:
    """Return the measures beside those of the majority class and of labels drawn at random."""
    table = told.table()
    size = table.sum(axis=1)
    share = size / size.sum()
    names, cells = entry.get("reference_labels", ()), entry.get("reference_cells", ())
    if len(names):
        number = {str(name): float(one) for name, one in zip(names, cells, strict=True)}
        share = np.array([number.get(name, 0.0) for name in told.types]) / sum(number.values())
        share = np.append(share, 1 - share.sum())  # labels that no judged cell has
    made = {"this annotation": table, "majority class": majority_table(size), "random": random_table(size, share)}
    return pl.DataFrame(
        [{"row": name, **dict(zip(NAMES, measures(one).values.tolist(), strict=True))} for name, one in made.items()]
    )


def _types(told: EvaluatedCells) -> pl.DataFrame:
    table = told.table()
    found = measures(table)
    return pl.DataFrame({
        "type": list(told.types), "cells": table.sum(axis=1).astype(np.int64),
        "predicted": table.sum(axis=0)[: len(told.types)].astype(np.int64),
        "precision": found.precision, "recall": found.recall, "f1": found.f1,
    }).filter(pl.col("cells") > 0)  # fmt: skip


def _confusion(told: EvaluatedCells) -> pl.DataFrame:
    frame = pl.DataFrame({
        "truth": pl.Series(told.true, dtype=pl.String), "predicted": pl.Series(told.given, dtype=pl.String),
    })  # fmt: skip
    kept = frame.filter(pl.Series(told.cells_judged | told.outside))
    return kept.group_by("truth", "predicted").agg(cells=pl.len().cast(pl.Int64)).sort("truth", "predicted")


def _notes(told: EvaluatedCells, entry: Mapping[str, Any], known: set[str] | None) -> tuple[str, ...]:
    notes = []
    if known is None:
        notes.append("uns does not tell which types the reference had: all true types are taken as possible")
    elif told.outside.any():
        lacking = sorted({one for one, out in zip(told.true, told.outside.tolist(), strict=True) if out and one})
        notes.append(f"the reference has no {', '.join(lacking)}")
    unasked = sorted((known or set()) - {one for one in told.true if one})
    if unasked:
        notes.append(f"no cell of the query is truly {', '.join(unasked)}, of which the reference has cells")
    if _setting(entry, "query_label") is not None and not told.seen.any():
        notes.append("labels of the query were learned from, and obs does not tell of which cells")
    return tuple(notes)


def _differing(named: set[str], found: set[str]) -> str:
    parts = ((sorted(named - found), "it had"), (sorted(found - named), "this one has"))
    return "; ".join(f"{who} {', '.join(types)}" for types, who in parts if types)


def _left_out(
    adata: anndata.AnnData, reference: anndata.AnnData, entry: Mapping[str, Any], told: EvaluatedCells,
    release: str | Path | ReleaseFile | None, report: Callable[[str], None],
) -> pl.DataFrame:  # fmt: skip
    choices = choices_of(entry)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        prepared = prepare(opened, adata, reference, choices, report)
        found = {prepared.task.labels[one] for one in np.unique(prepared.task.reference.label).tolist()}
        named = {str(one) for one in entry.get("reference_labels", ())}
        if named and found != named:
            raise AnnotationError(
                f"the cells were annotated from a reference of other types than this one: {_differing(named, found)};"
                " give the one that was used (--reference)"
            )
        return leave_out(prepared, choices, told.true, told.cells_judged, report)


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
    atlas = None if reference is None else read_anndata(Path(reference))
    told = evaluate(read_anndata(Path(path)), truth=truth, reference=atlas, **choices)
    if figures is not None:
        told.write_figures(figures)
    return told
