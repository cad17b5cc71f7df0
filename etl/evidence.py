"""Evidence about a pair of species, in the form that strategies read.

Evidence from embeddings has the same form whether it was read from files (:func:`homodb.etl.sources.read_hits`) or
computed from sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

#: Columns of homologies for strategies.
HOMOLOGY_COLUMNS = {
    "gene_a": pl.Int64,
    "gene_b": pl.Int64,
    "homology_type": pl.String,
    "identity_a": pl.Float64,
    "identity_b": pl.Float64,
    "goc": pl.Float64,
    "wga": pl.Float64,
    "confidence": pl.Int8,
}
#: Columns of mutual best hits.
BEST_HIT_COLUMNS = {"gene_a": pl.Int64, "gene_b": pl.Int64, "correlation": pl.Float64, "margin": pl.Float64}
#: Columns of measured correlations.
CORRELATION_COLUMNS = {"gene_a": pl.Int64, "gene_b": pl.Int64, "correlation": pl.Float64}


@dataclass(frozen=True)
class EmbeddingEvidence:
    """Evidence of one embedding about a pair of species.

    Parameters
    ----------
    best_hits
        Mutual best hits of primary genes, columns of :data:`BEST_HIT_COLUMNS`; with colliding ties, a gene may be
        in several.
    correlations
        Pairs with a measured correlation, including best hits, columns of :data:`CORRELATION_COLUMNS`.
    median
        Median of all correlations between the two species; None if unknown.
    """

    best_hits: pl.DataFrame
    correlations: pl.DataFrame
    median: float | None


@dataclass(frozen=True)
class Evidence:
    """All evidence about a pair of species A, B, genes by key.

    Parameters
    ----------
    homologies
        Ortholog homologies of primary genes, columns of :data:`HOMOLOGY_COLUMNS`; a pair of genes may be
        in several rows with different evidence.
    median_identity
        Median over all homologies of the pair of the mean of both identities (percent); None without identities.
    embedding
        Evidence of the embedding; None without one.
    """

    homologies: pl.DataFrame
    median_identity: float | None = None
    embedding: EmbeddingEvidence | None = None


@dataclass(frozen=True)
class Parameters:
    """Parameters of strategies that a user may set.

    Parameters
    ----------
    identity_weight, correlation_weight
        Weights of the scaled identity and of the scaled correlation in HL_O2O's sum.
    """

    identity_weight: float = field(default=1.0)
    correlation_weight: float = field(default=1.0)
