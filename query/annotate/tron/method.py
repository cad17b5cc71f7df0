"""The method ``tron``: cell types carried by a network of the reference's species behind a conversion layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.annotate.labels import expand_to_all_cells
from homodb.query.annotate.neighbors import cosine_nearest
from homodb.query.annotate.settings import TronSettings
from homodb.query.annotate.task import AnnotationTask, Labelled, OrthologyLinks
from homodb.query.annotate.tron.layer import Edges, OrthologyLayer
from homodb.query.annotate.tron.network import Phenotype, spread
from homodb.query.annotate.tron.transfer import Cells, Transferred, transfer
from homodb.query.cells import SpeciesCells
from homodb.query.integrate import unit_rows
from homodb.schema.errors import AnnotationError


@dataclass(frozen=True)
class TrainingTarget:
    """What is known of both sides' cells.

    Parameters
    ----------
    reference, query
        Of the cells that have counts.
    classes
        Which of the task's labels each category is, int64; None where a number is learned.
    """

    reference: Phenotype
    query: Phenotype
    classes: npt.NDArray[np.int64] | None


def training_target(
    task: AnnotationTask, there: npt.NDArray[np.int64], placed: npt.NDArray[np.int64]
) -> TrainingTarget:
    """Return what is to be learned.

    Parameters
    ----------
    task
        The task.
    there, placed
        The reference's and the query's cells that have counts of linked genes.

    Raises
    ------
    AnnotationError
        If the reference's cells are all alike.
    """
    if task.reference.number is not None:
        number = task.reference.number[there]
        if len(np.unique(number[np.isfinite(number)])) < 2:
            raise AnnotationError("all cells of the reference with counts have one number; a network needs two")
        shown = np.full(task.query.n_cells, np.nan) if task.query.number is None else task.query.number
        return TrainingTarget(Phenotype(number), Phenotype(shown[placed]), None)
    label = task.reference.label[there]
    classes = np.unique(label[label >= 0])
    if len(classes) < 2:
        seen = f"only {task.labels[int(classes[0])]!r}" if len(classes) else "none"
        raise AnnotationError(
            f"the reference has {seen} as label of cells with counts; a network needs two labels to tell apart"
        )
    category = np.array([-2] * len(task.labels) + [-1])  # -2: a label that the reference lacks; the last: none
    category[classes] = np.arange(len(classes))
    return TrainingTarget(
        Phenotype(category[label], len(classes)), Phenotype(category[task.query.label[placed]], len(classes)), classes
    )


def weights_table(
    found: Transferred,
    *,
    target_symbols: Mapping[str, str] | None = None,
    source_symbols: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return what the layers of all seeds learned.

    Parameters
    ----------
    found
        What :func:`homodb.query.annotate.tron.transfer.transfer` gave.
    target_symbols, source_symbols
        Symbols of genes by stable ID.

    Returns
    -------
    polars.DataFrame
        A row per edge, that of the largest absolute ``effect`` first: ``target_gene, target_symbol, source_gene,
        source_symbol``; ``weight``, mean over the seeds; ``effect``, the weight times the standard deviation of the
        target gene's expression over the cells (counts per 10 000); ``spread``, standard deviation of the weight over
        the seeds (null with one seed); ``change``, mean change from the start; ``evidence_class``.

    Notes
    -----
    A weight alone says little: two paralogs that always rise and fall together may share their sum in any way. Where
    the spread is as large as the weight, the seeds shared it differently.
    """
    layer = found.runs[0].model[0]
    if not isinstance(layer, OrthologyLayer):
        raise TypeError(f"wanted a layer, got {type(layer)}")
    weights = np.stack([run.weight for run in found.runs])
    change = weights - np.stack([run.first for run in found.runs])
    target, source = (at.cpu().numpy() for at in (layer.target_index, layer.source_index))
    table = pl.DataFrame(
        {
            "target_gene": [layer.target_genes[at] for at in target.tolist()],
            "source_gene": [layer.source_genes[at] for at in source.tolist()],
            "weight": weights.mean(axis=0),
            "effect": weights.mean(axis=0) * spread(found.expression)[target],
            "spread": weights.std(axis=0, ddof=1) if len(weights) > 1 else [None] * weights.shape[1],
            "change": change.mean(axis=0),
            "evidence_class": [one or None for one in layer.evidence],
        },
        schema_overrides={"spread": pl.Float64, "evidence_class": pl.String},
    )
    return table.sort(pl.col("effect").abs(), "target_gene", "source_gene", descending=[True, False, False]).select(
        "target_gene",
        _symbols("target", target_symbols),
        "source_gene",
        _symbols("source", source_symbols),
        pl.exclude("target_gene", "source_gene"),
    )


def _symbols(side: str, names: Mapping[str, str] | None) -> pl.Expr:
    gene = pl.col(f"{side}_gene")
    known = (
        pl.lit(None, pl.String) if names is None else gene.replace_strict(names, default=None, return_dtype=pl.String)
    )
    return known.alias(f"{side}_symbol")


def tron(task: AnnotationTask) -> Labelled:
    """Label the query's cells.

    Parameters
    ----------
    task
        Parameters are those of :class:`homodb.query.annotate.settings.TronSettings`. Query cells with a
        label are learned from, see there (``tuning``); without any the layer works from its first weights.

    Returns
    -------
    Labelled
        Confidence: the label's share by softmax, mean of the seeds. A number is the mean of the seeds, its spread their
        standard deviation. Distance: cosine distance in the last hidden
        layer to the nearest reference cell, mean of the seeds. ``seen``: all cells of donors that were learned
        from, which must not be judged. ``tables["weights"]``: what the layer learned. Cells without counts in linked
        genes are unknown.

    Raises
    ------
    AnnotationError
        If a parameter is wrong, fewer than two labels are in the reference, counts are not finite, or the two sides
        share no usable genes.
    """
    chosen = TronSettings(**task.parameters)
    links = _usable(task, task.all_pairs if chosen.links == "all" else task.best, chosen)
    query_at, reference_at = np.unique(links.query), _reference_columns(task, links, chosen)
    edges = _edges(task, links, query_at, reference_at)
    reference, query = task.reference.counts[:, reference_at], task.query.counts[:, query_at]
    there, placed = _with_counts(reference), _with_counts(query)
    if not len(placed):
        raise AnnotationError("no cell of the query has counts of a gene that is linked to the reference")
    learned = training_target(task, there, placed)
    found = transfer(
        Cells(sp.csr_matrix(reference[there]), learned.reference, _some(task.reference.donor, there)),
        Cells(sp.csr_matrix(query[placed]), learned.query, _some(task.query.donor, placed)),
        edges, chosen, random_state=task.random_state, progress=task.progress,
    )  # fmt: skip
    task.progress("tron: distances to the reference")
    seen = np.isin(np.arange(task.query.n_cells), placed[found.tuning.seen])
    if task.query.donor is not None and found.tuning.by == "donors":
        seen = np.isin(task.query.donor, task.query.donor[seen])
    where = _embedding(found, "source", task.reference.n_cells, there)
    lies = _embedding(found, "target", task.query.n_cells, placed)
    cells = task.query.n_cells
    more: dict[str, Any] = {
        "told": _told(task, chosen, links, edges, found, placed), "reference_embedding": where, "query_embedding": lies,
        "tables": {"weights": _table(task, found, edges, query_at, reference_at)}, "seen": seen,
        "distance": expand_to_all_cells(cells, placed, _distance(where[there], lies[placed])),
    }  # fmt: skip
    if learned.classes is None:
        runs = np.stack([run.predicted[:, 0] for run in found.runs])
        return Labelled.of_numbers(
            number=expand_to_all_cells(cells, placed, runs.mean(axis=0)),
            spread=expand_to_all_cells(cells, placed, runs.std(axis=0)),
            **more,
        )
    shares = found.predicted
    label = np.full(task.query.n_cells, -1, np.int64)
    label[placed] = learned.classes[shares.argmax(axis=1)]
    return Labelled(label=label, confidence=expand_to_all_cells(cells, placed, shares.max(axis=1)), **more)


def _usable(task: AnnotationTask, links: OrthologyLinks, chosen: TronSettings) -> OrthologyLinks:
    """Return the links into reference genes that enough cells show, and from genes that may have counts."""
    for side, name in ((task.reference, "reference"), (task.query, "query")):
        if not np.isfinite(side.counts.data).all():
            raise AnnotationError(f"counts of the {name} hold NaN or infinite values; give raw counts")
    shown = np.bincount(task.reference.counts.indices, minlength=task.reference.counts.shape[1])
    kept = shown[links.reference] >= min(chosen.min_cells, task.reference.n_cells)
    if not kept.any():
        raise AnnotationError(
            f"none of the {len(kept):,} linked reference genes is seen in {chosen.min_cells} reference cells or more"
            " (min_cells); check that query and reference are what they should be"
        )
    evidence = tuple(one for one, keep in zip(links.evidence, kept.tolist(), strict=True) if keep)
    return OrthologyLinks(links.query[kept], links.reference[kept], links.weight[kept], evidence, links.strategy)


def _reference_columns(task: AnnotationTask, links: OrthologyLinks, chosen: TronSettings) -> npt.NDArray[np.int64]:
    """Return the reference genes that the network takes."""
    if chosen.unreached == "leave_out":
        return np.unique(links.reference)
    shown = np.bincount(task.reference.counts.indices, minlength=task.reference.counts.shape[1])
    return np.flatnonzero(shown >= max(min(chosen.min_cells, task.reference.n_cells), 1)).astype(np.int64)


def _edges(
    task: AnnotationTask, links: OrthologyLinks, query_at: npt.NDArray[np.int64], reference_at: npt.NDArray[np.int64]
) -> Edges:
    inputs, outputs = _names(task.query), _names(task.reference)
    return Edges(
        tuple(inputs[at] for at in query_at.tolist()),
        tuple(outputs[at] for at in reference_at.tolist()),
        np.searchsorted(query_at, links.query),
        np.searchsorted(reference_at, links.reference),
        links.weight,
        links.evidence,
    )


def _names(side: SpeciesCells) -> tuple[str, ...]:
    """Return stable IDs; where nobody gave them symbols, and keys where these are not unique."""
    if side.stable_ids:
        return side.stable_ids
    return side.symbols if len(set(side.symbols)) == len(side.symbols) else tuple(map(str, side.genes.tolist()))


def _with_counts(counts: sp.csr_matrix) -> npt.NDArray[np.int64]:
    return np.flatnonzero(np.asarray(counts.sum(axis=1)).ravel() > 0)


def _some(donor: npt.NDArray[np.int64] | None, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    return None if donor is None else donor[rows]


def _embedding(found: Transferred, side: str, n_cells: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the hidden layers of all seeds side by side, each of unit length, so that cosines are means over seeds."""
    parts = [unit_rows(np.asarray(getattr(run, side), np.float64)) for run in found.runs]
    embedding = np.zeros((n_cells, sum(part.shape[1] for part in parts)), np.float32)
    embedding[rows] = np.hstack(parts) / np.sqrt(len(parts))
    return embedding


def _distance(points: npt.NDArray[np.float32], queries: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    searched, asked = (unit_rows(one.astype(np.float64)) for one in (points, queries))
    return cosine_nearest(searched, asked, 1).distances[:, 0]


def _table(
    task: AnnotationTask,
    found: Transferred,
    edges: Edges,
    query_at: npt.NDArray[np.int64],
    reference_at: npt.NDArray[np.int64],
) -> Any:
    symbols = [
        {gene: side.symbols[at] for gene, at in zip(genes, chosen.tolist(), strict=True)}
        for side, genes, chosen in (
            (task.query, edges.target_genes, query_at), (task.reference, edges.source_genes, reference_at),
        )
    ]  # fmt: skip
    return weights_table(found, target_symbols=symbols[0], source_symbols=symbols[1])


def _told(
    task: AnnotationTask,
    chosen: TronSettings,
    links: OrthologyLinks,
    edges: Edges,
    found: Transferred,
    placed: npt.NDArray[np.int64],
) -> dict[str, Any]:
    tuned = len(found.tuning.rows) > 0
    return {
        "parameters": chosen.model_dump(),
        "strategy": links.strategy,
        "edges": len(edges),
        "query_genes": len(edges.target_genes),
        "reference_genes": len(edges.source_genes),
        "held_out_by": found.held_by,
        "network_epochs": [run.network.best for run in found.runs],
        "tuned": chosen.tune if tuned else "nothing",
        "tuned_by": found.tuning.by if tuned else "nothing",
        "tuning_cells": len(found.tuning.rows),
        "layer_epochs": [run.layer.best for run in found.runs if run.layer],
        "seen_cells": int(found.tuning.seen.sum()),
        "unknown_cells": task.query.n_cells - len(placed),
    }
