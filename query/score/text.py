"""Scores as text: numbers with their intervals and the baseline beside them, tables, and what to know of them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import polars as pl

from homodb.query.score.result import Number, Part, Score

#: Rows of a table that are shown.
_ROWS = 40


def lines(score: Score) -> list[str]:
    """Return the lines that tell of a score."""
    intervals = {
        "donors": "intervals of 95 % resample donors",
        "cells only": "intervals of 95 %: cells only; they say nothing of other donors, and no winner can be called",
    }
    said = [f"embedding: {score.key}", *score.notes, *filter(None, [intervals.get(score.intervals)])]
    for name, part in score.parts.items():
        said += ["", name.replace("_", "-"), *_part(part)]
    return said


def numbers(part: Part) -> pl.DataFrame:
    """Return a part's numbers as a table, without columns that hold nothing."""
    rows = [
        {"score": name, "value": _value(one.value), "95 %": _interval(one), "none": _value(one.baseline)}
        for name, one in part.numbers.items()
    ]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("score", "value", "95 %", "none"), pl.String))
    return frame.select(one for one in frame if one.name in ("score", "value") or one.is_not_null().any())


def _part(part: Part) -> Iterator[str]:
    yield from aligned(numbers(part))
    for title, table in part.tables.items():
        yield from ("", title, *aligned(folded(table)))
    if part.notes:
        yield ""
        yield from (f"note: {one}" for one in part.notes)


def folded(frame: pl.DataFrame) -> pl.DataFrame:
    """Write a score and its interval into one column, and call the baseline's ``none``, as often as there is one.

    Examples
    --------
    >>> told = {"f1": [0.5], "f1_low": [0.25], "f1_high": [None], "f1_baseline": [0.125]}
    >>> aligned(folded(pl.DataFrame({**told, "f1_high": [0.75]})))
    ['f1                   none', '0.5 (0.25 to 0.75)  0.125']
    """
    columns: list[pl.Series] = []
    for one in frame:
        stem = one.name.removesuffix("_low").removesuffix("_high")
        if stem != one.name and {stem, f"{stem}_low", f"{stem}_high"} <= set(frame.columns):
            continue
        if {f"{one.name}_low", f"{one.name}_high"} <= set(frame.columns):
            rows = zip(one, frame[f"{one.name}_low"], frame[f"{one.name}_high"], strict=True)
            texts = [None if value is None else _with_interval(*map(_number, (value, low, high)))
                     for value, low, high in rows]  # fmt: skip
            columns.append(pl.Series(one.name, texts, pl.String))
        else:
            columns.append(one)
    blank = 0
    for at, one in enumerate(columns):
        if one.name.endswith("_baseline"):
            blank += 1
            # names must differ; blanks at the end do not show
            columns[at] = one.alias("none" + " " * (blank - 1))
    return pl.DataFrame(columns)


def aligned(frame: pl.DataFrame) -> list[str]:
    """Return a table as lines of equal columns, numbers to the right.

    Examples
    --------
    >>> aligned(pl.DataFrame({"type": ["beta", "alpha"], "f1": [0.5, None]}))
    ['type    f1', 'beta   0.5', 'alpha    -']
    """
    shown = frame.head(_ROWS)
    columns = []
    for one in shown:
        texts = [one.name.rstrip(), *("-" if value is None else _text(value) for value in one.to_list())]
        wide = max(map(len, texts))
        right = one.dtype.is_numeric() or one.name.rstrip() in ("value", "none")
        columns.append([text.rjust(wide) if right else text.ljust(wide) for text in texts])
    told = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
    return [*told, *([f"... {frame.height - _ROWS} more rows"] if frame.height > _ROWS else [])]


def _text(value: object) -> str:
    return str(_value(value)) if isinstance(value, float) else str(value)


def _value(value: float | None) -> str | None:
    """Write a number short; a dash where it cannot be told.

    Examples
    --------
    >>> _value(0.70983), _value(633), _value(float("nan")), _value(0.5)
    ('0.7098', '633', '-', '0.5')
    """
    if value is None:
        return None
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4g}"


def _interval(number: Number) -> str | None:
    return None if number.low is None or number.high is None else f"{number.low:.4g} to {number.high:.4g}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _with_interval(value: float, low: float, high: float) -> str:
    return str(_value(value)) if math.isnan(low) or math.isnan(high) else f"{value:.4g} ({low:.4g} to {high:.4g})"
