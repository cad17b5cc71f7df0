"""What is said of pairs that rest on embeddings alone."""

from __future__ import annotations

import polars as pl
import pytest

import homodb
from homodb.query.genes import Pair, embeddings_note, neighbors_note
from homodb.query.genes.trust import in_words, likely_right

#: The rows of benchmarks/RESULTS.md, written once more: least margin, right, wrong, wrong without orthologs.
ROWS = [
    (0.0, 224, 13, 29), (0.005, 58, 1, 12), (0.01, 72, 7, 19), (0.02, 119, 0, 13), (0.05, 212, 0, 3), (0.1, 307, 0, 0),
    (0.2, 1040, 0, 0),
]  # fmt: skip


def naive(margin: float | None) -> float | None:
    """The share of right pairs in the bins below 0.02, to 0.05, to 0.1, and above."""
    if margin is None:
        return None
    bounds = [0.0, 0.02, 0.05, 0.1, 9.0]
    low = max(one for one in bounds if one <= margin)
    rows = [row for row in ROWS if low <= row[0] < bounds[bounds.index(low) + 1]]
    return sum(row[1] for row in rows) / sum(sum(row[1:]) for row in rows)


def _pairs(margins: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"margin": margins, "correlation": [0.93] * len(margins)}, schema_overrides={"margin": float})


def test_shares_by_margin() -> None:
    margins = [None, 0.0, 0.0199, 0.02, 0.07, 0.1, 0.5]
    shares = likely_right("kmer", _pairs(margins)).to_list()
    assert shares == [naive(one) for one in margins] and shares[1] == pytest.approx(0.814, abs=1e-3)
    for model in (None, "esm2_t6_8M_UR50D"):
        assert likely_right(model, _pairs([0.5, None])).to_list() == [None, None]


@pytest.mark.parametrize(
    ("model", "margin", "words"),
    [
        ("kmer", 0.002, "correlation 0.9300, margin 0.002 (of such pairs, 354 of 435 were right in curated "),
        ("kmer", 0.3, "correlation 0.9300, margin 0.300 (of such pairs, 1,347 of 1,347 were right in curated "),
        ("kmer", None, "correlation 0.9300"),
        ("esm2_t6_8M_UR50D", 0.3, "correlation 0.9300, margin 0.300"),
        ("esm2_t48_15B_UR50D", None, "correlation 0.9300 (of such pairs, 2,347 of 2,717 were right by HomoloGene, for"),
    ],
)
def test_a_pair_in_words(model: str, margin: float | None, words: str) -> None:
    described = in_words(model, 0.93, margin)
    assert described.startswith(words) and ("of such pairs" in words) == ("of such pairs" in described)


def test_shares_by_correlation(starter: homodb.Release) -> None:
    """HomoloGene judges each pair anew, one at a time."""
    truth = starter.sql(
        "SELECT a.stable_id, b.stable_id FROM orthology_source o JOIN gene a ON a.gene = o.gene_a "
        "JOIN gene b ON b.gene = o.gene_b WHERE o.database = 'HomoloGene' AND a.species = 1 AND b.species = 2"
    ).rows()
    human, mouse, right = {one for one, _ in truth}, {two for _, two in truth}, set(truth)
    pairs = starter.orthologs(source="human", target="mouse", strategy="lm_o2o")
    expected: dict[float, list[bool]] = {}
    for one, two, share in zip(
        pairs["source_id"], pairs["target_id"], likely_right("esm2_t48_15B_UR50D", pairs), strict=True
    ):
        if one in human or two in mouse:
            expected.setdefault(share, []).append((one, two) in right)
    assert len(expected) == 7
    assert {share: sum(each) / len(each) for share, each in expected.items()} == {share: share for share in expected}
    pair = Pair(starter, starter.find_species("human"), starter.find_species("mouse"))
    assert "by their correlations, 87 of 100 pairs are likely right; look twice at the " in embeddings_note(pair)


def test_notes_of_a_model_that_was_not_measured(toy: homodb.Release) -> None:
    pair = Pair(toy, toy.find_species("human"), toy.find_species("mouse"))
    assert "was not measured for made-by-hand" in embeddings_note(pair)
    assert neighbors_note("esm2_t6_8M_UR50D") is None
    assert "2,032 of 2,129 with rank_back 1" in (neighbors_note("kmer") or "")
