"""Split."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells.store import make_group


class Sink(Protocol):
    """Takes the runs of a translated matrix."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Begin, or begin anew, with values of a type."""
        ...

    def add(self, block: Any) -> None:
        """Take the next rows."""
        ...

    def end(self) -> Any:
        """Finish; return what was made, if it is in memory."""
        ...


class MemorySink:
    """Keeps the runs and puts them together."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Begin, or begin anew, with values of a type."""
        self._blocks: list[Any] = []

    def add(self, block: Any) -> None:
        """Take the next rows."""
        self._blocks.append(block)

    def end(self) -> Any:
        """Finish."""
        if len(self._blocks) == 1:
            return self._blocks[0]
        if sp.issparse(self._blocks[0]):
            return sp.vstack(self._blocks, format="csr")
        return np.concatenate(self._blocks)


#: Values in a chunk of a sparse matrix.
_CHUNK_H5 = 1 << 16
_CHUNK_ZARR = 1 << 19

#: Values in a chunk of a dense matrix.
_CHUNK_DENSE = 1 << 17


def file_sink(parent: Any, key: str, shape: tuple[int, int], sparse: bool, like: Any) -> Sink:
    """Return a sink that writes a matrix into a file.

    Parameters
    ----------
    parent
        The group to write into.
    key
        The name of the matrix in it.
    shape
        Of the matrix; of a sparse one only the columns have to be known.
    sparse
        Whether it is written as CSR.
    like
        The array whose compression it gets; None for none.
    """
    return _SparseSink(parent, key, shape[1], like) if sparse else _DenseSink(parent, key, shape, like)


class _SparseSink:
    """Writes CSR.

    Parameters
    ----------
    parent, key
        Where.
    columns
        Genes.
    like
        An array of the source, whose compression is kept; None for none.
    """

    def __init__(self, parent: Any, key: str, columns: int, like: Any) -> None:
        self._parent, self._key, self._columns, self._like = parent, key, columns, like

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Begin, or begin anew, with values of a type."""
        if self._key in self._parent:
            del self._parent[self._key]
        self._group = make_group(self._parent, self._key, {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        self._data = _Growing(self._group, "data", dtype, self._like)
        self._indices = _Growing(self._group, "indices", np.dtype(np.int32), self._like)
        self._pointers: list[npt.NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]

    def add(self, block: Any) -> None:
        """Take the next rows."""
        self._pointers.append(block.indptr[1:].astype(np.int64) + self._pointers[-1][-1])
        self._data.add(block.data)
        self._indices.add(block.indices.astype(np.int32, copy=False))

    def end(self) -> None:
        """Finish."""
        self._data.end()
        self._indices.end()
        indptr = np.concatenate(self._pointers)
        small = indptr[-1] <= np.iinfo(np.int32).max
        _array(self._group, "indptr", indptr.astype(np.int32 if small else np.int64), self._like)
        self._group.attrs["shape"] = _shape(self._group, (len(indptr) - 1, self._columns))


class _DenseSink:
    """Writes a dense matrix.

    Parameters
    ----------
    parent, key
        Where.
    shape
        Cells, genes.
    like
        The source's array, whose compression is kept; None for none.
    """

    def __init__(self, parent: Any, key: str, shape: tuple[int, int], like: Any) -> None:
        self._parent, self._key, self._shape, self._like = parent, key, shape, like

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Begin, or begin anew, with values of a type."""
        if self._key in self._parent:
            del self._parent[self._key]
        rows = max(1, min(self._shape[0], _CHUNK_DENSE // max(self._shape[1], 1)))
        chunks = (rows, max(self._shape[1], 1))
        self._array = _made(self._parent, self._key, self._shape, dtype, chunks, self._like)
        self._array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        self._at = 0

    def add(self, block: Any) -> None:
        """Take the next rows."""
        if block.size:
            self._array[self._at : self._at + block.shape[0]] = block
        self._at += block.shape[0]

    def end(self) -> None:
        """Finish."""


class _Growing:
    """A one-dimensional array that grows by whole chunks; what does not fill one waits."""

    def __init__(self, group: Any, name: str, dtype: np.dtype[Any], like: Any) -> None:
        size = _CHUNK_ZARR if _is_zarr(group) else _CHUNK_H5
        self._chunk = max(1, min(size, like.shape[0] if like is not None and len(like.shape) == 1 else size))
        self._array = _made(group, name, (0,), dtype, (self._chunk,), like, growing=True)
        self._waiting: list[npt.NDArray[Any]] = []
        self._held = self._size = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Take the next values: write whole chunks, keep the rest."""
        lacking = (self._chunk - self._held) % self._chunk if self._held else 0
        if self._held:
            self._waiting.append(values[:lacking])
            self._held += len(values[:lacking])
            if self._held == self._chunk:
                self._write(np.concatenate(self._waiting))
                self._waiting, self._held = [], 0
        rest = values[lacking:]
        whole = len(rest) - len(rest) % self._chunk
        if whole:
            self._write(rest[:whole])
        if len(rest) > whole:
            self._waiting.append(rest[whole:].copy())
            self._held += len(rest) - whole

    def end(self) -> None:
        """Write what waits."""
        if self._held:
            self._write(np.concatenate(self._waiting))

    def _write(self, values: npt.NDArray[Any]) -> None:
        self._array.resize((self._size + len(values),))
        self._array[self._size :] = values
        self._size += len(values)


def _array(group: Any, name: str, values: npt.NDArray[Any], like: Any) -> None:
    array = _made(group, name, values.shape, values.dtype, (max(1, min(len(values), _CHUNK_H5)),), like)
    array[:] = values


def _made(
    group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], chunks: tuple[int, ...], like: Any,
    *, growing: bool = False,
) -> Any:  # fmt: skip
    if _is_zarr(group):
        kept = {}
        same = _is_zarr(like) and like.metadata.zarr_format == group.metadata.zarr_format
        if same and like.compressors:
            kept = {"compressors": like.compressors}
        return group.create_array(name, shape=shape, dtype=dtype, chunks=chunks, **kept)
    kept = compression_of(like)
    chunked = bool(growing or kept)
    return group.create_dataset(
        name, shape=shape, dtype=dtype, chunks=chunks if chunked else None,
        maxshape=(None,) if growing else None, **kept,
    )  # fmt: skip


def compression_of(like: Any) -> dict[str, Any]:
    """Return the compression to write HDF5 with: that of an HDF5 array, gzip where a zarr array has any, else none."""
    if like is None:
        return {}
    if _is_zarr(like):
        return {"compression": "gzip"} if like.compressors else {}
    kept = {"compression": like.compression, "compression_opts": like.compression_opts, "shuffle": like.shuffle}
    return {key: value for key, value in kept.items() if value} if like.compression else {}


def _is_zarr(element: Any) -> bool:
    return type(element).__module__.split(".")[0] == "zarr"


def _shape(group: Any, shape: tuple[int, int]) -> Any:
    return list(shape) if _is_zarr(group) else np.array(shape, dtype=np.int64)
