"""knn, protein and consensus: against plain dense NumPy; and the list of methods with its parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from homodb.query.annotate import (
    METHODS,
    AnnotateOptions,
    AnnotationMethod,
    AnnotationTask,
    Labelled,
    MethodSettings,
    VoteSettings,
    consensus,
    knn,
    method_named,
    methods,
    parse_parameters,
    prepare,
    protein,
    shared_counts,
    split_parameters,
)
from homodb.query.cells import SpeciesCells
from homodb.query.integrate import read_vector_options, strongest, vectors_of, weighted_means
from homodb.schema.errors import AnnotationError, MissingEmbeddingError, VectorsError
from tests import messages


@pytest.fixture(scope="module")
def task(clade: Any) -> AnnotationTask:
    return prepare(clade.release, clade.mouse, clade.human, AnnotateOptions(label_key="cell_type")).task


def with_parameters(task: AnnotationTask, **parameters: Any) -> AnnotationTask:
    return replace(task, parameters=parameters)


def right(task: AnnotationTask, found: Labelled, clade: Any) -> float:
    names = np.array([*task.labels, "unknown"])[found.label]
    return float((names == clade.mouse.obs["cell_type"].astype(str).to_numpy()).mean())


# knn


def test_shared_counts_are_those_of_a_loop(task: AnnotationTask) -> None:
    shared = shared_counts(task)
    wanted = np.zeros((task.query.n_cells, task.reference.counts.shape[1]))
    for one, two, weight in zip(task.best.query, task.best.reference, task.best.weight, strict=True):
        wanted[:, two] += task.query.counts[:, one].toarray().ravel() * weight
    np.testing.assert_allclose(shared.query.toarray(), wanted[:, shared.columns])
    np.testing.assert_array_equal(shared.reference.toarray(), task.reference.counts[:, shared.columns].toarray())


@pytest.mark.parametrize("scale", ["none", "centre", "each", "reference"])
def test_knn_is_that_of_dense_numpy(task: AnnotationTask, clade: Any, scale: str) -> None:
    dims, k = 6, 5
    found = knn(with_parameters(task, scale=scale, dims=dims, k=k, weights="uniform", features=60))
    shared = shared_counts(task)
    logs = [
        np.log1p(1e4 * one / np.maximum(one.sum(axis=1, keepdims=True), 1))
        for one in (shared.reference.toarray(), shared.query.toarray())
    ]
    variance = np.where(logs[1].sum(axis=0) > 0, logs[0].var(axis=0), 0)
    chosen = np.sort(np.argsort(-variance, kind="stable")[:60])
    reference, query = (one[:, chosen] for one in logs)
    mean, deviation = reference.mean(axis=0), reference.std(axis=0, ddof=1)
    if scale == "centre":
        reference, query = reference - mean, query - query.mean(axis=0)
    elif scale != "none":
        own = (query.mean(axis=0), query.std(axis=0, ddof=1)) if scale == "each" else (mean, deviation)
        reference = np.minimum((reference - mean) / deviation, 10)
        query = np.minimum((query - own[0]) / np.where(own[1] > 0, own[1], 1), 10)
    vectors = np.linalg.svd(reference, full_matrices=False)[2][:dims].T
    reference, query = reference @ vectors, query @ vectors
    reference, query = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (reference, query))
    far = 1 - query @ reference.T
    np.testing.assert_allclose(found.distance, far.min(axis=1), atol=1e-6)
    near = task.reference.label[np.argsort(far, axis=1)[:, :k]]
    shares = np.stack([(near == one).mean(axis=1) for one in range(len(task.labels))], axis=1)
    clear = np.sort(shares, axis=1)[:, -1] > np.sort(shares, axis=1)[:, -2]
    assert (found.label == shares.argmax(axis=1))[clear].all()
    np.testing.assert_allclose(found.confidence, shares.max(axis=1))
    assert right(task, found, clade) > 0.6


@pytest.mark.parametrize("integration", ["none", "cca"])
def test_knn_in_an_integration(task: AnnotationTask, clade: Any, integration: str) -> None:
    pytest.importorskip("skmisc", reason="the extra cells is not installed")
    found = knn(with_parameters(task, integration=integration, features=100, dims=10))
    assert right(task, found, clade) > 0.5
    assert found.reference_embedding is not None and len(found.reference_embedding) == task.reference.n_cells


def test_cells_without_shared_counts_are_unknown(task: AnnotationTask) -> None:
    counts = task.query.counts.toarray()
    counts[3] = 0
    found = knn(replace(task, query=replace(task.query, counts=type(task.query.counts)(counts))))
    assert found.label[3] == -1 and np.isnan(found.confidence[3]) and np.isnan(found.distance[3])
    assert (np.delete(found.label, 3) >= 0).all()


# protein


def test_protein_cells_are_weighted_means(task: AnnotationTask) -> None:
    rng = np.random.default_rng(2)
    side, genes = task.query, task.query.counts.shape[1]
    found = np.sort(rng.choice(genes, 60, replace=False))
    vectors = rng.standard_normal((60, 7)).astype(np.float32)
    counts = side.counts.toarray()
    logs = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))[:, found]
    wanted = []
    for row in logs:
        kept = np.lexsort((np.arange(60), -row))[:10]
        wanted.append((row[kept] @ vectors[kept].astype(float)) / row[kept].sum())
    made = weighted_means(side.counts, found, vectors, top=10, centre=False)
    np.testing.assert_allclose(made, wanted, atol=1e-9)
    centred = weighted_means(side.counts, found, vectors, top=10, centre=True)
    np.testing.assert_allclose(centred, wanted - np.mean(wanted, axis=0), atol=1e-9)


def test_strongest_of_empty_and_full_rows() -> None:
    import scipy.sparse as sp

    matrix = sp.csr_matrix([[0.0, 0, 0], [1.0, 2, 3], [2.0, 2, 2]])
    assert strongest(matrix, 2).toarray().tolist() == [[0, 0, 0], [0, 2, 3], [2, 2, 0]]
    assert strongest(matrix, 9).toarray().tolist() == matrix.toarray().tolist()


def test_protein_space_needs_no_orthology(task: AnnotationTask, clade: Any) -> None:
    none = np.empty(0, np.int64)
    empty = replace(task.best, query=none, reference=none, weight=np.empty(0), evidence=())
    found = protein(replace(task, best=empty, all_pairs=empty, parameters={"top": 40}))
    assert (found.label >= 0).all() and right(task, found, clade) > 0.4


def test_vectors_of_tables(task: AnnotationTask, clade: Any, tmp_path: Path) -> None:
    def own(side: SpeciesCells) -> tuple[np.ndarray, np.ndarray]:
        found, vectors = vectors_of(clade.release)(side)
        return found[:30], vectors[:30, :8]

    tables = {}
    for side, name in ((task.query, "mouse"), (task.reference, "human")):
        found, vectors = own(side)
        names = [side.stable_ids[at] for at in found.tolist()]
        frame = pl.DataFrame({"id": names, **{f"d{n}": vectors[:, n] for n in range(vectors.shape[1])}})
        tables[name] = tmp_path / f"{name}.tsv"
        frame.write_csv(tables[name], separator="\t")
        pl.DataFrame({"id": names, "vector": vectors.tolist()}).write_parquet(tmp_path / f"{name}.parquet")
    for files in (tables, {name: tmp_path / f"{name}.parquet" for name in tables}):
        given = vectors_of(clade.release, files=files)
        for side in (task.query, task.reference):
            (one, same), (other, wanted) = given(side), own(side)
            assert (one == other).all()
            np.testing.assert_allclose(same, wanted, rtol=1e-6)
    with pytest.raises(MissingEmbeddingError, match=messages.Annotate.no_table_vectors_is_given):
        vectors_of(clade.release, files={"mouse": tables["mouse"]})(task.reference)
    with pytest.raises(MissingEmbeddingError, match=messages.Annotate.none_measured_genes_human):
        vectors_of(clade.release, files={"": tables["mouse"]})(task.reference)
    short = tmp_path / "short.csv"
    short.write_text(f"id,one,two\n{task.reference.stable_ids[0]},1,2\n")
    both = vectors_of(clade.release, files={"mouse": tables["mouse"], "human": short})
    both(task.query)
    with pytest.raises(VectorsError, match=messages.Annotate.differ_in_their_dimensions):
        both(task.reference)
    for text, said in (
        ("", "cannot be read"),
        ("a,b\nx,y\n", "is not a table of vectors"),
        ("a,b,c\nx,NaN,1.5\ny,2.5,3\n", "NaN"),
    ):
        short.write_text(text)
        with pytest.raises(VectorsError, match=said):
            vectors_of(clade.release, files={"": short})(task.query)
    assert read_vector_options(["a=b.tsv", "c.tsv"]) == {"a": Path("b.tsv"), "": Path("c.tsv")}


# consensus


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods that always say the same of five cells."""
    answers: Mapping[str, tuple[list[int], list[float]]] = {
        "a": ([0, 1, 2, -1, 0], [0.9, 0.6, 0.5, np.nan, 0.5]),
        "b": ([0, 2, 2, -1, 1], [0.8, 0.9, 0.5, np.nan, 0.7]),
        "c": ([0, 2, 1, 1, -1], [0.7, 0.1, 1.0, 0.4, np.nan]),
    }

    def answering(name: str) -> AnnotationMethod:
        def function(task: AnnotationTask) -> Labelled:
            label, confidence = answers[name]
            return Labelled(np.array(label), np.array(confidence), np.array([1.0, 2, 3, np.nan, 5]))

        return AnnotationMethod(name, "", "", function, VoteSettings)

    def failing(task: AnnotationTask) -> Labelled:
        raise MissingEmbeddingError("no vectors")

    own = (*map(answering, "abc"), AnnotationMethod("d", "", "", failing, MethodSettings), method_named("consensus"))
    monkeypatch.setattr(methods, "METHODS", own)


def test_consensus_by_hand(task: AnnotationTask, made_up: None) -> None:
    small = replace(task, query=replace(task.query, cells=task.query.cells[:5], counts=task.query.counts[:5]))
    found = consensus(replace(small, labels=("x", "y", "z"), parameters={"methods": None}))
    # all agree; two of three; two of three against a surer one; one voice; one against one, the surer wins
    assert found.label.tolist() == [0, 2, 2, 1, 1]
    np.testing.assert_allclose(found.confidence, [1, 2 / 3, 2 / 3, 1, 1 / 2])
    np.testing.assert_allclose(found.distance, [0, 0.25, 0.5, np.nan, 0.75])
    assert found.details == {"methods": ["a", "b", "c"], "not_run": ["d: no vectors"]}
    assert found.tables["labels by method"]["c"].to_list() == ["x", "z", "y", "y", None]
    with pytest.raises(MissingEmbeddingError):
        consensus(replace(small, labels=("x", "y", "z"), parameters={"methods": "a,d"}))
    with pytest.raises(AnnotationError, match=messages.Annotate.consensus_needs_two):
        consensus(replace(small, labels=("x", "y", "z"), parameters={"methods": "a"}))
    with pytest.raises(AnnotationError, match=messages.Annotate.other_methods_than_itself):
        consensus(replace(small, parameters={"methods": "a,consensus"}))


# The list


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_method_takes_its_own_defaults(method: AnnotationMethod) -> None:
    defaults = parse_parameters(method, {})
    texts = {name: str(value) for name, value in defaults.items() if value is not None}
    assert parse_parameters(method, texts) == defaults
    described = " ".join(str(one.__doc__) for one in method.settings.__mro__)
    assert method.summary and all(re.search(rf"\b{name}\b", described) for name in method.settings.model_fields)


def test_parameters_that_are_none() -> None:
    one = method_named("knn")
    assert parse_parameters(one, {"balanced": "yes", "k": np.int64(3)}) == {
        **parse_parameters(one, {}),
        "balanced": True,
        "k": 3,
    }
    assert parse_parameters(method_named("consensus"), {"methods": "knn,protein", "knn.k": "7"}) == {
        "methods": "knn,protein", "knn.k": 7,
    }  # fmt: skip
    for given, said in (
        ({"kk": 1}, "method knn has no parameter 'kk'; it has k, weights"),
        ({"k": "many"}, "^k: Expected a whole number, got 'many'"),
        ({"k": 1.5}, "Expected a whole number"),
        ({"balanced": "perhaps"}, "Expected yes or no"),
    ):
        with pytest.raises(AnnotationError, match=said):
            parse_parameters(one, given)
    with pytest.raises(AnnotationError, match=messages.Annotate.wanted_name_value):
        split_parameters(["k"])
    with pytest.raises(AnnotationError, match=messages.Annotate.there_is_no_method_svm):
        method_named("svm")
