"""Derive the tables of a release from its inputs.

Ensembl's choice comes first, then the principal isoform of APPRIS, then MANE, then the longest protein. See
https://www.ensembl.org/info/genome/genebuild/canonical.html and Rodriguez et al. 2022,
https://doi.org/10.1093/nar/gkab1058 (APPRIS).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from homodb.etl.config import BuildConfig
from homodb.etl.embedding_evidence import EmbeddingSet, computed_embeddings, embedding_tables, given_embeddings
from homodb.etl.evidence import HOMOLOGY_COLUMNS, Evidence, Parameters
from homodb.etl.genes import Genes, assign_primary_genes, collect_genes, mark_genes
from homodb.etl.homologies import Homologies, key_homologies, orthology_tables, source_table
from homodb.etl.inputs import Inputs
from homodb.etl.runner import Runner
from homodb.etl.strategies import STRATEGIES
from homodb.etl.strategies.candidates import COLUMNS
from homodb.etl.strategies.evidence_class import classified
from homodb.etl.write import Contents
from homodb.schema.enums import ORTHOLOG_TYPES, Strategy
from homodb.schema.species import by_number, find, names

_MAPPING_SCHEMA = {
    "species_a": pl.Int16,
    "species_b": pl.Int16,
    "strategy": pl.String,
    **COLUMNS,
    "evidence_class": pl.String,
    "embedding": pl.Int32,
}


def derive_tables(settings: BuildConfig, inputs: Inputs, folder: Path, runner: Runner) -> Contents:
    """Derive all tables of a release; write vectors and indexes of genes."""
    genes, homologies = runner.run(
        "genes", "of all species", partial(_genes, settings, inputs), lambda got: got[0].table.height
    )
    proteins = _proteins(genes, inputs)
    pairs = settings.mapped_pairs()
    embeddings = given_embeddings(inputs.hits, genes)
    if settings.embedding is not None:
        wanted = homologies.table.select("species_a", "species_b", "gene_a", "gene_b").unique(maintain_order=True)
        embeddings = (*computed_embeddings(settings, proteins, wanted, folder, runner), *embeddings)
    mapping = [
        runner.run(
            "map",
            " - ".join(entry.species.common_name for entry in settings.species if entry.species.number in pair),
            partial(_map_pair, pair, genes, homologies, embeddings, settings.parameters),
            lambda rows: rows.height,
        )
        for pair in pairs
    ]
    mapped = pl.concat([pl.DataFrame(schema=_MAPPING_SCHEMA), *mapping])
    default = 1 if embeddings else None
    tables = {
        "provenance": inputs.provenance,
        "species": _species(settings, inputs),
        "species_alias": _species_aliases(settings),
        "gene": genes.table,
        "gene_alias": _aliases(genes, inputs),
        "protein": proteins.drop("species", "sequence", "primary_gene"),
        "species_pair": _pair_table(homologies, pairs, mapped, default),
        "homology": _homology_table(homologies, pairs),
        "unnamed_ortholog": homologies.unnamed,
        "mapping": mapped,
        **embedding_tables(embeddings),
        **orthology_tables(settings, inputs.orthology, genes),
    }
    if settings.origins:
        tables["data_source"] = source_table(settings, inputs, tables)
    lost = [*inputs.losses, *homologies.losses(), *(loss for embedding in embeddings for loss in embedding.losses)]
    lost += count_losses(genes, homologies, mapped, inputs.annotated(), pairs)
    return Contents({name: table for name, table in tables.items() if table.width}, default, tuple(lost))


def _genes(settings: BuildConfig, inputs: Inputs) -> tuple[Genes, Homologies]:
    collected = collect_genes(inputs.genes)
    keyed = key_homologies(inputs.homologies, collected).table
    configured = {entry.species.number: entry.alternate_loci for entry in settings.species}
    genes = assign_primary_genes(collected, keyed, inputs.alternates, configured)
    # keyed again, since a symbol shared by alternate loci and one primary gene means that gene
    homologies = key_homologies(inputs.homologies, genes)
    return mark_genes(genes, homologies.table), homologies


def _map_pair(
    pair: tuple[int, int],
    genes: Genes,
    homologies: Homologies,
    embeddings: tuple[EmbeddingSet, ...],
    parameters: Parameters,
) -> pl.DataFrame:
    """Derive all strategies for one pair of species."""
    a, b = pair
    primary = genes.table.filter(pl.col("primary_gene") == pl.col("gene"))["gene"].implode()
    rows = homologies.table.filter(
        (pl.col("species_a") == a)
        & (pl.col("species_b") == b)
        & pl.col("homology_type").is_in([str(kind) for kind in ORTHOLOG_TYPES])
        & pl.col("gene_a").is_in(primary)
        & pl.col("gene_b").is_in(primary)
    ).select(pl.col(name).cast(kind) for name, kind in HOMOLOGY_COLUMNS.items())
    median = homologies.median_identity(a, b)
    usual = Evidence(rows, median, next((e.evidence[pair] for e in embeddings[:1] if pair in e.evidence), None))
    answers = {strategy.name: strategy.function(usual, parameters) for strategy in STRATEGIES}
    ensembl, lm = answers[Strategy.ENS_M2M], answers[Strategy.LM_O2O]
    unnamed = homologies.unnamed_genes(a, b)
    labelled = [
        _labelled(answers[s.name], s.name, pair, (ensembl, lm, unnamed), 1 if s.embedding else None)
        for s in STRATEGIES
        if answers[s.name].height
    ]
    for number, extra in enumerate(embeddings[1:], 2):
        if pair in extra.evidence:
            evidence = Evidence(rows, median, extra.evidence[pair])
            more = {s.name: s.function(evidence, parameters) for s in STRATEGIES if s.embedding}
            labelled += [
                _labelled(answer, name, pair, (ensembl, more[Strategy.LM_O2O], unnamed), number)
                for name, answer in more.items()
            ]
    return pl.concat([pl.DataFrame(schema=_MAPPING_SCHEMA), *labelled])


def _labelled(
    rows: pl.DataFrame,
    name: Strategy,
    pair: tuple[int, int],
    known: tuple[pl.DataFrame, pl.DataFrame, pl.Series],
    embedding: int | None,
) -> pl.DataFrame:
    labelled = classified(rows, *known).with_columns(
        species_a=pl.lit(pair[0], pl.Int16),
        species_b=pl.lit(pair[1], pl.Int16),
        strategy=pl.lit(str(name)),
        embedding=pl.lit(embedding, pl.Int32),
        correlation=pl.col("correlation").clip(-1, 1),
    )
    return labelled.select(list(_MAPPING_SCHEMA))


def _species(settings: BuildConfig, inputs: Inputs) -> pl.DataFrame:
    annotated = inputs.annotated()
    return pl.DataFrame(
        [
            {
                "species": entry.species.number,
                "name": entry.species.name,
                "taxon_id": entry.species.taxon_id,
                "common_name": entry.species.common_name,
                "assembly": entry.assembly,
                "annotated": entry.species.number in annotated,
            }
            for entry in settings.species
        ],
        schema_overrides={"assembly": pl.String},
    )


def _species_aliases(settings: BuildConfig) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"alias": alias, "species": entry.species.number}
            for entry in settings.species
            for alias in names(find(entry.species.name))
        ]
    )


def _aliases(genes: Genes, inputs: Inputs) -> pl.DataFrame:
    """Return the aliases of primary genes, including those of alternate loci."""
    primary = genes.table.select("gene", "primary_gene", "symbol")
    aliases = (
        inputs.aliases.join(
            genes.by_stable_id, left_on=["species", "gene_id"], right_on=["species", "stable_id"], how="inner"
        )
        .join(primary.select("gene", "primary_gene"), on="gene")
        .select(gene="primary_gene", alias="alias", kind="kind")
    )
    loci = genes.table.filter(pl.col("primary_gene") != pl.col("gene")).select(
        gene="primary_gene", alias="stable_id", kind=pl.lit("alternate_locus")
    )
    return pl.concat([aliases, loci]).unique()


def _proteins(genes: Genes, inputs: Inputs) -> pl.DataFrame:
    """Return proteins with gene keys and canonical isoforms."""
    primary = genes.table.select("gene", "primary_gene")
    return (
        choose_canonical(inputs.proteins, inputs.canonical)
        .join(genes.by_stable_id, left_on=["species", "gene_id"], right_on=["species", "stable_id"], how="inner")
        .join(primary, on="gene", how="left", maintain_order="left")
        .drop("gene_id")
    )


def _homology_table(homologies: Homologies, pairs: list[tuple[int, int]]) -> pl.DataFrame:
    """Return the homologies of the mapped pairs, and the gene splits."""
    wanted = pl.DataFrame(pairs, schema={"species_a": pl.Int16, "species_b": pl.Int16}, orient="row")
    splits = homologies.table.filter(pl.col("species_a") == pl.col("species_b"))
    return pl.concat([splits, homologies.table.join(wanted, on=["species_a", "species_b"], how="semi")])


def _pair_table(
    homologies: Homologies, pairs: list[tuple[int, int]], mapped: pl.DataFrame, default: int | None
) -> pl.DataFrame:
    on = ["species_a", "species_b"]
    wanted = pl.DataFrame(pairs, schema={"species_a": pl.Int16, "species_b": pl.Int16}, orient="row")
    shown = mapped.filter(pl.col("embedding").is_null() | (pl.col("embedding") == pl.lit(default, pl.Int32)))
    strategies = shown.group_by(on).agg(strategies=pl.col("strategy").unique().sort())
    return (
        wanted.join(homologies.pairs.drop("ambiguous"), on=on, how="left")
        .join(strategies, on=on, how="left")
        .with_columns(
            pl.col("homologies", "unnamed", "repeated").fill_null(0),
            pl.col("strategies").fill_null(pl.lit([], pl.List(pl.String))),
        )
    )


_PAIR = ["species_a", "species_b"]


def count_losses(
    genes: Genes, homologies: Homologies, mapped: pl.DataFrame, annotated: set[int], pairs: list[tuple[int, int]]
) -> list[dict[str, Any]]:
    """Count losses and doubts of the derived tables, by place and reason."""
    return [
        *_unannotated(genes, annotated),
        *_of_alternate_loci(genes, homologies, mapped),
        *_repeats(genes, mapped),
        *_missing_strategies(mapped, pairs),
    ]


def _unannotated(genes: Genes, annotated: set[int]) -> list[dict[str, Any]]:
    """Count genes of annotated species that other sources name by symbol."""
    counted = genes.table.filter(pl.col("symbol_stands_in") & pl.col("species").is_in(sorted(annotated)))
    reason = "symbols missing from annotation and proteome, kept as genes of their own"
    rows = counted.group_by("species").len().sort("species").iter_rows()
    return [{"where": by_number(species).name, "reason": reason, "count": count} for species, count in rows]


def _of_alternate_loci(genes: Genes, homologies: Homologies, mapped: pl.DataFrame) -> list[dict[str, Any]]:
    """Count homologies of alternate loci whose primary genes are not mapped."""
    main = genes.table.select("gene", "primary_gene")
    moved = homologies.table
    for side in "ab":
        renamed = main.rename({"gene": f"gene_{side}", "primary_gene": f"primary_{side}"})
        moved = moved.join(renamed, on=f"gene_{side}", how="left")
    aside = moved.filter(
        (pl.col("species_a") != pl.col("species_b"))
        & ((pl.col("gene_a") != pl.col("primary_a")) | (pl.col("gene_b") != pl.col("primary_b")))
    )
    primary = mapped.filter(pl.col("strategy") == str(Strategy.ENS_M2M)).select(primary_a="gene_a", primary_b="gene_b")
    lost = aside.join(primary, on=["primary_a", "primary_b"], how="anti")
    return _by_pair(lost, "homologies of alternate loci missing for their primary genes")


def _repeats(genes: Genes, mapped: pl.DataFrame) -> list[dict[str, Any]]:
    """Count rows of ENS_O2O that share a symbol with another row."""
    rows = mapped.filter(pl.col("strategy") == str(Strategy.ENS_O2O))
    repeated = rows.filter((pl.len().over(*_PAIR, "gene_a") > 1) | (pl.len().over(*_PAIR, "gene_b") > 1))
    return _by_pair(repeated, "rows of ENS_O2O that share a symbol with another row, kept")


def _by_pair(rows: pl.DataFrame, reason: str) -> list[dict[str, Any]]:
    counted = rows.group_by(_PAIR).len().sort(_PAIR).iter_rows()
    return [
        {"where": f"{by_number(a).name} - {by_number(b).name}", "reason": reason, "count": count}
        for a, b, count in counted
    ]


def _missing_strategies(mapped: pl.DataFrame, pairs: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """List strategies that a pair cannot have without homologies or vectors."""
    given: dict[tuple[int, int], set[str]] = {pair: set() for pair in pairs}
    for a, b, strategy in mapped.select(*_PAIR, "strategy").unique().iter_rows():
        given[a, b].add(strategy)
    embedded = any(str(Strategy.LM_O2O) in strategies for strategies in given.values())
    noted = []
    for (a, b), strategies in given.items():
        missing = [str(strategy) for strategy in Strategy if strategy not in strategies]
        if str(Strategy.ENS_M2M) in missing:
            why = "without Ensembl homologies"
        elif embedded and str(Strategy.LM_O2O) in missing:
            why = "without embeddings of both species"
        else:
            continue
        reason = f"strategies not available {why}: {', '.join(missing)}"
        noted.append({"where": f"{by_number(a).name} - {by_number(b).name}", "reason": reason, "count": len(missing)})
    return noted


#: Bases of the choice, the strongest first.
CANONICAL_BASES = ("ensembl_canonical", "appris", "mane", "longest")

_GENE = ["species", "gene_id"]


def choose_canonical(proteins: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Choose the canonical isoform of each gene.

    Parameters
    ----------
    proteins
        One row per protein, columns of ``records.PROTEINS`` (of these ``species``, ``gene_id``,
        ``stable_id``, ``transcript``, ``length`` in residues and ``unknown_residues`` count).
    claims
        Canonical transcripts by basis, columns of ``records.CANONICAL``. Transcripts without a protein of that
        gene are ignored, and the next basis, or the longest protein, decides.

    Returns
    -------
    polars.DataFrame
        The same rows in the same order with ``canonical``, true once per gene, and ``canonical_basis``, null
        elsewhere. Where one basis names several isoforms, or none, the longest wins, then the one with fewer
        unknown residues, then the lower stable ID.

    Raises
    ------
    ValueError
        If a basis is not one of ``ensembl_canonical``, ``appris``, ``mane``.

    Examples
    --------
    >>> proteins = pl.DataFrame(
    ...     {
    ...         "species": [1, 1],
    ...         "gene_id": ["G", "G"],
    ...         "stable_id": ["P1", "P2"],
    ...         "transcript": ["T1", "T2"],
    ...         "length": [300, 200],
    ...         "unknown_residues": [0, 0],
    ...     }
    ... )
    >>> claims = pl.DataFrame({"species": [1], "gene_id": ["G"], "transcript": ["T2"], "basis": ["mane"]})
    >>> choose_canonical(proteins, claims).select("stable_id", "canonical", "canonical_basis").rows()
    [('P1', False, None), ('P2', True, 'mane')]
    """
    unknown = set(claims["basis"]) - set(CANONICAL_BASES[:-1])
    if unknown:
        raise ValueError(f"unknown bases {sorted(unknown)}. Expected {', '.join(CANONICAL_BASES[:-1])}")
    transcript = [*_GENE, "transcript"]
    order = pl.Enum(CANONICAL_BASES)
    best = claims.group_by(transcript).agg(_basis=pl.col("basis").cast(order).min())
    ranked = (
        proteins.with_row_index("_row")
        .join(best, on=transcript, how="left", maintain_order="left")
        .with_columns(pl.col("_basis").fill_null(pl.lit("longest", order)))
    )
    first = ranked.sort(
        "_basis", "length", "unknown_residues", "stable_id", descending=[False, True, False, False]
    ).unique(_GENE, keep="first")["_row"]
    canonical = pl.col("_row").is_in(first.implode())
    return ranked.with_columns(
        canonical=canonical, canonical_basis=pl.when(canonical).then(pl.col("_basis").cast(pl.String))
    ).drop("_row", "_basis")
