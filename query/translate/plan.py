"""The plan of a translation, made once from the names of genes: which row of var goes to which column of the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.genes import resolve
from homodb.query.hints import about_synonyms
from homodb.query.names import unnamed_note
from homodb.query.pairs import Pair, choose_strategy, find_pair
from homodb.query.release import Release
from homodb.query.translate.aggregate import Links
from homodb.query.translate.annotate import kind_of_names, target_var
from homodb.query.translate.fates import fates, lost
from homodb.query.translate.mapping import Mapped, identity_rows, map_genes, settled
from homodb.query.translate.options import OneToMany, Options
from homodb.query.translate.targets import Targets, lay_out
from homodb.query.translate.via import rows_via
from homodb.schema.counted import counted
from homodb.schema.errors import MissingMappingError, TranslationError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import pandas as pd

#: The value of var's ``feature_types`` that is translated; an antibody CD4 is not the gene CD4.
GENE_EXPRESSION = "Gene Expression"


@dataclass(frozen=True)
class Route:
    """From which species to which, by what: the part of a plan that does not depend on the names.

    Parameters
    ----------
    release
        The open release.
    source, target
        The two species; they may be one.
    strategy
        The strategy; None where the two are one.
    between
        The species gone through, if any.
    options
        What was chosen.
    """

    release: Release
    source: Species
    target: Species
    strategy: Strategy | None
    between: Species | None
    options: Options
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether source and target are one species."""
        return self.source == self.target

    @property
    def how(self) -> str:
        """The strategy's name, for reports."""
        by = "the release's own symbols" if self.strategy is None else str(self.strategy)
        return by if self.between is None else f"{by} via {self.between.name}"


@dataclass(frozen=True)
class Plan:
    """Where every row of a var goes.

    Parameters
    ----------
    route
        Species, strategy, options.
    resolved
        Answer of :func:`homodb.query.genes.resolve`, with ``place``, ``is_gene``, ``feature`` (its ``feature_types``),
        and ``biotype, mitochondrial, ribosomal`` of the source gene.
    targets
        The columns of the result, and the links to them.
    fates
        One row per var row, see :func:`homodb.query.translate.fates.fates`.
    var
        The var of the result.
    notes
        What a user should know.
    """

    route: Route
    resolved: pl.DataFrame
    targets: Targets
    fates: pl.DataFrame
    var: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def links(self) -> Links:
        """What goes where, as numbers."""
        return self.targets.links

    @cached_property
    def is_gene(self) -> pl.Series:
        """Whether each row of var is a gene."""
        return self.resolved["is_gene"]


def find_route(
    release: Release, source: Species, target: Species, strategy: str | Strategy | None, options: Options
) -> Route:
    """Find the way from one species to another.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked; a way through a third species is only taken if options say so.
    TranslationError
        If options contradict each other.
    """
    if options.genes is not None and options.keep_unmapped:
        raise TranslationError("--genes fixes the genes of the result, and --keep-unmapped adds others; choose one")
    if source == target:
        if options.via is not None:
            raise MissingMappingError(
                f"source and target are both {source.name}; there is no way to go through another"
            )
        return Route(release, source, target, None, None, options)
    if options.via is not None:
        return _via(release, source, target, options.via, strategy, options)
    chosen = choose_strategy(find_pair(release, source, target), strategy, Strategy.ENS_M2M)
    notes: tuple[str, ...] = ()
    if strategy is None and chosen is Strategy.LM_O2O:
        notes = ("Ensembl has no homology between the two species: LM_O2O, from embeddings alone, was used",)
    return Route(release, source, target, chosen, None, options, notes)


def _via(
    release: Release,
    source: Species,
    target: Species,
    via: str | int | Species,
    strategy: str | Strategy | None,
    options: Options,
) -> Route:
    if options.measured:
        raise TranslationError("--measured chooses among the rows of one pair of species; it does not go with --via")
    between = release.find_species(via)
    first = choose_strategy(find_pair(release, source, between), strategy, Strategy.ENS_M2M)
    second = choose_strategy(find_pair(release, between, target), strategy or first, Strategy.ENS_M2M)
    notes = (f"went through {between.name}: a pair holds where {first} has both steps",)
    return Route(release, source, target, second, between, options, notes)


def make_plan(route: Route, names: list[str], features: list[str | None] | None = None) -> Plan:
    """Plan the translation of a var.

    Parameters
    ----------
    route
        From where to where, by what.
    names
        Name of the gene of each row of var.
    features
        ``feature_types`` of each row, where var tells.

    Raises
    ------
    TranslationError
        If no gene can be translated.
    """
    release, options = route.release, route.options
    is_gene = [True] * len(names) if features is None else [kind == GENE_EXPRESSION for kind in features]
    gene = pl.Series(is_gene, dtype=pl.Boolean)
    resolved = resolve(release, names, route.source).with_row_index("place").with_columns(
        pl.col("place").cast(pl.Int64), is_gene=gene, gene=pl.when(gene).then("gene"),
        feature=pl.Series(features or [None] * len(names), dtype=pl.String),
    )  # fmt: skip
    known = release.ask("source_genes", {"genes": resolved["gene"].drop_nulls().unique().to_list()})
    resolved = resolved.join(known, on="gene", how="left", maintain_order="left").with_columns(
        pl.col("mitochondrial", "ribosomal").fill_null(value=False)
    )
    wanted = None if options.genes is None else resolve(release, list(options.genes), route.target)
    mapped = _mapped(route, resolved, wanted)
    targets = lay_out(release, resolved, mapped.rows, wanted, keep=_keep(route), same=route.same)
    if not targets.translated:
        raise TranslationError(_nothing(names, route))
    lost_rows = pl.DataFrame(schema={"gene": pl.Int64, "taker": pl.String, "kinds": pl.String})
    if route.strategy is not None and route.between is None:
        lost_rows = lost(find_pair(release, route.source, route.target), route.strategy, mapped.chosen)
    table = fates(resolved, targets.placed, mapped.refused, lost_rows)
    kind = kind_of_names(resolved) if options.names == "keep" else options.names.value
    asked = wanted is not None and options.names == "keep"
    var = target_var(targets, resolved, kind, as_asked=asked, mark=None if route.same else route.source.common_name)
    notes = (*_notes(targets, resolved, options), *about_synonyms(release, [(resolved, route.source)]))
    return Plan(route, resolved, targets, table, var, (*route.notes, *mapped.notes, *notes))


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
        rows = rows_via(first, second, route.strategy)
        here = rows.filter(pl.col("source_gene").is_in(present))
        return settled(here, route.options, inside, rows.select("source_gene", "target_gene"), [])
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


def _nothing(names: list[str], route: Route) -> str:
    seen = ", ".join(repr(name) for name in names[:5])
    return (
        f"none of the {len(names)} genes could be translated from {route.source.common_name} to "
        f"{route.target.common_name} by {route.how}; the names look like {seen}. Check --from, or name the column of "
        "var that holds them (--column)"
    )
