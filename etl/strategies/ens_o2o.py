"""ENS_O2O: the pairs that Ensembl calls one-to-one."""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.candidates import finished, homologies
from homodb.schema.enums import HomologyType


def ens_o2o(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return the pairs of type ``ortholog_one2one``, best first by HM_O2O's order.

    One-to-one where both genes have stable IDs; where symbols stand in, a symbol that several genes bear may repeat.
    """
    return finished(homologies(evidence, HomologyType.ONE2ONE).with_columns(tied=pl.lit(value=False)))
