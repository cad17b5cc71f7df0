"""HM_O2O: a one-to-one choice among Ensembl's orthologs by confidence and identity."""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import finished, homologies, taken, with_ties


def hm_o2o(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return the greedy choice over ENS_M2M: confidence (missing = 0), then mean identity (missing last).

    Ties, which the reference leaves to chance, go by GOC, then WGA, then both stable IDs. A row that another way of
    breaking ties would not give, at its genes or at those before them, is marked ``tied``.
    """
    return taken(finished(hm_candidates(evidence)))


def hm_candidates(evidence: Evidence) -> pl.DataFrame:
    """Return the candidates of HM_O2O, best first, with ``tied``."""
    return with_ties(homologies(evidence), pl.col("confidence").fill_null(0), pl.col("identity"))
