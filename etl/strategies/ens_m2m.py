"""ENS_M2M: every ortholog pair that Ensembl has."""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import finished, homologies


def ens_m2m(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return every ortholog pair, whatever its type, best first by HM_O2O's order.

    A pair that stands in several homologies (different genes behind one name) is one row, with its best one.
    """
    return finished(homologies(evidence).with_columns(tied=pl.lit(value=False)))
