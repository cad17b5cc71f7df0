"""What became of every gene of every object, and why it is in no feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from homodb.query.genes import Pair, find_pair
from homodb.query.join.route import FeatureTable, HubRoute, JoinRoute, number_of
from homodb.query.join.sides import JoinSide
from homodb.query.translate import Fate, lost
from homodb.schema.enums import Strategy, is_coding
from homodb.schema.species import Species

_WHY: dict[Any, Any] = {"gene": pl.Int64, "fate": pl.String, "detail": pl.String}
_NONE = pl.lit(None, pl.String)


def side_fates(
    way: JoinRoute,
    side: JoinSide,
    genes: Mapping[Species, pl.Series],
    tables: tuple[FeatureTable, FeatureTable],
    used: pl.DataFrame,
) -> pl.DataFrame:
    """Tell the fate of every row of an object's var.

    Parameters
    ----------
    way
        Species, strategy, hub.
    side
        The genes of the object.
    genes
        The measured genes of each species.
    tables
        All features of the release, and those that were confirmed.
    used
        ``gene, column`` of the features of the result.

    Returns
    -------
    polars.DataFrame
        One row per var row, in order: ``file, species, name, stable_id, symbol, how, fate, column`` (of the result;
        the first of several), ``detail`` (why, or who took its partner), ``mitochondrial, ribosomal``.
    """
    mapped = used.group_by("gene").agg(pl.col("column").min())
    reasons = [_elsewhere(side, genes)]
    if len(genes) > 1:
        reasons += _with_partners(tables, genes, side.species) + _without_partners(way, side.species, tables[0])
    told = pl.concat([one.select(list(_WHY)).cast(_WHY) for one in reasons])
    frame = (
        side.resolved.join(mapped, on="gene", how="left", maintain_order="left")
        .join(told.unique("gene", keep="first", maintain_order=True), on="gene", how="left", maintain_order="left")
        .sort("place")
    )
    non_coding = pl.col("biotype").map_elements(lambda biotype: not is_coding(biotype), return_dtype=pl.Boolean)
    own = pl.col("fate").is_null() & non_coding.fill_null(value=False)
    kinds = [
        (~pl.col("is_gene"), Fate.NOT_A_GENE, pl.col("feature")),
        (pl.col("how") == "retired", Fate.RETIRED, pl.col("hint")),
        (pl.col("how") == "ambiguous", Fate.AMBIGUOUS, pl.col("candidates").list.join(", ")),
        (pl.col("gene").is_null(), Fate.UNKNOWN, pl.col("hint")),
        (pl.col("column").is_not_null(), Fate.MAPPED, _NONE),
        (own, Fate.NO_PROTEIN, pl.col("biotype")),
        (pl.col("fate").is_null(), Fate.NO_ORTHOLOG, _NONE),
    ]
    fate, detail = pl.col("fate"), pl.col("detail")
    for condition, name, why in reversed(kinds):
        fate = pl.when(condition).then(pl.lit(str(name))).otherwise(fate)
        detail = pl.when(condition).then(why).otherwise(detail)
    return frame.with_columns(fate=fate, detail=detail).select(
        pl.lit(side.name).alias("file"), pl.lit(side.species.name).alias("species"),
        "name", "stable_id", "symbol", "how", "fate", "column", "detail", "mitochondrial", "ribosomal",
    )  # fmt: skip


def _elsewhere(side: JoinSide, genes: Mapping[Species, pl.Series]) -> pl.DataFrame:
    """Return the genes that another object of the species lacks."""
    lacking = side.genes.filter(~side.genes.is_in(genes[side.species].implode())).to_frame("gene")
    return _because(lacking, Fate.FILTERED, pl.lit("another object of its species does not have it"))


def _with_partners(
    tables: tuple[FeatureTable, FeatureTable], genes: Mapping[Species, pl.Series], species: Species
) -> list[pl.DataFrame]:
    """Return genes that have partners in every species, but not such as could be used: first reason first."""
    full, kept = tables
    too_large = full.refused.select("gene", fate=pl.lit(str(Fate.FILTERED)), detail="why")
    own = number_of() == species.number
    mine = kept.members.filter(own).select("feature", "gene")
    found = [too_large]
    for other, measured in genes.items():
        there = kept.members.filter(number_of() == other.number)
        has_any = there.select("feature").unique()
        has = there.join(measured.to_frame("gene"), on="gene", how="semi").select("feature").unique()
        lacks = mine.join(has_any, on="feature", how="semi").join(has, on="feature", how="anti")
        if other != species:
            found.append(_because(lacks, Fate.FILTERED, pl.lit(f"its partner in {other.common_name} is not measured")))
    if full is not kept:
        unconfirmed = full.members.filter(own).select("gene")
        found.append(_because(unconfirmed, Fate.FILTERED, pl.lit("not every direct pair of species confirms its row")))
    return found


def _without_partners(way: JoinRoute, species: Species, table: FeatureTable) -> list[pl.DataFrame]:
    """Return genes that lack a partner in some species: whom they lost it to, or where there is none."""
    if not isinstance(way, HubRoute) or table.rows is None:
        return _outside_groups(way, species, table)
    found = _unmeasured(way, species)
    strategies = {pair.target: strategy for pair, strategy in way.legs}
    of_hub = [(pair, _lost(pair, strategy)) for pair, strategy in way.legs]
    if species == way.hub:
        return found + [told for _, told in of_hub]
    for pair, strategy in way.legs:
        if pair.target != species:
            continue
        found.append(_lost(find_pair(way.release, species, way.hub), strategy, way.mapping(pair, strategy)))
        partner = way.mapping(pair, strategy).select(gene="target_gene", hub_gene="source_gene")
        for other, told in of_hub:
            if other.target == species:
                continue
            have = way.mapping(other, strategies[other.target])
            alone = partner.join(have, left_on="hub_gene", right_on="source_gene", how="anti")
            joined = alone.join(told.rename({"gene": "hub_gene"}), on="hub_gene", how="left", maintain_order="left")
            where = f"via {way.hub.common_name}: none in {other.target.common_name}"
            found.append(
                joined.select(
                    "gene", fate=pl.col("fate").fill_null(str(Fate.NO_ORTHOLOG)),
                    detail=pl.when(pl.col("fate") == str(Fate.LOST_TO)).then("detail").otherwise(pl.lit(where)),
                )
            )  # fmt: skip
    return found


def _unmeasured(way: JoinRoute, species: Species) -> list[pl.DataFrame]:
    """Where partners were chosen among measured genes: return the genes all of whose orthologs in a species are not."""
    genes = way.genes or {}
    found = []
    for pair, _ in way.legs if genes else ():
        there = pair if pair.source == species else find_pair(way.release, pair.target, pair.source)
        known = genes.get(there.target)
        if there.source != species or known is None:
            continue
        rows = (
            there.mapping(Strategy.ENS_M2M)
            if Strategy.ENS_M2M in there.strategies()
            else pl.DataFrame(schema={"source_gene": pl.Int64, "target_gene": pl.Int64})
        )
        measured = rows.filter(pl.col("target_gene").is_in(known.implode()))
        lacks = rows.join(measured, on="source_gene", how="anti").select(gene="source_gene").unique()
        found.append(
            _because(lacks, Fate.FILTERED, pl.lit(f"its partner in {there.target.common_name} is not measured"))
        )
    return found


def _lost(pair: Pair, strategy: Strategy, reverse: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return ``gene, fate, detail`` of the source genes that have an Ensembl partner but not by this strategy."""
    chosen = None if reverse is None else reverse.select(source_gene="target_gene", target_gene="source_gene")
    rows = lost(pair, strategy, chosen)
    mapped = pair.mapping(strategy).select("source_gene") if chosen is None else chosen.select("source_gene")
    rows = rows.join(mapped, left_on="gene", right_on="source_gene", how="anti", maintain_order="left")
    taken = pl.col("taker").is_not_null()
    return rows.select(
        "gene",
        fate=pl.when(taken).then(pl.lit(str(Fate.LOST_TO))).otherwise(pl.lit(str(Fate.FILTERED))),
        detail=pl.coalesce("taker", "kinds"),
    )


def _outside_groups(way: JoinRoute, species: Species, table: FeatureTable) -> list[pl.DataFrame]:
    """Return genes of groups that have no gene at all in some species."""
    mine = table.members.filter(number_of() == species.number).select("feature", "gene")
    found = []
    for other in way.species:
        there = table.members.filter(number_of() == other.number).select("feature").unique()
        lacks = mine.join(there, on="feature", how="anti", maintain_order="left")
        found.append(_because(lacks, Fate.NO_ORTHOLOG, pl.lit(f"none in {other.common_name}")))
    return found


def _because(genes: pl.DataFrame, fate: Fate, detail: pl.Expr) -> pl.DataFrame:
    return genes.select("gene", fate=pl.lit(str(fate)), detail=detail)
