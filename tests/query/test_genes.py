"""What a name means: every rule of "Resolve", by hand, and against a reference that reads the tables without SQL.

The toy release has two TBCE (ambiguous), DUP as a synonym of DUPA and DUPB, GCG as a symbol and as a synonym of INS,
TNF with an alternate locus, PLCXD1 in the pseudo-autosomal regions, HLA-DRB3 on alternate loci only.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import build_release
from homodb.query.genes import resolve
from homodb.schema.errors import UnknownGeneError

HUMAN_INS, HUMAN_TNF = "ENSG00000000001", "ENSG00000000003"
HUMAN_PAR, HUMAN_DRB3 = "ENSG00000000019", "ENSG00000000021"
TBCE, DUP = ["ENSG00000000015", "ENSG00000000016"], ["ENSG00000000012", "ENSG00000000013"]


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def one(release: homodb.Release, name: str, species: str) -> tuple[str | None, str]:
    """The stable ID that a name means, and how it was found."""
    row = resolve(release, [name], release.find_species(species)).row(0, named=True)
    return row["stable_id"], row["how"]


# By hand


@pytest.mark.parametrize(
    ("name", "stable_id", "how"),
    [
        ("ENSG00000000001", HUMAN_INS, "stable_id"),
        ("ENSG00000000001.2", HUMAN_INS, "stable_id"),
        ("ENSG00000000003.777", HUMAN_TNF, "stable_id"),  # whatever the version
        ("ENSG00000000017", "ENSG00000000017", "stable_id"),  # a gene without a symbol
        ("ENSG00000000018", HUMAN_TNF, "stable_id"),  # alternate locus: its primary gene
        ("ENSG00000000018.4", HUMAN_TNF, "stable_id"),
        ("ENSG00000000020", HUMAN_PAR, "stable_id"),  # the copy on Y
        ("ENSG00000000019_PAR_Y", HUMAN_PAR, "stable_id"),
        ("ENSG00000000019.5_PAR_Y", HUMAN_PAR, "stable_id"),
        ("ENSG00000000022", HUMAN_DRB3, "stable_id"),  # no primary assembly: the lower stable ID
        ("INS", HUMAN_INS, "symbol"),
        ("TNF", HUMAN_TNF, "symbol"),  # two genes bear it, one primary
        ("PLCXD1", HUMAN_PAR, "symbol"),
        ("HLA-DRB3", HUMAN_DRB3, "symbol"),
        ("GCG", "ENSG00000000002", "symbol"),  # a synonym of INS too
        ("ins", HUMAN_INS, "symbol_case"),
        ("gcg", "ENSG00000000002", "symbol_case"),
        ("C1ORF1", "ENSG00000000007", "symbol_case"),
        ("IL8", "ENSG00000000009", "alias"),
        ("TNFA", HUMAN_TNF, "alias"),  # a synonym of both loci of TNF
        ("3576", "ENSG00000000009", "alias"),
        ("LOC3576", "ENSG00000000009", "alias"),
        ("LOC7124", HUMAN_TNF, "alias"),
        ("INS.1", HUMAN_INS, "symbol"),
        ("INS-1", HUMAN_INS, "symbol"),
        ("IL8-2", "ENSG00000000009", "alias"),
        ("il8", "ENSG00000000009", "alias"),
        ("GRCh38_INS", HUMAN_INS, "symbol"),
        ("hg19_INS", HUMAN_INS, "symbol"),
        ("hg38.p13_INS", HUMAN_INS, "symbol"),
        ("GRCh38______INS", HUMAN_INS, "symbol"),
        ("GRCh38-INS", HUMAN_INS, "symbol"),  # Seurat turns _ into -
        ("GRCh38_HLA-DRB3", HUMAN_DRB3, "symbol"),
        ("GRCh38_ENSG00000000001.2", HUMAN_INS, "stable_id"),
        ("GRCh38_INS-1", HUMAN_INS, "symbol"),
        ("human_INS", HUMAN_INS, "symbol"),
        ("HLA.DRB3", HUMAN_DRB3, "symbol"),
        ("HLA.DRB3.1", HUMAN_DRB3, "symbol"),
        ("MT.ND1", "ENSG00000000010", "symbol"),
    ],
)
def test_human_names(release: homodb.Release, name: str, stable_id: str, how: str) -> None:
    assert one(release, name, "human") == (stable_id, how)


@pytest.mark.parametrize(
    ("name", "stable_id", "how"),
    [
        ("mm10___Ins2", "ENSMUSG00000000002", "symbol"),
        ("GRCm39_Ins2", "ENSMUSG00000000002", "symbol"),
        ("4930451I11Rik", "ENSMUSG00000000007", "symbol"),
        ("X4930451I11Rik", "ENSMUSG00000000007", "symbol"),  # R's make.names
        ("mt.Nd1", "ENSMUSG00000000008", "symbol"),
        ("INS2", "ENSMUSG00000000002", "symbol_case"),
        ("Orph9", "Orph9", "symbol"),  # no stable ID in the sources: the symbol stands in, and is no stable ID
        ("Orph9.1", "Orph9", "symbol"),
    ],
)
def test_mouse_names(release: homodb.Release, name: str, stable_id: str, how: str) -> None:
    assert one(release, name, "mouse") == (stable_id, how)


@pytest.mark.parametrize(
    ("name", "candidates"),
    [
        ("TBCE", TBCE),
        ("TBCE-1", TBCE),
        ("TBCE.1", TBCE),
        ("tbce", TBCE),
        ("GRCh38_TBCE", TBCE),
        ("DUP", DUP),
        ("DUP.1", DUP),
    ],
)
def test_ambiguous_names_are_reported_with_their_candidates(
    release: homodb.Release, name: str, candidates: list[str]
) -> None:
    row = resolve(release, [name], release.find_species("human")).row(0, named=True)
    assert (row["how"], row["gene"], row["stable_id"]) == ("ambiguous", None, None)
    assert row["candidates"] == candidates
    with pytest.raises(UnknownGeneError, match=", ".join(candidates)):
        release.orthologs(name, source="human", target="mouse")


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "nan", "INS ", "LOC", "LOC999", "LOCIL8", "loc3576", "ENSG", "ENSG00000000001.x", "ENSG99999999999",
        "Ins2", "INS_", "_INS", "GRCh38_", "IL8;INS", "INS,GCG", "x_y_INS", "éü", "INS\n", "I%S",
    ],
)  # fmt: skip
def test_unknown_names(release: homodb.Release, name: str) -> None:
    assert one(release, name, "human") == (None, "unknown")


@pytest.mark.parametrize("name", ["adt_TNF", "anti_TNF", "HTO_INS", "BCR_INS"])
def test_a_word_that_is_no_genome_does_not_come_off(release: homodb.Release, name: str) -> None:
    assert one(release, name, "human") == (None, "unknown")


@pytest.mark.parametrize("name", ["mm10_Gcg", "mm10___GCG", "GRCm39_GCG", "rn6_GCG", "GRCm39-GCG", "mouse_GCG"])
def test_a_gene_of_another_species_genome_is_not_a_human_one(release: homodb.Release, name: str) -> None:
    assert one(release, name, "human") == (None, "unknown")
    assert one(release, "GRCh38_Gcg", "mouse") == (None, "unknown")


def test_no_names(release: homodb.Release) -> None:
    assert resolve(release, [], release.find_species("human")).height == 0


HEADER = "Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type"
SPECIAL = [
    "SLA",
    "SLA-DRB1",
    "TWO",
    "TWO-AS1",
    "F54D5",
    "F54D5.1",
    "YPR161W",
    "YPR161W-A",
    "AT1G01010",
    "AT1G01010.1",
    "RP11-34P13.7",
    "C4B_2",
    "abc",
    "ABC",
]


@pytest.fixture(scope="module")
def special(tmp_path_factory: pytest.TempPathFactory) -> Iterator[homodb.Release]:
    """Names that look like versions, suffixes and prefixes, and are none; symbols that differ by case alone."""
    folder = tmp_path_factory.mktemp("special")
    rows = [f"ENSG{i:011}\t{name}\tENSMUSG{i:011}\tm{i}\tortholog_one2one" for i, name in enumerate(SPECIAL)]
    (folder / "pairs.txt").write_text("\n".join([HEADER, *rows]) + "\n")
    synonyms = [("C4B_2", "abC"), ("F54D5", "AB.1"), ("YPR161W", "AB.1"), ("AT1G01010", "AB"), ("F54D5", "hg19_x")]
    synonyms.append(("F54D5", "two"))
    lines = ["Gene stable ID\tGene Synonym"] + [f"ENSG{SPECIAL.index(name):011}\t{alias}" for name, alias in synonyms]
    (folder / "synonyms.tsv").write_text("\n".join(lines) + "\n")
    (folder / "release.toml").write_text(
        '[release]\nversion = "special"\n[[species]]\nname = "human"\nsynonyms = "synonyms.tsv"\n'
        '[[species]]\nname = "mouse"\n'
        '[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "pairs.txt"\n'
    )
    build_release(folder / "release.toml", folder / "rel")
    with homodb.open(folder / "rel") as release:
        yield release


@pytest.mark.parametrize("name", SPECIAL)
def test_a_whole_name_is_whole(special: homodb.Release, name: str) -> None:
    assert one(special, name, "human") == (f"ENSG{SPECIAL.index(name):011}", "symbol")


@pytest.mark.parametrize(
    ("name", "means", "how"),
    [
        ("F54D5.2", "F54D5", "symbol"),  # is no name of its own
        ("F54D5.1.2", "F54D5.1", "symbol"),  # and only what is needed comes off
        ("AT1G01010.1.2", "AT1G01010.1", "symbol"),
        ("abC", "C4B_2", "alias"),  # two symbols but for case, so the alias counts
        ("AB", "AT1G01010", "alias"),
        ("two", "TWO", "symbol_case"),  # a synonym of F54D5 too, but a symbol beats it
        ("AB-1", "AT1G01010", "alias"),
        ("hg19_x", "F54D5", "alias"),  # an alias, not a gene x of a genome
    ],
)
def test_what_comes_off_a_name(special: homodb.Release, name: str, means: str, how: str) -> None:
    assert one(special, name, "human") == (f"ENSG{SPECIAL.index(means):011}", how)


@pytest.mark.parametrize("name", ["SLA-1", "hg19_SLA-1", "SLA-1.1", "SLA-7"])
def test_where_other_symbols_begin_alike_a_suffix_stays(special: homodb.Release, name: str) -> None:
    """SLA-1 is a gene like SLA-DRB1, not a second SLA."""
    assert one(special, name, "human") == (None, "unknown")


@pytest.mark.parametrize(
    ("name", "means"), [("SLA.1", "SLA"), ("SLA-DRB1-1", "SLA-DRB1"), ("SLA.DRB1", "SLA-DRB1"), ("TWO-1", "TWO")]
)
def test_but_not_every_suffix(special: homodb.Release, name: str, means: str) -> None:
    """TWO-AS1, a transcript on the other strand, makes no family of TWO."""
    assert one(special, name, "human") == (f"ENSG{SPECIAL.index(means):011}", "symbol")


@pytest.mark.parametrize("name", ["YPR161W-B", "Abc", "AB.1"])
def test_what_is_ambiguous_as_a_whole_is_not_cut(special: homodb.Release, name: str) -> None:
    """AB.1 is a synonym of two genes: that AB is a synonym of one does not count."""
    assert one(special, name, "human")[0] is None


# Properties


class Reference(NamedTuple):
    """The rules of the design over the plain tables of one species."""

    ids: dict[str, int]
    symbols: dict[str, set[int]]
    cases: dict[str, set[int]]
    aliases: dict[str, set[int]]
    synonyms: dict[str, set[int]]
    genomes: set[str]

    @classmethod
    def of(cls, release: homodb.Release, species: str, genomes: set[str]) -> Reference:
        number = release.find_species(species).number
        ids, symbols, cases, aliases, synonyms = {}, *(defaultdict(set) for _ in range(4))
        for row in release.sql("FROM gene").iter_rows(named=True):
            if row["species"] != number:
                continue
            if not row["symbol_stands_in"]:
                ids[row["stable_id"]] = row["primary_gene"]
            if row["symbol"] is not None and row["gene"] == row["primary_gene"]:
                symbols[row["symbol"]].add(row["gene"])
                cases[row["symbol"].lower()].add(row["gene"])
        for gene, alias, kind in release.sql("SELECT gene, alias, kind FROM gene_alias").iter_rows():
            if gene >> 24 == number:
                aliases[alias].add(gene)
                if kind == "synonym":
                    synonyms[alias.lower()].add(gene)
                if kind == "entrez":
                    aliases["LOC" + alias].add(gene)
        return cls(ids, symbols, cases, aliases, synonyms, genomes)

    def by_id(self, text: str) -> tuple[str, set[int]] | None:
        return ("stable_id", {self.ids[text]}) if text in self.ids else None

    def by_name(self, text: str) -> tuple[str, set[int]] | None:
        if text in self.symbols:
            genes = self.symbols[text]
            return ("symbol" if len(genes) == 1 else "ambiguous", genes)
        if ids := {gene for stable_id, gene in self.ids.items() if stable_id.lower() == text.lower()}:
            return "stable_id", ids
        cased, aliased = self.cases.get(text.lower(), set()), self.aliases.get(text, set())
        for how, genes in (("symbol_case", cased), ("alias", aliased)):
            if len(genes) == 1:
                return how, genes
        several = cased or aliased
        return ("ambiguous", several) if several else None

    def by_synonym(self, text: str) -> tuple[str, set[int]] | None:
        genes = self.synonyms.get(text.lower(), set())
        return ("alias" if len(genes) == 1 else "ambiguous", genes) if genes else None

    def less(self, name: str) -> list[str]:
        """Readings of a name that is not known as it stands."""
        undone = name[1:] if name[:1] == "X" and name[1:2].isdigit() else name
        readings = [undone.replace(".", "-"), *cut(name, ".")]
        if name.endswith("_PAR_Y"):
            readings.append(name.removesuffix("_PAR_Y"))
        readings += cut(name, "-")
        genome, mark, rest = name.partition("_")
        if mark and genome in self.genomes:
            readings.append(rest.lstrip("_"))
        return [text for one in readings for text in (one, *cut(one, "."), *cut(one, "-"))]

    def __call__(self, name: str) -> tuple[str, set[int]]:
        found = self.by_id(name)
        for text in cut(name, "."):
            found = found or self.by_id(text)
        found = found or self.by_name(name) or self.by_synonym(name)
        readings = self.less(name)
        for text in readings:
            found = found or self.by_id(text)
        genome, _, rest = name.partition("_")
        if genome in self.genomes:  # an ID inside is read with all that surrounds it
            inside = rest.lstrip("_").removesuffix("_PAR_Y")
            for text in (inside, *cut(inside, ".")):
                found = found or self.by_id(text)
        for text in readings:
            found = found or self.by_name(text)
        for text in readings:
            found = found or self.by_synonym(text)
        return found or ("unknown", set())


def cut(name: str, mark: str) -> list[str]:
    head, _, tail = name.rpartition(mark)
    return [head] if head and tail.isdigit() else []


@pytest.fixture(scope="module")
def references(release: homodb.Release) -> dict[str, Reference]:
    return {
        "human": Reference.of(release, "human", {"GRCh38", "hg19"}),
        "mouse": Reference.of(release, "mouse", {"GRCm39", "mm10"}),
        "pig": Reference.of(release, "pig", {"Sscrofa11.1"}),
    }


STEMS = [
    "INS", "GCG", "TNF", "FCER1A", "VWF", "C1orf1", "MALAT1", "CXCL8", "MT-ND1", "TBCE", "PLCXD1", "HLA-DRB3", "IL8",
    "TNFA", "DUP", "3576", "LOC3630", "LOC1", "Ins1", "Ins2", "4930451I11Rik", "mt-Nd1", "Orph9", "Xist", "ND1", "",
    *(f"ENSG{i:011}" for i in (1, 3, 17, 18, 20, 22, 99)), *(f"ENSMUSG{i:011}" for i in (2, 12)),
]  # fmt: skip
NAMES = st.builds(
    lambda genome, stem, change, suffix: genome + change(stem) + suffix,
    st.sampled_from(["", "", "", "GRCh38_", "hg19___", "mm10_", "GRCm39_", "Sscrofa11.1_", "adt_"]),
    st.sampled_from(STEMS),
    st.sampled_from([str, str, str.lower, str.upper, lambda s: "X" * s[:1].isdigit() + s.replace("-", ".")]),
    st.sampled_from(["", "", "", ".1", "-1", ".12", "_PAR_Y", ".3_PAR_Y", "-x", "."]),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(names=st.lists(NAMES, max_size=50), species=st.sampled_from(["human", "mouse", "pig"]))
def test_agrees_with_the_rules_over_the_plain_tables(
    release: homodb.Release, references: dict[str, Reference], names: list[str], species: str
) -> None:
    frame = resolve(release, names, release.find_species(species))
    keys = dict(
        release.sql("SELECT stable_id, gene FROM gene WHERE species = ?", [release.find_species(species).number]).rows()
    )
    for row, name in zip(frame.iter_rows(named=True), names, strict=True):
        how, genes = references[species](name)
        seen = "unknown" if row["how"] == "retired" else row["how"]  # the rules do not know why an ID is unknown
        assert (row["name"], seen) == (name, how)
        assert ({row["gene"]} if row["gene"] is not None else {keys[one] for one in row["candidates"]}) == genes


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(names=st.lists(NAMES, max_size=30), seed=st.randoms(use_true_random=False))
def test_order_and_repeats_are_kept(release: homodb.Release, names: list[str], seed: random.Random) -> None:
    human = release.find_species("human")
    different = sorted(set(names))
    answers = dict(zip(different, resolve(release, different, human).rows(), strict=True))
    shuffled = seed.sample(names, len(names))
    for asked in (names, shuffled, names + names):
        assert resolve(release, asked, human).rows() == [answers[name] for name in asked]


# Real names: the release has symbols only, each of one gene


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("species", "name", "symbol", "how"),
    [
        ("mouse", "H2.K1", "H2-K1", "symbol"),
        ("mouse", "X0610009B22Rik", "0610009B22Rik", "symbol"),
        ("mouse", "mm10___Ins1", "Ins1", "symbol"),
        ("human", "GRCh38_HLA-A", "HLA-A", "symbol"),
        ("human", "hg19_MT-ND1", "MT-ND1", "symbol"),
        ("human", "TBCE-1", "TBCE", "symbol"),
        ("human", "C4B_2", "C4B_2", "symbol"),
        ("human", "ERV3-1", "ERV3-1", "symbol"),
        ("human", "c1orf112", "C1orf112", "symbol_case"),
        ("human", "ccl2", "CCL2", "symbol_case"),
        ("human", "mm10_Ccl2", None, "unknown"),
        ("human", "1-Mar", None, "ambiguous"),  # MARCH1 and MARC1
        ("human", "2-Sep", "SEPTIN2", "date"),
    ],
)
def test_real_names(real: homodb.Release, species: str, name: str, symbol: str | None, how: str) -> None:
    row = resolve(real, [name], real.find_species(species)).row(0, named=True)
    assert (row["symbol"], row["how"]) == (symbol, how)


@pytest.mark.slow
@pytest.mark.shared
def test_every_real_symbol_means_its_own_gene(real: homodb.Release) -> None:
    for species in real.species:
        symbols = real.sql(
            "SELECT symbol FROM gene WHERE species = ? ORDER BY hash(symbol) LIMIT 4000", [species.number]
        )["symbol"]
        frame = resolve(real, symbols.to_list(), species)
        assert frame["symbol"].to_list() == symbols.to_list()
        assert set(frame["how"]) == {"symbol"}
