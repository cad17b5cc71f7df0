"""Annotate with ``knn`` and ``protein``: nearest reference cells in a space of both sides vote, or give their mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.annotate.labels import expand_to_all_cells
from homodb.query.annotate.settings import KnnSettings, ProteinSettings, VoteSettings, Weights
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.cells import product
from homodb.query.integrate import (
    EXACT,
    IntegrateSettings,
    Joint,
    Nearest,
    SparseMinusLowRank,
    kneighbors,
    log_normalized,
    method_named,
    prepare,
    principal_components,
    scaled,
    unit_rows,
    weighted_means,
)
from homodb.schema.errors import AnnotationError, MissingEmbeddingError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NeighborVotes:
    """Votes of the neighbours of each cell; NaN or -1 for a cell without a position."""

    label: npt.NDArray[np.int64]
    confidence: Array  # share of the votes for the label
    distance: Array  # cosine distance to the nearest reference cell, 0 to 2


@dataclass(frozen=True)
class Means:
    """Weighted mean and standard deviation of the neighbours' numbers; NaN for a cell without a position."""

    number: Array
    spread: Array
    distance: Array  # as that of :class:`NeighborVotes`


def vote(
    points: npt.ArrayLike, label: npt.NDArray[np.int64], queries: npt.ArrayLike, n_labels: int, *, k: int = 5,
    weights: Weights = "distance", balanced: bool = False, exact: int = EXACT,
) -> NeighborVotes:  # fmt: skip
    """Label cells by their nearest reference cells.

    Parameters
    ----------
    points, label
        Positions of the reference's cells, shape (cells, dimensions), and the label of each; a row of zeros is no
        position and has no vote.
    queries
        Positions of the cells to label.
    n_labels
        Number of labels.
    k
        Number of neighbours that vote; all, if there are fewer.
    weights
        ``uniform``, or ``distance``: a neighbour at distance d weighs exp(-(d / D)^2), D being that of the farthest.
    balanced
        Whether each vote is divided by the number of reference cells of its label, so that rare labels count alike.
    exact
        Number of reference cells up to which all are compared.

    Returns
    -------
    NeighborVotes
        Labels of equal votes fall to the first one.

    Raises
    ------
    AnnotationError
        If there are no such weights, or no reference cell has a position.

    Examples
    --------
    >>> vote([[1.0, 0.0], [0.0, 1.0]], np.array([0, 1]), [[2.0, 0.1]], 2, k=1).label
    array([0])
    """
    near = _neighbors(points, queries, k, weights, exact)
    choice, votes = label[near.rows], near.weights
    if balanced:
        votes = votes / np.bincount(label[near.points], minlength=n_labels)[choice]
    cell = np.arange(len(choice))[:, None] * n_labels
    total = np.bincount((cell + choice).ravel(), votes.ravel(), minlength=len(choice) * n_labels)
    share = total.reshape(len(choice), n_labels)
    label = np.full(near.n_queries, -1, np.int64)
    label[near.queries] = share.argmax(axis=1)
    return NeighborVotes(label, near.spread_out(share.max(axis=1) / share.sum(axis=1)), near.spread_out(near.nearest))


def average(
    points: npt.ArrayLike, number: Array, queries: npt.ArrayLike, *, k: int = 5,
    weights: Weights = "distance", exact: int = EXACT,
) -> Means:  # fmt: skip
    """Give cells the mean of their nearest reference cells' numbers; other parameters and errors as of :func:`vote`.

    Parameters
    ----------
    number
        Number of each reference cell, shape (cells,), finite.

    Examples
    --------
    >>> points, queries = [[1.0, 0.0], [0.0, 1.0]], [[3.0, 3.0]]
    >>> average(points, np.array([2.0, 4.0]), queries, k=2).number.tolist()
    [3.0]
    """
    near = _neighbors(points, queries, k, weights, exact)
    numbers, share = number[near.rows], near.weights / near.weights.sum(axis=1, keepdims=True)
    mean = (numbers * share).sum(axis=1)
    spread = np.sqrt((share * (numbers - mean[:, None]) ** 2).sum(axis=1))
    return Means(near.spread_out(mean), near.spread_out(spread), near.spread_out(near.nearest))


@dataclass(frozen=True)
class _Near:
    """Neighbours of the queries with a position, as `rows` of the reference with `weights`, shape (queries, k)."""

    rows: npt.NDArray[np.int64]
    weights: Array
    nearest: Array
    points: npt.NDArray[np.int64]
    queries: npt.NDArray[np.int64]
    n_queries: int

    def spread_out(self, values: Array) -> Array:
        return expand_to_all_cells(self.n_queries, self.queries, values)


def _neighbors(points: npt.ArrayLike, queries: npt.ArrayLike, k: int, weights: Weights, exact: int) -> _Near:
    if weights not in get_args(Weights):
        raise AnnotationError(f"there are no weights {weights!r}; there are {', '.join(get_args(Weights))}")
    if k < 1:
        raise AnnotationError(f"k is {k}; a cell needs at least one neighbour")
    unit_points, unit_queries = (unit_rows(np.asarray(one, np.float64)) for one in (points, queries))
    placed, placed_queries = (np.flatnonzero(one.any(axis=1)) for one in (unit_points, unit_queries))
    if not len(placed):
        raise AnnotationError("no cell of the reference has counts of the genes that the method uses")
    near = cosine_nearest(unit_points[placed], unit_queries[placed_queries], min(k, len(placed)), exact=exact)
    weighed = np.ones(near.distances.shape)
    if weights == "distance":
        farthest = near.distances[:, -1:]
        weighed = np.exp(-(np.divide(near.distances, farthest, out=np.zeros_like(weighed), where=farthest > 0) ** 2))
    return _Near(placed[near.indices], weighed, near.distances[:, 0], placed, placed_queries, len(unit_queries))


def cosine_nearest(points: Array, queries: Array, k: int, *, exact: int = EXACT) -> Nearest:
    """Find the `k` nearest points of unit length by cosine distance, which is half of the squared Euclidean one.

    Up to `exact` points all are compared; beyond, only those of the nearest groups, as :func:`kneighbors` does.
    """
    if not len(queries):
        return Nearest(np.empty((0, k), np.int64), np.empty((0, k)))
    near = kneighbors(points, k, queries=queries, exact=exact)
    return Nearest(near.indices, near.distances**2 / 2)


def labelled_by_nearest(
    task: AnnotationTask, settings: VoteSettings, reference: npt.NDArray[Any], query: npt.NDArray[Any],
    details: Mapping[str, Any],
) -> Labelled:  # fmt: skip
    """Label the query's cells by their nearest reference cells in a space of both.

    The confidence is the share of votes (the spread: that of the neighbours' numbers), the distance the cosine distance
    to the nearest reference cell.
    """
    task.progress("nearest cells")
    k, weights = settings.k, settings.weights
    spaces: dict[str, Any] = {
        "reference_embedding": reference.astype(np.float32), "query_embedding": query.astype(np.float32),
    }  # fmt: skip
    if task.reference.number is not None:
        means = average(reference, task.reference.number, query, k=k, weights=weights)
        return Labelled.of_numbers(means.number, means.spread, means.distance, details, **spaces)
    votes = vote(
        reference, task.reference.label, query, len(task.labels), k=k, weights=weights, balanced=settings.balanced
    )
    return Labelled(votes.label, votes.confidence, votes.distance, details, **spaces)


#: Largest scaled value, as in an integration.
_SCALE_MAX = 10.0
#: Cells whose logarithms are in memory at once where they are only summed.
_ROWS = 8192


@dataclass(frozen=True)
class Shared:
    """Counts of both sides over the genes that they share, in the reference's genes."""

    reference: sp.csr_matrix
    query: sp.csr_matrix
    columns: npt.NDArray[np.int64]  # columns of the reference that are shared, ascending


def shared_counts(task: AnnotationTask) -> Shared:
    """Translate the query's counts, by best pairs, to the reference genes that they are linked to."""
    columns, target = np.unique(task.best.reference, return_inverse=True)
    moved = product(task.query.counts, len(columns), task.best.query, target, task.best.weight)
    return Shared(sp.csr_matrix(task.reference.counts[:, columns]), sp.csr_matrix(moved), columns)


def components(task: AnnotationTask, *, features: int, dims: int, scale: str) -> tuple[Array, Array, dict[str, Any]]:
    """Lay both sides' cells out along the reference's principal components.

    Parameters
    ----------
    task
        The task.
    features
        Number of shared genes: those whose logarithms vary most over the reference's cells, among the genes that have
        counts on both sides.
    dims
        Number of principal components.
    scale
        Scaling of the logarithms of each gene. ``none``: nothing; the cosine then compares profiles, and does not
        depend on the types of the other cells. ``centre``: each side's mean is subtracted, and with it a shift of the
        whole species, if the sides have similar shares of types. ``each``: each side is brought to mean 0 and
        deviation 1. ``reference``: both sides are scaled as the reference is.

    Returns
    -------
    tuple
        The reference's cells, the query's cells (a row of zeros for one without counts of shared genes), and details.

    Raises
    ------
    AnnotationError
        If the sides share too few genes for the components.
    """
    shared = shared_counts(task)
    columns = _varying(shared.reference, shared.query, features)
    reference, query = (
        log_normalized(sp.csr_matrix(one[:, columns]), _totals(one)) for one in (shared.reference, shared.query)
    )
    k = min(dims, len(columns) - 1, task.reference.n_cells - 1)
    if k < 1:
        raise AnnotationError(
            f"{len(columns)} shared genes vary over the {task.reference.n_cells} cells of the reference and have counts"
            " in the query; too few to distinguish cells"
        )
    main = principal_components(_scaled(reference, reference, scale), k, random_state=task.random_state)
    projected = _scaled(query, reference, scale).times(main.loadings)
    for cells, counts in ((main.cells, shared.reference), (projected, shared.query)):
        cells[_totals(counts) == 0] = 0.0
    return main.cells, projected, {"shared_genes": len(shared.columns), "used_genes": len(columns), "dims": k}


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
        k_anchor=min(plain.k_anchor, least), k_score=min(plain.k_score, least), random_state=task.random_state,
    )  # fmt: skip
    labels = tuple(task.reference.symbols[column] for column in shared.columns.tolist())
    species = names if names[0] != names[1] else ("reference", "query")
    joint = Joint(sp.csr_matrix(counts[kept]), list(labels), species, code, _totals(counts)[kept])
    result = method.function(prepare(joint, settings), settings)
    points = np.zeros((sum(sizes), settings.dims))
    points[kept] = result.embedding[:, : settings.dims]
    details = {"shared_genes": len(shared.columns), "dims": settings.dims, "integration": method.name, **result.record}
    return points[: sizes[0]], points[sizes[0] :], details


def _totals(counts: sp.csr_matrix) -> Array:
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def _varying(reference: sp.csr_matrix, query: sp.csr_matrix, features: int) -> npt.NDArray[np.int64]:
    """Return the genes whose logarithms vary most over the reference, ascending; ties fall to the first."""
    cells, genes = reference.shape
    sums, squares, totals = np.zeros(genes), np.zeros(genes), _totals(reference)
    for start in range(0, cells, _ROWS):
        rows = slice(start, start + _ROWS)
        logs = log_normalized(sp.csr_matrix(reference[rows]), totals[rows])
        sums += np.bincount(logs.indices, logs.data, genes)
        squares += np.bincount(logs.indices, logs.data**2, genes)
    mean, squares = sums / cells, squares / cells
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
        Its parameters are those of :class:`homodb.query.annotate.settings.KnnSettings`.

    Raises
    ------
    AnnotationError
        If the sides share too few genes.
    IntegrationError, MissingPackageError
        If the integration cannot be run.
    """
    settings = KnnSettings(**task.parameters)
    features, dims, integration = settings.features, settings.dims, settings.integration
    if integration == "none":
        task.progress("translated principal components")
        reference, query, details = components(task, features=features, dims=dims, scale=settings.scale)
    else:
        task.progress(f"integrating by {integration}")
        reference, query, details = integrated(task, integration=integration, features=features, dims=dims)
    return labelled_by_nearest(task, settings, reference, query, details)


def protein(task: AnnotationTask) -> Labelled:
    """Label cells by their nearest reference cells in protein space, which needs no orthology.

    A cell is the weighted mean of its genes' protein embeddings.

    Parameters
    ----------
    task
        Its parameters are those of :class:`homodb.query.annotate.settings.ProteinSettings`.

    Raises
    ------
    MissingEmbeddingError
        If there are no vectors for the genes of a side.
    """
    if task.vectors is None:
        raise MissingEmbeddingError("method protein needs vectors of genes, and none are given")
    settings = ProteinSettings(**task.parameters)
    points, details = [], {}
    for name, side in (("reference", task.reference), ("query", task.query)):
        task.progress(f"the {name}'s cells in protein space")
        columns, vectors = task.vectors(side)
        if not settings.housekeeping:
            kept = ~side.housekeeping[columns]
            columns, vectors = columns[kept], vectors[kept]
        details[f"{name}_genes_with_vectors"] = len(columns)
        points.append(weighted_means(side.counts, columns, vectors, top=settings.top, centre=settings.centre))
    reference, query = points
    return labelled_by_nearest(task, settings, reference, query, {**details, "dims": reference.shape[1]})
