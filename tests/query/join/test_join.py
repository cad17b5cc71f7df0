"""Joins of the toy release's species, worked out by hand (tests/toy/README.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.join import join, join_to_file
from homodb.schema.errors import (
    CountsError,
    HomodbError,
    JoinError,
    MissingMappingError,
    OutputError,
    TranslationError,
    UnknownSpeciesError,
    UnknownStrategyError,
)
from tests import messages

HUMAN = ["INS", "GCG", "TNF", "FCER1A", "FCGR1B", "VWF", "MT-ND1", "RPLP0", "DUPA", "DUPB", "MALAT1", "CXCL8", "TBCE"]
MOUSE = ["Ins1", "Ins2", "Gcg", "Tnf", "Fcer1a", "Vwf", "mt-Nd1", "Rplp0", "Dup1", "Dup2", "Xist", "Nonsense"]
PIG = ["INS", "GCG", "TNF", "ND1", "RPLP0", "VWF"]


def cells(names: list[str], number: int, seed: int, **obs: Any) -> anndata.AnnData:
    counts = np.random.default_rng(seed).poisson(2.0, (number, len(names))).astype(np.int32)
    table = pd.DataFrame(obs, index=[f"c{i}" for i in range(number)])
    return anndata.AnnData(sp.csr_matrix(counts), obs=table, var=pd.DataFrame(index=names))


@pytest.fixture(scope="module")
def release(toy_folder: Path) -> Iterator[homodb.Release]:
    with homodb.open(toy_folder) as opened:
        yield opened


@pytest.fixture
def three() -> list[anndata.AnnData]:
    return [cells(HUMAN, 4, 0), cells(MOUSE, 5, 1), cells(PIG, 3, 2)]


def of(adata: anndata.AnnData, species: str) -> dict[str, str]:
    """The names that came in of a species, by feature."""
    return dict(zip(adata.var_names, adata.var[f"homodb_{species}"], strict=True))


def dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.todense() if sp.issparse(matrix) else matrix)


SPECIES = ["human", "mouse", "pig"]


def test_rows_of_the_joint_table(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    """HM_O2O via mouse, the only hub: INS - Ins2 - INS and the one-to-one genes; DUPA - Dup2 has no pig gene."""
    joint, report = join(three, species=SPECIES, release=release, return_report=True)
    assert of(joint, "mus_musculus") == {
        "INS": "Ins2", "GCG": "Gcg", "TNF": "Tnf", "VWF": "Vwf", "MT-ND1": "mt-Nd1", "RPLP0": "Rplp0",
    }  # fmt: skip
    assert of(joint, "sus_scrofa")["MT-ND1"] == "ND1"
    assert joint.shape == (12, 6) and joint.X.dtype == np.int32
    expected = np.vstack([
        dense(three[0][:, list(joint.var_names)].X),
        dense(three[1][:, list(joint.var["homodb_mus_musculus"])].X),
        dense(three[2][:, list(joint.var["homodb_sus_scrofa"])].X),
    ])  # fmt: skip
    assert (dense(joint.X) == expected).all()
    assert joint.obs["species"].tolist() == ["human"] * 4 + ["mouse"] * 5 + ["pig"] * 3
    assert joint.obs["source_file"].tolist() == ["human"] * 4 + ["mouse"] * 5 + ["pig"] * 3
    whole = np.concatenate([dense(one.X).sum(axis=1) for one in three])
    assert (joint.obs["homodb_total"] == whole).all()
    assert joint.var.loc["MT-ND1", "homodb_mt"] and joint.var.loc["RPLP0", "homodb_ribo"]
    assert report.hub == "mus_musculus" and report.features == "row"
    assert joint.uns["homodb"]["strategy"] == "HM_O2O" and joint.uns["homodb"]["species"].tolist()[2] == "sus_scrofa"


def test_fates(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    _, report = join(three, species=SPECIES, release=release, return_report=True)
    told = {(row["file"], row["name"]): (row["fate"], row["detail"]) for row in report.fates.iter_rows(named=True)}
    assert told["human", "INS"] == ("mapped", None)
    assert told["mouse", "Ins1"] == ("lost_to", "Ins2")
    assert told["human", "DUPA"][0] == "no_ortholog" and "none in pig" in told["human", "DUPA"][1]
    unnamed = ("unnamed_ortholog", "an ortholog in pig without a name")
    assert told["human", "DUPB"] == told["mouse", "Dup1"] == unnamed
    assert told["human", "FCER1A"][0] == "no_ortholog" and "via mouse" in told["human", "FCER1A"][1]
    assert told["human", "MALAT1"] == ("no_protein", "lncRNA")
    assert told["human", "CXCL8"][0] == "no_ortholog" and told["human", "TBCE"][0] == "ambiguous"
    assert told["mouse", "Nonsense"][0] == "unknown" and told["pig", "VWF"][0] == "mapped"
    for name, adata in zip(SPECIES, three, strict=True):
        rows = report.fates.filter(report.fates["file"] == name)
        assert rows["counts"].to_list() == dense(adata.X).sum(axis=0).tolist()
        mapped = rows.filter(rows["fate"] == "mapped")["counts"].sum()
        carried = report.files.filter(report.files["file"] == name)["carried"].item()
        assert carried == pytest.approx(mapped / adata.X.sum())
    text = "\n".join(report.lines())
    assert "Ins1 to Ins2" in text and len(report.lines()) < 60
    assert "species found by" not in text


def test_what_was_found_out_is_told_beside_the_table(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    _, report = join(three, species=[None, None, "pig"], release=release, return_report=True)
    lines = report.lines()
    assert "species found by the names of genes: human, mouse" in lines
    head = next(line for line in lines if line.startswith("file "))
    rows = [line for line in lines if line.startswith(("human ", "mouse ", "pig "))]
    assert len(rows) == 3 and {len(line) for line in rows} == {len(head)}  # nothing stands behind the shares
    both = join(three[:2], release=release, return_report=True)[1].lines()
    assert "species found by the names of genes" in both
    said = [note for note in report.notes if "no synonyms" in note]
    assert said == ["the release has no synonyms of mouse: symbols that genes once had are unknown to it"]
    alone = join([three[0], three[1][:1]], species=["human", "mouse"], release=release, return_report=True)[1]
    assert alone.lines()[0].startswith("5 cells of 2 objects, ")


def test_groups_add_up(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    """INS is one feature with Ins1 + Ins2 in mouse; DUPA, DUPB, Dup1, Dup2 hang together, but no pig gene is known."""
    joint, report = join(three, species=SPECIES, strategy="ens_m2m", release=release, return_report=True)
    assert of(joint, "mus_musculus")["INS"] == "Ins1;Ins2"
    mouse = three[1]
    assert (dense(joint[4:9, "INS"].X).ravel() == dense(mouse[:, ["Ins1", "Ins2"]].X).sum(axis=1)).all()
    assert set(joint.var_names) == {"INS", "GCG", "TNF", "VWF", "MT-ND1", "RPLP0"}
    assert report.features == "group" and report.summed == 1 and report.hub is None
    two = join(three[:2], species=SPECIES[:2], strategy="ens_m2m", release=release)
    assert of(two, "mus_musculus")["DUPA+DUPB"] == "Dup1;Dup2"
    assert two.var.loc["DUPA+DUPB", "homodb_homo_sapiens_genes"] == 2
    total = dense(three[0][:, ["DUPA", "DUPB"]].X).sum(axis=1)
    assert (dense(two[:4, "DUPA+DUPB"].X).ravel() == total).all()


def test_too_large_groups(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    joint, report = join(
        three[:2], species=SPECIES[:2], strategy="ens_m2m", largest=3, release=release, return_report=True
    )
    assert "DUPA+DUPB" not in joint.var_names and "INS" in joint.var_names
    assert report.left_out.select("genes", "names").rows() == [(4, "DUPA;DUPB;Dup1;Dup2")]
    lost = {row["name"]: row["detail"] for row in report.fates.filter(report.fates["fate"] == "filtered").to_dicts()}
    assert lost["DUPA"] == "its group of orthologs has 4 genes, more than 3"
    with pytest.raises(JoinError, match=messages.Join.groups_orthologs_have_more):
        join(three[:2], species=SPECIES[:2], strategy="ens_m2m", largest=3, too_large="refuse", release=release)


def test_copied_features(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    """A row each: INS with Ins1 and with Ins2; all four pairs of the DUPs."""
    joint = join(three[:2], species=SPECIES[:2], strategy="ens_m2m", features="copy", release=release)
    pairs = sorted(zip(joint.var["homodb_homo_sapiens"], joint.var["homodb_mus_musculus"], strict=True))
    assert [pair for pair in pairs if pair[0] in ("INS", "DUPA", "DUPB")] == [
        ("DUPA", "Dup1"), ("DUPA", "Dup2"), ("DUPB", "Dup1"), ("DUPB", "Dup2"), ("INS", "Ins1"), ("INS", "Ins2"),
    ]  # fmt: skip
    assert "ins" in joint.var_names and "ins-1" in joint.var_names
    for place, (human, mouse) in enumerate(
        zip(joint.var["homodb_homo_sapiens"], joint.var["homodb_mus_musculus"], strict=True)
    ):
        column = dense(joint.X)[:, place]
        assert (column == np.concatenate([dense(three[0][:, human].X), dense(three[1][:, mouse].X)]).ravel()).all()


def test_measured_partners(release: homodb.Release) -> None:
    """Without Ins2 in the file, INS goes with Ins1, but only where partners are chosen anew."""
    human, mouse = cells(["INS", "GCG", "TNF", "VWF"], 3, 0), cells(["Ins1", "Gcg", "Tnf", "Vwf"], 3, 1)
    plain, report = join([human, mouse], species=["human", "mouse"], release=release, return_report=True)
    assert "INS" not in plain.var_names
    told = {row["name"]: (row["fate"], row["detail"]) for row in report.fates.to_dicts()}
    assert told["INS"] == ("filtered", "its partner in mouse is not measured") and told["Ins1"] == ("lost_to", "Ins2")
    anew = join([human, mouse], species=["human", "mouse"], measured=True, release=release)
    assert of(anew, "mus_musculus")["INS"] == "Ins1"


def test_through_a_species_without_cells(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    with pytest.raises(MissingMappingError, match=messages.Join.no_way_between_human_pig):
        join([three[0], three[2]], species=["human", "pig"], release=release)
    for strategy in ("hm_o2o", "ens_m2m"):
        joint = join([three[0], three[2]], species=["human", "pig"], via="mouse", strategy=strategy, release=release)
        assert set(joint.var_names) == {"INS", "GCG", "TNF", "VWF", "MT-ND1", "RPLP0"}
        assert joint.var.loc["INS", "homodb_sus_scrofa"] == "INS"


def test_two_objects_of_one_species(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    """They are joined by gene: what one of them lacks is in no feature."""
    few = cells(["Ins2", "Gcg", "Tnf", "Vwf"], 2, 5)
    joint, report = join(
        [three[0], three[1], few], species=["human", "mouse", "mouse"], release=release, return_report=True
    )
    assert set(joint.var_names) == {"INS", "GCG", "TNF", "VWF"}
    assert any("of mouse: joined by gene" in note for note in report.notes)
    rows = report.fates.filter((report.fates["file"] == "2") & (report.fates["name"] == "Rplp0"))
    assert rows["detail"].item() == "another object of its species does not have it"
    same, told = join([three[1], few], species=["mouse", "mouse"], release=release, return_report=True)
    assert sorted(same.var_names) == ["Gcg", "Ins2", "Tnf", "Vwf"] and told.features == "gene"
    assert (dense(same[5:, "Ins2"].X) == dense(few[:, "Ins2"].X)).all()


def test_obs(release: homodb.Release) -> None:
    """Columns of either kind stay, the join's own names are made free, cells that are called alike get numbers."""
    human = cells(HUMAN, 3, 0, species=["x", "y", "z"], n=[1, 2, 3], ok=[True, False, True], kind=["a", "b", "c"])
    mouse = cells(
        MOUSE, 2, 1, species=["m", "m"], n=[1.5, 2.5], kind=["b", None], homodb_total=[7, 8], species_given=[1, 2]
    )
    human.obs["kind"] = human.obs["kind"].astype("category")
    joint, report = join([human, mouse], species=["human", "mouse"], release=release, return_report=True)
    obs = joint.obs
    assert obs.index.tolist() == ["c0-1", "c1-1", "c2-1", "c0-2", "c1-2"]
    assert obs["homodb_cell"].tolist() == ["c0", "c1", "c2", "c0", "c1"]
    assert obs["species_given_1"].tolist() == ["x", "y", "z", "m", "m"] and obs["species"].tolist()[0] == "human"
    assert obs["homodb_total_given"].isna().tolist() == [True] * 3 + [False] * 2
    assert obs["n"].tolist() == [1, 2, 3, 1.5, 2.5] and obs["ok"].isna().tolist() == [False] * 3 + [True] * 2
    assert obs["kind"].tolist()[:4] == ["a", "b", "c", "b"] and pd.isna(obs["kind"].iloc[4])
    notes = " ".join(report.notes)
    assert "'species' is now 'species_given_1'" in notes and "made unique" in notes and "not all objects have" in notes


def test_shared_types(release: homodb.Release) -> None:
    human = cells(HUMAN, 4, 0, kind=["a", "b", "c", None])
    mouse = cells(MOUSE, 3, 1, kind=["b", "d", "a"])
    joint, report = join(
        [human, mouse], species=["human", "mouse"], shared_types="kind", release=release, return_report=True
    )
    assert joint.obs["kind"].tolist() == ["a", "b", "b", "a"]
    assert (dense(joint[:2, "GCG"].X) == dense(human[:2, "GCG"].X)).all()
    assert (dense(joint[2:, "GCG"].X).ravel() == dense(mouse[[0, 2], "Gcg"].X).ravel()).all()
    assert report.cells == 4 and any("4 of 7 cells stay" in note for note in report.notes)
    with pytest.raises(JoinError, match=messages.Join.no_value_kind):
        join([human, mouse[1:2]], species=["human", "mouse"], shared_types="kind", release=release)
    with pytest.raises(JoinError, match=messages.Join.obs_has_no_column_kind):
        join([human, cells(MOUSE, 2, 1)], species=["human", "mouse"], shared_types="kind", release=release)


def test_layers_and_types(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    """Layers that all have stay, scaled ones not; a wider type holds what both held; dense and sparse become sparse."""
    human, mouse, _ = three
    human.layers["counts"], mouse.layers["counts"] = human.X.copy(), dense(mouse.X).astype(np.int64)
    human.layers["only"] = human.X.copy()
    human.layers["scaled"], mouse.layers["scaled"] = dense(human.X) - 1.0, dense(mouse.X) - 1.0
    human.obsm["X_pca"] = np.zeros((4, 2))
    joint, report = join([human, mouse], species=["human", "mouse"], release=release, return_report=True)
    assert set(joint.layers) - {None} == {"counts"} and joint.layers["counts"].dtype == np.int64
    assert sp.issparse(joint.layers["counts"]) and (dense(joint.layers["counts"]) == dense(joint.X)).all()
    assert {"layers['only']", "layers['scaled']", "obsm['X_pca']"} <= set(report.dropped)
    by_layer = join([human, mouse], species=["human", "mouse"], layer=["counts", None], release=release)
    assert (dense(by_layer.X) == dense(joint.X)).all()


def test_sums_that_do_not_fit_widen(release: homodb.Release) -> None:
    human = anndata.AnnData(np.full((1, 2), 200, np.uint8), var=pd.DataFrame(index=["INS", "GCG"]))
    mouse = anndata.AnnData(np.full((1, 3), 200, np.uint8), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"]))
    joint = join([human, mouse], species=["human", "mouse"], strategy="ens_m2m", release=release)
    assert joint.to_df()["INS"].tolist() == [200, 400] and np.issubdtype(joint.X.dtype, np.integer)


def test_small_integers_beside_single_floats(release: homodb.Release) -> None:
    human = anndata.AnnData(np.full((1, 2), 200, np.uint8), var=pd.DataFrame(index=["INS", "GCG"]))
    mouse = anndata.AnnData(np.full((1, 3), 32.5, np.float32), var=pd.DataFrame(index=["Ins1", "Ins2", "Gcg"]))
    joint = join([human, mouse], species=["human", "mouse"], strategy="ens_m2m", release=release)
    assert joint.to_df()["INS"].tolist() == [200, 65] and joint.X.dtype == np.float32


def logged(adata: anndata.AnnData) -> anndata.AnnData:
    counts = dense(adata.X).astype(np.float64) + 1
    changed = adata.copy()
    changed.X = np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4)
    changed.uns["log1p"] = {"base": None}
    return changed


def test_values_that_do_not_go_together(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    human, mouse, _ = three
    asked: dict[str, Any] = {"species": ["human", "mouse"], "release": release}
    with pytest.raises(CountsError, match=messages.Join.x_2_holds_logarithms_1):
        join([human, logged(mouse)], **asked)
    with pytest.raises(CountsError, match=messages.Join.x_holds_logarithms_1):
        join([logged(human), logged(mouse)], strategy="ens_m2m", **asked)
    joint = join([logged(human), logged(mouse)], **asked)
    assert joint.obs["homodb_total"].to_numpy() == pytest.approx(np.full(9, 1e4))
    broken = mouse.copy()
    broken.X = dense(mouse.X).astype(float)
    broken.X[1, 2] = np.nan
    with pytest.raises(CountsError, match=messages.Join.x_2_holds_nan):
        join([human, broken], **asked)


@pytest.mark.parametrize("value", [np.nan, -1, 0.7])
def test_a_value_that_no_sample_shows_leaves_a_layer_out(release: homodb.Release, value: float, tmp_path: Path) -> None:
    human, mouse = cells(HUMAN, 4, 0), cells(MOUSE, 401, 1)
    for one in (human, mouse):
        one.X = one.X.astype(np.float32)
        one.layers["other"] = one.X.toarray()
    mouse.layers["other"][1, :2] = value  # Ins1 and Ins2
    asked: dict[str, Any] = {"species": ["human", "mouse"], "release": release, "strategy": "ens_m2m"}
    joint, report = join([human, mouse], return_report=True, **asked)
    files = []
    for name, one in (("human", human), ("mouse", mouse)):
        files.append(tmp_path / f"{name}.h5ad")
        one.write_h5ad(files[-1])
    join_to_file(files, tmp_path / "out.h5ad", **asked)
    for one in (joint, anndata.read_h5ad(tmp_path / "out.h5ad")):
        assert "other" not in one.layers and one.X.sum() > 0
    assert any("layers['other'] was left out" in note for note in report.notes)
    mouse.X = mouse.layers.pop("other")
    with pytest.raises(CountsError):
        join([human, mouse], **asked)


def test_the_same_object_twice(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    with pytest.raises(JoinError, match=messages.Join.is_named_twice_cells_would):
        join([three[0], three[0]], species=["human", "human"], release=release)


@pytest.mark.parametrize("layer", [["raw", "X"], ["raw", None], ["counts", "X"]])
def test_one_layer_for_each_object(release: homodb.Release, three: list[anndata.AnnData], layer: list[Any]) -> None:
    human, mouse, _ = three
    changed = logged(human)
    changed.raw = human
    changed.layers["counts"] = human.X
    joint = join([changed, mouse], species=["human", "mouse"], layer=layer, release=release)
    expected = join([human, mouse], species=["human", "mouse"], release=release)
    np.testing.assert_array_equal(dense(joint.X), dense(expected.X))


def test_different_scales_are_told(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    def per_cell(adata: anndata.AnnData, total: float, *, log: bool) -> anndata.AnnData:
        scaled = adata.copy()
        values = dense(adata.X) / dense(adata.X).sum(axis=1, keepdims=True) * total
        scaled.X = np.log1p(values) if log else values
        return scaled

    def scales(*objects: anndata.AnnData) -> bool:
        _, report = join(list(objects), species=["human", "mouse"], release=release, return_report=True)
        return any("different scales" in note for note in report.notes)

    human, mouse, _ = three
    for log in (False, True):
        alike = per_cell(human, 1e4, log=log), per_cell(mouse, 1e4, log=log)
        assert not scales(*alike) and scales(alike[0], per_cell(mouse, 1e6, log=log))
    assert scales(human, per_cell(mouse, 1e6, log=False)) and not scales(human, mouse)


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"species": ["human"]}, JoinError, "2 objects and 1 species are named"),
        ({"species": "human,mouse,pig"}, JoinError, "2 objects and 3 species"),
        ({"species": ["human", "martian"]}, UnknownSpeciesError, "martian"),
        ({"species": ["human", "rat"]}, UnknownSpeciesError, "rattus_norvegicus"),
        ({"strategy": "best"}, UnknownStrategyError, "best"),
        ({"via": "rat"}, UnknownSpeciesError, "rattus"),
        ({"features": "sum"}, JoinError, "no kind of features 'sum'"),
        ({"too_large": "x"}, JoinError, "leave, refuse"),
        ({"largest": 1}, JoinError, "at least two"),
        ({"layer": "counts"}, JoinError, "1: there is no layer 'counts'"),
        ({"layer": ["a", "b", "c"]}, JoinError, "3 layers are named for 2 objects"),
        ({"column": "symbol"}, TranslationError, "1: var has no column 'symbol'"),
        ({"block": 0}, JoinError, "0 cells"),
    ],
)
def test_errors(
    release: homodb.Release, three: list[anndata.AnnData], asked: dict[str, Any], error: type[HomodbError], says: str
) -> None:
    with pytest.raises(error, match=says):
        join(three[:2], **{"species": ["human", "mouse"], "release": release, **asked})


def test_nothing_shared_says_what_each_step_left(release: homodb.Release) -> None:
    human, mouse = cells(["INS", "CXCL8"], 2, 0), cells(["Gcg", "Tnf"], 2, 1)
    with pytest.raises(JoinError) as caught:
        join([human, mouse], species=["human", "mouse"], release=release)
    text = str(caught.value)
    assert "genes of human (human): 2; genes of mouse (mouse): 2; rows of the joint table by HM_O2O" in text
    assert "measured in every species: 0" in text
    with pytest.raises(JoinError, match=messages.Join.none_2_names_is_gene):
        join([cells(["nothing", "x"], 2, 0), mouse], species=["human", "mouse"], release=release)
    with pytest.raises(JoinError, match=messages.Shared.object_cannot_be_joined):
        join([human], release=release)


def test_cells_that_were_translated_are_told(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    mouse = homodb.translate(three[1], to="human", release=release)
    notes = homodb.join([three[0], mouse], species=["human", "human"], release=release).uns["homodb"]["notes"]
    assert [note for note in notes if "likely of another species" in note] == [
        "2: its genes were translated to human (var has homodb_source), so its cells are likely of another "
        "species; give the file as it was before"
    ]


def test_unknown_word(release: homodb.Release, three: list[anndata.AnnData]) -> None:
    with pytest.raises(TypeError, match=messages.Join.unexpected_keyword):
        join(three, species=SPECIES, release=release, wat=1)  # type: ignore[call-arg]


@pytest.fixture
def paths(three: list[anndata.AnnData], tmp_path: Path) -> list[Path]:
    human, mouse, pig = three
    mouse.X = sp.csc_matrix(mouse.X)
    pig.X = dense(pig.X)
    for one in three:
        one.layers["counts"] = one.X.copy()
    human.write_h5ad(tmp_path / "human.h5ad", compression="gzip")
    mouse.write_h5ad(tmp_path / "mouse.h5ad")
    pig.write_zarr(tmp_path / "pig.zarr")
    return [tmp_path / "human.h5ad", tmp_path / "mouse.h5ad", tmp_path / "pig.zarr"]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
@pytest.mark.parametrize("block", [1, 2, None])
def test_files_as_in_memory(
    release: homodb.Release,
    three: list[anndata.AnnData],
    paths: list[Path],
    tmp_path: Path,
    suffix: str,
    block: int | None,
) -> None:
    output = tmp_path / f"out{suffix}"
    seen: list[Any] = []
    report = join_to_file(
        paths, output, species=SPECIES, strategy="ens_m2m", release=release, block=block, progress=seen.append
    )
    read = anndata.read_zarr(output) if suffix == ".zarr" else anndata.read_h5ad(output)
    memory = join(three, species=SPECIES, strategy="ens_m2m", release=release)
    assert (dense(read.X) == dense(memory.X)).all() and read.X.dtype == memory.X.dtype
    assert (dense(read.layers["counts"]) == dense(memory.X)).all()
    assert read.var.astype(str).equals(memory.var.astype(str))
    assert read.obs["source_file"].astype(str).tolist() == ["human.h5ad"] * 4 + ["mouse.h5ad"] * 5 + ["pig.zarr"] * 3
    assert (read.obs["homodb_total"] == memory.obs["homodb_total"]).all()
    assert read.uns["homodb"]["release"] == "toy-1" and report.cells == 12
    assert seen[-1].done == seen[-1].total
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(
        ["human.h5ad", "mouse.h5ad", "pig.zarr", output.name]
    )
    in_memory = join(paths, species=SPECIES, strategy="ens_m2m", release=release)
    assert (dense(in_memory.X) == dense(memory.X)).all()


@pytest.mark.slow
def test_output_is_whole_or_not_there(release: homodb.Release, paths: list[Path], tmp_path: Path) -> None:
    for path in paths:
        with pytest.raises(OutputError, match=messages.Shared.is_input_file):
            join_to_file(paths, path, species=SPECIES, release=release)
    output = tmp_path / "out.h5ad"
    output.write_text("before")

    def stop(progress: Any) -> None:
        if progress.done > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        join_to_file(paths, output, species=SPECIES, release=release, progress=stop)
    assert output.read_text() == "before" and len(list(tmp_path.iterdir())) == 4
    with pytest.raises(JoinError, match=messages.Join.is_named_twice_cells_would):
        join_to_file([paths[0], paths[1], tmp_path / "." / paths[0].name], output, release=release)
    with pytest.raises(TranslationError, match=messages.Shared.there_is_no_such_file):
        join_to_file([paths[0], tmp_path / "none.h5ad"], output, release=release)
    (tmp_path / "text.h5ad").write_text("no")
    with pytest.raises(TranslationError, match=messages.Join.is_not_anndata_neither):
        join_to_file([paths[0], tmp_path / "text.h5ad"], output, release=release)
    assert output.read_text() == "before"
