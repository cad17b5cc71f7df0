"""A comparison as text: what is to be said around its table, and the table itself for a screen."""

from __future__ import annotations

import polars as pl

from homodb.query.compare.result import BEST, WORSE, Comparison
from homodb.query.score.result import Number

_MARK = {BEST: " *", WORSE: " -", "": ""}


def shown(comparison: Comparison) -> pl.DataFrame:
    """Return the table for a screen: all of it text; ``*`` behind the best, ``-`` behind what is worse."""
    table = comparison.table
    columns = {"strategy": table["strategy"], "method": table["method"], "features": _thousands(table["features"])}
    for species in comparison.cells:
        columns[f"{species} genes"] = _thousands(table[f"genes_{species}"])
        columns[f"{species} counts"] = pl.Series(
            ["-" if one is None else f"{one:.1%}" for one in table[f"carried_{species}"]]
        )
    several = len({profile for profile, _ in comparison.scores}) > 1
    for profile, name in comparison.scores:
        title = f"{profile}_{name}" if several else name
        columns[title.replace("_", " ")] = pl.Series([
            _number(one) + _MARK[mark]
            for one, mark in zip(comparison.numbers(profile, name), table[f"{title}_mark"], strict=True)
        ])  # fmt: skip
    return pl.DataFrame(columns)


def lines(comparison: Comparison) -> list[str]:
    """Return what is to be said around the table."""
    told = [_cells(comparison)]
    told += [f"left out: {name}: {why}" for name, why in comparison.left_out.items()]
    told += [f"{row.strategy}, {row.method}: {row.why}" for row in comparison.rows if row.why]
    told += [f"note: {note}" for note in comparison.notes]
    return [*told, _verdict(comparison)]


def _cells(comparison: Comparison) -> str:
    parts = []
    for species, cells in comparison.cells.items():
        donors = comparison.donors[species]
        of = "" if donors is None else f" of {donors} donor{'' if donors == 1 else 's'}"
        parts.append(f"{cells:,} {species} cells{of}")
    return f"release {comparison.release}; {', '.join(parts)}"


def _verdict(comparison: Comparison) -> str:
    if comparison.intervals == "cells only":
        few = [name for name, donors in comparison.donors.items() if donors == 1]
        why = f"one donor of {', '.join(few)}" if few else "no column of donors (--donor-key)"
        return f"cells only: with {why} nothing tells what another donor would give, so no winner is called"
    if comparison.intervals == "none":
        return "no intervals: nothing is marked"
    marked = {mark for profile, name in comparison.scores for mark in _marks(comparison, profile, name)}
    told = "intervals resample donors; * the best, where no other interval overlaps its own; - worse than the best"
    return told if BEST in marked else f"{told}; no row is the best by any score"


def _marks(comparison: Comparison, profile: str, name: str) -> list[str]:
    from homodb.query.compare.result import marks

    return marks(comparison.numbers(profile, name), comparison.intervals)


def _number(one: Number | None) -> str:
    if one is None or one.value != one.value:
        return "-"
    interval = "" if one.low is None or one.high is None else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{interval}"


def _thousands(column: pl.Series) -> pl.Series:
    return pl.Series([f"{one:,}" for one in column])
