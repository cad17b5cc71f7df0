"""Markers on planted cells of the toy release, on a joint object, on islets, and on a clade whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.markers import Conservation, Limits, effects, read_alone
from homodb.schema.errors import CountsError, HomodbError, JoinError, MissingMappingError, OutputError, ScoreError
from tests import messages

Plan = Mapping[str, Sequence[str] | None]

#: Human: GCG stands twice, once by its ID. VWF, CXCL8, NOTAGENE mark alpha as well; gamma is the human's alone.
HUMAN: Plan = {
    "GCG": ["alpha"], "ENSG00000000002": ["alpha"], "TNF": ["alpha"], "VWF": ["alpha"], "CXCL8": ["alpha"],
    "NOTAGENE": ["alpha"], "INS": ["beta"], "DUPA": ["gamma"], "RPLP0": None, "MT-ND1": [],
}  # fmt: skip
#: Mouse: Tnf is flat, Vwf is not in the file, of INS's two orthologs one is a marker.
MOUSE: Plan = {
    "Gcg": ["alpha"], "Tnf": [], "Ins1": [], "Ins2": ["beta"], "Dup1": [], "Xist": ["beta"], "Rplp0": None,
    "mt-Nd1": [],
}  # fmt: skip


def cells_of(plan: Plan, types: Sequence[str], *, donors: int = 3, each: int = 8, seed: int = 0) -> anndata.AnnData:
    """Cells of every type and donor; a gene's level is 60 in the types it marks and 4 elsewhere, without plan 5000."""
    rng = np.random.default_rng(seed)
    rows = [(f"donor{one}", kind) for one in range(donors) for kind in types for _ in range(each)]
    level = np.array([[5000 if one is None else 60 if kind in one else 4 for one in plan.values()] for _, kind in rows])
    bend = np.exp(rng.normal(0, 0.05, (donors, len(plan))))
    counts = rng.poisson(level * bend[[int(donor[-1]) for donor, _ in rows]])
    obs = pd.DataFrame(rows, columns=["donor", "cell_type"], index=[f"c{one}" for one in range(len(rows))])
    return anndata.AnnData(sp.csr_matrix(counts.astype(np.float32)), obs=obs, var=pd.DataFrame(index=list(plan)))


@pytest.fixture(scope="module")
def human() -> anndata.AnnData:
    return cells_of(HUMAN, ["alpha", "beta", "gamma"])


@pytest.fixture(scope="module")
def mouse() -> anndata.AnnData:
    return cells_of(MOUSE, ["alpha", "beta"], seed=1)


@pytest.fixture(scope="module")
def joint() -> anndata.AnnData:
    """Two species, five features: g0 marks a in both, g1 in one, g2 marks b in both."""
    both: Plan = {"g0": ["a"], "g1": [], "g2": ["b"], "g3": [], "g4": None}
    plans = [{**both, "g1": ["a"]}, both]
    parts = [cells_of(plan, ["a", "b"], seed=seed) for seed, plan in enumerate(plans)]
    made = anndata.concat(dict(zip(("human", "mouse"), parts, strict=True)), label="species", index_unique="-")
    made.var["homodb_mus_musculus"] = ["G0", None, "G2", "G3", "G3"]
    return made


def kinds(found: homodb.Markers, species: str) -> dict[tuple[str, str], str]:
    rows = found.table.filter(pl.col("species") == species).select("type", "gene", "kind").unique()
    return {(kind, gene): sort for kind, gene, sort in rows.iter_rows()}


def test_every_kind(toy: homodb.Release, human: anndata.AnnData, mouse: anndata.AnnData) -> None:
    found = homodb.markers([human, mouse], species=["human", "mouse"], donor_key="donor", release=toy)
    assert kinds(found, "human") == {
        ("alpha", "GCG"): "conserved", ("alpha", "TNF"): "species-specific", ("alpha", "VWF"): "not measured",
        ("alpha", "CXCL8"): "no ortholog", ("alpha", "NOTAGENE"): "unknown gene", ("beta", "INS"): "conserved",
        ("gamma", "DUPA"): "no such type",
    }  # fmt: skip
    assert kinds(found, "mouse") == {
        ("alpha", "Gcg"): "conserved", ("beta", "Ins2"): "conserved", ("beta", "Xist"): "no ortholog",
    }  # fmt: skip
    best = found.table.filter(pl.col("gene") == "INS").row(0, named=True)
    assert best["ortholog"] == "Ins2" and best["ortholog_log2fc"] > 2 and best["evidence"] == "both"
    assert found.conserved.select("type", "human", "mouse").rows() == [("alpha", "GCG", "Gcg"), ("beta", "INS", "Ins2")]
    assert found.types["test"].to_list() == ["donors"] * 5 and found.background == ("alpha", "beta")
    assert found.notes == () and "ENS_M2M of release toy-1" in found.how


def test_rows_of_one_gene_are_added_up(toy: homodb.Release, human: anndata.AnnData, mouse: anndata.AnnData) -> None:
    asked: dict[str, Any] = {"species": ["human", "mouse"], "donor_key": "donor", "release": toy}
    once = human[:, human.var_names != "ENSG00000000002"].copy()
    once.X = once.X.copy()
    summed = np.asarray(human[:, ["GCG", "ENSG00000000002"]].X.sum(axis=1)).ravel()
    dense = once.X.toarray()
    dense[:, 0] = summed
    once.X = sp.csr_matrix(dense)
    one, other = homodb.markers([human, mouse], **asked), homodb.markers([once, mouse], **asked)
    assert one.effects.equals(other.effects) and one.table.equals(other.table)


def test_joint_object(joint: anndata.AnnData) -> None:
    found = homodb.markers(joint, donor_key="donor")
    assert kinds(found, "human") == {
        ("a", "g0"): "conserved", ("a", "g1"): "species-specific", ("b", "g2"): "conserved",
    }  # fmt: skip
    assert kinds(found, "mouse") == {("a", "G0"): "conserved", ("b", "G2"): "conserved"}
    assert any("a joint object holds only features" in note for note in found.notes)
    assert {"G3 (g3)", "G3 (g4)", "g1"} <= set(found.effects.filter(pl.col("species") == "mouse")["gene"])
    counts = found.counts()
    assert counts["conserved"].to_list() == [1] * 4 and counts["species-specific"].to_list() == [1, 0, 0, 0]
    assert "partly conserved" not in counts.columns


def test_totals_of_a_join_are_what_counts_are_divided_by(joint: anndata.AnnData) -> None:
    cells = joint.copy()
    cells.obs["homodb_total"] = np.asarray(cells.X.sum(axis=1)).ravel() * 2.0
    half, whole = homodb.markers(cells, donor_key="donor"), homodb.markers(joint, donor_key="donor")
    np.testing.assert_allclose(half.effects["cpm"] * 2, whole.effects["cpm"], rtol=1e-5)


def test_a_group_of_orthologs_is_one_conserved_marker(toy: homodb.Release) -> None:
    human = cells_of({"INS": ["beta"], "GCG": ["alpha"], "RPLP0": None}, ["alpha", "beta"])
    mouse = cells_of({"Ins1": ["beta"], "Ins2": ["beta"], "Gcg": ["alpha"], "Rplp0": None}, ["alpha", "beta"], seed=1)
    for objects, species in (([human, mouse], ["human", "mouse"]), ([mouse, human], ["mouse", "human"])):
        found = homodb.markers(objects, species=species, donor_key="donor", release=toy)
        assert kinds(found, "mouse")["beta", "Ins1"] == kinds(found, "mouse")["beta", "Ins2"] == "conserved"
        beta = found.conserved.filter(pl.col("type") == "beta")
        assert beta.height == 1 and beta["rank"].to_list() == [1] and beta["human"].to_list() == ["INS"]
        assert {beta["mouse"][0], beta["also"][0]} == {"Ins1", "Ins2"}
        assert found.conserved.filter(pl.col("type") == "alpha")["also"].to_list() == [None]
        assert "<svg" in found.dots()


def test_three_species() -> None:
    plans: list[Plan] = [
        {"x": ["a"], "y": ["a"], "z": ["a"], "w": [], "r": None},
        {"x": ["a"], "y": ["a"], "z": [], "w": ["b"], "r": None},
        {"x": ["a"], "y": [], "z": [], "w": ["b"], "r": None},
    ]
    parts = {name: cells_of(plan, ["a", "b"]) for name, plan in zip("uvw", plans, strict=True)}
    found = homodb.markers(anndata.concat(parts, label="species", index_unique="-"), donor_key="donor")
    assert kinds(found, "u") == {
        ("a", "x"): "conserved", ("a", "y"): "partly conserved", ("a", "z"): "species-specific",
    }  # fmt: skip
    assert kinds(found, "w") == {("a", "x"): "conserved", ("b", "w"): "partly conserved"}
    rows = {(row["type"], row["u"], row["v"], row["w"], row["kind"]) for row in found.conserved.iter_rows(named=True)}
    assert rows == {
        ("a", "x", "x", "x", "conserved"), ("a", "y", "y", None, "partly conserved"),
        ("b", None, "w", "w", "partly conserved"),
    }  # fmt: skip
    assert "partly conserved" in found.counts().columns and "<svg" in found.dots()


def test_what_leans_is_said(joint: anndata.AnnData) -> None:
    cells = joint.copy()
    own = cells.obs["species"] == "mouse"
    dense = cells.X.toarray()
    rows = np.flatnonzero(own & (cells.obs["cell_type"] == "a") & (cells.obs["donor"] == "donor0"))
    dense[rows, 1] = 200  # one donor of three has it
    cells.X = sp.csr_matrix(dense)
    found = homodb.markers(cells, donor_key="donor")
    row = found.table.filter((pl.col("gene") == "g1") & (pl.col("species") == "human")).row(0, named=True)
    assert (
        row["kind"] == Conservation.SPECIFIC
        and row["leans"]
        and row["ortholog_log2fc"] > 1
        and row["ortholog_q"] > 0.05
    )
    assert found.counts()["leaning"].sum() == 1 and any("leaning (1)" in line for line in found.lines())


def test_one_donor_and_few_cells_are_said(joint: anndata.AnnData) -> None:
    found = homodb.markers(joint)
    assert found.types["test"].to_list() == ["cells"] * 4
    assert sum("over-confident" in note and "no column of donors was named" in note for note in found.notes) == 2
    cells = joint[(joint.obs["species"] != "mouse") | (joint.obs["donor"] == "donor1")].copy()
    with pytest.raises(ScoreError, match="mouse has no two cell types .*10 without a second donor.*a .8., b .8."):
        homodb.markers(cells, donor_key="donor")
    more = cells[cells.obs["species"] == "mouse"].copy()
    more.obs_names = [f"{name}-again" for name in more.obs_names]
    cells = anndata.concat([cells, more])
    cells.obs.loc[cells.obs_names[:2], "cell_type"] = "rare"
    found = homodb.markers(cells, donor_key="donor")
    assert any("mouse: cells were tested one by one (it has one donor, donor1)" in note for note in found.notes)
    assert "too few cells to compare (10 are needed without a second donor): rare of human (2)" in found.notes


def test_what_a_type_is_compared_with(toy: homodb.Release, human: anndata.AnnData, mouse: anndata.AnnData) -> None:
    asked: dict[str, Any] = {"species": ["human", "mouse"], "donor_key": "donor", "release": toy}
    assert homodb.markers([human, mouse], rest="all", **asked).background == ("alpha", "beta", "gamma")
    renamed = mouse.copy()
    renamed.obs["cell_type"] = renamed.obs["cell_type"].str.upper()
    found = homodb.markers([human, renamed], **asked)
    assert any("the species share 0 types" in note for note in found.notes)
    assert set(found.table["kind"]) <= {"no such type", "no ortholog", "not measured", "unknown gene"}
    assert not found.conserved.height
    with pytest.raises(ScoreError, match=messages.Markers.nothing_to_draw):
        found.dots()


def test_written_files(joint: anndata.AnnData, tmp_path: Path) -> None:
    found = homodb.markers(joint, donor_key="donor")
    names = {path.name for path in found.write(tmp_path / "new" / "folder")}
    assert names == {"markers.tsv", "conserved.tsv", "types.tsv", "effects.parquet", "conserved.svg", "README.txt"}
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == names
    assert pl.read_parquet(folder / "effects.parquet").equals(found.effects)
    assert pl.read_csv(folder / "conserved.tsv", separator="\t").height == found.conserved.height
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    homodb.markers(joint, donor_key="donor").write(folder)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_created):
        found.write(tmp_path / "file")


def logged(adata: anndata.AnnData) -> anndata.AnnData:
    made = adata.copy()
    totals = np.asarray(made.X.sum(axis=1))
    made.X = sp.csr_matrix(np.log1p(made.X.toarray() / totals * 1e4))
    made.uns["log1p"] = {"base": None}
    return made


def with_raw(adata: anndata.AnnData, raw: anndata.AnnData) -> anndata.AnnData:
    changed = adata.copy()
    changed.raw = raw
    return changed


def relabelled(adata: anndata.AnnData, label: Any, species: str | None = None) -> anndata.AnnData:
    """Return cells, those of one species or all, with other labels."""
    changed = adata.copy()
    changed.obs["cell_type"] = [
        label(str(text)) if species in (None, own) else text
        for text, own in zip(changed.obs["cell_type"], changed.obs["species"], strict=True)
    ]
    return changed


@pytest.mark.parametrize("dtype", ["int64", "float64", "Int64", "category", "float categories", "blanks"])
def test_labels_of_any_type_are_the_same(joint: anndata.AnnData, dtype: str) -> None:
    codes = joint.obs["cell_type"].astype("category").cat.codes.astype("int64")
    changed = joint.copy()
    changed.obs["cell_type"] = {
        "category": codes.astype("category"), "float categories": codes.astype(float).astype("category"),
        "blanks": " " + codes.astype(str),
    }.get(dtype, codes if dtype in ("category", "float categories", "blanks") else codes.astype(dtype))  # fmt: skip
    found = homodb.markers(changed)
    assert found.table.with_columns(pl.col("type").replace({"0": "a", "1": "b"})).equals(homodb.markers(joint).table)


def test_labels_that_differ_in_spelling_are_noted(joint: anndata.AnnData) -> None:
    found = homodb.markers(relabelled(joint, lambda text: f"{text.upper()} cells", "mouse"))
    assert any("a of human and A cells of mouse" in note for note in found.notes)
    assert not any("spelling" in note for note in homodb.markers(joint).notes)


def test_counts_in_raw(joint: anndata.AnnData) -> None:
    found = homodb.markers(with_raw(logged(joint), joint), layer="raw")
    assert found.table.equals(homodb.markers(joint).table)


def test_layer_and_column_of_each(toy: homodb.Release, human: anndata.AnnData, mouse: anndata.AnnData) -> None:
    named = logged(mouse)
    named.layers["counts"], named.var["symbol"] = mouse.X, named.var_names
    named.var_names = [f"g{place}" for place in range(named.n_vars)]
    options: dict[str, Any] = {"species": ["human", "mouse"], "release": toy}
    expected = homodb.markers([human, mouse], **options).table
    found = homodb.markers([human, named], layer=["X", "counts"], column=[None, "symbol"], **options)
    assert found.table.equals(expected)
    for option in ("layer", "column"):
        with pytest.raises(JoinError, match=f"3 {option}s are named for 2 objects"):
            homodb.markers([human, named], **{option: ["a", "b", "c"]}, **options)


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        (lambda one: one, {"label_key": "typ"}, ScoreError, "no column 'typ' with cell types"),
        (lambda one: one, {"species_key": "organism"}, ScoreError, "no column 'organism' with species"),
        (lambda one: one, {"donor_key": "subject"}, ScoreError, "no column 'subject' with donors"),
        (lambda one: one[one.obs["species"] == "mouse"], {}, ScoreError, "has one value, mouse"),
        (lambda one: one[one.obs["cell_type"] == "a"], {}, ScoreError, "no two cell types"),
        (lambda one: one, {"layer": "raw_counts"}, ScoreError, "no layer 'raw_counts'"),
        (lambda one: one, {"rest": "some"}, ScoreError, "expected shared or all"),
        (logged, {}, CountsError, "logarithms"),
        (lambda one: anndata.AnnData(one.X.toarray() - 5, one.obs, one.var), {}, CountsError, "negative"),
        (lambda one: anndata.AnnData(one.X.toarray() * np.nan, one.obs, one.var), {}, CountsError, "NaN"),
        (lambda one: anndata.AnnData(None, one.obs, one.var), {}, ScoreError, "X is empty"),
        (lambda one: anndata.AnnData(one.X * 0, one.obs, one.var), {}, CountsError, "zeros alone"),
        (lambda one: with_raw(one, one[:, :3]), {"layer": "raw"}, ScoreError, "raw has other genes"),
        (lambda one: with_raw(logged(one), one), {}, CountsError, "other layers: raw"),
        (lambda one: relabelled(one, lambda text: text.replace("a", "nan")), {}, ScoreError, "is empty .written 'nan'"),
        (lambda one: relabelled(one, lambda text: text.replace("a", " ")), {}, ScoreError, "is empty for"),
    ],
)
def test_bad_input(joint: anndata.AnnData, change: Any, options: Any, error: type[HomodbError], message: str) -> None:
    with pytest.raises(error, match=message):
        homodb.markers(change(joint), **options)


def test_bad_files(toy: homodb.Release, human: anndata.AnnData, mouse: anndata.AnnData, tmp_path: Path) -> None:
    with pytest.raises(ScoreError, match=messages.Markers.no_object_is_named):
        homodb.markers([])
    with pytest.raises(ScoreError, match=messages.Markers.two_files_are_human):
        homodb.markers([human, human], species=["human", "human"], release=toy)
    with pytest.raises(ScoreError, match=messages.Markers.files_1_species):
        homodb.markers([human, mouse], species=["human"], release=toy)
    with pytest.raises(MissingMappingError, match=messages.Markers.no_mapping_between_human):
        homodb.markers([human, cells_of({"INS": [], "GCG": []}, ["alpha", "beta"])], species=["human", "pig"],
                       strategy="lm_o2o", release=toy)  # fmt: skip
    (tmp_path / "not.h5ad").write_bytes(b"nothing")
    with pytest.raises(HomodbError):
        homodb.markers([tmp_path / "not.h5ad", mouse], release=toy)
    with pytest.raises(CountsError, match="1: X has no cells"):
        homodb.markers([human[:0].copy(), mouse], species=["human", "mouse"], release=toy)
    gap = human.copy()
    gap.obs["cell_type"] = gap.obs["cell_type"].where(np.arange(gap.n_obs) > 2)
    with pytest.raises(ScoreError, match=messages.Markers.obs_cell_type_is_empty):
        homodb.markers([gap, mouse], species=["human", "mouse"], release=toy)


@pytest.mark.slow
@pytest.mark.shared
def test_islets(shared_data: Path, real: homodb.Release) -> None:
    files = [shared_data / "cells" / name for name in ("baron_human_175.h5ad", "baron_mouse_822.h5ad")]
    found = homodb.markers(files, species=["human", "mouse"], donor_key="donor", release=real)
    human, mouse = kinds(found, "human"), kinds(found, "mouse")
    assert human["alpha", "GCG"] == "no such type" and "alpha" not in {kind for kind, _ in mouse}, "9 mouse cells"
    assert human["macrophage", "TYROBP"] == mouse["macrophage", "Tyrobp"] == "conserved"
    assert human["beta", "IAPP"] == mouse["beta", "Iapp"] == "conserved"
    assert human["delta", "SST"] == mouse["delta", "Sst"] == "conserved"
    assert mouse["beta", "Ins1"] == mouse["beta", "Ins2"] == "not measured", "INS is not in the human file"
    assert found.top(1).filter(pl.col("type") == "delta")["human"].to_list() == ["SST"]
    tests = {(row["species"], row["type"]): row["test"] for row in found.types.iter_rows(named=True)}
    assert tests["human", "alpha"] == "donors"
    assert tests["mouse", "beta"] == "cells" and tests["mouse", "B_cell"] == tests["mouse", "alpha"] == "none"
    assert {sort for (kind, _), sort in mouse.items() if kind == "ductal"} == {
        "no such type", "no ortholog", "not measured", "unknown gene",
    }  # fmt: skip


@pytest.mark.shared
def test_shuffled_labels_have_no_markers(shared_data: Path) -> None:
    adata = anndata.read_h5ad(shared_data / "cells" / "baron_human_175.h5ad")
    genes = np.arange(adata.n_vars)
    asked: dict[str, Any] = {"label_key": "cell_type", "donor_key": "donor", "layer": None}
    human = read_alone(adata, "human", list(adata.var_names), genes, genes, **asked)
    rng = np.random.default_rng(0)
    for _ in range(2):
        code = human.type_code.copy()
        for donor in range(len(human.donors)):
            rows = np.flatnonzero(human.donor_code == donor)
            code[rows] = rng.permutation(code[rows])
        found = effects(replace(human, type_code=code), human.types, Limits()).table.drop_nulls("q")
        assert found.height > 10_000 and (found["q"] <= 0.05).mean() < 0.001  # type: ignore[operator]
