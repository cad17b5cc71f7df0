"""How right numbers are that were carried: correlations and errors, beside calling every cell by the true mean."""

from __future__ import annotations

from dataclasses import dataclass
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

Values = npt.NDArray[np.float64]

#: Names of the measures, in the order in which :func:`agreement` gives them, and which way is better.
NAMES = {"pearson": 1, "spearman": 1, "r2": 1, "mean_absolute_error": -1}


def evaluate_numbers(
    adata: anndata.AnnData,
    *,
    truth: str,
    column: str,
    donor_key: str | None = None,
    resamples: int = 200,
    seed: int = 42,
) -> Evaluation:
    """Compare numbers with the truth.

    Parameters
    ----------
    adata, truth, column, donor_key, resamples, seed
        As :func:`homodb.evaluate` takes them.

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
    if truth == column:
        raise AnnotationError(f"truth and prediction are both obs[{truth!r}]; name two columns (--truth, --predicted)")
    told = _judged(adata, truth, column)
    judged = told.judged
    if judged.sum() < 2:
        raise AnnotationError(
            f"fewer than two cells can be judged: of {len(judged):,}, {int(told.untold.sum()):,} have no true number,"
            f" {int(told.seen.sum()):,} were shown to the method, and {int(told.ungiven.sum()):,} were given none"
        )
    obs = ObsColumns(adata.obs, AnnotationError)
    donor = None if donor_key is None else obs.partial_codes(donor_key, "donors", option="donor_key")
    drawn = Draws(Coded(np.zeros(len(judged), np.int64), ("query",)), donor, resamples, seed)
    found = resampled(lambda weight: agreement(told.true[judged], told.given[judged], weight[judged]), drawn)
    mean = np.full(int(judged.sum()), told.true[judged].mean())
    rows = {"this annotation": found.value, "true mean": agreement(told.true[judged], mean)}
    notes = (f"{int(told.ungiven.sum()):,} cells were given no number: not among them",) if told.ungiven.any() else ()
    return Evaluation(
        column=column, truth=truth, cells=int(judged.sum()), outside=0, seen=int(told.seen.sum()),
        untold=int(told.untold.sum()),
        numbers={name: found.number(at, better=better) for at, (name, better) in enumerate(NAMES.items())},
        rows=pl.DataFrame([
            {"row": name, **dict(zip(NAMES, values.tolist(), strict=True))} for name, values in rows.items()
        ]).fill_nan(None),
        pairs=pl.DataFrame({"truth": told.true[judged], "predicted": told.given[judged]}),
        intervals=drawn.kind if resamples else "none", notes=notes,
    )  # fmt: skip


def agreement(true: Values, given: Values, weight: Values | None = None) -> Values:
    """Return the measures that `NAMES` names, of cells that weigh so much (1 by default); NaN for what cannot be told.

    Examples
    --------
    >>> agreement(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 5.0])).round(3).tolist()
    [0.982, 1.0, -2.0, 1.333]
    """
    share = np.ones(len(true)) if weight is None else weight
    if share.sum() == 0:
        return np.full(len(NAMES), np.nan)
    centred = true - np.average(true, weights=share)
    total = float((share * centred**2).sum())
    explained = 1 - float((share * (true - given) ** 2).sum()) / total if total > 0 else float("nan")
    return np.array([
        _correlation(true, given, share), _correlation(_ranks(true, share), _ranks(given, share), share), explained,
        np.average(np.abs(true - given), weights=share),
    ])  # fmt: skip


def _correlation(one: Values, other: Values, weight: Values) -> float:
    centred = []
    for values in (one, other):
        apart = values - np.average(values, weights=weight)
        spread = np.sqrt(np.average(apart**2, weights=weight))
        if spread <= _ROUNDING * np.abs(values).max():
            return float("nan")  # what is left of equal values by rounding is no variance
        centred.append(apart / spread)
    return float(np.average(centred[0] * centred[1], weights=weight))


_ROUNDING = 1e-12


def _ranks(values: Values, weight: Values) -> Values:
    """Return the mean rank of each value, a cell of weight 2 counting as two cells."""
    _, level = np.unique(values, return_inverse=True)
    many = np.bincount(level, weight)
    return np.asarray((np.cumsum(many) - many + many / 2)[level], np.float64)


@dataclass(frozen=True)
class _Judged:
    true: Values
    given: Values
    seen: npt.NDArray[np.bool_]

    @property
    def untold(self) -> npt.NDArray[np.bool_]:
        return np.isnan(self.true)

    @property
    def ungiven(self) -> npt.NDArray[np.bool_]:
        return np.isnan(self.given) & ~self.untold & ~self.seen

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        return ~(self.untold | self.ungiven | self.seen)


def _judged(adata: anndata.AnnData, truth: str, column: str) -> _Judged:
    obs = ObsColumns(adata.obs, AnnotationError)
    true, given = obs.numbers(truth, option="truth"), obs.numbers(column, option="predicted")
    seen = np.zeros(len(true), np.bool_)
    if f"{column}_seen" in adata.obs:
        seen = adata.obs[f"{column}_seen"].to_numpy().astype(np.bool_) & np.isfinite(true)
    return _Judged(true, given, seen)
