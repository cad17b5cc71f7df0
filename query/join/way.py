"""The way from species to species: which pairs of species a join goes through, by which strategy, and by which hub."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from homodb.query.join.options import Features, JoinOptions
from homodb.query.pairs import Pair, choose_strategy, find_pair
from homodb.query.release import Release
from homodb.query.translate.measured import GREEDY, chosen_anew
from homodb.schema.errors import MissingMappingError
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy, find_strategy


@dataclass(frozen=True)
class Way:
    """The pairs of species that a join goes through.

    Parameters
    ----------
    release
        The open release.
    species
        The species of the objects, each once, in their order.
    strategy
        What was asked for, else the default.
    legs
        The pairs that are used, each with its strategy: all that there are, or those from the hub (:class:`HubWay`);
        none where there is one species only.
    direct
        With a hub: the pairs of other species that the release maps directly.
    genes
        Where partners are chosen among the genes that are there: those of each species.
    notes
        What a user should know.
    """

    release: Release
    species: tuple[Species, ...]
    strategy: Strategy
    legs: tuple[tuple[Pair, Strategy], ...]
    direct: tuple[tuple[Pair, Strategy], ...] = ()
    genes: Mapping[Species, pl.Series] | None = None
    notes: tuple[str, ...] = ()
    _known: dict[tuple[int, int, Strategy], pl.DataFrame] = field(default_factory=dict, repr=False)

    def mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        """Return ``source_gene, target_gene, evidence_class`` of a pair, best first."""
        key = (pair.source.number, pair.target.number, strategy)
        if key not in self._known:
            self._known[key] = self._mapping(pair, strategy).select("source_gene", "target_gene", "evidence_class")
        return self._known[key]

    def _mapping(self, pair: Pair, strategy: Strategy) -> pl.DataFrame:
        if self.genes is None or strategy not in GREEDY:
            return pair.mapping(strategy)
        there = set(pair.strategies())
        left = [
            self._there(pair, pair.mapping(one if one in there else strategy)).filter(pl.lit(one in there))
            for one in (Strategy.ENS_M2M, Strategy.LM_O2O)
        ]
        return chosen_anew(pair, strategy, *left)

    def _there(self, pair: Pair, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep the rows of genes that are measured; of a species that no object is of, all are."""
        for species, column in ((pair.source, "source_gene"), (pair.target, "target_gene")):
            if self.genes is not None and species in self.genes:
                rows = rows.join(self.genes[species].to_frame(column), on=column, how="semi", maintain_order="left")
        return rows


@dataclass(frozen=True, kw_only=True)
class HubWay(Way):
    """A way whose legs all begin at one species.

    Parameters
    ----------
    hub
        The species that the others are joined to.
    """

    hub: Species


def possible_ways(
    release: Release, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> Way | list[HubWay]:
    """Find the pairs of species to go through: the way without a hub, or one for each species that may be it.

    Parameters
    ----------
    release
        An open release.
    genes
        The measured genes of each species, in the order of the objects.
    strategy
        What was asked for; None for HM_O2O, and LM_O2O where Ensembl has nothing for a pair.
    options
        What was chosen.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError
        If the hub is not in the release, or there is no such strategy.
    MissingMappingError
        If the pairs of the release do not lead from every species to every other one.
    """
    species = tuple(genes)
    wanted = None if strategy is None else find_strategy(strategy)
    chosen = wanted or Strategy.HM_O2O
    hub = None if options.via is None else release.find_species(options.via)
    if len(species) == 1:
        note = f"all objects are of {species[0].common_name}: joined by gene"
        return Way(release, species, chosen, (), notes=(note,))
    measured = genes if options.measured else None
    grouped = chosen is Strategy.ENS_M2M and options.features is Features.GROUP
    if grouped and hub is None:
        return Way(release, species, chosen, _all_pairs(release, species, chosen), genes=measured)
    hubs = [hub] if hub else _hubs(release, species, wanted)
    ways = [_through(release, species, one, wanted, measured) for one in hubs]
    return [replace(way, direct=()) for way in ways] if grouped else ways


def _hubs(release: Release, species: Sequence[Species], wanted: Strategy | None) -> list[Species]:
    """Return the species that are mapped to all others."""
    hubs = [
        one for one in species if all(_has(find_pair(release, one, other), wanted) for other in species if other != one)
    ]
    if not hubs:
        _no_way(release, species, wanted, "none of the species is mapped to all others")
    return hubs[:1] if len(species) == 2 else hubs


def _has(pair: Pair, wanted: Strategy | None) -> bool:
    there = pair.strategies()
    return wanted in there if wanted else bool(there)


def _through(
    release: Release, species: Sequence[Species], hub: Species, wanted: Strategy | None,
    genes: Mapping[Species, pl.Series] | None,
) -> HubWay:  # fmt: skip
    pairs = [find_pair(release, hub, other) for other in species if other != hub]
    legs = tuple((pair, choose_strategy(pair, wanted, Strategy.HM_O2O)) for pair in pairs)
    others = [one for one in species if one != hub]
    direct = tuple(
        (pair, leg)
        for pair in (find_pair(release, *two) for two in itertools.combinations(others, 2))
        if (leg := wanted or Strategy.HM_O2O) in pair.strategies()
    )
    notes = tuple(
        f"Ensembl has no homology between {hub.common_name} and {pair.target.common_name}: LM_O2O, from embeddings "
        "alone, was used"
        for pair, leg in legs
        if wanted is None and leg is Strategy.LM_O2O
    )
    if hub not in species:
        notes = (f"joined via {hub.common_name}, of which there are no cells: its genes need not be measured", *notes)
    return HubWay(release, tuple(species), wanted or Strategy.HM_O2O, legs, direct, genes, notes, hub=hub)


def _all_pairs(
    release: Release, species: Sequence[Species], wanted: Strategy
) -> tuple[tuple[Pair, Strategy], ...]:  # fmt: skip
    """Return all pairs of the species that have the strategy; they must hang together."""
    legs = tuple(
        (pair, wanted)
        for pair in (find_pair(release, *two) for two in itertools.combinations(species, 2))
        if wanted in pair.strategies()
    )
    reached = {species[0]}
    for _ in species:
        for pair, _strategy in legs:
            if reached & {pair.source, pair.target}:
                reached |= {pair.source, pair.target}
    if reached != set(species):
        _no_way(release, species, wanted, "the species do not hang together")
    return legs


def _no_way(release: Release, species: Sequence[Species], wanted: Strategy | None, why: str) -> None:
    """Raise what says which pairs there are, and which species could be gone through."""
    pairs = {two: _has(find_pair(release, *two), wanted) for two in itertools.combinations(species, 2)}
    there = (
        ", ".join(f"{a.common_name} - {b.common_name}" for (a, b), has in pairs.items() if has) or "none of these pairs"
    )
    by = "" if wanted is None else f" by {wanted}"
    known = [release.find_species(name) for name in release.sql("SELECT name FROM species ORDER BY species")["name"]]
    hubs = [
        one.common_name
        for one in known
        if one not in species and all(_has(find_pair(release, one, other), wanted) for other in species)
    ]
    way_out = (
        f"go through {' or '.join(hubs)} (--via)"
        if hubs
        else "leave one out, choose another strategy or another release"
    )
    raise MissingMappingError(
        f"there is no way between {', '.join(one.common_name for one in species)} in release {release.version}{by}: "
        f"{why}; it maps {there}. {way_out[0].upper()}{way_out[1:]}"
    )
