"""Normalising, logarithm, scaling and clipping of counts, with the memory of the counts themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.shifted import Shifted

Array = npt.NDArray[np.float64]


def log_normalized(counts: sp.csr_matrix, totals: Array, *, scale_factor: float = 1e4) -> sp.csr_matrix:
    """Scale each cell's counts to the same total and take log1p, as Seurat's ``NormalizeData`` does.

    Parameters
    ----------
    counts
        Cells x features; the chosen features are enough.
    totals
        Each cell's total, over all its features. A cell of total 0 stays 0.
    scale_factor
        The total that every cell gets (``scale.factor``).

    Returns
    -------
    scipy.sparse.csr_matrix
        As float64.
    """
    each = np.divide(scale_factor, totals, out=np.zeros(len(totals)), where=totals > 0)
    data = np.log1p(counts.data * np.repeat(each, np.diff(counts.indptr)))
    return sp.csr_matrix((data, counts.indices, counts.indptr), counts.shape)


def scaled(logs: sp.csr_matrix, *, scale_max: float = 10.0) -> Shifted:
    """Centre each feature, divide it by its deviation and clip it from above, as Seurat's ``ScaleData`` does.

    A feature that does not vary becomes 0. Only values other than zero can reach the clip, since zeros fall below the
    mean; so the result is a sparse matrix less one row of shifts.

    Parameters
    ----------
    logs
        Normalised logarithms, cells x features.
    scale_max
        Largest value (``scale.max``).
    """
    cells, features = logs.shape
    mean = np.bincount(logs.indices, logs.data, minlength=features) / cells
    zeros = cells - np.bincount(logs.indices, minlength=features)
    squares = np.bincount(logs.indices, (logs.data - mean[logs.indices]) ** 2, minlength=features) + zeros * mean**2
    deviation = np.sqrt(squares / (cells - 1))
    inverse = np.divide(1.0, deviation, out=np.zeros(features), where=deviation > 1e-12 * (1 + mean))
    shift = mean * inverse
    data = np.minimum(logs.data * inverse[logs.indices], (scale_max + shift)[logs.indices])
    values = sp.csr_matrix((data, logs.indices, logs.indptr), logs.shape)
    return Shifted(values, np.ones((cells, 1)), shift[:, None])


def varying(matrix: Shifted) -> npt.NDArray[np.bool_]:
    """Return which features of a scaled matrix vary over its cells: those that were not constant."""
    reach = np.zeros(matrix.shape[1])
    np.maximum.at(reach, matrix.values.indices, np.abs(matrix.values.data))
    return reach > 0


def standardized_cells(matrix: Shifted) -> Shifted:
    """Give each cell's values mean 0 and deviation 1 over features; a cell without any variance becomes 0."""
    features = matrix.shape[1]
    ones = np.ones(features)
    mean = matrix.times(ones) / features
    shift = matrix.right[:, 0]
    # sum of (v - s - m)^2 over a row, opened up so that only the sparse values are walked
    squares = np.asarray(matrix.values.multiply(matrix.values).sum(axis=1)).ravel()
    squares += -2 * (matrix.values @ shift) + shift @ shift - features * mean**2
    deviation = np.sqrt(np.maximum(squares, 0) / (features - 1))
    inverse = np.divide(1.0, deviation, out=np.zeros(len(mean)), where=deviation > 1e-12)
    data = matrix.values.data * np.repeat(inverse, np.diff(matrix.values.indptr))
    values = sp.csr_matrix((data, matrix.values.indices, matrix.values.indptr), matrix.values.shape)
    left = np.column_stack([inverse, mean * inverse])
    return Shifted(values, left, np.column_stack([shift, ones]))
