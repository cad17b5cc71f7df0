"""Names into the names of partners, on the toy release, and against dictionaries on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb import translate_genes
from homodb.schema.errors import (
    MissingMappingError,
    TranslationError,
    UndecidedSpeciesError,
    UnknownSpeciesError,
    UnknownStrategyError,
)
from tests import messages


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


MOUSE = ["Ins1", "Ins2", "Gcg", "ENSMUSG00000000003.4", "Fcer1a", "Xist", "Nonsense", "4930451I11Rik", "INS2", "Orph9"]


def test_every_name_has_one_row_in_order_and_a_fate(release: homodb.Release) -> None:
    frame = translate_genes([*MOUSE, "Ins1"], to="human", source="mouse", release=release)
    told = frame.select("name", "target", "fate").rows()
    assert told == [
        ("Ins1", "INS", "mapped"),
        ("Ins2", "INS", "mapped"),
        ("Gcg", "GCG", "mapped"),
        ("ENSMUSG00000000003.4", frame["target_id"][3], "mapped"),  # IDs for IDs
        ("Fcer1a", "FCER1A", "mapped"),
        ("Xist", None, "no_protein"),
        ("Nonsense", None, "unknown"),
        ("4930451I11Rik", "C1orf1", "mapped"),
        ("INS2", "INS", "mapped"),
        ("Orph9", None, "no_ortholog"),
        ("Ins1", "INS", "mapped"),
    ]
    assert frame["target_id"][3].startswith("ENSG")


def test_one_to_many_best_and_all(release: homodb.Release) -> None:
    best = translate_genes(["INS", "GCG"], to="mouse", source="human", release=release)
    assert best["target"].to_list() == ["Ins2", "Gcg"]  # Ins2 has high confidence
    every = translate_genes(["INS", "GCG"], to="mouse", source="human", release=release, one_to_many="all")
    assert every.select("name", "target").rows() == [("INS", "Ins2"), ("INS", "Ins1"), ("GCG", "Gcg")]


def test_names_of_the_result(release: homodb.Release) -> None:
    for names, wanted in (
        ("id", ["ENSG00000000001", "ENSG00000000001"]),
        ("symbol", ["INS", "INS"]),
        ("keep", ["INS", "ENSG00000000001"]),
    ):
        frame = translate_genes(
            ["Ins2", "ENSMUSG00000000002"], to="human", source="mouse", release=release, names=names
        )  # type: ignore[arg-type]
        assert frame["target"].to_list() == wanted
    unnamed = translate_genes(["ENSMUSG00000000012"], to="human", source="mouse", release=release, names="symbol")
    assert unnamed["target"].to_list() == ["ENSG00000000017"]  # has no symbol


def test_who_took_a_partner_is_told(release: homodb.Release) -> None:
    frame = translate_genes(["Ins1", "Fcer1a"], to="human", source="mouse", release=release, strategy="hm_o2o")
    assert frame.select("fate", "detail").rows()[0] == ("lost_to", "Ins2")


def test_one_species_brings_names_up_to_date(release: homodb.Release) -> None:
    frame = translate_genes(["IL8", "ins", "INS", "TBCE", "3576", "Foo"], to="human", source="human", release=release)
    assert frame["target"].to_list() == ["CXCL8", "INS", "INS", None, "CXCL8", None]
    assert frame["fate"].to_list() == ["mapped", "mapped", "mapped", "ambiguous", "mapped", "unknown"]


def test_the_species_is_found_and_short_lists_are_not_guessed(release: homodb.Release) -> None:
    assert translate_genes(["Ins1", "Ins2", "Foo"], to="human", release=release)["target"].to_list() == [
        "INS",
        "INS",
        None,
    ]
    with pytest.raises(UndecidedSpeciesError, match=messages.Shared.from_):
        translate_genes(["GCG"], to="mouse", release=release)  # human or pig
    with pytest.raises(UndecidedSpeciesError, match=messages.Lists.look_like_foo):
        translate_genes(["Foo"], to="mouse", release=release)


def test_no_names_and_a_single_one(release: homodb.Release, toy_folder: Path) -> None:
    empty = translate_genes([], to="human", release=release)
    assert empty.height == 0
    one = translate_genes("Ins1", to="human", source="mouse", release=toy_folder)
    assert one.height == 1 and one.columns == empty.columns


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"to": "axolotl"}, UnknownSpeciesError),
        ({"to": "human", "source": "chicken"}, UnknownSpeciesError),
        ({"to": "human", "source": "mouse", "strategy": "best"}, UnknownStrategyError),
        ({"to": "human", "source": "pig"}, MissingMappingError),
        ({"to": "human", "source": "mouse", "one_to_many": "split"}, TranslationError),
        ({"to": "human", "source": "mouse", "names": "keeps"}, TranslationError),
    ],
)
def test_what_is_refused(release: homodb.Release, options: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error):
        translate_genes(["Ins1"], release=release, **options)  # type: ignore[arg-type]


NAMES = st.lists(
    st.sampled_from([*MOUSE, "Dup1", "Dup2", "Vwf", "Rplp0", "mt-Nd1", "ENSMUSG00000000012", "", "x"]), max_size=20
)


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(names=NAMES, strategy=st.sampled_from(["ens_m2m", "ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o"]))
def test_agrees_with_the_view_of_the_release(release: homodb.Release, names: list[str], strategy: str) -> None:
    view: dict[str, list[str]] = {}
    for source, target in release.sql(
        "SELECT source_id, target_id FROM ortholog WHERE source_species = 'mus_musculus' AND target_species = "
        "'homo_sapiens' AND strategy = ? ORDER BY rank",
        [strategy.upper()],
    ).iter_rows():
        view.setdefault(source, []).append(target)
    every = translate_genes(names, to="human", source="mouse", release=release, strategy=strategy, one_to_many="all")
    best = translate_genes(names, to="human", source="mouse", release=release, strategy=strategy)
    expected = [(n, t) for n, s in best.select("name", "source_id").iter_rows() for t in view.get(s, [None])]  # type: ignore[list-item]
    assert every.select("name", "target_id").rows() == expected
    assert best["target_id"].to_list() == [view.get(s, [None])[0] for s in best["source_id"]]  # type: ignore[list-item]
    assert (best["fate"] == "mapped").to_list() == [s in view for s in best["source_id"]]


@pytest.mark.shared
def test_real_symbols_there_and_back(real: homodb.Release) -> None:
    """By a one-to-one strategy, what is carried comes back to itself."""
    symbols = real.sql("SELECT symbol FROM gene WHERE species = 2 ORDER BY hash(symbol) LIMIT 3000")[
        "symbol"
    ].drop_nulls()
    there = translate_genes(symbols.to_list(), to="human", source="mouse", release=real, strategy="hm_o2o")
    carried = there.filter(pl.col("fate") == "mapped")
    back = translate_genes(carried["target_id"].to_list(), to="mouse", source="human", release=real, strategy="hm_o2o")
    assert back["target_id"].to_list() == carried["source_id"].to_list()
    assert carried.height > 500
