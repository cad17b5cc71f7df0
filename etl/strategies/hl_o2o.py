"""HL_O2O: a one-to-one choice by both kinds of evidence."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import COLUMNS, finished, ordered, taken, tied_by
from homodb.etl.strategies.hm_o2o import hm_o2o
from homodb.etl.strategies.lm_o2o import lm_o2o


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
    return choose(hm_o2o(evidence, parameters), lm_o2o(evidence, parameters), evidence, parameters)


def choose(hm: pl.DataFrame, lm: pl.DataFrame, evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return HL_O2O's choice among given rows of HM_O2O and of LM_O2O.

    Parameters
    ----------
    hm, lm
        Answers of the two strategies.
    evidence
        The medians that stand in for missing values come from here.
    parameters
        Weights of identity and correlation.
    """
    median_correlation = evidence.embedding.median if evidence.embedding else None
    union = pl.concat([lm, hm]).unique(["gene_a", "gene_b"], keep="first", maintain_order=True)
    identity = _scaled(union["identity"], evidence.median_identity)
    correlation = _scaled(union["correlation"], median_correlation)
    scored = union.with_columns(
        score=pl.Series(parameters.identity_weight * identity + parameters.correlation_weight * correlation)
    )
    candidates = ordered(
        scored.with_columns(tied=tied_by(pl.col("confidence").fill_null(0), pl.col("score"))),
        (pl.col("confidence").fill_null(0), True),
        (pl.col("score"), True),
        (pl.col("gene_a"), False),
        (pl.col("gene_b"), False),
    )
    return taken(finished(candidates))


def _scaled(values: pl.Series, stand_in: float | None) -> npt.NDArray[np.float64]:
    """Min-max scale with a stand-in for missing values; what is constant, or stays unknown, gives 0.5.

    By numpy, since polars divides by a constant as if it multiplied by its reciprocal, which is off by a rounding.
    """
    known = values.fill_null(np.nan if stand_in is None else stand_in).to_numpy()
    there = known[~np.isnan(known)]
    if there.size == 0 or there.min() == there.max():
        return np.full(known.shape, 0.5)
    low, high = there.min(), there.max()
    return np.where(np.isnan(known), 0.5, (known - low) / (high - low))
