"""HM_O2O: a one-to-one choice among Ensembl's orthologs by confidence and identity."""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import finished, homologies, taken, tied_by


def hm_o2o(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return the greedy choice over ENS_M2M: confidence (missing = 0), then mean identity (missing last).

    Ties, which the reference leaves to chance, go by GOC, then WGA, then both stable IDs; a row of whose
    genes another candidate had the same confidence and identity is marked ``tied``.
    """
    candidates = homologies(evidence)
    tied = tied_by(pl.col("confidence").fill_null(0), pl.col("identity"))
    return taken(finished(candidates.with_columns(tied=tied)))
