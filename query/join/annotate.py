"""The var of a joint object: what the features are called, and which genes of which species they are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import polars as pl

from homodb.query.join.sides import Side
from homodb.query.join.table import Table, number_of, weakest
from homodb.query.join.way import Way
from homodb.query.translate.aggregate import Links
from homodb.query.translate.annotate import kind_of_names
from homodb.query.translate.options import Names
from homodb.schema.unique import numbered

#: Of a group's genes so many give it its name; of more it is said how many there are.
_NAMING = 3


def feature_var(
    way: Way,
    table: Table,
    used: pl.DataFrame,
    sides: Sequence[Side],
    links: Sequence[Links],
    names: Names,
    *,
    lower: bool,
) -> pd.DataFrame:
    """Return the var of the result, one row per feature.

    Parameters
    ----------
    way
        Species, strategy, hub.
    table
        The features of the release.
    used
        ``column, feature, gene, species``: the measured genes of each feature.
    sides, links
        The objects, and which rows of their vars go to which feature.
    names
        What features are called.
    lower
        Whether names are lower-cased, as the reference does it.

    Returns
    -------
    pandas.DataFrame
        Index: unique names, those of the first species' genes. Per species ``homodb_<species>``: the names that came
        in, of all its objects, joined by ``;``; ``homodb_<species>_id``: the genes; ``homodb_<species>_genes``: how
        many; ``homodb_<species>_evidence``: the weakest class of the pairs that link them. ``homodb_evidence``: the
        weakest of all pairs.
        ``homodb_mt``, ``homodb_ribo``: mitochondrial, and protein of the cytosolic ribosome, in any of the species.
    """
    keys = used["gene"].unique().sort().to_list()
    labels = way.release.ask("target_genes", {"genes": keys}).rename({"target_gene": "gene"})
    known = used.join(labels, on="gene", how="left", maintain_order="left").sort("column", "gene")
    kind = kind_of_names(sides[0].resolved) if names is Names.KEEP else names.value
    frame = used.select("column").unique().sort("column")
    pairs = _pairs(table, used)
    for species in way.species:
        own = known.filter(pl.col("species") == species.number)
        about = own.group_by("column", maintain_order=True).agg(
            pl.col("target_id").str.join(";").alias(f"homodb_{species.name}_id"),
            pl.len().cast(pl.Int32).alias(f"homodb_{species.name}_genes"),
        )
        given = _given(species.number, sides, links).rename({"names": f"homodb_{species.name}"})
        of_it = weakest(pairs.filter(pl.col("species") == species.number), "column").rename(
            {"evidence_class": f"homodb_{species.name}_evidence"}
        )
        frame = (
            frame.join(given, on="column", how="left", maintain_order="left")
            .join(about, on="column", how="left", maintain_order="left")
            .join(of_it, on="column", how="left", maintain_order="left")
        )
    marks = known.group_by("column", maintain_order=True).agg(
        homodb_mt=pl.col("mitochondrial").any(), homodb_ribo=pl.col("ribosomal").any()
    )
    overall = weakest(pairs, "column").rename({"evidence_class": "homodb_evidence"})
    frame = frame.join(overall, on="column", how="left", maintain_order="left")
    frame = frame.join(marks, on="column", how="left", maintain_order="left")
    var = frame.drop("column").to_pandas()
    var.index = pd.Index(_names(known, way.species[0].number, kind, lower=lower))
    for column in [name for name in var.columns if name.endswith("evidence")]:
        var[column] = var[column].astype("category")
    return var


def _pairs(table: Table, used: pl.DataFrame) -> pl.DataFrame:
    """Return ``column, species, evidence_class``: a row per end of each pair of the features that are used."""
    columns = used.select("feature", "column").unique("feature")
    ends = [table.pairs.select("feature", "evidence_class", number_of(end)) for end in ("gene_a", "gene_b")]
    return pl.concat(ends).join(columns, on="feature", how="inner")


def _given(species: int, sides: Sequence[Side], links: Sequence[Links]) -> pl.DataFrame:
    """Return ``column, names``: the names that came in, each once."""
    frames = [
        pl.DataFrame({"column": link.column, "place": link.place}).join(
            side.resolved.select("place", "name"), on="place"
        )
        for side, link in zip(sides, links, strict=True)
        if side.species.number == species
    ]
    return (
        pl.concat(frames).unique(["column", "name"], maintain_order=True).sort("column", maintain_order=True)
        .group_by("column", maintain_order=True).agg(names=pl.col("name").str.join(";"))
    )  # fmt: skip


def _names(known: pl.DataFrame, species: int, kind: str, *, lower: bool) -> list[str]:
    """Return a unique name for each feature: of the first species' gene, or of the first of several and how many."""
    label = pl.col("target_id") if kind == "id" else pl.coalesce("target_symbol", "target_id")
    own = known.filter(pl.col("species") == species).with_columns(label=label)
    told = own.group_by("column", maintain_order=True).agg(
        pl.col("label"), identifier=pl.col("target_id").first(), several=pl.len()
    )
    shown = pl.when(pl.col("several") > _NAMING).then(
        pl.format("{}+{}", pl.col("label").list.head(_NAMING).list.join("+"), pl.col("several") - _NAMING)
    ).otherwise(pl.col("label").list.join("+"))  # fmt: skip
    frame = told.select("identifier", name=shown.str.to_lowercase() if lower else shown)
    names, identifiers = frame["name"].to_list(), frame["identifier"].to_list()
    repeated = set(frame["name"].filter(frame["name"].is_duplicated()).to_list())
    if not lower:
        names = [one if one not in repeated else identifier for one, identifier in zip(names, identifiers, strict=True)]
    return numbered(names)
