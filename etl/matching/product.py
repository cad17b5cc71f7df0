"""The streamed matrix product: all correlations in float32, tile by tile, each tile looked at once and forgotten.

What is kept of a tile: for each row and each column the entries that could be its best or second best, and a
histogram of all entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

import numpy as np

from homodb.etl.matching.arrays import Arrays, arrays_on
from homodb.etl.matching.seek import NONE, Entries, Search, found, padded
from homodb.etl.matching.side import Floats, Ints, Side

#: Cells of the histogram to a unit of correlation; their centres are its multiples.
CELLS = 8192
#: A float32 between 1024 and 2048 is a multiple of 1/8192. So with 1537 added, and the bits of 1536 taken off, the bits
#: of a correlation are the number of its cell.
_SHIFT = 1537.0
_BITS = int(np.float32(1536).view(np.int32))


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
    histogram: Floats = np.sum([worker.histogram.counts for worker in workers], axis=0)
    return Product(*found([worker.search for worker in workers]), histogram)


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
        self.search = Search(arrays, self.rows, self.columns, tiles.a.vectors.shape[1])
        self.histogram = _Histogram(arrays)

    def work(self) -> Iterator[int]:
        """Take tiles until none is left; yield how many entries each had."""
        self.arrays.to_one_core()
        shape = tuple(padded(min(self.tiles.block, size)) for size in (self.rows, self.columns))
        whole = self.arrays.put(np.full(shape, NONE, np.float32))
        for top, start, left, right in self.tiles:
            high, wide = left.shape[0], right.shape[0]
            tile = whole[: padded(high), : padded(wide)]
            tile[high:] = NONE
            tile[:, wide:] = NONE
            self.arrays.multiply(left, right, tile[:high, :wide])
            del left
            self._look(tile, high, wide, top, start)
            yield high * wide

    def _look(self, tile: Any, high: int, wide: int, top: int, start: int) -> None:
        counts_a, counts_b = self.tiles.a.counts[top : top + high], self.tiles.b.counts[start : start + wide]

        def seen(rows: slice) -> None:
            self.histogram.add(tile[rows][: max(0, high - rows.start), :wide], counts_a[rows], counts_b)

        self.search.look(tile, high, wide, top, start, seen)


class _Histogram:
    """Counts the pairs of genes in each cell."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.counts: Floats = np.zeros(2 * CELLS + 1)
        self.room: Any = None

    def add(self, entries: Any, counts_a: Ints, counts_b: Ints) -> None:
        """Count entries of the product between groups of so many genes."""
        if not counts_a.size:
            return
        xp = self.arrays.module
        if self.room is None or self.room.shape != entries.shape:
            self.room = xp.empty_like(entries)
        cells = xp.add(entries, _SHIFT, out=self.room).view(xp.int32)
        cells -= _BITS
        if counts_a.max() == 1 == counts_b.max():
            found = xp.bincount(cells.reshape(-1), minlength=self.counts.size)
            self.counts += self.arrays.fetch(found)
        else:
            weights = np.multiply.outer(counts_a, counts_b).reshape(-1)
            self.counts += np.bincount(self.arrays.fetch(cells).reshape(-1), weights, self.counts.size)
