"""Evidence from embeddings: given ready, or computed from proteomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.etl.config import BuildConfig, EmbeddingConfig
from homodb.etl.embeddings import (
    Identity,
    Kmer,
    Lookup,
    Model,
    ModelSpec,
    PooledVectors,
    Pooling,
    ProteinFilter,
    drop_internal_stops,
    embed_sequences,
    filter_proteins,
    open_store,
    pool,
    unique_sequences,
)
from homodb.etl.evidence import EmbeddingEvidence
from homodb.etl.genes import Genes
from homodb.etl.inputs import Hits
from homodb.etl.matching import correlate_genes
from homodb.etl.runner import Runner
from homodb.schema.errors import ConfigError, OutputError
from homodb.schema.settings import cache_folder
from homodb.schema.species import by_number
from homodb.schema.vectors import FOLDER, GeneVectors, index_file, normalised, read_vectors, vectors_file, write_vectors

#: Columns of :attr:`EmbeddingSet.genes`.
GENE_COLUMNS = {"gene": pl.Int64, "n_isoforms": pl.Int32, "n_nmd": pl.Int32}


@dataclass(frozen=True)
class EmbeddingSet:
    """One embedding of a release and its evidence.

    Parameters
    ----------
    model, pooling, origin
        As in the release's table ``embedding``.
    evidence
        By pair of species numbers, lower first.
    losses
        Input that could not be used, by place and reason.
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
    """Assign ready evidence to genes. There is one set per model and pooling, in the order of the config.

    A name that several genes share is not resolved: its rows are left out and counted.
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
                correlations = _once(pl.concat([best, _once(others).join(best, on=["gene_a", "gene_b"], how="anti")]))
                evidence[pair[0], pair[1]] = EmbeddingEvidence(
                    best.with_columns(margin=pl.lit(None, pl.Float64)), correlations, hit.config.median_correlation
                )
                for source, count in ((hit.config.best_hits, lost), (hit.config.correlations, lost_too)):
                    if source is not None and count:
                        reason = "correlations of symbols that several genes bear"
                        losses.append({"where": source.written, "reason": reason, "count": count})
        sets.append(EmbeddingSet(model, pooling, "given", evidence, tuple(losses)))
    return tuple(sets)


def _keyed(pairs: pl.DataFrame, genes: Genes) -> tuple[pl.DataFrame, int]:
    """Find each gene by stable ID, else by symbol. The number counts the pairs whose genes are not found."""
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
    keyed = frame.filter(pl.col("gene_a").is_not_null() & pl.col("gene_b").is_not_null())
    return keyed.select("gene_a", "gene_b", "correlation"), frame.height - keyed.height


def _once(pairs: pl.DataFrame) -> pl.DataFrame:
    """Keep each pair once, with the highest correlation. A pair may have several names of its genes."""
    best_first = pairs.sort("correlation", descending=True, maintain_order=True)
    return best_first.unique(["gene_a", "gene_b"], keep="first", maintain_order=True)


def computed_embeddings(
    settings: BuildConfig, proteins: pl.DataFrame, wanted: pl.DataFrame, folder: Path, runner: Runner
) -> tuple[EmbeddingSet, ...]:
    """Compute evidence from the proteomes. There is one set per pooling, in the order of the config.

    The proteins are embedded, pooled to genes and matched; vectors and indexes of the genes are written.

    Parameters
    ----------
    proteins
        Proteins with their sequences, by key of their ``gene``; those of alternate loci are not embedded.
    wanted
        Pairs whose correlations are needed: ``species_a, species_b, gene_a, gene_b``.
    folder
        Folder of the release; vectors and indexes are written into its ``embeddings``.

    Raises
    ------
    ConfigError
        If no protein is left to embed.
    """
    config = settings.embedding or EmbeddingConfig(model="kmer")
    (folder / FOLDER).mkdir(exist_ok=True)
    proteins, losses = _embeddable(proteins, config)
    source = _protein_vectors(config, proteins, runner)
    counts = [
        _pool_species(number, one, source.lookup, config, folder, runner)
        for (number,), one in proteins.partition_by("species", as_dict=True, maintain_order=True).items()
    ]
    evidence: dict[Pooling, dict[tuple[int, int], EmbeddingEvidence]] = {pooling: {} for pooling in config.pooling}
    embedded = set(proteins["species"].unique())
    for a, b in settings.mapped_pairs():
        if {a, b} <= embedded:
            pairs = wanted.filter((pl.col("species_a") == a) & (pl.col("species_b") == b)).select("gene_a", "gene_b")
            for pooling in config.pooling:
                match = partial(_match, (a, b), pairs, config, pooling, folder)
                subject = f"{by_number(a).common_name} - {by_number(b).common_name} by {config.model}-{pooling}"
                evidence[pooling][a, b] = runner.run("match", subject, match, lambda pair: pair.best_hits.height)
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


def _embeddable(proteins: pl.DataFrame, config: EmbeddingConfig) -> tuple[pl.DataFrame, tuple[dict[str, Any], ...]]:
    """Return the proteins of primary genes to embed; count the others."""
    primary = proteins.filter(pl.col("gene") == pl.col("primary_gene")).sort("species", "gene", "stable_id")
    kept: list[pl.DataFrame] = [primary.clear()]
    losses = []
    for (number,), one in primary.partition_by("species", as_dict=True, maintain_order=True).items():
        complete, stopped = drop_internal_stops(one)
        embedded, filtered = filter_proteins(complete, ProteinFilter(config.min_length, config.biotypes))
        silent = one["gene"].n_unique() - embedded["gene"].n_unique()
        reasons = {**stopped, **filtered, "genes none of whose proteins could be embedded": silent}
        where = by_number(number).name
        losses += [{"where": where, "reason": why, "count": count} for why, count in reasons.items() if count]
        kept.append(embedded)
    proteins = pl.concat(kept)
    if proteins.is_empty():
        why = "; ".join(f"{loss['where']}: {loss['count']:,} {loss['reason']}" for loss in losses)
        raise ConfigError(f"[embedding]: no protein is left to embed ({why or 'the proteomes are empty'})")
    return proteins, tuple(losses)


@dataclass(frozen=True)
class _ProteinVectors:
    """Identity of a model, and a function that looks up its vectors."""

    identity: Identity
    lookup: Lookup


def _protein_vectors(config: EmbeddingConfig, proteins: pl.DataFrame, runner: Runner) -> _ProteinVectors:
    """Make the vectors of proteins available.

    A k-mer profile is cheaper to compute than to store. The vectors of a checkpoint go to a store, so that an
    interrupted build continues.
    """
    sequences = unique_sequences(proteins)
    if config.model == "kmer":
        model = Kmer()
        texts = dict(zip(sequences["sequence_sha256"].to_list(), sequences["sequence"].to_list(), strict=True))
        return _ProteinVectors(model.identity, partial(_computed, model, texts))
    spec = ModelSpec(
        model=config.model,
        weights=None if config.weights is None else config.weights.path,
        layer=config.layer,
        long=config.long,
        device=config.device,
        precision=config.precision,
    )
    store = open_store(config.store or cache_folder() / "embeddings", spec)
    fill = partial(
        embed_sequences, sequences, spec, store, progress=lambda now: runner.part(now.tokens, now.total_tokens)
    )
    runner.run("embed", f"proteins by {config.model}", fill, lambda counts: counts.unique)
    return _ProteinVectors(store.identity, store.read)


def _computed(model: Model, texts: dict[str, str], checksums: Sequence[str]) -> npt.NDArray[np.float32]:
    return model.embed([texts[checksum] for checksum in checksums])


def _pool_species(
    number: int, proteins: pl.DataFrame, lookup: Lookup, config: EmbeddingConfig, folder: Path, runner: Runner
) -> dict[Pooling, pl.DataFrame]:
    """Pool the proteins of a species, write vectors and indexes. The tables are the genes with vectors by pooling."""
    species = by_number(number)
    write = partial(_write, species.name, proteins, lookup, config.model, config.pooling, folder)
    pooled = runner.run("pool", f"{species.common_name} by {config.model}", write, lambda _: proteins.height)
    return {pooling: one.genes for pooling, one in pooled.items()}


def _write(
    name: str, proteins: pl.DataFrame, lookup: Lookup, model: str, poolings: Sequence[Pooling], folder: Path
) -> dict[Pooling, PooledVectors]:
    pooled = pool(proteins, lookup, poolings)
    for pooling, one in pooled.items():
        write_vectors(folder / vectors_file(name, model, pooling), one.vectors)
        write_index(folder / index_file(name, model, pooling), one.vectors)
    return pooled


def _match(
    pair: tuple[int, int], wanted: pl.DataFrame, config: EmbeddingConfig, pooling: Pooling, folder: Path
) -> EmbeddingEvidence:
    a, b = (read_vectors(folder / vectors_file(by_number(one).name, config.model, pooling)) for one in pair)
    return correlate_genes(a, b, wanted=wanted, device=config.device)


def embedding_tables(sets: tuple[EmbeddingSet, ...]) -> dict[str, pl.DataFrame]:
    """Return ``embedding``, ``gene_embedding`` and ``embedding_pair``."""
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
            "best_hits": evidence.best_hits.height,
            "correlations": evidence.correlations.height,
            "median_correlation": evidence.median,
        }
        for number, s in numbered
        for (a, b), evidence in s.evidence.items()
    ]
    genes = [s.genes.with_columns(embedding=pl.lit(number, pl.Int32)) for number, s in numbered]
    return {
        "embedding": pl.DataFrame(embedding, schema=_EMBEDDING_COLUMNS),
        "gene_embedding": pl.concat(genes),
        "embedding_pair": pl.DataFrame(pairs, schema_overrides={"median_correlation": pl.Float64}),
    }


#: Number of genes from which a graph is built; smaller indexes are searched exhaustively.
GRAPH_FROM = 50_000
#: Number of genes normalised at once.
_BLOCK = 8_192


@dataclass(frozen=True)
class Shape:
    """Density of the graph of an index.

    Parameters
    ----------
    connectivity
        Number of neighbours of a node. It is stored in the file, and says whether the graph can be searched.
    expansion
        Number of nodes visited while a node is added.
    """

    connectivity: int
    expansion: int


#: Smallest possible graph, never searched: usearch files always have one.
EXACT = Shape(2, 1)
#: Finds at least 0.99 of the ten nearest genes, as measured by benchmarks/index.py.
GRAPH = Shape(16, 64)


def write_index(path: Path, vectors: GeneVectors, *, graph_from: int = GRAPH_FROM) -> None:
    """Write the index of one species and embedding.

    Parameters
    ----------
    path
        File to write.
    vectors
        Vectors of the genes. They are stored normalised (:func:`homodb.schema.vectors.normalised`) in half
        precision by gene key, so that their inner product is the correlation to about 1e-4.
    graph_from
        Number of genes from which a searchable graph is built.

    Raises
    ------
    OutputError
        If the file cannot be written.

    Notes
    -----
    The index is built by one thread, so equal vectors give equal bytes. (Links of a graph may differ between
    processors, which round sums of products differently.)
    """
    from usearch.index import Index

    genes, dimensions = vectors.vectors.shape
    shape = GRAPH if genes >= graph_from else EXACT
    index = Index(
        ndim=dimensions, metric="ip", dtype="f16",
        connectivity=shape.connectivity, expansion_add=shape.expansion,
    )  # fmt: skip
    for start in range(0, genes, _BLOCK):
        block = slice(start, start + _BLOCK)
        keys = vectors.genes[block].astype(np.uint64)
        index.add(keys, normalised(vectors.vectors[block]), threads=1)
    try:
        index.save(path)
    except (RuntimeError, OSError) as error:
        raise OutputError(f"{path}: cannot be written ({error})") from error
    written = path.stat().st_size
    if written != index.serialized_length:  # usearch does not detect a full disk
        raise OutputError(f"{path}: only {written} of {index.serialized_length} bytes were written. Is the disk full?")
