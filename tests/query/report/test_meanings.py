"""Words of the page: every score, strategy and note has them, and docs/score.md tells the same scores."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from homodb.query.integrate import METHODS
from homodb.query.report import INTERVALS, SCORES, STRATEGIES, meaning, method_meaning, page_note, strategy_meaning
from homodb.query.score import PROFILES, TRANSFER_METRICS
from homodb.query.score import SCORES as PLLM
from homodb.schema.enums import Strategy

ROOT = Path(__file__).resolve().parents[3]


def test_every_score_has_a_meaning() -> None:
    assert set(SCORES) == {one.key for one in PROFILES}
    assert set(PLLM) <= set(SCORES["pllm"])
    scib = re.findall(r'^        "(\w+)": ', (ROOT / "query/score/scib.py").read_text(), re.MULTILINE)
    assert len(scib) == 9 and {*scib, "pcr_comparison"} == set(SCORES["scib"])
    ours = re.findall(r'yield "(\w+)"', (ROOT / "query/score/cross_species.py").read_text())
    assert len(ours) == 7
    ours += [f"transfer_{way}{name}" for name in TRANSFER_METRICS for way in ("", "majority_", "random_")]
    for name in ours:
        assert meaning("cross_species", name), name
    assert meaning("scib", "unheard") == meaning("unheard", "ari") == ""


def test_the_docs_know_them_too() -> None:
    docs = (ROOT / "docs/score.md").read_text()
    for profile, texts in SCORES.items():
        for name, text in texts.items():
            told = name in docs or (name.startswith("f1_") and "`f1_..._all`" in docs)
            assert told or (profile, name) in {("pllm", "types"), ("pllm", "clusters"), ("pllm", "resolution")}, name
            assert 10 < len(text) < 110 and not text.endswith("."), text


def test_strategies_methods_and_intervals() -> None:
    assert set(STRATEGIES) == set(Strategy)
    assert strategy_meaning("HM_O2O").startswith("HM_O2O: of Ensembl's") and strategy_meaning("unknown") == "unknown"
    for one in METHODS:
        assert method_meaning(one.name) == f"{one.name}: {one.summary}"
    assert method_meaning("mine") == "mine" and set(INTERVALS) == {"donors", "cells only", "none"}


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("none baseline: computed from the counts, its settings", "computed for this page with the settings of this"),
        ("none baseline: computed from the counts, default settings", "with default settings"),
        (
            "none baseline: pca, which homodb integrate did not make",
            "obsm['X_pca'], which homodb integrate did not make",
        ),
        ("there is no none baseline: obsm has no X_pca", "nothing stands under 'without integration': obsm has"),
        ("scib is left out: no package", "scib is left out: no package"),
    ],
)
def test_notes(note: str, words: str) -> None:
    assert words in page_note(note) and "none baseline" not in page_note(note)


def test_the_scores_still_word_their_notes_so() -> None:
    source = (ROOT / "query/score/embedded.py").read_text()
    for text in (
        "none baseline: computed from the counts, ",
        "there is no none baseline: ",
        '"its settings" if entry',
    ):
        assert text in source, text
