"""Translating an AnnData: against dictionaries and loops, and by hand on the toy release (tests/toy/README.md)."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
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
from hypothesis.extra import numpy as npst

import homodb
from homodb.etl import build_release
from homodb.query.translate import Fate, meaning_in
from homodb.schema.errors import (
    CountsError,
    MissingMappingError,
    TranslationError,
    UndecidedSpeciesError,
    UnknownSpeciesError,
)
from tests import messages

MOUSE = [
    "Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "4930451I11Rik", "mt-Nd1", "Rplp0", "Dup1", "Dup2",
    "ENSMUSG00000000012", "Orph9", "Xist", "Nonsense",
]  # fmt: skip
HUMAN = [
    "INS", "GCG", "TNF", "FCER1A", "FCGR1B", "VWF", "C1orf1", "MALAT1", "CXCL8", "MT-ND1", "RPLP0", "DUPA", "DUPB",
    "ORPH1", "TBCE", "DUP", "PLCXD1", "Nonsense",
]  # fmt: skip


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _repeated_names_are_meant() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Variable names are not unique")
        warnings.filterwarnings("ignore", "Observation names are not unique")
        yield


def cells(names: Sequence[str], matrix: Any = None, **parts: Any) -> anndata.AnnData:
    """An AnnData with these genes; by default three cells, cell i with i + 1 counts of the first gene, and so on."""
    if matrix is None:
        matrix = np.add.outer(np.arange(3), np.arange(1, len(names) + 1))
    obs = pd.DataFrame(index=[f"c{i}" for i in range(matrix.shape[0])])
    return anndata.AnnData(X=matrix, obs=obs, var=pd.DataFrame(index=list(names)), **parts)


def dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.todense() if sp.issparse(matrix) else matrix)


def logged(names: Sequence[str], seed: int = 0) -> anndata.AnnData:
    """Twenty cells of log-normalised counts."""
    counts = np.random.default_rng(seed).poisson(2.0, (20, len(names)))
    return cells(names, np.log1p(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * 1e4))


# Against dictionaries and loops


def dictionary(release: homodb.Release, source: str, target: str, strategy: str) -> dict[str, str]:
    """Stable ID of each source gene's best partner, by the stable IDs of the source genes."""
    rows = release.sql(
        "FROM ortholog WHERE source_species = ? AND target_species = ? AND strategy = ? ORDER BY rank DESC",
        [release.find_species(source).name, release.find_species(target).name, strategy],
    )
    return dict(rows.select("source_id", "target_id").rows())


def meanings(release: homodb.Release) -> dict[str, str]:
    """Stable ID of the gene for some names that a mouse file may hold."""
    genes = release.sql("SELECT stable_id, symbol FROM gene WHERE species = 2").rows()
    known = {symbol: stable_id for stable_id, symbol in genes if symbol}
    known |= {stable_id: stable_id for stable_id, _ in genes}
    known |= {f"{stable_id}.3": stable_id for stable_id, _ in genes if stable_id.startswith("ENS")}
    return known | {"INS2": known["Ins2"], "mm10___Gcg": known["Gcg"], "Ins1-1": known["Ins1"], "Tnf.2": known["Tnf"]}


#: Rows that were made unique, and the names of the genes beside whose own rows they are left out.
ANTIBODY = "adt_Tnf"
TWINS = {"Ins1-1": "Ins1", "Tnf.2": "Tnf"}
NAMES = st.sampled_from(
    [*MOUSE, "Ins1", "Ins2", "Dup1", "ENSMUSG00000000001", "ENSMUSG00000000002.3", "ENSMUSG00000000010",
     "ENSMUSG00000000099", "INS2", "mm10___Gcg", "Ins1-1", "Tnf.2", "CD4", "", ANTIBODY]
)  # fmt: skip
FORMS = {
    "dense": np.asarray,
    "csr": sp.csr_matrix,
    "csc": sp.csc_matrix,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
}


@st.composite
def files(draw: st.DrawFn) -> anndata.AnnData:
    names = draw(st.lists(NAMES, min_size=1, max_size=14))
    counts = draw(npst.arrays(np.int32, (draw(st.integers(0, 5)), len(names)), elements=st.integers(0, 40)))
    form = draw(st.sampled_from(sorted(FORMS)))
    dtype = draw(st.sampled_from([np.int32, np.int64, np.float32, np.float64, np.uint16]))
    adata = cells(names, FORMS[form](counts.astype(dtype)))
    if draw(st.booleans()):
        kinds = st.sampled_from(["Gene Expression", "Gene Expression", "Antibody Capture", "Peaks"])
        adata.var["feature_types"] = pd.Categorical(draw(st.lists(kinds, min_size=len(names), max_size=len(names))))
    return adata


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(adata=files(), strategy=st.sampled_from(["ENS_M2M", "ENS_O2O", "HM_O2O", "LM_O2O", "HL_O2O"]))
def test_agrees_with_loops_over_dictionaries(release: homodb.Release, adata: anndata.AnnData, strategy: str) -> None:
    genes, partner = meanings(release), dictionary(release, "mouse", "human", strategy)
    counts, names = dense(adata.X), adata.var_names.tolist()
    is_gene = [True] * adata.n_vars
    if "feature_types" in adata.var:
        is_gene = [kind == "Gene Expression" for kind in adata.var["feature_types"]]
    else:  # where no column says what they are, rows made unique are not added to the gene itself, nor antibodies
        others = {genes[name] for name in names if name not in TWINS and name in genes}
        is_gene = [name != ANTIBODY and genes.get(TWINS.get(name, "")) not in others for name in names]
    columns: dict[str, Any] = defaultdict(int)
    sources = defaultdict(list)
    for place, name in enumerate(names):
        if is_gene[place] and genes.get(name) in partner:
            columns[partner[genes[name]]] += counts[:, place]
            sources[partner[genes[name]]].append(name)
    if not columns:
        with pytest.raises(TranslationError):
            homodb.translate(adata, "human", source="mouse", strategy=strategy, release=release)
        return
    before = adata.copy()
    result, report = homodb.translate(
        adata, "human", source="mouse", strategy=strategy, release=release, force=True, return_report=True
    )

    assert sorted(result.var["homodb_id"]) == sorted(columns)
    for place, stable_id in enumerate(result.var["homodb_id"]):
        assert dense(result.X)[:, place].tolist() == columns[stable_id].tolist()
        assert sorted(result.var["homodb_source"].iloc[place].split(";")) == sorted(sources[stable_id])
        assert result.var["homodb_sources"].iloc[place] == len(sources[stable_id])
    assert result.X.dtype == adata.X.dtype
    assert sp.issparse(result.X) == sp.issparse(adata.X)
    assert isinstance(result.X, sp.sparray) == isinstance(adata.X, sp.sparray)
    assert result.var_names.is_unique and result.obs_names.equals(adata.obs_names)

    assert (dense(adata.X) == dense(before.X)).all() and type(adata.X) is type(before.X)
    assert adata.var.equals(before.var) and dict(adata.uns) == {}

    fates = report.fates
    assert fates["name"].to_list() == names  # every row once, in order
    assert set(fates["fate"]) <= {str(fate) for fate in Fate}
    assert fates["counts"].to_list() == counts.sum(axis=0).tolist()
    mapped = fates["fate"] == "mapped"
    assert mapped.to_list() == [gene and genes.get(name) in partner for name, gene in zip(names, is_gene, strict=True)]
    assert fates.filter(mapped)["counts"].sum() == dense(result.X).sum()
    assert (fates["fate"] == "not_a_gene").to_list() == [not gene for gene in is_gene]
    assert report.by_fate()["genes"].sum() == len(names)


# Fates by hand

ALWAYS = {"Gcg": "GCG", "Tnf": "TNF", "Rplp0": "RPLP0", "Ins2": "INS", "Dup1": "DUPB", "Dup2": "DUPA"}
ENSEMBL = {"Vwf": "VWF", "4930451I11Rik": "C1orf1", "mt-Nd1": "MT-ND1", "ENSMUSG00000000012": "ENSG00000000017"}


@pytest.mark.parametrize(
    ("strategy", "mapped", "others"),
    [
        ("ENS_M2M", ALWAYS | ENSEMBL | {"Ins1": "INS", "Fcer1a": "FCER1A"}, {"Orph9": ("no_ortholog", None)}),
        (
            "ENS_O2O",
            {name: ALWAYS[name] for name in ("Gcg", "Tnf", "Rplp0")} | ENSEMBL | {"Fcer1a": "FCER1A"},
            {
                "Ins1": ("filtered", "ortholog_one2many"),
                "Ins2": ("filtered", "ortholog_one2many"),
                "Dup1": ("filtered", "ortholog_many2many"),
                "Dup2": ("filtered", "ortholog_many2many"),
                "Orph9": ("no_ortholog", None),
            },
        ),
        (
            "HM_O2O",
            ALWAYS | ENSEMBL | {"Fcer1a": "FCER1A"},
            {"Ins1": ("lost_to", "Ins2"), "Orph9": ("no_ortholog", None)},
        ),
        (
            "LM_O2O",
            ALWAYS | {"Fcer1a": "FCGR1B", "4930451I11Rik": "VWF", "Orph9": "ORPH1"},
            {
                "Ins1": ("lost_to", "Ins2"),
                "Vwf": ("lost_to", "4930451I11Rik"),
                "mt-Nd1": ("filtered", "not in a pair of mutual best hits"),
                "ENSMUSG00000000012": ("filtered", "not in a pair of mutual best hits"),
            },
        ),
        ("HL_O2O", ALWAYS | ENSEMBL | {"Fcer1a": "FCGR1B", "Orph9": "ORPH1"}, {"Ins1": ("lost_to", "Ins2")}),
    ],
)
def test_fates_of_mouse_genes(
    release: homodb.Release, strategy: str, mapped: dict[str, str], others: dict[str, tuple[str, str | None]]
) -> None:
    others = others | {"Xist": ("no_protein", "lncRNA"), "Nonsense": ("unknown", None)}
    _, report = homodb.translate(cells(MOUSE), "human", strategy=strategy, release=release, return_report=True)
    for row in report.fates.iter_rows(named=True):
        if row["name"] in mapped:
            target = row["target_symbol"] or row["target_id"]
            assert (row["fate"], target) == ("mapped", mapped[row["name"]]), row["name"]
        else:
            assert (row["fate"], row["detail"]) == others[row["name"]], row["name"]
            assert row["target_id"] is None
    assert len(mapped) + len(others) == len(MOUSE)


@pytest.mark.parametrize(
    ("strategy", "fates"),
    [
        (
            "ENS_M2M",
            {
                "FCGR1B": ("no_ortholog", None),
                "MALAT1": ("no_protein", "lncRNA"),
                "CXCL8": ("no_ortholog", None),
                "ORPH1": ("no_ortholog", None),
                "TBCE": ("ambiguous", "ENSG00000000015, ENSG00000000016"),
                "DUP": ("ambiguous", "ENSG00000000012, ENSG00000000013"),
                "PLCXD1": ("no_ortholog", None),
                "Nonsense": ("unknown", None),
            },
        ),
        ("HL_O2O", {"FCER1A": ("lost_to", "FCGR1B"), "FCGR1B": ("mapped", None), "ORPH1": ("mapped", None)}),
        ("LM_O2O", {"FCER1A": ("lost_to", "FCGR1B"), "C1orf1": ("lost_to", "VWF"), "INS": ("mapped", None)}),
    ],
)
def test_fates_of_human_genes(release: homodb.Release, strategy: str, fates: dict[str, tuple[str, str | None]]) -> None:
    _, report = homodb.translate(cells(HUMAN), "mouse", strategy=strategy, release=release, return_report=True)
    found = {name: (fate, detail) for name, fate, detail in report.fates.select("name", "fate", "detail").rows()}
    assert {name: found[name] for name in fates} == fates


@pytest.mark.parametrize("strategy", ["ENS_M2M", "ENS_O2O", "HM_O2O"])
def test_an_ortholog_without_a_name_is_told_from_none(release: homodb.Release, strategy: str) -> None:
    """Dup1 has one in the export of mouse and pig; Dup2 and Orph9 have none. Over mouse, DUPB goes to Dup1 too."""
    _, report = homodb.translate(
        cells(["Dup1", "Dup2", "Orph9", "Gcg"]), "pig", source="mouse", strategy=strategy, release=release,
        return_report=True,
    )  # fmt: skip
    told = ("unnamed_ortholog", "an ortholog in pig without a name")
    assert report.fates.select("fate", "detail").rows() == [
        told, ("no_ortholog", None), ("no_ortholog", None), ("mapped", None),
    ]  # fmt: skip
    assert "has orthologs, but none that the release's sources name; Dup1" in str(report).replace("\n", " ")
    _, over = homodb.translate(
        cells(["DUPB", "GCG"]), "pig", source="human", strategy=strategy, via="mouse", release=release,
        return_report=True,
    )  # fmt: skip
    assert over.fates["fate"].to_list() == ["no_ortholog" if strategy == "ENS_O2O" else told[0], "mapped"]
    listed = homodb.translate_genes(["Dup1", "Dup2"], to="pig", source="mouse", strategy=strategy, release=release)
    assert listed.select("fate", "detail").rows() == [told, ("no_ortholog", None)]


def test_unknown_names_are_those_that_the_release_does_not_list(release: homodb.Release) -> None:
    _, report = homodb.translate(cells(["Gcg", "Zz9"]), "human", source="mouse", release=release, return_report=True)
    assert "not in this release's list of mouse genes; Zz9" in " ".join(str(report).split())


def test_an_antibody_is_not_a_gene(release: homodb.Release) -> None:
    adata = cells(["Ins1", "Ins2", "Tnf", "Gcg"])
    adata.var["feature_types"] = ["Gene Expression", "Antibody Capture", "Antibody Capture", None]
    result, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    assert report.fates["fate"].to_list() == ["mapped", "not_a_gene", "not_a_gene", "mapped"]
    assert result.var_names.tolist() == ["INS", "GCG"]  # nothing is said of Gcg, so its name counts
    assert result.to_df()["INS"].tolist() == [1, 2, 3]
    assert report.carried() == 1.0  # of the counts of genes


def test_shares_of_counts(release: homodb.Release) -> None:
    """12 counts: Ins1 5 and mt-Nd1 3 are carried, Xist 2 and an unknown gene 2 are not."""
    adata = cells(["Ins1", "mt-Nd1", "Xist", "Nonsense"], np.array([[5, 1, 2, 0], [0, 2, 0, 2]]))
    _, report = homodb.translate(adata, "human", source="mouse", release=release, return_report=True)
    totals = report.totals()
    assert totals["carried"] == pytest.approx(8 / 12)
    assert totals["carried_mitochondrial"] == 1.0
    assert totals["carried_ribosomal"] is None  # there are none
    assert totals["carried_other"] == pytest.approx(5 / 9)
    assert dict(report.by_fate().select("fate", "share").rows()) == pytest.approx(
        {"mapped": 8 / 12, "no_protein": 2 / 12, "unknown": 2 / 12}
    )


# var


def test_var_says_where_a_gene_came_from(release: homodb.Release) -> None:
    result = homodb.translate(cells(MOUSE), "human", release=release)
    ins = result.var.loc["INS"]
    assert (ins["homodb_id"], ins["homodb_source"], ins["homodb_sources"]) == ("ENSG00000000001", "Ins2;Ins1", 2)
    assert (ins["homodb_evidence"], ins["homodb_type"]) == ("both", "ortholog_one2many")  # the better of the two
    assert (ins["homodb_identity"], ins["homodb_confidence"]) == (82.0, 1.0)
    assert result.var_names[result.var["homodb_mt"]].tolist() == ["MT-ND1"]
    assert result.var_names[result.var["homodb_ribo"]].tolist() == ["RPLP0"]
    assert [name for name in result.var if not name.startswith("homodb_")] == []
    contradicted = homodb.translate(cells(MOUSE), "human", strategy="lm_o2o", release=release)
    assert contradicted.var.loc["VWF", "homodb_evidence"] == "lm_contradicts"


def test_names_keep_their_kind(release: homodb.Release) -> None:
    by_symbol = homodb.translate(cells(MOUSE), "human", release=release)
    assert {"INS", "GCG", "ENSG00000000017"} < set(by_symbol.var_names)  # one has no symbol
    identifiers = [f"ENSMUSG{i:011}.1" for i in range(1, 13)]
    by_id = homodb.translate(cells(identifiers), "human", release=release)
    assert by_id.var_names.tolist() == by_id.var["homodb_id"].tolist()
    mixed = homodb.translate(cells([*identifiers[:7], *MOUSE[7:11]]), "human", release=release)
    assert mixed.var_names.str.startswith("ENSG").all()


def test_names_of_a_column(release: homodb.Release) -> None:
    adata = cells([f"row{i}" for i in range(len(MOUSE))])
    adata.var["gene"] = pd.Categorical([None, *MOUSE[1:]])
    result, report = homodb.translate(adata, "human", column="gene", release=release, return_report=True)
    assert result.var.loc["INS", "homodb_source"] == "Ins2"
    assert report.fates["fate"][0] == "unknown"
    with pytest.raises(TranslationError, match=messages.Translate.nothing_gene):
        homodb.translate(adata, "human", column="nothing", release=release)


def test_genes_of_one_symbol_bear_their_ids(tmp_path: Path) -> None:
    """Two human genes called TWIN, and a third whose symbol is the stable ID of the first."""
    header = "Gene stable ID\tGene name\tMouse gene stable ID\tMouse gene name\tMouse homology type"
    symbols = ["TWIN", "TWIN", "ENSG00000000000", "ALONE"]
    rows = [f"ENSG{i:011}\t{symbol}\tENSMUSG{i:011}\tm{i}\tortholog_one2one" for i, symbol in enumerate(symbols)]
    (tmp_path / "pairs.txt").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "release.toml").write_text(
        '[release]\nversion = "twins"\n[[species]]\nname = "human"\n[[species]]\nname = "mouse"\n'
        '[[homology]]\nsource = "human"\ntarget = "mouse"\nformat = "biomart"\npath = "pairs.txt"\n'
    )
    build_release(tmp_path / "release.toml", tmp_path / "rel")
    result = homodb.translate(cells(["m0", "m1", "m2", "m3"]), "human", source="mouse", release=tmp_path / "rel")
    assert result.var_names.tolist() == ["ENSG00000000000", "ENSG00000000001", "ENSG00000000002", "ALONE"]


# Slots


def full() -> anndata.AnnData:
    counts = np.add.outer(np.arange(3), np.arange(1, len(MOUSE) + 1)).astype(np.float32)
    adata = cells(MOUSE, sp.csr_matrix(counts))
    adata.obs["cell_type"] = pd.Categorical(["a", "b", "a"])
    adata.obsm["X_pca"] = np.arange(6.0).reshape(3, 2)
    adata.obsm["frame"] = pd.DataFrame({"x": [1, 2, 3]}, index=adata.obs_names)
    adata.obsp["distances"] = sp.csr_matrix(np.eye(3))
    adata.varm["PCs"] = np.zeros((len(MOUSE), 2))
    adata.varp["links"] = np.zeros((len(MOUSE), len(MOUSE)))
    adata.var["highly_variable"] = True
    adata.var["mean"] = 1.0
    adata.layers["counts"] = adata.X.copy()
    adata.layers["spliced"] = adata.X * 2
    adata.raw = adata.copy()
    adata.uns = {
        "hvg": {"flavor": "seurat"},
        "rank_genes_groups": {"names": ["x"]},
        "pca": {"variance": [1.0]},
        "neighbors": {"params": {"n": 3}},
        "colors": np.array(["#000000"]),
    }
    return adata


def test_what_speaks_of_cells_stays(release: homodb.Release) -> None:
    adata = full()
    result = homodb.translate(adata, "human", release=release)
    assert result.obs.equals(adata.obs)
    assert (result.obsm["X_pca"] == adata.obsm["X_pca"]).all() and result.obsm["frame"].equals(adata.obsm["frame"])
    assert (result.obsp["distances"] != adata.obsp["distances"]).nnz == 0
    assert set(result.uns) == {"neighbors", "colors", "homodb"}
    assert result.uns["neighbors"] == {"params": {"n": 3}}


def test_what_no_longer_holds_is_dropped_and_listed(release: homodb.Release) -> None:
    result, report = homodb.translate(full(), "human", release=release, return_report=True)
    assert sorted(report.dropped) == sorted(
        ["var['highly_variable']", "var['mean']", "varm['PCs']", "varp['links']", "uns['hvg']",
         "uns['rank_genes_groups']", "uns['pca']", "raw.var['highly_variable']", "raw.var['mean']", "raw.varm['PCs']"]
    )  # fmt: skip
    assert (
        not result.varm
        and not result.varp
        and set(result.layers) - {None} == {"counts", "spliced"}
        and result.raw is not None
    )
    assert sorted(result.uns["homodb"]["dropped"]) == sorted(report.dropped)
    assert all(part in "\n".join(report.lines()) for part in report.dropped)


def test_a_layer_in_place_of_x(release: homodb.Release) -> None:
    adata = full()
    result, report = homodb.translate(adata, "human", layer="spliced", release=release, return_report=True)
    assert dense(result[:, "INS"].X).ravel().tolist() == [6, 10, 14]
    assert "X" in report.dropped and "layers['spliced']" not in report.dropped
    assert report.fates["counts"][0] == 2 * (1 + 2 + 3)
    with pytest.raises(TranslationError, match=messages.Translate.nothing_counts_spliced):
        homodb.translate(adata, "human", layer="nothing", release=release)


def test_result_shares_nothing_with_its_source(release: homodb.Release) -> None:
    adata = full()
    view = adata[:2]
    for source in (adata, view):
        result = homodb.translate(source, "human", release=release)
        result.uns["neighbors"]["params"]["n"] = 99
        result.uns["colors"][0] = "#ffffff"
        result.obsm["X_pca"][0, 0] = 99
        result.obsp["distances"].data[:] = 99
        result.obs.iloc[0, 0] = "b"
        assert source.uns["neighbors"]["params"]["n"] == 3 and source.uns["colors"][0] == "#000000"
        assert source.obsm["X_pca"][0, 0] == 0 and source.obsp["distances"].max() == 1
        assert source.obs["cell_type"].iloc[0] == "a"
    assert view.is_view


def test_a_view_is_translated_as_its_copy(release: homodb.Release) -> None:
    adata = full()
    view = adata[[2, 0], ["Ins2", "Nonsense", "Gcg", "Ins1"]]
    result = homodb.translate(view, "human", source="mouse", release=release)
    assert dense(result[:, "INS"].X).ravel().tolist() == [4 + 3, 2 + 1]
    assert result.obs_names.tolist() == ["c2", "c0"]


def test_provenance_survives_a_file(release: homodb.Release, tmp_path: Path) -> None:
    result, report = homodb.translate(full(), "human", strategy="hm_o2o", release=release, return_report=True)
    result.write_h5ad(tmp_path / "out.h5ad")
    read = anndata.read_h5ad(tmp_path / "out.h5ad")
    told = read.uns["homodb"]
    assert (told["source"], told["target"], told["strategy"]) == ("mus_musculus", "homo_sapiens", "HM_O2O")
    assert (told["release"], told["many_to_one"], told["one_to_many"]) == ("toy-1", "sum", "best")
    assert {name: int(number) for name, number in told["fates"].items()} == dict(
        report.by_fate().select("fate", "genes").rows()
    )
    assert float(told["carried"]) == pytest.approx(report.carried())
    assert read.var.equals(result.var)
    again = homodb.translate(read, "mouse", strategy="hm_o2o", release=release)
    assert again.uns["homodb"]["target"] == "mus_musculus"
    assert again.var_names.is_unique


# Values


def test_logarithms_are_refused_only_where_they_would_add_up(release: homodb.Release) -> None:
    with pytest.raises(CountsError, match=messages.Translate.logarithms_1_target_gene):
        homodb.translate(logged(MOUSE), "human", release=release)
    for strategy in ("ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o"):
        assert homodb.translate(logged(MOUSE), "human", strategy=strategy, release=release).n_vars > 0
    without = [name for name in MOUSE if name != "Ins1"]
    source = logged(without)
    result = homodb.translate(source, "human", release=release)  # nothing adds up in this file
    assert (result[:, "INS"].X.ravel() == source[:, "Ins2"].X.ravel()).all()
    twice = logged([*without, "Ins2"])  # rows of one gene are not several genes
    result = homodb.translate(twice, "human", release=release)
    rows = np.expm1(dense(twice.X)[:, np.flatnonzero(twice.var_names == "Ins2")])
    assert result[:, "INS"].X.ravel() == pytest.approx(np.log1p(rows.sum(axis=1)))


def test_linear_values_that_are_not_whole_add_up(release: homodb.Release) -> None:
    ambient = np.random.default_rng(0).poisson(200.0, (8, len(MOUSE))) * 0.93 + 0.137
    result = homodb.translate(cells(MOUSE, ambient), "human", release=release)
    assert result[:, "INS"].X.ravel() == pytest.approx(ambient[:, 0] + ambient[:, 1])


def test_scaled_values_are_refused_where_they_would_add_up(release: homodb.Release) -> None:
    scaled = np.random.default_rng(0).normal(size=(8, len(MOUSE)))
    with pytest.raises(CountsError, match=messages.Translate.negative):
        homodb.translate(cells(MOUSE, scaled), "human", release=release)


@pytest.mark.parametrize("form", ["dense", "csr", "csc"])
def test_nan_is_refused(release: homodb.Release, form: str) -> None:
    matrix = np.ones((3, len(MOUSE)))
    matrix[1, 2] = np.nan
    for strategy in ("ens_m2m", "hm_o2o"):
        with pytest.raises(CountsError, match=messages.Shared.nan):
            homodb.translate(cells(MOUSE, FORMS[form](matrix)), "human", strategy=strategy, release=release)


@pytest.mark.parametrize("form", ["dense", "csr"])
@pytest.mark.parametrize(
    ("dtype", "value", "result"), [("uint8", 200, "int64"), ("int8", 100, "int64"), ("uint16", 40_000, "int64"),
     ("int16", -20_000, "int64"), ("uint8", 100, "uint8"), ("int32", 2**30, "int64"), ("uint32", 2**31, "int64")],
)  # fmt: skip
def test_sums_do_not_overflow(release: homodb.Release, form: str, dtype: str, value: int, result: str) -> None:
    """Ins1 and Ins2 add up: 200 + 200 does not fit 8 bits."""
    matrix = FORMS[form](np.full((2, 3), value, dtype=dtype))
    if value < 0:
        with pytest.raises(CountsError):
            homodb.translate(cells(["Ins1", "Ins2", "Gcg"], matrix), "human", source="mouse", release=release)
        return
    translated = homodb.translate(cells(["Ins1", "Ins2", "Gcg"], matrix), "human", source="mouse", release=release)
    assert dense(translated.X).tolist() == [[2 * value, value]] * 2
    assert translated.X.dtype == result


@pytest.mark.parametrize("form", sorted(FORMS))
def test_totals_do_not_stall(release: homodb.Release, form: str) -> None:
    """In 32 bits, adding 1 to 2^24 does nothing."""
    matrix = FORMS[form](np.array([[2**24], *[[1]] * 1000], dtype=np.float32))
    _, report = homodb.translate(cells(["Ins1"], matrix), "human", source="mouse", release=release, return_report=True)
    assert report.fates["counts"].item() == 2**24 + 1000


def test_half_precision(release: homodb.Release) -> None:
    matrix = np.full((2, 2), 40.5, dtype=np.float16)
    result = homodb.translate(cells(["Ins1", "Ins2"], matrix), "human", source="mouse", release=release)
    assert result.X.tolist() == [[81.0], [81.0]]


def test_a_damaged_sparse_matrix_is_refused(release: homodb.Release) -> None:
    """An index outside the matrix: SciPy's product would read foreign memory."""
    adata = cells(["Ins1", "Ins2", "Gcg"], sp.csr_matrix(np.ones((2, 3))))
    adata.X.indices[0] = 5000
    with pytest.raises(CountsError, match=messages.Shared.damaged):
        homodb.translate(adata, "human", source="mouse", release=release)


def test_no_cells_and_no_x(release: homodb.Release) -> None:
    result = homodb.translate(cells(MOUSE, np.zeros((0, len(MOUSE)))), "human", release=release)
    assert result.shape == (0, 11)
    with pytest.raises(TranslationError, match=messages.Translate.no_x):
        homodb.translate(anndata.AnnData(var=pd.DataFrame(index=MOUSE)), "human", release=release)


def test_no_genes(release: homodb.Release) -> None:
    empty = anndata.AnnData(X=np.zeros((3, 0)))
    for source in ("mouse", None):
        with pytest.raises(TranslationError):
            homodb.translate(empty, "human", source=source, release=release)


# Species


@pytest.mark.parametrize(
    ("names", "target", "source"),
    [
        (MOUSE, "human", "mus_musculus"),
        (HUMAN, "mouse", "homo_sapiens"),
        ([f"ENSMUSG{i:011}.7" for i in range(1, 9)], "human", "mus_musculus"),
        ([f"ENSG{i:011}" for i in range(1, 9)], "mouse", "homo_sapiens"),
    ],
)
def test_species_is_found_by_vote(release: homodb.Release, names: list[str], target: str, source: str) -> None:
    _, report = homodb.translate(cells(names), target, release=release, return_report=True)
    assert report.source == source and not report.source_given
    assert "(by their names)" in report.lines()[0]


def test_antibodies_do_not_vote(release: homodb.Release) -> None:
    adata = cells([*MOUSE, *HUMAN])
    adata.var["feature_types"] = ["Gene Expression"] * len(MOUSE) + ["Antibody Capture"] * len(HUMAN)
    assert homodb.translate(adata, "human", release=release).uns["homodb"]["source"] == "mus_musculus"


@pytest.mark.parametrize(
    "names",
    [
        ["INS", "GCG", "TNF", "RPLP0", "VWF", "ND1"],  # pig: all but one are human symbols too
        [*MOUSE[:6], "FCER1A", "FCGR1B", "MALAT1", "CXCL8", "ORPH1"],  # of two species
        MOUSE[:4],  # too few
    ],
)
def test_undecided_asks_for_from(release: homodb.Release, names: list[str]) -> None:
    with pytest.raises(UndecidedSpeciesError, match=messages.Shared.from_):
        homodb.translate(cells(names), "mouse", release=release)


def test_no_gene_known_points_at_the_column(release: homodb.Release) -> None:
    with pytest.raises(UndecidedSpeciesError, match=messages.Translate.row0_column):
        homodb.translate(cells(["row0", "row1"]), "human", release=release)
    with pytest.raises(TranslationError, match=messages.Translate.row0):
        homodb.translate(cells(["row0", "row1"]), "human", source="mouse", release=release)


def test_wrong_species(release: homodb.Release) -> None:
    with pytest.raises(UnknownSpeciesError, match=messages.Translate.human_mouse_pig):
        homodb.translate(cells(MOUSE), "rat", release=release)
    with pytest.raises(MissingMappingError, match=messages.Translate.human_pig):
        homodb.translate(cells(HUMAN), "pig", release=release)


# Without Ensembl


@pytest.fixture(scope="module")
def embeddings_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Human and mouse with ready best hits and no homology."""
    folder = tmp_path_factory.mktemp("lm")
    (folder / "hits.csv").write_text(
        "human gene,mouse gene,correlation\n" + "".join(f"H{i},m{i},0.{90 - i}\n" for i in range(6))
    )
    (folder / "release.toml").write_text(
        '[release]\nversion = "lm"\n[[species]]\nname = "human"\n[[species]]\nname = "mouse"\n'
        '[[evidence]]\nsource = "human"\ntarget = "mouse"\nmodel = "made-by-hand"\npooling = "mean"\n'
        'best_hits = "hits.csv"\nmedian_correlation = 0.5\n'
    )
    build_release(folder / "release.toml", folder / "rel")
    return folder / "rel"


def test_lm_o2o_where_ensembl_has_nothing_and_it_is_said(embeddings_only: Path) -> None:
    adata = cells([*(f"m{i}" for i in range(6)), "m9"])
    result, report = homodb.translate(adata, "human", release=embeddings_only, return_report=True)
    assert report.strategy == "LM_O2O" and result.var_names.tolist() == [f"H{i}" for i in range(6)]
    assert set(result.var["homodb_evidence"]) == {"lm_orphan"}
    assert any("LM_O2O" in note and "Ensembl" in note for note in report.notes)
    assert any("LM_O2O" in line for line in report.lines() if line.startswith("note: "))
    asked = homodb.translate(adata, "human", strategy="lm_o2o", release=embeddings_only, return_report=True)[1]
    assert not any("LM_O2O" in note for note in asked.notes)  # who asks for it need not be told
    with pytest.raises(MissingMappingError, match=messages.Translate.no_ens_m2m):
        homodb.translate(adata, "human", strategy="ens_m2m", release=embeddings_only)


def test_release_may_be_named_by_the_environment(embeddings_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMODB_RELEASE", str(embeddings_only))
    assert homodb.translate(cells(["m1", "m2"]), "human", source="mouse").n_vars == 2


def test_fates_is_a_frame_with_a_row_per_gene(release: homodb.Release) -> None:
    _, report = homodb.translate(cells(MOUSE), "human", release=release, return_report=True)
    assert isinstance(report.fates, pl.DataFrame) and report.fates.null_count()["fate"].item() == 0
    assert report.fates.filter(pl.col("mitochondrial"))["name"].to_list() == ["mt-Nd1"]
    assert report.fates.filter(pl.col("ribosomal"))["name"].to_list() == ["Rplp0"]


def test_the_meaning_of_unknown_names_the_species_also_one_that_no_registry_has() -> None:
    assert meaning_in("mus_musculus")[Fate.UNKNOWN] == "not in this release's list of mouse genes"
    assert "mutual best hits" in meaning_in("mus_musculus", "LM_O2O")[Fate.NO_ORTHOLOG]
    assert "mutual best hits" not in meaning_in("mus_musculus", "HL_O2O")[Fate.NO_ORTHOLOG]
    assert meaning_in("homo_martianus")[Fate.UNKNOWN] == "not in this release's list of Homo martianus genes"
