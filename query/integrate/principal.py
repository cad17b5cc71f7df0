"""Principal components of scaled data, and canonical vectors of two species, by truncated decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from homodb.query.integrate.scaled import standardized_cells, varying
from homodb.query.integrate.shifted import Shifted, leading

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Principal components.

    Parameters
    ----------
    cells
        Shape (cells, k): left vectors times singular values.
    loadings
        Shape (features, k).
    variance
        Shape (k,): singular values squared over cells less one.
    """

    cells: Array
    loadings: Array
    variance: Array


def principal_components(matrix: Shifted, k: int, *, seed: int = 0) -> Components:
    """Compute the `k` leading principal components of scaled data, as Seurat's ``RunPCA`` does.

    The data are not centred again. The sign of a component makes the largest of its loadings positive.
    """
    left, values, right = leading(matrix.shape, matrix.times, matrix.transposed_times, k, seed)
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(k)])
    return Components(left * values * signs, right * signs, values**2 / (matrix.shape[0] - 1))


def leading_directions(points: Array, k: int) -> Array:
    """Turn points, shape (cells, dimensions), so that most of their spread lies in the first `k` dimensions, kept."""
    left, values, _ = np.linalg.svd(points, full_matrices=False)
    kept = min(k, len(values))
    return np.ascontiguousarray(left[:, :kept] * values[:kept])


def canonical_vectors(first: Shifted, second: Shifted, k: int, *, seed: int = 0) -> tuple[Array, Array]:
    """Compute the `k` leading canonical vectors of two species, as Seurat's ``RunCCA`` does.

    Features that are constant in either species are left out, then each cell's values are standardised over
    features. The cross product, cells x cells, is only ever multiplied with a vector.

    Parameters
    ----------
    first, second
        Scaled data of the two species, over the same features.
    k
        How many (``num.cc``).
    seed
        Of the vector that the iteration begins with.

    Returns
    -------
    tuple
        Of each species its vectors, shape (cells, k); every vector has length 1 and is positive at the first cell.
    """
    both = varying(first) & varying(second)
    a, b = standardized_cells(first.columns(both)), standardized_cells(second.columns(both))
    left, _, right = leading(
        (a.shape[0], b.shape[0]),
        lambda vectors: a.times(b.transposed_times(vectors)),
        lambda vectors: b.times(a.transposed_times(vectors)),
        k,
        seed,
    )
    signs = np.where(left[0] < 0, -1.0, 1.0)
    return left * signs, right * signs


def unit_rows(vectors: Array) -> Array:
    """Divide each row by its length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    divided: Array = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return divided
