"""Weights of a cell's neighbours by distance, as LISI has them: as even as so many equal neighbours would be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Halvings of the interval in which a cell's bandwidth lies; 60 exhaust a double's precision.
_STEPS = 60


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
    for _ in range(_STEPS):
        middle = (low + high) / 2
        even = _entropy(_weights(apart, middle)) > wanted
        low, high = np.where(even, middle, low), np.where(even, high, middle)
    return _weights(apart, (low + high) / 2)


def _weights(apart: npt.NDArray[np.float64], log_b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    raw = np.exp(-apart * np.exp(log_b))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def _entropy(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    entropy: npt.NDArray[np.float64] = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1, keepdims=True)
    return entropy
