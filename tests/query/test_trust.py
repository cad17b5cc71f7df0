"""What is said of pairs that rest on embeddings alone."""

from __future__ import annotations

import polars as pl
import pytest

import homodb
from homodb.query.genes import Pair, embeddings_note, neighbors_note
from homodb.query.genes.trust import in_words, likely_right


def naive(margin: float | None) -> float | None:
    """The counts of benchmarks/RESULTS.md, written once more."""
    if margin is None:
        return None
    return 872 / 872 if margin >= 0.01 else 142 / 145


def test_shares_by_margin() -> None:
    margins = [None, 0.0, 0.0099, 0.01, 0.5]
    assert likely_right("kmer", pl.Series(margins, dtype=pl.Float32)).to_list() == [naive(one) for one in margins]
    for model in (None, "esm2_t48_15B_UR50D"):
        assert likely_right(model, pl.Series([0.5, None])).to_list() == [None, None]


@pytest.mark.parametrize(
    ("model", "margin", "told"),
    [
        ("kmer", 0.002, "margin 0.002 (of such pairs, 142 of 145 were right among curated orthogroups)"),
        ("kmer", 0.3, "margin 0.300 (of such pairs, 872 of 872 were right among curated orthogroups)"),
        ("esm2_t6_8M_UR50D", 0.3, "margin 0.300"),
    ],
)
def test_a_margin_in_words(model: str, margin: float, told: str) -> None:
    assert in_words(model, margin) == told


def test_notes_of_a_model_that_was_not_measured(toy: homodb.Release) -> None:
    pair = Pair(toy, toy.find_species("human"), toy.find_species("mouse"))
    assert "was not measured for made-by-hand" in embeddings_note(pair)
    assert neighbors_note("esm2_t6_8M_UR50D") is None
    assert "1,014 of 1,017 with rank_back 1" in (neighbors_note("kmer") or "")
