"""What is known about a pair of species: the one form in which every strategy gets its evidence.

Evidence from embeddings has the same form whether it came ready (:mod:`homodb.etl.sources.hits`) or was
computed from sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

#: Columns of a homology as strategies read it.
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
#: Columns of a pair that is each other's best hit.
BEST_HIT_COLUMNS = {
    "gene_a": pl.Int64,
    "gene_b": pl.Int64,
    "correlation": pl.Float64,
    "margin": pl.Float64,
}
#: Columns of a pair whose correlation is known.
CORRELATION_COLUMNS = {"gene_a": pl.Int64, "gene_b": pl.Int64, "correlation": pl.Float64}


@dataclass(frozen=True)
class EmbeddingEvidence:
    """What one embedding tells about a pair of species.

    Parameters
    ----------
    best_hits
        Pairs of primary genes that are each other's best hit, columns of :data:`BEST_HIT_COLUMNS`;
        where ties collide, a gene may stand in several.
    correlations
        Pairs whose correlation is known, best hits among them, columns of :data:`CORRELATION_COLUMNS`.
    median
        Median of all correlations between the two species; None when unknown.
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
        Ortholog homologies of primary genes, columns of :data:`HOMOLOGY_COLUMNS`; a pair of genes may stand
        in several rows with different evidence.
    median_identity
        Median over all homologies of the pair of the mean of both identities (percent); None when none has any.
    embedding
        What the embedding tells; None without one.
    """

    homologies: pl.DataFrame
    median_identity: float | None = None
    embedding: EmbeddingEvidence | None = None


@dataclass(frozen=True)
class Parameters:
    """What a user may set in a strategy.

    Parameters
    ----------
    identity_weight, correlation_weight
        Weights of the scaled identity and of the scaled correlation in HL_O2O's sum.
    """

    identity_weight: float = field(default=1.0)
    correlation_weight: float = field(default=1.0)
