"""The species of names, among the twenty species of the starter release."""

from __future__ import annotations

import random
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

import homodb
from homodb.query.genes import SpeciesVote, common_affix, detect_species
from homodb.schema.errors import HomodbError, UndecidedSpeciesError
from homodb.schema.species import Species, find

SPECIES = [
    "human", "mouse", "rat", "zebrafish", "fruit fly", "c. elegans", "yeast", "chimpanzee", "rhesus macaque",
    "marmoset", "pig", "cow", "horse", "dog", "cat", "opossum", "platypus", "chicken", "green anole",
    "tropical clawed frog",
]  # fmt: skip


def symbols(release: homodb.Release, species: Species, most: int = 15_000) -> list[str]:
    """Symbols of a species, in an order of their own, without those of NCBI."""
    names = release.sql(
        "SELECT DISTINCT symbol FROM gene JOIN species USING (species) "
        "WHERE name = ? AND gene = primary_gene AND symbol NOT LIKE 'LOC%' ORDER BY hash(symbol)",
        [species.name],
    )["symbol"]
    return names.head(most).to_list()


def with_loc(names: list[str]) -> list[str]:
    """Add a fifth of names that no species bears: a sixth of the result."""
    rng = random.Random(1)  # noqa: S311
    return names + [f"LOC{rng.randrange(10**8, 10**9)}" for _ in range(len(names) // 5)]


def cells_names(shared_data: Path, name: str) -> list[str]:
    return list(anndata.read_h5ad(shared_data / "cells" / f"{name}.h5ad", backed="r").var_names)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECIES)
def test_symbols_of_each_species(starter: homodb.Release, name: str) -> None:
    species = find(name)
    names = with_loc(symbols(starter, species))
    vote = SpeciesVote.of(starter, names)
    assert vote.winner() == species
    runner_up = vote.verdict().runner_up
    assert runner_up is not None and runner_up[0] != species.name


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECIES)
def test_stable_ids_of_each_species(starter: homodb.Release, name: str) -> None:
    species = find(name)
    ids = starter.sql(
        "SELECT stable_id FROM gene JOIN species USING (species) WHERE name = ? ORDER BY hash(stable_id) LIMIT 3000",
        [species.name],
    )["stable_id"].to_list()
    assert detect_species(starter, ids) == species
    # where some genes have an ID for a name, these decide, whatever the other names are
    assert detect_species(starter, [*ids[:1500], *symbols(starter, species, 2000)]) == species


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("cells", "species"), [("baron_mouse_822", "mus_musculus"), ("baron_human_175", "homo_sapiens")]
)
def test_real_cells(starter: homodb.Release, shared_data: Path, cells: str, species: str) -> None:
    names = cells_names(shared_data, cells)
    assert detect_species(starter, names).name == species
    assert detect_species(starter, [*names, *(f"row{number}" for number in range(len(names) // 5))]).name == species
    rng = random.Random(2)  # noqa: S311
    for size in (2000, 5000):
        assert detect_species(starter, rng.sample(names, size)).name == species


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "other"),
    [("mouse", None), ("rat", "homo_sapiens"), ("zebrafish", "homo_sapiens"), ("tropical clawed frog", "homo_sapiens"),
     ("green anole", "homo_sapiens")],
)  # fmt: skip
def test_names_in_capitals_are_not_taken_for_human(starter: homodb.Release, name: str, other: str | None) -> None:
    names = [one.upper() for one in symbols(starter, find(name))]
    with pytest.raises(UndecidedSpeciesError) as raised:
        detect_species(starter, names)
    for expected in (find(name).name, other) if other else ():
        assert expected in str(raised.value)


@pytest.mark.shared
def test_mouse_cells_in_capitals_and_human_ones_in_small_letters(starter: homodb.Release, shared_data: Path) -> None:
    """Both species are named, and no more than these."""
    for cells, change, species in (
        ("baron_mouse_822", str.upper, ("homo_sapiens", "mus_musculus")),
        ("baron_human_175", str.lower, ("xenopus_tropicalis",)),
    ):
        with pytest.raises(UndecidedSpeciesError, match="regardless of case") as raised:
            detect_species(starter, [change(name) for name in cells_names(shared_data, cells)])
        assert all(name in str(raised.value) for name in species)
        assert sum(one.name in str(raised.value) for one in starter.species) == 2


@pytest.mark.shared
def test_a_given_species_is_no_doubt_where_only_case_differs(starter: homodb.Release, shared_data: Path) -> None:
    mouse, human = find("mouse"), find("human")
    names = [name.upper() for name in cells_names(shared_data, "baron_mouse_822")]
    (note,) = SpeciesVote.of(starter, names).doubts(mouse)
    assert "but for their case" in note
    small = [name.lower() for name in cells_names(shared_data, "baron_human_175")]  # as those of Xenopus are
    assert all("but for their case" in SpeciesVote.of(starter, small).doubts(one)[0] for one in (human, mouse))
    with pytest.raises(UndecidedSpeciesError):  # human genes are none of mouse in any case
        SpeciesVote.of(starter, cells_names(shared_data, "baron_human_175")).doubts(mouse)
    assert SpeciesVote.of(starter, cells_names(shared_data, "baron_human_175")).doubts(human) == []


@pytest.mark.shared
def test_no_choice_below_two_fifths(starter: homodb.Release, shared_data: Path) -> None:
    names = cells_names(shared_data, "baron_mouse_822")[:4000]
    unknown = [f"CG{number}x" for number in range(10_000)]
    with pytest.raises(UndecidedSpeciesError, match="no species knows 40% of the names"):
        detect_species(starter, names + unknown)


def test_short_lists_keep_their_rule(starter: homodb.Release, toy: homodb.Release) -> None:
    assert detect_species(toy, ["Ins1", "Ins2", "Gcg", "Tnf"], few=True).name == "mus_musculus"
    assert detect_species(starter, ["gcga", "sst1.1", "insl5a"], few=True).name == "danio_rerio"
    with pytest.raises(UndecidedSpeciesError, match="mus_musculus knows 4 of 4 names, rattus_norvegicus 4"):
        detect_species(starter, ["Ins1", "Ins2", "Gcg", "Sst"], few=True)


def test_two_genomes_in_one_file_are_open(starter: homodb.Release) -> None:
    human, mouse = (symbols(starter, find(name), 5000) for name in ("human", "mouse"))
    with pytest.raises(UndecidedSpeciesError):
        detect_species(starter, [*(f"GRCh38_{one}" for one in human), *(f"mm10___{one}" for one in mouse)])


def objects(names: list[str]) -> anndata.AnnData:
    return anndata.AnnData(np.ones((2, len(names)), dtype=np.float32), var=pd.DataFrame(index=names))


def test_what_homodb_wrote_decides(starter: homodb.Release, tmp_path: Path) -> None:
    """Names of human and chimpanzee alike are human after a translation to human; changed names are not."""
    shared = starter.sql(
        "SELECT a.symbol FROM gene a JOIN gene b USING (symbol) JOIN species sa ON sa.species = a.species "
        "JOIN species sb ON sb.species = b.species WHERE sa.name = 'homo_sapiens' AND sb.name = 'pan_troglodytes' "
        "GROUP BY a.symbol HAVING count(*) = 1 ORDER BY hash(a.symbol) LIMIT 300"
    )["symbol"].to_list()
    adata = objects(shared)
    with pytest.raises(UndecidedSpeciesError):
        homodb.translate(adata, "mouse", release=starter)
    adata.uns["homodb"] = {"source": "mus_musculus", "target": "homo_sapiens"}
    assert homodb.translate(adata, "mouse", release=starter).uns["homodb"]["source"] == "homo_sapiens"
    adata.write_h5ad(tmp_path / "cells.h5ad")
    from homodb.query.translate import translate_file

    report = translate_file(tmp_path / "cells.h5ad", tmp_path / "out.h5ad", "mouse", release=starter)
    assert report.source == "homo_sapiens"
    for entry in ({"target": "drosophila_melanogaster"}, {"target": 1}, "text", {"target": "no_species"}):
        adata.uns["homodb"] = entry
        with pytest.raises(UndecidedSpeciesError):
            homodb.translate(adata, "mouse", release=starter)


@pytest.mark.parametrize(
    ("names", "given"), [("human", "mouse"), ("mouse", "human"), ("pig", "mouse"), ("rat", "chicken")]
)
def test_a_wrong_species_is_answered_with_the_right_one(starter: homodb.Release, names: str, given: str) -> None:
    vote = SpeciesVote.of(starter, symbols(starter, find(names)))
    with pytest.raises(UndecidedSpeciesError, match=f"as genes of {find(names).name}"):
        vote.doubts(find(given))


@pytest.mark.parametrize("form", ["exon:{}", "{}_human", "b'{}'", " {}", "Gene Expression:{}", "x_{}-GRCh38"])
def test_what_all_names_have_in_common_is_named(starter: homodb.Release, form: str) -> None:
    front, behind = form.split("{}")
    var = pd.DataFrame(index=[form.format(name) for name in ("INS", "GCG", "SST", "PPY")])
    with pytest.raises(HomodbError) as raised:
        homodb.translate(anndata.AnnData(np.ones((2, 4)), var=var), to="mouse", source="human", release=starter)
    for text, where in ((front, "in front"), (behind, "behind")):
        assert (f"{text!r} {where}" in str(raised.value)) == bool(text)
    names = [f"HGNC:{number}" for number in range(9)]
    assert common_affix(starter, names) == common_affix(starter, ["INS", "GCG", "SST"]) == ""


@pytest.mark.parametrize("size", [10, 20])
def test_few_names_in_lower_case_are_of_no_species_by_their_case(starter: homodb.Release, size: int) -> None:
    """Mouse genes, of which Xenopus knows the symbols of some: it won by these."""
    names = "Ins1 Ins2 Gcg Sst Ppy Pdx1 Mafa H2-K1 Krt19 Iapp Xist Klk1b3 Ly6c1 Cd3e Actb Gapdh Ttr Arx Cela2a Prss1"
    lower = names.lower().split()[:size]
    with pytest.raises(UndecidedSpeciesError, match="regardless of case mus_musculus knows") as raised:
        detect_species(starter, lower, few=True)
    assert "xenopus_tropicalis" in str(raised.value)
    assert all("but for their case" in note for note in SpeciesVote.of(starter, lower).doubts(find("mouse")))
    for name in ("zebrafish", "tropical clawed frog"):
        assert "regardless" not in SpeciesVote.of(starter, symbols(starter, find(name), size)).verdict(few=True).why


def test_dates_alone_ask_for_the_species(starter: homodb.Release) -> None:
    with pytest.raises(UndecidedSpeciesError, match="are dates, which a spreadsheet made"):
        detect_species(starter, ["2-Sep", "9-Sep", "5-Mar"], few=True)
