"""What is compared: mappings by strategies, and the two that every mapping must be read against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from homodb.query.genes import HAS_NAME
from homodb.query.join import JoinOptions, JoinPlan, JoinSide, make_plan, plan_from_table
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy, find_strategy
from homodb.schema.errors import JoinError, MissingMappingError

#: Mappings that need no strategy, as the table calls them.
SAME_SYMBOL, RANDOM = "same symbol", "random pairing"


@dataclass(frozen=True)
class Pairing:
    """One mapping to compare.

    Parameters
    ----------
    name
        A strategy, ``same symbol`` or ``random pairing``.
    plan
        Which genes make a feature; None where the mapping cannot be used.
    why
        Why it cannot.
    notes
        What a user should know.
    """

    name: str
    plan: JoinPlan | None
    why: str = ""
    notes: tuple[str, ...] = ()


def read_strategies(wanted: str | Sequence[str | Strategy]) -> tuple[tuple[Strategy, ...], bool]:
    """Return the strategies to compare, in their order, and whether each was asked for by name.

    Raises
    ------
    UnknownStrategyError
        If there is no such strategy.

    Examples
    --------
    >>> read_strategies("lm_o2o,hm_o2o")
    ((<Strategy.HM_O2O: 'HM_O2O'>, <Strategy.LM_O2O: 'LM_O2O'>), True)
    """
    names = [one.strip() for one in wanted.split(",")] if isinstance(wanted, str) else list(wanted)
    if [str(one).lower() for one in names] == ["all"]:
        return tuple(Strategy), False
    found = {find_strategy(str(one)) for one in names}
    return tuple(one for one in Strategy if one in found), True


def pairings(
    release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions, strategies: Sequence[Strategy],
    *, named: bool, seed: int,
) -> Iterator[Pairing]:  # fmt: skip
    """Give the mappings one after another: the strategies, then same symbol, then random pairing.

    Parameters
    ----------
    release
        An open release.
    sides
        The genes of each object.
    options
        How objects are joined.
    strategies
        The strategies; one that the species do not have is given without a plan.
    named
        Whether they were asked for by name, so that a missing one is an error.
    seed
        Of the random pairing.

    Raises
    ------
    MissingMappingError, JoinError
        If a strategy was asked for by name and the species do not have it, or share no feature by it.
    """
    for strategy in strategies:
        yield _by_strategy(release, sides, options, strategy, named=named)
    try:
        yield Pairing(SAME_SYMBOL, same_symbol(release, sides, options))
    except JoinError as error:
        yield Pairing(SAME_SYMBOL, None, str(error))
    yield _random(release, sides, options, seed)


def same_symbol(release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions) -> JoinPlan:
    """Plan what is often done without a mapping: genes are one feature where their symbols are equal ignoring case.

    A symbol is the name as it was given, or, where a stable ID was given, the release's symbol of that gene. Names that
    the release does not know count too; of several rows of one symbol the first is taken.

    Raises
    ------
    JoinError
        If no symbol is in all objects.
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


def random_pairing(plan: JoinPlan, seed: int) -> JoinPlan:
    """Plan features of the same genes, with partners permuted: as many of them, carrying the same counts."""
    count = plan.links[0].shape[1]
    rng = np.random.default_rng(seed)
    moved = {species: rng.permutation(count) for species in plan.route.species[1:]}
    rows = [
        pl.DataFrame({
            "place": link.place,
            "column": moved[side.species][link.column] if side.species in moved else link.column,
        })
        for side, link in zip(plan.sides, plan.links, strict=True)
    ]  # fmt: skip
    return plan_from_table(plan.route.release, plan.sides, plan.options, RANDOM, rows)


def _by_strategy(
    release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions, strategy: Strategy, *, named: bool
) -> Pairing:
    try:
        plan = make_plan(release, sides, strategy, options)
    except (MissingMappingError, JoinError) as error:
        if named:
            raise
        return Pairing(str(strategy), None, str(error))
    return Pairing(str(strategy), plan, notes=plan.route.notes)


def _random(release: ReleaseFile, sides: Sequence[JoinSide], options: JoinOptions, seed: int) -> Pairing:
    """Permute HM_O2O, or LM_O2O where the species have no HM_O2O."""
    try:
        plan = make_plan(release, sides, None, options)
    except (MissingMappingError, JoinError) as error:
        return Pairing(RANDOM, None, str(error))
    return Pairing(RANDOM, random_pairing(plan, seed))
