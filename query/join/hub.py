"""Which species the others are joined to, where several might be the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from homodb.query.join.direct import CONTRADICTED, HALF, ask_direct
from homodb.query.join.options import JoinOptions
from homodb.query.join.table import chained_rows
from homodb.query.join.way import HubWay, Way, possible_ways
from homodb.query.release import Release
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy


def find_way(
    release: Release, genes: Mapping[Species, pl.Series], strategy: str | Strategy | None, options: JoinOptions
) -> Way:
    """Find the pairs of species to go through; parameters and errors as of :func:`~.way.possible_ways`.

    Returns
    -------
    Way
        Of several hubs the one whose table has the smallest share of rows that the direct pairs contradict, wholly or
        by half; then the one with most rows, then the first. All of them hold the rows that every pair confirms; a
        longer table has more rows that are not.
    """
    ways = possible_ways(release, genes, strategy, options)
    if isinstance(ways, Way):
        return ways
    if len(ways) == 1:
        return ways[0]
    told = [_judged(way) for way in ways]
    best = min(range(len(ways)), key=lambda place: (told[place][0] / max(told[place][1], 1), -told[place][1]))
    others = ", ".join(
        f"{way.hub.common_name} {against:,} of {rows:,}" for way, (against, rows) in zip(ways, told, strict=True)
    )
    way = ways[best]
    note = f"joined via {way.hub.common_name}, by which direct pairs of species contradict the fewest rows ({others})"
    return replace(way, notes=(*way.notes, note))


def _judged(way: HubWay) -> tuple[int, int]:
    """Return how many rows direct pairs contradict, and how many there are."""
    rows = chained_rows(way).with_row_index("feature")
    against = ask_direct(way, rows).filter(pl.col("verdict").is_in([CONTRADICTED, HALF]))
    return against["feature"].n_unique(), rows.height
