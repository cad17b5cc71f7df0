"""The species registry: every name means one species, and no number ever changes."""

from __future__ import annotations

import doctest
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import FrozenInstanceError
from importlib import resources
from pathlib import Path

import duckdb
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from homodb.schema import species as module
from homodb.schema.errors import HomodbError, UnknownSpeciesError
from homodb.schema.species import (
    FIRST_DESCRIBED,
    Species,
    by_number,
    describe,
    described,
    find,
    names,
    normalise,
    registry,
    species_of_ids,
)

# What normalise does, in SQL. It stands in a comment of the module and in a macro of the schema.
SQL = "trim(regexp_replace(lower(replace(replace(spelling::VARCHAR, '(', ''), ')', '')), '[ _.-]+', '_', 'g'), '_')"

# Numbers are in the keys of genes that are out there. Never edit this list; a new species has a new number.
FIRST = """
homo_sapiens mus_musculus rattus_norvegicus danio_rerio drosophila_melanogaster caenorhabditis_elegans
saccharomyces_cerevisiae pan_troglodytes pan_paniscus gorilla_gorilla pongo_abelii nomascus_leucogenys
macaca_mulatta macaca_fascicularis macaca_nemestrina papio_anubis theropithecus_gelada mandrillus_leucophaeus
cercocebus_atys chlorocebus_sabaeus colobus_angolensis_palliatus piliocolobus_tephrosceles rhinopithecus_bieti
rhinopithecus_roxellana callithrix_jacchus saimiri_boliviensis_boliviensis cebus_imitator aotus_nancymaae
carlito_syrichta microcebus_murinus propithecus_coquereli prolemur_simus otolemur_garnettii tupaia_belangeri
mus_spretus mus_caroli mus_pahari mus_spicilegus mesocricetus_auratus cricetulus_griseus_chok1gshd
peromyscus_maniculatus_bairdii microtus_ochrogaster meriones_unguiculatus nannospalax_galili jaculus_jaculus
dipodomys_ordii castor_canadensis heterocephalus_glaber_female
"""

# So many species were there when numbers were first given out, and this is their digest.
RELEASED = 356
RELEASED_SHA256 = "ad7cb29bddc912bfbd98b0051b220aae846a75d6759f5d162241b63b2b535e86"


def spellings() -> list[str]:
    """Every name of the registry as it is written there."""
    return [text for s in registry() for text in (s.name, s.common_name, *s.aliases, str(s.taxon_id))]


# --- the registry ---------------------------------------------------------------------------------------


def test_file_is_plain() -> None:
    raw = resources.files("homodb.schema").joinpath("species.tsv").read_bytes()
    lines = raw.decode("ascii").split("\n")
    assert lines[0] == "number\tname\ttaxon_id\tcommon_name\taliases"
    assert lines[-1] == ""
    assert b"\r" not in raw
    for line in lines[1:-1]:
        cells = line.split("\t")
        assert len(cells) == 5, line
        assert all(cell == cell.strip() for cell in cells), line
        assert all(alias and alias == alias.strip() for alias in cells[4].split("|")), line


def test_numbers_are_1_to_n_in_file_order_and_fit_a_smallint() -> None:
    text = resources.files("homodb.schema").joinpath("species.tsv").read_text("ascii")
    in_file = [int(line.split("\t")[0]) for line in text.splitlines()[1:]]
    assert in_file == list(range(1, len(in_file) + 1))
    assert [s.number for s in registry()] == in_file
    assert max(in_file) < 2**15
    assert len(registry()) >= 100


def test_numbers_never_change() -> None:
    first = FIRST.split()
    assert {s.name: s.number for s in registry() if s.number <= len(first)} == {
        name: number for number, name in enumerate(first, start=1)
    }
    released = "".join(f"{s.number} {s.name}\n" for s in registry()[:RELEASED])
    assert hashlib.sha256(released.encode()).hexdigest() == RELEASED_SHA256


def test_production_names_are_spelled_as_ensembl_does() -> None:
    for s in registry():
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", s.name), s
        assert s.name == normalise(s.name)
        assert s.common_name == s.common_name.lower()
    assert len({s.name for s in registry()}) == len(registry())


def test_every_name_means_one_species() -> None:
    meant: dict[str, set[str]] = defaultdict(set)
    for s in registry():
        for name in names(s):
            meant[name].add(s.name)
    assert {name: who for name, who in meant.items() if len(who) > 1} == {}
    assert all(find(name).name == next(iter(who)) for name, who in meant.items())


def test_every_spelling_leads_to_its_species() -> None:
    for s in registry():
        for text in (s.name, s.common_name, *s.aliases):
            assert find(text) is s
            assert find(text.upper()) is s
            assert find(text.replace(" ", "_")) is s
            assert find(text.replace("_", " ").title()) is s


def test_no_alias_says_what_is_said_already() -> None:
    for s in registry():
        said = [normalise(text) for text in (s.name, *s.aliases)]
        assert normalise(s.common_name) not in said[1:]
        assert {text: n for text, n in Counter(said).items() if n > 1} == {}, s.name


def test_every_species_has_ensembls_short_form() -> None:
    for s in registry():
        *first, last = s.name.split("_")
        if "gca" not in last:
            assert find("".join(word[0] for word in first) + last) is s


def test_taxon_ids_are_shared_by_strains_only() -> None:
    shared = defaultdict(list)
    for s in registry():
        shared[s.taxon_id].append(s)
    for taxon_id, (species, *strains) in shared.items():
        assert taxon_id > 0
        assert find(taxon_id) is species
        for strain in strains:
            assert strain.name.split("_")[:2] == species.name.split("_")[:2]
            assert strain.number > species.number
            assert str(taxon_id) not in names(strain)
            assert f"ncbitaxon:{taxon_id}" not in names(strain)
    further = [int(alias) for s in registry() for alias in s.aliases if alias.isdigit()]
    assert not set(further) & set(shared)


@pytest.mark.parametrize(
    ("name", "taxon_id"),
    [
        ("homo_sapiens", 9606),
        ("mus_musculus", 10090),
        ("rattus_norvegicus", 10116),
        ("danio_rerio", 7955),
        ("drosophila_melanogaster", 7227),
        ("caenorhabditis_elegans", 6239),
        ("pan_troglodytes", 9598),
        ("macaca_mulatta", 9544),
        ("macaca_fascicularis", 9541),
        ("callithrix_jacchus", 9483),
        ("microcebus_murinus", 30608),
        ("sus_scrofa", 9823),
        ("bos_taurus", 9913),
        ("canis_lupus_familiaris", 9615),
        ("felis_catus", 9685),
        ("oryctolagus_cuniculus", 9986),
        ("gallus_gallus", 9031),
        ("xenopus_tropicalis", 8364),
        ("xenopus_laevis", 8355),
        ("choloepus_hoffmanni", 9358),
        ("monodelphis_domestica", 13616),
        ("ornithorhynchus_anatinus", 9258),
        ("arabidopsis_thaliana", 3702),
        ("nematostella_vectensis", 45351),
    ],
)
def test_taxon_ids_that_everybody_knows(name: str, taxon_id: int) -> None:
    assert find(name).taxon_id == taxon_id


# --- names that people type -----------------------------------------------------------------------------

TYPED = {
    "homo_sapiens": "human|Human|humans|HUMANS|Homo sapiens|homo sapiens|Homo_sapiens|homo-sapiens"
    "|homo.sapiens|H. sapiens|h.sapiens|hsapiens|9606| human |NCBITaxon:9606",
    "mus_musculus": "mouse|Mice|mice|Mus musculus|M. musculus|mmusculus|10090|NCBITaxon:10090",
    "rattus_norvegicus": "rat|rats|Rattus norvegicus|rnorvegicus|10116",
    "danio_rerio": "zebrafish|Zebra fish|drerio|D. rerio|7955",
    "drosophila_melanogaster": "fly|fruit fly|fruit flies|Drosophila|D. melanogaster|dmelanogaster|7227"
    "|Drosophila melanogaster (Fruit fly)",
    "caenorhabditis_elegans": "C. elegans|C.elegans|c elegans|worm|celegans|Caenorhabditis elegans (PRJNA13758)",
    "saccharomyces_cerevisiae": "yeast|S. cerevisiae|scerevisiae|baker's yeast|bakers yeast|4932|559292|NCBITaxon:4932",
    "pan_troglodytes": "chimp|chimps|chimpanzee|Chimpanzees|ptroglodytes",
    "gorilla_gorilla": "gorilla|gorillas|Gorilla gorilla gorilla|9593|9595",
    "pongo_abelii": "orangutan|orangutans|Sumatran orangutan|orang-utan",
    "macaca_mulatta": "macaque|macaques|rhesus|Rhesus macaque|rhesus monkey|mmulatta|9544",
    "macaca_fascicularis": "crab-eating macaque|Crab eating macaque|long-tailed macaque|cynomolgus monkey|cyno",
    "macaca_nemestrina": "pig-tailed macaque|mnemestrina",
    "callithrix_jacchus": "marmoset|common marmoset|White-tufted-ear marmoset|cjacchus",
    "chlorocebus_sabaeus": "vervet|Vervet-AGM|African green monkey|green monkeys",
    "microcebus_murinus": "mouse lemur|Mouse Lemur|mouse lemurs",
    "papio_anubis": "baboon|Olive baboon|baboons",
    "sus_scrofa": "pig|pigs|swine|sscrofa|9823",
    "bos_taurus": "cow|cows|cattle|btaurus",
    "ovis_aries": "sheep|Sheep (texel)|sheep texel|oaries|9940",
    "capra_hircus": "goat|goats|chircus",
    "equus_caballus": "horse|horses|ecaballus",
    "canis_lupus_familiaris": "dog|dogs|Canis familiaris|canis_familiaris|Canis lupus familiaris|clfamiliaris"
    "|cfamiliaris|9615",
    "felis_catus": "cat|cats|fcatus",
    "mustela_putorius_furo": "ferret|ferrets|mpfuro",
    "oryctolagus_cuniculus": "rabbit|rabbits|ocuniculus",
    "cavia_porcellus": "guinea pig|Guinea Pig|guinea-pigs|cporcellus",
    "cricetulus_griseus_chok1gshd": "Chinese hamster|Cricetulus griseus|cgchok1gshd|Chinese hamster CHOK1GS",
    "heterocephalus_glaber_female": "naked mole-rat|naked mole rats|Heterocephalus glaber|hgfemale",
    "ictidomys_tridecemlineatus": "squirrel|13-lined ground squirrel",
    "notamacropus_eugenii": "wallaby|macropus_eugenii|tammar wallaby",
    "carlito_syrichta": "tarsier|tarsius_syrichta",
    "monodelphis_domestica": "opossum|gray short-tailed opossum",
    "choloepus_hoffmanni": "sloth|Choloepus hoffmanni|choffmanni",
    "gallus_gallus": "chicken|chickens|ggallus|9031",
    "anas_platyrhynchos_platyrhynchos": "duck|ducks|applatyrhynchos",
    "anolis_carolinensis": "anole lizard|Green anole",
    "xenopus_tropicalis": "X. tropicalis|Tropical clawed frog|western clawed frog|xtropicalis",
    "xenopus_laevis": "X. laevis|African clawed frog|xlaevis",
    "oryzias_latipes": "medaka|Japanese medaka HdrR",
    "ciona_intestinalis": "C.intestinalis|Ciona intestinalis",
    "arabidopsis_thaliana": "arabidopsis|thale cress|athaliana",
}


@pytest.mark.parametrize(("typed", "name"), [(t, name) for name, all_ in TYPED.items() for t in all_.split("|")])
def test_typed(typed: str, name: str) -> None:
    assert find(typed).name == name


def test_taxon_id_as_number_and_as_text() -> None:
    assert find(9606) is find("9606") is find("human")


def test_finding_again_gives_the_same_object() -> None:
    assert find("pig") is find("Sus scrofa")
    assert registry() is registry()


# --- strains, and names that mean nothing ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("strain", "species"),
    [
        ("mus_musculus_balbcj", "mus_musculus"),
        ("Mouse BALB/cJ", "mus_musculus"),
        ("mus_musculus_c57bl6nj", "mus_musculus"),
        ("sus_scrofa_largewhite", "sus_scrofa"),
        ("Pig - Largewhite", "sus_scrofa"),
        ("rattus_norvegicus_shrspbbbutx", "rattus_norvegicus"),
        ("canis_lupus_familiarisboxer", "canis_lupus_familiaris"),
        ("ovis_aries_rambouillet", "ovis_aries"),
        ("oarambouillet", "ovis_aries"),
        ("gallus_gallus_gca000002315v5", "gallus_gallus"),
        ("heterocephalus_glaber_male", "heterocephalus_glaber_female"),
        ("canis_lupus_dingo", "canis_lupus_familiaris"),
    ],
)
def test_a_strain_is_not_its_species(strain: str, species: str) -> None:
    found = find(strain)
    assert found.name != species
    assert found.number != find(species).number
    if found.taxon_id == find(species).taxon_id:
        assert find(found.taxon_id).name == species


def test_no_name_matches_by_its_beginning() -> None:
    meant = {name for s in registry() for name in names(s)}
    for s in registry():
        for unknown in (f"{s.name}_nosuchstrain", f"{s.name}2", f"{s.name}_gca999999999v9", s.name[:-1]):
            assert normalise(unknown) not in meant
    for unknown in (
        "mus_musculus_nosuchstrain",
        "sus_scrofa_gca999999999v9",
        "Homo sapiens 2",
        "mus",
        "musculus",
    ):
        with pytest.raises(UnknownSpeciesError):
            find(unknown)


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        ("humn", "human (homo_sapiens)"),
        ("mouze", "mouse (mus_musculus)"),
        ("homo_sapien", "human (homo_sapiens)"),
        ("Mus muscullus", "mouse (mus_musculus)"),
        ("zebrafsh", "zebrafish (danio_rerio)"),
        ("chimpanze", "chimpanzee (pan_troglodytes)"),
        ("mus_musculus_wsbeij", "mouse (mus_musculus)"),
        ("mouse strain 1", "mouse (mus_musculus)"),
        ("hamster", "golden hamster (mesocricetus_auratus), chinese hamster (cricetulus_griseus_chok1gshd)"),
        ("xenopus", "tropical clawed frog (xenopus_tropicalis), african clawed frog (xenopus_laevis)"),
        ("sea urchin", "purple sea urchin (strongylocentrotus_purpuratus)"),
    ],
)
def test_unknown_names_give_what_comes_close(typed: str, suggested: str) -> None:
    with pytest.raises(UnknownSpeciesError) as caught:
        find(typed)
    message = str(caught.value)
    assert message.startswith(f"no species is called {typed!r}; did you mean {suggested}")
    assert message.endswith("Give an Ensembl production name, a scientific or common name, or an NCBI taxon ID.")
    assert "\n" not in message


@pytest.mark.parametrize("typed", ["unicorn", "", "   ", "_", "()", "0", "96061", "9606.5", "qqq", 0, 1, 96061])
def test_unknown_names_with_nothing_close(typed: str | int) -> None:
    with pytest.raises(UnknownSpeciesError) as caught:
        find(typed)
    assert "did you mean" not in str(caught.value)
    assert str(caught.value).startswith(f"no species is called {str(typed)!r}. Give ")
    assert isinstance(caught.value, HomodbError)


def test_broad_words_are_not_guessed() -> None:
    for broad in (
        "monkey",
        "bat",
        "frog",
        "hamster",
        "turtle",
        "salmon",
        "fish",
        "xenopus",
        "lemur",
        "mosquito",
    ):
        with pytest.raises(UnknownSpeciesError):
            find(broad)


# --- normal form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("Homo sapiens", "homo_sapiens"),
        ("  Homo   sapiens ", "homo_sapiens"),
        ("Homo._- sapiens", "homo_sapiens"),
        ("D. melanogaster", "d_melanogaster"),
        ("Sheep (texel)", "sheep_texel"),
        ("Hybrid - Bos Indicus", "hybrid_bos_indicus"),
        ("White-tufted-ear marmoset", "white_tufted_ear_marmoset"),
        ("Mouse C57BL/6NJ", "mouse_c57bl/6nj"),
        ("NCBITaxon:9606", "ncbitaxon:9606"),
        ("9606", "9606"),
        ("", ""),
    ],
)
def test_normalise(name: str, normal: str) -> None:
    assert normalise(name) == normal


def test_normalise_is_idempotent() -> None:
    for text in spellings():
        assert normalise(normalise(text)) == normalise(text) != ""


def test_names_are_normal_and_start_with_the_production_name() -> None:
    for s in registry():
        found = names(s)
        assert found[0] == s.name
        assert len(set(found)) == len(found)
        assert all(name == normalise(name) for name in found)
        assert normalise(s.common_name) in found
    assert {"human", "humans", "hsapiens", "h_sapiens", "9606", "ncbitaxon:9606"} <= set(names(find("human")))
    assert {"4932", "559292", "ncbitaxon:4932"} <= set(names(find("yeast")))


def test_sql_normalises_alike() -> None:
    odd = ["", " ", "_", "()", "(a) b", "a..b--c__d  e", "-a-", "Mouse (Mus musculus)", "A.-_ (B)", "a(b)c"]
    wanted = odd + spellings() + [f" {text.upper()}. " for text in spellings()]
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT {SQL} FROM (SELECT unnest(?) AS spelling, generate_subscripts(?, 1) AS i) ORDER BY i",
            [wanted, wanted],
        ).fetchall()
    assert [normal for (normal,) in found] == [normalise(text) for text in wanted]


def test_sql_stands_in_the_comment_and_in_the_schema() -> None:
    assert SQL in Path(str(module.__file__)).read_text("utf-8")
    ddl = sorted(Path(str(module.__file__)).parent.joinpath("sql").glob("[0-9]*.sql"))
    assert any(SQL in path.read_text("utf-8") for path in ddl)


# --- the module -------------------------------------------------------------------------------------


def test_species_are_frozen_hashable_and_ordered_by_number() -> None:
    human, mouse = find("human"), find("mouse")
    with pytest.raises(FrozenInstanceError):
        human.number = 2  # type: ignore[misc]
    assert sorted([mouse, human]) == [human, mouse]
    assert len({human, mouse, find("Homo sapiens")}) == 2
    assert Species(1, "homo_sapiens", 9606, "human", human.aliases) == human


def test_nothing_is_read_at_import() -> None:
    code = "from homodb.schema.species import registry; print(registry.cache_info().currsize)"
    env = {**os.environ, "PYTHONPATH": str(Path(str(module.__file__)).parents[2])}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "0"


def test_examples() -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# ------------------------------------------------------------------------------ species that the registry lacks


@given(st.from_regex(r"[a-z]{3,12}_[a-z]{3,12}", fullmatch=True), st.sets(st.integers(FIRST_DESCRIBED, 2**15 - 1)))
def test_numbers_of_described_species(name: str, taken: set[int]) -> None:
    assume(normalise(name) not in {one for species in registry() for one in names(species)})
    species = described(name, 10**8, f"the {name} of tests", taken)
    assert FIRST_DESCRIBED <= species.number < 2**15 and species.number not in taken
    assert max(one.number for one in registry()) < FIRST_DESCRIBED
    assert described(name, 10**8, f"the {name} of tests") == described(name, 10**8, f"the {name} of tests")
    assert {name, str(10**8)} <= set(names(species))


def test_described_species_are_found() -> None:
    newt = described("notophthalmus_testus", 99_999_998, "tested newt")
    describe([newt])
    assert described("Notophthalmus testus", 99_999_998, "tested newt") == newt
    assert find("Tested newt") == find("N. testus") == find(99_999_998) == by_number(newt.number) == newt


@pytest.mark.parametrize("name", ["", "newt", "Newt", "notophthalmus_", "1 newt", "notophthalmus testüs"])
def test_one_word_is_no_scientific_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name!r} is not a scientific name"):
        described(name, 99_999_998, "tested newt")


def test_prefixes_of_stable_ids_are_of_species() -> None:
    lines = (resources.files("homodb.schema") / "id_prefixes.tsv").read_text("ascii").splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    assert lines[0] == "prefix\tname" and len({prefix for prefix, _ in rows}) == len(rows) > 100
    for prefix, name in rows:
        feature = "" if prefix in ("FBgn", "FBpp", "WBGene") else "P"
        assert [one.name for one in species_of_ids(f"x {prefix}{feature}00000000123.4,")] == [name]
    assert list(species_of_ids("ENSXXXG00000000001 XENSG00000000001 ENSG1 LOC123 g1.t1")) == []
