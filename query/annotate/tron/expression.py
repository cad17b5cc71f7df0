"""Expression of cells on the linear scale, as networks and layers take it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

#: Counts of a cell after normalising.
TOTAL = 1e4


def linear(counts: sp.csr_matrix, total: float = TOTAL) -> sp.csr_matrix:
    """Return counts scaled so that each cell has the same total; a cell without counts stays so.

    Parameters
    ----------
    counts
        CSR, cells x genes: of the genes that are used, and of no others.
    total
        What a cell adds up to.

    Returns
    -------
    scipy.sparse.csr_matrix
        float32.

    Examples
    --------
    >>> linear(sp.csr_matrix([[1.0, 3.0], [0.0, 0.0]])).toarray()
    array([[2500., 7500.],
           [   0.,    0.]], dtype=float32)
    """
    sums = np.asarray(counts.sum(axis=1)).ravel()
    factor = np.divide(total, sums, out=np.zeros(len(sums)), where=sums > 0)
    return sp.csr_matrix(sp.diags_array(factor) @ counts, dtype=np.float32)


def log_mean(cells: sp.csr_matrix) -> npt.NDArray[np.float32]:
    """Return the mean of each gene's log1p, shape (genes,), float32."""
    return np.asarray(cells.astype(np.float64).log1p().mean(axis=0)).ravel().astype(np.float32)


def spread(cells: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return the standard deviation of each gene over the cells, shape (genes,), float64."""
    if not cells.shape[0]:
        return np.zeros(cells.shape[1])
    exact = cells.astype(np.float64)
    mean = np.asarray(exact.mean(axis=0)).ravel()
    return np.asarray(np.sqrt(np.maximum(np.asarray(exact.multiply(exact).mean(axis=0)).ravel() - mean**2, 0)))
