"""Scale sparse data without making them dense, and compute principal components and canonical vectors."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Array = npt.NDArray[np.float64]

#: Values from which a product with a sparse matrix is worth threads, and the blocks of rows that it then has.
_MANY, _BLOCKS = 1_000_000, 8
#: Features up to which products of features with features are formed, where there are more cells: Lanczos's method
#: needs hundreds of products with the cells.
_SQUARE = 3000


def n_threads() -> int:
    """Return the number of threads that BLAS may use: all cores, unless the caller or the environment limits it."""
    from threadpoolctl import threadpool_info

    return max((one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"), default=1)


def in_threads(function: Callable[[int], None], starts: range, *, threads: int | None = None) -> None:
    """Call a function of NumPy's products and loops for each start, in as many threads as BLAS may use.

    BLAS itself has one thread meanwhile. With `threads`, there are so many, and BLAS is left as it is.
    """
    if threads is None:
        from threadpoolctl import threadpool_limits

        threads = min(len(starts), n_threads())
        if threads > 1:
            with threadpool_limits(1, "blas"):
                in_threads(function, starts, threads=threads)
            return
    if threads <= 1:
        for start in starts:
            function(start)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(function, starts):
            pass


@cache
def gpu() -> Any:
    """Return torch's device if this machine has a GPU of NVIDIA and torch can use it, else None.

    torch, which takes seconds to load, is imported only where there is a driver.
    """
    if shutil.which("nvidia-smi") is None or find_spec("torch") is None:
        return None
    import torch

    return torch.device("cuda") if torch.cuda.is_available() else None


@dataclass(frozen=True)
class SparseMinusLowRank:
    """The matrix ``values - left @ right.T``, cells x features, as its parts."""

    values: sp.csr_matrix  # CSR, shape (cells, features), float64
    left: Array  # shape (cells, rank)
    right: Array  # shape (features, rank)

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and features."""
        rows, columns = self.values.shape
        return int(rows), int(columns)

    def times(self, vectors: Array) -> Array:
        """Return the matrix times `vectors`, shape (features,) or (features, n)."""
        product = np.empty((self.shape[0], *vectors.shape[1:]))

        def multiply(block: int) -> None:
            rows, values = self._blocks[block]
            product[rows] = values @ vectors

        self._in_threads(multiply)
        product -= self.left @ (self.right.T @ vectors)
        return product

    def transposed_times(self, vectors: Array) -> Array:
        """Return the transposed matrix times `vectors`, shape (cells,) or (cells, n)."""
        products: list[Array] = [np.empty(0)] * len(self._blocks)

        def multiply(block: int) -> None:
            rows, values = self._blocks[block]
            products[block] = values.T @ vectors[rows]

        self._in_threads(multiply)
        product: Array = np.sum(products, axis=0) - self.right @ (self.left.T @ vectors)
        return product

    @cached_property
    def _blocks(self) -> list[tuple[slice, sp.csr_matrix]]:
        """Blocks of rows; they share the values."""
        values, rows = self.values, self.shape[0]
        if values.nnz < _MANY:
            return [(slice(0, rows), values)]
        ends = np.linspace(0, rows, _BLOCKS + 1).astype(int).tolist()
        blocks = []
        for start, stop in pairwise(ends):
            first, last = int(values.indptr[start]), int(values.indptr[stop])
            parts = values.data[first:last], values.indices[first:last], values.indptr[start : stop + 1] - first
            blocks.append((slice(start, stop), sp.csr_matrix(parts, (stop - start, self.shape[1]))))
        return blocks

    def _in_threads(self, multiply: Callable[[int], None]) -> None:
        in_threads(multiply, range(len(self._blocks)), threads=self._threads)

    @cached_property
    def _threads(self) -> int:
        return n_threads() if len(self._blocks) > 1 else 1

    def gram(self) -> Array:
        """Return the transposed matrix times the matrix, features x features; on a GPU if there is one."""
        device = gpu()
        sums: Any = 0.0
        for start in range(0, self.shape[0], 4096):
            rows = slice(start, start + 4096)
            block: Any = self.values[rows].toarray() - self.left[rows] @ self.right.T
            if device is not None:
                import torch

                block = torch.as_tensor(block, device=device)
            sums += block.T @ block
        return np.asarray(sums if device is None else sums.cpu(), np.float64)

    def columns(self, features: npt.NDArray[np.bool_]) -> SparseMinusLowRank:
        """Return the matrix of some features."""
        if features.all():
            return self
        return SparseMinusLowRank(sp.csr_matrix(self.values[:, features]), self.left, self.right[features])

    def dense(self) -> Array:
        """Return the matrix as an array."""
        formed: Array = self.values.toarray() - self.left @ self.right.T
        return formed


def leading(
    shape: tuple[int, int],
    times: Callable[[Array], Array],
    transposed_times: Callable[[Array], Array],
    k: int,
    random_state: int,
) -> tuple[Array, Array, Array]:
    """Compute the `k` leading singular values and vectors of a matrix from its products.

    Returns left vectors (rows, k), values (k,) in descending order, and right vectors (columns, k).
    """
    from scipy.sparse.linalg import LinearOperator, svds

    operator: Any = LinearOperator(shape, matvec=times, rmatvec=transposed_times, dtype=np.float64)
    start = np.random.default_rng(random_state).standard_normal(min(shape))
    decomposition: tuple[Any, Any, Any] = svds(operator, k=k, v0=start, solver="arpack")
    left, values, right = decomposition
    order = np.argsort(-values, kind="stable")
    return left[:, order], values[order], right[order].T


def _leading_of_square(square: Array, k: int, random_state: int) -> tuple[Array, Array]:
    """Compute the `k` largest eigenvalues of a symmetric matrix, in descending order, and their vectors."""
    from scipy.sparse.linalg import eigsh

    start = np.random.default_rng(random_state).standard_normal(len(square))
    values, vectors = eigsh(square, k, v0=start, which="LA", ncv=min(len(square), max(2 * k + 1, 100)))
    return values[::-1], vectors[:, ::-1]


def log_normalized(counts: sp.csr_matrix, totals: Array, *, scale_factor: float = 1e4) -> sp.csr_matrix:
    """Scale each cell's counts to the same total and take log1p, as Seurat's ``NormalizeData`` does.

    `totals` are over all features of a cell, `counts` may be of some. A cell with total 0 stays 0.
    """
    each = np.divide(scale_factor, totals, out=np.zeros(len(totals)), where=totals > 0)
    data = np.log1p(counts.data * np.repeat(each, np.diff(counts.indptr)))
    return sp.csr_matrix((data, counts.indices, counts.indptr), counts.shape)


def scaled(logs: sp.csr_matrix, *, scale_max: float = 10.0) -> SparseMinusLowRank:
    """Centre each feature, divide it by its deviation and clip it from above, as Seurat's ``ScaleData`` does.

    A constant feature becomes 0. Zeros are below the mean and never clipped, so the result is a sparse matrix minus one
    row of shifts.
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
    return SparseMinusLowRank(values, np.ones((cells, 1)), shift[:, None])


def varying(matrix: SparseMinusLowRank) -> npt.NDArray[np.bool_]:
    """Return the mask of the features of a scaled matrix that vary over its cells."""
    reach = np.zeros(matrix.shape[1])
    np.maximum.at(reach, matrix.values.indices, np.abs(matrix.values.data))
    return reach > 0


def standardized_cells(matrix: SparseMinusLowRank) -> SparseMinusLowRank:
    """Standardise each cell's values over features; a cell without variance becomes 0."""
    features = matrix.shape[1]
    ones = np.ones(features)
    mean = matrix.times(ones) / features
    shift = matrix.right[:, 0]
    # sum of (v - s - m)^2 over a row, expanded so that only the sparse values are visited
    squares = np.asarray(matrix.values.multiply(matrix.values).sum(axis=1)).ravel()
    squares += -2 * (matrix.values @ shift) + shift @ shift - features * mean**2
    deviation = np.sqrt(np.maximum(squares, 0) / (features - 1))
    inverse = np.divide(1.0, deviation, out=np.zeros(len(mean)), where=deviation > 1e-12)
    data = matrix.values.data * np.repeat(inverse, np.diff(matrix.values.indptr))
    values = sp.csr_matrix((data, matrix.values.indices, matrix.values.indptr), matrix.values.shape)
    left = np.column_stack([inverse, mean * inverse])
    return SparseMinusLowRank(values, left, np.column_stack([shift, ones]))


@dataclass(frozen=True)
class Components:
    """Principal components."""

    cells: Array  # shape (cells, k): left vectors times singular values
    loadings: Array  # shape (features, k)
    variance: Array  # shape (k,): singular values squared over cells less one


def principal_components(matrix: SparseMinusLowRank, k: int, *, random_state: int = 0) -> Components:
    """Compute the `k` leading principal components of scaled data, as Seurat's ``RunPCA`` does.

    The data are not centred again. The largest loading of each component is positive.
    """
    cells, features = matrix.shape
    if k < features <= min(cells, _SQUARE):
        squares, right = _leading_of_square(matrix.gram(), k, random_state)
        scores = matrix.times(right)
    else:
        left, values, right = leading(matrix.shape, matrix.times, matrix.transposed_times, k, random_state)
        squares, scores = values**2, left * values
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(k)])
    return Components(scores * signs, right * signs, squares / (cells - 1))


def leading_directions(points: Array, k: int) -> Array:
    """Rotate points, shape (cells, dimensions), by their spread, and keep the first `k` dimensions."""
    left, values, _ = np.linalg.svd(points, full_matrices=False)
    kept = min(k, len(values))
    return np.ascontiguousarray(left[:, :kept] * values[:kept])


def canonical_vectors(
    first: SparseMinusLowRank, second: SparseMinusLowRank, k: int, *, random_state: int = 0
) -> tuple[Array, Array]:
    """Compute the `k` leading canonical vectors of two species' scaled data, as Seurat's ``RunCCA`` does.

    Features that are constant in either species are left out, then each cell is standardised over features. The cross
    product, cells x cells, is never formed. Vectors, shape (cells, k), have length 1 and are positive at the first
    cell.
    """
    both = varying(first) & varying(second)
    a, b = standardized_cells(first.columns(both)), standardized_cells(second.columns(both))
    features = a.shape[1]
    if k < features <= min(a.shape[0], b.shape[0], _SQUARE):
        left, right = _canonical_by_features(a, b, k, random_state)
    else:
        left, _, right = leading(
            (a.shape[0], b.shape[0]),
            lambda vectors: a.times(b.transposed_times(vectors)),
            lambda vectors: b.times(a.transposed_times(vectors)),
            k,
            random_state,
        )
    signs = np.where(left[0] < 0, -1.0, 1.0)
    return left * signs, right * signs


def _canonical_by_features(
    a: SparseMinusLowRank, b: SparseMinusLowRank, k: int, random_state: int
) -> tuple[Array, Array]:
    """Compute the leading singular vectors of ``a @ b.T`` from products of features with features.

    With ``a.T @ a = root.T @ root``, the singular vectors of ``root @ b.T`` at the side of b are those of ``a @ b.T``.
    """
    from scipy.linalg import cholesky

    square = a.gram()
    # each cell's values sum to 0, so adding a constant changes no product with b; 1e-10 stands against rounding
    mean = np.trace(square) / len(square)
    root = cholesky(square + mean * (1 / len(square) + 1e-10 * np.eye(len(square))), check_finite=False)
    _, vectors = _leading_of_square(root @ b.gram() @ root.T, k, random_state)
    right = unit_rows(b.times(root.T @ vectors).T).T
    return unit_rows(a.times(b.transposed_times(right)).T).T, right


def unit_rows(vectors: Array) -> Array:
    """Divide each row by its length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    divided: Array = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return divided
