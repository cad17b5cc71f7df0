"""Measure the agreement of labels and of numbers with the truth, and the calibration of confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.annotate.evaluate.result import Evaluation
from homodb.query.cells import Coded, ObsColumns
from homodb.query.score import Draws, resampled
from homodb.schema.errors import AnnotationError

if TYPE_CHECKING:
    import anndata

Floats = npt.NDArray[np.float64]

#: Differences below this are rounding.
_ROUNDING = 1e-12

#: Names of the measures of labels, and of numbers with the direction that is better.
METRICS = ("balanced_accuracy", "kappa", "accuracy", "macro_precision", "macro_recall", "macro_f1")
NUMERIC = {"pearson": 1, "spearman": 1, "r2": 1, "mean_absolute_error": -1}


def auroc(
    score: npt.NDArray[np.float64], positive: npt.NDArray[np.bool_], weight: npt.NDArray[np.float64] | None = None
) -> float:
    """Return the chance that a positive cell has a higher score than another one, ties counting half.

    Parameters
    ----------
    score, positive, weight
        Shape (cells,); weights are 1 by default. Cells whose score is NaN are left out.

    Returns
    -------
    float
        NaN where there are no cells of either kind.

    Examples
    --------
    >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    finite = np.isfinite(score)
    each = np.ones(len(score)) if weight is None else weight
    _, level = np.unique(score[finite], return_inverse=True)
    yes = np.bincount(level, np.where(positive, each, 0.0)[finite])
    no = np.bincount(level, np.where(positive, 0.0, each)[finite])
    pairs = yes.sum() * no.sum()
    if not pairs:
        return float("nan")
    lower = np.cumsum(no) - no
    return float((yes * (lower + no / 2)).sum() / pairs)


def calibration(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = 10
) -> tuple[pl.DataFrame, float]:
    """Compare confidence with the share of right cells, bin by bin.

    Parameters
    ----------
    confidence, right
        Shape (cells,); cells whose confidence is NaN are left out.
    bins
        Number of bins of equal width over 0 to 1.

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
    finite = np.isfinite(confidence)
    sure, good = confidence[finite], right[finite].astype(np.float64)
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


def evaluate_numbers(
    adata: anndata.AnnData, *, truth: str, column: str, shown: npt.NDArray[np.bool_], donor_key: str | None = None,
    n_resamples: int = 200, random_state: int = 42,
) -> Evaluation:  # fmt: skip
    """Compare numbers with the truth.

    Parameters
    ----------
    adata, truth, column, donor_key, n_resamples, random_state
        As :func:`homodb.evaluate` takes them.
    shown
        Mask of the cells that the method was shown.

    Returns
    -------
    Evaluation
        Numbers are ``pearson``, ``spearman``, ``r2`` (the share of the truth's variance that is explained; below 0
        where the true mean would do better) and ``mean_absolute_error``, in the unit of the truth; the tables of types
        are empty.

    Raises
    ------
    AnnotationError
        If a column is missing or holds no numbers, or fewer than two cells can be judged.
    """
    obs = ObsColumns(adata.obs, AnnotationError)
    true, predicted = obs.numbers(truth, option="truth"), obs.numbers(column, option="predicted")
    unlabelled = np.isnan(true)
    shown = shown & ~unlabelled
    missing = np.isnan(predicted) & ~unlabelled & ~shown
    judged = ~(unlabelled | missing | shown)
    if judged.sum() < 2:
        raise AnnotationError(
            f"fewer than two cells can be judged: of {len(judged):,}, {int(unlabelled.sum()):,} have no true number,"
            f" {int(shown.sum()):,} were shown to the method, and {int(missing.sum()):,} were given none"
        )
    donor = None if donor_key is None else obs.partial_codes(donor_key, "donors", option="donor_key")
    draws = Draws(Coded(np.zeros(len(judged), np.int64), ("query",)), donor, n_resamples, random_state)
    true, predicted = true[judged], predicted[judged]
    values = resampled(lambda weight: agreement(true, predicted, weight[judged]), draws)
    rows = {"this annotation": values.value, "true mean": agreement(true, np.full(len(true), true.mean()))}
    return Evaluation(
        column=column, truth=truth, cells=int(judged.sum()), outside=0, shown=int(shown.sum()),
        unlabelled=int(unlabelled.sum()),
        numbers={name: values.number(at, better=better) for at, (name, better) in enumerate(NUMERIC.items())},
        rows=pl.DataFrame([
            {"row": name, **dict(zip(NUMERIC, one.tolist(), strict=True))} for name, one in rows.items()
        ]).fill_nan(None),
        pairs=pl.DataFrame({"truth": true, "predicted": predicted}), intervals=draws.kind if n_resamples else "none",
        notes=(f"{int(missing.sum()):,} cells were given no number: not among them",) if missing.any() else (),
    )  # fmt: skip


def agreement(true: Floats, given: Floats, weight: Floats | None = None) -> Floats:
    """Return the measures that `NUMERIC` names, of cells with weights (1 by default); NaN if undefined.

    Examples
    --------
    >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 5.0])).round(3).tolist()
    [0.982, 1.0, -2.0, 1.333]
    """
    share = np.ones(len(true)) if weight is None else weight
    if share.sum() == 0:
        return np.full(len(NUMERIC), np.nan)
    centred = true - np.average(true, weights=share)
    total = float((share * centred**2).sum())
    explained = 1 - float((share * (true - given) ** 2).sum()) / total if total > 0 else float("nan")
    return np.array([
        _correlation(true, given, share), _correlation(_ranks(true, share), _ranks(given, share), share), explained,
        np.average(np.abs(true - given), weights=share),
    ])  # fmt: skip


def _correlation(one: Floats, other: Floats, weight: Floats) -> float:
    centred = []
    for values in (one, other):
        apart = values - np.average(values, weights=weight)
        spread = np.sqrt(np.average(apart**2, weights=weight))
        if spread <= _ROUNDING * np.abs(values).max():
            return float("nan")  # the rest of equal values by rounding is no variance
        centred.append(apart / spread)
    return float(np.average(centred[0] * centred[1], weights=weight))


def _ranks(values: Floats, weight: Floats) -> Floats:
    """Return the mean rank of each value, a cell of weight 2 counting as two cells."""
    _, level = np.unique(values, return_inverse=True)
    many = np.bincount(level, weight)
    return np.asarray((np.cumsum(many) - many + many / 2)[level], np.float64)
