"""The nearest reference cells by cosine distance, and what they say: votes for labels, or a mean of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from homodb.query.annotate.labels import expand_to_all_cells
from homodb.query.annotate.settings import VoteSettings, Weights
from homodb.query.annotate.task import AnnotationTask, Labelled
from homodb.query.integrate import Nearest, nearest, unit_rows
from homodb.schema.errors import AnnotationError

#: Up to so many reference cells all are compared; beyond, an index finds candidates.
EXACT = 50_000
#: An index is asked for so many times the wanted neighbours, which are then put in order by their true distance.
_CANDIDATES = 4
_ROWS = 4096


@dataclass(frozen=True)
class NeighborVotes:
    """What the neighbours say of each cell.

    Parameters
    ----------
    label
        Which label, shape (cells,), int64; -1 for a cell that lies nowhere.
    confidence
        Its share of the votes; NaN for such a cell.
    distance
        Cosine distance to the nearest reference cell, 0 to 2; NaN for such a cell.
    """

    label: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Means:
    """What the neighbours say where each has a number.

    Parameters
    ----------
    number, spread
        Their weighted mean and standard deviation, shape (cells,), float64; NaN for a cell that lies nowhere.
    distance
        As that of :class:`Votes`.
    """

    number: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    distance: npt.NDArray[np.float64]


def vote(
    points: npt.ArrayLike,
    label: npt.NDArray[np.int64],
    queries: npt.ArrayLike,
    n_labels: int,
    *,
    k: int = 5,
    weights: Weights = "distance",
    balanced: bool = False,
    exact: int = EXACT,
) -> NeighborVotes:
    """Label cells by their nearest reference cells.

    Parameters
    ----------
    points
        Where the reference's cells lie, shape (cells, dimensions); a row of zeros lies nowhere and has no vote.
    label
        Which label each has.
    queries
        Where the cells to label lie.
    n_labels
        How many labels there are.
    k
        Neighbours that vote; all, where there are fewer.
    weights
        ``uniform``, or ``distance``: a neighbour at distance d weighs exp(-(d / D)^2), D being that of the farthest.
    balanced
        Whether each vote is divided by the number of reference cells of its label, so that rare labels count alike.
    exact
        Up to so many reference cells all are compared.

    Returns
    -------
    Votes
        Labels of equal votes fall to the first one.

    Raises
    ------
    AnnotationError
        If there are no such weights, or no reference cell lies anywhere.

    Examples
    --------
    >>> vote([[1.0, 0.0], [0.0, 1.0]], np.array([0, 1]), [[2.0, 0.1]], 2, k=1).label
    array([0])
    """
    near = _neighbors(points, queries, k, weights, exact)
    said, votes = label[near.rows], near.weights
    if balanced:
        votes = votes / np.bincount(label[near.there], minlength=n_labels)[said]
    cell = np.arange(len(said))[:, None] * n_labels
    total = np.bincount((cell + said).ravel(), votes.ravel(), minlength=len(said) * n_labels)
    share = total.reshape(len(said), n_labels)
    label = np.full(near.n_queries, -1, np.int64)
    label[near.placed] = share.argmax(axis=1)
    return NeighborVotes(label, near.spread_out(share.max(axis=1) / share.sum(axis=1)), near.spread_out(near.nearest))


def average(
    points: npt.ArrayLike,
    number: npt.NDArray[np.float64],
    queries: npt.ArrayLike,
    *,
    k: int = 5,
    weights: Weights = "distance",
    exact: int = EXACT,
) -> Means:
    """Give cells the mean of their nearest reference cells' numbers.

    Parameters
    ----------
    number
        Of each reference cell, shape (cells,), finite.
    points, queries, k, weights, exact
        As :func:`vote` takes them.

    Raises
    ------
    AnnotationError
        As :func:`vote` raises it.

    Examples
    --------
    >>> points, queries = [[1.0, 0.0], [0.0, 1.0]], [[3.0, 3.0]]
    >>> average(points, np.array([2.0, 4.0]), queries, k=2).number.tolist()
    [3.0]
    """
    near = _neighbors(points, queries, k, weights, exact)
    said, share = number[near.rows], near.weights / near.weights.sum(axis=1, keepdims=True)
    mean = (said * share).sum(axis=1)
    spread = np.sqrt((share * (said - mean[:, None]) ** 2).sum(axis=1))
    return Means(near.spread_out(mean), near.spread_out(spread), near.spread_out(near.nearest))


@dataclass(frozen=True)
class _Near:
    """The neighbours that count: `rows` of the reference and their `weights`, shape (placed cells, k)."""

    rows: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    nearest: npt.NDArray[np.float64]
    there: npt.NDArray[np.int64]
    placed: npt.NDArray[np.int64]
    n_queries: int

    def spread_out(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return values of the placed cells as those of all, NaN for cells that lie nowhere."""
        return expand_to_all_cells(self.n_queries, self.placed, values)


def _neighbors(points: npt.ArrayLike, queries: npt.ArrayLike, k: int, weights: Weights, exact: int) -> _Near:
    if weights not in get_args(Weights):
        raise AnnotationError(f"there are no weights {weights!r}; there are {', '.join(get_args(Weights))}")
    if k < 1:
        raise AnnotationError(f"k is {k}; a cell needs at least one neighbour")
    searched, asked = unit_rows(np.asarray(points, np.float64)), unit_rows(np.asarray(queries, np.float64))
    there, placed = np.flatnonzero(searched.any(axis=1)), np.flatnonzero(asked.any(axis=1))
    if not len(there):
        raise AnnotationError("no cell of the reference has counts of the genes that the method uses")
    found = cosine_nearest(searched[there], asked[placed], min(k, len(there)), exact=exact)
    weighed = np.ones(found.distances.shape)
    if weights == "distance":
        farthest = found.distances[:, -1:]
        weighed = np.exp(-(np.divide(found.distances, farthest, out=np.zeros_like(weighed), where=farthest > 0) ** 2))
    return _Near(there[found.indices], weighed, found.distances[:, 0], there, placed, len(asked))


def cosine_nearest(
    points: npt.NDArray[np.float64], queries: npt.NDArray[np.float64], k: int, *, exact: int = EXACT
) -> Nearest:
    """Find the `k` nearest points by cosine distance.

    Parameters
    ----------
    points, queries
        Rows of unit length.
    k
        How many; at most the number of points.
    exact
        Up to so many points all are compared; beyond, an index (usearch) finds candidates, four for each that is
        wanted, and their distances are computed from the rows themselves.

    Returns
    -------
    Nearest
        Cosine distances, which are half of the squared Euclidean ones, ascending.
    """
    if not len(queries):
        return Nearest(np.empty((0, k), np.int64), np.empty((0, k)))
    if len(points) <= exact:
        found = nearest(points, queries, k)
        return Nearest(found.indices, found.distances**2 / 2)
    candidates = _candidates(points.astype(np.float32), queries.astype(np.float32), min(len(points), k * _CANDIDATES))
    indices, distances = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    for start in range(0, len(queries), _ROWS):
        part = slice(start, start + _ROWS)
        apart = points[candidates[part]] - queries[part, None, :]
        away = np.einsum("ijk,ijk->ij", apart, apart) / 2
        order = np.lexsort((candidates[part], away), axis=1)[:, :k]
        indices[part] = np.take_along_axis(candidates[part], order, 1)
        distances[part] = np.take_along_axis(away, order, 1)
    return Nearest(indices, distances)


def _candidates(points: npt.NDArray[np.float32], queries: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    from usearch.index import Index

    index = Index(ndim=points.shape[1], metric="cos", dtype="f32", expansion_search=max(64, 2 * k))
    # with one thread the index, and so what it finds, is the same every time
    index.add(np.arange(len(points)), points, threads=1)
    found = index.search(queries, k)
    return np.atleast_2d(found.keys).astype(np.int64).reshape(len(queries), -1)


def labelled_by_nearest(
    task: AnnotationTask,
    settings: VoteSettings,
    reference: npt.NDArray[Any],
    query: npt.NDArray[Any],
    told: Mapping[str, Any],
) -> Labelled:
    """Label the query's cells by their nearest reference cells in a space of both.

    Parameters
    ----------
    task
        The task.
    settings
        Settings of the vote.
    reference, query
        Where the cells lie, shape (cells, dimensions).
    told
        What the method tells.

    Returns
    -------
    Labelled
        The confidence is the share of votes (the spread: that of the neighbours' numbers), the distance the cosine
        distance to the nearest reference cell.

    Raises
    ------
    AnnotationError
        If there are no such weights, or no reference cell lies anywhere.
    """
    task.progress("nearest cells")
    k, weights = settings.k, settings.weights
    where: dict[str, Any] = {
        "reference_embedding": reference.astype(np.float32),
        "query_embedding": query.astype(np.float32),
    }
    if task.reference.number is not None:
        means = average(reference, task.reference.number, query, k=k, weights=weights)
        return Labelled.of_numbers(means.number, means.spread, means.distance, told, **where)
    votes = vote(
        reference, task.reference.label, query, len(task.labels), k=k, weights=weights,
        balanced=settings.balanced,
    )  # fmt: skip
    return Labelled(votes.label, votes.confidence, votes.distance, told, **where)
