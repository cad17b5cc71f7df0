"""Hold the scores of an integration: numbers with intervals, tables and notes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import polars as pl

from homodb.query.results import Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock, number, plain

#: Lines of scores that the short form shows.
SHOWN = 15

_INTERVALS = {
    "donors": "intervals of 95 % resample donors",
    "cells only": "intervals of 95 %: cells only; they say nothing of other donors, and no winner can be called",
}


@dataclass(frozen=True)
class Number:
    """One score.

    Parameters
    ----------
    value
        The score; NaN if it is undefined, which a note explains.
    low, high
        Interval of 95 %; None for no interval.
    better
        1 if higher is better, -1 if lower is, 0 if neither.
    baseline
        The same score of the ``none`` baseline; None without one.
    """

    value: float
    low: float | None = None
    high: float | None = None
    better: int = 1
    baseline: float | None = None


@dataclass(frozen=True)
class ProfileScores:
    """Scores of one profile.

    Parameters
    ----------
    numbers
        Scores by name in lower case with underscores, such as ``ari``.
    tables
        Tables by title, such as one row per cell type or pair of species.
    notes
        Notes for the user.
    """

    numbers: Mapping[str, Number]
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Score(Result):
    """Scores of an integration.

    Parameters
    ----------
    key
        Key of the integration.
    parts
        Scores by profile: ``pllm``, ``scib``, ``cross_species``.
    intervals
        Unit that intervals resample: ``donors``, ``cells only``, or ``none``.
    notes
        Notes for the user that concern all profiles.
    donors
        Number of donors of each species, 0 without a column of donors.
    """

    main_table: ClassVar[str] = "scores"

    key: str
    parts: Mapping[str, ProfileScores]
    intervals: str = "none"
    notes: tuple[str, ...] = ()
    donors: Mapping[str, int] = field(default_factory=dict)

    def flat(self) -> dict[str, float | None]:
        """Return all numbers in one dictionary: ``pllm_ari``, ``pllm_ari_low``, ``_high`` and ``_baseline``, ..."""
        flat: dict[str, float | None] = {}
        for profile, part in self.parts.items():
            for name, one in part.numbers.items():
                flat[f"{profile}_{name}"] = one.value
                if one.low is not None and one.high is not None:
                    flat |= {f"{profile}_{name}_low": one.low, f"{profile}_{name}_high": one.high}
                if one.baseline is not None:
                    flat[f"{profile}_{name}_baseline"] = one.baseline
        return flat

    def all_frames(self) -> dict[str, pl.DataFrame]:
        """Return all tables, and ``scores``: ``profile, score, value, low, high, baseline, better``."""
        rows = [
            (profile, name, one.value, one.low, one.high, one.baseline, one.better)
            for profile, part in self.parts.items() for name, one in part.numbers.items()
        ]  # fmt: skip
        numbers = dict.fromkeys(("value", "low", "high", "baseline"), pl.Float64())
        schema = {"profile": pl.String(), "score": pl.String(), **numbers, "better": pl.Int64()}
        frames = {"scores": pl.DataFrame(rows, schema, orient="row")}
        for part in self.parts.values():
            frames |= part.tables
        return frames

    def totals(self) -> dict[str, Any]:
        """Return all numbers in one dictionary, None for those that are undefined."""
        numbers: dict[str, Any] = plain(self.flat())
        return numbers

    def brief(self, sentences: Sequence[str]) -> Iterator[ResultBlock]:
        """Yield what was scored, `sentences` about it, and the first numbers, in at most :data:`SHOWN` lines."""
        intervals = [_INTERVALS[self.intervals]] if self.intervals in _INTERVALS else []
        yield Lines([f"embedding: {self.key}", *self.notes, *intervals])
        yield Lines(sentences, apart=True)
        parts = sorted(self.parts.items(), key=lambda part: part[0] != "cross_species")  # what the sentences are about
        rows = [
            (name, _value(one.value), _interval(one.low, one.high), _value(one.baseline))
            for _, part in parts for name, one in part.numbers.items()
        ]  # fmt: skip
        yield _number_grid(rows, "", most=SHOWN - 2)

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield numbers beside the baseline, tables and notes, profile by profile."""
        yield Heading(f"homodb score: {self.key}", level=1)
        intervals = [_INTERVALS[self.intervals]] if self.intervals in _INTERVALS else []
        yield Lines([f"embedding: {self.key}", *self.notes, *intervals])
        for profile, part in self.parts.items():
            yield _numbers(profile.replace("_", "-"), part)
            for title, table in part.tables.items():
                yield _with_intervals(title, table)
            if part.notes:
                yield Lines([""])
            yield from map(Note, part.notes)


def _numbers(title: str, part: ProfileScores) -> Grid:
    """Return the numbers of a profile, without columns that hold nothing."""
    rows = [(name, _value(one.value), _interval(one.low, one.high), _value(one.baseline))
            for name, one in part.numbers.items()]  # fmt: skip
    return _number_grid(rows, title)


def _number_grid(rows: Sequence[tuple[str | None, ...]], title: str, most: int = 50) -> Grid:
    frame = pl.DataFrame(rows, dict.fromkeys(("score", "value", "95 %", "none"), pl.String), orient="row")
    held = [one for one in frame if one.name in ("score", "value") or one.is_not_null().any()]
    right = GridColumn(right=True)
    return Grid(pl.DataFrame(held), title, {"value": right, "none": right}, rows=most, noun="score")


def _with_intervals(title: str, frame: pl.DataFrame) -> Grid:
    """Return a table with each score and its interval in one column, and the baseline titled ``none``.

    Examples
    --------
    >>> table = {"f1": [0.5], "f1_low": [0.25], "f1_high": [0.75], "f1_baseline": [0.125]}
    >>> _with_intervals("types", pl.DataFrame(table)).frame.rows()
    [('0.5 (0.25 to 0.75)', 0.125)]
    """
    scores = [name for name in frame.columns if {f"{name}_low", f"{name}_high"} <= set(frame.columns)]
    shown = frame.drop(f"{name}{end}" for name in scores for end in ("_low", "_high"))
    for name in scores:
        texts = []
        for value, low, high in frame.select(name, f"{name}_low", f"{name}_high").iter_rows():
            interval = _interval(low, high)
            texts.append(f"{value:.4g} ({interval})" if interval and value is not None else _value(value))
        shown = shown.with_columns(pl.Series(name, texts, dtype=pl.String))
    baselines = {name: GridColumn("none") for name in shown.columns if name.endswith("_baseline")}
    return Grid(shown, title, baselines)


def _value(value: float | None) -> str | None:
    """Format a score; a dash if it is undefined."""
    return None if value is None else "-" if math.isnan(value) else number(float(value))


def _interval(low: float | None, high: float | None) -> str | None:
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return None
    return f"{low:.4g} to {high:.4g}"
