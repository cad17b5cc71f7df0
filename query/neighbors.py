"""The nearest genes of another species, or of the same one, by the vectors of an embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from homodb.query.genes import resolve
from homodb.query.nearest import Found, nearest
from homodb.query.orthologs import unknown_message
from homodb.query.release import Release
from homodb.query.vector_files import Embedding, checked_file, find_embedding, vectors_place
from homodb.schema.errors import MissingEmbeddingError, UnknownGeneError
from homodb.schema.species import Species
from homodb.schema.strategies import is_coding
from homodb.schema.vectors import read_rows

_ANSWER: dict[str, pl.DataType | type[pl.DataType]] = {
    "gene": pl.Int64,
    "rank": pl.Int64,
    "target": pl.Int64,
    "correlation": pl.Float64,
}


def neighbors(
    release: Release,
    genes: str | Sequence[str],
    *,
    source: str | int | Species,
    target: str | int | Species,
    k: int = 10,
    embedding: str | None = None,
) -> pl.DataFrame:
    """Return the nearest genes of a species, also for genes that have no ortholog in it.

    Parameters
    ----------
    release
        An open release, with its folder.
    genes
        Names of genes of the source species, of any kind, as :meth:`Release.orthologs` takes them.
    source, target
        The two species, by any name; they may be one, and then a gene is not its own neighbour.
    k
        How many neighbours, at least 1.
    embedding
        Name of an embedding (``kmer-mean``); by default the release's default one.

    Returns
    -------
    polars.DataFrame
        A row per asked name and neighbour, nearest first: ``name``, ``resolved_as``, ``source_species, source_id,
        source_symbol``, ``rank`` (1 is nearest), ``target_species, target_id, target_symbol``, ``correlation`` (Pearson
        correlation of the two vectors), ``evidence_class`` (of a pair that a strategy maps; null else),
        ``homology_type, identity, confidence`` (null where Ensembl does not have the pair), ``strategies`` that map
        the pair, ``n_isoforms, n_nmd`` (proteins behind the target's vector, and decaying ones of them), ``embedding``,
        and ``why``: null, or why a name has no neighbours, the target's columns being null then.

    Raises
    ------
    UnknownSpeciesError
        If a name means no species of the release.
    UnknownGeneError
        If no name at all is a gene of the source species.
    MissingEmbeddingError
        If the release has no vectors at hand, or not of this embedding or species; or if no gene at all has one.
    BrokenReleaseError
        If a file of vectors is missing or altered.

    Notes
    -----
    Of up to 50,000 genes the true nearest ones are found; of more, a graph finds nearly all of them.
    An alternate locus has no vector of its own: its primary gene stands for it.
    """
    if k < 1:
        raise ValueError(f"k is {k}; wanted 1 or more neighbours")
    here, there = release.find_species(source), release.find_species(target)
    chosen = find_embedding(release, embedding)
    names = [genes] if isinstance(genes, str) else genes
    resolved = resolve(release, names, here)
    if resolved["gene"].is_null().all():
        raise UnknownGeneError(unknown_message(release, resolved, here))
    keys = resolved["gene"].drop_nulls().unique().sort().to_numpy()
    queries = read_rows(vectors_place(release, chosen.vectors(here)), keys)
    reasons = _reasons(release, np.setdiff1d(keys, queries.genes).tolist())
    if not len(queries.genes):
        raise MissingEmbeddingError(_no_vector_message(resolved, reasons, chosen))
    index = checked_file(release, chosen.index(there))
    found = nearest(queries, vectors_place(release, chosen.vectors(there)), index, k)
    answer = _answer(dict(zip(queries.genes.tolist(), found, strict=True)))
    answer = answer.hstack(_pairs(release, answer, here, there, chosen))
    return (
        resolved.select("name", "gene", resolved_as="how", source_id="stable_id", source_symbol="symbol")
        .join(answer, on="gene", how="left", maintain_order="left_right")
        .join(_why(resolved, reasons), on="name", how="left", maintain_order="left")
        .select(
            "name",
            "resolved_as",
            pl.lit(here.name).alias("source_species"),
            "source_id",
            "source_symbol",
            "rank",
            pl.lit(there.name).alias("target_species"),
            pl.exclude("name", "resolved_as", "gene", "target", "source_id", "source_symbol", "rank", "why"),
            pl.lit(chosen.name).alias("embedding"),
            "why",
        )
    )


def _answer(found: Mapping[int, Found]) -> pl.DataFrame:
    rows = [
        (gene, rank, target, correlation)
        for gene, one in found.items()
        for rank, (target, correlation) in enumerate(zip(one.genes.tolist(), one.correlations.tolist(), strict=True), 1)
    ]
    return pl.DataFrame(rows, schema=_ANSWER, orient="row")


def _pairs(release: Release, answer: pl.DataFrame, here: Species, there: Species, embedding: Embedding) -> pl.DataFrame:
    first, second = sorted((here.number, there.number))
    return release.ask(
        "neighbor_pairs",
        {
            "sources": answer["gene"].to_list(),
            "targets": answer["target"].to_list(),
            "species_a": first,
            "species_b": second,
            "embedding": embedding.number,
        },
    ).drop("source_id", "source_symbol")


def _reasons(release: Release, genes: Sequence[int]) -> dict[int, str]:
    """Say of each gene without a vector why it has none."""
    if not genes:
        return {}
    reasons = {}
    for gene, biotype, proteins in release.ask("no_vector", {"genes": list(genes)}).iter_rows():
        if not is_coding(biotype):
            reasons[gene] = f"no protein: {biotype}"
        elif not proteins:
            reasons[gene] = "no protein: the proteome of the build has none of it"
        else:
            reasons[gene] = f"none of its {proteins} proteins entered (too short, of another biotype, or not usable)"
    return reasons


def _why(resolved: pl.DataFrame, reasons: Mapping[int, str]) -> pl.DataFrame:
    why = [
        reasons.get(gene) if gene is not None else f"{how}: {', '.join(others)}" if others else how
        for gene, how, others in resolved.select("gene", "how", "candidates").iter_rows()
    ]
    return resolved.select("name").with_columns(why=pl.Series(why, dtype=pl.String)).unique("name")


def _no_vector_message(resolved: pl.DataFrame, reasons: Mapping[int, str], embedding: Embedding) -> str:
    known = resolved.filter(pl.col("gene").is_not_null()).select("name", "gene")
    shown = [f"{name} ({reasons[gene]})" for name, gene in known.head(5).iter_rows()]
    more = f" and {known.height - 5} more" if known.height > 5 else ""
    return f"no vector of {embedding.name} for {', '.join(shown)}{more}; look-ups need a gene with a protein"
