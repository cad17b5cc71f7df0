"""Write a new object, in memory or into a file, matrix by matrix and block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import store
from homodb.query.cells.files import is_zarr
from homodb.query.cells.slots import Slot
from homodb.query.cells.store import make_group
from homodb.schema.errors import MissingPackageError, OutputError
from homodb.schema.messages import choices_hint

if TYPE_CHECKING:
    import anndata
    import pandas as pd


class MatrixSink(Protocol):
    """Destination of the blocks of a matrix."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        """Start, or restart, with values of a type."""
        ...

    def add(self, block: Any) -> None:
        """Take the next rows."""
        ...

    def end(self) -> Any:
        """Finish, and return the matrix if it is in memory."""
        ...


class _Blocks:
    """A matrix in memory, concatenated from its blocks."""

    def begin(self, dtype: np.dtype[Any]) -> None:
        self._blocks: list[Any] = []

    def add(self, block: Any) -> None:
        self._blocks.append(block)

    def end(self) -> Any:
        if len(self._blocks) == 1:
            return self._blocks[0]
        if sp.issparse(self._blocks[0]):
            return sp.vstack(self._blocks, format="csr")
        return np.concatenate(self._blocks)


class MemorySink:
    """A new AnnData, the `result`.

    `kept`: object whose obs, obsm, obsp and uns are kept, if any; `folder`: folder for temporary files of sources.
    """

    result: anndata.AnnData

    def __init__(self, kept: anndata.AnnData | None = None, folder: Path = Path()) -> None:
        self.folder, self._kept = folder, kept
        self._matrices: dict[Slot, tuple[Any, pd.DataFrame]] = {}
        self.check: Callable[[], None] = lambda: None

    def matrix(self, slot: Slot, shape: tuple[int, int], *, sparse: bool, like: Any) -> MatrixSink:
        """Return the sink of a matrix, compressed like an array if it is in a file."""
        return _Blocks()

    def drop(self, slot: Slot) -> None:
        """Leave out a matrix that was begun."""

    def put(self, slot: Slot, matrix: Any, var: pd.DataFrame) -> None:
        """Take a finished matrix with its var; without the call it is left out."""
        self._matrices[slot] = matrix, var

    def finish(
        self, var: pd.DataFrame, entry: Mapping[str, Any], *, obs: pd.DataFrame | None = None,
        leave: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Finish with var, ``uns["homodb"]`` and obs, or what is kept without the entries to leave (``uns/key``)."""
        import anndata

        kept, parts = self._kept, {}
        if kept is not None:
            parts = {"uns": deepcopy({key: value for key, value in kept.uns.items() if f"uns/{key}" not in leave})}
            parts |= {part: {key: one.copy() for key, one in getattr(kept, part).items()} for part in ("obsm", "obsp")}
        cells = obs if kept is None else kept.obs.copy()
        main = next(slot for slot in self._matrices if slot.main)
        result = anndata.AnnData(X=self._matrices[main][0], obs=cells, var=var, **parts)
        for slot, (matrix, own_var) in self._matrices.items():
            if slot.label == "raw" and not slot.main:
                result.raw = anndata.AnnData(X=matrix, obs=result.obs[[]].copy(), var=own_var)
            elif not slot.main:
                result.layers[slot.name] = matrix
        result.uns["homodb"] = entry
        self.result = result


class FileSink:
    """A new h5ad file or zarr store; see :func:`file_sink`."""

    def __init__(self, out: Any, check: Callable[[], None], folder: Path, kept: Any, compression: str) -> None:
        self._out, self._kept, self._compression = out, kept, compression
        self.check, self.folder = check, folder
        make_group(out, "layers")

    @property
    def copies_arrays(self) -> bool:
        """Return whether arrays are copied as they are, from HDF5 to HDF5."""
        return not _is_zarr(self._out) and not _is_zarr(self._kept)

    def matrix(self, slot: Slot, shape: tuple[int, int], *, sparse: bool, like: Any) -> MatrixSink:
        """Return the sink of a matrix."""
        parent, key = self._out, "X"
        if slot.label == "raw" and not slot.main:
            parent = make_group(self._out, "raw", store.RAW_GROUP)
        elif not slot.main:
            parent, key = self._out["layers"], slot.name
        packing = _Packing(like, self._compression)
        return _SparseSink(parent, key, shape[1], packing) if sparse else _DenseSink(parent, key, shape, packing)

    def drop(self, slot: Slot) -> None:
        """Delete a matrix that was begun, not the main one."""
        parent, key = (self._out, "raw") if slot.label == "raw" else (self._out["layers"], slot.name)
        if key in parent:
            del parent[key]

    def put(self, slot: Slot, matrix: Any, var: pd.DataFrame) -> None:
        """Take a finished matrix, which is written already, with its var."""
        if slot.label == "raw" and not slot.main:
            store.write(self._out["raw"], "var", var)
            make_group(self._out["raw"], "varm")

    def finish(
        self, var: pd.DataFrame, entry: Mapping[str, Any], *, obs: pd.DataFrame | None = None,
        leave: frozenset[str] = frozenset(),
    ) -> None:  # fmt: skip
        """Write the tables, and what is kept of the object that the sink was made for, without the entries to leave."""
        out = self._out
        if obs is None:
            for part in ("obs", "obsm", "obsp"):
                store.copy(self._kept, out, part, leave=leave)
                self.check()
            store.copy(self._kept, out, "uns", leave=leave | {"uns/homodb"})
        for part in ("varm", "varp") if obs is None else ("obsm", "obsp", "varm", "varp", "uns"):
            make_group(out, part)
        if obs is not None:
            store.write(out, "obs", obs)
        store.write(out, "var", var)
        store.write(out["uns"], "homodb", entry)


#: Destination of a new object.
Sink: TypeAlias = MemorySink | FileSink


@contextmanager
def file_sink(path: Path, like: Any, *, keep: bool = False, compression: str = "keep") -> Iterator[FileSink]:
    """Create a file for a new object.

    `path`: h5ad file or zarr store to create; nothing exists there yet; `like`: root group of the source, if it is a
    file; the format of a zarr source is kept; `keep`: whether to keep obs, obsm, obsp and uns of the source;
    `compression`: that of the matrices, one of :data:`COMPRESSIONS`.
    """
    with store.created(path, like) as (out, check):
        yield FileSink(out, check, path.parent, like if keep else None, compression)


#: Compressions of matrices; ``keep`` is that of the source.
COMPRESSIONS = ("keep", "none", "gzip", "lzf", "zstd")


def check_compression(compression: str, output: Path) -> None:
    """Check that a file of this kind can be compressed like this.

    Raises OutputError if there is no such compression, or files of this kind cannot have it. Raises
    MissingPackageError if it needs hdf5plugin, which is not installed.
    """
    if compression not in COMPRESSIONS:
        hint = choices_hint(compression, COMPRESSIONS)
        raise OutputError(f"unknown compression {compression!r}" + hint, option="compression")
    if compression == "lzf" and is_zarr(output):
        raise OutputError(f"{output}: zarr stores have no lzf; use zstd, which is as fast", option="compression")
    if compression == "zstd" and not is_zarr(output) and find_spec("hdf5plugin") is None:
        raise MissingPackageError(
            "an h5ad file compressed by zstd needs the package hdf5plugin, here and wherever it is read:"
            " pip install hdf5plugin; lzf needs nothing"
        )


@dataclass(frozen=True)
class _Packing:
    """Chunks and compression of the arrays of a matrix."""

    like: Any  # array of the source, or None
    compression: str

    def chunk(self, size: int) -> int:
        """Return the number of values to write at a time, `size` unless the source has fewer."""
        length = self.like.shape[0] if self.like is not None and len(self.like.shape) == 1 else size
        return max(1, min(size, length))

    def arguments(self, group: Any, chunks: tuple[int, ...]) -> dict[str, Any]:
        """Return the arguments to create an array in chunks; shards of a sparse zarr source are kept."""
        if not _is_zarr(group):
            kept = self._in_hdf5()
            return kept | {"chunks": chunks} if kept else {}
        zarr_format = group.metadata.zarr_format
        kept = {"chunks": chunks}
        if _is_zarr(self.like) and self.like.metadata.zarr_format == zarr_format:
            kept |= {"compressors": self.like.compressors} if self.like.compressors else {}
            if self.like.shards and len(chunks) == 1 and chunks[0] % _CHUNK_H5 == 0:
                kept |= {"chunks": (_CHUNK_H5,), "shards": chunks}
        if self.compression != "keep":
            kept["compressors"] = _zarr_codec(self.compression, zarr_format)
        return kept

    def _in_hdf5(self) -> dict[str, Any]:
        if self.compression == "zstd":
            import hdf5plugin

            return dict(hdf5plugin.Zstd())
        if self.compression != "keep":
            return {} if self.compression == "none" else {"compression": self.compression}
        if self.like is None:
            return {}
        if _is_zarr(self.like):
            return {"compression": "gzip"} if self.like.compressors else {}
        names = ("compression", "compression_opts", "shuffle")
        return {name: getattr(self.like, name) for name in names if self.like.compression and getattr(self.like, name)}


def _zarr_codec(compression: str, zarr_format: int) -> Any:
    import numcodecs
    from zarr import codecs

    if compression == "none":
        return None
    if zarr_format == 2:
        return numcodecs.Zstd() if compression == "zstd" else numcodecs.GZip()
    return codecs.ZstdCodec() if compression == "zstd" else codecs.GzipCodec()


#: Values in a chunk of a sparse matrix.
_CHUNK_H5 = 1 << 16
_CHUNK_ZARR = 1 << 19

#: Values in a chunk of a dense matrix.
_CHUNK_DENSE = 1 << 17


class _SparseSink:
    """A sink that writes CSR."""

    def __init__(self, parent: Any, key: str, columns: int, packing: _Packing) -> None:
        self._parent, self._key, self._columns, self._packing = parent, key, columns, packing

    def begin(self, dtype: np.dtype[Any]) -> None:
        if self._key in self._parent:
            del self._parent[self._key]
        self._group = make_group(self._parent, self._key, {"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        self._data = _Growing(self._group, "data", dtype, self._packing)
        self._indices = _Growing(self._group, "indices", np.dtype(np.int32), self._packing)
        self._pointers: list[npt.NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]

    def add(self, block: Any) -> None:
        self._pointers.append(block.indptr[1:].astype(np.int64) + self._pointers[-1][-1])
        self._data.add(block.data)
        self._indices.add(block.indices.astype(np.int32, copy=False))

    def end(self) -> None:
        self._data.end()
        self._indices.end()
        indptr = np.concatenate(self._pointers)
        small = indptr[-1] <= np.iinfo(np.int32).max
        _write_array(self._group, "indptr", indptr.astype(np.int32 if small else np.int64), self._packing)
        self._group.attrs["shape"] = _shape(self._group, (len(indptr) - 1, self._columns))


class _DenseSink:
    """A sink that writes a dense matrix."""

    def __init__(self, parent: Any, key: str, shape: tuple[int, int], packing: _Packing) -> None:
        self._parent, self._key, self._shape, self._packing = parent, key, shape, packing

    def begin(self, dtype: np.dtype[Any]) -> None:
        if self._key in self._parent:
            del self._parent[self._key]
        rows = max(1, min(self._shape[0], _CHUNK_DENSE // max(self._shape[1], 1)))
        chunks = (rows, max(self._shape[1], 1))
        self._array = _create_array(self._parent, self._key, self._shape, dtype, chunks, self._packing)
        self._array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        self._at = 0

    def add(self, block: Any) -> None:
        if block.size:
            self._array[self._at : self._at + block.shape[0]] = block
        self._at += block.shape[0]

    def end(self) -> None:
        pass


class _Growing:
    """A one-dimensional array that grows by whole chunks.

    Values that do not fill a chunk are buffered.
    """

    def __init__(self, group: Any, name: str, dtype: np.dtype[Any], packing: _Packing) -> None:
        self._chunk = packing.chunk(_CHUNK_ZARR if _is_zarr(group) else _CHUNK_H5)
        self._array = _create_array(group, name, (0,), dtype, (self._chunk,), packing, growing=True)
        self._buffer: list[npt.NDArray[Any]] = []
        self._buffered = self._size = 0

    def add(self, values: npt.NDArray[Any]) -> None:
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
        if self._buffered:
            self._write(np.concatenate(self._buffer))

    def _write(self, values: npt.NDArray[Any]) -> None:
        self._array.resize((self._size + len(values),))
        self._array[self._size :] = values
        self._size += len(values)


def _write_array(group: Any, name: str, values: npt.NDArray[Any], packing: _Packing) -> None:
    chunks = (max(1, min(len(values), _CHUNK_H5)),)
    _create_array(group, name, values.shape, values.dtype, chunks, packing)[:] = values


def _create_array(
    group: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], chunks: tuple[int, ...], packing: _Packing,
    *, growing: bool = False,
) -> Any:  # fmt: skip
    arguments = packing.arguments(group, chunks)
    if _is_zarr(group):
        return group.create_array(name, shape=shape, dtype=dtype, **arguments)
    if growing:
        arguments |= {"chunks": chunks, "maxshape": (None,)}
    return group.create_dataset(name, shape=shape, dtype=dtype, **arguments)


def _is_zarr(element: Any) -> bool:
    return type(element).__module__.split(".")[0] == "zarr"


def _shape(group: Any, shape: tuple[int, int]) -> Any:
    return list(shape) if _is_zarr(group) else np.array(shape, dtype=np.int64)
