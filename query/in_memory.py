"""Objects and matrices that are lazy or lie in files, brought into memory as far as is needed, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import anndata


def is_lazy(matrix: Any) -> bool:
    """Whether a matrix is a Dask array, or AnnData's view of one."""
    return any(kind.__module__.split(".")[0] == "dask" for kind in type(matrix).__mro__)


def with_tables(adata: anndata.AnnData) -> anndata.AnnData:
    """Return an object whose tables are pandas' own and whose matrices are as they were.

    Parameters
    ----------
    adata
        Any object; one of ``anndata.experimental.read_lazy`` has tables of xarray.

    Returns
    -------
    anndata.AnnData
        The object itself, or a new one where it had other tables. What uns holds is then in memory too.
    """
    if not _has_lazy_tables(adata):
        return adata
    import anndata

    parts = {
        part: {key: _table(value) for key, value in getattr(adata, part).items() if key is not None}
        for part in ("obsm", "varm", "layers", "obsp", "varp")
    }
    result = anndata.AnnData(adata.X, obs=_table(adata.obs), var=_table(adata.var), uns=_read(adata.uns), **parts)
    if adata.raw is not None:
        varm = {key: _table(value) for key, value in adata.raw.varm.items()}
        result.raw = anndata.AnnData(adata.raw.X, obs=result.obs[[]], var=_table(adata.raw.var), varm=varm)
    return result


def in_memory(adata: anndata.AnnData) -> anndata.AnnData:
    """Return an object that holds all its parts in memory; a new one where some lie in a file or are lazy."""
    return adata.to_memory() if adata.isbacked or _has_lazy_tables(adata) else adata


def values_of(matrix: Any) -> Any:
    """Return a matrix in memory, with values of a type that SciPy has."""
    for method in ("to_memory", "compute"):
        matrix = getattr(matrix, method)() if hasattr(matrix, method) else matrix
    return matrix.astype(held_as(matrix.dtype), copy=False)


def held_as(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the type to hold values in: SciPy has no half precision, so it becomes single."""
    given = np.dtype(dtype)
    return np.dtype(np.float32) if given == np.float16 else given


def _has_lazy_tables(adata: anndata.AnnData) -> bool:
    return hasattr(adata.obs, "to_memory") or hasattr(adata.var, "to_memory")


def _table(value: Any) -> Any:
    return value.to_memory() if hasattr(value, "to_memory") else value


def _read(value: Any) -> Any:
    """Return what uns holds, in memory."""
    if is_lazy(value):
        return value.compute()
    held = _table(value)  # before mappings: a table of xarray is one too
    return {key: _read(one) for key, one in held.items()} if isinstance(held, Mapping) else held
