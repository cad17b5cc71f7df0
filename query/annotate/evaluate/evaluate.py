"""Compare the labels of an annotated AnnData with the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.annotate import ENTRY
from homodb.query.annotate.evaluate.measures import (
    METRICS,
    auroc,
    calibration,
    evaluate_numbers,
)
from homodb.query.annotate.evaluate.result import Evaluation
from homodb.query.annotate.labels import UNKNOWN, LabelMap, mapped, read_labels
from homodb.query.annotate.options import AnnotateOptions, stored_options
from homodb.query.annotate.read import AnnotationInput, prepare, some_cells
from homodb.query.cells import Cells, Coded, ObsColumns, load_cells
from homodb.query.release import ReleaseFile, use_release
from homodb.query.score import Draws, Number, classification_metrics, majority_table, random_table, resampled
from homodb.query.settings import progress_bar
from homodb.schema.errors import AnnotationError, TranslationError
from homodb.schema.io import check_folder, check_there

if TYPE_CHECKING:
    import anndata

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

#: Share of the cells with a type in the reference that stay above a threshold.
KEPT = 0.95

SCHEMA = {
    "type": pl.String, "cells": pl.Int64, "auroc_confidence": pl.Float64, "auroc_distance": pl.Float64,
    "threshold": pl.Float64, "found": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True)
class EvaluatedCells:
    """True and predicted types of all cells."""

    true: tuple[str | None, ...]
    predicted: tuple[str, ...]  # ``unknown`` if the method gave no label
    types: tuple[str, ...]  # true types of judged cells, sorted
    others: tuple[str, ...]  # other labels that were predicted for them, sorted
    confidence: Floats
    distance: Floats
    outside: Mask  # cells of types that the reference lacks
    shown: Mask  # cells that the method was shown with their label
    unlabelled: Mask  # cells without a true type
    donor: Coded | None  # None if no column was named

    @property
    def judged(self) -> Mask:
        """Mask of the cells that count in measures of agreement."""
        return ~(self.outside | self.shown | self.unlabelled)

    @property
    def is_right(self) -> Mask:
        """Mask of the cells with the true label."""
        pairs = zip(self.true, self.predicted, strict=True)
        return np.array([one is not None and one == two for one, two in pairs], np.bool_)

    @property
    def uncertainty(self) -> Floats:
        """1 - confidence; cells without one are the least certain, but all are NaN if no cell has any."""
        finite = np.isfinite(self.confidence)
        return 1 - np.where(finite, self.confidence, 0.0) if finite.any() else self.confidence

    @cached_property
    def codes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows of the judged cells, and the cell of the confusion table that each belongs to."""
        number = {name: code for code, name in enumerate((*self.types, *self.others))}
        rows = np.flatnonzero(self.judged)
        place = [number[str(self.true[row])] * len(number) + number[self.predicted[row]] for row in rows.tolist()]
        return rows, np.array(place, np.int64)

    def table(self, weight: Floats | None = None) -> Floats:
        """Count judged cells by true type and predicted label: shape (types, types + others)."""
        rows, place = self.codes
        size = (len(self.types), len(self.types) + len(self.others))
        weights = None if weight is None else weight[rows]
        return np.bincount(place, weights, size[0] * size[1]).astype(np.float64).reshape(size)

    def measured(self, weight: Floats) -> Floats:
        """Return the measures, and the AUROC of uncertainty and distance for types that the reference lacks."""
        counted = self.judged | self.outside
        apart = [
            auroc(score[counted], self.outside[counted], weight[counted]) for score in (self.uncertainty, self.distance)
        ]
        return np.concatenate([classification_metrics(self.table(weight)).values(METRICS), apart])


def read_cells(
    adata: anndata.AnnData, *, truth: str, column: str, donor_key: str | None, meaning: LabelMap,
    reference_types: set[str] | None,
) -> EvaluatedCells:  # fmt: skip
    """Read true types, mapped as labels of the query, and predicted ones, mapped as labels of the reference.

    Raises
    ------
    AnnotationError
        If a column is missing or both are the same, or no cell can be judged.
    """
    _check_two(truth, column)
    for name, option in ((truth, "truth"), (column, "predicted")):
        if name in adata.obs and adata.obs[name].dtype.kind == "f":
            raise AnnotationError(
                f"obs[{name!r}] holds numbers; name columns of cell types, or use numeric to judge numbers",
                option=option,
            )
    obs = ObsColumns(adata.obs, AnnotationError)
    true = mapped(obs.texts(truth, option="truth"), meaning.query)
    predicted = tuple(one or UNKNOWN for one in mapped(obs.texts(column, option="predicted"), meaning.reference))
    unlabelled = np.array([one is None for one in true], np.bool_)
    shown = shown_cells(adata, column, ~unlabelled)
    outside = np.zeros(len(true), np.bool_)
    if reference_types is not None:
        outside = np.array([one not in reference_types for one in true], np.bool_) & ~unlabelled & ~shown
    judged = ~(unlabelled | shown | outside)
    if not judged.any():
        raise AnnotationError(
            f"no cell can be judged: of {len(true):,}, {int(unlabelled.sum()):,} have no true type,"
            f" {int(shown.sum()):,} were shown to the method, and the types of {int(outside.sum()):,} are not in the"
            " reference; if the two sides name types differently, map them with labels", option="labels",
        )  # fmt: skip
    rows = np.flatnonzero(judged).tolist()
    types = sorted({str(true[row]) for row in rows})
    others = sorted({predicted[row] for row in rows} - set(types))
    confidence, distance = (
        adata.obs[name].to_numpy(np.float64) if name in adata.obs else np.full(adata.n_obs, np.nan)
        for name in (f"{column}_confidence", f"{column}_distance")
    )
    donor = None
    if donor_key is not None:
        texts = [text or "" for text in obs.texts(donor_key, "donors", option="donor_key")]
        names, code = np.unique(np.array(texts), return_inverse=True)
        donor = Coded(code.astype(np.int64), tuple(names.tolist()))
    return EvaluatedCells(
        true, predicted, tuple(types), tuple(others), confidence, distance, outside, shown, unlabelled, donor
    )


def leave_out(
    prepared: AnnotationInput, options: AnnotateOptions, truth: Sequence[str | None], judged: Mask,
    progress: Callable[[str], None] = lambda step: None,
) -> pl.DataFrame:  # fmt: skip
    """Annotate again without each type that the query has, and measure whether its cells stand out.

    Returns
    -------
    polars.DataFrame
        A row for each type left out: ``type``; ``cells`` of it in the query; ``auroc_confidence`` and
        ``auroc_distance``, the chance that a cell of it has less confidence, or lies farther, than one whose type is
        still in the reference; ``threshold``, the confidence that 95 % of those reach; ``found``, the share of its
        cells that fall below. NaN if the query has no other cells. A reference that would be left with one type is not
        tried.
    """
    task, rows = prepared.task, np.flatnonzero(prepared.used)
    if any(task.parameters.get(name) is not None for name in ("network", "tron.network")):
        raise AnnotationError(
            "the networks were trained before, and cannot forget a type; leave the reference out", option="reference"
        )
    # the models of the annotation itself are not written again
    parameters = {
        name: None if name.rpartition(".")[2] in ("trained", "tuned") else value
        for name, value in task.parameters.items()
    }
    types = np.unique(task.reference.label)
    true = np.array([truth[row] for row in rows.tolist()], dtype=object)
    counted = judged[rows] & np.isin(true, [task.labels[one] for one in types])
    table = []
    for one in types.tolist() if len(types) > 2 else []:
        positive = counted & (true == task.labels[one])
        if not positive.any():
            continue
        progress(f"without {task.labels[one]}")
        lessened = some_cells(task.reference, task.reference.label != one)
        labelled = options.annotation_method.run(
            replace(task, reference=lessened, parameters=parameters, progress=lambda step: None)
        )
        uncertainty = 1 - np.where(np.isfinite(labelled.confidence), labelled.confidence, 0.0)
        rest = counted & ~positive
        threshold = float(np.quantile(1 - uncertainty[rest], 1 - KEPT)) if rest.any() else float("nan")
        table.append((
            task.labels[one], int(positive.sum()), auroc(uncertainty[counted], positive[counted]),
            auroc(labelled.distance[counted], positive[counted]), threshold,
            float((1 - uncertainty[positive] < threshold).mean()) if rest.any() else float("nan"),
        ))  # fmt: skip
    return pl.DataFrame(table, schema=SCHEMA, orient="row")


def evaluate(
    adata: Cells,
    *,
    truth: str,
    predicted: str | None = None,
    donor_key: str | None = None,
    reference: Cells | None = None,
    labels: str | Path | None = None,
    release: str | Path | ReleaseFile | None = None,
    numeric: bool | None = None,
    n_resamples: int = 200,
    random_state: int = 42,
    progress: Callable[[str], None] | bool | None = None,
) -> Evaluation:
    """Compare labels with the truth.

    Parameters
    ----------
    adata
        Cells annotated by :func:`homodb.annotate`: an AnnData, or the path of an h5ad file or zarr store.
    truth
        Key in ``adata.obs`` that holds the true types. Cells without one are left out.
    predicted
        Key in ``adata.obs`` that holds the labels; by default that of the annotation.
    donor_key
        Key in ``adata.obs`` that holds the donors, over which intervals resample; without one, or with one donor,
        over cells, which says nothing about the next donor.
    reference
        The reference: then each type is left out of it in turn and the cells are annotated again.
    labels
        File that maps labels with the same meaning to each other; by default that of the annotation.
    release
        Release for use with a reference: open, or what :func:`homodb.open` takes.
    numeric
        Whether the columns hold numbers; by default as the annotation noted in uns. See
        :func:`homodb.query.annotate.evaluate.measures.evaluate_numbers` for their measures.
    n_resamples
        Number of draws for the intervals; 0 for none.
    random_state
        Seed of the draws.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the name of each
        step.

    Returns
    -------
    Evaluation
        Cells whose true type the reference lacks do not count in measures of agreement: no label could be right. They
        enter ``auroc_confidence`` and ``auroc_distance``.

    Raises
    ------
    AnnotationError
        If a column is missing, no cell can be judged, or there is a reference and uns does not say how the cells were
        annotated.

    Examples
    --------
    >>> import homodb
    >>> homodb.evaluate(labelled, truth="cell_type").numbers["kappa"]  # doctest: +SKIP
    """
    with progress_bar(progress, "evaluate") as show:
        return _evaluate(
            load_cells(adata), truth=truth, predicted=predicted, donor_key=donor_key,
            reference=None if reference is None else load_cells(reference), labels=labels, release=release,
            numeric=numeric, n_resamples=n_resamples, random_state=random_state, progress=show,
        )  # fmt: skip


def _evaluate(
    adata: anndata.AnnData, *, truth: str, predicted: str | None, donor_key: str | None,
    reference: anndata.AnnData | None, labels: str | Path | None, release: str | Path | ReleaseFile | None,
    numeric: bool | None, n_resamples: int, random_state: int, progress: Callable[[str], None],
) -> Evaluation:  # fmt: skip
    column, entry = _column(adata, predicted)
    if numeric or (numeric is None and _setting(entry, "numeric") is not None):
        if reference is not None or labels is not None:
            option = "labels" if reference is None else "reference"
            raise AnnotationError(
                f"{option} is about cell types, and obs[{column!r}] holds numbers; leave it out", option=option
            )
        _check_two(truth, column)
        progress("measures, and their intervals")
        return evaluate_numbers(
            adata, truth=truth, column=column, donor_key=donor_key, n_resamples=n_resamples, random_state=random_state,
            shown=shown_cells(adata, column),
        )  # fmt: skip
    path = labels if labels is not None else _setting(entry, "labels")
    meaning = LabelMap() if path is None else read_labels(path)
    # an annotation that used a map has left labels that are mapped already
    already = {} if _setting(entry, "labels") is not None else meaning.reference
    named = mapped([str(one) for one in entry.get("reference_labels", ())], already)
    reference_types = set(filter(None, named)) or None
    cells = read_cells(
        adata, truth=truth, column=column, donor_key=donor_key, meaning=LabelMap(meaning.query, already),
        reference_types=reference_types,
    )  # fmt: skip
    judged = cells.judged
    progress("measures, and their intervals")
    draws = Draws(Coded(np.zeros(len(judged), np.int64), ("query",)), cells.donor, n_resamples, random_state)
    values = resampled(cells.measured, draws)
    numbers = {name: values.number(at) for at, name in enumerate((*METRICS, "auroc_confidence", "auroc_distance"))}
    curve, error = calibration(cells.confidence[judged], cells.is_right[judged])
    numbers["calibration_error"] = Number(error, better=-1)
    left_out = None
    if reference is not None:
        left_out = _left_out(adata, reference, entry, cells, release, progress)
    return Evaluation(
        column=column, truth=truth, cells=int(judged.sum()), outside=int(cells.outside.sum()),
        shown=int(cells.shown.sum()), unlabelled=int(cells.unlabelled.sum()), numbers=numbers,
        rows=_baselines(cells, entry), types=_types(cells), confusion=_confusion(cells), calibration=curve,
        left_out=left_out, intervals=draws.kind if n_resamples else "none",
        notes=_notes(cells, entry, reference_types),
    )  # fmt: skip


def _check_two(truth: str, column: str) -> None:
    if truth == column:
        raise AnnotationError(f"truth and prediction are both obs[{truth!r}]; name two columns", option="predicted")


def shown_cells(adata: anndata.AnnData, column: str, among: Mask | None = None) -> Mask:
    """Return a mask of the cells that the method was shown with their label."""
    if f"{column}_seen" not in adata.obs:
        return np.zeros(adata.n_obs, np.bool_)
    shown: Mask = adata.obs[f"{column}_seen"].to_numpy().astype(np.bool_)
    return shown if among is None else shown & among


def _column(adata: anndata.AnnData, predicted: str | None) -> tuple[str, Mapping[str, Any]]:
    """Return the column to judge, and its entry in uns."""
    own = adata.uns.get("homodb", {})
    entries: Mapping[str, Any] = own.get(ENTRY, {}) if hasattr(own, "get") else {}
    if predicted is None:
        columns = [one for one in entries if one in adata.obs]
        if not columns:
            raise AnnotationError(
                "homodb annotate left no labels in this file; give the file that it wrote, or name their column",
                option="predicted",
            )
        if len(columns) > 1:
            raise AnnotationError(
                f"there are labels in several columns: {', '.join(columns)}; name one", option="predicted"
            )
        predicted = columns[0]
    return predicted, entries.get(predicted, {})


def _setting(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get("settings", {}).get(name)
    return None if value is None else str(value)


def _baselines(cells: EvaluatedCells, entry: Mapping[str, Any]) -> pl.DataFrame:
    """Return the measures beside those of the majority class and of labels drawn at random."""
    table = cells.table()
    size = table.sum(axis=1)
    share = size / size.sum()
    names, sizes = entry.get("reference_labels", ()), entry.get("reference_cells", ())
    if len(names):
        number = {str(name): float(one) for name, one in zip(names, sizes, strict=True)}
        share = np.array([number.get(name, 0.0) for name in cells.types]) / sum(number.values())
        share = np.append(share, 1 - share.sum())  # labels that no judged cell has
    tables = {"this annotation": table, "majority class": majority_table(size), "random": random_table(size, share)}
    values = {name: classification_metrics(one).values(METRICS).tolist() for name, one in tables.items()}
    return pl.DataFrame([{"row": name, **dict(zip(METRICS, one, strict=True))} for name, one in values.items()])


def _types(cells: EvaluatedCells) -> pl.DataFrame:
    table = cells.table()
    metrics = classification_metrics(table)
    return pl.DataFrame({
        "type": list(cells.types), "cells": table.sum(axis=1).astype(np.int64),
        "predicted": table.sum(axis=0)[: len(cells.types)].astype(np.int64),
        "precision": metrics.precision, "recall": metrics.recall, "f1": metrics.f1,
    }).filter(pl.col("cells") > 0)  # fmt: skip


def _confusion(cells: EvaluatedCells) -> pl.DataFrame:
    frame = pl.DataFrame({
        "truth": pl.Series(cells.true, dtype=pl.String), "predicted": pl.Series(cells.predicted, dtype=pl.String),
    })  # fmt: skip
    kept = frame.filter(pl.Series(cells.judged | cells.outside))
    return kept.group_by("truth", "predicted").agg(cells=pl.len().cast(pl.Int64)).sort("truth", "predicted")


def _notes(cells: EvaluatedCells, entry: Mapping[str, Any], reference_types: set[str] | None) -> tuple[str, ...]:
    notes = []
    if reference_types is None:
        notes.append("uns does not name the types of the reference: all true types are taken as possible")
    elif cells.outside.any():
        lacking = sorted({str(one) for one, out in zip(cells.true, cells.outside.tolist(), strict=True) if out})
        notes.append(f"the reference has no {', '.join(lacking)}")
    absent = sorted((reference_types or set()) - {one for one in cells.true if one})
    if absent:
        notes.append(f"no cell of the query is truly {', '.join(absent)}, of which the reference has cells")
    if _setting(entry, "query_label_key") is not None and not cells.shown.any():
        notes.append("labels of the query were learned from, and obs does not mark these cells")
    return tuple(notes)


def _left_out(
    adata: anndata.AnnData, reference: anndata.AnnData, entry: Mapping[str, Any], cells: EvaluatedCells,
    release: str | Path | ReleaseFile | None, progress: Callable[[str], None],
) -> pl.DataFrame:  # fmt: skip
    options = stored_options(entry)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        prepared = prepare(opened, adata, reference, options, progress)
        types = {prepared.task.labels[one] for one in np.unique(prepared.task.reference.label).tolist()}
        named = {str(one) for one in entry.get("reference_labels", ())}
        if named and types != named:
            parts = ((sorted(named - types), "it had"), (sorted(types - named), "this one has"))
            difference = "; ".join(f"{who} {', '.join(names)}" for names, who in parts if names)
            raise AnnotationError(
                f"the cells were annotated from a reference of other types than this one: {difference};"
                " give the one that was used", option="reference",
            )  # fmt: skip
        return leave_out(prepared, options, cells.true, cells.judged, progress)


def evaluate_file(
    path: str | Path,
    *,
    truth: str,
    predicted: str | None = None,
    donor_key: str | None = None,
    reference: str | Path | None = None,
    labels: str | Path | None = None,
    release: str | Path | ReleaseFile | None = None,
    numeric: bool | None = None,
    n_resamples: int = 200,
    random_state: int = 42,
    figures: Path | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> Evaluation:
    """Evaluate the labels in a file; other parameters are those of :func:`homodb.evaluate`.

    Parameters
    ----------
    path, reference
        Files of cells annotated by ``homodb annotate``, and of the reference (h5ad or zarr).
    figures
        Folder to draw to.

    Raises
    ------
    TranslationError
        If a file does not exist, or is not an AnnData.
    AnnotationError, OutputError
        As :func:`homodb.evaluate` raises it, or if drawings cannot be written.
    """
    check_there(Path(path), None if reference is None else Path(reference), error=TranslationError)
    if figures is not None:
        check_folder(figures)
    evaluation = evaluate(
        path, truth=truth, predicted=predicted, donor_key=donor_key, reference=reference,
        labels=labels, release=release, numeric=numeric, n_resamples=n_resamples, random_state=random_state,
        progress=progress,
    )  # fmt: skip
    if figures is not None:
        evaluation.write_figures(figures)
    return evaluation
