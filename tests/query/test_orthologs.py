"""The partners of genes, against dictionaries made from the plain tables, in both directions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import homodb
from homodb.schema.enums import Strategy
from homodb.schema.errors import (
    MissingMappingError,
    OptionsError,
    UnknownGeneError,
    UnknownSpeciesError,
    UnknownStrategyError,
)

EVIDENCE = ("homology_type", "identity", "goc", "wga", "confidence", "correlation", "margin", "tied", "score", "rank")
VIEWS = ("ens_m2m", "ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o")


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def naive(release: homodb.Release, source: str, target: str, strategy: str) -> dict[str, list[dict[str, Any]]]:
    """Partners by the stable ID of the source gene, best first, from tables ``mapping`` and ``gene`` alone."""
    a, b = (release.find_species(name).number for name in (source, target))
    label = {gene: names for gene, *names in release.sql("SELECT gene, stable_id, symbol FROM gene").iter_rows()}
    found: dict[str, list[dict[str, Any]]] = {}
    rows = release.sql(
        "FROM mapping WHERE strategy = ? AND species_a = ? AND species_b = ?", [strategy, min(a, b), max(a, b)]
    )
    for row in rows.sort("rank").iter_rows(named=True):
        mine, other = ("a", "b") if a < b else ("b", "a")
        target_id, target_symbol = label[row[f"gene_{other}"]]
        found.setdefault(label[row[f"gene_{mine}"]][0], []).append(
            {
                "target_id": target_id,
                "target_symbol": target_symbol,
                "source_identity": row[f"identity_{mine}"],
                "target_identity": row[f"identity_{other}"],
                "evidence_class": row["evidence_class"],
                **{name: row[name] for name in EVIDENCE},
            }
        )
    return found


PAIRS = [("human", "mouse"), ("mouse", "human"), ("mouse", "pig"), ("pig", "mouse")]
CASES = [(*pair, str(strategy)) for pair in PAIRS for strategy in Strategy if "pig" not in pair or strategy[:2] != "LM"]
CASES = [case for case in CASES if not ("pig" in case and case[2] == "HL_O2O")]  # no embeddings, so no HL_O2O


@pytest.mark.parametrize(("source", "target", "strategy"), CASES)
def test_partners_are_those_of_the_table(release: homodb.Release, source: str, target: str, strategy: str) -> None:
    expected = naive(release, source, target, strategy)
    number = release.find_species(source).number
    genes = release.sql("SELECT stable_id FROM gene WHERE species = ? AND gene = primary_gene", [number])["stable_id"]
    answer = release.orthologs(genes.to_list(), source=source, target=target, strategy=strategy)
    for gene, rows in answer.group_by("name", maintain_order=True):
        partners = expected.pop(gene[0], None)
        if partners is None:
            assert rows.height == 1 and rows["target_id"].item() is None and rows["rank"].item() is None
        else:
            assert rows.select(list(partners[0])).to_dicts() == partners
    assert expected == {}  # every mapped gene is primary, and was asked
    assert answer["name"].unique(maintain_order=True).to_list() == genes.to_list()


@pytest.mark.parametrize(("source", "target", "strategy"), CASES)
def test_whole_mapping_is_those_of_the_table(release: homodb.Release, source: str, target: str, strategy: str) -> None:
    whole = release.orthologs(source=source, target=target, strategy=strategy)
    expected = naive(release, source, target, strategy)
    assert whole["rank"].to_list() == sorted(row["rank"] for rows in expected.values() for row in rows)
    pairs = {(gene, row["target_id"]) for gene, rows in expected.items() for row in rows}
    assert set(whole.select("source_id", "target_id").rows()) == pairs
    assert whole.select(pl.col("source_species", "target_species", "strategy").n_unique()).row(0) == (1, 1, 1)


@pytest.mark.parametrize("view", ["ortholog", *VIEWS])
def test_views_answer_in_both_directions(release: homodb.Release, view: str) -> None:
    frame = release.sql(f"FROM {view}")
    swapped = frame.rename(
        {f"{side}_{what}": f"{other}_{what}" for side, other in (("source", "target"), ("target", "source"))
         for what in ("species", "id", "symbol", "identity")}
    ).select(frame.columns)  # fmt: skip
    assert frame.height > 0
    assert sorted(map(repr, frame.rows())) == sorted(map(repr, swapped.rows()))


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_its_strategy(release: homodb.Release, view: str) -> None:
    expected = release.sql("FROM ortholog").filter(pl.col("strategy") == view.upper()).drop("strategy")
    assert sorted(map(repr, release.sql(f"FROM {view}").rows())) == sorted(map(repr, expected.rows()))


def test_names_of_all_kinds_in_order_with_repeats(release: homodb.Release) -> None:
    names = ["LOC3576", "INS", "NOTHING", "TBCE", "ins", "ENSG00000000018.4", "INS"]
    answer = release.orthologs(names, source="human", target="mouse")
    assert answer.select("name", "resolved_as", "source_symbol", "target_symbol").rows() == [
        ("LOC3576", "alias", "CXCL8", None),
        ("INS", "symbol", "INS", "Ins2"),
        ("INS", "symbol", "INS", "Ins1"),
        ("NOTHING", "unknown", None, None),
        ("TBCE", "ambiguous", None, None),
        ("ins", "symbol_case", "INS", "Ins2"),
        ("ins", "symbol_case", "INS", "Ins1"),
        ("ENSG00000000018.4", "stable_id", "TNF", "Tnf"),  # an alternate locus: its primary gene
        ("INS", "symbol", "INS", "Ins2"),
        ("INS", "symbol", "INS", "Ins1"),
    ]


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pd.Index, pl.Series])
@pytest.mark.parametrize("source", ["mouse", None])
def test_names_in_any_sequence(release: homodb.Release, kind: Any, source: str | None) -> None:
    expected = release.orthologs(["Ins2", "Gcg"], source="mouse", target="human")
    assert release.orthologs(kind(["Ins2", "Gcg"]), source=source, target="human").equals(expected)


@pytest.mark.parametrize(
    "wrong", [{"beta": ["Ins2"]}, pd.DataFrame({"gene": ["Ins2"]}), pl.DataFrame({"gene": ["Ins2"]}),
              np.array([["Ins2"]]), 5],
)  # fmt: skip
def test_columns_and_keys_are_not_taken_for_names(release: homodb.Release, wrong: Any) -> None:
    with pytest.raises(OptionsError, match="names are expected as a list, got"):
        release.orthologs(wrong, source="mouse", target="human")
    with pytest.raises(OptionsError, match="names are expected as a list, got"):
        homodb.translate_genes(wrong, to="human", source="mouse", release=release)


def test_one_name_may_be_text(release: homodb.Release) -> None:
    asked = {"source": "human", "target": "mouse"}
    assert release.orthologs("INS", **asked).equals(release.orthologs(["INS"], **asked))


def test_species_and_strategy_in_any_spelling(release: homodb.Release) -> None:
    expected = release.orthologs("INS", source="human", target="mouse", strategy="HL_O2O")
    for source, target, strategy in itertools.product(
        ("Homo sapiens", 9606, "hsapiens"), ("mice", "10090"), ("hl-o2o", " Hl_o2O ", Strategy.HL_O2O)
    ):
        assert release.orthologs("INS", source=source, target=target, strategy=strategy).equals(expected)


@pytest.mark.parametrize(
    ("names", "source", "target", "strategy", "error", "says"),
    [
        ("NOTHING", "human", "mouse", None, UnknownGeneError, "NOTHING"),
        (["NOTHING", "TBCE"], "human", "mouse", None, UnknownGeneError, "ambiguous: ENSG00000000015, ENSG00000000016"),
        ("1-Mar", "human", "mouse", None, UnknownGeneError, r"1-Mar \(unknown; a date, which .*MARCHF1[^;]*\)$"),
        ("ENST00000381330", "human", "mouse", None, UnknownGeneError, r"\(unknown; .*of a transcript[^;]*\)$"),
        ([], "human", "mouse", None, UnknownGeneError, "no gene"),
        ("INS", "klingon", "mouse", None, UnknownSpeciesError, "klingon"),
        ("INS", "human", "rat", None, UnknownSpeciesError, "human, mouse, pig"),
        ("INS", "human", "mouse", "hl", UnknownStrategyError, "HL_O2O"),
        ("INS", "human", "human", None, MissingMappingError, "two species"),
        ("INS", "human", "pig", None, MissingMappingError, "human - mouse, mouse - pig"),
        ("INS", "pig", "mouse", "lm_o2o", MissingMappingError, "ENS_M2M, ENS_O2O, HM_O2O"),
    ],
)
def test_errors_say_what_there_is(
    release: homodb.Release, names: Any, source: str, target: str, strategy: str | None, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        release.orthologs(names, source=source, target=target, strategy=strategy)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("strategy", ["ENS_M2M", "HL_O2O"])
def test_real_partners_are_those_of_the_table(real: homodb.Release, strategy: str) -> None:
    """Pig to mouse: the source is the second species in the tables."""
    expected = naive(real, "pig", "mouse", strategy)
    genes = sorted(expected)[::7]
    answer = real.orthologs(genes, source="pig", target="mouse", strategy=strategy)
    columns = list(expected[genes[0]][0])
    assert answer.select(columns).to_dicts() == [row for gene in genes for row in expected[gene]]
