"""What becomes of every marker in the other species: is it one there too, or not, or can that not be told, and why."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import polars as pl


class Conservation(StrEnum):
    """What a marker of one species is in another one."""

    CONSERVED = "conserved"
    PARTLY = "partly conserved"
    SPECIFIC = "species-specific"
    NO_ORTHOLOG = "no ortholog"
    NOT_MEASURED = "not measured"
    NO_TYPE = "no such type"
    UNKNOWN = "unknown gene"


#: What each kind means, for reports.
MEANING = {
    Conservation.CONSERVED: "its ortholog is a marker of the same type",
    Conservation.PARTLY: "its ortholog is a marker in some of the other species, and in some it is not",
    Conservation.SPECIFIC: "its ortholog is measured and is no marker of the type",
    Conservation.NO_ORTHOLOG: "there is no ortholog",
    Conservation.NOT_MEASURED: "there is an ortholog, but the other species' cells come without it",
    Conservation.NO_TYPE: "no other species has (enough cells of) the type",
    Conservation.UNKNOWN: "the release does not know the gene",
}

#: What it means that a species-specific marker leans.
LEANING = (
    "of the species-specific ones, those whose ortholog is as much higher as a marker has to be, but not surely so, or "
    "in too few cells"
)


def classify_conservation(effects: pl.DataFrame, partners: pl.DataFrame, least: float) -> pl.DataFrame:
    """Sort the markers of every species by what their orthologs do.

    Parameters
    ----------
    effects
        Of all species, see :class:`homodb.query.markers.effects.Effects`.
    partners
        See :func:`homodb.query.markers.markers.orthologs`.
    least
        The least log2 fold change of a marker.

    Returns
    -------
    polars.DataFrame
        A row per marker and other species: ``type, species, gene, kind`` (over all other species), ``log2fc, share,
        share_rest, auroc, q``; ``other``, ``kind_there``, ``ortholog`` (the one that is a marker and tells the type
        best, else the one that goes up most, else all), ``ortholog_log2fc``, ``ortholog_auroc``, ``ortholog_q``,
        ``leans``: whether that is as much higher as a marker has to be, though not a marker; ``evidence``. The best
        markers first.
    """
    marked = effects.filter("marker").drop("p", "cpm", "cpm_rest", "marker")
    there = effects.select(
        "type", other="species", other_column="column", ortholog_log2fc="log2fc", ortholog_auroc="auroc",
        ortholog_q="q", is_marker="marker",
    )  # fmt: skip
    has_type = effects.select("type", other="species").unique().with_columns(typed=pl.lit(value=True))
    found = (
        marked.join(partners, on=["species", "column"], how="inner", maintain_order="left")
        .join(has_type, on=["type", "other"], how="left", maintain_order="left")
        .join(there, on=["type", "other", "other_column"], how="left", maintain_order="left")
    )
    by = ["type", "species", "column", "other"]
    found = found.sort(
        [*by, pl.col("is_marker").fill_null(value=False), "ortholog_auroc", "ortholog_log2fc"],
        descending=[False] * 4 + [True] * 3, nulls_last=True, maintain_order=True,
    )  # fmt: skip
    measured = pl.col("other_column").is_not_null().any()
    kept = [name for name in marked.columns if name not in by]
    told = found.group_by(by, maintain_order=True).agg(
        *(pl.col(name).first() for name in kept),
        known=pl.col("known").first(), typed=pl.col("typed").fill_null(value=False).first(), measured=measured,
        has=pl.col("ortholog").is_not_null().any(), is_marker=pl.col("is_marker").fill_null(value=False).first(),
        ortholog=pl.when(measured).then(pl.col("ortholog").first()).otherwise(
            pl.col("ortholog").drop_nulls().unique(maintain_order=True).str.join(";")
        ).first(),
        **{name: pl.col(name).first() for name in ("ortholog_log2fc", "ortholog_auroc", "ortholog_q", "evidence")},
    )  # fmt: skip
    kind = (
        pl.when(~pl.col("known")).then(pl.lit(str(Conservation.UNKNOWN)))
        .when(~pl.col("has")).then(pl.lit(str(Conservation.NO_ORTHOLOG)))
        .when(~pl.col("measured")).then(pl.lit(str(Conservation.NOT_MEASURED)))
        .when(~pl.col("typed")).then(pl.lit(str(Conservation.NO_TYPE)))
        .when("is_marker").then(pl.lit(str(Conservation.CONSERVED)))
        .otherwise(pl.lit(str(Conservation.SPECIFIC)))
    )  # fmt: skip
    told = told.with_columns(
        kind_there=kind, ortholog=pl.when(pl.col("ortholog") != "").then("ortholog"),
        leans=~pl.col("is_marker") & (pl.col("ortholog_log2fc") >= least).fill_null(value=False),
    )  # fmt: skip
    return _over_all(told).select(
        "type", "species", "gene", "kind", "log2fc", "share", "share_rest", "auroc", "q", "other", "kind_there",
        "ortholog", "ortholog_log2fc", "ortholog_auroc", "ortholog_q", "leans", "evidence",
    ).sort("type", "species", "auroc", "gene", descending=[False, False, True, False], maintain_order=True)  # fmt: skip


def _over_all(told: pl.DataFrame) -> pl.DataFrame:
    """Say one kind of each marker, from those that it has in each other species."""
    by = ["type", "species", "column"]
    seen = {one: (pl.col("kind_there") == str(one)).any().over(by) for one in Conservation}
    kind = (
        pl.when(seen[Conservation.CONSERVED] & seen[Conservation.SPECIFIC]).then(pl.lit(str(Conservation.PARTLY)))
        .when(seen[Conservation.CONSERVED]).then(pl.lit(str(Conservation.CONSERVED)))
        .when(seen[Conservation.SPECIFIC]).then(pl.lit(str(Conservation.SPECIFIC)))
        .when(seen[Conservation.NO_TYPE]).then(pl.lit(str(Conservation.NO_TYPE)))
        .when(seen[Conservation.NOT_MEASURED]).then(pl.lit(str(Conservation.NOT_MEASURED)))
        .when(seen[Conservation.NO_ORTHOLOG]).then(pl.lit(str(Conservation.NO_ORTHOLOG)))
        .otherwise(pl.lit(str(Conservation.UNKNOWN)))
    )  # fmt: skip
    return told.with_columns(kind=kind)


def conserved_table(sorted_markers: pl.DataFrame, species: Sequence[str]) -> pl.DataFrame:
    """Return the conserved markers, one row for the genes of all species, those that tell a type best first.

    Parameters
    ----------
    sorted_markers
        See :func:`sort_markers`.
    species
        All species, in order.

    Returns
    -------
    polars.DataFrame
        ``type, rank`` (within the type), a column per species with its gene, null where it is no marker there;
        ``kind``; ``min_auroc, min_log2fc, max_q``: the weakest over the species that have it.
    """
    order = {name: place for place, name in enumerate(species)}
    place = pl.col("species").replace_strict(order, return_dtype=pl.Int64)
    other = pl.col("other").replace_strict(order, return_dtype=pl.Int64)
    kept = sorted_markers.filter(pl.col("kind_there") == str(Conservation.CONSERVED))
    rows = kept.with_columns(place=place, other_place=other)
    if not rows.height:
        plain = {"type": pl.String, "rank": pl.Int64, **dict.fromkeys(species, pl.String), "kind": pl.String}
        return pl.DataFrame(schema={**plain, "min_auroc": pl.Float64, "min_log2fc": pl.Float64, "max_q": pl.Float64})
    first = rows.filter(pl.col("place") < pl.col("other_place").min().over("type", "species", "gene"))
    told = first.group_by("type", "species", "gene", maintain_order=True).agg(
        pl.col("kind").first(),
        *(pl.col("ortholog").filter(pl.col("other") == name).first().alias(f"other {name}") for name in species),
        min_auroc=pl.min_horizontal(pl.col("auroc").min(), pl.col("ortholog_auroc").min()),
        min_log2fc=pl.min_horizontal(pl.col("log2fc").min(), pl.col("ortholog_log2fc").min()),
        max_q=pl.max_horizontal(pl.col("q").max(), pl.col("ortholog_q").max()),
    )  # fmt: skip
    named = [pl.when(pl.col("species") == name).then("gene").otherwise(f"other {name}").alias(name) for name in species]
    by = ["type", "min_auroc", "min_log2fc"]
    table = told.with_columns(named).sort(by, descending=[False, True, True], maintain_order=True)
    ranked = table.with_columns(rank=pl.int_range(1, pl.len() + 1).over("type"))
    return ranked.select("type", "rank", *species, "kind", "min_auroc", "min_log2fc", "max_q")
