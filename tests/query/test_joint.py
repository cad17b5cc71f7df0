"""Joint tables, against a join of dictionaries."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import homodb
from homodb.schema.errors import MissingMappingError, UnknownSpeciesError, UnknownStrategyError


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def naive(release: homodb.Release, species: Sequence[str], hub: str, strategy: str) -> Counter[tuple[Any, ...]]:
    """Rows of symbol and stable ID per species: for each gene of the hub every choice of its partners."""
    partners: dict[str, dict[Any, list[Any]]] = {other: defaultdict(list) for other in species if other != hub}
    columns = "target_species, source_symbol, source_id, target_symbol, target_id"
    known = release.sql(f"SELECT {columns} FROM ortholog WHERE strategy = ? AND source_species = ?", [strategy, hub])
    for other, source_symbol, source_id, *partner in known.iter_rows():
        if other in partners:
            partners[other][source_symbol, source_id].append(tuple(partner))
    rows = []
    for gene in set.intersection(*(set(mapping) for mapping in partners.values())):
        choices = [[gene] if one == hub else partners[one][gene] for one in species]
        rows += [tuple(itertools.chain.from_iterable(choice)) for choice in itertools.product(*choices)]
    return Counter(rows)


HUMAN, MOUSE, PIG, CHIMP = "homo_sapiens", "mus_musculus", "sus_scrofa", "pan_troglodytes"


@pytest.mark.parametrize("strategy", ["ENS_M2M", "ENS_O2O", "HM_O2O"])
@pytest.mark.parametrize("species", list(itertools.permutations([HUMAN, MOUSE, PIG])))
def test_three_species_in_any_order(release: homodb.Release, species: tuple[str, ...], strategy: str) -> None:
    """The hub is mouse, whatever the order: only mouse is mapped to both others."""
    table = release.joint_table(species, strategy=strategy)
    assert table.columns == [f"{one}_{what}" for one in species for what in ("symbol", "id")]
    assert Counter(table.rows()) == naive(release, species, MOUSE, strategy)
    assert table.height == {"ENS_M2M": 7, "ENS_O2O": 5, "HM_O2O": 6}[strategy]


@pytest.mark.parametrize("strategy", ["ENS_M2M", "HM_O2O", "LM_O2O", "HL_O2O"])
@pytest.mark.parametrize("hub", [HUMAN, MOUSE])
def test_two_species_are_the_mapping(release: homodb.Release, hub: str, strategy: str) -> None:
    table = release.joint_table([HUMAN, MOUSE], strategy=strategy, via=hub)
    assert Counter(table.rows()) == naive(release, [HUMAN, MOUSE], hub, strategy)
    assert table[f"{hub}_id"].is_sorted()


def test_multiplicities_of_many_to_many(release: homodb.Release) -> None:
    """INS has two mouse genes, each with the one pig gene; through the pig gene both meet both."""
    table = release.joint_table(["human", "mouse", "pig"], strategy="ens_m2m")
    ins = table.filter(table["homo_sapiens_symbol"] == "INS")
    assert ins.select("mus_musculus_symbol", "sus_scrofa_id").rows() == [("Ins1", "INS"), ("Ins2", "INS")]
    dup = release.joint_table(["human", "mouse"], strategy="ens_m2m", via="mouse")
    dup = dup.filter(dup["mus_musculus_symbol"].str.starts_with("Dup"))
    assert dup.select("mus_musculus_symbol", "homo_sapiens_symbol").rows() == [
        ("Dup1", "DUPA"), ("Dup1", "DUPB"), ("Dup2", "DUPA"), ("Dup2", "DUPB"),
    ]  # fmt: skip


def test_the_default_is_hm_o2o(release: homodb.Release) -> None:
    species = ["human", "mouse", "pig"]
    assert release.joint_table(species).equals(release.joint_table(species, strategy="hm_o2o", via="mice"))


@pytest.mark.parametrize(
    ("species", "via", "strategy", "error", "says"),
    [
        ([], None, None, MissingMappingError, "two or more"),
        (["human"], None, None, MissingMappingError, "two or more"),
        (["human", "Homo sapiens"], None, None, MissingMappingError, "different"),
        (["human", "mouse"], "pig", None, MissingMappingError, "sus_scrofa is none of"),
        (["human", "pig"], None, None, MissingMappingError, "human, pig"),
        (["human", "mouse", "pig"], "human", None, MissingMappingError, "human and pig"),
        (["human", "mouse", "pig"], None, "lm_o2o", MissingMappingError, "no LM_O2O between mouse and pig"),
        (["human", "mouse", "rat"], None, None, UnknownSpeciesError, "rattus_norvegicus"),
        (["human", "mouse"], None, "best", UnknownStrategyError, "best"),
    ],
)
def test_errors(
    release: homodb.Release, species: list[str], via: str | None, strategy: str | None, error: type, says: str
) -> None:
    with pytest.raises(error, match=says):
        release.joint_table(species, via=via, strategy=strategy)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("species", "via", "strategy"),
    [
        ([MOUSE, HUMAN, PIG], None, "HM_O2O"),
        ([HUMAN, MOUSE, PIG], MOUSE, "HL_O2O"),
        ([PIG, CHIMP, HUMAN], None, "ENS_O2O"),
    ],
)
def test_real_tables(real: homodb.Release, species: list[str], via: str | None, strategy: str) -> None:
    """The hub is the first species that is mapped to all others: mouse; asked for; human, since chimp has no pig."""
    table = real.joint_table(species, via=via, strategy=strategy)
    hub = via or {PIG: HUMAN, MOUSE: MOUSE}[species[0]]
    assert Counter(table.rows()) == naive(real, species, hub, strategy)
    assert table.height > 10_000
    if strategy != "ENS_O2O":
        assert all(table[f"{one}_id"].is_unique().all() for one in species)
