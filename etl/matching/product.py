"""All correlations in float32, as a matrix product that is streamed.

A line is a row or a column of the product. Kept of a tile are the entries that could be the best or second best of
their line, and a histogram of all entries. Only the maxima of chunks of a line are searched, and single entries where
a maximum reaches the bar: the line's second best so far, minus the error of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.side import ArrayBackend, Floats, GroupedVectors, Ints, backend_for, slices

#: Cells of the histogram per unit of correlation; their centres are multiples of its inverse.
CELLS = 8192
#: A float32 between 1024 and 2048 is a multiple of 1/8192. So after adding 1537 and subtracting the bits of 1536, the
#: bits of a correlation are the number of its cell.
_SHIFT = 1537.0
_BITS = int(np.float32(1536).view(np.int32))
#: Entries of a line in a chunk, a power of two: first their maximum is searched, then, if needed, each of them.
_CHUNK = 64
#: Value of padding.
_NONE = -2.0


@dataclass(frozen=True)
class Entries:
    """Entries of the product, shape (entries,) each."""

    rows: Ints
    columns: Ints
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Product:
    """Extract of the matrix product.

    Parameters
    ----------
    of_rows, of_columns
        All entries that could be the best or second best of their row (column), and some others.
    histogram
        Number of pairs of genes in each cell of correlation, shape (2 * CELLS + 1,); the middle cell is that of 0.
    """

    of_rows: Entries
    of_columns: Entries
    histogram: Floats


def multiply(
    a: GroupedVectors, b: GroupedVectors, *, device: str, block: int | None, progress: Callable[[int, int], None]
) -> Product:
    """Multiply all groups of one species with all groups of the other.

    Parameters
    ----------
    a, b
        The two species; a normalised copy of `b` is held in memory.
    device
        A device of torch; ``numpy`` for the CPU without torch; ``auto`` for the fastest available.
    block
        Rows and columns of a tile; None for what suits the device.
    progress
        Callback that receives the numbers of finished and of all entries.
    """
    arrays = backend_for(device)
    entries = a.rows.size * b.rows.size
    tiles = _Tiles(arrays, a, b, block or arrays.block(a.rows.size, b.rows.size))
    workers = [_Worker(arrays, tiles) for _ in range(arrays.workers)]
    done = 0

    def finished(some: int) -> None:
        nonlocal done
        done += some
        progress(done, entries)

    with arrays.settings():
        _run(workers, finished)
    histogram: Floats = np.sum([worker.histogram.counts for worker in workers], axis=0)
    rows = _candidates([worker.rows for worker in workers])
    columns = _candidates([worker.columns for worker in workers])
    of_columns = Entries(rows=columns.columns, columns=columns.rows, values=columns.values)
    return Product(rows, of_columns, histogram)


def tolerance(dimensions: int) -> float:
    """Return the maximum error of an entry of the float32 product.

    For up to 100 dimensions this is the worst case of a sum of rounded products. Beyond, it grows with the square
    root: rounding errors partly cancel, and every library sums in blocks.
    """
    return float(2.0**-24 * (32 + 8 * np.sqrt(dimensions)))


def _run(workers: list[_Worker], finished: Callable[[int], None]) -> None:
    """Run each worker in a thread. `finished` is called in this thread with the number of entries of each tile."""
    sizes, stopped = SimpleQueue[int | None](), Event()

    def run(worker: _Worker) -> None:
        try:
            for entries in worker.work():
                sizes.put(entries)
                if stopped.is_set():
                    break
        except BaseException:
            stopped.set()
            raise
        finally:
            sizes.put(None)

    with ThreadPoolExecutor(len(workers)) as pool:
        running = [pool.submit(run, worker) for worker in workers]
        try:
            for _ in running:
                for entries in iter(sizes.get, None):
                    finished(entries)
        finally:
            stopped.set()
    for one in running:
        one.result()


class _Tiles:
    """Tiles of the product, strip by strip; each goes to one worker."""

    def __init__(self, arrays: ArrayBackend, a: GroupedVectors, b: GroupedVectors, block: int) -> None:
        self.arrays, self.a, self.b, self.block = arrays, a, b, block
        self.right = arrays.put(b.normalised(0, b.rows.size))
        self.left: Any = None
        self._places = ((top, start) for top in range(0, a.rows.size, block) for start in range(0, b.rows.size, block))
        self._taking = Lock()

    def __iter__(self) -> Iterator[tuple[int, int, Any, Any]]:
        """Yield the first row and column of a tile, and its vectors."""
        while True:
            with self._taking:
                place = next(self._places, None)
                if place is None:
                    return
                top, start = place
                if start == 0:
                    self.left = None  # frees them before the next ones are allocated
                    self.left = self.arrays.put(self.a.normalised(top, top + self.block))
                left = self.left
            yield top, start, left, self.right[start : start + self.block]
            del left


class _Worker:
    """Worker that multiplies tiles, and searches and counts their entries."""

    def __init__(self, arrays: ArrayBackend, tiles: _Tiles) -> None:
        self.arrays, self.tiles = arrays, tiles
        slack = 2 * tolerance(tiles.a.vectors.shape[1])
        self.rows, self.columns = (_LineSearch(arrays, one.rows.size, slack) for one in (tiles.a, tiles.b))
        self.histogram = _Histogram(arrays)

    def work(self) -> Iterator[int]:
        """Take tiles until none is left; yield the number of entries of each."""
        self.arrays.to_one_core()
        shape = tuple(_padded(min(self.tiles.block, size)) for size in (self.rows.count, self.columns.count))
        whole = self.arrays.put(np.full(shape, _NONE, np.float32))
        for top, start, left, right in self.tiles:
            high, wide = left.shape[0], right.shape[0]
            tile = whole[: _padded(high), : _padded(wide)]
            tile[high:] = _NONE
            tile[:, wide:] = _NONE
            self.arrays.multiply(left, right, tile[:high, :wide])
            del left
            self._scan(tile, high, wide, top, start)
            yield high * wide

    def _scan(self, tile: Any, high: int, wide: int, top: int, start: int) -> None:
        """Search and count the entries of a tile. `high` and `wide` are its rows and columns without padding."""
        counts_a, counts_b = self.tiles.a.counts[top : top + high], self.tiles.b.counts[start : start + wide]

        def count(rows: slice) -> None:
            self.histogram.add(tile[rows][: max(0, high - rows.start), :wide], counts_a[rows], counts_b)

        by_row, by_column = _chunks(tile)
        of_rows, of_columns = _maxima(self.arrays, by_row, by_column, count)
        self.rows.scan(of_rows[:high], partial(_of_row, by_row), top, start)
        self.columns.scan(of_columns[:wide], partial(_of_column, by_column), start, top)


class _Histogram:
    """Number of pairs of genes in each cell."""

    def __init__(self, arrays: ArrayBackend) -> None:
        self.arrays = arrays
        self.counts: Floats = np.zeros(2 * CELLS + 1)
        self.room: Any = None

    def add(self, entries: Any, counts_a: Ints, counts_b: Ints) -> None:
        """Count entries of the product between groups of these numbers of genes."""
        if not counts_a.size:
            return
        xp = self.arrays.module
        if self.room is None or self.room.shape != entries.shape:
            self.room = xp.empty_like(entries)
        cells = xp.add(entries, _SHIFT, out=self.room).view(xp.int32)
        cells -= _BITS
        if counts_a.max() == 1 == counts_b.max():
            counts = xp.bincount(cells.reshape(-1), minlength=self.counts.size)
            self.counts += self.arrays.fetch(counts)
        else:
            weights = np.multiply.outer(counts_a, counts_b).reshape(-1)
            self.counts += np.bincount(self.arrays.fetch(cells).reshape(-1), weights, self.counts.size)


@dataclass
class _LineSearch:
    """Search for entries that could be the best two of their line."""

    arrays: ArrayBackend
    count: int
    slack: float
    kept: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # lower bounds of the best and the second best of each line
        self.first = self.arrays.put(np.full(self.count, _NONE, np.float32))
        self.second = self.arrays.put(np.full(self.count, _NONE, np.float32))

    def scan(self, maxima: Any, chunks: Callable[[Any, Any], tuple[Any, Any]], start: int, others: int) -> None:
        """Search a tile.

        Parameters
        ----------
        maxima
            Maximum of each chunk of the tile's lines, shape (lines, chunks).
        chunks
            Function of the lines and numbers of some chunks. It returns their entries, shape (some, chunk), and the
            positions of these entries in their lines, of the same shape.
        others
            Number of the crossing line at the first entry of the tile's lines.
        """
        xp, here = self.arrays.module, slice(start, start + maxima.shape[0])
        best = xp.amax(maxima, axis=1)
        is_best = maxima == best[:, None]
        after = xp.amax(xp.where(is_best, _NONE, maxima), axis=1)
        after = xp.where(is_best.sum(axis=1) > 1, best, after)
        lower = xp.minimum(self.first[here], best)
        self.second[here] = xp.maximum(lower, xp.maximum(self.second[here], after))
        self.first[here] = xp.maximum(self.first[here], best)
        bar = xp.clip(self.second[here] - self.slack, -1.5, None)
        line, chunk = xp.where(maxima >= bar[:, None])
        values, place = chunks(line, chunk)
        reaches = values >= bar[line][:, None]
        which, _ = xp.where(reaches)
        self.kept.append((line[which] + start, place[reaches] + others, values[reaches]))


def _candidates(searches: Sequence[_LineSearch]) -> Entries:
    """Return the entries that reach the final bar of their line. They come from several workers; lines become rows."""
    arrays = searches[0].arrays
    bounds = np.stack([arrays.fetch(bound) for one in searches for bound in (one.first, one.second)])
    bar = np.partition(bounds, -2, axis=0)[-2] - np.float32(searches[0].slack)
    kept: list[list[npt.NDArray[Any]]] = [[np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]]
    for search in searches:
        for entries in search.kept:
            for arrays_of_one, one in zip(kept, entries, strict=True):
                arrays_of_one.append(arrays.fetch(one))
    lines, others, values = (np.concatenate(one) for one in kept)
    good = values >= bar[lines]
    return Entries(lines[good], others[good], values[good])


def _chunks(tile: Any) -> tuple[Any, Any]:
    """Return the chunks of rows and of columns. Their shapes are (rows, chunk, chunks) and (chunks, chunk, columns).

    A chunk of a row is not contiguous, so that its maximum, too, is computed over whole rows of numbers.
    """
    rows, columns = tile.shape
    return tile.reshape(rows, _CHUNK, columns // _CHUNK), tile.reshape(rows // _CHUNK, _CHUNK, columns)


def _maxima(arrays: ArrayBackend, by_row: Any, by_column: Any, count: Callable[[slice], None]) -> tuple[Any, Any]:
    """Return the maxima of chunks by row and column, shape (lines, chunks).

    `count` is called with rows of the tile right after their search, while they are in the cache of a core.
    """
    xp, (chunks, _, columns) = arrays.module, by_column.shape
    if not arrays.on_cpu:
        count(slice(0, by_row.shape[0]))
        return xp.amax(by_row, axis=1), xp.amax(by_column, axis=1).T
    of_rows, of_columns = np.empty(by_row.shape[::2], np.float32), np.empty((chunks, columns), np.float32)
    room: npt.NDArray[np.float32] | None = None
    for some in slices(chunks, _CHUNK * columns):
        rows = slice(some.start * _CHUNK, some.stop * _CHUNK)
        if room is None:
            room = np.empty_like(by_row[rows, : _CHUNK // 2])
        of_rows[rows] = _halved(by_row[rows], room[: rows.stop - rows.start])
        np.amax(by_column[some], axis=1, out=of_columns[some])
        count(rows)
    return of_rows, of_columns.T


def _halved(by_row: npt.NDArray[np.float32], room: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the maxima of chunks of rows by halving. The maximum of numpy takes twice as long."""
    half = _CHUNK // 2
    np.maximum(by_row[:, :half], by_row[:, half:], out=room)
    while half > 1:
        half //= 2
        np.maximum(room[:, :half], room[:, half : 2 * half], out=room[:, :half])
    return room[:, 0]


def _of_row(chunks: Any, row: Any, chunk: Any) -> tuple[Any, Any]:
    entries = chunks[row, :, chunk]
    return entries, _offsets(chunks, chunk) * chunks.shape[2] + chunk[:, None]


def _of_column(chunks: Any, column: Any, chunk: Any) -> tuple[Any, Any]:
    entries = chunks[chunk, :, column]
    return entries, _offsets(chunks, chunk) + chunk[:, None] * chunks.shape[1]


def _offsets(chunks: Any, like: Any) -> Any:
    """Return the positions of entries in a chunk, shape (1, chunk). The array is of the kind of `like`."""
    count = chunks.shape[1]
    return np.arange(count)[None] if isinstance(like, np.ndarray) else like.new_tensor(range(count))[None]


def _padded(size: int) -> int:
    """Return a number of rows or columns rounded up to whole chunks."""
    return -(-size // _CHUNK) * _CHUNK
