"""Hold a comparison, and mark the rows that its intervals distinguish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import polars as pl

from homodb.query.results import Grid, Heading, Lines, Note, Result, ResultBlock
from homodb.query.score import DONORS, Number, Score, undistinguished
from homodb.schema.messages import counted

#: Scores of each profile in the table; other profiles show all scores with a direction.
MAIN: Mapping[str, tuple[str, ...]] = {
    "cross_species": (
        "transfer_balanced_accuracy",
        "transfer_kappa",
        "mixing_ilisi",
        "over_merging_neighbours",
        "over_merging_confident",
    ),
    "pllm": ("nmi", "ari", "clisi", "asw", "f1_macro"),
}

#: Marks of the table.
BEST, WORSE, OPEN = "best", "worse", ""

_MARKS = {BEST: " *", WORSE: " -", OPEN: ""}


@dataclass(frozen=True)
class Row:
    """One mapping, integrated by one method."""

    strategy: str  # strategy, ``same symbol`` or ``random pairing``
    method: str  # method of integration
    features: int  # number of joint features
    # ``species, genes, carried``: number of genes in a feature, and their share of the species' counts
    carried: pl.DataFrame
    score: Score | None  # the scores; None if the method failed
    why: str = ""  # reason of the failure


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Comparison of mappings and methods on the same cells.

    Parameters
    ----------
    release
        Version of the release.
    cells, donors
        Number of cells of each species, and of donors; None without a column of donors.
    rows
        A row for each mapping and method.
    left_out
        Mappings that could not be used, with the reason.
    notes
        Notes for the user.
    """

    main_table: ClassVar[str] = "table"

    release: str
    cells: Mapping[str, int]
    donors: Mapping[str, int | None]
    rows: tuple[Row, ...]
    left_out: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @cached_property
    def intervals(self) -> str:
        """Units that the intervals of all rows resample: ``donors``, ``cells only`` or ``none``."""
        units = {row.score.intervals for row in self.rows if row.score is not None}
        return next((unit for unit in ("none", "cells only") if unit in units), DONORS) if units else "none"

    @cached_property
    def scores(self) -> tuple[tuple[str, str], ...]:
        """Profile and name of each score in the table."""
        parts = [(profile, part) for row in self.rows if row.score for profile, part in row.score.parts.items()]
        available = dict.fromkeys((profile, name) for profile, part in parts for name in part.numbers)
        directed = {(profile, name) for profile, part in parts for name, one in part.numbers.items() if one.better}
        shown: list[tuple[str, str]] = []
        for profile in dict.fromkeys(profile for profile, _ in available):
            main = [(profile, name) for name in MAIN.get(profile, ()) if (profile, name) in available]
            shown += main or [one for one in available if one[0] == profile and one in directed]
        return tuple(shown)

    def numbers(self, profile: str, name: str) -> list[Number | None]:
        """Return a score of every row, or None."""
        return [
            None if row.score is None or profile not in row.score.parts
            else row.score.parts[profile].numbers.get(name)
            for row in self.rows
        ]  # fmt: skip

    @cached_property
    def table(self) -> pl.DataFrame:
        """The comparison as a table, a row for each mapping and method.

        ``strategy, method, features``; for each species ``genes_<species>`` and ``carried_<species>`` (share of
        counts); for each main score its value (prefixed by the profile if there are several), ``_low, _high`` (null
        without an interval) and ``_mark``; and ``note``, the reason if a method failed. A mark is ``best`` if no other
        interval overlaps that of the best row, ``worse`` if an interval does not overlap it, else empty.
        """
        columns: dict[str, Any] = {
            "strategy": [row.strategy for row in self.rows], "method": [row.method for row in self.rows],
            "features": [row.features for row in self.rows],
        }  # fmt: skip
        for species in self.cells:
            of_it = [row.carried.filter(pl.col("species") == species) for row in self.rows]
            columns[f"genes_{species}"] = [int(one["genes"].sum()) for one in of_it]
            columns[f"carried_{species}"] = [one["carried"][0] if one.height else None for one in of_it]
        several = len({profile for profile, _ in self.scores}) > 1
        for profile, name in self.scores:
            numbers, title = self.numbers(profile, name), f"{profile}_{name}" if several else name
            columns[title] = [None if one is None or np.isnan(one.value) else one.value for one in numbers]
            columns[f"{title}_low"] = [None if one is None else one.low for one in numbers]
            columns[f"{title}_high"] = [None if one is None else one.high for one in numbers]
            columns[f"{title}_mark"] = marks(numbers, self.intervals)
        columns["note"] = [row.why for row in self.rows]
        floats = {name for name in columns if name.startswith("carried_") or f"{name}_mark" in columns}
        floats |= {f"{name}{end}" for name in floats for end in ("_low", "_high")}
        overrides = {name: pl.Float64 for name in columns if name in floats}
        return pl.DataFrame(columns, schema_overrides=overrides)

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the cells, the table with its marks, failures, and whether there is a winner."""
        yield Heading("homodb compare", level=1)
        of = {name: "" if donors is None else f" of {counted(donors, 'donor')}" for name, donors in self.donors.items()}
        cells = [f"{cells:,} {species} cells{of[species]}" for species, cells in self.cells.items()]
        yield Lines([f"release {self.release}; {', '.join(cells)}"])
        yield Grid(self._marked())
        left_out = [f"left out: {name}: {why}" for name, why in self.left_out.items()]
        yield Lines(["", *left_out, *(f"{row.strategy}, {row.method}: {row.why}" for row in self.rows if row.why)])
        yield from map(Note, self.notes)
        yield Lines([self._verdict()])

    def all_frames(self) -> dict[str, pl.DataFrame]:
        """Return :attr:`table`."""
        return {"table": self.table}

    def _marked(self) -> pl.DataFrame:
        """Return the table as text, with ``*`` after the best row and ``-`` after worse ones."""
        table = self.table
        columns: dict[str, Any] = {"strategy": table["strategy"], "method": table["method"]}
        columns["features"] = [f"{one:,}" for one in table["features"]]
        for species in self.cells:
            columns[f"{species} genes"] = [f"{one:,}" for one in table[f"genes_{species}"]]
            shares = table[f"carried_{species}"]
            columns[f"{species} counts"] = ["-" if one is None else f"{one:.1%}" for one in shares]
        several = len({profile for profile, _ in self.scores}) > 1
        for profile, name in self.scores:
            title, numbers = f"{profile}_{name}" if several else name, self.numbers(profile, name)
            columns[title.replace("_", " ")] = [
                f"{_value(one)}{_MARKS[mark]}" for one, mark in zip(numbers, table[f"{title}_mark"], strict=True)
            ]
        return pl.DataFrame(columns)

    def _verdict(self) -> str:
        if self.intervals == "cells only":
            few = [name for name, donors in self.donors.items() if donors == 1]
            why = f"one donor of {', '.join(few)}" if few else "no column of donors"
            return f"cells only: with {why} what another donor would give is unknown, so no winner is called"
        if self.intervals == "none":
            return "no intervals: nothing is marked"
        used = {mark for score in self.scores for mark in marks(self.numbers(*score), self.intervals)}
        verdict = (
            "intervals resample donors; * the best, where no other interval overlaps its own; - worse than the best"
        )
        return verdict if BEST in used else f"{verdict}; no row is the best by any score"

    def totals(self) -> dict[str, Any]:
        """Return everything as plain values, with all scores of every row."""
        marked = {f"{profile}_{name}": marks(self.numbers(profile, name), self.intervals)
                  for profile, name in self.scores}  # fmt: skip
        rows = [
            {
                "strategy": row.strategy, "method": row.method, "features": row.features,
                "species": row.carried.to_dicts(), "scores": None if row.score is None else row.score.totals(),
                "marks": {name: one[place] for name, one in marked.items() if one[place]}, "note": row.why,
                "notes": [] if row.score is None else notes_of(row.score),
            }
            for place, row in enumerate(self.rows)
        ]  # fmt: skip
        return {
            "release": self.release, "cells": dict(self.cells), "donors": dict(self.donors),
            "intervals": self.intervals, "rows": rows, "left_out": dict(self.left_out), "notes": list(self.notes),
        }  # fmt: skip


def notes_of(score: Score) -> list[str]:
    """Return all notes of a score, each once."""
    return list(dict.fromkeys([*score.notes, *(note for part in score.parts.values() for note in part.notes)]))


def marks(numbers: Sequence[Number | None], intervals: str) -> list[str]:
    """Return the mark of every row for one score; only intervals that resample ``donors`` allow marks.

    Examples
    --------
    >>> marks([Number(0.5, 0.4, 0.6), Number(0.9, 0.8, 1.0), Number(0.3, 0.2, 0.4)], "donors")
    ['worse', 'best', 'worse']
    >>> marks([Number(0.5, 0.4, 0.6), Number(0.9, 0.55, 1.0), Number(0.3, 0.2, 0.4)], "donors")
    ['', '', 'worse']
    """
    scored = {row: one for row, one in enumerate(numbers) if one is not None and not np.isnan(one.value)}
    row_marks = [OPEN] * len(numbers)
    near = undistinguished(list(scored.values()), intervals=intervals)
    if all(near):  # no difference, or a single row
        return row_marks
    for row, close in zip(scored, near, strict=True):
        row_marks[row] = WORSE if not close else BEST if sum(near) == 1 else OPEN
    return row_marks


def _value(one: Number | None) -> str:
    if one is None or np.isnan(one.value):
        return "-"
    interval = "" if one.low is None or one.high is None else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{interval}"
