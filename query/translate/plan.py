"""Build the plan of a translation from the names of genes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.query.genes import (
    COLUMNS,
    Pair,
    about_synonyms,
    choose_strategy,
    compose_mappings,
    features_of,
    find_pair,
    names_of,
    resolve,
    resolve_rows,
    resolve_var,
)
from homodb.query.release import ReleaseFile
from homodb.query.translate.aggregate import Links
from homodb.query.translate.fates import LOST_SCHEMA, fates, lost
from homodb.query.translate.mapping import Mapped, identity_rows, map_genes, settled, with_databases
from homodb.query.translate.options import OneToMany, Options
from homodb.query.translate.targets import Targets, kind_of_names, lay_out, target_var
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import MissingMappingError, TranslationError
from homodb.schema.messages import counted
from homodb.schema.names import name_texts, unnamed_note
from homodb.schema.species import Species

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Route:
    """Species and strategy of a translation, independent of the names.

    Parameters
    ----------
    release
        The open release.
    source, target
        The two species, possibly the same.
    strategy
        The strategy; None if the species are the same.
    between
        Intermediate species, if any.
    options
        Checked options.
    notes
        Notes for the user.
    """

    release: ReleaseFile
    source: Species
    target: Species
    strategy: Strategy | None
    between: Species | None
    options: Options
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """True if source and target are the same species."""
        return self.source == self.target

    @property
    def how(self) -> str:
        """Name of the strategy, for reports."""
        by = "the release's own symbols" if self.strategy is None else str(self.strategy)
        return by if self.between is None else f"{by} via {self.between.name}"


@dataclass(frozen=True)
class TranslationPlan:
    """Plan for the rows of a var.

    Parameters
    ----------
    route
        Species, strategy, options.
    resolved
        The rows of var, with :class:`homodb.query.genes.VarColumn`.
    targets
        Columns of the result, and the links to them.
    fates
        One row per var row, see :func:`homodb.query.translate.fates.fates`.
    var
        The var of the result.
    notes
        Notes for the user.
    """

    route: Route
    resolved: pl.DataFrame
    targets: Targets
    fates: pl.DataFrame
    var: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def links(self) -> Links:
        """Links from rows of var to columns."""
        return self.targets.links

    @cached_property
    def is_gene(self) -> pl.Series:
        """Mask of the rows of var that are genes."""
        return self.resolved["is_gene"]


def find_route(
    release: ReleaseFile, source: Species, target: Species, strategy: str | Strategy | None, options: Options
) -> Route:
    """Find the route from one species to another.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks it; an intermediate species is used if options name one, or the pair has no evidence.
    TranslationError
        If options contradict each other.
    """
    if options.genes is not None and options.keep_unmapped:
        raise TranslationError(
            "a list of target genes fixes the genes of the result, and keep_unmapped adds others; choose one",
            option="keep_unmapped",
        )
    if source == target:
        if options.via is not None:
            raise MissingMappingError(
                f"source and target are both {source.name}; there is no way to go through another"
            )
        return Route(release, source, target, None, None, options)
    if options.via is not None:
        return _via(release, source, target, options.via, strategy, options)
    pair = find_pair(release, source, target)
    if pair.between is not None:
        if options.measured:
            raise TranslationError(
                f"measured chooses among the rows of one pair of species, and {pair.notes[0]}", option="measured"
            )
        return replace(_via(release, source, target, pair.between, strategy, options), notes=pair.notes)
    resolved = choose_strategy(pair, strategy, Strategy.ENS_M2M)
    notes: tuple[str, ...] = ()
    if strategy is None and resolved is Strategy.LM_O2O:
        notes = ("Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used",)
    return Route(release, source, target, resolved, None, options, notes)


def _via(
    release: ReleaseFile,
    source: Species,
    target: Species,
    via: str | int | Species,
    strategy: str | Strategy | None,
    options: Options,
) -> Route:
    if options.measured:
        raise TranslationError(
            "measured chooses among the rows of one pair of species; it does not go with an intermediate species",
            option="via",
        )
    between = release.find_species(via)
    first = choose_strategy(find_pair(release, source, between), strategy, Strategy.ENS_M2M)
    second = choose_strategy(find_pair(release, between, target), strategy or first, Strategy.ENS_M2M)
    notes = (f"went through {between.name}: a pair holds where {first} has both steps",)
    return Route(release, source, target, second, between, options, notes)


def make_plan(route: Route, resolved: pl.DataFrame) -> TranslationPlan:
    """Plan the translation of the resolved rows of a var.

    Raises
    ------
    TranslationError
        If no gene can be translated.
    """
    release, options = route.release, route.options
    resolved, unique_notes = _with_only_orthologs(route, resolved)
    wanted = None if options.genes is None else resolve(release, list(options.genes), route.target)
    mapped = _mapped(route, resolved, wanted)
    targets = lay_out(release, resolved, mapped.rows, wanted, keep=_keep(route), same=route.same)
    if not targets.translated:
        raise _nothing_translated(resolved["name"].to_list(), route)
    lost_rows = pl.DataFrame(schema=LOST_SCHEMA)
    if route.strategy is not None and route.between is None:
        lost_rows = lost(find_pair(release, route.source, route.target), route.strategy, mapped.chosen)
    table = fates(resolved, targets.placed, mapped.refused, lost_rows)
    kind = kind_of_names(resolved) if options.names == "keep" else options.names.value
    keeps_wanted_names = wanted is not None and options.names == "keep"
    var = target_var(
        targets, resolved, kind, as_asked=keeps_wanted_names, mark=None if route.same else route.source.common_name
    )
    notes = (*unique_notes, *_notes(targets, resolved, options), *about_synonyms(release, [(resolved, route.source)]))
    return TranslationPlan(route, resolved, targets, table, var, (*route.notes, *mapped.notes, *notes))


def _with_only_orthologs(route: Route, resolved: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Resolve names of several genes of which just one has orthologs in the target species, and say so.

    A name that stands for several rows of var (``Ddit3``, ``Ddit3-1``) stays ambiguous.
    """
    is_open = (pl.col("how") == "ambiguous") & pl.col("is_gene")
    texts = resolved.filter(is_open).filter(pl.len().over("understood_as") == 1).select("place", "candidates")
    if route.strategy is None or not texts.height:
        return resolved, []
    ids = texts.explode("candidates").rename({"candidates": "stable_id"})
    known = resolve(route.release, ids["stable_id"].unique().to_list(), route.source).select(
        "gene", "stable_id", "symbol"
    )
    pair = find_pair(route.release, route.source, route.target)
    strategy = Strategy.ENS_M2M if Strategy.ENS_M2M in pair.strategies() else route.strategy
    genes = ids.join(known, on="stable_id", how="inner").join(
        pair.mapping(strategy).select(gene="source_gene").unique(), on="gene", how="semi"
    )
    single = genes.filter(pl.len().over("place") == 1)
    single = single.join(
        resolved.select("gene").drop_nulls().unique(), on="gene", how="anti"
    )  # another name of the file means it already
    if not single.height:
        return resolved, []
    details = route.release.ask("source_genes", {"genes": single["gene"].to_list()})
    settled_rows = (
        resolved.drop("gene", "stable_id", "symbol", *details.columns[1:])
        .join(single.join(details, on="gene", how="left"), on="place", how="inner", maintain_order="left")
        .with_columns(how=pl.lit("symbol"), candidates=pl.lit([], pl.List(pl.String)), hint=pl.lit(None, pl.String))
    )
    others = resolved.join(single, on="place", how="anti", maintain_order="left")
    whole = pl.concat([others, settled_rows.select(resolved.columns).cast(dict(resolved.schema))]).sort("place")
    names = single.join(resolved.select("place", "name"), on="place", how="left").sort("place")["name"].to_list()
    count = counted(len(names), "name means", "names mean")
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    note = f"{count} several genes of which just one has orthologs in {route.target.name}: that one was taken ({shown})"
    return whole, [note]


def _keep(route: Route) -> bool:
    return (route.same and route.options.genes is None) or route.options.keep_unmapped


def _mapped(route: Route, resolved: pl.DataFrame, wanted: pl.DataFrame | None) -> Mapped:
    present = resolved["gene"].drop_nulls().unique(maintain_order=True).to_list()
    inside = None if wanted is None else frozenset(wanted["gene"].drop_nulls().to_list())
    if route.strategy is None:
        rows = identity_rows(present)
        plain = replace(route.options, least={}, evidence=None, one_to_many=OneToMany.BEST)
        return settled(rows, plain, inside, rows.select("source_gene", "target_gene"), [])
    if route.between is not None:
        first = find_pair(route.release, route.source, route.between)
        second = find_pair(route.release, route.between, route.target)
        rows = compose_mappings(first, second, route.strategy).select(COLUMNS)
        here = rows.filter(pl.col("source_gene").is_in(present))
        notes = []
        pair = Pair(route.release, route.source, route.target)
        if EvidenceClass.DATABASES in route.options.added and pair.between == route.between:
            genes = pl.DataFrame({"source_gene": present}, schema={"source_gene": pl.Int64})
            here, note = with_databases(pair, route.strategy, here, genes)
            notes.append(note)
        return settled(here, route.options, inside, rows.select("source_gene", "target_gene"), notes)
    pair = Pair(route.release, route.source, route.target)
    return map_genes(pair, route.strategy, route.options, present, inside)


def _notes(targets: Targets, resolved: pl.DataFrame, options: Options) -> list[str]:
    notes = unnamed_note(resolved.filter("is_gene")["name"])
    if targets.links.splits:
        split = counted(targets.links.splits, "gene was", "genes were")
        notes.append(f"{split} split over several targets: totals hold, counts are no longer whole")
    if options.one_to_many is OneToMany.ALL:
        many = int((np.bincount(targets.links.place) > 1).sum()) if targets.links.place.size else 0
        if many:
            notes.append(
                f"{counted(many, 'gene')} went whole to each of several targets: the counts stand there several times"
            )
    others = resolved.filter(~pl.col("is_gene"))
    if others.height:
        kinds = others.group_by(pl.col("feature").fill_null("none given"), maintain_order=True).len()
        shown = ", ".join(f"{kind} {number:,}" for kind, number in kinds.iter_rows())
        rows = counted(others.height, "row of var is", "rows of var are")
        notes.append(f"{rows} not gene expression, and left out: {shown}")
    return notes


def _nothing_translated(names: list[str], route: Route) -> TranslationError:
    examples = ", ".join(repr(name) for name in names[:5])
    return TranslationError(
        f"none of the {len(names)} genes could be translated from {route.source.common_name} to "
        f"{route.target.common_name} by {route.how}; the names look like {examples}. Check the source species, or name "
        "the column of var that holds the gene names",
        option="column",
    )


def prepare(
    release: ReleaseFile,
    var: pd.DataFrame,
    to: str | int | Species,
    *,
    source: str | int | Species | None,
    strategy: str | Strategy | None,
    column: str | None,
    options: Options,
    uns: Mapping[str, Any] | None = None,
) -> TranslationPlan:
    """Build a translation plan from `var`.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError, UndecidedSpeciesError
        If the release lacks it, or the names do not identify the species.
    TranslationError
        If a column of var does not exist, no gene can be translated, or another column holds the names.
    """
    target = release.find_species(to)
    resolved = resolve_var(release, var, species=source, column=column, uns=uns)
    plan = make_plan(find_route(release, resolved.species, target, strategy, options), resolved.rows)
    return replace(plan, notes=(*plan.notes, *resolved.doubts))


def prepare_raw(plan: TranslationPlan, raw: pd.DataFrame, var: pd.DataFrame, column: str | None) -> TranslationPlan:
    """Build the plan for the var of raw, by the same route: the same one if raw has the same genes.

    Raises
    ------
    TranslationError
        If its names are not found, or none can be translated.
    """
    names, features = _names_of_raw(raw, var, column), features_of(raw)
    same = plan.resolved["name"].to_list() == names
    if same and plan.resolved["feature"].to_list() == (features or [None] * len(names)):
        return plan
    return make_plan(plan.route, resolve_rows(plan.route.release, names, plan.route.source, features))


def _names_of_raw(raw: pd.DataFrame, var: pd.DataFrame, column: str | None) -> list[str]:
    """Return the gene names of raw, of a column that only var has by the index that both have."""
    if column is not None and column not in raw:
        index, own, names = name_texts(raw.index), name_texts(var.index), names_of(var, column)
        named_by_index = {**dict(zip(own, names, strict=True)), "": ""}
        if set(index) <= set(named_by_index):
            return names if index == own else [named_by_index[name] for name in index]
    return names_of(raw, column)
