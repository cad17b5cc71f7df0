"""The local inverse Simpson index: how many kinds of cells a cell's neighbourhood holds, in effect.

Source: Korsunsky et al., Nature Methods 2019 (https://doi.org/10.1038/s41592-019-0619-0), R package lisi.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homodb.query.integrate import Nearest, nearest
from homodb.schema.errors import ScoreError

#: Neighbours of a cell, the cell itself among them, and the perplexity of their weights, as R's ``compute_lisi``.
NEIGHBORS = 90
PERPLEXITY = 30.0
#: R's: how near the entropy of weights must come, and steps to get there.
_TOLERANCE = 1e-5
_STEPS = 50
#: Cells that are worked on at once.
_ROWS = 8192


def lisi(
    points: npt.NDArray[np.float64], *codes: npt.NDArray[np.int64], near: Nearest | None = None
) -> list[npt.NDArray[np.float64]]:
    """Compute the index of every cell, for one or several divisions of the cells.

    The 90 nearest cells are found, the cell itself is taken out, and the other 89 are weighted by
    ``exp(-beta distance)``, beta being such that the weights have a perplexity of 30. The index is one over the sum of
    the squared weights of kinds: 1 where all neighbours are of one kind.

    Parameters
    ----------
    points
        Where cells lie, shape (cells, dimensions).
    *codes
        Which kind each cell is of, from 0, shape (cells,) each.
    near
        The 90 neighbours of each cell, itself among them, where they are known.

    Returns
    -------
    list
        For each division the index of each cell, shape (cells,), from 1 to the number of kinds.

    Raises
    ------
    ScoreError
        If there are fewer than 90 cells.
    """
    if len(points) < NEIGHBORS:
        raise ScoreError(
            f"LISI looks at {NEIGHBORS} neighbours, the cell itself among them, but there are {len(points)} cells;"
            " give more cells, or leave this profile out (--profile)"
        )
    near = near or nearest(points, points, NEIGHBORS)
    found = [np.empty(len(points)) for _ in codes]
    for start in range(0, len(points), _ROWS):
        part = slice(start, min(start + _ROWS, len(points)))
        indices, distances = _others(near.indices[part], near.distances[part], start)
        weights = _weights(distances)
        for code, values in zip(codes, found, strict=True):
            values[part] = 1.0 / _simpson(weights, code[indices], int(code.max()) + 1)
    return found


def _others(
    indices: npt.NDArray[np.int64], distances: npt.NDArray[np.float64], start: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Take each cell out of its own neighbours; one whose many copies keep it from the list loses the first of them."""
    rows, k = indices.shape
    own = indices == np.arange(start, start + rows)[:, None]
    own[~own.any(axis=1), 0] = True
    return indices[~own].reshape(rows, k - 1), distances[~own].reshape(rows, k - 1)


def _weights(distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Find each row's beta by R's own bisection, all rows at once, and return the weights.

    The nearest distance is taken off all of a row, which changes neither weights nor entropy and keeps far cells from
    weights of 0 / 0.
    """
    apart = distances - distances.min(axis=1, keepdims=True)
    rows = len(apart)
    beta, low, high = np.ones(rows), np.full(rows, -np.inf), np.full(rows, np.inf)
    weights: npt.NDArray[np.float64] = np.empty_like(apart)
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


def _simpson(weights: npt.NDArray[np.float64], kinds: npt.NDArray[np.int64], n_kinds: int) -> npt.NDArray[np.float64]:
    """Return the sum of the squared weights of kinds, row by row."""
    rows = len(weights)
    cell = np.arange(rows)[:, None] * n_kinds + kinds
    shares = np.bincount(cell.ravel(), weights.ravel(), rows * n_kinds).reshape(rows, n_kinds)
    squares: npt.NDArray[np.float64] = (shares**2).sum(axis=1)
    return squares


#: Halvings of the interval in which a cell's bandwidth lies; 60 exhaust a double's precision.
_STEPS_affinities = 60


def affinities(distances: npt.NDArray[np.float64], perplexity: float) -> npt.NDArray[np.float64]:
    """Weigh neighbours by exp(-b distance), each cell with the b that gives its weights the perplexity.

    Parameters
    ----------
    distances
        Shape (cells, k), nearest first.
    perplexity
        Exponential of the weights' entropy, from 1 to k.

    Returns
    -------
    numpy.ndarray
        Shape (cells, k); rows add up to 1. Where all neighbours are equally far they weigh the same.

    References
    ----------
    LISI: Korsunsky et al. 2019, after van der Maaten and Hinton 2008.
    """
    if distances.shape[1] == 1:
        return np.ones(distances.shape)
    apart = distances - distances[:, :1]
    scale = apart.mean(axis=1, keepdims=True)
    apart = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    wanted = np.log(perplexity)
    low, high = np.full((len(apart), 1), -20.0), np.full((len(apart), 1), 20.0)
    for _ in range(_STEPS_affinities):
        middle = (low + high) / 2
        even = _entropy(_weights_affinities(apart, middle)) > wanted
        low, high = np.where(even, middle, low), np.where(even, high, middle)
    return _weights_affinities(apart, (low + high) / 2)


def _weights_affinities(apart: npt.NDArray[np.float64], log_b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raw = np.exp(-apart * np.exp(log_b))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def _entropy(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    entropy: npt.NDArray[np.float64] = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1, keepdims=True)
    return entropy
