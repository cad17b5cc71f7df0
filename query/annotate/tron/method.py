"""The method ``tron``: cell types carried by a network of the reference's species behind a conversion layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.among import among
from homodb.query.annotate.neighbors import cosine_nearest
from homodb.query.annotate.task import Labelled, Links, Side, Task
from homodb.query.annotate.tron.edges import Edges
from homodb.query.annotate.tron.learned import learn
from homodb.query.annotate.tron.parameters import TronParameters
from homodb.query.annotate.tron.transfer import Cells, Transferred, transfer
from homodb.query.annotate.tron.weights_table import weights_table
from homodb.query.integrate.principal import unit_rows
from homodb.schema.errors import AnnotationError


def tron(task: Task) -> Labelled:
    """Label the query's cells.

    Parameters
    ----------
    task
        Parameters are those of :class:`homodb.query.annotate.tron.parameters.TronParameters`. Query cells with a
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
    chosen = TronParameters.read(task.parameters)
    links = _usable(task, task.all_pairs if chosen.links == "all" else task.best, chosen)
    query_at, reference_at = np.unique(links.query), _reference_columns(task, links, chosen)
    edges = _edges(task, links, query_at, reference_at)
    reference, query = task.reference.counts[:, reference_at], task.query.counts[:, query_at]
    there, placed = _with_counts(reference), _with_counts(query)
    if not len(placed):
        raise AnnotationError("no cell of the query has counts of a gene that is linked to the reference")
    learned = learn(task, there, placed)
    found = transfer(
        Cells(sp.csr_matrix(reference[there]), learned.reference, _some(task.reference.donor, there)),
        Cells(sp.csr_matrix(query[placed]), learned.query, _some(task.query.donor, placed)),
        edges, chosen, seed=task.seed, report=task.report,
    )  # fmt: skip
    task.report("tron: distances to the reference")
    seen = np.isin(np.arange(task.query.n_cells), placed[found.tuning.seen])
    if task.query.donor is not None and found.tuning.by == "donors":
        seen = np.isin(task.query.donor, task.query.donor[seen])
    where = _embedding(found, "source", task.reference.n_cells, there)
    lies = _embedding(found, "target", task.query.n_cells, placed)
    cells = task.query.n_cells
    more: dict[str, Any] = {
        "told": _told(task, chosen, links, edges, found, placed), "reference_embedding": where, "query_embedding": lies,
        "tables": {"weights": _table(task, found, edges, query_at, reference_at)}, "seen": seen,
        "distance": among(cells, placed, _distance(where[there], lies[placed])),
    }  # fmt: skip
    if learned.classes is None:
        runs = np.stack([run.predicted[:, 0] for run in found.runs])
        return Labelled.of_numbers(
            number=among(cells, placed, runs.mean(axis=0)), spread=among(cells, placed, runs.std(axis=0)), **more
        )
    shares = found.predicted
    label = np.full(task.query.n_cells, -1, np.int64)
    label[placed] = learned.classes[shares.argmax(axis=1)]
    return Labelled(label=label, confidence=among(cells, placed, shares.max(axis=1)), **more)


def _usable(task: Task, links: Links, chosen: TronParameters) -> Links:
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
    return Links(links.query[kept], links.reference[kept], links.weight[kept], evidence, links.strategy)


def _reference_columns(task: Task, links: Links, chosen: TronParameters) -> npt.NDArray[np.int64]:
    """Return the reference genes that the network takes."""
    if chosen.unreached == "leave_out":
        return np.unique(links.reference)
    shown = np.bincount(task.reference.counts.indices, minlength=task.reference.counts.shape[1])
    return np.flatnonzero(shown >= max(min(chosen.min_cells, task.reference.n_cells), 1)).astype(np.int64)


def _edges(task: Task, links: Links, query_at: npt.NDArray[np.int64], reference_at: npt.NDArray[np.int64]) -> Edges:
    inputs, outputs = _names(task.query), _names(task.reference)
    return Edges(
        tuple(inputs[at] for at in query_at.tolist()),
        tuple(outputs[at] for at in reference_at.tolist()),
        np.searchsorted(query_at, links.query),
        np.searchsorted(reference_at, links.reference),
        links.weight,
        links.evidence,
    )


def _names(side: Side) -> tuple[str, ...]:
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
    task: Task, found: Transferred, edges: Edges, query_at: npt.NDArray[np.int64], reference_at: npt.NDArray[np.int64]
) -> Any:
    symbols = [
        {gene: side.symbols[at] for gene, at in zip(genes, chosen.tolist(), strict=True)}
        for side, genes, chosen in (
            (task.query, edges.target_genes, query_at), (task.reference, edges.source_genes, reference_at),
        )
    ]  # fmt: skip
    return weights_table(found, target_symbols=symbols[0], source_symbols=symbols[1])


def _told(
    task: Task, chosen: TronParameters, links: Links, edges: Edges, found: Transferred, placed: npt.NDArray[np.int64]
) -> dict[str, Any]:
    tuned = len(found.tuning.rows) > 0
    return {
        "parameters": chosen.as_dict(),
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
