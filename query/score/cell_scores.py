"""Compute scores of single cells: the local inverse Simpson index (LISI) and the silhouette.

LISI: Korsunsky et al., Nature Methods 2019 (https://doi.org/10.1038/s41592-019-0619-0), R package lisi. Silhouette:
Rousseeuw, J. Comput. Appl. Math. 1987 (https://doi.org/10.1016/0377-0427(87)90125-7).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import Nearest, gpu, in_threads, kneighbors
from homodb.schema.errors import ScoreError

#: Neighbours of a cell, including the cell itself, and the perplexity of their weights, as in R's ``compute_lisi``.
NEIGHBORS = 90
PERPLEXITY = 30.0
#: Tolerance of the entropy of weights, and steps to reach it, as in R.
_TOLERANCE = 1e-5
_STEPS = 50
#: Cells per block.
_ROWS = 2048
#: Halvings of the interval of a cell's bandwidth; 60 exhaust a double's precision.
_HALVINGS = 60
#: Distances in memory at once for each thread, and columns of such a block: they stay in a processor's cache.
_HELD, _COLUMNS = 262_144, 2048
#: Distances in memory at once on a GPU, and how torch computes them without cancellation.
_HELD_ON_GPU, _EXACTLY = 1 << 27, "donot_use_mm_for_euclid_dist"
#: Cells up to which distances have double precision; with more, their means average single rounding away.
_DOUBLE = 20_000

_Floats = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int64]


def lisi(points: _Floats, *codes: _Ints, near: Nearest | None = None) -> list[_Floats]:
    """Compute the LISI of every cell for one or several groupings of the cells.

    The other 89 of the 90 nearest cells are weighted by ``exp(-beta distance)``, with the beta that gives the weights
    a perplexity of 30. The index is one over the sum of the squared weights of groups: 1 if all neighbours are of one
    group.

    Parameters
    ----------
    points
        Embedding, shape (cells, dimensions).
    *codes
        Group of each cell, from 0, shape (cells,) each.
    near
        The 90 neighbours of each cell, including itself; by default computed.

    Raises
    ------
    ScoreError
        If there are fewer than 90 cells.
    """
    if len(points) < NEIGHBORS:
        raise ScoreError(
            f"LISI needs {NEIGHBORS} neighbours, including the cell itself, but there are {len(points)} cells; give"
            " more cells, or leave out this profile",
            option="profile",
        )
    nearest = near or kneighbors(points, NEIGHBORS)
    indexes = [np.empty(len(points)) for _ in codes]

    def measure(start: int) -> None:
        part = slice(start, min(start + _ROWS, len(points)))
        indices, distances = _others(nearest.indices[part], nearest.distances[part], start)
        weights = _weights(distances)
        for code, values in zip(codes, indexes, strict=True):
            values[part] = 1.0 / _simpson(weights, code[indices], int(code.max()) + 1)

    in_threads(measure, range(0, len(points), _ROWS))
    return indexes


def _others(indices: _Ints, distances: _Floats, start: int) -> tuple[_Ints, _Floats]:
    """Remove each cell from its own neighbours, or the first of them if its copies keep it from the list."""
    rows, k = indices.shape
    own = indices == np.arange(start, start + rows)[:, None]
    own[~own.any(axis=1), 0] = True
    return indices[~own].reshape(rows, k - 1), distances[~own].reshape(rows, k - 1)


def _weights(distances: _Floats) -> _Floats:
    """Return the weights of each row by R's own bisection for beta, all rows at once."""
    # less the nearest distance, which changes no weight and avoids 0 / 0 for far cells
    apart = distances - distances.min(axis=1, keepdims=True)
    rows = len(apart)
    beta, low, high = np.ones(rows), np.full(rows, -np.inf), np.full(rows, np.inf)
    weights: _Floats = np.empty_like(apart)
    todo = np.arange(rows)
    for step in range(_STEPS + 1):
        raw = np.exp(-apart[todo] * beta[todo, None])
        total = raw.sum(axis=1)
        raw /= total[:, None]
        weights[todo] = raw
        over = np.log(total) + beta[todo] * (apart[todo] * raw).sum(axis=1) - np.log(PERPLEXITY)
        open_ = np.abs(over) > _TOLERANCE
        todo, up = todo[open_], over[open_] > 0
        if not len(todo) or step == _STEPS:
            break
        above, below = todo[up], todo[~up]
        low[above] = beta[above]
        beta[above] = np.where(np.isinf(high[above]), beta[above] * 2, (beta[above] + high[above]) / 2)
        high[below] = beta[below]
        beta[below] = np.where(np.isinf(low[below]), beta[below] / 2, (beta[below] + low[below]) / 2)
    return weights


def _simpson(weights: _Floats, groups: _Ints, n_groups: int) -> _Floats:
    """Return the sum of the squared weights of groups for each row."""
    rows = len(weights)
    place = np.arange(rows)[:, None] * n_groups + groups
    shares = np.bincount(place.ravel(), weights.ravel(), rows * n_groups).reshape(rows, n_groups)
    squares: _Floats = (shares**2).sum(axis=1)
    return squares


def affinities(distances: _Floats, perplexity: float) -> _Floats:
    """Weight neighbours by exp(-b distance), with the b of each cell that gives its weights the perplexity.

    Distances have the shape (cells, k), nearest first; the perplexity is the exponential of the weights' entropy, from
    1 to k. As in LISI, after van der Maaten and Hinton 2008.
    """
    if distances.shape[1] == 1:
        return np.ones(distances.shape)
    apart = distances - distances[:, :1]
    scale = apart.mean(axis=1, keepdims=True)
    apart = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    entropy = np.log(perplexity)
    low, high = np.full((len(apart), 1), -20.0), np.full((len(apart), 1), 20.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        p = _softmax(apart, middle)
        even = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1, keepdims=True) > entropy
        low, high = np.where(even, middle, low), np.where(even, high, middle)
    return _softmax(apart, (low + high) / 2)


def _softmax(apart: _Floats, log_b: _Floats) -> _Floats:
    raw = np.exp(-apart * np.exp(log_b))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def silhouette(points: _Floats, code: _Ints) -> _Floats:
    """Compute the silhouette of every cell by Euclidean distance, in blocks.

    With the mean distance a to the other cells of the cell's type, and the least mean distance b to the cells of
    another type, it is ``(b - a) / max(a, b)``, or 0 if both are 0. A cell that is alone in its type has 1, as in the
    reference (0 in scikit-learn). There are two types or more, numbered from 0.

    Examples
    --------
    >>> silhouette(np.array([[0.0], [1.0], [9.0]]), np.array([0, 0, 1])).round(3).tolist()
    [0.889, 0.875, 1.0]
    """
    order = np.argsort(code, kind="stable")
    own = np.unique(code[order], return_inverse=True)[1]
    widths = np.empty(len(points))
    widths[order] = _widths(_summed_distances(points[order], own), own, np.bincount(own))
    return widths


def _summed_distances(points: _Floats, own: _Ints) -> _Floats:
    """Sum the distances of each cell to the cells of each type; cells are sorted by type. Shape (cells, types)."""
    cells = len(points)
    kind = np.float64 if cells <= _DOUBLE else np.float32
    # less the mean, so that squares are small against the distances that are their differences
    placed = points - points.mean(axis=0)
    if gpu() is not None:
        return _summed_on_gpu(placed, own)
    squares = np.einsum("ij,ij->i", placed, placed)[:, None]
    left = np.hstack([-2.0 * placed, np.ones((cells, 1)), squares]).astype(kind)
    right = np.ascontiguousarray(np.hstack([placed, squares, np.ones((cells, 1))]).T.astype(kind))
    columns = []
    for first in range(0, cells, _COLUMNS):
        types = own[first : first + _COLUMNS]
        columns.append((first, types[0], (types[:, None] == np.arange(types[0], types[-1] + 1)).astype(kind)))
    sums = np.zeros((cells, int(own[-1]) + 1))
    rows = max(1, _HELD // min(cells, _COLUMNS))

    def add(start: int) -> None:
        stop = min(start + rows, cells)
        for first, least, member in columns:
            apart = left[start:stop] @ right[:, first : first + len(member)]
            np.maximum(apart, 0.0, out=apart)
            np.sqrt(apart, out=apart)
            selves = np.arange(max(start, first), min(stop, first + len(member)))
            apart[selves - start, selves - first] = 0.0
            sums[start:stop, least : least + member.shape[1]] += apart @ member

    in_threads(add, range(0, cells, rows))
    return sums


def _summed_on_gpu(placed: _Floats, own: _Ints) -> _Floats:
    import torch

    points = torch.as_tensor(placed, device=gpu())
    member = torch.nn.functional.one_hot(torch.as_tensor(own, device=gpu())).to(points.dtype)
    rows = max(1, _HELD_ON_GPU // len(points))
    sums = [torch.cdist(some, points, compute_mode=_EXACTLY) @ member for some in torch.split(points, rows)]
    return np.asarray(torch.cat(sums).cpu(), np.float64)


def _widths(sums: _Floats, own: _Ints, sizes: _Ints) -> _Floats:
    """Return silhouettes from the summed distances to each type."""
    mine = np.arange(len(own))
    others = sizes[own] - 1
    within = sums[mine, own] / np.maximum(others, 1)
    means = sums / sizes
    means[mine, own] = np.inf
    between = means.min(axis=1)
    largest = np.maximum(within, between)
    width: _Floats = np.divide(between - within, largest, out=np.zeros(len(own)), where=largest > 0)
    width[others == 0] = 1.0
    return width
