"""Read matrices in blocks of rows, from memory or from a file, and infer the kind of their values."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells.checks import label, place_of, reading
from homodb.query.cells.files import encoding
from homodb.query.cells.slots import held_as, is_lazy, values_of
from homodb.schema.errors import CountsError, TranslationError

#: Approximate number of values in a block.
BLOCK_VALUES = 1 << 22

#: Number of evenly spaced rows from which the kind of values is inferred.
_SAMPLE = 200


class Rows(Protocol):
    """A matrix, cells x genes, that is read in blocks of rows.

    `where`: file and element that a sparse matrix is in, empty for one in memory.
    """

    where: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    sparse: bool
    array: bool

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of blocks of `block` rows.

        The default is blocks of about :data:`BLOCK_VALUES` values.
        """
        ...

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows: NumPy array or CSR."""
        ...

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        ...


class InMemory:
    """A matrix in memory; a lazy or backed one is read at once."""

    where = ""

    def __init__(self, matrix: Any) -> None:
        matrix = values_of(matrix)
        self.sparse = bool(sp.issparse(matrix))
        self._matrix: Any = matrix if self.sparse else np.asarray(matrix)
        self.shape = tuple(matrix.shape)
        self.dtype = np.dtype(self._matrix.dtype)
        self.array = isinstance(matrix, sp.sparray)

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        """Return the bounds of the blocks."""
        return even_cuts(self.shape[0], block or self.shape[0])

    def take(self, start: int, stop: int) -> Any:
        """Return a block of rows."""
        if self.sparse and self._matrix.format != "csr":
            check_sound(self._matrix, "X")
            self._matrix = self._matrix.tocsr()
        return self._matrix if (start, stop) == (0, self.shape[0]) else self._matrix[start:stop]

    def sample(self) -> Any:
        """Return at most 200 rows, evenly spaced."""
        return self.take(0, self.shape[0])[sample_rows(self.shape[0])]


class _DenseOnDisk:
    """A dense matrix in a file."""

    where = ""
    sparse = False
    array = False

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.shape = tuple(dataset.shape)
        self.dtype = held_as(dataset.dtype)

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        return even_cuts(self.shape[0], block or max(1, BLOCK_VALUES // max(self.shape[1], 1)))

    def take(self, start: int, stop: int) -> Any:
        with reading(self.dataset):
            return np.asarray(self.dataset[start:stop], self.dtype)

    def sample(self) -> Any:
        rows = [self.take(row, row + 1) for row in sample_rows(self.shape[0]).tolist()]
        return np.concatenate(rows) if rows else np.empty((0, self.shape[1]), self.dtype)


class _CsrOnDisk:
    """A matrix in a file, sparse by rows.

    `group`: group of h5py or zarr with ``data``, ``indices``, ``indptr``.
    """

    sparse = True
    array = False

    def __init__(self, group: Any, shape: tuple[int, int]) -> None:
        self.shape = shape
        with reading(group):
            self._data, self._indices = group["data"], group["indices"]
            self._indptr = np.asarray(group["indptr"][:]).astype(np.int64)
        self.dtype, self.where = held_as(self._data.dtype), _where(group)
        check_indptr(self.where, self._indptr, shape[0], self._data.shape[0], self._indices.shape[0])

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        return even_cuts(self.shape[0], block) if block else value_cuts(self._indptr)

    def take(self, start: int, stop: int) -> Any:
        low, high = int(self._indptr[start]), int(self._indptr[stop])
        with reading(self._data):
            data, indices = np.asarray(self._data[low:high], self.dtype), np.asarray(self._indices[low:high])
        return _csr(self.where, data, indices, self._indptr[start : stop + 1] - low, (stop - start, self.shape[1]))

    def sample(self) -> Any:
        rows = [self.take(row, row + 1) for row in sample_rows(self.shape[0]).tolist()]
        return sp.vstack(rows, format="csr") if rows else sp.csr_matrix((0, self.shape[1]), dtype=self.dtype)


class _TurnedOnDisk:
    """A CSC matrix in a file that is read in blocks of rows.

    `group`: group of h5py or zarr with ``data``, ``indices``, ``indptr``; `folder`: empty folder for buckets: a file
    per block of rows, in total as large as the uncompressed matrix; `block`: number of rows of a bucket; by default as
    many as hold about four million values.
    """

    sparse = True
    array = False

    def __init__(self, group: Any, shape: tuple[int, int], folder: Path, block: int | None) -> None:
        self.shape = shape
        self._folder = folder
        with reading(group):
            self._data, self._indices = group["data"], group["indices"]
            self._indptr = np.asarray(group["indptr"][:]).astype(np.int64)
        self.dtype, self.where = held_as(self._data.dtype), _where(group)
        check_indptr(self.where, self._indptr, shape[1], self._data.shape[0], self._indices.shape[0])
        self._record = np.dtype([("row", np.int64), ("column", np.int32), ("value", self.dtype)])
        per_row = np.zeros(shape[0], dtype=np.int64)
        for low, high in self._pieces():
            per_row += np.bincount(self._rows(low, high), minlength=shape[0])
        pointers = np.concatenate([[0], np.cumsum(per_row)])
        self._cuts = even_cuts(shape[0], block) if block else value_cuts(pointers)
        self._sampled = self._sort_into_buckets()

    def cuts(self, block: int | None) -> list[tuple[int, int]]:
        return self._cuts

    def take(self, start: int, stop: int) -> Any:
        path = self._folder / str(start)
        records = np.fromfile(path, dtype=self._record) if path.exists() else np.empty(0, self._record)
        return self._matrix(records["row"] - start, records, stop - start)

    def sample(self) -> Any:
        return self._sampled

    def _matrix(self, rows: npt.NDArray[np.int64], records: npt.NDArray[Any], number: int) -> sp.csr_matrix:
        """Return records in column order as CSR, with duplicates as in the file."""
        order = np.argsort(rows, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=number))])
        return sp.csr_matrix((records["value"][order], records["column"][order], indptr), shape=(number, self.shape[1]))

    def _pieces(self) -> list[tuple[int, int]]:
        return even_cuts(int(self._indptr[-1]), BLOCK_VALUES)

    def _rows(self, low: int, high: int) -> npt.NDArray[np.int64]:
        with reading(self._indices):
            rows = np.asarray(self._indices[low:high]).astype(np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= self.shape[0]):
            raise _damaged(self.where, "its indices are beyond its cells")
        return rows

    def _sort_into_buckets(self) -> sp.csr_matrix:
        """Append every value to the bucket of its row; return sampled rows."""
        wanted = sample_rows(self.shape[0])
        place = np.full(self.shape[0], -1, dtype=np.int64)
        place[wanted] = np.arange(wanted.size)
        starts = np.array([start for start, _ in self._cuts], dtype=np.int64)
        sampled = []
        for low, high in self._pieces():
            records = np.empty(high - low, dtype=self._record)
            records["row"] = self._rows(low, high)
            records["column"] = np.searchsorted(self._indptr, np.arange(low, high), side="right") - 1
            with reading(self._data):
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


class LazyMatrix:
    """A Dask array, cells x genes, whose blocks are computed on request."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.dtype = np.dtype(array.dtype)

    def map_rows(self, function: Callable[[Any], Any], columns: int, dtype: np.dtype[Any]) -> Any:
        """Return the Dask array of a function of blocks of rows, in the same chunks of cells.

        Blocks of the result are CSR where those of the input are sparse, whatever their format.
        """
        array = self._array
        whole = array.rechunk({1: -1}) if array.numblocks[1] > 1 else array
        meta: Any = np.empty((0, 0), dtype=dtype)
        if sp.issparse(array._meta):
            meta = (sp.csr_array if isinstance(array._meta, sp.sparray) else sp.csr_matrix)(meta)
        return whole.map_blocks(function, chunks=(whole.chunks[0], (columns,)), dtype=dtype, meta=meta)


def as_lazy(matrix: Any) -> LazyMatrix | None:
    """Return a Dask array as a lazy matrix; None for any other matrix."""
    return LazyMatrix(matrix) if is_lazy(matrix) else None


def as_rows(matrix: Any) -> Rows:
    """Return a matrix of an AnnData as blocks of rows.

    A matrix in a file is read one block at a time.
    """
    group = getattr(matrix, "group", None)
    if group is not None and matrix.format == "csr":
        return _CsrOnDisk(group, matrix.shape)
    on_disk = type(matrix).__module__.split(".")[0] in ("h5py", "zarr")
    return _DenseOnDisk(matrix) if on_disk else InMemory(matrix)


def open_matrix(element: Any, shape: tuple[int, int], where: str, folder: Path, block: int | None) -> tuple[Rows, Any]:
    """Return a matrix as blocks of rows, and its array of values.

    A result is compressed as that array is.
    """
    kind = encoding(element) or ("array" if hasattr(element, "shape") else "")  # h5py's users write no encoding
    if kind in ("csr_matrix", "csc_matrix"):
        actual = tuple(int(one) for one in element.attrs.get("shape", ()))
    elif kind == "array" and len(getattr(element, "shape", None) or ()) == 2:
        actual = tuple(element.shape)
    else:
        raise TranslationError(f"{where} is not a known kind of matrix (encoding {kind or 'not said'!r})")
    if actual != shape:
        raise TranslationError(f"{where} is {actual}, but obs and var are {shape}; the file is damaged")
    with reading(element):
        dtype = np.dtype(element.dtype if kind == "array" else element["data"].dtype)
    if dtype.kind not in "biuf":
        raise TranslationError(f"{where} holds values of the type {dtype}; expected real numbers")
    if kind == "array":
        return _DenseOnDisk(element), element
    if kind == "csr_matrix":
        return _CsrOnDisk(element, shape), element["data"]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return _TurnedOnDisk(element, shape, folder, block), element["data"]


def even_cuts(rows: int, block: int) -> list[tuple[int, int]]:
    """Return the bounds of blocks of `block` rows."""
    return [(start, min(start + block, rows)) for start in range(0, rows, max(block, 1))]


def value_cuts(indptr: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return the bounds of blocks of at most :data:`BLOCK_VALUES` values.

    A row with more values is a block of its own.
    """
    cuts, start, rows = [], 0, len(indptr) - 1
    while start < rows:
        stop = int(np.searchsorted(indptr, indptr[start] + BLOCK_VALUES, side="right")) - 1
        stop = min(max(stop, start + 1), rows)
        cuts.append((start, stop))
        start = stop
    return cuts


def sample_rows(rows: int) -> npt.NDArray[np.int64]:
    """Return at most 200 row numbers, evenly spaced."""
    sampled = min(_SAMPLE, rows)
    return np.arange(sampled) * rows // max(sampled, 1)


def check_sound(matrix: Any, where: str) -> None:
    """Check that every index is within the matrix, which `where` names.

    SciPy does not check, and would read beyond its buffers.
    """
    sparse = bool(sp.issparse(matrix))
    if not sparse:
        return
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise _damaged(where, error) from error


def _where(element: Any) -> str:
    return f"{place_of(element)}: {label(element.name)}"


def _damaged(where: str, why: object) -> CountsError:
    return CountsError(f"{where} is a damaged sparse matrix ({why}); write the file again")


def check_indptr(where: str, indptr: npt.NDArray[np.int64], rows: int, values: int, indices: int) -> None:
    """Check the row pointers of a compressed matrix in a file."""
    sound = len(indptr) == rows + 1 and values == indices and indptr[0] == 0 and indptr[-1] == values
    if not sound or bool((np.diff(indptr) < 0).any()):
        raise _damaged(where, "its indptr does not fit it")


def _csr(
    where: str, data: npt.NDArray[Any], indices: npt.NDArray[Any], indptr: npt.NDArray[np.int64], shape: tuple[int, int]
) -> Any:
    if indptr[-1] < np.iinfo(np.int32).max and shape[1] < np.iinfo(np.int32).max and indices.dtype != np.int32:
        small = indices.astype(np.int32)
        if not np.array_equal(small, indices):
            raise _damaged(where, "its indices are beyond its genes")
        indices = small
    matrix = sp.csr_matrix(shape, dtype=data.dtype)
    matrix.data, matrix.indices, matrix.indptr = data, indices, indptr.astype(indices.dtype)
    return matrix


#: Content of a matrix that may only say whether a gene is expressed.
BINARY = "zeros and ones"
Kind = Literal["counts", "linear", "log", "transformed", "scaled", "nan"]

_TOLERANCE = 0.02
#: Largest value that may be a logarithm.
LARGEST_LOG = 30.0

#: Natural logarithms (scanpy, Seurat), binary (Bioconductor) and decimal ones.
_LOGARITHMS = (1.0, float(np.log(2)), float(np.log(10)))

#: Share of cells whose sums have to be constant, at least so many cells, and their largest difference from the median.
_CELLS, _FEWEST, _CONSTANT = 0.9, 3, 0.02
#: Sums to which single cells are scaled: those of scanpy and Seurat, of CPM and TPM.
_USUAL_SUMS = (1e4, 1e6)
#: Largest difference from a whole number, as a share of it, that single precision makes of the logarithm of a count.
_SINGLE = 5e-6
#: Squares up to here are whole numbers in single precision.
_LARGEST_SQUARE = 1e4
#: Fewest values of a cell that show ranks and a shift, and the share of them that a shift makes the smallest value.
_VALUES, _SHIFTED = 10, 0.2
#: Largest spread of the sums that rounded logarithms are of, alone and as a share of the spread of their own sums, and
#: the fewest cells, of :data:`_VALUES` values each, that show it.
_ROUNDED, _CLOSER, _ENOUGH = 0.5, 0.7, 7
#: How many times a smallest value of 3 or more the largest logarithm may be: the binary one of a million is 20.
_RANGE = 7


@dataclass(frozen=True)
class Values:
    """Kind of values, and the base where they are logarithms.

    `content`: the values in words; `small`: whether they are of no certain kind: not whole, and at most 30, as
    logarithms and other transformed values are; `guess`: likely base of such values, None if it is unknown.
    """

    kind: Kind
    base: float | None = None
    content: str = ""
    small: bool = False
    guess: float | None = None


def judge(matrix: Any, *, logged: bool = False, base: float | None = None) -> Values:
    """Infer the kind of values of a matrix, and the base of logarithms.

    `matrix`: cells x genes; NumPy array or SciPy sparse matrix. At most 200 rows are sampled; `logged`, `base`: whether
    the object records logarithms, and their base: it is used unless the values show another one; by default e.

    The kinds are ``counts`` (whole numbers), ``nan`` (some values are NaN or infinite), ``scaled`` (negative values),
    ``log`` (logarithms), ``transformed`` (square roots, ranks, rounded logarithms, values that are above zero where a
    gene is not expressed, logarithms in some cells only), else ``linear``. Values of at most 30 that are not whole are
    logarithms where the object records them, or where after exponentiation, but not before, each cell's values are
    whole multiples of its smallest one, as counts scaled per cell are, or the sums of cells are constant, as those of
    CPM and TPM are. Fractional values alone are not taken for logarithms; where they are both by themselves, as
    counts scaled to a small total are, they are ``linear``.
    """
    if matrix.dtype.kind not in "biuf":
        return Values("nan", content=f"values of type {matrix.dtype}")
    dense = _rows_of(matrix[sample_rows(matrix.shape[0])])
    values = np.concatenate(dense) if dense else np.empty(0)
    if not np.isfinite(values).all():
        return Values("nan", content="NaN" if np.isnan(values).any() else "infinite values")
    if values.size and values.min() < 0:
        return Values("scaled", content="scaled values (some are negative)")
    expressed = [row for row in dense if row.size]
    if transformed := _transformation(expressed, matrix.shape[1], logged=logged):
        return Values("transformed", content=transformed)
    if values.size == 0 or _are_whole(values):
        return Values("counts", content=BINARY if values.size and values.max() == 1 else "whole numbers")
    if values.max() > LARGEST_LOG or _are_shares(expressed):
        return Values("linear", content="linear values")
    scale, certain = _logarithm_of(expressed)
    inferred = None if scale is None else float(np.exp(scale))
    if logged or certain:
        shows_another = certain and inferred is not None and base is not None and not np.isclose(base, inferred)
        return Values("log", (inferred if shows_another else base or inferred) or float(np.exp(1.0)), "logarithms")
    return Values("linear", content="values that are not whole, all at most 30", small=True, guess=inferred)


def kind_of_values(matrix: Any, *, logged: bool = False) -> Kind:
    """Return the kind of values of a matrix of expression, see :func:`judge`."""
    return judge(matrix, logged=logged).kind


def has_small_fractions(block: Any) -> bool:
    """Return whether some cells of a block have values that are not whole, all at most 30, as logarithms are."""
    sparse = bool(sp.issparse(block))
    values = np.asarray(block.data if sparse else block)
    if values.dtype.kind != "f" or np.array_equal(values, np.rint(values)):
        return False
    return any(row.size and row.max() <= LARGEST_LOG and not _are_whole(row) for row in _rows_of(block))


def _logarithm_of(rows: list[npt.NDArray[np.float64]]) -> tuple[float | None, bool]:
    """Return the likely natural logarithm of the base of values, and whether they are certainly logarithms."""
    as_is = _share([_multiples(row) for row in rows])
    undone = {scale: [np.expm1(row * scale) for row in rows] for scale in _LOGARITHMS}
    multiples = {scale: _share([_multiples(row) for row in undone[scale]]) for scale in _LOGARITHMS}
    best = max(multiples, key=lambda scale: multiples[scale])
    if multiples[best] > 0.5 > as_is:
        return best, True
    spreads = {scale: _spread(undone[scale]) for scale in _LOGARITHMS}
    closest = min(spreads, key=lambda scale: spreads[scale])
    if spreads[closest] > _CONSTANT or _spread(rows) <= spreads[closest]:
        return None, False
    return closest, as_is <= 0.5 and _spread(rows) > 5 * spreads[closest] + 1e-4


def _are_shares(rows: list[npt.NDArray[np.float64]]) -> bool:
    """Return whether values are counts divided by their sum in the cell, to any total: multiples of constant sum."""
    return len(rows) >= _FEWEST and _share([_multiples(row) for row in rows]) > 0.5 and _spread(rows) < _CONSTANT / 100


def _spread(rows: list[npt.NDArray[np.float64]]) -> float:
    """Return by how much the sums of nine tenths of the cells differ from a constant, as a share of it.

    The constant is their median; a few cells have to have one of the usual sums.
    """
    sums = np.array([row.sum() for row in rows])
    if not sums.size or not np.isfinite(sums).all():
        return float("inf")
    constants = [float(np.median(sums))] if sums.size >= _FEWEST else [*_USUAL_SUMS]
    return min(float(np.quantile(np.abs(sums / one - 1), _CELLS)) for one in constants)


def _are_whole(values: npt.NDArray[np.float64]) -> bool:
    """Return whether values are whole, or as near as single precision brings them when logarithms are undone."""
    whole = np.round(values)
    return bool(whole.all() and (np.abs(values - whole) <= np.clip(_SINGLE * whole, 10 * _SINGLE, 0.1)).all())


def _transformation(rows: list[npt.NDArray[np.float64]], width: int, *, logged: bool) -> str:
    """Return what values are that no sum is right for, though they are not negative; empty for others.

    `rows`: values other than zero of each cell; `width`: number of genes; `logged`: whether logarithms are recorded.
    """
    if not rows:
        return ""
    long = [row for row in rows if row.size >= _VALUES]
    shifted = [row.size == width and np.mean(np.isclose(row, row.min())) >= _SHIFTED for row in long]
    if long and np.mean(shifted) >= _CELLS and not all(map(_are_whole, long)):
        return "values that are above zero where a gene is not expressed"
    ranked = [np.isclose(row.sum(), row.size * (row.size + 1) / 2, 1e-6) for row in long]
    if len({row.tobytes() for row in long}) >= _FEWEST and np.mean(ranked) >= _CELLS:
        return "ranks of genes"
    small = [row for row in rows if row.max() <= LARGEST_LOG]
    if all(map(_are_whole, rows)):
        return "rounded logarithms" if len(small) == len(rows) and _are_rounded(long, logged=logged) else ""
    if _are_roots(rows):
        return "square roots"
    fractions = [row for row in small if not _are_whole(row)]
    if len(fractions) >= _FEWEST and len(small) < len(rows) and _logarithm_of(fractions)[1]:
        return "larger values in some cells, and logarithms in others"
    return ""


def _are_rounded(rows: list[npt.NDArray[np.float64]], *, logged: bool) -> bool:
    """Return whether whole numbers are rounded logarithms.

    The smallest value, which is that of one count, is above 2, frequent and not far below the largest one (as it is
    where counts below 3 were set to zero), or what they are of is nearly constant.
    """
    if len(rows) < _ENOUGH:
        return False
    shifted = np.mean([row.min() > 2 and _SHIFTED <= np.mean(row == row.min()) < 1 for row in rows]) >= _CELLS
    if shifted and max(row.max() for row in rows) <= _RANGE * min(row.min() for row in rows):
        return True
    tops = np.array([row.max() for row in rows])
    if np.mean(tops == np.median(tops)) >= _CELLS:  # capped counts, whose sum the cap alone would make constant
        rows = [row[row < row.max()] for row in rows if row.min() < row.max()]
    if len(rows) < _ENOUGH:
        return False
    undone = min(_spread([np.expm1(row * scale) for row in rows]) for scale in _LOGARITHMS)
    return undone < _ROUNDED and undone < _spread(rows) * (0.9 if logged else _CLOSER)


def _are_roots(rows: list[npt.NDArray[np.float64]]) -> bool:
    """Return whether values are square roots of whole numbers, or of values whose sum is constant."""
    values = np.concatenate(rows) if rows else np.empty(0)
    squares = values**2
    low = squares[squares <= _LARGEST_SQUARE]
    near = low.size > squares.size / 2 and np.abs(low - np.round(low)) < 1e-5 + 1e-6 * low
    if low.size and np.all(near) and np.unique(np.round(low)).size > 1:
        return True
    if values.max() <= 1 or _share([_multiples(row) for row in rows]) > 0.5:
        return False  # values divided by the length of the cell's vector
    if _share([_multiples(row**2) for row in rows]) > 0.5:
        return True
    return len(rows) >= _FEWEST and _spread([row**2 for row in rows]) < _CONSTANT / 10 and _spread(rows) > _CONSTANT


def _share(judged: list[bool | None]) -> float:
    decided = [one for one in judged if one is not None]
    return sum(decided) / len(decided) if decided else 0.0


def undo_logarithm(block: Any, base: float | None) -> Any:
    """Undo the logarithm of values, if they are logarithms.

    `base`: base of the logarithms; None if the values are not logarithms.
    """
    if base is None:
        return block
    scale = float(np.log(base))
    sparse = bool(sp.issparse(block))
    if not sparse:
        return np.expm1(block * scale)
    changed = block.astype(np.float64)
    changed.data = np.expm1(changed.data * scale)
    return changed


def _rows_of(sample: Any) -> list[npt.NDArray[np.float64]]:
    """Return the values other than zero of each row."""
    sparse = bool(sp.issparse(sample))
    if not sparse:
        return [row[row != 0] for row in np.asarray(sample, dtype=np.float64)]
    by_row = sample.tocsr()
    values = np.asarray(by_row.data, dtype=np.float64)
    rows = np.split(values, by_row.indptr[1:-1]) if by_row.shape[0] else []
    return [row[row != 0] for row in rows]


def _multiples(values: npt.NDArray[np.float64]) -> bool | None:
    """Return whether values are multiples of the smallest, None if unknown.

    Nine tenths of the other values have to be, within a tolerance.
    """
    ratio = values / values.min()
    near = ratio[(ratio > 1 + _TOLERANCE) & (ratio < 20)]
    if np.unique(near).size < 2:
        return None
    return bool(np.mean(np.abs(near - np.round(near)) < _TOLERANCE) > 0.9)
