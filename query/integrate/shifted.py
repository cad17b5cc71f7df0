"""A sparse matrix less a low-rank one: centred and standardised data that keep the memory of their counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shifted:
    """The matrix ``values - left @ right.T``, cells x features, which is never formed.

    Parameters
    ----------
    values
        CSR, shape (cells, features), float64.
    left, right
        Shapes (cells, rank) and (features, rank).
    """

    values: sp.csr_matrix
    left: Array
    right: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and features."""
        rows, columns = self.values.shape
        return int(rows), int(columns)

    def times(self, vectors: Array) -> Array:
        """Return the matrix times `vectors`, shape (features,) or (features, n)."""
        product: Array = self.values @ vectors - self.left @ (self.right.T @ vectors)
        return product

    def transposed_times(self, vectors: Array) -> Array:
        """Return the transposed matrix times `vectors`, shape (cells,) or (cells, n)."""
        product: Array = self.values.T @ vectors - self.right @ (self.left.T @ vectors)
        return product

    def columns(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Shifted:
        """Return the matrix of the chosen features."""
        return Shifted(sp.csr_matrix(self.values[:, chosen]), self.left, self.right[chosen])

    def dense(self) -> Array:
        """Return the matrix itself; for small ones."""
        formed: Array = self.values.toarray() - self.left @ self.right.T
        return formed


def leading(
    shape: tuple[int, int],
    times: Callable[[Array], Array],
    transposed_times: Callable[[Array], Array],
    k: int,
    seed: int,
) -> tuple[Array, Array, Array]:
    """Compute the `k` leading singular values and vectors of a matrix that is given by its products.

    Parameters
    ----------
    shape
        Rows and columns of the matrix.
    times, transposed_times
        The products with it and with its transpose.
    k
        How many; less than both dimensions.
    seed
        Of the vector that the iteration begins with.

    Returns
    -------
    tuple
        Left vectors (rows, k), values (k,) in falling order, right vectors (columns, k).
    """
    from scipy.sparse.linalg import LinearOperator, svds

    operator: Any = LinearOperator(shape, matvec=times, rmatvec=transposed_times, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(min(shape))
    found: tuple[Any, Any, Any] = svds(operator, k=k, v0=start, solver="arpack")
    left, values, right = found
    order = np.argsort(-values, kind="stable")
    return left[:, order], values[order], right[order].T
