"""Real names of real genes, of every kind: the special cases of the design, one by one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import build_release
from homodb.query.genes import ASSEMBLY, about_names, are_positions, detect_species, resolve, species_votes
from homodb.schema.errors import UndecidedSpeciesError
from tests import messages

HUMAN = {
    "INS": "ENSG00000254647",
    "MCM2": "ENSG00000073111",
    "MCM7": "ENSG00000166508",
    "SEPTIN2": "ENSG00000168385",
    "MARCHF1": "ENSG00000145416",
    "MTARC1": "ENSG00000186205",
    "MARCHF5": "ENSG00000198060",
    "SELENOF": "ENSG00000183291",
    "DELEC1": "ENSG00000173077",
    "BHLHE40": "ENSG00000134107",
    "C4B": "ENSG00000224389",
    "C4B_2": "ENSG00000233312",
    "ITGA2": "ENSG00000164171",
    "ITGB1": "ENSG00000150093",
    "TBCE": "ENSG00000284770",
    "RP11-34P13.7": "ENSG00000238009",
    "PLCXD1": "ENSG00000182378",
    "HLA-A": "ENSG00000206503",
    "POU2F1": "ENSG00000143190",
    "TNF": "ENSG00000232810",
    "NKX6-1": "ENSG00000163623",
    "NKX6-2": "ENSG00000148826",
}
MOUSE = {
    "Ins2": "ENSMUSG00000000215",
    "Septin2": "ENSMUSG00000026276",
    "Marchf1": "ENSMUSG00000036469",
    "H2-K1": "ENSMUSG00000061232",
    "4930451I11Rik": "ENSMUSG00000046854",
    "Itgb1": "ENSMUSG00000025809",
    "Xkr4": "ENSMUSG00000051951",
}
SYNONYMS = [
    ("MCM7", "MCM2"),
    ("MCM7", "CDC47"),
    ("SELENOF", "SEP15"),
    ("BHLHE40", "DEC1"),
    ("POU2F1", "OCT1"),
    ("TNF", "TNFA"),
    ("TNF", "Mar"),
    ("TNF", "mir"),
    ("INS", "SEP"),
    ("INS", "SEPT8A"),
    ("NKX6-2", "NKX6.1"),
]
XREFS = [
    ("INS", "3630", "EntrezGene"), ("INS", "P01308", "Uniprot/SWISSPROT"), ("INS", "NM_000207", "RefSeq_mRNA"),
    ("INS", "NP_000198", "RefSeq_peptide"), ("TNF", "7124", "EntrezGene"), ("TNF", "P01375", "Uniprot/SWISSPROT"),
]  # fmt: skip
#: TNF's old ID; one that split in two; one whose successor is retired too.
HISTORY = [
    ("ENSG00000111956", "ENSG00000232810"),
    ("ENSG00000001111", "ENSG00000224389"),
    ("ENSG00000001111", "ENSG00000233312"),
    ("ENSG00000002222", "ENSG00000003333"),
    ("ENSG00000003333", "ENSG00000254647"),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[homodb.Release]:
    folder = tmp_path_factory.mktemp("identifiers")
    (folder / "genes.gtf").write_text(
        "".join(
            f'1\tensembl\tgene\t{place}00\t{place}99\t.\t+\t.\tgene_id "{stable_id}"; gene_version "7"; '
            f'gene_name "{symbol}"; gene_biotype "protein_coding";\n'
            for place, (symbol, stable_id) in enumerate(HUMAN.items(), start=1)
        )
    )
    write(folder / "synonyms.tsv", "Gene stable ID\tGene Synonym", [(HUMAN[s], alias) for s, alias in SYNONYMS])
    header = "gene_stable_id\ttranscript_stable_id\tprotein_stable_id\txref\tdb_name\tinfo_type"
    write(folder / "xrefs.tsv", header, [(HUMAN[s], "-", "-", x, db, "DEPENDENT") for s, x, db in XREFS])
    write(folder / "history.tsv", "old_stable_id\tnew_stable_id", HISTORY)
    pairs = zip(HUMAN.items(), MOUSE.items(), strict=False)
    write(
        folder / "pairs.txt",
        "Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type",
        [(a, b, c, d, "ortholog_one2one") for (b, a), (d, c) in pairs],
    )
    (folder / "release.toml").write_text(
        '[release]\nversion = "identifiers"\nensembl = "110"\n[[species]]\nname = "human"\nannotation = "genes.gtf"\n'
        'synonyms = "synonyms.tsv"\nxrefs = ["xrefs.tsv"]\nhistory = "history.tsv"\n[[species]]\nname = "mouse"\n'
        '[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "pairs.txt"\n'
    )
    build_release(folder / "release.toml", folder / "rel")
    with homodb.open(folder / "rel") as opened:
        yield opened


def write(path: Path, header: str, rows: list[tuple[str, ...]]) -> None:
    path.write_text("\n".join([header, *("\t".join(row) for row in rows)]) + "\n")


def row(release: homodb.Release, name: str, species: str = "human") -> dict[str, object]:
    return resolve(release, [name], release.find_species(species)).row(0, named=True)


@pytest.mark.parametrize(
    ("name", "symbol", "how"),
    [
        ("ENSG00000254647", "INS", "stable_id"),
        ("ENSG00000254647.7", "INS", "stable_id"),
        ("ENSG00000254647.2", "INS", "stable_id"),  # whatever the version
        ("ENSG00000182378.15_PAR_Y", "PLCXD1", "stable_id"),
        ("ENSG00000182378_PAR_Y", "PLCXD1", "stable_id"),
        ("ENSG00000182378.15-PAR-Y", "PLCXD1", "stable_id"),  # after Seurat
        ("ENSGR0000182378.10", "PLCXD1", "stable_id"),  # as GENCODE wrote it up to version 24
        ("GRCh38_ENSG00000254647", "INS", "stable_id"),
        ("INS", "INS", "symbol"),
        ("MCM2", "MCM2", "symbol"),  # a synonym of MCM7 too: an approved symbol beats any alias
        ("mcm2", "MCM2", "symbol_case"),
        ("CDC47", "MCM7", "alias"),
        ("TNFA", "TNF", "alias"),
        ("3630", "INS", "alias"),
        ("LOC3630", "INS", "alias"),
        ("P01308", "INS", "alias"),
        ("P01308-1", "INS", "alias"),  # an isoform
        ("NM_000207", "INS", "alias"),
        ("NM_000207.3", "INS", "alias"),
        ("NP_000198.1", "INS", "alias"),
        ("GRCh38_INS", "INS", "symbol"),
        ("GRCh38______INS", "INS", "symbol"),
        ("GRCh38-INS", "INS", "symbol"),
        ("hg19_HLA-A", "HLA-A", "symbol"),
        ("TBCE-1", "TBCE", "symbol"),
        ("TBCE.1", "TBCE", "symbol"),
        ("RP11-34P13.7", "RP11-34P13.7", "symbol"),
        ("RP11.34P13.7", "RP11-34P13.7", "symbol"),  # after R's make.names: one symbol gives this
        ("HLA.A", "HLA-A", "symbol"),
        ("C4B_2", "C4B_2", "symbol"),
        ("C4B-2", "C4B_2", "symbol"),  # after Seurat, and no second C4B
        ("C4B-1", "C4B", "symbol"),
        ("2-Sep", "SEPTIN2", "date"),
        ("Sep-02", "SEPTIN2", "date"),
        ("02-Sep-24", "SEPTIN2", "date"),
        ("X2.Sep", "SEPTIN2", "date"),
        ("2024-09-02 00:00:00", "SEPTIN2", "date"),
        ("2024-09-02", "SEPTIN2", "date"),
        ("15-Sep", "SELENOF", "date"),
        ("5-Mar", "MARCHF5", "date"),
        ("1-Dec", "DELEC1", "date"),  # DEC1 was its approved symbol; it is but a synonym of BHLHE40
        ("GRCh38-2020-A_INS", "INS", "symbol"),
        ("GRCh38_HLA.A", "HLA-A", "symbol"),  # and after make.names
        ("CHM13v2.0_INS", "INS", "symbol"),
        ("human_INS", "INS", "symbol"),
        ("homo_sapiens_INS", "INS", "symbol"),
        ("HLA_A", "HLA-A", "symbol"),
        ("tnfa", "TNF", "alias"),
        ("MARCH5", "MARCHF5", "alias"),
        ("SEPT2", "SEPTIN2", "alias"),
        ("SEPT2-1", "SEPTIN2", "alias"),
        ("septin8a", "INS", "alias"),  # as zebrafish's septin9a, where the release has the synonym sept9a
        ("MARC1", "MTARC1", "alias"),
        ("SEP15", "SELENOF", "alias"),
        ("DEC1", "DELEC1", "alias"),  # as 1-Dec
        ("INS_ENSG00000254647", "INS", "stable_id"),
        ("INS|ENSG00000254647", "INS", "stable_id"),
        ("ENSG00000254647.7|INS", "INS", "stable_id"),
        ("INS (ENSG00000254647)", "INS", "stable_id"),
        ("TNF_ENSG00000254647", "INS", "stable_id"),  # the ID is sure, whatever the symbol beside it
        ("FOO-ENSG00000111956", "TNF", "alias"),  # a retired ID
        ("INS__chr11", "INS", "symbol"),
        ("INS|3630", "INS", "alias"),
        ("FOO|3630", "INS", "alias"),
        ("ENSG00000111956", "TNF", "alias"),  # retired
        ("ENSG00000111956.12", "TNF", "alias"),
        ("ENSG00000002222", "INS", "alias"),  # two steps back
        ("NKX6.1", "NKX6-1", "symbol"),  # what R makes of the symbol, though it is a synonym of NKX6-2
        ("gene-NKX6.1", "NKX6-1", "symbol"),
        ("NKX6.1|4825", "NKX6-1", "symbol"),
        ("NKX6.1__chr4", "NKX6-1", "symbol"),
        ("hg38_NKX6.1", "NKX6-1", "symbol"),
        ("INS|NM_000207.3|PolyA_1", "INS", "symbol"),  # BD's targeted panels
        ("INS|ENST00000381330.5|Reference_end", "INS", "symbol"),
        ("ensg00000254647", "INS", "stable_id"),
        ("ensg00000254647.7", "INS", "stable_id"),
        ("ENSG00000254647.7_3", "INS", "stable_id"),  # GENCODE's lift-over
        ("gene-INS", "INS", "symbol"),  # NCBI's GFF
        *[(f"{label}{mark}INS", "INS", "symbol") for label in ("rna", "RNA", "gex") for mark in "_-.:|"],
        ("Gene:INS", "INS", "symbol"),
        ("GeneID:3630", "INS", "alias"),
        ("UniProtKB:P01308", "INS", "alias"),
        ("hsa:3630", "INS", "alias"),  # KEGG
        ("hg38:INS", "INS", "symbol"),
        ("GRCh38.INS", "INS", "symbol"),
        ("GRCh38.p13_INS", "INS", "symbol"),
        ("GRCh38.HLA-A", "HLA-A", "symbol"),
        ("HG19_INS", "INS", "symbol"),
        ("refdata-gex-GRCh38-2020-A_INS", "INS", "symbol"),
        ("GRCh38-premrna_INS", "INS", "symbol"),
        ("human:INS", "INS", "symbol"),
        ("Human-INS", "INS", "symbol"),
        ("Hs.INS", "INS", "symbol"),
        ("homo_sapiens:INS", "INS", "symbol"),
        ("HLA\u2013A", "HLA-A", "symbol"),  # a dash of a word processor
        ("TNF\u03b1", "TNF", "alias"),
    ],
)
def test_what_human_names_mean(release: homodb.Release, name: str, symbol: str, how: str) -> None:
    found = row(release, name)
    assert (found["symbol"], found["stable_id"], found["how"]) == (symbol, HUMAN[symbol], how)
    assert found["hint"] is None and found["candidates"] == []


@pytest.mark.parametrize(
    ("name", "symbol", "how"),
    [
        ("mm10___Ins2", "Ins2", "symbol"),
        ("mm10---Ins2", "Ins2", "symbol"),
        ("GRCm39_H2-K1", "H2-K1", "symbol"),
        ("H2.K1", "H2-K1", "symbol"),
        ("X4930451I11Rik", "4930451I11Rik", "symbol"),
        ("rna_4930451I11Rik", "4930451I11Rik", "symbol"),
        ("2-Sep", "Septin2", "date"),
        ("ENSMUSG00000000215.11", "Ins2", "stable_id"),
    ],
)
def test_what_mouse_names_mean(release: homodb.Release, name: str, symbol: str, how: str) -> None:
    found = row(release, name, "mouse")
    assert (found["symbol"], found["how"]) == (symbol, how)


@pytest.mark.parametrize(
    ("name", "symbols", "hint"),
    [
        ("1-Mar", ["MARCHF1", "MTARC1"], "MARCHF1 (once MARCH1) or MTARC1 (once MARC1)"),
        ("Mar-01", ["MARCHF1", "MTARC1"], "a date"),
        ("01. Mrz", ["MARCHF1", "MTARC1"], "a date"),
        ("3/1/2021", ["MARCHF1", "MTARC1"], "a date"),
        ("2001-03-01", ["MARCHF1", "MTARC1"], "a date"),
        ("ENSG00000001111", ["C4B", "C4B_2"], None),  # retired, split in two
    ],
)
def test_what_is_ambiguous(release: homodb.Release, name: str, symbols: list[str], hint: str | None) -> None:
    found = row(release, name)
    assert found["how"] == "ambiguous" and found["gene"] is None
    assert found["candidates"] == sorted(HUMAN[symbol] for symbol in symbols)
    assert found["hint"] is None if hint is None else hint in str(found["hint"])


@pytest.mark.parametrize(
    ("name", "how", "hint"),
    [
        ("ENSG00000000001", "retired", "the release does not have"),
        ("ENSG00000000001.4", "retired", "the release does not have"),
        ("ENSG00000999999", "unknown", "newer than all"),
        ("ENSMUSG00000000001", "unknown", "a stable ID of mus_musculus"),
        ("ENST00000381330", "unknown", "of a transcript"),
        ("ENSP00000250971.3", "unknown", "of a protein"),
        ("ERCC-00002", "unknown", "spike-in"),
        ("__no_feature", "unknown", "tally"),
        ("CD4_TotalSeqB", "unknown", "antibody"),
        ("mm10___Ins2", "unknown", "genome of mus_musculus"),
        ("chr1:100-200", "unknown", "region"),
        ("3-Mar", "unknown", "MARCHF3"),  # not in this release
        ("5-Oct", "unknown", "a date"),
        ("99-Sep", "unknown", "a date"),
        ("nan", "unknown", "no name"),
        ("", "unknown", "no name"),
        ("INS ", "unknown", "blanks"),
        ("999999", "unknown", "NCBI Gene"),
        ("Q9H2S6", "unknown", "UniProt"),
        ("SEPSECS-1", "unknown", None),  # begins like a month, and is no date
        ("sep-2", "unknown", None),  # a form of worm's names
        ("2-Separase", "unknown", None),
        ("ITGA2_ITGB1", "unknown", None),  # a pair of genes, and not ITGB1 of a genome ITGA2
        ("Foo", "unknown", None),
        ("TNFR1_TNF", "unknown", None),  # a prefix with a digit is no genome
        ("INS_ENSG00000999999", "unknown", "newer than all"),  # the symbol does not count
        ("INS_ENSG00000000001", "retired", "does not have"),
        ("ENSG00000254647_ENSG00000232810", "unknown", "several stable IDs"),
        ("sg1_ENSG00000254647", "unknown", "a guide"),
        ("ENSG00000254647-U", "unknown", "a part of a gene"),
        ("mir-155", "unknown", None),  # no second mir, which is a synonym
        ("miR_21", "unknown", None),
        ("FBgn0000001", "unknown", "the form of a stable ID, which is not in the release"),
        ("WBGene00000001.2", "unknown", "the form of a stable ID, which is not in the release"),
        ("mm10_ENSG00000254647", "unknown", "genome of mus_musculus"),
        ("mm10:INS", "unknown", "genome of mus_musculus"),
        ("mouse:INS", "unknown", "a gene of mus_musculus"),
        ("mmu:3630", "unknown", None),
        ("Hs.3630", "unknown", None),  # of UniGene
        ("gene-3630", "unknown", None),
        ("HGNC:3630", "unknown", "nomenclature"),
        ("Mar-21", "unknown", "a date"),  # no second Mar, which is a synonym
        ("Sep-2021", "unknown", "a date"),
        ("44441", "unknown", "2021-09-02 as a number, which a spreadsheet made of SEPT2"),
        ("2.31E+13", "unknown", "2310009E13Rik"),
        ("PDX1(+)", "unknown", "regulon"),
        ("INS1/2", "unknown", "several genes"),
        ("IN\u200bS", "unknown", "not visible"),
    ],
)
def test_what_means_nothing_and_why(release: homodb.Release, name: str, how: str, hint: str | None) -> None:
    found = row(release, name)
    assert (found["how"], found["gene"], found["candidates"]) == (how, None, [])
    assert found["hint"] is None if hint is None else hint in str(found["hint"])


def test_an_id_that_a_species_without_annotation_lacks_is_not_called_retired(release: homodb.Release) -> None:
    found = row(release, "ENSMUSG00000000001", "mouse")
    assert found["how"] == "unknown" and "was not given" in str(found["hint"])


@pytest.mark.slow
def test_a_mixture_in_one_call_is_as_one_by_one(release: homodb.Release) -> None:
    names = [
        "INS",
        "ENSG00000254647.7",
        "1-Mar",
        "2-Sep",
        "Foo",
        "INS",
        "",
        "C4B-2",
        "ENSG00000000001",
        "mm10_Ins2",
    ] * 3
    together = resolve(release, names, release.find_species("human"))
    assert together.rows() == [resolve(release, [name], release.find_species("human")).row(0) for name in names]
    assert together.height == 30


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    symbol=st.sampled_from(sorted(HUMAN)), beside=st.sampled_from([*HUMAN, "RP11-309M23.1", "Foo", "protein_coding"]),
    version=st.sampled_from(["", ".3"]), separator=st.sampled_from(["_", "|", ":", ";", "-", "/", "__"]),
    first=st.booleans(),
)  # fmt: skip
def test_a_name_with_an_id_means_what_the_id_means(
    release: homodb.Release, symbol: str, beside: str, version: str, separator: str, first: bool
) -> None:
    stable_id = HUMAN[symbol] + version
    name = separator.join([stable_id, beside] if first else [beside, stable_id])
    human = release.find_species("human")
    table = resolve(release, [name], human)
    assert table["stable_id"].item() == HUMAN[symbol]
    assert any(name in note for note in about_names(release, [(table, human)]))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    prefix=st.from_regex(r"[A-Z][A-Za-z]{1,4}[0-9]{1,3}[A-Z]{0,2}", fullmatch=True),
    symbol=st.sampled_from(sorted(HUMAN)),
)
def test_what_has_a_digit_is_no_genome(release: homodb.Release, prefix: str, symbol: str) -> None:
    if not re.match(ASSEMBLY, f"{prefix}_{symbol}"):
        assert row(release, f"{prefix}_{symbol}")["gene"] is None


@pytest.mark.parametrize(
    "date",
    [
        "{d}-{m}", "{d:02}-{m}", "{d}. {m}", "{d:02}.{m}", "{d} {m}", "{d}/{m}", "{m}-{d:02}", "{m} {d:02}",
        "{m}/{d:02}",
        "{d}-{m}-21", "{d:02}-{m}-2021", "{m}-{d:02}-2021", "2021-{n:02}-{d:02}", "2021-{n:02}-{d:02} 00:00:00",
        "2021-{n:02}-{d:02}T00:00:00.000", "2021/{n:02}/{d:02}", "{n}/{d}/2021", "{d:02}.{n:02}.2021", "{d}/{n}/21",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("words", "month", "day", "symbol"),
    [
        (("Sep", "sep", "SEP", "Sept", "sept"), 9, 2, "SEPTIN2"),
        (("Mar", "Mrz", "M\u00e4r", "mars", "mrt"), 3, 5, "MARCHF5"),
    ],
)
def test_dates_in_every_form(
    release: homodb.Release, date: str, words: tuple[str, ...], month: int, day: int, symbol: str
) -> None:
    """Also where the month alone, or with a suffix that makes it unique, is another gene's synonym."""
    names = [date.format(d=day, m=word, n=month) for word in words]
    table = resolve(release, names, release.find_species("human"))
    assert set(table["symbol"]) == {symbol} and set(table["how"]) == {"date"}


def test_dates_of_a_species_whose_own_genes_look_like_them(tmp_path: Path) -> None:
    worm = ["sep-1", "apr-1", "mars-1", "unc-13", "dec-7", "dec-07"]
    write(
        tmp_path / "pairs.txt",
        "Gene stable ID\tGene name\tCaenorhabditis elegans gene stable ID\tCaenorhabditis elegans gene name\t"
        "Caenorhabditis elegans homology type",
        [(f"ENSG{i:011}", f"GENE{i}", f"WBGene{i:08}", name, "ortholog_one2one") for i, name in enumerate(worm, 1)],
    )
    (tmp_path / "release.toml").write_text(
        '[release]\nversion = "worm"\n[[species]]\nname = "human"\n[[species]]\nname = "worm"\n'
        '[[homology]]\nsource = "human"\ntarget = "worm"\nformat = "biomart"\npath = "pairs.txt"\n'
    )
    build_release(tmp_path / "release.toml", tmp_path / "rel")
    with homodb.open(tmp_path / "rel") as opened:
        table = resolve(
            opened, ["1-Sep", "Apr-01", "1-Mar", "7-Dec", "2-Sep", "foo_WBGene00000004"], opened.find_species("worm")
        )
    assert table["symbol"].to_list() == ["sep-1", "apr-1", "mars-1", None, None, "unc-13"]
    assert table["how"].to_list() == ["date", "date", "date", "ambiguous", "unknown", "stable_id"]


# Which species


def test_votes_count_what_is_left_of_names(release: homodb.Release) -> None:
    votes = species_votes(release, ["INS", "mm10___Ins2", "GRCh38_TNF", "Foo", "ENSG00000254647.7"])
    assert votes.rows() == [("homo_sapiens", 3, 3), ("mus_musculus", 1, 1)]
    votes = species_votes(release, ["human:INS", "mouse:Ins2", "Hs.TNF", "gene-TNF", "hg38:INS", "mouse:INS"])
    assert votes.rows() == [("homo_sapiens", 4, 4), ("mus_musculus", 1, 1)]


def test_an_assembly_tells_the_species_whatever_the_symbol(release: homodb.Release) -> None:
    assert species_votes(release, ["mm10_INS"])["known"].to_list() == [0, 0]


def test_accessions_vote_where_hardly_any_symbol_is_known(release: homodb.Release) -> None:
    names = ["3630", "7124", "P01308", "P01375", "NM_000207.3", "LOC7124", "999"]
    assert detect_species(release, names).name == "homo_sapiens"
    assert detect_species(release, ["ENSG00000111956", "ENSG00000002222"], few=True).name == "homo_sapiens"


def test_numbers_of_rows_are_no_gene_numbers(release: homodb.Release) -> None:
    with pytest.raises(UndecidedSpeciesError, match=messages.Genes.column):
        detect_species(release, [str(i) for i in range(8000)])


@pytest.mark.parametrize(
    ("names", "answer"),
    [(["0", "1"], True), (["1", "2"], True), (["1", "3"], False), (["INS"], False), ([], False), (["2", "3"], False)],
)
def test_positions(names: list[str], answer: bool) -> None:
    assert are_positions(names) is answer


@pytest.mark.shared
def test_every_name_of_the_real_cells_keeps_its_meaning_when_a_tool_changes_it(
    real: homodb.Release, shared_data: Path
) -> None:
    """Names as Cell Ranger, Seurat and R change them mean what they meant, or nothing; never another gene."""
    mouse = real.find_species("mouse")
    symbols = real.sql(
        "SELECT symbol FROM gene WHERE species = 2 AND symbol IS NOT NULL ORDER BY hash(symbol) LIMIT 6000"
    )["symbol"]
    changes = {
        "genome": "mm10___" + symbols,
        "seurat": symbols.str.replace_all("_", "-", literal=True),
        "make.names": symbols.str.replace(r"^(\d)", "X${1}").str.replace_all(r"[^A-Za-z0-9._]", "."),
    }
    for change, changed in changes.items():
        found = resolve(real, changed.to_list(), mouse)
        kept = found["symbol"].eq_missing(symbols)
        assert found.filter(~kept)["symbol"].is_null().all(), change
        assert kept.mean() > 0.99, change


@pytest.mark.parametrize("change", [str.lower, str.swapcase])
def test_names_in_another_case_propose_the_species(toy: homodb.Release, change: Callable[[str], str]) -> None:
    names = [change(name) for name in ("Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "Rplp0", "Dup1")]
    with pytest.raises(UndecidedSpeciesError, match=messages.Genes.but_for_their_case):
        detect_species(toy, names)
