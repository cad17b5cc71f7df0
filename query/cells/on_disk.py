"""Read a matrix of a file in blocks of rows, whatever its layout."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import matrices
from homodb.query.cells.files import encoding
from homodb.query.cells.matrices import CsrOnDisk, DenseOnDisk, Rows
from homodb.query.cells.slots import held_as
from homodb.schema.errors import CountsError, TranslationError


class TurnedOnDisk:
    """A CSC matrix in a file that is read in blocks of rows.

    Parameters
    ----------
    group
        Group of h5py or zarr with ``data``, ``indices``, ``indptr``.
    shape
        Cells, genes.
    folder
        Empty folder for buckets: a file per block of rows, in total as large as the uncompressed matrix.
    block
        Number of rows of a bucket; by default as many as hold about four million values.
    """

    sparse = True
    array = False

    def __init__(self, group: Any, shape: tuple[int, int], folder: Path, block: int | None) -> None:
        self.shape = shape
        self._folder = folder
        with matrices.reading():
            self._data, self._indices = group["data"], group["indices"]
            self._indptr = np.asarray(group["indptr"][:]).astype(np.int64)
        self.dtype = held_as(self._data.dtype)
        matrices.check_indptr(self._indptr, shape[1], self._data.shape[0], self._indices.shape[0])
        self._record = np.dtype([("row", np.int64), ("column", np.int32), ("value", self.dtype)])
        per_row = np.zeros(shape[0], dtype=np.int64)
        for low, high in self._pieces():
            per_row += np.bincount(self._rows(low, high), minlength=shape[0])
        pointers = np.concatenate([[0], np.cumsum(per_row)])
        self._cuts = matrices.even_cuts(shape[0], block) if block else matrices.value_cuts(pointers)
        self._sampled = self._sort_into_buckets()

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return self._cuts

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows."""
        path = self._folder / str(start)
        records = np.fromfile(path, dtype=self._record) if path.exists() else np.empty(0, self._record)
        return self._matrix(records["row"] - start, records, stop - start)

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        return self._sampled

    def _matrix(self, rows: npt.NDArray[np.int64], records: npt.NDArray[Any], number: int) -> sp.csr_matrix:
        """Return records in column order as CSR, with duplicates as in the file."""
        order = np.argsort(rows, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=number))])
        return sp.csr_matrix((records["value"][order], records["column"][order], indptr), shape=(number, self.shape[1]))

    def _pieces(self) -> list[tuple[int, int]]:
        return matrices.even_cuts(int(self._indptr[-1]), matrices.BLOCK_VALUES)

    def _rows(self, low: int, high: int) -> npt.NDArray[np.int64]:
        with matrices.reading():
            rows = np.asarray(self._indices[low:high]).astype(np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= self.shape[0]):
            raise CountsError("a sparse matrix of the file is damaged (indices beyond its cells); make the file anew")
        return rows

    def _sort_into_buckets(self) -> sp.csr_matrix:
        """Append every value to the bucket of its row; return sampled rows."""
        wanted = matrices.sample_rows(self.shape[0])
        place = np.full(self.shape[0], -1, dtype=np.int64)
        place[wanted] = np.arange(wanted.size)
        starts = np.array([start for start, _ in self._cuts], dtype=np.int64)
        sampled = []
        for low, high in self._pieces():
            records = np.empty(high - low, dtype=self._record)
            records["row"] = self._rows(low, high)
            records["column"] = np.searchsorted(self._indptr, np.arange(low, high), side="right") - 1
            with matrices.reading():
                records["value"] = self._data[low:high]
            sampled.append(records[place[records["row"]] >= 0])
            bucket = np.searchsorted(starts, records["row"], side="right") - 1
            records = records[np.argsort(bucket, kind="stable")]
            edges = np.concatenate([[0], np.cumsum(np.bincount(bucket, minlength=starts.size))]).tolist()
            for start, (first, last) in zip(starts.tolist(), itertools.pairwise(edges), strict=True):
                if last > first:
                    with (self._folder / str(start)).open("ab") as file:
                        records[first:last].tofile(file)
        sample = np.concatenate(sampled) if sampled else np.empty(0, self._record)
        return self._matrix(place[sample["row"]], sample, wanted.size)


def open_matrix(element: Any, shape: tuple[int, int], where: str, folder: Path, block: int | None) -> tuple[Rows, Any]:
    """Return a matrix as blocks of rows, and its array of values.

    A result is compressed as that array is.

    Parameters
    ----------
    element
        The matrix in an h5ad file or zarr store: dense, CSR or CSC.
    shape
        Shape expected from obs and var.
    where
        Name in messages: file and slot.
    folder
        Folder in which a CSC matrix is transposed block by block; it is emptied first.
    block
        Number of rows per block; None to choose by the number of values.

    Raises
    ------
    TranslationError
        If it is not a matrix, or not of that shape.
    """
    kind = encoding(element)
    if kind in ("csr_matrix", "csc_matrix"):
        actual = tuple(int(one) for one in element.attrs.get("shape", ()))
    elif kind == "array" and len(getattr(element, "shape", ())) == 2:
        actual = tuple(element.shape)
    else:
        raise TranslationError(f"{where} is no matrix that is known (encoding {kind or 'not said'!r})")
    if actual != shape:
        raise TranslationError(f"{where} is {actual}, but obs and var are {shape}; the file is damaged")
    if kind == "array":
        return DenseOnDisk(element), element
    if kind == "csr_matrix":
        return CsrOnDisk(element, shape), element["data"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return TurnedOnDisk(element, shape, folder, block), element["data"]
