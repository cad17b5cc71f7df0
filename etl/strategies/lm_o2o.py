"""LM_O2O: a one-to-one choice from embeddings alone."""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import EmbeddingEvidence, Evidence, Parameters
from homodb.etl.strategies.candidates import COLUMNS, finished, homologies, ordered, taken, with_ties

_FROM_ENSEMBL = ("homology_type", "identity_a", "identity_b", "identity", "goc", "wga", "confidence")


def lm_o2o(evidence: Evidence, parameters: Parameters) -> pl.DataFrame:
    """Return the pairs that are each other's best hit, greedy by correlation where ties collide.

    Ties go to the pair that Ensembl has, then by stable ID, and are marked ``tied``. Without an embedding
    the answer is empty.
    """
    if evidence.embedding is None:
        return pl.DataFrame(schema=COLUMNS)
    return taken(finished(lm_candidates(evidence, evidence.embedding)))


def lm_candidates(evidence: Evidence, embedding: EmbeddingEvidence) -> pl.DataFrame:
    """Return the candidates of LM_O2O, best first, with ``tied``."""
    known = homologies(evidence).select("gene_a", "gene_b", *_FROM_ENSEMBL)
    hits = embedding.best_hits.join(known, on=["gene_a", "gene_b"], how="left", maintain_order="left")
    candidates = ordered(
        hits.with_columns(score=pl.col("correlation")),
        (pl.col("correlation"), True),
        (pl.col("homology_type").is_null(), False),
        (pl.col("gene_a"), False),
        (pl.col("gene_b"), False),
    )
    return with_ties(candidates, pl.col("correlation"))
