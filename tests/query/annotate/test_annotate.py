"""``homodb.annotate`` from end to end: what is written, what is never read, and what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.annotate import annotate_files, read_options, stored_options, vote
from homodb.schema.errors import (
    AnnotationError,
    MissingEmbeddingError,
    MissingPackageError,
    OutputError,
)
from tests import messages

COLUMNS = ["cell_type_homodb", "cell_type_homodb_confidence", "cell_type_homodb_distance"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["knn", "protein", "tron"])
def test_labels_of_the_query_are_never_read(clade: Any, method: str) -> None:
    more: dict[str, Any] = {}
    if method == "tron":
        pytest.importorskip("torch")
        more = {"seeds": 1, "epochs": 2}
    one = homodb.annotate(clade.mouse, clade.human, label_key="cell_type", method=method, release=clade.release, **more)
    bare, shuffled = clade.mouse.copy(), clade.mouse.copy()
    bare.obs = bare.obs[[]].copy()
    shuffled.obs["cell_type"] = np.random.default_rng(3).permutation(shuffled.obs["cell_type"].astype(str))
    for other in (bare, shuffled):
        found = homodb.annotate(other, clade.human, label_key="cell_type", method=method, release=clade.release, **more)
        pd.testing.assert_frame_equal(found.obs[COLUMNS], one.obs[COLUMNS])


def test_what_is_written_and_what_stays(clade: Any, tmp_path: Path) -> None:
    query = clade.mouse.copy()
    query.uns["homodb"] = {"source": "mouse"}
    query.layers["raw"] = query.X.copy()
    before, names = query.copy(), list(query.obs)
    made, told = homodb.annotate(
        query, clade.human, label_key="cell_type", release=clade.release, k=3, return_report=True
    )
    assert list(query.obs) == names and query.uns["homodb"] == {"source": "mouse"}
    assert list(made.obs) == [*names, *COLUMNS] and sp.issparse(made.X)
    assert (made.X != before.X).nnz == 0 and (made.layers["raw"] != before.X).nnz == 0
    assert made.uns["homodb"]["source"] == "mouse"
    path = tmp_path / "out.h5ad"
    made.write_h5ad(path)
    entry = anndata.read_h5ad(path).uns["homodb"]["annotation"]["cell_type_homodb"]
    assert entry["method"] == "knn" and entry["strategy"] == "ENS_M2M" and entry["parameters"]["k"] == 3
    assert entry["release"] == clade.release.version and entry["versions"]["homodb"] == homodb.__version__
    assert dict(zip(entry["reference_labels"], entry["reference_cells"], strict=True)) == told.reference_labels
    again = stored_options(entry)
    assert (
        again.method == "knn"
        and again.parameters["k"] == 3
        and again.random_state == 42
        and f"{again.label_key}_{again.key_added}" == COLUMNS[0]
    )
    more = homodb.annotate(
        made, clade.human, label_key="cell_type", release=clade.release, method="protein", key_added="p"
    )
    assert set(more.uns["homodb"]["annotation"]) == {"cell_type_homodb", "cell_type_p"}
    assert told.labels["cells"].sum() == made.n_obs and "labelled from human by knn, ENS_M2M" in told.lines()[0]
    assert list(more.obsm) == ["X_cell_type_homodb", "X_cell_type_p"] and told.embedding == "X_cell_type_homodb"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["knn", "knn numbers", "protein", "tron", "consensus"])
def test_the_embedding_is_that_in_which_neighbours_were_found(clade: Any, method: str) -> None:
    if method in ("tron", "consensus"):
        pytest.importorskip("torch")
    more: dict[str, Any] = {"tron": {"seeds": 2, "epochs": 2}, "consensus": {"methods": "knn,protein"}}.get(method, {})
    query, reference = clade.mouse.copy(), clade.human.copy()
    matrix = query.X.tolil()
    matrix[3] = 0
    query.X = matrix.tocsr()
    label = "cell_type"
    if method == "knn numbers":
        label = "age"
        reference.obs[label], more = np.arange(reference.n_obs) * 1.0, {"numeric": True}
    name = method.split()[0]
    made = homodb.annotate(query, reference, label_key=label, method=name, release=clade.release, **more)
    points = made.obsm[f"X_{label}_homodb"]
    assert points.dtype == np.float32 and len(points) == query.n_obs and not points[3].any()
    if method in ("knn", "protein"):  # of cells that are their own reference, the written positions give the votes
        own = homodb.annotate(query, query, label_key=label, method=method, release=clade.release)
        names = np.unique(query.obs[label].astype(str))
        code = np.searchsorted(names, query.obs[label].astype(str))
        placed = own.obsm["X_cell_type_homodb"]
        again = names[vote(placed, code, placed, len(names)).label]
        labels = own.obs["cell_type_homodb"].astype(str).to_numpy()
        assert (again == labels)[placed.any(axis=1)].mean() > 0.98 and labels[3] == "unknown"
    if method == "consensus":
        parts = [homodb.annotate(query, reference, label_key=label, method=one, release=clade.release)
                 for one in ("knn", "protein")]  # fmt: skip
        cosine = []
        for one in (*parts, made):
            unit = one.obsm["X_cell_type_homodb"].astype(float)
            unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
            cosine.append(unit @ unit.T)
        np.testing.assert_allclose((cosine[0] + cosine[1]) / 2, cosine[2], atol=1e-5)


def test_the_same_seed_gives_the_same(clade: Any) -> None:
    one, other = (
        homodb.annotate(clade.human, clade.mouse, label_key="cell_type", release=clade.release).obs[COLUMNS]
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, other)


def test_empty_cells_are_unknown_and_counted(clade: Any) -> None:
    query, reference = clade.mouse.copy(), clade.human.copy()
    for cells in (query, reference):
        matrix = cells.X.tolil()
        matrix[[0, 7]] = 0
        cells.X = matrix.tocsr()
    made, told = homodb.annotate(query, reference, label_key="cell_type", release=clade.release, return_report=True)
    assert made.obs[COLUMNS[0]].iloc[[0, 7]].tolist() == ["unknown"] * 2
    assert made.obs[COLUMNS[1]].isna().sum() == 2 and told.empty == told.unknown == 2
    assert any("2 cells of the reference without any count" in note for note in told.notes)
    assert any("2 cells of the query have no count" in note for note in told.notes)
    assert any("of them without any count" in line for line in told.lines())
    zero = query.copy()
    zero.X = sp.csr_matrix(zero.shape)
    with pytest.raises(AnnotationError, match=messages.Annotate.no_cell_query_has_count):
        homodb.annotate(zero, reference, label_key="cell_type", release=clade.release)


def test_unknown_below(clade: Any) -> None:
    plain = homodb.annotate(clade.mouse, clade.human, label_key="cell_type", release=clade.release)
    made, told = homodb.annotate(
        clade.mouse, clade.human, label_key="cell_type", release=clade.release, unknown_below=0.8, return_report=True
    )
    low = plain.obs[COLUMNS[1]] < 0.8
    assert 0 < low.sum() < len(low) and told.unknown == low.sum()
    assert ((made.obs[COLUMNS[0]] == "unknown") == low).all()
    assert (made.obs[COLUMNS[0]] == plain.obs[COLUMNS[0]].astype(str))[~low].all()
    pd.testing.assert_series_equal(made.obs[COLUMNS[1]], plain.obs[COLUMNS[1]])


def test_one_species_works_and_says_so(clade: Any) -> None:
    odd = np.arange(clade.human.n_obs) % 2 == 1
    first, second = clade.human[~odd].copy(), clade.human[odd].copy()
    made, told = homodb.annotate(first, second, label_key="cell_type", release=clade.release, return_report=True)
    assert told.strategy == "same species" and any("both human" in note for note in told.notes)
    assert (made.obs[COLUMNS[0]].astype(str) == first.obs["cell_type"].astype(str)).mean() > 0.9
    assert not any("of the reference, too" in note for note in told.notes)
    _, told = homodb.annotate(first, clade.human, label_key="cell_type", release=clade.release, return_report=True)
    assert any(f"{first.n_obs} cells of the query are cells of the reference, too" in note for note in told.notes)


def test_label_maps(clade: Any, tmp_path: Path) -> None:
    (tmp_path / "map.tsv").write_text("label\tmeans\tside\ntype 1\tfirst\treference\ntype 2\t\treference\n")
    made, told = homodb.annotate(
        clade.mouse,
        clade.human,
        label_key="cell_type",
        release=clade.release,
        labels=tmp_path / "map.tsv",
        return_report=True,
    )
    assert set(told.reference_labels) == {"first", "type 3", "type 4"}
    assert "type 2" not in set(made.obs[COLUMNS[0]]) and "first" in set(made.obs[COLUMNS[0]])
    assert any("without a label were left out" in note for note in told.notes) and told.only is None


def test_labels_to_learn_from_are_marked(clade: Any) -> None:
    pytest.importorskip("torch")
    donors = sorted(set(clade.mouse.obs["donor"].astype(str)))
    query = clade.mouse.copy()
    query.obs["mine"] = query.obs["cell_type"].astype(str).replace("type 1", "Type-1")
    made, told = homodb.annotate(
        query, clade.human, label_key="cell_type", method="tron", release=clade.release, query_label_key="mine",
        query_donors=donors[:1], donor_key="donor", seeds=1, epochs=2, tuning_epochs=2, return_report=True,
    )  # fmt: skip
    assert (made.obs["cell_type_homodb_seen"] == (query.obs["donor"].astype(str) == donors[0])).all()
    assert told.only is not None
    assert ("Type-1", "query", "type 1") in told.only.select("label", "side", "alike").rows()
    assert told.tables["weights"].height > 0
    assert not any("learns nothing" in note for note in told.notes)
    plain = homodb.annotate(
        query, clade.human, label_key="cell_type", release=clade.release, query_label_key="mine", return_report=True
    )[1]
    assert any("method knn learns nothing from the query's own labels" in note for note in plain.notes)
    held = made.uns["homodb"]["annotation"]["cell_type_homodb"]["tables"]["weights"]
    assert len(held) == told.tables["weights"].height


def test_without_torch_consensus_does_without_tron(clade: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else find(name, *more))
    cells = {"label_key": "cell_type", "release": clade.release}
    with pytest.raises(MissingPackageError, match=messages.Annotate.method_tron_needs_torch):
        homodb.annotate(clade.mouse, clade.human, method="tron", **cells, return_report=True)
    _, told = homodb.annotate(clade.mouse, clade.human, method="consensus", **cells, return_report=True)
    assert any(line.startswith("tron: ") and "needs torch" in line for line in told.details["not_run"])


@pytest.mark.slow
def test_files(clade: Any, clade_folder: Path, tmp_path: Path) -> None:
    cells = clade_folder / "sim" / "cells"
    query, reference, out = cells / "mus_musculus.h5ad", cells / "homo_sapiens.h5ad", tmp_path / "out.zarr"
    steps: list[str] = []
    options = read_options({"label_key": "cell_type"})
    told = annotate_files(
        query, reference, out, options, release=clade.release, progress=steps.append, tables=tmp_path / "t"
    )
    assert anndata.read_zarr(out).obs[told.column].notna().all() and steps[-1] == "writing"
    with pytest.raises(OutputError, match=messages.Shared.is_input_file):
        annotate_files(query, reference, reference, options, release=clade.release)
    kept = tmp_path / "kept.h5ad"
    kept.write_bytes(b"as it was")
    with pytest.raises(AnnotationError):
        annotate_files(query, reference, kept, read_options({"label_key": "kind"}), release=clade.release)
    assert kept.read_bytes() == b"as it was" and not list(tmp_path.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"label_key": "kind"}, "obs of the reference has no column 'kind'"),
        ({"label_key": "one"}, "obs.'one'. of the reference has one label, 'x'"),
        ({"label_key": "none"}, "of the reference has no label"),
        ({"label_key": "each"}, "is different for every one of its 80 cells"),
        ({"label_key": "age"}, "is different for 70 of its 75 cells; .* use numeric"),
        ({"method": "svm"}, "there is no method 'svm'"),
        ({"parameters": {"kk": 3}}, "method knn has no parameter 'kk'"),
        ({"hidden": 3}, "method knn has no parameter 'hidden'; .* tron has hidden"),
        ({"unknown_below": 1.5}, "least confidence is 1.5; it lies between 0 and 1"),
        ({"query_donors": ["mouse 1"]}, "query_label_key is missing"),
        (
            {"query_donors": ["who"], "query_label_key": "cell_type", "donor_key": "donor"},
            "no donor 'who'; it has mouse 1",
        ),
        ({"method": "cellama", "phrases": ["cell_type"]}, "holds the cell types themselves"),
        ({"method": "cellama", "spatial_key": "xy"}, "no 'xy' with coordinates"),
        ({"phrases": ["tissue"]}, "method knn does not use phrases; cellama does"),
        ({"scale": "all"}, "There is no scale 'all'"),
    ],
)
def test_what_is_refused(clade: Any, choices: dict[str, Any], said: str) -> None:
    reference = clade.human.copy()
    reference.obs["one"], reference.obs["none"], reference.obs["each"] = "x", None, reference.obs_names
    reference.obs["age"] = [np.nan] * 5 + [0.5] * 6 + [cell + 0.25 for cell in range(69)]
    with pytest.raises(AnnotationError, match=said):
        homodb.annotate(clade.mouse, reference, release=clade.release, **{"label_key": "cell_type", **choices})


def test_what_a_release_lacks(clade: Any, toy: homodb.Release, tmp_path: Path) -> None:
    genes = ["INS", "GCG", "TNF", "VWF", "CXCL8"]
    told: dict[str, Any] = {"label_key": "kind", "release": toy, "source": "mouse", "reference_species": "human"}
    counts = np.random.default_rng(0).poisson(3.0, (9, 5)).astype(float)
    obs = pd.DataFrame({"kind": list("abc") * 3}, index=[f"c{n}" for n in range(9)])
    human = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=genes))
    mouse = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=["Ins2", "Gcg", "Tnf", "Vwf", "Dup1"]))
    with pytest.raises(MissingEmbeddingError, match=messages.Shared.holds_no_vectors):
        homodb.annotate(mouse, human, method="protein", **told)
    with pytest.raises(AnnotationError, match=messages.Annotate.consensus_needs_two):
        homodb.annotate(mouse, human, method="consensus", methods="knn", **told)
    made = homodb.annotate(mouse, human, k=1, **told)
    assert made.obs["kind_homodb"].notna().all()
    with pytest.raises(AnnotationError, match=messages.Shared.there_is_no_such_file):
        homodb.annotate(mouse, human, labels=tmp_path / "none.tsv", **told)
    apart = anndata.AnnData(counts[:, :1], obs=obs, var=pd.DataFrame(index=["CXCL8"]))
    with pytest.raises(AnnotationError, match=messages.Annotate.share_no_genes):
        homodb.annotate(mouse, apart, **told)


@pytest.mark.slow
@pytest.mark.shared
def test_real_islets(shared_data: Path, real: homodb.Release) -> None:
    human, mouse = (
        anndata.read_h5ad(shared_data / "cells" / name) for name in ("baron_human_175.h5ad", "baron_mouse_822.h5ad")
    )
    for query, reference, least in ((mouse, human, 0.7), (human, mouse, 0.6)):
        made = homodb.annotate(query, reference, label_key="cell_type", release=real)
        told = homodb.evaluate(made, truth="cell_type", n_resamples=0)
        assert told.numbers["balanced_accuracy"].value > least
