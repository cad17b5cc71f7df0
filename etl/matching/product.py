"""The streamed matrix product: all correlations in float32, tile by tile, each tile looked at once and forgotten.

What is kept of a tile: for each row and each column the entries that could be its best or second best, and a
histogram of all entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.arrays import Arrays, arrays_on
from homodb.etl.matching.side import Floats, Ints, Side, slices

#: Entries of a line that are looked at together: first their maximum, then, where it matters, each.
_CHUNK = 64
#: Cells of the histogram to a unit of correlation; their centres are its multiples.
CELLS = 8192
#: A float32 between 1024 and 2048 is a multiple of 1/8192. So with 1537 added, and the bits of 1536 taken off, the bits
#: of a correlation are the number of its cell.
_SHIFT = 1537.0
_BITS = int(np.float32(1536).view(np.int32))
#: Stands for an entry that does not exist.
_NONE = -2.0


@dataclass(frozen=True)
class Entries:
    """Entries of the product, shape (entries,) each."""

    rows: Ints
    columns: Ints
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Product:
    """What is kept of the product.

    Parameters
    ----------
    of_rows, of_columns
        For each row (column) all entries that could be its best or second best, and some others.
    histogram
        Pairs of genes in each cell of correlation, shape (2 * CELLS + 1,); the middle cell is that of 0.
    """

    of_rows: Entries
    of_columns: Entries
    histogram: Floats


def tolerance(dimensions: int) -> float:
    """Return how far an entry of the float32 product may be from the correlation.

    For up to 100 dimensions this is the worst case of a sum of rounded products. Beyond, it grows with the square
    root: rounding errors do not all point one way, and every library sums in blocks.
    """
    return float(2.0**-24 * (32 + 8 * np.sqrt(dimensions)))


def product(a: Side, b: Side, *, device: str, block: int | None, report: Callable[[int, int], None]) -> Product:
    """Multiply all groups of one side with all of the other.

    Parameters
    ----------
    a, b
        The two sides; of `b` a normalised copy is held.
    device
        A device of torch; ``numpy`` for the processor without torch; ``auto`` for the best at hand.
    block
        Rows and columns of a tile; None for what goes well on the device.
    report
        Called with finished and all entries.
    """
    arrays = arrays_on(device)
    entries = a.rows.size * b.rows.size
    tiles = _Tiles(arrays, a, b, block or arrays.block(a.rows.size, b.rows.size))
    workers = [_Worker(arrays, tiles) for _ in range(arrays.workers)]
    done = 0

    def finished(some: int) -> None:
        nonlocal done
        done += some
        report(done, entries)

    with arrays.settings():
        _together(workers, finished)
    of_rows = _found([worker.seek_rows for worker in workers])
    lines, others, values = _found([worker.seek_columns for worker in workers])
    histogram: Floats = np.sum([worker.histogram for worker in workers], axis=0)
    return Product(Entries(*of_rows), Entries(others, lines, values), histogram)


def _together(workers: list[_Worker], finished: Callable[[int], None]) -> None:
    """Let workers take tile after tile, each in a thread; tell, in this thread, how many entries each tile had."""
    told, stopped = SimpleQueue[int | None](), Event()

    def run(worker: _Worker) -> None:
        try:
            for entries in worker.work():
                told.put(entries)
                if stopped.is_set():
                    break
        except BaseException:
            stopped.set()
            raise
        finally:
            told.put(None)

    with ThreadPoolExecutor(len(workers)) as pool:
        running = [pool.submit(run, worker) for worker in workers]
        try:
            for _ in running:
                for entries in iter(told.get, None):
                    finished(entries)
        finally:
            stopped.set()
    for one in running:
        one.result()


class _Tiles:
    """The tiles of the product, strip by strip, each given to one worker."""

    def __init__(self, arrays: Arrays, a: Side, b: Side, block: int) -> None:
        self.arrays, self.a, self.b, self.block = arrays, a, b, block
        self.right = arrays.put(b.normalised(0, b.rows.size))
        self.left: Any = None
        self._places = ((top, start) for top in range(0, a.rows.size, block) for start in range(0, b.rows.size, block))
        self._taking = Lock()

    def __iter__(self) -> Iterator[tuple[int, int, Any, Any]]:
        """Yield a tile's first row and column, and the vectors of its rows and columns."""
        while True:
            with self._taking:
                place = next(self._places, None)
                if place is None:
                    return
                top, start = place
                if start == 0:
                    self.left = None  # before the next ones are made
                    self.left = self.arrays.put(self.a.normalised(top, top + self.block))
                left = self.left
            yield top, start, left, self.right[start : start + self.block]
            del left


class _Worker:
    """Goes through tiles, and keeps what is wanted of them."""

    def __init__(self, arrays: Arrays, tiles: _Tiles) -> None:
        self.arrays, self.tiles = arrays, tiles
        self.rows, self.columns = tiles.a.rows.size, tiles.b.rows.size
        slack = 2 * tolerance(tiles.a.vectors.shape[1])
        self.seek_rows, self.seek_columns = _Seeker(arrays, self.rows, slack), _Seeker(arrays, self.columns, slack)
        self.histogram: Floats = np.zeros(2 * CELLS + 1)

    def work(self) -> Iterator[int]:
        """Take tiles until none is left; yield how many entries each had."""
        self.arrays.to_one_core()
        shape = tuple(_padded(min(self.tiles.block, size)) for size in (self.rows, self.columns))
        whole = self.arrays.put(np.full(shape, _NONE, np.float32))
        for top, start, left, right in self.tiles:
            high, wide = left.shape[0], right.shape[0]
            tile = whole[: _padded(high), : _padded(wide)]
            tile[high:] = _NONE
            tile[:, wide:] = _NONE
            self.arrays.multiply(left, right, tile[:high, :wide])
            del left
            self._look(tile, high, wide, top, start)
            yield high * wide

    def _look(self, tile: Any, high: int, wide: int, top: int, start: int) -> None:
        of_rows, of_columns = _maxima(self.arrays, tile)
        by_row, by_column = _chunks(tile)
        self.seek_rows.look(of_rows[:high], partial(_of_rows, by_row), top, start)
        self.seek_columns.look(of_columns[:wide], partial(_of_columns, by_column), start, top)
        counts = self.tiles.a.counts[top : top + high], self.tiles.b.counts[start : start + wide]
        self.histogram += _histogram(self.arrays, tile[:high, :wide], *counts)


@dataclass
class _Seeker:
    """Collects, line by line, entries that could be the line's best or second best."""

    arrays: Arrays
    lines: int
    slack: float
    kept: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # lower bounds of what the best and the second best of each line will be
        self.first = self.arrays.put(np.full(self.lines, _NONE, np.float32))
        self.second = self.arrays.put(np.full(self.lines, _NONE, np.float32))

    def look(self, maxima: Any, chunks: Callable[[Any, Any], Any], start: int, others: int) -> None:
        """Look through a tile.

        Parameters
        ----------
        maxima
            Maximum of each chunk of the tile's lines, shape (lines, chunks).
        chunks
            Returns some chunks, shape (some, chunk), by line and number.
        start
            The tile's first line, among all.
        others
            What the first entry of its lines stands for.
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
        values = chunks(line, chunk)
        which, offset = xp.where(values >= bar[line][:, None])
        self.kept.append((line[which] + start, chunk[which] * _CHUNK + offset + others, values[which, offset]))


def _found(seekers: list[_Seeker]) -> tuple[Ints, Ints, npt.NDArray[np.float32]]:
    """Return lines, what their entries stand for, and values; only what reaches the line's final bar."""
    arrays = seekers[0].arrays
    bounds = np.stack([arrays.fetch(bound) for one in seekers for bound in (one.first, one.second)])
    bar = np.partition(bounds, -2, axis=0)[-2] - np.float32(seekers[0].slack)
    kept: list[list[npt.NDArray[Any]]] = [[np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]]
    for seeker in seekers:
        for found in seeker.kept:
            for array, one in zip(kept, found, strict=True):
                array.append(arrays.fetch(one))
    lines, others, values = (np.concatenate(one) for one in kept)
    good = values >= bar[lines]
    return lines[good], others[good], values[good]


def _padded(size: int) -> int:
    return -(-size // _CHUNK) * _CHUNK


def _chunks(tile: Any) -> tuple[Any, Any]:
    """Return a tile's chunks of rows, shape (rows, chunks, chunk), and of columns, shape (chunks, chunk, columns)."""
    rows, columns = tile.shape
    return tile.reshape(rows, columns // _CHUNK, _CHUNK), tile.reshape(rows // _CHUNK, _CHUNK, columns)


def _maxima(arrays: Arrays, tile: Any) -> tuple[Any, Any]:
    """Return the maxima of all chunks by row and by column, shape (lines, chunks)."""
    xp = arrays.module
    by_row, by_column = _chunks(tile)
    if not arrays.on_processor:
        return xp.amax(by_row, axis=2), xp.amax(by_column, axis=1).T
    of_rows, of_columns = np.empty(by_row.shape[:2], np.float32), np.empty(by_column.shape[::2], np.float32)
    for some in slices(by_column.shape[0], _CHUNK * tile.shape[1]):
        rows = slice(some.start * _CHUNK, some.stop * _CHUNK)
        np.amax(by_row[rows], axis=2, out=of_rows[rows])
        np.amax(by_column[some], axis=1, out=of_columns[some])
    return of_rows, of_columns.T


def _of_rows(chunks: Any, row: Any, chunk: Any) -> Any:
    return chunks[row, chunk]


def _of_columns(chunks: Any, column: Any, chunk: Any) -> Any:
    return chunks[chunk, :, column]


def _histogram(arrays: Arrays, tile: Any, counts_a: Ints, counts_b: Ints) -> Floats:
    """Count the pairs of genes in each cell; the tile is used up."""
    xp = arrays.module
    one_each = counts_a.max() == 1 == counts_b.max()
    total: Floats = np.zeros(2 * CELLS + 1)
    for some in slices(*tile.shape) if arrays.on_processor else [slice(0, tile.shape[0])]:
        strip = tile[some]
        xp.add(strip, _SHIFT, out=strip)
        cells = strip.view(xp.int32)
        cells -= _BITS
        if one_each:
            total += arrays.fetch(xp.bincount(cells.reshape(-1), minlength=total.size))
        else:
            weights = np.multiply.outer(counts_a[some], counts_b).reshape(-1)
            total += np.bincount(arrays.fetch(cells).reshape(-1), weights, total.size)
    return total
