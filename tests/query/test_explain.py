"""The stories of the toy release's genes, as its README tells them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import homodb
from homodb.query.genes import Explanation
from homodb.schema.errors import MissingMappingError, UnknownGeneError, UnknownSpeciesError
from tests import messages


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def to_mouse(release: homodb.Release, gene: str) -> Explanation:
    return release.explain(gene, source="human", target="mouse")


def answers(story: Explanation) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for strategy, symbol in story.answers.select("strategy", "target_symbol").iter_rows():
        found.setdefault(strategy, []).append(symbol)
    return found


def why(story: Explanation, strategy: str) -> str:
    return str(story.answers.row(by_predicate=pl.col("strategy") == strategy, named=True)["why"])


def test_ins_has_two_partners_and_ins2_is_the_better(release: homodb.Release) -> None:
    story = to_mouse(release, "INS")
    assert story.gene["aliases"].item().to_list() == ["3630 (entrez)", "GCG (synonym)"]
    assert story.candidates.select("target_symbol", "identity", "confidence", "evidence_class").rows() == [
        ("Ins2", 82.0, 1, "both"),
        ("Ins1", 79.0, 0, "ensembl"),
    ]
    assert story.candidates["strategies"].to_list() == [["ENS_M2M", "HL_O2O", "HM_O2O", "LM_O2O"], ["ENS_M2M"]]
    assert answers(story) == {
        "ENS_M2M": ["Ins2", "Ins1"],
        "ENS_O2O": [None],
        "HM_O2O": ["Ins2"],
        "LM_O2O": ["Ins2"],
        "HL_O2O": ["Ins2"],
    }
    assert "ortholog_one2many" in why(story, "ENS_O2O")


def test_ins1_lost_to_ins2_seen_from_mouse(release: homodb.Release) -> None:
    story = release.explain("Ins1", source="mouse", target="human")
    assert answers(story)["HM_O2O"] == answers(story)["HL_O2O"] == [None]
    assert "INS went to Ins2 (high confidence, identity 82.0 %" in why(story, "HM_O2O")
    identities = story.candidates.select("source_identity", "target_identity").row(0)
    assert identities == (80.0, 78.0)  # of Ins1 first, swapped with the direction


def test_fcer1a_loses_its_partner_to_fcgr1b(release: homodb.Release) -> None:
    story = to_mouse(release, "FCER1A")
    assert answers(story) == {
        "ENS_M2M": ["Fcer1a"],
        "ENS_O2O": ["Fcer1a"],
        "HM_O2O": ["Fcer1a"],
        "LM_O2O": [None],
        "HL_O2O": [None],
    }
    assert "Fcer1a went to FCGR1B (correlation 0.9200)" in why(story, "HL_O2O")
    assert "not in a pair of mutual best hits" in why(story, "LM_O2O")


def test_fcgr1b_takes_it_without_an_ortholog(release: homodb.Release) -> None:
    story = to_mouse(release, "FCGR1B")
    assert answers(story) == {
        "ENS_M2M": [None],
        "ENS_O2O": [None],
        "HM_O2O": [None],
        "LM_O2O": ["Fcer1a"],
        "HL_O2O": ["Fcer1a"],
    }
    assert story.candidates["evidence_class"].to_list() == ["lm_partial"]
    for strategy in ("ENS_M2M", "ENS_O2O", "HM_O2O"):  # HM_O2O never considered the pair, so nobody took it there
        assert why(story, strategy) == "the release's Ensembl data have no ortholog in mus_musculus"
    assert "Ensembl has another partner for one of the two genes" in why(story, "LM_O2O")


def test_vwf_where_the_model_contradicts(release: homodb.Release) -> None:
    story = to_mouse(release, "VWF")
    assert answers(story) == {
        "ENS_M2M": ["Vwf"],
        "ENS_O2O": ["Vwf"],
        "HM_O2O": ["Vwf"],
        "LM_O2O": ["4930451I11Rik"],
        "HL_O2O": ["Vwf"],
    }
    classes = dict(story.candidates.select("target_symbol", "evidence_class").rows())
    assert classes == {"Vwf": "ensembl", "4930451I11Rik": "lm_contradicts"}
    assert "Ensembl has other partners for both genes" in why(story, "LM_O2O")


def test_dupb_gets_what_ties_leave(release: homodb.Release) -> None:
    story = to_mouse(release, "DUPB")
    assert answers(story)["ENS_M2M"] == ["Dup1", "Dup2"]
    assert answers(story)["HM_O2O"] == ["Dup1"]
    assert "ortholog_many2many" in why(story, "ENS_O2O")


def test_malat1_has_no_protein(release: homodb.Release) -> None:
    story = to_mouse(release, "MALAT1")
    assert story.candidates.height == 0
    assert set(story.answers["target_id"]) == {None}
    assert all(text.startswith("no protein: lncRNA") for text in story.answers["why"])


def test_cxcl8_codes_but_has_no_ortholog(release: homodb.Release) -> None:
    story = to_mouse(release, "LOC3576")
    assert story.gene.select("name", "how", "understood_as", "symbol").row(0) == (
        "LOC3576",
        "alias",
        "LOC3576",
        "CXCL8",
    )
    silent, no_pair = "the release's Ensembl data have no ortholog in mus_musculus", "not in a pair of mutual best hits"
    assert {one: why(story, one) for one in story.answers["strategy"]} == {
        "ENS_M2M": silent, "ENS_O2O": silent, "HM_O2O": silent, "LM_O2O": no_pair, "HL_O2O": f"{no_pair}, and {silent}",
    }  # fmt: skip


def test_orph1_is_the_models_alone(release: homodb.Release) -> None:
    story = to_mouse(release, "ORPH1")
    assert answers(story)["LM_O2O"] == answers(story)["HL_O2O"] == ["Orph9"]
    assert why(story, "HM_O2O") == "the release's Ensembl data have no ortholog in mus_musculus"
    assert story.candidates["evidence_class"].to_list() == ["lm_orphan"]


def test_tbce_is_ambiguous(release: homodb.Release) -> None:
    with pytest.raises(UnknownGeneError, match=messages.Genes.tbce_ambiguous):
        to_mouse(release, "TBCE")
    assert to_mouse(release, "ENSG00000000016").gene["symbol"].item() == "TBCE"


def test_an_alternate_locus_tells_the_story_of_its_primary_gene(release: homodb.Release) -> None:
    assert to_mouse(release, "ENSG00000000018.4").rows()[0]["stable_id"] == "ENSG00000000003"


def test_a_pair_without_embeddings_has_three_strategies(release: homodb.Release) -> None:
    story = release.explain("Ins1", source="mouse", target="pig")
    assert answers(story) == {"ENS_M2M": ["INS"], "ENS_O2O": [None], "HM_O2O": [None]}


@pytest.mark.slow
@pytest.mark.parametrize("gene", ["INS", "FCER1A", "VWF", "DUPA", "TNF", "ORPH1", "MALAT1", "ENSG00000000017"])
def test_the_story_agrees_with_orthologs(release: homodb.Release, gene: str) -> None:
    story = to_mouse(release, gene)
    for strategy, symbols in answers(story).items():
        asked = release.orthologs(gene, source="human", target="mouse", strategy=strategy)
        assert asked["target_symbol"].to_list() == symbols


def test_rows_are_all_three_parts(release: homodb.Release) -> None:
    story = to_mouse(release, "INS")
    assert [row["part"] for row in story.rows()] == ["gene", *["candidate"] * 2, *["answer"] * 6]


def test_errors(release: homodb.Release) -> None:
    with pytest.raises(UnknownGeneError, match=messages.Genes.nothing):
        to_mouse(release, "NOTHING")
    with pytest.raises(UnknownSpeciesError, match=messages.Genes.rattus_norvegicus):
        release.explain("INS", source="human", target="rat")
    with pytest.raises(MissingMappingError, match=messages.Genes.human_mouse_mouse_pig):
        release.explain("INS", source="human", target="pig")


def test_an_ortholog_without_a_name_is_no_silence_of_ensembl(release: homodb.Release) -> None:
    story = release.explain("Dup1", source="mouse", target="pig")
    assert {one: why(story, one) for one in story.answers["strategy"]} == dict.fromkeys(
        ("ENS_M2M", "ENS_O2O", "HM_O2O"), "the release's Ensembl data have an ortholog in pig without a name"
    )
