"""Assign a fate, with a reason, to every gene of every object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from homodb.query.genes import Pair, find_pair
from homodb.query.join.route import FeatureTable, HubRoute, JoinRoute, number_of
from homodb.query.join.sides import JoinSide
from homodb.query.translate import NOT_A_GENE, UNRESOLVED, Fate, fate_of, lost, mapped_rule
from homodb.schema.enums import Strategy
from homodb.schema.species import Species

_WHY: dict[Any, Any] = {"gene": pl.Int64, "fate": pl.String, "detail": pl.String}


def side_fates(
    route: JoinRoute,
    side: JoinSide,
    genes: Mapping[Species, pl.Series],
    tables: tuple[FeatureTable, FeatureTable],
    used: pl.DataFrame,
) -> pl.DataFrame:
    """Return the fate of every row of an object's var.

    Parameters
    ----------
    way
        Species, strategy, hub.
    side
        The genes of the object.
    genes
        The measured genes of each species.
    tables
        All features of the release, and the confirmed ones.
    used
        ``gene, column`` of the features of the result.

    Returns
    -------
    polars.DataFrame
        One row per var row, in order: ``file, species, name, stable_id, symbol, how, fate, column`` (of the result;
        the first of several), ``detail`` (reason, or the gene that took its partner), ``mitochondrial, ribosomal``.
    """
    mapped = used.group_by("gene").agg(pl.col("column").min())
    reasons = [_lacking_in_object(side, genes)]
    if len(genes) > 1:
        reasons += _with_partners(tables, genes, side.species) + _without_partners(route, side.species, tables[0])
    because = pl.concat([one.select(list(_WHY)).cast(_WHY) for one in reasons])
    frame = (
        side.resolved.join(mapped, on="gene", how="left", maintain_order="left")
        .join(because.unique("gene", keep="first", maintain_order=True), on="gene", how="left", maintain_order="left")
        .sort("place")
    )
    reason = (pl.col("fate").is_not_null(), pl.col("fate"), pl.col("detail"))
    return fate_of(frame, (NOT_A_GENE, *UNRESOLVED, mapped_rule("column"), reason)).select(
        pl.lit(side.name).alias("file"), pl.lit(side.species.name).alias("species"),
        "name", "stable_id", "symbol", "how", "fate", "column", "detail", "mitochondrial", "ribosomal",
    )  # fmt: skip


def _lacking_in_object(side: JoinSide, genes: Mapping[Species, pl.Series]) -> pl.DataFrame:
    """Return genes that another object of the species lacks."""
    lacking = side.genes.filter(~side.genes.is_in(genes[side.species].implode())).to_frame("gene")
    return _because(lacking, Fate.FILTERED, pl.lit("another object of its species does not have it"))


def _with_partners(
    tables: tuple[FeatureTable, FeatureTable], genes: Mapping[Species, pl.Series], species: Species
) -> list[pl.DataFrame]:
    """Return genes with unusable partners, a frame per reason in order."""
    full, kept = tables
    too_large = full.refused.select("gene", fate=pl.lit(str(Fate.FILTERED)), detail="why")
    own = number_of() == species.number
    mine = kept.members.filter(own).select("feature", "gene")
    frames = [too_large]
    for other, measured in genes.items():
        theirs = kept.members.filter(number_of() == other.number)
        has_any = theirs.select("feature").unique()
        has = theirs.join(measured.to_frame("gene"), on="gene", how="semi").select("feature").unique()
        lacks = mine.join(has_any, on="feature", how="semi").join(has, on="feature", how="anti")
        if other != species:
            frames.append(_because(lacks, Fate.FILTERED, pl.lit(f"its partner in {other.common_name} is not measured")))
    if full is not kept:
        unconfirmed = full.members.filter(own).select("gene")
        frames.append(_because(unconfirmed, Fate.FILTERED, pl.lit("not every direct pair of species confirms its row")))
    return frames


def _without_partners(route: JoinRoute, species: Species, table: FeatureTable) -> list[pl.DataFrame]:
    """Return genes without a partner in some species, with reasons."""
    if not isinstance(route, HubRoute) or table.rows is None:
        return _outside_groups(route, species, table)
    frames = _unmeasured(route, species)
    strategies = {pair.target: strategy for pair, strategy in route.legs}
    of_hub = [(pair, _lost(pair, strategy)) for pair, strategy in route.legs]
    if species == route.hub:
        return frames + [losses for _, losses in of_hub]
    for pair, strategy in route.legs:
        if pair.target != species:
            continue
        frames.append(_lost(find_pair(route.release, species, route.hub), strategy, route.mapping(pair, strategy)))
        partner = route.mapping(pair, strategy).select(gene="target_gene", hub_gene="source_gene")
        for other, losses in of_hub:
            if other.target == species:
                continue
            have = route.mapping(other, strategies[other.target])
            alone = partner.join(have, left_on="hub_gene", right_on="source_gene", how="anti")
            joined = alone.join(losses.rename({"gene": "hub_gene"}), on="hub_gene", how="left", maintain_order="left")
            where = f"via {route.hub.common_name}: none in {other.target.common_name}"
            frames.append(
                joined.select(
                    "gene", fate=pl.col("fate").fill_null(str(Fate.NO_ORTHOLOG)),
                    detail=pl.when(pl.col("fate") == str(Fate.LOST_TO)).then("detail").otherwise(pl.lit(where)),
                )
            )  # fmt: skip
    return frames


def _unmeasured(route: JoinRoute, species: Species) -> list[pl.DataFrame]:
    """Return genes none of whose orthologs in a species is measured.

    There are none unless partners are chosen among measured genes.
    """
    genes = route.genes or {}
    frames = []
    for pair, _ in route.legs if genes else ():
        forward = pair if pair.source == species else find_pair(route.release, pair.target, pair.source)
        measured_genes = genes.get(forward.target)
        if forward.source != species or measured_genes is None:
            continue
        rows = (
            forward.mapping(Strategy.ENS_M2M)
            if Strategy.ENS_M2M in forward.strategies()
            else pl.DataFrame(schema={"source_gene": pl.Int64, "target_gene": pl.Int64})
        )
        measured = rows.filter(pl.col("target_gene").is_in(measured_genes.implode()))
        lacks = rows.join(measured, on="source_gene", how="anti").select(gene="source_gene").unique()
        frames.append(
            _because(lacks, Fate.FILTERED, pl.lit(f"its partner in {forward.target.common_name} is not measured"))
        )
    return frames


def _lost(pair: Pair, strategy: Strategy, reverse: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return ``gene, fate, detail`` of genes that lose an Ensembl partner.

    These are source genes with an Ensembl partner to which the strategy does not map them.
    """
    mapping = None if reverse is None else reverse.select(source_gene="target_gene", target_gene="source_gene")
    rows = lost(pair, strategy, mapping)
    mapped = pair.mapping(strategy).select("source_gene") if mapping is None else mapping.select("source_gene")
    rows = rows.join(mapped, left_on="gene", right_on="source_gene", how="anti", maintain_order="left")
    taken = pl.col("taker").is_not_null()
    return rows.select(
        "gene",
        fate=pl.when(taken).then(pl.lit(str(Fate.LOST_TO))).otherwise(pl.lit(str(Fate.FILTERED))),
        detail=pl.coalesce("taker", "kinds"),
    )


def _outside_groups(route: JoinRoute, species: Species, table: FeatureTable) -> list[pl.DataFrame]:
    """Return genes of groups without a gene in some species."""
    mine = table.members.filter(number_of() == species.number).select("feature", "gene")
    frames = []
    for other in route.species:
        theirs = table.members.filter(number_of() == other.number).select("feature").unique()
        lacks = mine.join(theirs, on="feature", how="anti", maintain_order="left")
        frames.append(_because(lacks, Fate.NO_ORTHOLOG, pl.lit(f"none in {other.common_name}")))
    return frames


def _because(genes: pl.DataFrame, fate: Fate, detail: pl.Expr) -> pl.DataFrame:
    return genes.select("gene", fate=pl.lit(str(fate)), detail=detail)
