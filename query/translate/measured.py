"""One-to-one strategies chosen anew among the genes that a file has: a partner that is not measured helps nobody."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.pairs import Pair
from homodb.schema.greedy import greedy
from homodb.schema.strategies import Strategy

#: Strategies that choose one partner among several.
GREEDY = (Strategy.HM_O2O, Strategy.LM_O2O, Strategy.HL_O2O)


def chosen_anew(pair: Pair, strategy: Strategy, ensembl: pl.DataFrame, lm: pl.DataFrame) -> pl.DataFrame:
    """Return what a greedy strategy takes of the candidates that are left.

    Parameters
    ----------
    pair
        The two species; the medians that HL_O2O takes for unknown values come from here.
    strategy
        HM_O2O, LM_O2O or HL_O2O.
    ensembl
        Rows of ENS_M2M that are left, best first, as :meth:`homodb.query.pairs.Pair.mapping` gives them.
    lm
        Rows of LM_O2O that are left: mutual best hits of the whole proteomes.

    Returns
    -------
    polars.DataFrame
        The rows taken, best first. Of all rows, those of the release (where its weights for HL_O2O are 1 and 1).
    """
    if strategy is Strategy.LM_O2O:
        return _taken(lm)
    hm = _taken(ensembl)
    if strategy is Strategy.HM_O2O:
        return hm
    union = pl.concat([lm, hm]).unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
    medians = pair.ask("medians").row(0, named=True)
    score = _scaled(union["identity"], medians["median_identity"])
    score = score + _scaled(union["correlation"], medians["median_correlation"])
    first, second = ("source_gene", "target_gene") if pair.forward else ("target_gene", "source_gene")
    ordered = union.with_columns(score=pl.Series(score)).sort(
        pl.col("confidence").fill_null(0), "score", first, second, descending=[True, True, False, False]
    )
    return _taken(ordered)


def _taken(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(
        pl.Series(greedy(rows["source_gene"].to_numpy(), rows["target_gene"].to_numpy()), dtype=pl.Boolean)
    )


def _scaled(values: pl.Series, stand_in: float | None) -> npt.NDArray[np.float64]:
    """Min-max scale with a stand-in for missing values; what is constant, or stays unknown, gives 0.5."""
    known = values.cast(pl.Float64).fill_null(np.nan if stand_in is None else stand_in).to_numpy()
    there = known[~np.isnan(known)]
    if there.size == 0 or there.min() == there.max():
        return np.full(known.shape, 0.5)
    low, high = there.min(), there.max()
    return np.where(np.isnan(known), 0.5, (known - low) / (high - low))
