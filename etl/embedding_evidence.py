"""Ready evidence from embeddings, with gene keys, in the form that strategies read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from homodb.etl.evidence import EmbeddingEvidence
from homodb.etl.genes import Genes
from homodb.etl.inputs import Hits

#: Columns of :attr:`EmbeddingSet.genes`.
GENE_COLUMNS = {"gene": pl.Int64, "n_isoforms": pl.Int32, "n_nmd": pl.Int32}


@dataclass(frozen=True)
class EmbeddingSet:
    """One embedding of a release and what it tells.

    Parameters
    ----------
    model, pooling, origin
        As in the release's table ``embedding``.
    evidence
        By pair of species numbers, lower first.
    losses
        What could not be used.
    details
        Further columns of ``embedding``.
    genes
        ``gene, n_isoforms, n_nmd`` of the genes whose vectors the release holds; empty for ready evidence.
    """

    model: str
    pooling: str
    origin: str
    evidence: Mapping[tuple[int, int], EmbeddingEvidence]
    losses: tuple[dict[str, Any], ...] = field(default=())
    details: Mapping[str, Any] = field(default_factory=dict)
    genes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=GENE_COLUMNS))


#: Columns of the release's table ``embedding``, whose order of rows numbers them from 1.
_EMBEDDING_COLUMNS: dict[str, Any] = {
    "embedding": pl.Int32,
    "model": pl.String,
    "layer": pl.Int32,
    "pooling": pl.String,
    "dimensions": pl.Int32,
    "long_sequences": pl.String,
    "precision": pl.String,
    "weights_sha256": pl.String,
    "min_length": pl.Int32,
    "biotypes": pl.List(pl.String),
    "origin": pl.String,
}


def given_embeddings(hits: tuple[Hits, ...], genes: Genes) -> tuple[EmbeddingSet, ...]:
    """Key ready evidence; one set per model and pooling, in the order of the config.

    A name that several genes bear is not guessed: its rows are left out and counted.
    """
    models = list(dict.fromkeys((hit.config.model, hit.config.pooling) for hit in hits))
    sets: list[EmbeddingSet] = []
    for model, pooling in models:
        evidence: dict[tuple[int, int], EmbeddingEvidence] = {}
        losses: list[dict[str, Any]] = []
        for hit in hits:
            if (hit.config.model, hit.config.pooling) == (model, pooling):
                pair = sorted((hit.config.source.number, hit.config.target.number))
                best, lost = _keyed(hit.best_hits, genes)
                others, lost_too = _keyed(hit.correlations, genes)
                best = _once(best)
                known = _once(pl.concat([best, _once(others).join(best, on=["gene_a", "gene_b"], how="anti")]))
                evidence[pair[0], pair[1]] = EmbeddingEvidence(
                    best.with_columns(margin=pl.lit(None, pl.Float64)), known, hit.config.median_correlation
                )
                for source, count in ((hit.config.best_hits, lost), (hit.config.correlations, lost_too)):
                    if source is not None and count:
                        reason = "correlations of symbols that several genes bear"
                        losses.append({"where": source.written, "reason": reason, "count": count})
        sets.append(EmbeddingSet(model, pooling, "given", evidence, tuple(losses)))
    return tuple(sets)


def _keyed(pairs: pl.DataFrame, genes: Genes) -> tuple[pl.DataFrame, int]:
    """Find each named gene, by stable ID or else by symbol; return keyed pairs and the number of those not found."""
    primary = genes.table.select("gene", "primary_gene")
    frame = pairs
    for side in "ab":
        on = [f"species_{side}", f"name_{side}"]
        by_id = genes.by_stable_id.rename({"gene": "_by_id"})
        by_symbol = genes.by_symbol.rename({"gene": "_by_symbol"})
        frame = (
            frame.join(by_id, left_on=on, right_on=["species", "stable_id"], how="left", maintain_order="left")
            .join(by_symbol, left_on=on, right_on=["species", "symbol"], how="left", maintain_order="left")
            .with_columns(gene=pl.coalesce("_by_id", "_by_symbol"))
            .join(primary, on="gene", how="left", maintain_order="left")
            .with_columns(pl.col("primary_gene").alias(f"gene_{side}"))
            .drop("_by_id", "_by_symbol", "gene", "primary_gene")
        )
    found = frame.filter(pl.col("gene_a").is_not_null() & pl.col("gene_b").is_not_null())
    return found.select("gene_a", "gene_b", "correlation"), frame.height - found.height


def _once(pairs: pl.DataFrame) -> pl.DataFrame:
    """Keep a pair that stands under several names of its genes once, with the highest of its correlations."""
    best_first = pairs.sort("correlation", descending=True, maintain_order=True)
    return best_first.unique(["gene_a", "gene_b"], keep="first", maintain_order=True)


def embedding_tables(sets: tuple[EmbeddingSet, ...]) -> dict[str, pl.DataFrame]:
    """Return the release's tables ``embedding``, ``gene_embedding`` and ``embedding_pair``."""
    if not sets:
        return {}
    numbered = list(enumerate(sets, 1))
    embedding = [
        {"embedding": number, "model": s.model, "pooling": s.pooling, "origin": s.origin, **s.details}
        for number, s in numbered
    ]
    pairs = [
        {
            "embedding": number,
            "species_a": a,
            "species_b": b,
            "best_hits": told.best_hits.height,
            "correlations": told.correlations.height,
            "median_correlation": told.median,
        }
        for number, s in numbered
        for (a, b), told in s.evidence.items()
    ]
    genes = [s.genes.with_columns(embedding=pl.lit(number, pl.Int32)) for number, s in numbered]
    return {
        "embedding": pl.DataFrame(embedding, schema=_EMBEDDING_COLUMNS),
        "gene_embedding": pl.concat(genes),
        "embedding_pair": pl.DataFrame(pairs, schema_overrides={"median_correlation": pl.Float64}),
    }
