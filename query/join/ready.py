"""The plan of a join by a ready table: which rows of each var make a feature is given, not derived."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.join.direct import ask_direct
from homodb.query.join.options import JoinOptions
from homodb.query.join.plan import JoinPlan
from homodb.query.join.sides import Side
from homodb.query.join.table import Table
from homodb.query.join.way import Way
from homodb.query.release import Release
from homodb.query.translate.aggregate import Links
from homodb.query.translate.fates import Fate
from homodb.schema.errors import JoinError
from homodb.schema.strategies import EvidenceClass, Strategy
from homodb.schema.unique import numbered


def ready_plan(
    release: Release, sides: Sequence[Side], options: JoinOptions, title: str, rows: Sequence[pl.DataFrame]
) -> JoinPlan:
    """Plan a join whose features are given.

    Parameters
    ----------
    release
        An open release; of the features it tells nothing.
    sides
        The genes of each object.
    options
        What was chosen; what concerns strategies has no meaning here.
    title
        What the table is called, in place of a strategy.
    rows
        For each object ``place, column``: which row of its var goes to which feature. Features are numbered from 0, and
        every one has a row in every object; several rows of one object are added up.

    Returns
    -------
    JoinPlan
        Evidence classes are null. A feature is called by the first of its rows in the first object. A gene in none has
        the fate ``no_ortholog``.

    Raises
    ------
    JoinError
        If there is no feature, or an object lacks a row for one.
    """
    count = min(one["column"].n_unique() for one in rows)
    if not count:
        names = ", ".join(f"{side.name} ({side.resolved.height:,} names)" for side in sides)
        raise JoinError(f"the objects share no feature by {title}: {names}; check the species and the names of genes")
    for side, one in zip(sides, rows, strict=True):
        if not np.array_equal(one["column"].unique().sort().to_numpy(), np.arange(count)):
            raise JoinError(f"{side.name}: the table {title!r} has features that none of its {one.height:,} rows is of")
    links = tuple(_links(side, one, count) for side, one in zip(sides, rows, strict=True))
    species = tuple(dict.fromkeys(side.species for side in sides))
    way = Way(release, species, Strategy.HM_O2O, ())
    table = Table(pl.DataFrame(), pl.DataFrame())
    steps = [(f"genes of {side.name} ({side.species.common_name})", side.genes.len()) for side in sides]
    return JoinPlan(
        way, tuple(sides), options, links, tuple(_fates(side, one) for side, one in zip(sides, rows, strict=True)),
        _var(sides, rows), (*steps, (f"features by {title}", count)), ask_direct(way, None), table.left_out,
        tuple(note for side in sides for note in side.notes), title,
    )  # fmt: skip


def _links(side: Side, rows: pl.DataFrame, count: int) -> Links:
    ordered = rows.sort("place", "column").join(
        side.resolved.select("place", "gene"), on="place", how="left", maintain_order="left"
    )
    return Links(
        ordered["place"].to_numpy().astype(np.int64), ordered["column"].to_numpy().astype(np.int64),
        np.ones(ordered.height), ordered.select(pl.coalesce("gene", -1 - pl.col("place")))["gene"].to_numpy(),
        (side.resolved.height, count),
    )  # fmt: skip


def _fates(side: Side, rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row per var row, in order, with the columns of :func:`homodb.query.join.losses.side_fates`."""
    mapped = rows.group_by("place").agg(pl.col("column").min())
    fate = (
        pl.when(~pl.col("is_gene")).then(pl.lit(str(Fate.NOT_A_GENE)))
        .when(pl.col("column").is_not_null()).then(pl.lit(str(Fate.MAPPED)))
        .when(pl.col("gene").is_null()).then(pl.lit(str(Fate.UNKNOWN)))
        .otherwise(pl.lit(str(Fate.NO_ORTHOLOG)))
    )  # fmt: skip
    return side.resolved.join(mapped, on="place", how="left", maintain_order="left").select(
        pl.lit(side.name).alias("file"), pl.lit(side.species.name).alias("species"),
        "name", "stable_id", "symbol", "how", fate.alias("fate"), "column", pl.lit(None, pl.String).alias("detail"),
        "mitochondrial", "ribosomal",
    )  # fmt: skip


def _var(sides: Sequence[Side], rows: Sequence[pl.DataFrame]) -> pd.DataFrame:
    """Return the var of the result: names that came in and stable IDs of each species, and no evidence."""
    named = [
        one.join(side.resolved.select("place", "name", "stable_id"), on="place").sort("column", "place").with_columns(
            species=pl.lit(side.species.name)
        )
        for side, one in zip(sides, rows, strict=True)
    ]  # fmt: skip
    every = pl.concat(named)
    var: dict[str, list[str | None]] = {}
    for species in every["species"].unique(maintain_order=True):
        own = every.filter(pl.col("species") == species).group_by("column").agg(
            names=pl.col("name").unique(maintain_order=True).str.join(";"),
            ids=pl.col("stable_id").drop_nulls().unique(maintain_order=True).str.join(";"),
        ).sort("column")  # fmt: skip
        var[f"homodb_{species}"], var[f"homodb_{species}_id"] = own["names"].to_list(), own["ids"].to_list()
    index = numbered(named[0].group_by("column").agg(pl.col("name").first()).sort("column")["name"].to_list())
    frame = pd.DataFrame(var, index=pd.Index(index, dtype=object))
    frame["homodb_evidence"] = pd.Categorical([None] * len(frame), categories=[str(one) for one in EvidenceClass])
    return frame
