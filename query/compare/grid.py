"""Run mappings and methods on the same cells: join, prepare once, integrate by every method, score."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from homodb.query.cells import CellSource, atomic_output, store
from homodb.query.compare.result import Row
from homodb.query.genes import HAS_NAME
from homodb.query.integrate import IntegrateSettings, IntegrationMethod, add_prepared, prepare, read_joint
from homodb.query.join import JoinOptions, JoinPlan, JoinReport, JoinRun, JoinSide, joined, make_plan, plan_from_table
from homodb.query.release import ReleaseFile
from homodb.query.score import score
from homodb.query.translate import Fate
from homodb.schema.enums import Strategy, find_strategy
from homodb.schema.errors import IntegrationError, JoinError, MissingMappingError

if TYPE_CHECKING:
    pass

#: Names of the mappings that need no strategy.
SAME_SYMBOL, RANDOM = "same symbol", "random pairing"


@dataclass(frozen=True)
class Pairing:
    """A mapping to compare."""

    name: str  # strategy, ``same symbol`` or ``random pairing``
    plan: JoinPlan | None  # plan of the join; None if the mapping cannot be used
    why: str = ""  # reason if it cannot
    notes: tuple[str, ...] = ()  # notes for the user


def read_strategies(strategies: str | Sequence[str | Strategy]) -> tuple[tuple[Strategy, ...], bool]:
    """Return the strategies to compare, in their order, and whether each is named.

    Examples
    --------
    >>> read_strategies("lm_o2o,hm_o2o")
    ((<Strategy.HM_O2O: 'HM_O2O'>, <Strategy.LM_O2O: 'LM_O2O'>), True)
    """
    names = [one.strip() for one in strategies.split(",")] if isinstance(strategies, str) else list(strategies)
    if [str(one).lower() for one in names] == ["all"]:
        return tuple(Strategy), False
    named = {find_strategy(str(one)) for one in names}
    return tuple(one for one in Strategy if one in named), True


def pairings(
    release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions, strategies: Sequence[Strategy], *,
    named: bool, random_state: int,
) -> Iterator[Pairing]:  # fmt: skip
    """Yield the mappings: the strategies, then same symbol, then random pairing.

    A strategy that the species do not have comes without a plan; if the strategies are `named` by the user, it is a
    MissingMappingError, or a JoinError if the species share no feature by it.
    """
    for strategy in strategies:
        try:
            plan = make_plan(release, sides, strategy, options)
        except (MissingMappingError, JoinError) as error:
            if named:
                raise
            yield Pairing(str(strategy), None, str(error))
        else:
            yield Pairing(str(strategy), plan, notes=plan.route.notes)
    others: dict[str, Callable[[], JoinPlan]] = {
        SAME_SYMBOL: lambda: same_symbol(release, sides, options),
        # of HM_O2O, or LM_O2O if the species have no HM_O2O
        RANDOM: lambda: random_pairing(make_plan(release, sides, None, options), random_state),
    }
    for name, make in others.items():
        try:
            yield Pairing(name, make())
        except (MissingMappingError, JoinError) as error:
            yield Pairing(name, None, str(error))


def same_symbol(release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions) -> JoinPlan:
    """Plan features of genes whose symbols are equal ignoring case, as is common without a mapping.

    A symbol is the name itself, or the release's symbol for a stable ID. Names that the release does not know count
    too; of several rows with one symbol the first is taken.
    """
    symbol = pl.when(pl.col("how") == "stable_id").then("symbol").otherwise("name").str.to_lowercase()
    folded = [
        side.resolved.filter("is_gene", HAS_NAME).select("place", symbol=symbol).drop_nulls("symbol")
        .unique("symbol", keep="first", maintain_order=True)
        for side in sides
    ]  # fmt: skip
    shared = folded[0]["symbol"]
    for one in folded[1:]:
        shared = shared.filter(shared.is_in(one["symbol"].implode()))
    features = shared.to_frame("symbol").with_row_index("column").with_columns(pl.col("column").cast(pl.Int64))
    rows = [one.join(features, on="symbol", maintain_order="left").select("place", "column") for one in folded]
    return plan_from_table(release, sides, options, SAME_SYMBOL, rows)


def random_pairing(plan: JoinPlan, random_state: int) -> JoinPlan:
    """Plan features of the same genes and counts, with permuted partners."""
    count = plan.links[0].shape[1]
    rng = np.random.default_rng(random_state)
    moved = {species: rng.permutation(count) for species in plan.route.species[1:]}
    rows = [
        pl.DataFrame({
            "place": link.place,
            "column": moved[side.species][link.column] if side.species in moved else link.column,
        })
        for side, link in zip(plan.sides, plan.links, strict=True)
    ]  # fmt: skip
    return plan_from_table(plan.route.release, plan.sides, plan.options, RANDOM, rows)


@dataclass(frozen=True)
class CompareProgress:
    """Progress of a comparison."""

    pairing: str
    step: str
    done: int  # number of rows, one for each mapping and method
    total: int

    def parts(self) -> tuple[str, int, int]:
        """Return text, amount done and total for a bar."""
        return f"{self.pairing}, {self.step}", self.done, self.total


@dataclass(frozen=True)
class Pipeline:
    """Steps that every mapping goes through."""

    release: ReleaseFile
    sources: Sequence[CellSource]
    options: JoinOptions
    methods: Sequence[IntegrationMethod]
    settings: IntegrateSettings
    # keyword arguments of the score: label_key, donor_key, profile, n_resamples, random_state
    scoring: Mapping[str, Any]
    folder: Path  # temporary folder
    keep: Path | None = None  # folder for the joint objects, or None

    def rows(
        self, pairings: Iterator[Pairing], total: int, progress: Callable[[CompareProgress], None]
    ) -> Iterator[Row]:
        """Yield a row for each method and each of `total` mappings; those without a plan are skipped."""
        methods = len(self.methods)
        for number, pairing in enumerate(pairings):
            if pairing.plan is not None:
                yield from self._rows(
                    pairing.name, pairing.plan, lambda step, at=0, name=pairing.name, done=number * methods: progress(
                        CompareProgress(name, step, done + at, total * methods)
                    ),
                )  # fmt: skip

    def _rows(self, name: str, plan: JoinPlan, progress: Callable[..., None]) -> Iterator[Row]:
        """Run one mapping; a method that cannot integrate it yields a row with the reason."""
        progress("joining")
        run = JoinRun(self.release, self.sources, None, None, self.options, plan)
        adata, report = joined(run, self.folder)
        shares = carried(report)
        progress("preparing")
        joint = read_joint(
            adata, self.settings, species_key="species", species=None, layer=None, size_factors="shared"
        )  # fmt: skip
        prepared = prepare(joint, self.settings)
        for number, method in enumerate(self.methods):
            progress(method.name, number)
            try:
                add_prepared(adata, prepared, method, self.settings, label_key=self.scoring["label_key"])
            except IntegrationError as error:
                yield Row(name, method.name, report.feature_count, shares, None, str(error))
                continue
            progress(f"{method.name}, scores", number)
            result = score(
                adata, key=method.key, baseline=self._baseline(method), species_key="species", **self.scoring
            )
            yield Row(name, method.name, report.feature_count, shares, result)
        if self.keep is not None:
            with atomic_output(self.keep / f"{name.lower().replace(' ', '_')}.h5ad") as partial:
                store.write_whole(adata, partial)

    def _baseline(self, method: IntegrationMethod) -> str | Literal[False]:
        """Return the key of the same mapping without integration, if a score needs it; it precedes other methods."""
        exists = method.name != "none" and any(one.name == "none" for one in self.methods)
        return "pca" if exists and self.scoring["profile"] != "pllm" else False


def carried(report: JoinReport) -> pl.DataFrame:
    """Return ``species, genes, carried``: number of genes in a feature, and their share of the species' counts."""
    genes = pl.col("fate") != Fate.NOT_A_GENE
    mapped = pl.col("fate") == Fate.MAPPED
    name = pl.coalesce("stable_id", "name")
    common = report.files.select("species", "common_name").unique("species")
    counts = report.fates.filter(genes).group_by("species", maintain_order=True).agg(
        genes=name.filter(mapped).n_unique().cast(pl.Int64),
        part=pl.col("counts").filter(mapped).sum(), whole=pl.col("counts").sum(),
    )  # fmt: skip
    share = pl.when(pl.col("whole") > 0).then(pl.col("part") / pl.col("whole"))
    return counts.join(common, on="species", how="left", maintain_order="left").select(
        species="common_name", genes="genes", carried=share
    )
