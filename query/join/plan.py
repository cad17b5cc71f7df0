"""Build the plan of a join: the features, the rows of each var that go to them, and the fates of all genes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.genes import Pair, find_pair
from homodb.query.join.objects import Features, JoinOptions, JoinSide, measured_genes
from homodb.query.join.route import (
    CONFIRMED,
    FeatureTable,
    HubRoute,
    JoinRoute,
    build_table,
    check_consistency,
    find_join_route,
    number_of,
    rows_table,
    weakest,
)
from homodb.query.release import ReleaseFile
from homodb.query.translate import NOT_A_GENE, UNRESOLVED, Fate, Links, Names, fate_of, kind_of_names, lost, mapped_rule
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import JoinError
from homodb.schema.messages import counted, make_unique
from homodb.schema.species import Species

#: Fates of the hub's gene whose reason holds for its partner as it stands.
_TOLD = (str(Fate.LOST_TO), str(Fate.UNNAMED_ORTHOLOG))
_WHY: dict[Any, Any] = {"gene": pl.Int64, "fate": pl.String, "detail": pl.String}


def side_fates(
    route: JoinRoute, side: JoinSide, genes: Mapping[Species, pl.Series], tables: tuple[FeatureTable, FeatureTable],
    used: pl.DataFrame,
) -> pl.DataFrame:  # fmt: skip
    """Return the fate of every row of an object's var.

    `used`: ``gene, column`` of the features of the result.

    Returns one row per var row, in order: ``file, species, name, stable_id, symbol, how, fate, column`` (of the result;
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
                    detail=pl.when(pl.col("fate").is_in(_TOLD)).then("detail").otherwise(pl.lit(where)),
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
    """Return ``gene, fate, detail`` of genes that have an Ensembl partner to which the strategy does not map them."""
    mapping = None if reverse is None else reverse.select(source_gene="target_gene", target_gene="source_gene")
    rows = lost(pair, strategy, mapping)
    mapped = pair.mapping(strategy).select("source_gene") if mapping is None else mapping.select("source_gene")
    rows = rows.join(mapped, left_on="gene", right_on="source_gene", how="anti", maintain_order="left")
    fate = (
        pl.when(pl.col("taker").is_not_null()).then(pl.lit(str(Fate.LOST_TO)))
        .when(pl.col("kinds").is_not_null()).then(pl.lit(str(Fate.FILTERED)))
        .otherwise(pl.lit(str(Fate.UNNAMED_ORTHOLOG)))
    )  # fmt: skip
    return rows.select("gene", fate=fate, detail=pl.coalesce("taker", "kinds", "unnamed"))


def _outside_groups(route: JoinRoute, species: Species, table: FeatureTable) -> list[pl.DataFrame]:
    """Return genes of groups without a gene in some species, those with orthologs that no mapping can have first."""
    mine = table.members.filter(number_of() == species.number).select("feature", "gene")
    frames = []
    for other in route.species:
        theirs = table.members.filter(number_of() == other.number).select("feature").unique()
        lacks = mine.join(theirs, on="feature", how="anti", maintain_order="left")
        if other != species:
            unnamed = lacks.join(Pair(route.release, species, other).unnamed, on="gene")
            frames.append(_because(unnamed, Fate.UNNAMED_ORTHOLOG, pl.col("unnamed")))
        frames.append(_because(lacks, Fate.NO_ORTHOLOG, pl.lit(f"none in {other.common_name}")))
    return frames


def _because(genes: pl.DataFrame, fate: Fate, detail: pl.Expr) -> pl.DataFrame:
    return genes.select("gene", fate=pl.lit(str(fate)), detail=detail)


#: Maximum number of genes that form the name of a group; of further ones it has the number.
_NAMING = 3


def feature_var(
    route: JoinRoute, table: FeatureTable, used: pl.DataFrame, sides: Sequence[JoinSide], links: Sequence[Links],
    names: Names, *, lower: bool,
) -> pd.DataFrame:  # fmt: skip
    """Build the var of the result, one row per feature.

    `used`: ``column, feature, gene, species``: the measured genes of each feature.

    The index has unique names, from the first species' genes. Per species ``homodb_<species>``: names in all its
    objects, joined by ``;``; ``homodb_<species>_id``: the genes; ``homodb_<species>_genes``: their number;
    ``homodb_<species>_evidence``: the weakest class of their pairs. ``homodb_evidence``: the weakest class of all
    pairs. ``homodb_mt``, ``homodb_ribo``: mitochondrial, and protein of the cytosolic ribosome, in any of the species.
    """
    keys = used["gene"].unique().sort().to_list()
    labels = route.release.ask("target_genes", {"genes": keys}).rename({"target_gene": "gene"})
    genes = used.join(labels, on="gene", how="left", maintain_order="left").sort("column", "gene")
    kind = kind_of_names(sides[0].resolved) if names is Names.KEEP else names.value
    frame = used.select("column").unique().sort("column")
    pairs = _pairs(table, used)
    for species in route.species:
        own = genes.filter(pl.col("species") == species.number)
        about = own.group_by("column", maintain_order=True).agg(
            pl.col("target_id").str.join(";").alias(f"homodb_{species.name}_id"),
            pl.len().cast(pl.Int32).alias(f"homodb_{species.name}_genes"),
        )
        given = _names_in_objects(species.number, sides, links).rename({"names": f"homodb_{species.name}"})
        of_it = weakest(pairs.filter(pl.col("species") == species.number), "column").rename(
            {"evidence_class": f"homodb_{species.name}_evidence"}
        )
        frame = (
            frame.join(given, on="column", how="left", maintain_order="left")
            .join(about, on="column", how="left", maintain_order="left")
            .join(of_it, on="column", how="left", maintain_order="left")
        )
    marks = genes.group_by("column", maintain_order=True).agg(
        homodb_mt=pl.col("mitochondrial").any(), homodb_ribo=pl.col("ribosomal").any()
    )
    overall = weakest(pairs, "column").rename({"evidence_class": "homodb_evidence"})
    frame = frame.join(overall, on="column", how="left", maintain_order="left")
    frame = frame.join(marks, on="column", how="left", maintain_order="left")
    var = frame.drop("column").to_pandas()
    var.index = pd.Index(_names(genes, route.species[0].number, kind, lower=lower))
    for column in [name for name in var.columns if name.endswith("evidence")]:
        var[column] = var[column].astype("category")
    return var


def _pairs(table: FeatureTable, used: pl.DataFrame) -> pl.DataFrame:
    """Return ``column, species, evidence_class`` per end of each used pair."""
    columns = used.select("feature", "column").unique("feature")
    ends = [table.pairs.select("feature", "evidence_class", number_of(end)) for end in ("gene_a", "gene_b")]
    return pl.concat(ends).join(columns, on="feature", how="inner")


def _names_in_objects(species: int, sides: Sequence[JoinSide], links: Sequence[Links]) -> pl.DataFrame:
    """Return ``column, names``: the different names in the objects."""
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


def _names(genes: pl.DataFrame, species: int, kind: str, *, lower: bool) -> list[str]:
    """Return a unique name for each feature, from the first species' genes."""
    label = pl.col("target_id") if kind == "id" else pl.coalesce("target_symbol", "target_id")
    own = genes.filter(pl.col("species") == species).with_columns(label=label)
    labelled = own.group_by("column", maintain_order=True).agg(
        pl.col("label"), identifier=pl.col("target_id").first(), several=pl.len()
    )
    shown = pl.when(pl.col("several") > _NAMING).then(
        pl.format("{}+{}", pl.col("label").list.head(_NAMING).list.join("+"), pl.col("several") - _NAMING)
    ).otherwise(pl.col("label").list.join("+"))  # fmt: skip
    frame = labelled.select("identifier", name=shown.str.to_lowercase() if lower else shown)
    names, identifiers = frame["name"].to_list(), frame["identifier"].to_list()
    repeated = set(frame["name"].filter(frame["name"].is_duplicated()).to_list())
    if not lower:
        names = [one if one not in repeated else identifier for one, identifier in zip(names, identifiers, strict=True)]
    return make_unique(names)


@dataclass(frozen=True)
class JoinPlan:
    """Plan for the rows of every var.

    `fates`: for each object, a row per row of var: see :func:`homodb.query.join.plan.side_fates`; `verdicts`: verdicts
    of direct pairs: see :func:`homodb.query.join.route.check_consistency`.
    """

    route: JoinRoute
    sides: tuple[JoinSide, ...]
    options: JoinOptions
    links: tuple[Links, ...]
    fates: tuple[pl.DataFrame, ...]
    var: pd.DataFrame
    steps: tuple[tuple[str, int], ...]
    verdicts: pl.DataFrame
    left_out: pl.DataFrame
    notes: tuple[str, ...]
    title: str = ""

    @property
    def called(self) -> str:
        """Name of the mapping."""
        return self.title or str(self.route.strategy)

    @property
    def copies(self) -> bool:
        """True if counts are copied to features, as in the reference."""
        return self.route.strategy is Strategy.ENS_M2M and self.options.features is Features.COPY

    @property
    def several(self) -> int:
        """Number of features that sum several rows of some var."""
        return int(np.logical_or.reduce([links.rows_per_column > 1 for links in self.links]).sum())


def make_plan(
    release: ReleaseFile, sides: Sequence[JoinSide], strategy: str | Strategy | None, options: JoinOptions
) -> JoinPlan:
    """Build the plan of a join.

    `strategy`: the strategy; None for the default.

    Raises UnknownSpeciesError, UnknownStrategyError, MissingMappingError if the release lacks it. Raises JoinError if
    all species share no feature; the message has the number left by each step.
    """
    genes = measured_genes(sides)
    route = find_join_route(release, genes, strategy, options)
    steps = [(f"genes of {side.name} ({side.species.common_name})", side.genes.len()) for side in sides]
    if len(sides) > len(genes):
        steps += [
            (f"genes that all objects of {one.common_name} have", measured.len())
            for one, measured in genes.items()
            if sum(side.species == one for side in sides) > 1
        ]
    table = full = build_table(route, genes[route.species[0]], options)
    kind = "groups of orthologs" if table.rows is None else "rows of the joint table"
    if len(route.species) > 1:
        steps.append((f"{kind} by {route.strategy} in the release", table.members["feature"].n_unique()))
    verdicts = check_consistency(route, table.rows)
    if options.consistent and table.rows is not None and isinstance(route, HubRoute) and route.direct:
        unconfirmed = verdicts.filter(pl.col("verdict") != CONFIRMED)
        kept = table.rows.join(unconfirmed, on="feature", how="anti", maintain_order="left")
        steps.append(("that every direct pair confirms", kept.height))
        dropped = table.rows.height - kept.height
        what = "that not every direct pair confirms"
        note = f"{counted(dropped, f'row {what} was', f'rows {what} were')} left out"
        route = replace(route, notes=(*route.notes, note))
        renumbered = kept.select(feature="feature").with_row_index("new")
        verdicts = verdicts.join(renumbered, on="feature", how="left", maintain_order="left").with_columns(
            feature=pl.col("new").cast(pl.Int64)
        ).drop("new")  # fmt: skip
        table = rows_table(route, kept)
    measured = pl.concat([one.to_frame("gene") for one in genes.values()])
    used = table.members.join(measured, on="gene", how="semi", maintain_order="left")
    numbers = used.with_columns(number_of()).group_by("feature").agg(pl.col("species").n_unique())
    whole = numbers.filter(pl.col("species") == len(genes)).select("feature")
    if len(route.species) > 1:
        steps.append(("with a gene that is measured in every species", whole.height))
    if not whole.height:
        raise JoinError(_nothing_shared(steps, sides))
    used = used.join(whole, on="feature", how="semi", maintain_order="left").with_columns(number_of())
    first = used.filter(pl.col("species") == route.species[0].number).group_by("feature").agg(pl.col("gene").min())
    order = first.sort("gene", "feature").with_row_index("column").select("feature", pl.col("column").cast(pl.Int64))
    used = used.join(order, on="feature", how="left", maintain_order="left").sort("column", "gene")
    copies = route.strategy is Strategy.ENS_M2M and options.features is Features.COPY and len(route.species) > 1
    links = tuple(_links(side, used, order.height, first_only=copies) for side in sides)
    fates = tuple(side_fates(route, side, genes, (full, table), used) for side in sides)
    var = feature_var(route, table, used, sides, links, options.names, lower=copies)
    return JoinPlan(
        route, tuple(sides), options, links, fates, var, tuple(steps), verdicts, full.left_out,
        _notes(route, table, options, sides),
    )  # fmt: skip


def _links(side: JoinSide, used: pl.DataFrame, features: int, *, first_only: bool) -> Links:
    """Link rows of a var to features: all rows of a gene, or the first."""
    rows = side.resolved.select("place", "gene").drop_nulls()
    if first_only:
        rows = rows.unique("gene", keep="first", maintain_order=True)
    linked = rows.join(used.select("gene", "column"), on="gene", how="inner", maintain_order="left_right")
    return _as_links(linked, (side.resolved.height, features))


def _notes(route: JoinRoute, table: FeatureTable, options: JoinOptions, sides: Sequence[JoinSide]) -> tuple[str, ...]:
    notes = [*route.notes, *table.notes, *(note for side in sides for note in side.named_notes)]
    twice = [one for one in route.species if sum(side.species == one for side in sides) > 1]
    notes += [
        f"{' and '.join(side.name for side in sides if side.species == one)} are of {one.common_name}: joined by "
        "gene, and only genes that all of them have are used"
        for one in (twice if len(route.species) > 1 else ())
    ]
    if options.consistent and not route.direct:
        notes.append("there is no direct pair beside the ones joined by, so nothing was to be confirmed")
    if options.measured and route.strategy in (Strategy.ENS_M2M, Strategy.ENS_O2O):
        notes.append(f"{route.strategy} does not choose among partners: measured changes nothing")
    elif options.measured and len(route.species) > 1:
        notes.append(f"{route.strategy} was chosen again among the genes of the object")
    return tuple(notes)


def _nothing_shared(steps: Sequence[tuple[str, int]], sides: Sequence[JoinSide]) -> str:
    left = "; ".join(f"{what}: {number:,}" for what, number in steps)
    return (
        f"the {len(sides)} objects share no feature. What each step left: {left}. Check the species, the column of "
        "names, or choose another strategy"
    )


def plan_from_table(
    release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions, title: str, rows: Sequence[pl.DataFrame]
) -> JoinPlan:
    """Build the plan of a join with given features.

    `options`: checked options; those about strategies are ignored; `rows`: ``place, column`` for each object: rows of
    its var and their features. Features are numbered from 0, and each has a row in every object; several rows of an
    object are summed.

    Evidence classes are null. A feature is named by its first row in the first object. A gene in no feature has the
    fate ``no_ortholog``.

    Raises JoinError if there is no feature, or an object lacks a row for one.
    """
    count = min(one["column"].n_unique() for one in rows)
    if not count:
        names = ", ".join(f"{side.name} ({side.resolved.height:,} names)" for side in sides)
        raise JoinError(f"the objects share no feature by {title}: {names}; check the species and the names of genes")
    for side, one in zip(sides, rows, strict=True):
        if not np.array_equal(one["column"].unique().sort().to_numpy(), np.arange(count)):
            raise JoinError(f"{side.name}: the table {title!r} has features that none of its {one.height:,} rows is of")
    links = tuple(_links_of_table(side, one, count) for side, one in zip(sides, rows, strict=True))
    species = tuple(dict.fromkeys(side.species for side in sides))
    route = JoinRoute(release, species, Strategy.HM_O2O, ())
    table = FeatureTable(pl.DataFrame(), pl.DataFrame())
    steps = [(f"genes of {side.name} ({side.species.common_name})", side.genes.len()) for side in sides]
    fates = tuple(_fates_of_table(side, one) for side, one in zip(sides, rows, strict=True))
    return JoinPlan(
        route, tuple(sides), options, links, fates, _var_of_table(sides, rows),
        (*steps, (f"features by {title}", count)), check_consistency(route, None), table.left_out,
        tuple(note for side in sides for note in side.named_notes), title,
    )  # fmt: skip


def _links_of_table(side: JoinSide, rows: pl.DataFrame, features: int) -> Links:
    """Link rows of a var to given features."""
    ordered = rows.sort("place", "column").join(
        side.resolved.select("place", "gene"), on="place", how="left", maintain_order="left"
    )
    return _as_links(ordered.with_columns(pl.coalesce("gene", -1 - pl.col("place"))), (side.resolved.height, features))


def _as_links(rows: pl.DataFrame, shape: tuple[int, int]) -> Links:
    """Return ``place, column, gene`` as links of weight 1."""
    place, column, gene = (rows[name].to_numpy().astype(np.int64) for name in ("place", "column", "gene"))
    return Links(place, column, np.ones(rows.height), gene, shape)


def _fates_of_table(side: JoinSide, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the fates of a side by its features, as :func:`side_fates`."""
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


def _var_of_table(sides: Sequence[JoinSide], rows: Sequence[pl.DataFrame]) -> pd.DataFrame:
    """Build a var with names and stable IDs per species, without evidence."""
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
    index = make_unique(named[0].group_by("column").agg(pl.col("name").first()).sort("column")["name"].to_list())
    frame = pd.DataFrame(var, index=pd.Index(index, dtype=object))
    frame["homodb_evidence"] = pd.Categorical([None] * len(frame), categories=[str(one) for one in EvidenceClass])
    return frame
