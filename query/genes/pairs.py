"""A pair of species and a strategy, as asked for and as the release holds them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy, find_strategy
from homodb.schema.errors import MissingMappingError
from homodb.schema.species import Species


@dataclass(frozen=True)
class Pair:
    """A source and a target species of one release.

    Parameters
    ----------
    release
        The release.
    source, target
        The two species.
    """

    release: ReleaseFile
    source: Species
    target: Species

    @property
    def forward(self) -> bool:
        """Whether the source is the first species in the tables."""
        return self.source.number < self.target.number

    @property
    def keys(self) -> dict[str, object]:
        """The numbers of the two species, as the queries of ``query/sql`` bind them."""
        first, second = sorted((self.source.number, self.target.number))
        return {"species_a": first, "species_b": second}

    def ask(self, query: str, **more: object) -> pl.DataFrame:
        """Run a query of ``query/sql`` over the pair's mappings: binds its species and the default embedding."""
        return self.release.ask(query, self.keys | {"embedding": self.release.default_embedding} | more)

    def strategies(self) -> tuple[Strategy, ...]:
        """Return the strategies that the release has for this pair."""
        there = set(self.release.ask("strategies", self.keys)["strategy"])
        return tuple(strategy for strategy in Strategy if strategy in there)

    def mapping(self, strategy: Strategy) -> pl.DataFrame:
        """Return a strategy's mapping from the source: ``source_gene, target_gene`` and the evidence, best first."""
        return self.ask("mapping", forward=self.forward, strategy=str(strategy))


def find_pair(release: ReleaseFile, source: str | int | Species, target: str | int | Species) -> Pair:
    """Return a pair of species of a release.

    Raises
    ------
    UnknownSpeciesError
        If a name means no species of the release.
    MissingMappingError
        If both names mean one species.
    """
    pair = Pair(release, release.find_species(source), release.find_species(target))
    if pair.source == pair.target:
        raise MissingMappingError(f"source and target are both {pair.source.name}; name two species")
    return pair


def choose_strategy(pair: Pair, wanted: str | Strategy | None, default: Strategy) -> Strategy:
    """Return the wanted strategy, or the default one; LM_O2O where Ensembl has nothing for the pair.

    Raises
    ------
    UnknownStrategyError
        If there is no such strategy.
    MissingMappingError
        If the release has no mapping for the pair, or not by this strategy; says what it has.
    """
    there = pair.strategies()
    if not there:
        raise MissingMappingError(
            f"release {pair.release.version} has no mapping between {pair.source.common_name} and "
            f"{pair.target.common_name}; it has {_pairs_of(pair.release)}"
        )
    if wanted is None:
        return default if default in there else Strategy.LM_O2O if Strategy.LM_O2O in there else there[0]
    strategy = find_strategy(wanted)
    if strategy not in there:
        raise MissingMappingError(
            f"release {pair.release.version} has no {strategy} between {pair.source.common_name} and "
            f"{pair.target.common_name}; it has {', '.join(there)}"
        )
    return strategy


def _pairs_of(release: ReleaseFile) -> str:
    rows = release.sql(
        "SELECT DISTINCT a.common_name, b.common_name FROM species_pair p "
        "JOIN species a ON a.species = p.species_a JOIN species b ON b.species = p.species_b ORDER BY ALL"
    )
    return ", ".join(f"{a} - {b}" for a, b in rows.iter_rows()) or "no pair at all"
