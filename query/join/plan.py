"""The plan of a join: which rows of each var go to which features, made before any matrix is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.join.annotate import feature_var
from homodb.query.join.direct import CONFIRMED, ask_direct
from homodb.query.join.hub import find_way
from homodb.query.join.losses import side_fates
from homodb.query.join.options import Features, JoinOptions
from homodb.query.join.sides import Side, measured_genes
from homodb.query.join.table import Table, build_table, number_of, rows_table
from homodb.query.join.way import HubWay, Way
from homodb.query.release import Release
from homodb.query.translate.aggregate import Links
from homodb.schema.counted import counted
from homodb.schema.errors import JoinError
from homodb.schema.strategies import Strategy


@dataclass(frozen=True)
class JoinPlan:
    """Where every row of every var goes.

    Parameters
    ----------
    way
        Species, strategy, hub.
    sides
        The genes of each object.
    options
        What was chosen.
    links
        For each object, which rows of var go to which feature.
    fates
        For each object, a row per row of var: see :func:`homodb.query.join.losses.side_fates`.
    var
        The var of the result.
    steps
        How many features or genes each step left.
    told
        What the direct pairs say of the rows: see :func:`homodb.query.join.direct.ask_direct`.
    left_out
        Groups that are too large.
    notes
        What a user should know.
    title
        What the mapping is called, where it is none of the five strategies.
    """

    way: Way
    sides: tuple[Side, ...]
    options: JoinOptions
    links: tuple[Links, ...]
    fates: tuple[pl.DataFrame, ...]
    var: pd.DataFrame
    steps: tuple[tuple[str, int], ...]
    told: pl.DataFrame
    left_out: pl.DataFrame
    notes: tuple[str, ...]
    title: str = ""

    @property
    def called(self) -> str:
        """What the mapping is called."""
        return self.title or str(self.way.strategy)

    @property
    def copies(self) -> bool:
        """Whether features are copied as the reference does it."""
        return self.way.strategy is Strategy.ENS_M2M and self.options.features is Features.COPY

    @property
    def several(self) -> int:
        """How many features add up several rows of some var."""
        return int(np.logical_or.reduce([links.rows_per_column > 1 for links in self.links]).sum())


def make_plan(
    release: Release, sides: Sequence[Side], strategy: str | Strategy | None, options: JoinOptions
) -> JoinPlan:
    """Plan a join.

    Parameters
    ----------
    release
        An open release.
    sides
        The genes of each object.
    strategy
        What was asked for.
    options
        What was chosen.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    JoinError
        If no feature is shared by all species; says how many each step left.
    """
    genes = measured_genes(sides)
    way = find_way(release, genes, strategy, options)
    steps = [(f"genes of {side.name} ({side.species.common_name})", side.genes.len()) for side in sides]
    if len(sides) > len(genes):
        steps += [
            (f"genes that all objects of {one.common_name} have", known.len())
            for one, known in genes.items()
            if sum(side.species == one for side in sides) > 1
        ]
    table = full = build_table(way, genes[way.species[0]], options)
    kind = "groups of orthologs" if table.rows is None else "rows of the joint table"
    if len(way.species) > 1:
        steps.append((f"{kind} by {way.strategy} in the release", table.members["feature"].n_unique()))
    told = ask_direct(way, table.rows)
    if options.consistent and table.rows is not None and isinstance(way, HubWay) and way.direct:
        against = told.filter(pl.col("verdict") != CONFIRMED)
        kept = table.rows.join(against, on="feature", how="anti", maintain_order="left")
        steps.append(("that every direct pair confirms", kept.height))
        dropped = table.rows.height - kept.height
        what = "that not every direct pair confirms"
        note = f"{counted(dropped, f'row {what} was', f'rows {what} were')} left out"
        way = replace(way, notes=(*way.notes, note))
        renumbered = kept.select(feature="feature").with_row_index("new")
        told = told.join(renumbered, on="feature", how="left", maintain_order="left").with_columns(
            feature=pl.col("new").cast(pl.Int64)
        ).drop("new")  # fmt: skip
        table = rows_table(way, kept)
    measured = pl.concat([one.to_frame("gene") for one in genes.values()])
    used = table.members.join(measured, on="gene", how="semi", maintain_order="left")
    numbers = used.with_columns(number_of()).group_by("feature").agg(pl.col("species").n_unique())
    whole = numbers.filter(pl.col("species") == len(genes)).select("feature")
    if len(way.species) > 1:
        steps.append(("with a gene that is measured in every species", whole.height))
    if not whole.height:
        raise JoinError(_nothing(steps, sides))
    used = used.join(whole, on="feature", how="semi", maintain_order="left").with_columns(number_of())
    first = used.filter(pl.col("species") == way.species[0].number).group_by("feature").agg(pl.col("gene").min())
    order = first.sort("gene", "feature").with_row_index("column").select("feature", pl.col("column").cast(pl.Int64))
    used = used.join(order, on="feature", how="left", maintain_order="left").sort("column", "gene")
    copies = way.strategy is Strategy.ENS_M2M and options.features is Features.COPY and len(way.species) > 1
    links = tuple(_links(side, used, order.height, first_only=copies) for side in sides)
    fates = tuple(side_fates(way, side, genes, (full, table), used) for side in sides)
    var = feature_var(way, table, used, sides, links, options.names, lower=copies)
    return JoinPlan(
        way, tuple(sides), options, links, fates, var, tuple(steps), told, full.left_out,
        _notes(way, table, options, sides),
    )  # fmt: skip


def _links(side: Side, used: pl.DataFrame, features: int, *, first_only: bool) -> Links:
    """Return which rows of a var go to which features; of a gene's several rows all, or the first only."""
    rows = side.resolved.select("place", "gene").drop_nulls()
    if first_only:
        rows = rows.unique("gene", keep="first", maintain_order=True)
    linked = rows.join(used.select("gene", "column"), on="gene", how="inner", maintain_order="left_right")
    return Links(
        linked["place"].to_numpy().astype(np.int64), linked["column"].to_numpy().astype(np.int64),
        np.ones(linked.height), linked["gene"].to_numpy().astype(np.int64), (side.resolved.height, features),
    )  # fmt: skip


def _notes(way: Way, table: Table, options: JoinOptions, sides: Sequence[Side]) -> tuple[str, ...]:
    notes = [*way.notes, *table.notes, *(note for side in sides for note in side.notes)]
    twice = [one for one in way.species if sum(side.species == one for side in sides) > 1]
    notes += [
        f"{' and '.join(side.name for side in sides if side.species == one)} are of {one.common_name}: joined by "
        "gene, and only genes that all of them have are used"
        for one in (twice if len(way.species) > 1 else ())
    ]
    if options.consistent and not way.direct:
        notes.append("there is no direct pair beside the ones joined by, so nothing was to be confirmed")
    if options.measured and way.strategy in (Strategy.ENS_M2M, Strategy.ENS_O2O):
        notes.append(f"{way.strategy} does not choose among partners: --measured changes nothing")
    elif options.measured and len(way.species) > 1:
        notes.append(f"{way.strategy} was chosen anew among the genes that are there")
    return tuple(notes)


def _nothing(steps: Sequence[tuple[str, int]], sides: Sequence[Side]) -> str:
    left = "; ".join(f"{what}: {number:,}" for what, number in steps)
    return (
        f"the {len(sides)} objects share no feature. What each step left: {left}. Check the species, the column of "
        "names (--column), or choose another strategy"
    )
