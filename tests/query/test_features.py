"""Antibodies, peaks, guides and hashtags are told from genes, whatever a tool calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import homodb
from homodb.query.genes import feature_kinds
from homodb.query.genes.features import kinds_by_name
from homodb.query.inspect import inspect
from homodb.schema.errors import TranslationError
from tests import messages

GENES = ["Ins1", "Gcg", "Tnf", "Vwf", "Rplp0", "Dup1"]

#: Words of tools for gene expression and for other kinds of features: 10x, muon, CellBender, NeurIPS 2021, Parse, BD,
#: cellxgene, Xenium, CosMx.
WORDS = {
    "Gene Expression": ("Antibody Capture", "CRISPR Guide Capture", "Multiplexing Capture", "Custom", "Peaks"),
    "GEX": ("ATAC", "ADT"),
    "rna": ("prot", "atac", "protein", "hto"),
    "RNA": ("Protein", "ADT", "CITE-seq"),
    "gene": ("spike-in", "antibody", "guide"),
    "mRNA": ("AbSeq", "Sample Tag"),
    "Transcriptome": ("CRISPR", "Immune receptor"),
    "gene_expression": ("Negative Control Probe", "Unassigned Codeword", "Negative Control Codeword", "whatever"),
    "Endogenous": ("Negative", "SystemControl"),
}
COLUMNS = (
    "feature_types", "feature_type", "modality", "feature_biotype", "Feature Type", "feature_types-1",
    "rna:feature_types", "featuretype", "library_type", "type",
)  # fmt: skip
EMPTY = (None, np.nan, "", " ", "nan", "NA", "None", "0", "unknown")


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells(names: list[str], column: str | None = None, words: list[object] | None = None) -> anndata.AnnData:
    """Two cells; every gene has 1, every other feature 1,000 as its tests set them."""
    var = pd.DataFrame(index=pd.Index(names, dtype=object))
    if column is not None:
        var[column] = pd.Series(words, index=var.index, dtype=object)
    counts = np.array([[1000 if place >= len(GENES) else 1 for place in range(len(names))]] * 2, np.float32)
    return anndata.AnnData(counts, obs=pd.DataFrame(index=["a", "b"]), var=var)


def largest(adata: anndata.AnnData, release: homodb.Release) -> tuple[float, str]:
    result, report = homodb.translate(
        adata, "human", source="mouse", release=release, force=True, return_report=True
    )  # a handful of genes, of which few may be known
    return float(np.asarray(result.X).max()), "\n".join(report.notes)


@pytest.mark.slow
@given(data=st.data(), gene=st.sampled_from(sorted(WORDS)), column=st.sampled_from(COLUMNS))
def test_a_column_tells_the_kind_in_the_words_of_any_tool(
    release: homodb.Release, data: st.DataObject, gene: str, column: str
) -> None:
    """Antibodies of the same names as genes, in any order, with rows of which nothing is said."""
    others = data.draw(st.lists(st.sampled_from(WORDS[gene]), min_size=1, max_size=4))
    assume(column != "type" or "whatever" not in others)  # an unknown word in a column of a general name
    said = data.draw(st.lists(st.booleans(), min_size=len(GENES), max_size=len(GENES)))
    if column == "type" or not any(said):
        said = [True] * len(GENES)
    empty = data.draw(st.sampled_from(EMPTY))
    names = [*GENES, *data.draw(st.permutations(GENES))[: len(others)]]
    words: list[object] = [*(gene if one else empty for one in said), *others]
    adata = cells(names, column, words)
    order = data.draw(st.permutations(range(len(names))))
    value, notes = largest(adata[:, order].copy(), release)
    assert value == 1 and f"not gene expression by var[{column!r}]" in notes
    kinds = feature_kinds(adata.var)
    assert [one is not False for one in kinds.is_gene] == [True] * len(GENES) + [False] * len(others)


@pytest.mark.slow
@given(
    column=st.sampled_from(COLUMNS), words=st.lists(st.sampled_from(EMPTY), min_size=len(GENES), max_size=len(GENES))
)
def test_a_column_without_words_says_nothing(release: homodb.Release, column: str, words: list[object]) -> None:
    adata = cells(GENES, column, words)
    _, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert report.fates["fate"].to_list() == ["mapped"] * len(GENES)
    assert feature_kinds(adata.var).columns == ()


@pytest.mark.parametrize("words", [["protein_coding", "lncRNA"], ["IG_V_gene", "processed_pseudogene"], ["x", "y"]])
def test_biotypes_and_unknown_words_are_no_reason_to_leave_genes_out(words: list[str]) -> None:
    kinds = feature_kinds(pd.DataFrame({"feature_type": words * 3, "name": "Antibody Capture"}))
    assert False not in kinds.is_gene


def test_any_column_that_names_another_kind_counts() -> None:
    """A join of objects leaves one column of each: what one does not say, the other does."""
    var = pd.DataFrame({
        "feature_types-0": ["Gene Expression", None, "0", "Gene Expression"],
        "feature_types-1": [None, "Antibody Capture", "0", "0"], "modality": ["rna", "prot", "rna", "prot"],
    })  # fmt: skip
    assert feature_kinds(var).is_gene == (True, False, True, False)
    assert len(feature_kinds(var).columns) == 3
    assert feature_kinds(pd.DataFrame({"type": ["cytokine", "enzyme", "RNA"]})).is_gene == (None,) * 3


@given(
    column=st.sampled_from(["source", "assay_seurat", "ome", "panel", "Feature", "interval"]),
    gene=st.sampled_from(sorted(WORDS)), data=st.data(),
)  # fmt: skip
def test_a_column_of_any_name_counts_if_its_words_are_those_of_kinds(
    column: str, gene: str, data: st.DataObject
) -> None:
    others = [word for word in WORDS[gene] if word not in ("whatever", "Custom")]  # the latter is said of genes, too
    words = [gene] * 5 + data.draw(st.lists(st.sampled_from(others), min_size=1, max_size=5))
    expected = tuple([True] * 5 + [False] * (len(words) - 5))
    assert feature_kinds(pd.DataFrame({column: words})).is_gene == expected
    assert not feature_kinds(pd.DataFrame({column: [*words, "chr1", "chr2"]})).columns
    assert not feature_kinds(pd.DataFrame({column: words[5:]})).columns  # no gene expression beside them


@pytest.mark.parametrize(
    ("column", "words"),
    [("category", ["surface", None, "surface"]), ("class", ["immune", "immune", ""]), ("type", ["surface", "TF"]),
     ("module", ["housekeeping", "immune", "metabolism"]), ("evidence", ["transcript", "protein"]),
     ("species", ["human", "both"]), ("species_marker", ["human", "mouse"]), ("panel", ["gene", "custom"])],
)  # fmt: skip
def test_topics_of_genes_are_no_kinds_of_features(release: homodb.Release, column: str, words: list[str]) -> None:
    assert False not in feature_kinds(pd.DataFrame({column: words}), release.find_species("human")).is_gene


@pytest.mark.parametrize("column", ["is_adt", "isADT", "antibody", "spike_in", "ERCC", "is_isotype_control", "is_gene"])
@pytest.mark.parametrize("kind", [bool, str, "category"])
def test_true_and_false_mark_other_kinds(column: str, kind: type | str) -> None:
    other = column != "is_gene"
    var = pd.DataFrame({column: [not other, not other, other]}).astype(kind)
    assert feature_kinds(var).is_gene == (None, None, False)
    assert not feature_kinds(pd.DataFrame({column: ["x", "y", "z"], "highly_variable": [True, False, True]})).columns


@pytest.mark.parametrize(
    "column", ["is_adt", "is_protein", "protein", "feature_barcode", "negative_control", "is_gene"]
)
@pytest.mark.parametrize(
    ("true", "false"), [(1, 0), (1.0, 0.0), ("T", "F"), ("yes", "no"), ("Y", "N"), ("TRUE", "FALSE")]
)
def test_marks_are_written_as_numbers_and_letters_too(column: str, true: object, false: object) -> None:
    other = (false, true) if column == "is_gene" else (true, false)
    var = pd.DataFrame({column: [other[1], other[1], other[0]]})
    assert feature_kinds(var).is_gene == (None, None, False)
    assert not feature_kinds(pd.DataFrame({column: [true, false, 2]})).columns


def test_a_column_that_most_genes_are_marked_by_is_about_proteins_of_genes() -> None:
    assert not feature_kinds(pd.DataFrame({"protein": [True, True, False]})).columns


DESCRIPTIONS: dict[str, list[object]] = {
    "feature_types": ["Gene Expression"] * len(GENES), "gene_ids": [f"ENSMUSG{place}" for place in range(len(GENES))],
    "n_cells": [5] * len(GENES),
}  # fmt: skip


@pytest.mark.parametrize("columns", [("feature_types",), ("gene_ids",), ("n_cells",), tuple(DESCRIPTIONS)])
@pytest.mark.parametrize("names", [["Tnf", "Vwf"], ["Tnf", "Ins2"], ["Tnf-1", "CD45RA"]])
@pytest.mark.parametrize("counted", [True, False])
def test_rows_that_var_does_not_describe_and_that_repeat_names_are_of_another_table(
    release: homodb.Release, columns: tuple[str, ...], names: list[str], counted: bool
) -> None:
    """`anndata.concat(axis=1)` of genes and antibodies; all of these are left out, also without a row of their gene."""
    adata = cells([*GENES, *names])
    for column in columns:
        adata.var[column] = pd.Series(
            [*DESCRIPTIONS[column], *[None] * len(names)], index=adata.var_names, dtype=object
        )
    if counted and columns != ("n_cells",):
        adata.var["n_cells_by_counts"] = 2
    result, report = homodb.translate(adata, "human", source="mouse", release=release, force=True, return_report=True)
    plain = homodb.translate(adata[:, : len(GENES)].copy(), "human", source="mouse", release=release, force=True)
    assert np.array_equal(np.asarray(result.X), np.asarray(plain.X)) and list(result.var_names) == list(plain.var_names)
    assert any("another kind of feature, of which var says nothing" in note for note in report.notes)


def test_genes_that_var_does_not_describe_are_genes(release: homodb.Release) -> None:
    """An outer join of cells has them; a row that repeats a name is one of many there."""
    adata = cells(GENES, "gene_ids", [*DESCRIPTIONS["gene_ids"][:-2], None, None])
    _, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert report.fates["fate"].to_list() == ["mapped"] * len(GENES)
    many = [*(f"gene{place}" for place in range(40)), *(f"new{place}" for place in range(30))]
    adata = cells([*GENES, *many, "Tnf"], "gene_ids", [*DESCRIPTIONS["gene_ids"], *many[:40], *[None] * 31])
    _, report = homodb.translate(adata, "human", source="mouse", release=release, force=True, return_report=True)
    assert "not_a_gene" not in report.fates["fate"].to_list()


@pytest.mark.parametrize(
    ("column", "own", "other"),
    [("genome", "hg38", "mm10"), ("genome", "GRCh38-2020-A", "GRCm39"), ("species", "human", "mouse"),
     ("organism", "Homo sapiens", "Mus musculus"), ("feature_reference", "NCBITaxon:9606", "NCBITaxon:2697049")],
)  # fmt: skip
def test_genes_of_another_genome_are_not_added_to_those_of_the_same_name(
    release: homodb.Release, column: str, own: str, other: str
) -> None:
    """A mixture of species in which names bear no genome, as Parse writes it."""
    human = ["INS", "GCG", "TNF", "VWF", "RPLP0", "DUPA"]
    adata = cells([*human, "Gcg", "Tnf", "Vwf"], column, [own] * 6 + [other] * 3)
    result, report = homodb.translate(
        adata, "mouse", source="human", release=release, force=True, return_report=True
    )  # fmt: skip
    assert np.asarray(result.X).max() == 1 and any(f"genome {other} 3" in note for note in report.notes)
    alone = cells(human, column, [other] * 6)  # a column without the species says nothing
    assert homodb.translate(alone, "mouse", source="human", release=release, force=True).n_vars == result.n_vars


@pytest.mark.parametrize("name", ["CD4", "cD4", "Cd4-1", "Cd4.1", "Cd4-1-1", "Cd4_2_1"])
def test_an_antibody_that_differs_from_its_gene_by_case_or_number_is_none(name: str) -> None:
    resolved = pl.DataFrame({
        "name": ["Cd4", name], "understood_as": ["Cd4", "CD4" if name.lower() == "cd4" else "Cd4"],
        "how": ["symbol", "symbol_case" if name.lower() == "cd4" else "symbol"], "gene": [7, 7],
        "hint": pl.Series([None, None], dtype=pl.String),
    })  # fmt: skip
    kinds = kinds_by_name(resolved, feature_kinds(pd.DataFrame(index=["Cd4", name])))
    assert kinds["is_gene"].to_list() == [True, False]


@pytest.mark.parametrize(
    "name",
    ["ERCC-00002", "Gcg_TotalSeqB", "ADT_Gcg", "HTO-A", "anti-mouse Gcg", "Gcg_prot", "Gcg|Gcg|AHS0032|pAbO", "sgGcg_2",
     "chr1:100-200", "chr1_100_200", "__no_feature", "GRCh38_GCG", "NegControlProbe_00001", "Isotype_RTK2071"],
)  # fmt: skip
def test_names_of_other_forms_do_not_count_in_totals(release: homodb.Release, name: str) -> None:
    adata = cells([*GENES, name])
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    plain, expected = homodb.translate(adata[:, GENES], "human", source="mouse", release=release, return_report=True)
    assert report.carried() == expected.carried() and list(result.var_names) == list(plain.var_names)
    assert report.fates["fate"].to_list()[
        -1
    ] == "not_a_gene" and "has a name that genes of the species do not have" in "\n".join(report.notes)
    joint = homodb.join([adata, cells(["INS", "GCG", "TNF"])], species=["mouse", "human"], release=release)
    assert joint.obs["homodb_total"].max() == len(GENES)
    kept = homodb.translate(adata, "human", source="mouse", release=release, keep_unmapped=True)
    assert f"mouse:{name}" in kept.var_names  # as all that has no target


@pytest.mark.parametrize(
    "name",
    ["IGHVII-28-1", "Igkv13-57-2", "mir-281-1", "HBII-85-28", "Mir669p-2-1", "14-3-3", "adt-1", "blanks", "sgIIb",
     "delta-SG", "b-PROTEIN", "rn7sl1-3", "rn18s-rs5", "actin-binding protein", "IgG", "hs6st1", "lnc-TAF15-1:1"],
)  # fmt: skip
def test_symbols_that_the_release_lacks_count_in_totals(release: homodb.Release, name: str) -> None:
    """They are symbols and synonyms of some species, though like regions, antibodies, guides and assemblies."""
    _, report = homodb.translate(
        cells([*GENES, name]), "human", source="mouse", release=release, force=True, return_report=True
    )
    assert report.fates["fate"].to_list()[-1] == "unknown" and (report.carried() or 0) < 0.1


MARKS = st.sampled_from([
    "sg1_{}", "sgRNA2_{}", "guide3_{}", "CMO301_{}", "HTO1_{}", "hashtag7_{}", "{}-1", "{}.1", "{}-2",
])  # fmt: skip


@pytest.mark.slow
@given(marks=st.lists(MARKS, min_size=1, max_size=6, unique=True), genes=st.permutations(GENES))
def test_where_nothing_tells_no_made_up_row_is_added_to_a_gene(
    release: homodb.Release, marks: list[str], genes: list[str]
) -> None:
    extra = [mark.format(gene) for mark, gene in zip(marks, genes, strict=False)]
    value, notes = largest(cells([*GENES, *extra]), release)
    assert value == 1
    _, report = homodb.translate(
        cells([*GENES, *extra]), "human", source="mouse", release=release, force=True, return_report=True
    )
    fates = dict(report.fates.select("name", "fate").iter_rows())
    assert all(fates[name] in ("not_a_gene", "unknown") for name in extra)
    if "not_a_gene" in fates.values():
        assert "no column of var says" in notes


def test_where_a_column_says_gene_expression_repeats_are_genes(release: homodb.Release) -> None:
    names = [*GENES, "Gcg-1"]
    value, notes = largest(cells(names, "feature_types", ["Gene Expression"] * len(names)), release)
    assert value == 1001 and "added to it" not in notes
    value, notes = largest(cells([*GENES, "Gcg"]), release)  # the same name twice is one gene, and told
    assert value == 1001 and "added to it: Gcg" in notes
    value, _ = largest(cells([*GENES[2:], "Rplp0", "Dup1", "Gcg-1"]), release)  # there is no other row of Gcg
    assert value == 1000


def test_join_annotate_and_inspect_leave_them_out_too(release: homodb.Release, tmp_path: Path) -> None:
    words = ["GEX"] * len(GENES) + ["ADT"]
    adata = cells([*GENES, "Tnf"], "modality", words)
    human = cells(["INS", "GCG", "TNF", "VWF", "RPLP0", "DUPA"])
    joint, report = homodb.join([adata, human], species=["mouse", "human"], release=release, return_report=True)
    assert np.asarray(joint.X).max() == 1
    assert any("not gene expression by var['modality']" in note for note in report.notes)
    path = tmp_path / "mouse.h5ad"
    adata.var_names_make_unique()
    adata.write_h5ad(path)
    assert any("ADT 1" in note for note in inspect(path, release=release, source="mouse").notes)


def test_no_gene_expression_at_all_names_the_column(release: homodb.Release) -> None:
    adata = cells(GENES, "feature_types", ["Antibody Capture"] * len(GENES))
    with pytest.raises(TranslationError, match=messages.Translate.no_row_is_gene_expression):
        homodb.translate(adata, "human", source="mouse", release=release)


def test_raw_without_the_column_takes_what_var_says(release: homodb.Release) -> None:
    adata = cells([*GENES, "CD4"], "feature_types", ["Gene Expression"] * len(GENES) + ["Antibody Capture"])
    adata.var_names = [*GENES, "Gcg-1"]
    adata.raw = adata.copy()
    adata.raw.var.drop(columns="feature_types", inplace=True)
    result = homodb.translate(adata, "human", source="mouse", release=release)
    assert np.asarray(result.raw.X).max() == 1 and np.asarray(result.X).max() == 1
