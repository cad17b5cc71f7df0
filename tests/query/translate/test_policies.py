"""Policies, filters, evidence, names: by hand on the toy release (tests/toy/README.md), and against loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import homodb
from homodb.query.genes import COLUMNS, find_pair
from homodb.query.translate import namesakes_first, rematch_measured
from homodb.schema.enums import Strategy
from homodb.schema.errors import CountsError, MissingMappingError, TranslationError
from tests import messages
from tests.floats import float_tolerance

MOUSE = [
    "Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "mt-Nd1", "Rplp0", "Dup1", "Dup2",
    "ENSMUSG00000000012", "Orph9", "Xist", "Nonsense",
]  # fmt: skip


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


def cells(names: list[str], **parts: Any) -> anndata.AnnData:
    counts = np.add.outer(np.arange(3), np.arange(1, len(names) + 1)).astype(np.float32)
    return anndata.AnnData(sp.csr_matrix(counts), var=pd.DataFrame(index=names), **parts)


def to_human(release: homodb.Release, names: list[str], **asked: Any) -> tuple[dict[str, list[float]], Any]:
    """Symbol (or name) of each gene of the result with its values, and the report."""
    result, report = homodb.translate(
        cells(names), "human", source="mouse", release=release, **asked, return_report=True
    )
    return dict(zip(result.var_names, result.X.toarray().T.tolist(), strict=True)), report


def fates(report: Any) -> dict[str, tuple[str, str | None]]:
    return {name: (fate, detail) for name, fate, detail in report.fates.select("name", "fate", "detail").iter_rows()}


# One-to-many


def test_split_shares_and_all_repeats(release: homodb.Release) -> None:
    """Dup1 (1, 2, 3) and Dup2 (2, 3, 4) both go to DUPA and DUPB."""
    names = ["Dup1", "Dup2", "Gcg"]
    best, _ = to_human(release, names)
    assert (best["DUPA"], best["DUPB"]) == ([2, 3, 4], [1, 2, 3])
    split, report = to_human(release, names, one_to_many="split")
    assert split["DUPA"] == split["DUPB"] == [1.5, 2.5, 3.5] and split["GCG"] == [3, 4, 5]
    assert any("no longer whole" in note for note in report.notes)
    every, report = to_human(release, names, one_to_many="all")
    assert every["DUPA"] == every["DUPB"] == [3, 5, 7]
    assert any("several times" in note for note in report.notes)
    assert report.fates["target_symbol"].to_list() == ["DUPB;DUPA", "DUPA;DUPB", "GCG"]
    assert report.carried() == 1.0


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 10**6), min_size=11, max_size=11), st.sampled_from(["int32", "float32", "float64"]))
def test_split_conserves_each_cells_total(release: homodb.Release, counts: list[int], dtype: str) -> None:
    names = MOUSE[:11]
    adata = anndata.AnnData(sp.csr_matrix(np.array([counts, counts[::-1]], dtype=dtype)), var=pd.DataFrame(index=names))
    result = homodb.translate(adata, "human", source="mouse", release=release, one_to_many="split")
    precision = float_tolerance(adata.n_vars + result.n_vars, result.X.dtype)
    assert np.asarray(result.X.sum(axis=1)).ravel() == pytest.approx(
        np.asarray(adata.X.sum(axis=1)).ravel(), rel=precision
    )
    assert result.X.dtype == (np.float32 if dtype == "float32" else np.float64)


def test_logarithms_must_not_be_split(release: homodb.Release) -> None:
    logs = cells(["Dup1", "Gcg"])
    logs.X = sp.csr_matrix(np.log1p(np.array([[1.0, 7.0], [0.0, 3.0], [2.0, 8.0]]) * 0.37))
    logs.uns["log1p"] = {}
    homodb.translate(logs, "human", source="mouse", release=release)
    for policy in ("sum", "mean"):
        with pytest.raises(CountsError, match=messages.Translate.source_gene_would_be_split):
            homodb.translate(logs, "human", source="mouse", release=release, one_to_many="split", many_to_one=policy)


@pytest.mark.parametrize("base", [np.e, 2, 10])
@pytest.mark.parametrize("strategy", ["hm_o2o", "ens_m2m"])
def test_logarithms_of_two_rows_of_one_gene_add_up_as_counts(
    release: homodb.Release, strategy: str, base: float
) -> None:
    counts = np.random.default_rng(0).poisson(3, (40, 3)) * 1.3
    logs = anndata.AnnData(
        sp.csr_matrix(np.log1p(counts) / np.log(base)), var=pd.DataFrame(index=["Gcg", "GCG", "Vwf"])
    )
    logs.uns["log1p"] = {"base": base}
    result = homodb.translate(logs, "human", source="mouse", strategy=strategy, release=release)
    added = result[:, "GCG"].X.toarray().ravel()
    assert added == pytest.approx(np.log1p(counts[:, 0] + counts[:, 1]) / np.log(base))
    assert result[:, "VWF"].X.toarray().ravel() == pytest.approx(logs.X.toarray()[:, 2])


def test_a_list_of_target_genes_without_genes_is_blamed_itself(release: homodb.Release, tmp_path: Path) -> None:
    path = tmp_path / "genes.csv"
    for text, message in (
        ("cell_type\nbeta\n", messages.Translate.list_of_target_genes),
        ("cell_type,marker1\nbeta,INS\n", messages.Translate.has_several_columns),
    ):
        path.write_text(text)
        for option in ("genes", "markers") if message == messages.Translate.has_several_columns else ("genes",):
            with pytest.raises(TranslationError, match=message):
                homodb.translate(cells(MOUSE), "human", source="mouse", release=release, **{option: path})


# Filters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "gone"),
    [
        ({"min_confidence": 1}, {"Ins1": "confidence 0.0, wanted 1", "Fcer1a": "confidence 0.0, wanted 1",
                                 "ENSMUSG00000000012": "confidence 0.0, wanted 1"}),
        ({"min_identity": 70}, {"Fcer1a": "identity 48.0, wanted 70", "4930451I11Rik": "identity 69.0, wanted 70",
                                "Dup1": "identity 60.0, wanted 70", "Dup2": "identity 60.0, wanted 70",
                                "ENSMUSG00000000012": "identity 56.0, wanted 70"}),
        ({"min_correlation": 0.8}, {"Fcer1a": "correlation 0.5, wanted 0.8", "Vwf": "correlation 0.67, wanted 0.8",
                                    "4930451I11Rik": "correlation 0.7, wanted 0.8"}),
        ({"min_correlation": 0.8, "missing": "drop"},
         {"Fcer1a": "correlation 0.5, wanted 0.8", "Vwf": "correlation 0.67, wanted 0.8",
          "4930451I11Rik": "correlation 0.7, wanted 0.8", "Ins1": "correlation is not known",
          "ENSMUSG00000000012": "correlation is not known"}),
        ({"evidence": "both"}, dict.fromkeys(
            ("Ins1", "Vwf", "mt-Nd1", "4930451I11Rik", "ENSMUSG00000000012", "Fcer1a"), "evidence is ensembl")),
    ],
)  # fmt: skip
def test_filters(release: homodb.Release, asked: dict[str, Any], gone: dict[str, str]) -> None:
    everything, _ = to_human(release, MOUSE)
    left, report = to_human(release, MOUSE, **asked)
    assert {name: detail for name, (fate, detail) in fates(report).items() if fate == "filtered"} == gone
    assert set(left) < set(everything)
    kept_without = any("not known were kept" in note for note in report.notes)
    assert kept_without == ("min_correlation" in asked and "missing" not in asked)


def test_evidence_is_added(release: homodb.Release) -> None:
    plain, _ = to_human(release, MOUSE)
    assert "ORPH1" not in plain
    added, report = to_human(release, MOUSE, evidence="+lm_orphan")
    assert set(added) == {*plain, "ORPH1"} and added["ORPH1"] == [13, 14, 15]
    assert any("1 pair of lm_orphan was added from LM_O2O" in note for note in report.notes)
    partial, _ = to_human(release, MOUSE, evidence=["both", "+lm_partial"])
    assert partial["FCGR1B"] == [5, 6, 7]  # FCER1A - Fcer1a is of class ensembl, which was not requested
    one_to_one, _ = to_human(release, MOUSE, strategy="hm_o2o", evidence="+lm_partial")
    assert "FCGR1B" not in one_to_one  # Fcer1a has its partner
    with pytest.raises(TranslationError, match=messages.Translate.lm_orphan):
        to_human(release, MOUSE, evidence="orphan")


# Measured


def test_measured_gives_a_partner_to_who_is_there(release: homodb.Release) -> None:
    without = [name for name in MOUSE if name not in ("Ins2", "Dup2")]
    plain, report = to_human(release, without, strategy="hm_o2o")
    assert "INS" not in plain and fates(report)["Ins1"] == ("lost_to", "Ins2")
    anew, report = to_human(release, without, strategy="hm_o2o", measured=True)
    assert anew["INS"] == [1, 2, 3] and fates(report)["Ins1"] == ("mapped", None)
    assert any("chosen again" in note for note in report.notes)
    both, report = to_human(release, MOUSE, strategy="hm_o2o", measured=True)
    assert fates(report)["Ins1"] == ("lost_to", "Ins2") and both["INS"] == [2, 3, 4]
    lacking = ["Fcer1a", "Gcg"]  # with INS gone nothing changes for others
    assert set(to_human(release, lacking, strategy="hl_o2o", measured=True)[0]) == {"FCGR1B", "GCG"}


@pytest.mark.parametrize("strategy", [Strategy.HM_O2O, Strategy.LM_O2O, Strategy.HL_O2O])
@pytest.mark.parametrize("source", ["mouse", "human"])
def test_of_all_genes_the_choice_is_that_of_the_release(
    release: homodb.Release, strategy: Strategy, source: str
) -> None:
    same_as_release(release, strategy, source, {"mouse": "human", "human": "mouse"}[source])


@pytest.mark.shared
@pytest.mark.parametrize("strategy", [Strategy.HM_O2O, Strategy.LM_O2O, Strategy.HL_O2O])
def test_of_all_real_genes_the_choice_is_that_of_the_release(real: homodb.Release, strategy: Strategy) -> None:
    same_as_release(real, strategy, "mouse", "human")


def same_as_release(release: homodb.Release, strategy: Strategy, source: str, target: str) -> None:
    pair = find_pair(release, source, target)
    anew = rematch_measured(pair, strategy, pair.mapping(Strategy.ENS_M2M), pair.mapping(Strategy.LM_O2O))
    chosen, expected = (
        set(rows.select("source_gene", "target_gene").iter_rows()) for rows in (anew, pair.mapping(strategy))
    )
    assert len(chosen ^ expected) <= len(expected) * 0.001  # identities of a release have 32 bits


# Genes that stay, names, one species


def test_unmapped_genes_stay_marked(release: homodb.Release) -> None:
    names = ["Gcg", "Xist", "Nonsense", "Orph9", "Ins1", "Ins2", "Nonsense"]
    adata = anndata.AnnData(np.eye(7, dtype=np.int32), var=pd.DataFrame(index=names))
    adata.var["feature_types"] = ["Gene Expression"] * 6 + ["Gene Expression"]
    result, report = homodb.translate(
        adata,
        "human",
        source="mouse",
        release=release,
        strategy="hm_o2o",
        keep_unmapped=True,
        return_report=True,
    )
    assert result.var_names.tolist() == ["GCG", "mouse:Xist", "mouse:Nonsense", "mouse:Orph9", "mouse:Ins1", "INS"]
    assert result.X.sum() == 7 and result[:, "mouse:Nonsense"].X.ravel().tolist() == [0, 0, 1, 0, 0, 0, 1]
    assert result.var["homodb_kept"].tolist() == [False, True, True, True, True, False]
    assert result.var.loc["mouse:Ins1", "homodb_source"] == "Ins1" and report.kept == 4
    assert report.fates["fate"].to_list()[1:5] == ["no_protein", "unknown", "no_ortholog", "lost_to"]
    assert report.carried() == pytest.approx(2 / 7)
    with pytest.raises(TranslationError, match=messages.Translate.choose_one):
        homodb.translate(adata, "human", source="mouse", release=release, keep_unmapped=True, genes=["INS"])


def test_kept_names_stay_in_a_file(release: homodb.Release, tmp_path: Path) -> None:
    result = homodb.translate(cells(MOUSE), "human", source="mouse", release=release, keep_unmapped=True)
    result.write_h5ad(tmp_path / "x.h5ad")
    again = anndata.read_h5ad(tmp_path / "x.h5ad")
    assert again.var_names.tolist() == result.var_names.tolist()
    assert again.var["homodb_id"].isna().tolist() == again.var["homodb_kept"].tolist()


def test_names(release: homodb.Release) -> None:
    by_id = homodb.translate(cells(MOUSE), "human", source="mouse", release=release, names="id")
    assert by_id.var_names.tolist() == by_id.var["homodb_id"].tolist()
    from_ids = cells(["ENSMUSG00000000001", "ENSMUSG00000000003"])
    by_symbol = homodb.translate(from_ids, "human", source="mouse", release=release, names="symbol")
    assert by_symbol.var_names.tolist() == ["INS", "GCG"]
    with pytest.raises(TranslationError, match=messages.Translate.keep_id_symbol):
        homodb.translate(from_ids, "human", source="mouse", release=release, names="short")


def test_old_symbols_come_up_to_date(release: homodb.Release) -> None:
    """IL8 is CXCL8 now; two rows of one gene add up; what is unknown stays as it is."""
    adata = anndata.AnnData(np.arange(8).reshape(2, 4), var=pd.DataFrame(index=["IL8", "Nonsense", "CXCL8", "INS"]))
    result, report = homodb.translate(adata, "human", source="human", release=release, return_report=True)
    assert result.var_names.tolist() == ["CXCL8", "Nonsense", "INS"]
    assert result.X.tolist() == [[2, 1, 3], [10, 5, 7]]
    assert report.strategy == "the release's own symbols"
    assert dict(report.by_fate().select("fate", "genes").iter_rows()) == {"mapped": 3, "unknown": 1}


# Wanted genes


def test_wanted_genes_in_their_order(release: homodb.Release, tmp_path: Path) -> None:
    wanted = ["GCG", "CXCL8", "INS", "Nothing", "DUPA", "ENSG00000000001", "TBCE"]
    (tmp_path / "genes.txt").write_text("# a model's genes\n" + "\n".join(wanted) + "\n\n")
    (tmp_path / "quoted.csv").write_text("gene_symbol\n" + "".join(f'"{name}",\n' for name in wanted))
    (tmp_path / "one_line.txt").write_text(", ".join(wanted))
    for genes in (wanted, *(tmp_path / name for name in ("genes.txt", "quoted.csv", "one_line.txt"))):
        values, report = to_human(release, MOUSE, genes=genes)
        assert list(values) == wanted
        assert values == {
            "GCG": [3, 4, 5], "CXCL8": [0, 0, 0], "INS": [3, 5, 7], "Nothing": [0, 0, 0], "DUPA": [11, 12, 13],
            "ENSG00000000001": [0, 0, 0], "TBCE": [0, 0, 0],
        }  # fmt: skip
        assert report.vocabulary["state"].to_list() == [
            "filled", "no source gene", "filled", "unknown", "filled", "repeated", "ambiguous",
        ]  # fmt: skip
    assert fates(report)["Tnf"] == ("filtered", "its partner is not among the requested genes")
    assert any(line.startswith("requested genes: 7; 3 filled") for line in report.lines())
    plain, _ = to_human(release, MOUSE)
    assert all(values[name] == plain[name] for name in ("GCG", "INS", "DUPA"))
    with pytest.raises(TranslationError, match=messages.Translate.ins_more_than_once):
        to_human(release, MOUSE, genes=["INS", "INS"])
    with pytest.raises(TranslationError, match=messages.Translate.missing_txt):
        to_human(release, MOUSE, genes=tmp_path / "missing.txt")


def test_measured_chooses_among_the_wanted_genes(release: homodb.Release) -> None:
    """Dup2's best is DUPA; where only DUPB is wanted it goes there."""
    assert to_human(release, MOUSE, genes=["DUPB"])[0] == {"DUPB": [10, 11, 12]}
    assert to_human(release, MOUSE, genes=["DUPB"], measured=True)[0] == {"DUPB": [21, 23, 25]}


# Slots


def object_with_slots() -> anndata.AnnData:
    adata = cells(MOUSE)
    adata.layers["counts"] = (
        adata.X.copy()
    )  # by its values alone, logcounts is not sure to be logarithms; its name says so
    depth = np.asarray(adata.X.sum(axis=1))
    adata.layers["logcounts"] = sp.csr_matrix(np.log1p(adata.X.toarray() / depth * 1e4))
    adata.layers["scaled"] = np.random.default_rng(0).normal(size=adata.shape)
    return adata


def test_each_slot_has_its_policy(release: homodb.Release) -> None:
    adata = object_with_slots()
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert set(result.layers) - {None} == {"counts"} and report.slots == {"X": "sum", "layers['counts']": "sum"}
    assert {"layers['logcounts']", "layers['scaled']"} <= set(report.dropped)
    said = "\n".join(report.notes)
    assert "layers['logcounts'] holds logarithms" in said and "slot 'logcounts': expm1-sum-log1p" in said
    assert "layers['scaled'] holds scaled values" in said
    slots = {"logcounts": "expm1-sum-log1p", "scaled": "mean", "counts": "drop", "X": "max"}
    result, report = homodb.translate(adata, "human", source="mouse", release=release, slots=slots, return_report=True)
    assert set(result.layers) - {None} == {"logcounts", "scaled"} and "layers['counts']" in report.dropped
    place = list(result.var_names).index("INS")
    both = np.expm1(adata.layers["logcounts"].toarray()[:, :2]).sum(axis=1)
    assert result.layers["logcounts"].toarray()[:, place] == pytest.approx(np.log1p(both))
    assert result.layers["scaled"][:, place] == pytest.approx(adata.layers["scaled"][:, :2].mean(axis=1))
    assert result.X.toarray()[:, place].tolist() == [2, 3, 4]
    for slots, error in (
        ({"logcounts": "sum"}, "logarithms"), ({"scaled": "sum"}, "negative"),
        ({"nothing": "sum"}, "'counts', 'logcounts'"), ({"X": "drop"}, "cannot be dropped"),
        ({"X": "add"}, "no policy 'add' for slot 'X'; there are sum, mean, max, expm1-sum-log1p"),
        ({"logcount": "drop"}, r"did you mean 'logcounts'\?"),
        ({"counts": "expm1-sum-log1p"}, "whole numbers"),
    ):  # fmt: skip
        with pytest.raises(TranslationError, match=error):
            homodb.translate(adata, "human", source="mouse", release=release, slots=slots)


def test_sums_of_zeros_and_ones_are_told(release: homodb.Release) -> None:
    adata = cells(["Ins1", "Ins2", "Gcg"])
    adata.X = (adata.X > 0).astype(bool)
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert result.X.max() == 2 and any("zeros and ones" in note for note in report.notes)
    result, report = homodb.translate(
        adata, "human", source="mouse", release=release, slots={"X": "max"}, return_report=True
    )
    assert result.X.max() == 1 and not any("zeros and ones" in note for note in report.notes)


def test_what_an_object_lacks_is_named(release: homodb.Release) -> None:
    adata = anndata.AnnData(None, var=pd.DataFrame(index=["Ins1", "Gcg"]), obs=pd.DataFrame(index=["a"]))
    with pytest.raises(TranslationError, match=messages.Translate.no_layers_either):
        homodb.translate(adata, "human", release=release)
    adata.layers["counts"] = np.ones((1, 2))
    with pytest.raises(TranslationError, match=messages.Translate.name_a_layer):
        homodb.translate(adata, "human", release=release)
    with pytest.raises(TranslationError, match=messages.Translate.var_is_empty):
        homodb.translate(cells([]), "human", release=release)


def test_max_of_negative_values_is_not_zero(release: homodb.Release) -> None:
    """Zeros that are not stored count; where all are negative, the greatest is negative."""
    adata = anndata.AnnData(
        sp.csr_matrix(np.array([[-3.0, -2, -1], [-3, 0, 5]])), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"])
    )
    result = homodb.translate(adata, "human", source="mouse", release=release, many_to_one="max")
    assert result.X.toarray().tolist() == [[-2, -1], [0, 5]]


def test_raw_has_genes_of_its_own(release: homodb.Release) -> None:
    adata = cells(["Gcg", "Ins2"])
    adata.raw = cells(MOUSE)
    result = homodb.translate(adata, "human", source="mouse", release=release)
    assert result.var_names.tolist() == ["GCG", "INS"] and result.raw.shape == (3, 11)
    assert result.raw[:, "INS"].X.toarray().ravel().tolist() == [3, 5, 7]
    raw, report = homodb.translate(adata, "human", source="mouse", release=release, layer="raw", return_report=True)
    assert raw.n_vars == 11 and raw.raw is None and "X" in report.dropped
    adata.raw = anndata.AnnData(np.ones((3, 2)), var=pd.DataFrame(index=["nothing", "known"]))
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert result.raw is None and "raw" in report.dropped and any("raw was left out" in note for note in report.notes)


def test_names_of_raw_in_a_column(release: homodb.Release) -> None:
    adata = cells(["1", "2", "3"])
    adata.var["symbol"] = ["Ins1", "Ins2", "Gcg"]
    adata.raw = adata.copy()
    raw = adata.raw.to_adata()
    del raw.var["symbol"]
    adata.raw = raw[:, ["2", "3"]]
    result = homodb.translate(adata, "human", source="mouse", release=release, column="symbol")
    assert result.raw.var_names.tolist() == ["INS", "GCG"]


def test_numbers_for_names_point_at_the_column(release: homodb.Release) -> None:
    adata = cells([str(i) for i in range(len(MOUSE))])
    adata.var["mean"] = 1.5
    adata.var["gene_symbols"] = MOUSE
    for source in (None, "mouse"):
        with pytest.raises(TranslationError, match=messages.Translate.var_gene_symbols_column):
            homodb.translate(adata, "human", source=source, release=release)
    assert homodb.translate(adata, "human", release=release, column="gene_symbols").n_vars == 11


# A third species


def test_through_a_third_species_only_when_asked(release: homodb.Release) -> None:
    adata = cells(["INS", "GCG", "RPLP0", "MT-ND1", "FCER1A"])
    with pytest.raises(MissingMappingError, match=messages.Translate.human_mouse):
        homodb.translate(adata, "pig", source="human", release=release)
    result, report = homodb.translate(adata, "pig", source="human", release=release, via="mouse", return_report=True)
    assert dict(zip(result.var["homodb_source"], result.var_names, strict=True)) == {
        "INS": "INS", "GCG": "GCG", "RPLP0": "RPLP0", "MT-ND1": "ND1"
    }  # fmt: skip
    assert result.var.loc["INS", "homodb_identity"] == 80.0  # the lesser of 82 and 80
    assert report.strategy == "ENS_M2M via mus_musculus" and fates(report)["FCER1A"][0] == "no_ortholog"
    with pytest.raises(TranslationError, match=messages.Translate.via):
        homodb.translate(adata, "pig", source="human", release=release, via="mouse", measured=True, strategy="hm_o2o")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"many_to_one": "median"}, "sum, mean, max"), ({"one_to_many": "first"}, "best, split, all"),
        ({"missing": "maybe"}, "keep, drop"), ({"min_identity": 101}, "between 0 and 100"),
        ({"min_confidence": 2}, "between 0 and 1"), ({"groupby": "nothing"}, "no column 'nothing'"),
    ],
)  # fmt: skip
def test_wrong_choices(release: homodb.Release, asked: dict[str, Any], error: str) -> None:
    with pytest.raises(TranslationError, match=error):
        to_human(release, MOUSE, **asked)


def test_unknown_choices_are_no_arguments(release: homodb.Release) -> None:
    with pytest.raises(TypeError, match=messages.Translate.many_too_one):
        to_human(release, MOUSE, many_too_one="sum")


def test_a_ranking_under_any_name_is_dropped(release: homodb.Release) -> None:
    adata = cells(MOUSE)
    adata.uns["my_markers"] = {"names": np.array(["Ins1"]), "scores": np.array([1.0])}
    adata.uns["gene_table"] = pd.DataFrame({"x": 1.0}, index=MOUSE)
    adata.uns["note"] = {"names": "of nothing"}
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert set(result.uns) == {"note", "homodb"}
    assert {"uns['my_markers']", "uns['gene_table']"} <= set(report.dropped)


def test_report_frames(release: homodb.Release) -> None:
    assert isinstance(to_human(release, MOUSE)[1].groups, pl.DataFrame)


class Places:
    """Genes 1 to 6 of a release: their symbols, and the sex chromosomes that they lie on."""

    def ask(self, query: str, parameters: dict[str, Any]) -> pl.DataFrame:
        assert query == "gene_places"
        rows = {
            1: ("tbl1x", "X"), 2: ("nlgn4l", "X"), 3: ("gcg", ""), 4: (None, None), 5: ("zfy1", "Y"),
            11: ("tbl1y", "Y"), 12: ("tbl1x", "X"), 21: ("nlgn4y", "Y"), 22: ("nlgn4x", "X"), 31: ("gcg2", ""),
            32: ("gcg3", "X"), 41: ("a", "X"), 42: (None, "Y"), 51: ("zfx", "X"), 52: ("zfy", "Y"),
        }  # fmt: skip
        wanted = [(gene, *rows[gene]) for gene in parameters["genes"]]
        return pl.DataFrame(wanted, schema=["gene", "symbol", "sex_chromosome"], orient="row")


@given(order=st.permutations(range(10)))
def test_best_is_the_gene_of_the_same_symbol_then_of_the_same_sex_chromosome(order: list[int]) -> None:
    """Of any order of pairs: Tbl1x to TBL1X, Nlgn4l to NLGN4X, Zfy1 to ZFY; the others as they stand."""
    pairs = [(1, 11), (1, 12), (2, 21), (2, 22), (3, 31), (3, 32), (4, 41), (4, 42), (5, 51), (5, 52)]
    shuffled = [pairs[place] for place in order]
    rows = pl.DataFrame(shuffled, schema=["source_gene", "target_gene"], orient="row").with_columns(
        pl.lit(None).alias(name) for name in COLUMNS[2:]
    )
    best = dict(namesakes_first(Places(), rows).select("source_gene", "target_gene").reverse().iter_rows())  # type: ignore[arg-type]
    first = dict(reversed(shuffled))
    assert best == {1: 12, 2: 22, 3: first[3], 4: first[4], 5: 52}
    assert namesakes_first(Places(), rows)["source_gene"].unique(maintain_order=True).to_list() == list(  # type: ignore[arg-type]
        dict.fromkeys(gene for gene, _ in shuffled)
    )


def test_counts_that_go_by_pairs_of_confidence_0_are_told(release: homodb.Release) -> None:
    """Ins1 to INS has confidence 0; Ins1 has 1 + 2 + 3 of (1 + 2 + 3) + (2 + 3 + 4) counts."""
    _, report = to_human(release, ["Ins1", "Gcg"])
    assert "40.0% of the counts go by pairs of confidence 0 (min_confidence=1 leaves these out)" in report.notes
    _, report = to_human(release, ["Ins2", "Gcg"])
    assert not any("confidence" in note for note in report.notes)
