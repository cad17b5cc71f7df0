"""The five strategies: pure functions from the evidence about a pair of species to a mapping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from homodb.etl.evidence import Evidence, Parameters
from homodb.etl.strategies.ens_m2m import ens_m2m
from homodb.etl.strategies.ens_o2o import ens_o2o
from homodb.etl.strategies.hl_o2o import hl_o2o
from homodb.etl.strategies.hm_o2o import hm_o2o
from homodb.etl.strategies.lm_o2o import lm_o2o
from homodb.schema.enums import Strategy

_ENSEMBL = "Ensembl Compara, https://www.ensembl.org/info/genome/compara/homology_method.html"
_PLLM = "pLLM-cross-species-integration, https://github.com/KKzhongyi/pLLM-cross-species-integration"


@dataclass(frozen=True)
class StrategyRule:
    """One way to derive a mapping.

    Parameters
    ----------
    name
        Its name.
    summary
        What it does, in a line.
    reference
        Where it comes from.
    function
        From evidence and parameters to rows of ``candidates.COLUMNS``.
    embedding
        Whether it rests on embeddings.
    """

    name: Strategy
    summary: str
    reference: str
    function: Callable[[Evidence, Parameters], pl.DataFrame]
    embedding: bool


STRATEGIES = (
    StrategyRule(Strategy.ENS_M2M, "every ortholog pair that Ensembl has", _ENSEMBL, ens_m2m, embedding=False),
    StrategyRule(Strategy.ENS_O2O, "Ensembl's one-to-one orthologs", _ENSEMBL, ens_o2o, embedding=False),
    StrategyRule(Strategy.HM_O2O, "greedy over ENS_M2M by confidence and identity", _PLLM, hm_o2o, embedding=False),
    StrategyRule(Strategy.LM_O2O, "mutual best hits of gene embeddings", _PLLM, lm_o2o, embedding=True),
    StrategyRule(
        Strategy.HL_O2O, "greedy over HM_O2O and LM_O2O by both kinds of evidence", _PLLM, hl_o2o, embedding=True
    ),
)
