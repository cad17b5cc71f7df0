"""What the table marks, against a naive rule, and that nothing is marked where nothing can be told."""

from __future__ import annotations

import itertools
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.compare import Comparison, Row, marks
from homodb.query.results import Grid
from homodb.query.score import Number, ProfileScores, Score

ABOUT = pl.DataFrame({"species": ["human", "mouse"], "genes": [10, 12], "carried": [0.9, None]})


@st.composite
def numbers(draw: st.DrawFn) -> list[Number | None]:
    better = draw(st.sampled_from([1, -1]))
    rows: list[Number | None] = []
    for _ in range(draw(st.integers(0, 6))):
        low, value, high = sorted(draw(st.tuples(*[st.integers(0, 12)] * 3)))
        rows.append(draw(st.sampled_from([Number(value, low, high, better), Number(math.nan, better=better), None])))
    return rows


def naive(rows: list[Number | None]) -> list[str]:
    """The best by value; whatever shares a point of a fine grid with its interval is close."""

    def points(one: Number) -> set[int]:
        return set(range(int(one.low or 0), int(one.high or 0) + 1))

    known = [one for one in rows if one is not None and not math.isnan(one.value)]
    told = []
    for one in rows:
        if one is None or math.isnan(one.value):
            told.append("")
            continue
        top = max(known, key=lambda other: other.value * other.better)
        close = [other for other in known if points(other) & points(top)]
        told.append("worse" if one not in close else "best" if len(close) == 1 < len(known) else "")
    return told


@settings(max_examples=100)
@given(numbers())
def test_marks_against_a_naive_rule(rows: list[Number | None]) -> None:
    assert marks(rows, "donors") == naive(rows)


@settings(max_examples=30)
@given(numbers(), st.sampled_from(["cells only", "none"]))
def test_without_intervals_over_donors_nothing_is_marked(rows: list[Number | None], kind: str) -> None:
    assert set(marks(rows, kind)) <= {""}


def test_a_number_without_a_direction_or_an_interval_is_not_marked() -> None:
    assert marks([Number(0.1, 0.1, 0.2, 0), Number(0.9, 0.8, 0.9, 0)], "donors") == ["", ""]
    assert marks([Number(0.1), Number(0.9, 0.8, 0.9)], "donors") == ["", ""]


def row(strategy: str, method: str, value: float, low: float, high: float, kind: str = "donors") -> Row:
    part = ProfileScores({"right": Number(value, low, high), "wrong": Number(1 - value, 1 - high, 1 - low, -1),
                 "types": Number(4.0, better=0)})  # fmt: skip
    return Row(strategy, method, 10, ABOUT, Score(method, {"made_up": part}, kind))


def comparison(*rows: Row) -> Comparison:
    return Comparison("r1", {"human": 5, "mouse": 7}, {"human": 2, "mouse": 3}, rows, {"LM_O2O": "not there"}, ("hm",))


def test_table_and_text() -> None:
    failed = Row("HM_O2O", "cca", 10, ABOUT, None, "no anchors")
    found = comparison(row("HM_O2O", "none", 0.5, 0.4, 0.6), row("same symbol", "none", 0.9, 0.8, 1.0), failed)
    assert found.scores == (("made_up", "right"), ("made_up", "wrong"))
    assert found.table.columns == [
        "strategy", "method", "features", "genes_human", "carried_human", "genes_mouse", "carried_mouse",
        "right", "right_low", "right_high", "right_mark", "wrong", "wrong_low", "wrong_high", "wrong_mark", "note",
    ]  # fmt: skip
    assert found.table["right_mark"].to_list() == ["worse", "best", ""]
    assert found.table["wrong_mark"].to_list() == ["worse", "best", ""]
    assert found.table["right"].to_list() == [0.5, 0.9, None]
    assert found.table["genes_mouse"].to_list() == [12, 12, 12]
    assert found.table["carried_mouse"].to_list() == [None, None, None]
    (shown,) = (block.frame for block in found.blocks() if isinstance(block, Grid))
    assert shown["right"].to_list() == ["0.50 (0.40 to 0.60) -", "0.90 (0.80 to 1.00) *", "-"]
    said = str(found)
    assert "5 human cells of 2 donors" in said and "left out: LM_O2O: not there" in said and "no anchors" in said
    assert found.totals()["rows"][1]["marks"] == {"made_up_right": "best", "made_up_wrong": "best"}
    assert found.totals()["rows"][2]["scores"] is None


@pytest.mark.parametrize("order", list(itertools.permutations(["donors", "cells only", "none"])))
def test_the_least_interval_speaks_for_all(order: tuple[str, ...]) -> None:
    rows = [row("HM_O2O", "none", 0.1 * n, 0.1 * n, 0.1 * n, kind) for n, kind in enumerate(order)]
    found = comparison(*rows)
    assert found.intervals == "none"
    assert set(found.table["right_mark"]) == {""}
    assert "winner" in comparison(*[one for one in rows if one.score and one.score.intervals != "none"]).lines()[-1]
