"""HL_O2O: a one-to-one choice by both kinds of evidence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import COLUMNS, finished, ordered, taken, with_ties
from homodb.etl.strategies.hm_o2o import hm_candidates
from homodb.etl.strategies.lm_o2o import lm_candidates

_PAIR = ["gene_a", "gene_b"]


def hl_o2o(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return the greedy choice over the union of HM_O2O and LM_O2O.

    Identity and correlation are min-max scaled over the candidates, weighted and added; greedy by confidence
    (missing = 0), then by that sum, then by stable IDs. A missing identity counts as the median over all
    homologies of the two species, a missing correlation as the median of all their correlations: the reference's
    rule, with its traps (an imputed identity can outbid a real one). Without an embedding, or without any
    homology, the answer is empty.
    """
    if evidence.embedding is None or evidence.homologies.is_empty():
        return pl.DataFrame(schema=COLUMNS)
    hm, lm = finished(hm_candidates(evidence)), finished(lm_candidates(evidence, evidence.embedding))
    answers = (taken(hm), taken(lm))
    others = [
        frame.filter("tied").join(own, on=_PAIR, how="anti") for frame, own in zip((hm, lm), answers, strict=True)
    ]
    return choose(*answers, evidence, parameters, pl.concat(others))


def choose(
    hm: pl.DataFrame, lm: pl.DataFrame, evidence: Evidence, parameters: Parameters, others: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return HL_O2O's choice among given rows of HM_O2O and of LM_O2O.

    Parameters
    ----------
    hm, lm
        Answers of the two strategies.
    evidence
        The medians that stand in for missing values come from here.
    parameters
        Weights of identity and correlation.
    others
        Rows that the two strategies would give where ties were broken otherwise: never chosen, but what could lose
        to them is marked ``tied``.
    """
    median_correlation = evidence.embedding.median if evidence.embedding else None
    given = pl.concat([lm, hm])
    sure = given.filter(~pl.col("tied")).select(*_PAIR, _sure=pl.lit(value=True)).unique()
    own = given.unique(_PAIR, keep="first", maintain_order=True)
    more = given.clear() if others is None else others.unique(_PAIR).join(own, on=_PAIR, how="anti")
    union = pl.concat([own.with_columns(_given=pl.lit(value=True)), more.with_columns(_given=pl.lit(value=False))])
    identity = _scaled(union["identity"], evidence.median_identity, own.height)
    correlation = _scaled(union["correlation"], median_correlation, own.height)
    scored = union.with_columns(
        score=pl.Series(parameters.identity_weight * identity + parameters.correlation_weight * correlation)
    ).join(sure, on=_PAIR, how="left", maintain_order="left")
    merit = (pl.col("confidence").fill_null(0), pl.col("score"))
    candidates = ordered(
        scored, (merit[0], True), (merit[1], True), (pl.col("gene_a"), False), (pl.col("gene_b"), False)
    )
    marked = with_ties(candidates, *merit, unsure=pl.col("_sure").is_null())
    return taken(finished(marked.filter("_given")))


def _scaled(values: pl.Series, stand_in: float | None, first: int) -> npt.NDArray[np.float64]:
    """Min-max scale over the first values, with a stand-in for missing ones; what is constant or unknown gives 0.5.

    By numpy, since polars divides by a constant as if it multiplied by its reciprocal, which is off by a rounding.
    """
    known = values.fill_null(np.nan if stand_in is None else stand_in).to_numpy()
    there = known[:first][~np.isnan(known[:first])]
    if there.size == 0 or there.min() == there.max():
        return np.full(known.shape, 0.5)
    low, high = there.min(), there.max()
    return np.where(np.isnan(known), 0.5, (known - low) / (high - low))
