"""The values of target genes from the values of source genes: one sparse product."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from homodb.query.translate.values import kind_of_values
from homodb.schema.errors import CountsError


def aggregate(matrix: Any, genes: sp.csr_array) -> Any:
    """Add up the source genes of each target gene.

    Parameters
    ----------
    matrix
        Values, cells x source genes; NumPy array or SciPy sparse matrix (CSR, CSC), any number type.
    genes
        Source genes x target genes, ones where a gene goes to a target.

    Returns
    -------
    array or sparse matrix
        Cells x target genes, of the type that came in; sparse stays sparse (as CSR), integers stay integers.

    Raises
    ------
    CountsError
        If values are NaN, or are logarithms (or negative) where a target really adds up several source genes.
    """
    sparse = bool(sp.issparse(matrix))
    values = np.asarray(matrix.data if sparse else matrix)
    if np.issubdtype(values.dtype, np.floating) and np.isnan(values).any():
        raise CountsError("X holds NaN; fill or remove such values before translating")
    several = int((np.asarray(genes.sum(axis=0)).ravel() > 1).sum())
    if several:
        _check_can_add(matrix, several)
    weights = genes.astype(values.dtype)
    if sparse:
        product = matrix.tocsr() @ weights
        product.sort_indices()
        return sp.csr_matrix(product) if isinstance(matrix, sp.spmatrix) else sp.csr_array(product)
    return np.asarray((weights.T @ np.asarray(matrix).T).T)


def _check_can_add(matrix: Any, several: int) -> None:
    kind = kind_of_values(matrix)
    if kind in ("log", "scaled"):
        what = "logarithms" if kind == "log" else "scaled values (some are negative)"
        raise CountsError(
            f"X holds {what}, and {several} target genes would add up several source genes each, which is wrong for "
            "such values; translate a layer of counts (--layer counts), or use a one-to-one strategy "
            "(--strategy hm_o2o)"
        )
