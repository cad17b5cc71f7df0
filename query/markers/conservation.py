"""Classify the markers of each species by what their orthologs in the other species do."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl

from homodb.query.genes import choose_strategy, find_pair
from homodb.query.markers.cells import MarkerCells
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy


class Conservation(StrEnum):
    """Conservation of a marker in another species."""

    CONSERVED = "conserved"
    PARTLY = "partly conserved"
    SPECIFIC = "species-specific"
    NO_ORTHOLOG = "no ortholog"
    NOT_MEASURED = "not measured"
    NO_TYPE = "no such type"
    UNKNOWN = "unknown gene"


#: Meaning of each kind, for reports.
MEANING = {
    Conservation.CONSERVED: "its ortholog is a marker of the same type",
    Conservation.PARTLY: "its ortholog is a marker in some of the other species, and in some it is not",
    Conservation.SPECIFIC: "its ortholog is measured and is not a marker of the type",
    Conservation.NO_ORTHOLOG: "there is no ortholog",
    Conservation.NOT_MEASURED: "there is an ortholog, but the other species' cells come without it",
    Conservation.NO_TYPE: "no other species has (enough cells of) the type",
    Conservation.UNKNOWN: "the release does not know the gene",
}

#: Meaning of a species-specific marker that leans.
LEANING = (
    "of the species-specific ones, those whose ortholog is as much higher as a marker has to be, but not surely so, or "
    "in too few cells"
)

_SCHEMA: dict[Any, Any] = {
    "species": pl.String, "column": pl.Int64, "other": pl.String, "in_release": pl.Boolean, "ortholog": pl.String,
    "other_column": pl.Int64, "evidence": pl.String,
}  # fmt: skip


def same_features(sides: Sequence[MarkerCells]) -> pl.DataFrame:
    """Return each column as its own ortholog, for sides over the same features; columns as of :func:`orthologs`."""
    frames = [
        pl.DataFrame({"column": np.arange(len(one.genes)), "ortholog": other.genes}).with_columns(
            species=pl.lit(one.species), other=pl.lit(other.species), in_release=pl.lit(value=True),
            other_column=pl.col("column"), evidence=pl.lit(None, pl.String),
        )
        for one, other in itertools.permutations(sides, 2)
    ]  # fmt: skip
    return pl.concat([frame.select(list(_SCHEMA)).cast(_SCHEMA) for frame in frames])


def orthologs(
    release: ReleaseFile, sides: Sequence[MarkerCells], species: Sequence[str], strategy: str | Strategy | None
) -> tuple[pl.DataFrame, str]:
    """Find which columns of the sides correspond.

    Returns
    -------
    polars.DataFrame
        A row per gene of a side and ortholog in another one, or without one: ``species, column, other``;
        ``in_release``: whether the release has the gene; ``ortholog``, its name, null for none; ``other_column``, null
        if it is not measured; ``evidence``, the class of the pair.
    str
        The strategies that were used: by default ENS_M2M, and LM_O2O if Ensembl has nothing for a pair.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks a mapping.
    """
    frames, used = [], []
    for (one, name), (other, other_name) in itertools.permutations(zip(sides, species, strict=True), 2):
        pair = find_pair(release, name, other_name)
        own_strategy = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        used.append(f"{own_strategy} over {pair.between.common_name}" if pair.between else str(own_strategy))
        rows = pair.mapping(own_strategy).select("source_gene", "target_gene", evidence="evidence_class")
        labels = release.ask("labels", {"genes": rows["target_gene"].unique().to_list()})
        named = labels.select(target_gene="gene", ortholog=pl.coalesce("symbol", "stable_id"))
        targets = pl.DataFrame({"target_gene": other.keys, "other_column": np.arange(len(other.keys))})
        sources = pl.DataFrame({"source_gene": one.keys, "column": np.arange(len(one.keys))})
        frames.append(
            sources.join(rows, on="source_gene", how="left", maintain_order="left")
            .join(named, on="target_gene", how="left", maintain_order="left")
            .join(targets.filter(pl.col("target_gene") >= 0), on="target_gene", how="left", maintain_order="left")
            .with_columns(
                species=pl.lit(one.species), other=pl.lit(other.species), in_release=pl.col("source_gene") >= 0,
            ).select(list(_SCHEMA)).cast(_SCHEMA)
        )  # fmt: skip
    return pl.concat(frames), ", ".join(dict.fromkeys(used))


def classify_conservation(effects: pl.DataFrame, partners: pl.DataFrame, least: float) -> pl.DataFrame:
    """Classify the markers of every species by what their orthologs do.

    Parameters
    ----------
    effects
        Effects in all species, see :class:`homodb.query.markers.statistics.Effects`.
    partners
        Orthologs, see :func:`orthologs`.
    least
        Least log2 fold change of a marker.

    Returns
    -------
    polars.DataFrame
        A row per marker and other species, see :class:`homodb.query.markers.Markers`, the best markers first. The
        ``ortholog`` is the best marker of the type, else the one that goes up most, else all; it ``leans`` if
        it is not a marker, but as much higher as one has to be.
    """
    marked = effects.filter("marker").drop("p", "cpm", "cpm_rest", "marker")
    others = effects.select(
        "type", other="species", other_column="column", ortholog_log2fc="log2fc", ortholog_auroc="auroc",
        ortholog_q="q", is_marker="marker",
    )  # fmt: skip
    has_type = effects.select("type", other="species").unique().with_columns(typed=pl.lit(value=True))
    rows = (
        marked.join(partners, on=["species", "column"], how="inner", maintain_order="left")
        .join(has_type, on=["type", "other"], how="left", maintain_order="left")
        .join(others, on=["type", "other", "other_column"], how="left", maintain_order="left")
        .with_columns(pl.col("is_marker", "typed").fill_null(value=False))
    )
    by = ["type", "species", "column", "other"]
    rows = rows.sort(
        *by, "is_marker", "ortholog_auroc", "ortholog_log2fc",
        descending=[False] * 4 + [True] * 3, nulls_last=True, maintain_order=True,
    )  # fmt: skip
    measured = pl.col("other_column").is_not_null().any()
    first = [*(name for name in marked.columns if name not in by), "in_release", "typed", "is_marker"]
    best = rows.group_by(by, maintain_order=True).agg(
        pl.col(*first, "ortholog_log2fc", "ortholog_auroc", "ortholog_q", "evidence").first(), measured=measured,
        has=pl.col("ortholog").is_not_null().any(),
        ortholog=pl.when(measured).then(pl.col("ortholog").first()).otherwise(
            pl.col("ortholog").drop_nulls().unique(maintain_order=True).str.join(";")
        ).first(),
    )  # fmt: skip
    kind = (
        pl.when(~pl.col("in_release")).then(pl.lit(str(Conservation.UNKNOWN)))
        .when(~pl.col("has")).then(pl.lit(str(Conservation.NO_ORTHOLOG)))
        .when(~pl.col("measured")).then(pl.lit(str(Conservation.NOT_MEASURED)))
        .when(~pl.col("typed")).then(pl.lit(str(Conservation.NO_TYPE)))
        .when("is_marker").then(pl.lit(str(Conservation.CONSERVED)))
        .otherwise(pl.lit(str(Conservation.SPECIFIC)))
    )  # fmt: skip
    best = best.with_columns(
        kind_there=kind, ortholog=pl.when(pl.col("ortholog") != "").then("ortholog"),
        leans=~pl.col("is_marker") & (pl.col("ortholog_log2fc") >= least).fill_null(value=False),
    )  # fmt: skip
    return best.with_columns(kind=_over_all()).select(
        "type", "species", "gene", "kind", "log2fc", "share", "share_rest", "auroc", "q", "other", "kind_there",
        "ortholog", "ortholog_log2fc", "ortholog_auroc", "ortholog_q", "leans", "evidence",
    ).sort("type", "species", "auroc", "gene", descending=[False, False, True, False], maintain_order=True)  # fmt: skip


def _over_all() -> pl.Expr:
    """Return the kind of each marker over all other species."""

    def has(kind: Conservation) -> pl.Expr:
        return (pl.col("kind_there") == str(kind)).any().over("type", "species", "column")

    both = has(Conservation.CONSERVED) & has(Conservation.SPECIFIC)
    kind: Any = pl.when(both).then(pl.lit(str(Conservation.PARTLY)))
    for one in ("CONSERVED", "SPECIFIC", "NO_TYPE", "NOT_MEASURED", "NO_ORTHOLOG"):
        kind = kind.when(has(Conservation[one])).then(pl.lit(str(Conservation[one])))
    over_all: pl.Expr = kind.otherwise(pl.lit(str(Conservation.UNKNOWN)))
    return over_all


def conserved_table(classified: pl.DataFrame, species: Sequence[str]) -> pl.DataFrame:
    """Return the conserved markers, one row for each group of orthologs, the best markers of a type first.

    Returns
    -------
    polars.DataFrame
        ``type, rank`` (within the type), a column per species with its gene, null where it is not a marker; ``also``:
        other genes of the group that are conserved markers; ``kind``; ``min_auroc, min_log2fc, max_q``: the weakest
        over the species that have it.
    """
    order = {name: place for place, name in enumerate(species)}
    place = pl.col("species").replace_strict(order, return_dtype=pl.Int64)
    other = pl.col("other").replace_strict(order, return_dtype=pl.Int64)
    kept = classified.filter(pl.col("kind_there") == str(Conservation.CONSERVED))
    rows = kept.with_columns(place=place, other_place=other)
    if not rows.height:
        texts = dict.fromkeys((*species, "also", "kind"), pl.String)
        numbers = dict.fromkeys(("min_auroc", "min_log2fc", "max_q"), pl.Float64)
        return pl.DataFrame(schema={"type": pl.String, "rank": pl.Int64, **texts, **numbers})
    first = rows.filter(pl.col("place") < pl.col("other_place").min().over("type", "species", "gene"))
    merged = first.group_by("type", "species", "gene", maintain_order=True).agg(
        pl.col("kind").first(),
        *(pl.col("ortholog").filter(pl.col("other") == name).first().alias(f"other {name}") for name in species),
        min_auroc=pl.min_horizontal(pl.col("auroc").min(), pl.col("ortholog_auroc").min()),
        min_log2fc=pl.min_horizontal(pl.col("log2fc").min(), pl.col("ortholog_log2fc").min()),
        max_q=pl.max_horizontal(pl.col("q").max(), pl.col("ortholog_q").max()),
    )  # fmt: skip
    named = [pl.when(pl.col("species") == name).then("gene").otherwise(f"other {name}").alias(name) for name in species]
    by = ["type", "min_auroc", "min_log2fc"]
    table = merged.with_columns(named).sort(by, descending=[False, True, True], maintain_order=True)
    table = _one_per_group(table, _ortholog_groups(kept), species)
    ranked = table.with_columns(rank=pl.int_range(1, pl.len() + 1).over("type"))
    return ranked.select("type", "rank", *species, "also", "kind", "min_auroc", "min_log2fc", "max_q")


def _ortholog_groups(kept: pl.DataFrame) -> dict[tuple[str, str, str], Any]:
    """Return the group of each conserved marker: type, species and gene that all linked markers of the type share."""
    parent: dict[Any, Any] = {}

    def root(one: Any) -> Any:
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for kind, species, gene, other, ortholog in kept.select("type", "species", "gene", "other", "ortholog").iter_rows():
        parent[root((kind, other, ortholog))] = root((kind, species, gene))
    return {one: root(one) for one in parent}


def _one_per_group(table: pl.DataFrame, groups: dict[Any, Any], species: Sequence[str]) -> pl.DataFrame:
    """Keep the first row of each group of orthologs, with the other genes of the group in ``also``."""
    members: dict[Any, list[str]] = {}
    for name in species:
        for (_, owner, gene), group in groups.items():
            if owner == name:
                members.setdefault(group, []).append(gene)
    first: dict[Any, int] = {}
    also: list[str | None] = []
    for place, row in enumerate(table.iter_rows(named=True)):
        group = groups[row["type"], row["species"], row["gene"]]
        if group not in first:
            first[group] = place
            own = {row[name] for name in species}
            also.append(", ".join(dict.fromkeys(gene for gene in members[group] if gene not in own)) or None)
    return table[list(first.values())].with_columns(also=pl.Series(also, dtype=pl.String))
