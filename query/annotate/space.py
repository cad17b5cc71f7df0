"""One space for both sides: the query's counts translated by best pairs, and principal components of the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.neighbors import labelled_by_nearest
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.cells import product
from homodb.query.integrate import (
    IntegrateSettings,
    Joint,
    SparseMinusLowRank,
    log_normalized,
    method_named,
    prepare,
    principal_components,
    scaled,
)
from homodb.schema.errors import AnnotationError

Array = npt.NDArray[np.float64]

SCALES = ("none", "centre", "each", "reference")
#: Largest scaled value, as in an integration.
_SCALE_MAX = 10.0


@dataclass(frozen=True)
class Shared:
    """Counts of both sides over the genes that they share, in the reference's genes.

    Parameters
    ----------
    reference, query
        CSR, cells x shared genes.
    columns
        Columns of the reference that are shared, ascending.
    """

    reference: sp.csr_matrix
    query: sp.csr_matrix
    columns: npt.NDArray[np.int64]


def shared_counts(task: AnnotationTask) -> Shared:
    """Translate the query's counts to the reference genes that some query gene is linked to, by best pairs."""
    columns, goes = np.unique(task.best.reference, return_inverse=True)
    moved = product(task.query.counts, len(columns), task.best.query, goes, task.best.weight)
    return Shared(sp.csr_matrix(task.reference.counts[:, columns]), sp.csr_matrix(moved), columns)


def components(task: AnnotationTask, *, features: int, dims: int, scale: str) -> tuple[Array, Array, dict[str, Any]]:
    """Lay both sides' cells out along the reference's principal components.

    Parameters
    ----------
    task
        What is to be annotated.
    features
        Shared genes to use: those whose logarithms vary most over the reference's cells, among the genes that have
        counts on both sides.
    dims
        Principal components.
    scale
        What is done to the logarithms of each gene first. ``none``: nothing; the cosine then compares profiles, and
        does not depend on which types the other cells are of. ``centre``: each side's mean is taken off, which also
        takes off what shifts a whole species, if the sides have like shares of types. ``each``: each side is brought
        to mean 0 and deviation 1. ``reference``: both sides are scaled as the reference is.

    Returns
    -------
    tuple
        The reference's cells, the query's cells (a row of zeros for one without counts of shared genes), and what is
        worth telling.

    Raises
    ------
    AnnotationError
        If the sides share too few genes for the components, or the scale is none.
    """
    if scale not in SCALES:
        raise AnnotationError(f"there is no scale {scale!r}; there are {', '.join(SCALES)}")
    shared = shared_counts(task)
    logs = [log_normalized(one, _totals(one)) for one in (shared.reference, shared.query)]
    chosen = _varying(logs[0], logs[1], features)
    reference, query = (sp.csr_matrix(one[:, chosen]) for one in logs)
    k = min(dims, len(chosen) - 1, task.reference.n_cells - 1)
    if k < 1:
        raise AnnotationError(
            f"{len(chosen)} shared genes vary over the {task.reference.n_cells} cells of the reference and have counts"
            " in the query; too few to tell cells apart"
        )
    found = principal_components(_scaled(reference, reference, scale), k, seed=task.seed)
    projected = _scaled(query, reference, scale).times(found.loadings)
    for cells, counts in ((found.cells, shared.reference), (projected, shared.query)):
        cells[_totals(counts) == 0] = 0.0
    told = {"shared_genes": len(shared.columns), "used_genes": len(chosen), "dims": k}
    return found.cells, projected, told


def integrated(
    task: AnnotationTask, *, integration: str, features: int, dims: int
) -> tuple[Array, Array, dict[str, Any]]:
    """Lay both sides' cells out by a method of ``homodb integrate``, each side being one of its species.

    Raises
    ------
    AnnotationError
        If a cell has no counts of shared genes.
    IntegrationError
        If the method does not exist, or there are too few cells or genes for it.
    MissingPackageError
        If it needs a package that is not installed.
    """
    method = method_named(integration)
    shared = shared_counts(task)
    counts = sp.csr_matrix(sp.vstack([shared.reference, shared.query]))
    kept = np.flatnonzero(_totals(counts) > 0)
    sizes = [task.reference.n_cells, task.query.n_cells]
    code = np.repeat(np.arange(2), sizes)[kept]
    names = (task.reference.species.common_name, task.query.species.common_name)
    least = int(np.bincount(code, minlength=2).min()) - 1
    plain = IntegrateSettings()
    settings = IntegrateSettings(
        n_features=features, dims=min(dims, least),
        n_components=max(min(plain.n_components, len(kept) - 1), min(dims, least)),
        k_anchor=min(plain.k_anchor, least), k_score=min(plain.k_score, least), random_state=task.seed,
    )  # fmt: skip
    labels = tuple(task.reference.symbols[column] for column in shared.columns.tolist())
    species = names if names[0] != names[1] else ("reference", "query")
    joint = Joint(sp.csr_matrix(counts[kept]), list(labels), species, code, _totals(counts)[kept])
    found = method.function(prepare(joint, settings), settings)
    points = np.zeros((sum(sizes), settings.dims))
    points[kept] = found.embedding[:, : settings.dims]
    told = {"shared_genes": len(shared.columns), "dims": settings.dims, "integration": method.name, **found.record}
    return points[: sizes[0]], points[sizes[0] :], told


def _totals(counts: sp.csr_matrix) -> Array:
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def _varying(reference: sp.csr_matrix, query: sp.csr_matrix, features: int) -> npt.NDArray[np.int64]:
    """Return the genes that vary most over the reference, ascending; ties fall to the first."""
    mean = np.asarray(reference.mean(axis=0)).ravel()
    squares = np.asarray(reference.multiply(reference).mean(axis=0)).ravel()
    variance = squares - mean**2
    variance[np.asarray(query.sum(axis=0)).ravel() == 0] = 0.0
    variance[variance < 1e-12 * (1 + squares)] = 0.0
    order = np.argsort(-variance, kind="stable")[:features]
    return np.sort(order[variance[order] > 0])


def _scaled(logs: sp.csr_matrix, reference: sp.csr_matrix, scale: str) -> SparseMinusLowRank:
    """Return the scaled logarithms of a side, clipped from above."""
    cells, genes = logs.shape
    if scale == "none":
        return SparseMinusLowRank(logs, np.zeros((cells, 1)), np.zeros((genes, 1)))
    if scale == "centre":
        return SparseMinusLowRank(logs, np.ones((cells, 1)), np.asarray(logs.mean(axis=0)).reshape(-1, 1))
    if scale == "each" and cells > 1:
        return scaled(logs, scale_max=_SCALE_MAX)
    mean = np.asarray(reference.mean(axis=0)).ravel()
    squares = np.asarray(reference.multiply(reference).mean(axis=0)).ravel()
    deviation = np.sqrt((squares - mean**2) * reference.shape[0] / (reference.shape[0] - 1))
    shift = mean / deviation
    data = np.minimum(logs.data / deviation[logs.indices], (_SCALE_MAX + shift)[logs.indices])
    values = sp.csr_matrix((data, logs.indices, logs.indptr), logs.shape)
    return SparseMinusLowRank(values, np.ones((cells, 1)), shift[:, None])


def knn(task: AnnotationTask) -> Labelled:
    """Label cells by their nearest reference cells: the baseline.

    Parameters
    ----------
    task
        Its parameters are ``k``, ``weights``, ``balanced`` (see
        :func:`homodb.query.annotate.neighbors.labelled_by_nearest`), ``features``, ``dims``, ``scale`` (see
        :func:`homodb.query.annotate.space.components`) and ``integration``: ``none``, or a method of
        ``homodb integrate``.

    Returns
    -------
    Labelled
        As :func:`homodb.query.annotate.neighbors.labelled_by_nearest` gives it.

    Raises
    ------
    AnnotationError
        If the sides share too few genes, or a parameter is none.
    IntegrationError, MissingPackageError
        If the integration cannot be run.
    """
    chosen = task.parameters
    features, dims = int(chosen.get("features", 2000)), int(chosen.get("dims", 30))
    integration = str(chosen.get("integration", "none"))
    if integration == "none":
        task.report("translated principal components")
        reference, query, told = components(task, features=features, dims=dims, scale=str(chosen.get("scale", "none")))
    else:
        task.report(f"integrating by {integration}")
        reference, query, told = integrated(task, integration=integration, features=features, dims=dims)
    return labelled_by_nearest(task, reference, query, told)
