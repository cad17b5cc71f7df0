"""Evidence from embeddings that are computed from the proteomes: embed, pool, write the vectors, match."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from homodb.etl.config import BuildConfig, EmbeddingConfig
from homodb.etl.embedding_evidence import EmbeddingSet
from homodb.etl.embeddings.pooling import Entry, Lookup, Pooled, Pooling, entering, pool
from homodb.etl.embeddings.protein_vectors import protein_vectors
from homodb.etl.embeddings.sequences import usable
from homodb.etl.evidence import EmbeddingEvidence
from homodb.etl.index import write_index
from homodb.etl.matching import correlate
from homodb.etl.runner import Runner
from homodb.schema.errors import ConfigError
from homodb.schema.species import by_number
from homodb.schema.vectors import FOLDER, index_file, read_vectors, vectors_file, write_vectors


def computed_embeddings(
    settings: BuildConfig, proteins: pl.DataFrame, wanted: pl.DataFrame, folder: Path, runner: Runner
) -> tuple[EmbeddingSet, ...]:
    """Embed the proteomes; one set per pooling, in the order of the config.

    Parameters
    ----------
    settings
        The build config, with ``[embedding]``.
    proteins
        Proteins with their sequences, by key of their ``gene``; those of alternate loci do not enter.
    wanted
        Pairs whose correlations are wanted: ``species_a, species_b, gene_a, gene_b``.
    folder
        Vectors and indexes are written into its ``embeddings``.
    runner
        Reports the steps.

    Raises
    ------
    ConfigError
        If no protein is left to embed.
    """
    config = settings.embedding or EmbeddingConfig(model="kmer")
    (folder / FOLDER).mkdir(exist_ok=True)
    proteins, losses = _entering(proteins, config)
    source = protein_vectors(config, proteins, runner)
    counts = [
        _pool_species(number, told, source.lookup, config, folder, runner)
        for (number,), told in proteins.partition_by("species", as_dict=True, maintain_order=True).items()
    ]
    evidence: dict[Pooling, dict[tuple[int, int], EmbeddingEvidence]] = {pooling: {} for pooling in config.pooling}
    embedded = set(proteins["species"].unique())
    for a, b in settings.mapped_pairs():
        if {a, b} <= embedded:
            pairs = wanted.filter((pl.col("species_a") == a) & (pl.col("species_b") == b)).select("gene_a", "gene_b")
            for pooling in config.pooling:
                match = partial(_match, (a, b), pairs, config, pooling, folder)
                subject = f"{by_number(a).common_name} - {by_number(b).common_name} by {config.model}-{pooling}"
                evidence[pooling][a, b] = runner.run("match", subject, match, lambda told: told.best_hits.height)
    details = {
        "layer": source.identity.layer,
        "dimensions": source.identity.dimensions,
        "long_sequences": str(source.identity.long),
        "precision": source.identity.precision,
        "weights_sha256": source.identity.weights,
        "min_length": config.min_length,
        "biotypes": None if config.biotypes is None else list(config.biotypes),
    }
    return tuple(
        EmbeddingSet(
            model=config.model,
            pooling=str(pooling),
            origin="computed",
            evidence=evidence[pooling],
            losses=losses if pooling is config.pooling[0] else (),
            details=details,
            genes=pl.concat([pooled[pooling] for pooled in counts]),
        )
        for pooling in config.pooling
    )


def _entering(proteins: pl.DataFrame, config: EmbeddingConfig) -> tuple[pl.DataFrame, tuple[dict[str, Any], ...]]:
    """Return the proteins of primary genes that are embedded; and the others, counted."""
    primary = proteins.filter(pl.col("gene") == pl.col("primary_gene")).sort("species", "gene", "stable_id")
    kept: list[pl.DataFrame] = [primary.clear()]
    losses = []
    for (number,), told in primary.partition_by("species", as_dict=True, maintain_order=True).items():
        sound, unusable = usable(told)
        entered, left = entering(sound, Entry(config.min_length, config.biotypes))
        silent = told["gene"].n_unique() - entered["gene"].n_unique()
        reasons = {**unusable, **left, "genes none of whose proteins could be embedded": silent}
        where = by_number(number).name
        losses += [{"where": where, "reason": why, "count": count} for why, count in reasons.items() if count]
        kept.append(entered)
    proteins = pl.concat(kept)
    if proteins.is_empty():
        why = "; ".join(f"{loss['where']}: {loss['count']:,} {loss['reason']}" for loss in losses)
        raise ConfigError(f"[embedding]: no protein is left to embed ({why or 'the proteomes have none'})")
    return proteins, tuple(losses)


def _pool_species(
    number: int, proteins: pl.DataFrame, lookup: Lookup, config: EmbeddingConfig, folder: Path, runner: Runner
) -> dict[Pooling, pl.DataFrame]:
    """Pool one species' proteins, write vectors and index, return which genes have vectors by pooling."""
    species = by_number(number)
    write = partial(_write, species.name, proteins, lookup, config.model, config.pooling, folder)
    pooled = runner.run("pool", f"{species.common_name} by {config.model}", write, lambda _: proteins.height)
    return {pooling: one.genes for pooling, one in pooled.items()}


def _write(
    name: str, proteins: pl.DataFrame, lookup: Lookup, model: str, poolings: Sequence[Pooling], folder: Path
) -> dict[Pooling, Pooled]:
    pooled = pool(proteins, lookup, poolings)
    for pooling, one in pooled.items():
        write_vectors(folder / vectors_file(name, model, pooling), one.vectors)
        write_index(folder / index_file(name, model, pooling), one.vectors)
    return pooled


def _match(
    pair: tuple[int, int], wanted: pl.DataFrame, config: EmbeddingConfig, pooling: Pooling, folder: Path
) -> EmbeddingEvidence:
    a, b = (read_vectors(folder / vectors_file(by_number(one).name, config.model, pooling)) for one in pair)
    return correlate(a, b, wanted=wanted, device=config.device)
