"""Genes: merged, keyed, primary ones told from alternate loci, marked."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import Genes, add_gene_keys, assign_primary_genes, collect_genes, mark_genes, non_coding_biotype
from homodb.etl.sources import GENES
from homodb.schema.species import KEYS_PER_SPECIES, find

HUMAN, MOUSE, PIG = (find(name).number for name in ("human", "mouse", "pig"))
SCHEMA = pl.DataFrame(GENES.empty_table()).schema


def table(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([tuple(row.get(name) for name in SCHEMA) for row in rows], schema=SCHEMA, orient="row")


def gene(stable_id: str | None, symbol: str | None = None, species: int = HUMAN, **told: Any) -> dict[str, Any]:
    return {"species": species, "stable_id": stable_id, "symbol": symbol, **told}


def homologies(*rows: tuple[int, int] | tuple[int, int, str]) -> pl.DataFrame:
    filled = [(*row, "ortholog_one2one")[:3] for row in rows]
    schema = {"gene_a": pl.Int64, "gene_b": pl.Int64, "homology_type": pl.String}
    return pl.DataFrame(filled, schema=schema, orient="row")


def by_id(genes: Genes) -> dict[str, dict[str, Any]]:
    return {row["stable_id"]: row for row in genes.table.iter_rows(named=True)}


def primary(
    *rows: dict[str, Any], orthologous: tuple[str, ...] = (), alleles: tuple[tuple[str, str], ...] = ()
) -> dict[str, tuple[str, str]]:
    """Of each gene the primary gene's stable ID, and what told it."""
    genes = collect_genes([("annotation", table(*rows))])
    keys = {stable_id: row["gene"] for stable_id, row in by_id(genes).items()}
    known = homologies(*((keys[stable_id], MOUSE * KEYS_PER_SPECIES) for stable_id in orthologous))
    schema = {"species": pl.Int16, "gene_id": pl.String, "allele_group": pl.String}
    done = assign_primary_genes(
        genes, known, pl.DataFrame([(HUMAN, *one) for one in alleles], schema=schema, orient="row")
    )
    names = {key: stable_id for stable_id, key in keys.items()}
    return {stable_id: (names[row["primary_gene"]], row["primary_basis"]) for stable_id, row in by_id(done).items()}


# ---------------------------------------------------------------------------------------------- merging and keys


def test_the_first_source_that_tells_a_detail_wins() -> None:
    annotation = table(gene("E1", None, region="11", biotype=None))
    proteome = table(gene("E1", "OLD", region="X", biotype="protein_coding", version=3))
    biomart = table(gene("E1", "NEW", biotype="lncRNA", description="said"), gene("E2", "B"))
    row = by_id(collect_genes([("annotation", annotation), ("proteome", proteome), ("biomart", biomart)]))["E1"]
    assert (row["symbol"], row["region"], row["version"], row["description"]) == ("OLD", "11", 3, "said")
    assert (row["biotype"], row["biotype_basis"]) == ("protein_coding", "proteome")


def test_the_order_of_sources_counts_not_that_of_rows() -> None:
    told = [
        ("annotation", table(gene("E2", "b"), gene("E1", "a"))),
        ("biomart", table(gene("E1", "x"), gene("E2", "y"))),
    ]
    assert [row["symbol"] for row in collect_genes(told).table.iter_rows(named=True)] == ["a", "b"]
    assert [row["symbol"] for row in collect_genes(told[::-1]).table.iter_rows(named=True)] == ["x", "y"]


names = st.text(st.characters(min_codepoint=33, blacklist_categories=("Cs",)), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from([HUMAN, MOUSE, PIG]), names), st.integers(0, 3), min_size=1))
def test_keys_rank_stable_ids_within_their_species(found: dict[tuple[int, str], int]) -> None:
    """In the order of bytes, as DuckDB sorts too, whatever the order and the number of tellings."""
    rows = [gene(stable_id, None, species) for (species, stable_id), more in found.items() for _ in range(1 + more)]
    got = {(row[0], row[1]): row[2] for row in collect_genes([("x", table(*rows))]).by_stable_id.iter_rows()}
    for species in {species for species, _ in found}:
        ids = sorted((stable_id for number, stable_id in found if number == species), key=str.encode)
        assert [got[species, stable_id] for stable_id in ids] == [species * 2**24 + rank for rank in range(len(ids))]
    assert len(got) == len(found)


def test_a_symbol_stands_in_only_where_no_stable_id_bears_it() -> None:
    genes = collect_genes(
        [
            ("biomart", table(gene("E1", "INS"), gene("M1", "Only", MOUSE))),
            ("hits", table(gene(None, "INS"), gene(None, "ORPH"), gene(None, "E1"), gene(None, "INS", MOUSE))),
        ]
    )
    stand_ins = {
        (row["species"], row["stable_id"]) for row in genes.table.iter_rows(named=True) if row["symbol_stands_in"]
    }
    assert stand_ins == {(HUMAN, "ORPH"), (MOUSE, "INS")}
    assert {row["symbol"] for row in genes.table.iter_rows(named=True)} == {"INS", "ORPH", "Only"}


def test_pairs_find_their_genes_by_stable_id_and_only_without_one_by_symbol() -> None:
    genes = collect_genes([("x", table(gene("E1", "A"), gene("E2", "B"), gene("E3", "DUP"), gene("E4", "DUP")))])
    frame = pl.DataFrame(
        [
            (HUMAN, "E1", "B"), (HUMAN, None, "B"), (HUMAN, None, "DUP"),
            (HUMAN, "E9", "A"), (MOUSE, "E1", "A"), (HUMAN, None, None),
        ],
        schema={"species_a": pl.Int16, "stable_id_a": pl.String, "symbol_a": pl.String},
        orient="row",
    )  # fmt: skip
    keys = {stable_id: row["gene"] for stable_id, row in by_id(genes).items()}
    assert add_gene_keys(frame, genes, "a")["gene_a"].to_list() == [keys["E1"], keys["E2"], None, None, None, None]
    assert genes.shared_symbols.rows() == [(HUMAN, "DUP")]


# ---------------------------------------------------------------------------------------------- primary genes


@pytest.mark.parametrize(
    "region",
    [
        "CHR_HSCHR6_MHC_COX_CTG1", "HSCHR6_MHC_QBL_CTG1", "CHR_HG2030_PATCH", "HG2030_PATCH", "HG1342_HG2282_PATCH",
        "CHR_MG132_PATCH", "MMCHR1_CHORI29_IDD5_1", "LRG_321", "HSCHR17_1_CTG5", "HSCHR6_HAP2",
    ],
)  # fmt: skip
def test_genes_on_haplotypes_and_patches_stand_for_the_primary_one(region: str) -> None:
    assert primary(gene("E1", "TNF", region=region), gene("E2", "TNF", region="6")) == {
        "E1": ("E2", "region"),
        "E2": ("E2", "region"),
    }


@pytest.mark.parametrize(
    "region",
    ["1", "X", "MT", "KI270711.1", "GL000194.1", "JH584304.1", "AEMK02000452.1", "III", "2L", "Chr1", "scaffold_12"],
)
def test_chromosomes_and_unplaced_scaffolds_are_primary(region: str) -> None:
    """So two genes of one symbol there are two genes."""
    assert primary(gene("E1", "TBCE", region=region), gene("E2", "TBCE", region="6")) == {
        "E1": ("E1", "region"),
        "E2": ("E2", "region"),
    }


def test_without_a_primary_copy_the_lowest_alternate_locus_is_primary() -> None:
    got = primary(
        gene("E3", "HLA-DRB3", region="HSCHR6_MHC_COX_CTG1"),
        gene("E2", "HLA-DRB3", region="HSCHR6_MHC_QBL_CTG1"),
        gene("E1", "TNF", region="6"),
    )
    assert got == {"E1": ("E1", "region"), "E2": ("E2", "region"), "E3": ("E2", "region")}


def test_an_alternate_locus_of_two_primary_genes_is_not_guessed() -> None:
    got = primary(
        gene("E1", "DUP", region="1"), gene("E2", "DUP", region="2"), gene("E3", "DUP", region="HSCHR1_1_CTG1")
    )
    assert got["E3"] == ("E3", "region")


def test_genes_without_symbol_stand_for_themselves() -> None:
    got = primary(gene("E1", None, region="6"), gene("E2", None, region="HSCHR6_MHC_COX_CTG1"))
    assert got == {"E1": ("E1", "region"), "E2": ("E2", "region")}


def test_the_pseudo_autosomal_copy_on_y_stands_for_the_one_on_x() -> None:
    plcxd1 = {"region_start": 276_322, "region_end": 303_356}
    got = primary(
        gene("E2", "PLCXD1", region="X", **plcxd1),
        gene("E1", "PLCXD1", region="Y", **plcxd1),
        gene("E3", "SRY", region="Y", region_start=2_786_855),
        gene("E4", "AMELX", region="X", region_start=11_293_413),
        gene("E5", "AMELX", region="Y", region_start=6_865_918),
    )
    assert got["E1"] == ("E2", "region")
    # male-specific genes are no copies
    assert {key: got[key][0] for key in ("E3", "E4", "E5")} == {"E3": "E3", "E4": "E4", "E5": "E5"}


def test_gencodes_par_y_is_a_copy() -> None:
    got = primary(
        gene("ENSG00000182378", "PLCXD1", region="X", region_start=276_322),
        gene("ENSG00000182378_PAR_Y", "PLCXD1", region="Y", region_start=276_322),
    )
    assert set(got.values()) == {("ENSG00000182378", "region")}


def test_pseudo_autosomal_regions_are_those_of_human_only() -> None:
    on_x = gene("M1", "Erdr1", MOUSE, region="X", region_start=100_000)
    got = primary(on_x, on_x | {"stable_id": "M2", "region": "Y"})
    assert [found for found, _ in got.values()] == ["M1", "M2"]


def test_without_regions_orthology_tells() -> None:
    symbols = ("TNF", "TNF", "TBCE", "TBCE", "INS", "NON", "NON")
    rows = [gene(f"E{number}", symbol) for number, symbol in enumerate(symbols, 1)]
    assert primary(*rows, orthologous=("E2", "E3", "E4")) == {
        "E1": ("E2", "orthology"),
        "E2": ("E2", "orthology"),
        "E3": ("E3", "unknown"),
        "E4": ("E4", "unknown"),
        "E5": ("E5", "unknown"),
        "E6": ("E6", "unknown"),
        "E7": ("E7", "unknown"),
    }


def test_elsewhere_genes_of_one_symbol_are_copies() -> None:
    """Pig has no haplotypes: of two genes of one name, that without homologies is a gene too."""
    pig = 61
    genes = collect_genes([("x", table(gene("P1", "A", pig), gene("P2", "A", pig)))])
    keys = {stable_id: row["gene"] for stable_id, row in by_id(genes).items()}
    pairs = homologies((keys["P1"], keys["P1"]))
    for alternate_loci, main in (({}, "P2"), ({pig: None}, "P2"), ({pig: False}, "P2"), ({pig: True}, "P1")):
        done = by_id(assign_primary_genes(genes, pairs, None, alternate_loci))
        assert done["P2"]["primary_gene"] == keys[main]
    alleles = pl.DataFrame(
        {"species": [pig, pig], "gene_id": ["P8", "P9"], "allele_group": ["P8", "P8"]},
        schema_overrides={"species": pl.Int16},
    )  # a core database that lists alternate alleles
    assert by_id(assign_primary_genes(genes, pairs, alleles))["P2"]["primary_gene"] == keys["P1"]
    human = collect_genes([("x", table(gene("E1", "A"), gene("E2", "A")))])
    keys = {stable_id: row["gene"] for stable_id, row in by_id(human).items()}
    done = by_id(assign_primary_genes(human, homologies((keys["E1"], keys["E1"])), None, {1: False}))
    assert done["E2"]["primary_gene"] == keys["E2"]


def test_where_regions_are_known_orthology_does_not_tell() -> None:
    rows = [
        gene("E1", "TNF", region="6"), gene("E2", "TNF", region="HSCHR6_MHC_COX_CTG1"),
        gene("E3", "B", region="1"), gene("E4", "B", region="2"),
    ]  # fmt: skip
    assert {key: value for key, (value, _) in primary(*rows, orthologous=("E2", "E4")).items()} == {
        "E1": "E1", "E2": "E1", "E3": "E3", "E4": "E4",
    }  # fmt: skip


def test_each_species_is_told_by_what_it_has() -> None:
    genes = collect_genes(
        [
            (
                "x",
                table(
                    gene("E1", "A", region="6"),
                    gene("E2", "A", region="6"),
                    gene("M1", "A", MOUSE),
                    gene("M2", "A", MOUSE),
                ),
            )
        ]
    )
    keys = {stable_id: row["gene"] for stable_id, row in by_id(genes).items()}
    done = by_id(assign_primary_genes(genes, homologies((keys["E1"], keys["M1"]))))
    assert {stable_id: row["primary_basis"] for stable_id, row in done.items()} == {
        "E1": "region", "E2": "region", "M1": "orthology", "M2": "orthology",
    }  # fmt: skip
    assert done["M2"]["primary_gene"] == keys["M1"]
    assert done["E2"]["primary_gene"] == keys["E2"]


def test_alternate_alleles_are_told_by_ensembl_before_symbols() -> None:
    loci = (
        gene("E1", "A", region="6"), gene("E2", "B", region="7"),
        gene("E3", None, region="HSCHR6_MHC"), gene("E4", "A", region="HG1_PATCH"), gene("E5", "A", region="HG2_PATCH"),
    )  # fmt: skip
    assert primary(*loci) == {
        "E1": ("E1", "region"), "E2": ("E2", "region"), "E3": ("E3", "region"), "E4": ("E1", "region"),
        "E5": ("E1", "region"),
    }  # fmt: skip
    told = primary(*loci, alleles=(("E1", "E1"), ("E3", "E1"), ("E2", "E2"), ("E4", "E2")))
    assert told == {
        "E1": ("E1", "region"), "E2": ("E2", "region"), "E3": ("E1", "alternate allele"),
        "E4": ("E2", "alternate allele"), "E5": ("E1", "region"),
    }  # fmt: skip


def test_two_genes_of_the_primary_assembly_stay_apart_whatever_their_alleles() -> None:
    loci = (gene("E1", "A", region="6"), gene("E2", "B", region="7"), gene("E3", None, region="HG1_PATCH"))
    alleles = (("E1", "E1"), ("E2", "E1"), ("E3", "E1"))
    assert {one: to for one, (to, _) in primary(*loci, alleles=alleles).items()} == {"E1": "E1", "E2": "E2", "E3": "E3"}


def test_a_locus_that_others_stand_for_may_be_an_allele_itself() -> None:
    loci = (gene("E1", "A", region="6"), gene("E2", "X", region="HG1_PATCH"), gene("E3", "X", region="HG2_PATCH"))
    told = primary(*loci, alleles=(("E1", "E1"), ("E2", "E1")))
    assert {one: to for one, (to, _) in told.items()} == {"E1": "E1", "E2": "E1", "E3": "E1"}


def test_without_regions_alleles_tell_of_which_one_is_orthologous() -> None:
    told = primary(gene("E1", "A"), gene("E2", "B"), orthologous=("E2",), alleles=(("E1", "E1"), ("E2", "E1")))
    assert {one: to for one, (to, _) in told.items()} == {"E1": "E2", "E2": "E2"}


def test_a_symbol_of_one_primary_gene_means_it() -> None:
    genes = collect_genes([("x", table(gene("E1", "TNF", region="6"), gene("E2", "TNF", region="HG1_PATCH")))])
    assert genes.by_symbol.is_empty()
    done = assign_primary_genes(genes, homologies())
    assert done.by_symbol.rows() == [(HUMAN, "TNF", HUMAN * KEYS_PER_SPECIES)]
    assert done.shared_symbols.is_empty()
    assert done.by_stable_id.height == 2


# ---------------------------------------------------------------------------------------------- marks


def marked(
    *rows: dict[str, Any], pairs: tuple[tuple[str, str], ...] = (), kind: str = "ortholog_one2one"
) -> dict[str, dict[str, Any]]:
    genes = collect_genes([("annotation", table(*rows))])
    keys = {stable_id: row["gene"] for stable_id, row in by_id(genes).items()}
    found = homologies(*((keys[a], keys[b], kind) for a, b in pairs))
    return by_id(mark_genes(assign_primary_genes(genes, found), found))


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (gene("E", "MT-ND1"), True),
        (gene("E", "mt-Nd1", MOUSE), True),
        (gene("E", "Mt-nd1", find("rat").number), True),
        (gene("E", "mt:ND1", find("fruit fly").number), True),
        (gene("E", "MTOR"), False),
        (gene("E", "MT1A"), False),
        (gene("E", "Mt1", MOUSE), False),
        (gene("E", None), False),
        (gene("E", "ND1", PIG, region="MT"), True),
        (gene("E", "COX1", region="chrM"), True),
        (gene("E", "Q0045", region="Mito"), True),
        (gene("E", "MTCH1", region="6"), False),
        # the location is known, and it is not there: a nuclear copy
        (gene("E", "MT-ND1", region="1"), False),
    ],
)
def test_mitochondrial(row: dict[str, Any], wanted: bool) -> None:
    assert marked(row)["E"]["mitochondrial"] is wanted


def test_the_mitochondrial_mark_goes_to_one_to_one_orthologs_of_unknown_location() -> None:
    rows = [
        gene("E1", "MT-ND1"),
        gene("M1", "Odd", MOUSE),
        gene("P1", "ND1", PIG),
        gene("P2", "ND1L", PIG),
        gene("M2", "Nuclear", MOUSE),
    ]
    done = marked(*rows, pairs=(("E1", "P1"), ("M1", "P1")))
    assert {key for key, row in done.items() if row["mitochondrial"]} == {"E1", "P1"}  # not on and on to M1
    placed = marked(*rows[:2], gene("P1", "ND1", PIG, region="2"), pairs=(("E1", "P1"),))
    assert placed["P1"]["mitochondrial"] is False
    assert marked(*rows, pairs=(("E1", "P1"),), kind="ortholog_one2many")["P1"]["mitochondrial"] is False


def test_the_ribosomal_mark_goes_to_one_to_one_orthologs() -> None:
    rows = [gene("E1", "RPL3"), gene("M1", None, MOUSE), gene("M2", "Rpl3l", MOUSE), gene("P1", None, PIG, region="5")]
    done = marked(*rows, pairs=(("E1", "M1"), ("E1", "P1")))
    assert {key for key, row in done.items() if row["ribosomal"]} == {"E1", "M1", "M2", "P1"}
    named_elsewhere = marked(gene("E1", "RPL3"), gene("P1", "NOTME", PIG, region="5"), pairs=(("E1", "P1"),))
    assert named_elsewhere["P1"]["ribosomal"] is False


def test_pseudo_autosomal_genes() -> None:
    rows = [
        gene("E1", "PLCXD1", region="X", region_start=276_322), gene("E2", "PLCXD1", region="Y", region_start=276_322),
        gene("E3", "IL9R", region="X", region_start=155_997_581),
        gene("E4", "XIST", region="X", region_start=73_820_651),
        gene("E5", "NOWHERE"), gene("M1", "Xist", MOUSE, region="X", region_start=276_322), gene("E6_PAR_Y", "CD99"),
    ]  # fmt: skip
    assert {key: row["pseudoautosomal"] for key, row in marked(*rows).items()} == {
        "E1": True, "E2": True, "E3": True, "E4": False, "E5": None, "M1": None, "E6_PAR_Y": True,
    }  # fmt: skip


def told_by_symbol(symbols: str) -> dict[str, str | None]:
    frame = pl.DataFrame({"symbol": symbols.split()})
    told = frame.select(non_coding_biotype(pl.col("symbol"))).to_series()
    return dict(zip(frame["symbol"], told, strict=True))


@pytest.mark.parametrize(
    ("biotype", "symbols"),
    [
        ("lncRNA", "XIST Xist MALAT1 LINC00115 HOXA-AS2 NKX2-1-AS1 SNHG1 MIR17HG MIR133A1HG Mir99ahg MIRLET7BHG"),
        ("miRNA", "MIR124-3 MIR21 MIRLET7A1 Mirlet7c-1 MIR125B1 MIR548AA1 Mir9-3"),
        ("snoRNA", "SNORD3A SNORD115-1 SNORA73B Snord15b"),
        ("scaRNA", "SCARNA2"),
        ("snRNA", "RNU6-1 RNU4ATAC RNU6-50P"),
        ("Mt_tRNA", "MT-TF mt-Tl1"),
        ("Mt_rRNA", "MT-RNR2 mt-Rnr1"),
        ("misc_RNA", "RN7SL1 RN7SL473P RN7SK RN7SKP123 RNY1"),
        ("rRNA", "RNA5SP145 RNA45SN5"),
        ("tRNA", "TRA-AGC1-1"),
    ],
)
def test_symbols_that_only_non_coding_genes_bear(biotype: str, symbols: str) -> None:
    assert told_by_symbol(symbols) == dict.fromkeys(symbols.split(), biotype)


def test_symbols_of_coding_genes_tell_nothing() -> None:
    """MIR1-1HG hosts a microRNA, and codes for a protein (UniProt Q9H1L0)."""
    symbols = """
        MIR1-1HG AIRE TERF1 TERT TRAC TRADD MIRO1 MT-ND1 MT-CO1 MT1X RNASE1 RNF1 RNASEH1 SNORC SNRPN SNURF SCARB1 SCARF1
        LINGO1 LIN28A ASIC1 H1-0 H19X MEGF8 MIA PASK KCNQ1 DLEU7 TUG1A GAST LDT YPR161W-A HLA-A NKX2-1 ERVK3-1
        BORCS8-MEF2B 4930451I11Rik
    """
    assert told_by_symbol(symbols) == dict.fromkeys(symbols.split())


def test_a_symbol_tells_the_biotype_only_where_no_source_does() -> None:
    done = marked(gene("E1", "XIST"), gene("E2", "MALAT1", biotype="protein_coding"), gene("E3", "INS"), gene("E4"))
    told = {key: (row["biotype"], row["biotype_basis"]) for key, row in done.items()}
    assert told == {
        "E1": ("lncRNA", "nomenclature"), "E2": ("protein_coding", "annotation"),
        "E3": (None, None), "E4": (None, None),
    }  # fmt: skip


def ribosomal(symbols: str) -> list[str]:
    rows = [gene(symbol, symbol) for symbol in symbols.split()]
    return [key for key, row in marked(*rows, gene("unnamed")).items() if row["ribosomal"]]


def test_ribosomal() -> None:
    symbols = """
        FAU RPSA UBA52 RPL3 RPL7A RPL10L RPL13A RPL22L1 RPL36AL RPL41 RPLP0 RPLP2 RPS2 RPS3A RPS4X RPS4Y1 RPS27A RPS27L
        RPS29 Rpl13a Rps3a1 Rplp1 RpL3 RPL11A RPL2B rpl7.1
    """
    assert sorted(ribosomal(symbols)) == sorted(symbols.split())


def test_not_ribosomal() -> None:
    """Kinases of S6, pseudogenes, read-throughs, and the ribosome of mitochondria."""
    symbols = """
        RPS6KA1 RPS6KB1 RPS6KC1 RPS6KL1 RPL21P75 RPS2P5 RPSAP58 RPLP0P6 RPS19BP1 RPS10-NUDT3 RPL36A-HNRNPH2
        RPL17-C18orf32 Rpl21-ps1 MRPL3 MRPS2 RPN1 RPA1 RPP14 RPRD1A RPGR FAUP1
    """
    assert ribosomal(symbols) == []


# ---------------------------------------------------------------------------------------------- the toy


def test_toy_genes(toy: homodb.Release) -> None:
    """The cases of tests/toy/README.md."""
    rows = toy.sql(
        "SELECT s.common_name, coalesce(g.symbol, g.stable_id) AS name, g.stable_id, g.symbol_stands_in, g.biotype, "
        "g.biotype_basis, g.mitochondrial, g.ribosomal, g.pseudoautosomal, p.stable_id AS primary_id, g.primary_basis "
        "FROM gene g JOIN species s USING (species) JOIN gene p ON p.gene = g.primary_gene"
    ).rows(named=True)
    found = {row["stable_id"]: row for row in rows}
    assert {row["stable_id"] for row in rows if row["stable_id"] != row["primary_id"]} == {
        "ENSG00000000018", "ENSG00000000020", "ENSG00000000022",
    }  # fmt: skip
    assert found["ENSG00000000018"]["primary_id"] == "ENSG00000000003"  # TNF
    assert found["ENSG00000000022"]["primary_id"] == "ENSG00000000021"  # HLA-DRB3: the lower stable ID
    assert found["ENSG00000000020"]["primary_id"] == "ENSG00000000019"  # PLCXD1: the one on X
    assert [found[f"ENSG000000000{n}"]["pseudoautosomal"] for n in (19, 20, 17)] == [True, True, False]
    assert {row["name"] for row in rows if row["mitochondrial"]} == {"MT-ND1", "mt-Nd1", "ND1"}
    assert {row["name"] for row in rows if row["ribosomal"]} == {"RPLP0", "Rplp0"}
    assert {row["name"] for row in rows if row["symbol_stands_in"] and row["common_name"] == "mouse"} == {
        "Orph9",
        "Xist",
    }
    assert all(row["symbol_stands_in"] for row in rows if row["common_name"] == "pig")
    assert (found["ENSG00000000008"]["biotype"], found["ENSG00000000008"]["biotype_basis"]) == ("lncRNA", "annotation")
    assert (found["Xist"]["biotype"], found["Xist"]["biotype_basis"]) == ("lncRNA", "nomenclature")
    assert {row["primary_basis"] for row in rows if row["common_name"] == "human"} == {"region"}


def test_toy_aliases(toy: homodb.Release) -> None:
    rows = toy.sql("SELECT stable_id, alias, kind FROM gene_alias JOIN gene USING (gene)").rows()
    assert ("ENSG00000000003", "ENSG00000000018", "alternate_locus") in rows
    assert ("ENSG00000000019", "ENSG00000000020", "alternate_locus") in rows
    # both copies' NCBI Gene and synonym are one alias of the primary one
    assert rows.count(("ENSG00000000003", "7124", "entrez")) == 1
    assert rows.count(("ENSG00000000003", "TNFA", "synonym")) == 1
    assert not [row for row in rows if row[0] == "ENSG00000000018"]


def test_nomenclature_speaks_for_vertebrates_only() -> None:
    from homodb.etl import OTHER_COMMITTEES
    from homodb.schema.species import find, registry

    for name in (
        "yeast",
        "fruit fly",
        "c. elegans",
        "arabidopsis_thaliana",
        "ciona_intestinalis",
        "tetrahymena_thermophila",
    ):
        assert find(name).number in OTHER_COMMITTEES
    for name in (
        "human",
        "mouse",
        "zebrafish",
        "chicken",
        "lamprey",
        "hagfish",
        "xenopus_tropicalis",
        "maylandia_zebra",
    ):
        assert find(name).number not in OTHER_COMMITTEES
    assert {species.number for species in registry()} >= OTHER_COMMITTEES
