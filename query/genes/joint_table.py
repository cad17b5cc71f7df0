"""Build joint tables of three or more species through a hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import polars as pl

from homodb.query.genes.pairs import choose_strategy, find_pair
from homodb.query.release import ReleaseFile
from homodb.schema.enums import Strategy
from homodb.schema.errors import MissingMappingError
from homodb.schema.species import Species


def joint_table(
    release: ReleaseFile, species: Sequence[str | int | Species], *, strategy: str | Strategy | None = None,
    via: str | int | Species | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Return the joint table of several species.

    Each row is one gene of each species.

    Parameters
    ----------
    release
        Open release.
    species
        Two or more species, by any name; the columns follow their order.
    strategy
        One of the five, the same for every pair; by default HM_O2O.
    via
        Hub, one of the species: the others are joined to it by the pair's mapping, and a row remains if the hub's
        gene has a partner in all of them. By default the first species with mappings to all others.

    Returns
    -------
    polars.DataFrame
        Columns ``<species>_symbol`` and ``<species>_id`` per species (``homo_sapiens_symbol``,
        ``homo_sapiens_id``, ...), sorted by the hub's stable ID, without duplicate rows.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks a species or mapping, or fewer than two species are given.
    """
    wanted = [release.find_species(name) for name in species]
    if len(wanted) < 2 or len(set(wanted)) != len(wanted):
        raise MissingMappingError("a joint table needs two or more different species")
    hub = _hub(release, wanted) if via is None else release.find_species(via)
    if hub not in wanted:
        raise MissingMappingError(
            f"the hub {hub.name} is none of the species of the table; add it or choose one of them"
        )
    partners: dict[str, pl.DataFrame] = {}
    for other in (one for one in wanted if one != hub):
        pair = find_pair(release, hub, other)
        pair_strategy = choose_strategy(pair, strategy, Strategy.HM_O2O)
        partners[other.name] = pair.mapping(pair_strategy).select(
            pl.col("source_gene").alias(hub.name), pl.col("target_gene").alias(other.name)
        )
    return _labelled(release, chain(partners, hub.name), wanted, hub)


def chain(partners: Mapping[str, pl.DataFrame], hub: str) -> pl.DataFrame:
    """Join the pair tables of a hub.

    A row remains if the hub's gene has a partner in all other species.

    Parameters
    ----------
    partners
        Table of pairs with the hub for each other species, columns ``hub`` and the species.
    hub
        Name of the hub.

    Returns
    -------
    polars.DataFrame
        Columns: the hub, then the others in their order. Rows are unique and without nulls.

    Examples
    --------
    >>> human = pl.DataFrame({"mouse": ["Ins1", "Ins2", "Gulo"], "human": ["INS", "INS", None]})
    >>> pig = pl.DataFrame({"mouse": ["Ins2", "Gulo"], "pig": ["INS", "GULO"]})
    >>> chain({"human": human, "pig": pig}, "mouse").rows()
    [('Ins2', 'INS', 'INS')]
    """
    tables = [table.select(hub, other).drop_nulls() for other, table in partners.items()]
    return reduce(lambda rows, table: rows.join(table, on=hub, how="inner"), tables).unique()


def _hub(release: ReleaseFile, wanted: list[Species]) -> Species:
    """Return the first species with mappings to all others."""
    for own in (True, False):  # pairs that go over another species come last
        for candidate in wanted:
            pairs = [find_pair(release, candidate, other) for other in wanted if other != candidate]
            if all(pair.own_strategies if own else pair.strategies() for pair in pairs):
                return candidate
    raise MissingMappingError(
        f"release {release.version} has no species among {', '.join(s.common_name for s in wanted)} that is mapped to "
        "all others, so none can be the hub"
    )


def _labelled(release: ReleaseFile, rows: pl.DataFrame, wanted: list[Species], hub: Species) -> pl.DataFrame:
    labels = release.select(
        "SELECT gene, stable_id, symbol FROM gene WHERE species IN (SELECT unnest($numbers::SMALLINT[]))",
        {"numbers": [species.number for species in wanted]},
    )
    for species in wanted:
        names = labels.rename(
            {"gene": species.name, "stable_id": f"{species.name}_id", "symbol": f"{species.name}_symbol"}
        )
        rows = rows.join(names, on=species.name, how="left")
    ordered = rows.sort(hub.name, *(species.name for species in wanted))
    return ordered.select(column for s in wanted for column in (f"{s.name}_symbol", f"{s.name}_id"))
