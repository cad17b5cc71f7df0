"""Look up a pair of species and its strategies in a release."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy, find_strategy
from homodb.schema.errors import MissingMappingError
from homodb.schema.species import Species


@dataclass(frozen=True)
class Pair:
    """Source and target species of one release."""

    release: ReleaseFile
    source: Species
    target: Species

    @property
    def forward(self) -> bool:
        """Return whether the source is the first species in the tables."""
        return self.source.number < self.target.number

    @property
    def keys(self) -> dict[str, object]:
        """Return the species numbers, for the queries of ``query/sql``."""
        first, second = sorted((self.source.number, self.target.number))
        return {"species_a": first, "species_b": second}

    def ask(self, query: str, **more: object) -> pl.DataFrame:
        """Run a query of ``query/sql`` over the mappings of the pair.

        It binds the two species and the default embedding.
        """
        return self.release.ask(query, self.keys | {"embedding": self.release.default_embedding} | more)

    def strategies(self) -> tuple[Strategy, ...]:
        """Return the strategies of this pair in the release."""
        present = set(self.release.ask("strategies", self.keys)["strategy"])
        return tuple(strategy for strategy in Strategy if strategy in present)

    def mapping(self, strategy: Strategy) -> pl.DataFrame:
        """Return a strategy's mapping from the source, best pair first.

        Columns are ``source_gene, target_gene`` and the evidence.
        """
        return self.ask("mapping", forward=self.forward, strategy=str(strategy))


def find_pair(release: ReleaseFile, source: str | int | Species, target: str | int | Species) -> Pair:
    """Find a pair of species of a release.

    Raises UnknownSpeciesError if a name means no species of the release. Raises MissingMappingError if both names mean
    the same species.
    """
    pair = Pair(release, release.find_species(source), release.find_species(target))
    if pair.source == pair.target:
        raise MissingMappingError(f"source and target are both {pair.source.name}; name two species")
    return pair


def choose_strategy(pair: Pair, wanted: str | Strategy | None, default: Strategy) -> Strategy:
    """Return the given strategy or the default one.

    The default is LM_O2O if Ensembl has nothing for the pair.

    Raises UnknownStrategyError if there is no such strategy. Raises MissingMappingError if the release has no mapping
    for the pair, or not by this strategy.
    """
    available = pair.strategies()
    if not available:
        raise MissingMappingError(
            f"release {pair.release.version} has no mapping between {pair.source.common_name} and "
            f"{pair.target.common_name}; it has {_pairs_of(pair.release)}"
        )
    if wanted is None:
        return default if default in available else Strategy.LM_O2O if Strategy.LM_O2O in available else available[0]
    strategy = find_strategy(wanted)
    if strategy not in available:
        raise MissingMappingError(
            f"release {pair.release.version} has no {strategy} between {pair.source.common_name} and "
            f"{pair.target.common_name}; it has {', '.join(available)}"
        )
    return strategy


def _pairs_of(release: ReleaseFile) -> str:
    rows = release.sql(
        "SELECT DISTINCT a.common_name, b.common_name FROM species_pair p "
        "JOIN species a ON a.species = p.species_a JOIN species b ON b.species = p.species_b ORDER BY ALL"
    )
    return ", ".join(f"{a} - {b}" for a, b in rows.iter_rows()) or "no pair at all"
