"""What comes out of an annotation: the account of it, and the query with its results."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.annotate.among import among
from homodb.query.annotate.labels import one_side_only
from homodb.query.annotate.options import Choices
from homodb.query.annotate.read import Prepared
from homodb.query.annotate.result import Annotation
from homodb.query.annotate.task import Labelled
from homodb.query.annotate.unknown import UNKNOWN
from homodb.query.in_memory import in_memory

if TYPE_CHECKING:
    import anndata

#: Entry of ``uns["homodb"]`` that tells of annotations, by the column that they made.
ENTRY = "annotation"

_PACKAGES = ("homodb", "anndata", "numpy", "scipy")


def account(prepared: Prepared, found: Labelled, choices: Choices, release: str) -> Annotation:
    """Say what was done.

    Parameters
    ----------
    prepared, found, choices
        The task, what the method gave, and how it was asked.
    release
        Version of the release.
    """
    from importlib.metadata import version

    task = prepared.task
    empty = int((~prepared.used).sum())
    notes = list(prepared.notes)
    if empty:
        left = "have no number" if choices.numeric else f"are labelled {UNKNOWN}"
        notes.append(f"{empty:,} cells of the query have no count of a known gene: they {left}")
    size = np.bincount(task.reference.label[task.reference.label >= 0], minlength=len(task.labels))
    only = None
    if prepared.query_named is not None and not choices.numeric:
        only = one_side_only(prepared.query_named, prepared.reference_named)
    return Annotation(
        label=choices.label, key=choices.key, method=choices.method, strategy=task.all_pairs.strategy, release=release,
        source=task.query.species.common_name, target=task.reference.species.common_name,
        parameters=dict(choices.parameters), settings=choices.told(), cells=len(prepared.used), empty=empty,
        unknown=empty + int(found.unknown.sum()),
        reference_labels={name: int(cells) for name, cells in zip(task.labels, size.tolist(), strict=True) if cells},
        found=_found(found, task.labels), numbers=_numbers(prepared, found), only=only, told=found.told,
        tables=found.tables, versions={one: version(one) for one in _PACKAGES}, notes=tuple(notes),
    )  # fmt: skip


def with_results(query: anndata.AnnData, prepared: Prepared, found: Labelled, told: Annotation) -> anndata.AnnData:
    """Return a copy of the query with the results; see :func:`homodb.annotate` for where they stand."""
    import pandas as pd

    held = in_memory(query)
    result = held.copy() if held is query else held
    rows = np.flatnonzero(prepared.used)
    cells = len(prepared.used)
    if found.number is None:
        label = np.full(cells, -1, np.int64)
        label[rows] = found.label
        names = [name for code, name in enumerate(prepared.task.labels) if (label == code).any()]
        text = np.array([*prepared.task.labels, UNKNOWN], object)[label]
        result.obs[told.column] = pd.Categorical(
            text, categories=[*names, *([UNKNOWN] if (label < 0).any() and UNKNOWN not in names else [])]
        )
    else:
        result.obs[told.column] = among(cells, rows, found.number)
    sureness = ("confidence", found.confidence) if found.spread is None else ("spread", found.spread)
    for name, values in (sureness, ("distance", found.distance)):
        result.obs[f"{told.column}_{name}"] = among(cells, rows, values)
    if prepared.query_named is not None:
        seen = np.zeros(cells, np.bool_)
        seen[rows] = prepared.task.query.known if found.seen is None else found.seen
        result.obs[f"{told.column}_seen"] = seen
    own = deepcopy(result.uns.get("homodb", {}))
    own[ENTRY] = {**own.get(ENTRY, {}), told.column: told.uns()}
    result.uns["homodb"] = own
    return result


def _found(found: Labelled, labels: tuple[str, ...]) -> pl.DataFrame:
    """Return what was found of each label."""
    names = np.array([*labels, None], object)
    given = pl.DataFrame({
        "label": pl.Series(names[found.label].tolist(), dtype=pl.String),
        "confidence": np.asarray(found.confidence, np.float64), "distance": np.asarray(found.distance, np.float64),
    })  # fmt: skip
    return (
        given.drop_nulls("label").group_by("label")
        .agg(cells=pl.len(), confidence=pl.col("confidence").mean(), distance=pl.col("distance").mean())
        .sort("cells", "label", descending=[True, False])
    )  # fmt: skip


def _numbers(prepared: Prepared, found: Labelled) -> pl.DataFrame | None:
    """Return how numbers are spread over the query's cells and over the reference's."""
    if found.number is None or prepared.task.reference.number is None:
        return None
    rows: list[dict[str, Any]] = []
    for side, values in (("query", found.number), ("reference", prepared.task.reference.number)):
        there = values[np.isfinite(values)]
        ends = np.quantile(there, [0, 0.25, 0.5, 0.75, 1]).tolist() if len(there) else [float("nan")] * 5
        rows.append({"side": side, "cells": len(there), **dict(zip(_QUANTILES, ends, strict=True))})
    return pl.DataFrame(rows)


_QUANTILES = ("least", "lower_quartile", "median", "upper_quartile", "greatest")
