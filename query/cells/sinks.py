"""Collect blocks of a translated matrix in memory or in a file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells.store import make_group


class Sink(Protocol):
    """Destination of the blocks of a translated matrix."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Start, or restart, with values of a type."""
        ...

    def add(self, block: Any) -> None:
        """Take the next rows."""
        ...

    def end(self) -> Any:
        """Finish, and return the matrix if it is in memory."""
        ...


class MemorySink:
    """A sink that concatenates the blocks in memory."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Start, or restart, with values of a type."""
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
        Group to write into.
    key
        Name of the matrix in the group.
    shape
        Shape of the matrix; of a sparse one only the columns are used.
    sparse
        Whether to write CSR.
    like
        Array whose compression is used; None for none.
    """
    return _SparseSink(parent, key, shape[1], like) if sparse else _DenseSink(parent, key, shape, like)


class _SparseSink:
    """A sink that writes CSR.

    Parameters
    ----------
    parent, key
        Group to write into, and name in it.
    columns
        Number of genes.
    like
        Array of the source whose compression is used; None for none.
    """

    def __init__(self, parent: Any, key: str, columns: int, like: Any) -> None:
        self._parent, self._key, self._columns, self._like = parent, key, columns, like

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Start, or restart, with values of a type."""
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
        _write_array(self._group, "indptr", indptr.astype(np.int32 if small else np.int64), self._like)
        self._group.attrs["shape"] = _shape(self._group, (len(indptr) - 1, self._columns))


class _DenseSink:
    """A sink that writes a dense matrix.

    Parameters
    ----------
    parent, key
        Group to write into, and name in it.
    shape
        Cells, genes.
    like
        Array of the source whose compression is used; None for none.
    """

    def __init__(self, parent: Any, key: str, shape: tuple[int, int], like: Any) -> None:
        self._parent, self._key, self._shape, self._like = parent, key, shape, like

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Start, or restart, with values of a type."""
        if self._key in self._parent:
            del self._parent[self._key]
        rows = max(1, min(self._shape[0], _CHUNK_DENSE // max(self._shape[1], 1)))
        chunks = (rows, max(self._shape[1], 1))
        self._array = _create_array(self._parent, self._key, self._shape, dtype, chunks, self._like)
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
    """A one-dimensional array that grows by whole chunks.

    Values that do not fill a chunk are buffered.
    """

    def __init__(self, group: Any, name: str, dtype: np.dtype[Any], like: Any) -> None:
        size = _CHUNK_ZARR if _is_zarr(group) else _CHUNK_H5
        self._chunk = max(1, min(size, like.shape[0] if like is not None and len(like.shape) == 1 else size))
        self._array = _create_array(group, name, (0,), dtype, (self._chunk,), like, growing=True)
        self._buffer: list[npt.NDArray[Any]] = []
        self._buffered = self._size = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Take the next values: write whole chunks, buffer the rest."""
        lacking = (self._chunk - self._buffered) % self._chunk if self._buffered else 0
        if self._buffered:
            self._buffer.append(values[:lacking])
            self._buffered += len(values[:lacking])
            if self._buffered == self._chunk:
                self._write(np.concatenate(self._buffer))
                self._buffer, self._buffered = [], 0
        rest = values[lacking:]
        whole = len(rest) - len(rest) % self._chunk
        if whole:
            self._write(rest[:whole])
        if len(rest) > whole:
            self._buffer.append(rest[whole:].copy())
            self._buffered += len(rest) - whole

    def end(self) -> None:
        """Write the buffered values."""
        if self._buffered:
            self._write(np.concatenate(self._buffer))

    def _write(self, values: npt.NDArray[Any]) -> None:
        self._array.resize((self._size + len(values),))
        self._array[self._size :] = values
        self._size += len(values)


def _write_array(group: Any, name: str, values: npt.NDArray[Any], like: Any) -> None:
    array = _create_array(group, name, values.shape, values.dtype, (max(1, min(len(values), _CHUNK_H5)),), like)
    array[:] = values


def _create_array(
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
    """Return the arguments to compress an HDF5 dataset like an array.

    A compressed zarr array gives gzip.
    """
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
