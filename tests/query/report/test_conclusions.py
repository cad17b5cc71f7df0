"""Sentences about scores: each follows its rule, none goes beyond the numbers, and what is not known is said."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homodb.query.cells import Coded
from homodb.query.report import conclusions, verdict
from homodb.query.score import Embedded, Number, ProfileScores, Score, cross_species

DONORS = {"human": 3, "mouse": 2}


def scored(part: ProfileScores, intervals: str = "donors") -> Score:
    return Score("cca", {"cross_species": part}, intervals)


def transfer(value: float, low: float | None, high: float | None, common: float, before: float | None) -> pl.DataFrame:
    ours = {
        "reference": "human", "query": "mouse", "called_by": "neighbours", "cells": 50, "balanced_accuracy": value,
        "balanced_accuracy_low": low, "balanced_accuracy_high": high, "balanced_accuracy_baseline": before,
        "accuracy": value,
    }  # fmt: skip
    other = ours | {"called_by": "majority class", "balanced_accuracy": common, "accuracy": common}
    mean = ours | {"reference": "mean", "query": "mean", "cells": None}
    return pl.DataFrame([ours, other, mean], infer_schema_length=None)


def recalls(*values: float, before: float | None = None) -> pl.DataFrame:
    rows = [("human", "mouse", f"t{number}", 20, one, before) for number, one in enumerate(values)]
    return pl.DataFrame(rows, ["reference", "query", "cell_type", "cells", "recall", "recall_baseline"], orient="row")


def merged(*rows: tuple[str, str, str, int | None, float | None, float, float | None, str]) -> pl.DataFrame:
    names = ["species", "cell_type", "lacking", "cells", "confident", "confident_near", "confident_baseline", "called"]
    return pl.DataFrame(rows, names, orient="row")


def told(**tables: pl.DataFrame) -> str:
    part = ProfileScores(
        {}, {name.replace("_", " ").replace("over merging", "over-merging"): one for name, one in tables.items()}
    )
    return "\n".join(conclusions(scored(part), DONORS))


def test_where_nothing_can_be_said_nothing_is() -> None:
    (said,) = conclusions(None, {})
    assert "Nothing can be said" in said and "no scores across species" in said
    assert conclusions(Score("cca", {"pllm": ProfileScores({"ari": Number(0.9)})}, "donors"), DONORS) == [said]
    empty = ProfileScores(
        {"mixing_neighbours": Number(np.nan)}, {"label transfer": transfer(0.5, None, None, 0.2, None).clear()}
    )
    (said,) = conclusions(scored(empty), DONORS)
    assert "Nothing can be said" in said and "mixing, label transfer" in said and "claimed" not in said


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.1, "are apart"), (0.2, "partly mixed"), (0.79, "partly mixed"), (0.8, "as mixed as their numbers allow"),
     (1.03, "as mixed as their numbers allow")],
)  # fmt: skip
def test_mixing(value: float, word: str) -> None:
    table = pl.DataFrame({"cell_type": ["a", "b", "c", "mean"], "cells": [9, 9, 9, None],
                          "neighbours": [0.5, 0.1, None, 0.05]})  # fmt: skip
    part = ProfileScores({"mixing_neighbours": Number(value, 0.05, 1.5, 1, 0.03)}, {"mixing": table})
    first, *_ = conclusions(scored(part), DONORS)
    assert f"{value:.2f} times" in first and word in first and "interval 0.05 to 1.50" in first
    assert "without integration 0.03" in first and first.endswith("least in b (0.10).")


@pytest.mark.parametrize(
    ("low", "high", "common", "before", "words"),
    [
        (0.4, 0.6, 0.2, 0.7, ("above the 0.20 of calling", "and below the 0.70 without")),
        (0.1, 0.6, 0.2, 0.4, ("apart from the 0.20 of calling", "not clearly apart from the 0.40 without")),
        (None, None, 0.5, 0.4, ("apart from the 0.50 of", "above the 0.40", "accuracy 0.50 is not above its 0.50")),
        (0.4, 0.5, 0.9, None, ("below the 0.90 of", "plain accuracy 0.50 is not above its 0.90")),
    ],
)
def test_transfer(
    low: float | None, high: float | None, common: float, before: float | None, words: tuple[str, ...]
) -> None:
    said = told(label_transfer=transfer(0.5, low, high, common, before))
    assert "human to mouse (50 cells) 0.50" in said and "mean" not in said
    for word in words:
        assert word in said, said
    assert before is not None or "without integration" not in said


def test_types_that_fail() -> None:
    said = told(label_transfer_by_cell_type=recalls(0.9, 0.06, 0.0, 0.5, before=0.94))
    assert "Types that fail" in said and said.index("t2") < said.index("t1") and "t3" not in said
    assert "t1, human to mouse, 6 % of 20, 94 % without integration" in said and "t2, human to mouse, 0 % of 20" in said
    said = told(label_transfer_by_cell_type=recalls(0.9, 0.5))
    assert "No type fails" in said and "fewest of t1, human to mouse, 50 % of 20." in said
    assert "and 4 more" in told(label_transfer_by_cell_type=recalls(*[0.1] * 10))


def test_over_merging_counts_cells_not_types() -> None:
    rows = [
        ("mouse", "ductal", "human", 90, 1.0, 0.5, 0.1, "alpha"),
        ("mouse", "gamma", "human", 10, 0.0, 0.0, 0.1, "delta"),
        ("mouse", "x", "human", 5, None, 0.0, 0.1, "delta"),
        ("mean", "mean", "mean", None, 0.5, 0.2, 0.1, ""),
    ]
    said = told(over_merging=merged(*rows))
    for word in (
        "100 cells of 2 types", "90 % (10 % without integration) are confidently",
        "ductal of mouse (100 % of 90, mostly called alpha)", "45 % also lie among",
    ):  # fmt: skip
        assert word in said, said
    assert "counted for each" not in said
    twice = merged(rows[0], ("mouse", "ductal", "pig", 90, 0.0, 0.0, None, "beta"), rows[-1])
    said = told(over_merging=twice)
    assert "180 cells of 1 type" in said and "counted for each species" in said and "without integration" not in said
    assert "0 % (10 % without integration) are confidently" in told(over_merging=merged(rows[1], rows[-1]))
    assert "so this is unknown" in told(over_merging=merged(rows[-1]))


def test_what_can_be_claimed() -> None:
    part = ProfileScores({"mixing_neighbours": Number(0.5)})
    for intervals, donors, words in (
        ("donors", DONORS, "(human 3, mouse 2), so they hold for other donors, but so few give rough ones"),
        ("donors", {"human": 9, "mouse": 5}, "so they hold for other donors; two integrations"),
        ("cells only", {"human": 4, "mouse": 1}, "nothing for other donors. Intervals draw cells"),
        ("cells only", {"human": 0, "mouse": 0}, "(donors: human not known, mouse not known)"),
        ("none", DONORS, "there are no intervals"),
    ):
        said = conclusions(scored(part, intervals), donors)
        assert words in " ".join(said)
        assert said[-1] == "Unknown: label transfer, which types fail, over-merging."


_SHARE = st.none() | st.floats(0, 1) | st.just(float("nan"))


@settings(max_examples=30, deadline=None)
@given(st.floats(allow_infinity=True, allow_nan=True), st.lists(st.floats(0, 1), max_size=12), _SHARE)
def test_no_number_breaks_it(value: float, shares: list[float], before: float | None) -> None:
    table = recalls(*shares, before=before) if shares else recalls(0.1).clear()
    part = ProfileScores(
        {"mixing_neighbours": Number(value, None, None, 1, before)}, {"label transfer by cell type": table}
    )
    said = conclusions(scored(part), DONORS)
    assert 1 <= len(said) <= 6 and not re.search(r"\b(nan|inf|None)\b", " ".join(said))


def test_real_tables_are_understood() -> None:
    rng = np.random.default_rng(0)
    species, kind = np.arange(160) % 2, np.arange(160) // 40
    kind[(kind == 3) & (species == 0)] = 0
    points = rng.normal(size=(160, 4)) + 8.0 * np.eye(4)[kind]
    points[kind == 3] += 8.0 * np.eye(4)[1] - 8.0 * np.eye(4)[3]
    cells = Embedded(
        points, Coded(kind, ("a", "b", "c", "d")), Coded(species, ("human", "mouse")), None, "cca"
    )  # fmt: skip
    said = conclusions(scored(cross_species(cells, n_resamples=4), "cells only"), {"human": 0, "mouse": 0})
    assert [one.split(":")[0].split(",")[0] for one in said] == [
        "Mixing", "Label transfer", "No type fails", "Over-merging", "What can be claimed",
    ]  # fmt: skip
    assert "of 20 cells of 1 type" in said[3] and "mostly called b" in said[3] and "over 99 %" not in said[3]


@pytest.mark.parametrize(
    ("mixing", "confident", "accuracy", "common", "recall", "marks"),
    [
        (0.9, 0.05, 0.9, 0.2, 0.9, "good good good"),
        (0.8, 0.1, 0.8, 0.2, 0.5, "good good good"),
        (0.5, 0.3, 0.9, 0.2, 0.1, "doubtful doubtful doubtful"),
        (0.2, 0.5, 0.5, 0.2, 0.9, "doubtful doubtful doubtful"),
        (0.1, 0.6, 0.4, 0.2, 0.9, "bad bad bad"),
        (0.9, 0.0, 0.9, 0.95, 0.9, "good good bad"),
    ],
)
def test_the_verdict_follows_its_rules(
    mixing: float, confident: float, accuracy: float, common: float, recall: float, marks: str
) -> None:
    part = ProfileScores(
        {"mixing_neighbours": Number(mixing)},
        {
            "over-merging": merged(("mouse", "t", "human", 40, confident, 0.0, None, "u")),
            "label transfer": transfer(accuracy, None, None, common, None),
            "label transfer by cell type": recalls(recall),
        },
    )
    answers = verdict(scored(part))
    assert " ".join(mark for mark, _, _ in answers) == marks
    assert [question for _, question, _ in answers] == [
        "Do the species mix?", "Are types kept apart?", "Do labels carry over?",
    ]  # fmt: skip


def test_a_verdict_without_scores_is_unknown() -> None:
    without = ProfileScores({"alcs": Number(0.3), "mixing_neighbours": Number(np.nan)}, {})
    assert [mark for mark, _, _ in verdict(None)] == ["unknown"] * 3
    assert [mark for mark, _, _ in verdict(scored(without))] == ["unknown", "bad", "unknown"]
