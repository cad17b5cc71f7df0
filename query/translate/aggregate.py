"""The values of target genes from the values of source genes: one sparse product."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.translate.values import kind_of_values
from homodb.schema.errors import CountsError


def aggregate(matrix: Any, genes: sp.csr_array, *, logged: bool = False) -> Any:
    """Add up the source genes of each target gene.

    Parameters
    ----------
    matrix
        Values, cells x source genes; NumPy array or SciPy sparse matrix (CSR, CSC), any number type.
    genes
        Source genes x target genes, ones where a gene goes to a target.
    logged
        Whether the object says that logarithms were taken (scanpy's ``uns["log1p"]``).

    Returns
    -------
    array or sparse matrix
        Cells x target genes, of the type that came in, wider only where a sum would not fit it; sparse stays sparse (as
        CSR), integers stay integers.

    Raises
    ------
    CountsError
        If the matrix is damaged, if values are NaN, or are logarithms (or negative) where a target really adds up
        several source genes.
    """
    sparse = bool(sp.issparse(matrix))
    if sparse:
        _check_sound(matrix)
    values = np.asarray(matrix.data if sparse else matrix)
    if np.issubdtype(values.dtype, np.floating) and np.isnan(values).any():
        raise CountsError("X holds NaN; fill or remove such values before translating")
    added = np.asarray(genes.sum(axis=0)).ravel()
    several = int((added > 1).sum())
    if several:
        _check_can_add(matrix, several, logged)
    weights = genes.astype(_type_of_sums(values, int(added.max(initial=0))))
    if sparse:
        product = matrix.tocsr() @ weights
        product.sort_indices()
        return sp.csr_matrix(product) if isinstance(matrix, sp.spmatrix) else sp.csr_array(product)
    return np.asarray((weights.T @ np.asarray(matrix).T).T)


def _check_sound(matrix: Any) -> None:
    """Check that no index points out of the matrix: SciPy would follow it into foreign memory."""
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise CountsError(f"X is a damaged sparse matrix ({error}); make the file anew") from error


def _type_of_sums(values: npt.NDArray[Any], most: int) -> np.dtype[Any]:
    """Return the type of the values, or a wider one if sums of so many of them may not fit it."""
    if values.dtype == np.float16:  # SciPy has none
        return np.dtype(np.float32)
    if not np.issubdtype(values.dtype, np.integer) or values.dtype.itemsize == 8 or not values.size:
        return values.dtype
    limits = np.iinfo(values.dtype)
    fits = limits.min <= int(values.min()) * most and int(values.max()) * most <= limits.max
    return values.dtype if fits else np.dtype(np.int64)


def _check_can_add(matrix: Any, several: int, logged: bool) -> None:
    kind = kind_of_values(matrix, logged=logged)
    if kind in ("log", "scaled"):
        what = "logarithms" if kind == "log" else "scaled values (some are negative)"
        raise CountsError(
            f"X holds {what}, and {several} target genes would add up several source genes each, which is wrong for "
            "such values; translate a layer of counts (--layer counts), or use a one-to-one strategy "
            "(--strategy hm_o2o)"
        )
