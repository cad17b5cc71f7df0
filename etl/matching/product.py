"""All correlations in float32, as a matrix product that is streamed.

A line is a row or a column of the product. Kept of a tile are the entries that could be the best or second best of
their line, and a histogram of all entries. On the CPU, every core multiplies tiles of its own by a product of one
thread, and all else is done in numpy; the functions that are used have the same names in numpy and torch.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from threading import Lock, get_ident
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.side import Floats, GroupedVectors, Ints, slices
from homodb.schema.errors import MissingPackageError

#: Cells of the histogram per unit of correlation; their centres are multiples of its inverse.
CELLS = 8192
#: A float32 between 1024 and 2048 is a multiple of 1/8192. So after adding 1537 and subtracting the bits of 1536, the
#: bits of a correlation are the number of its cell.
_SHIFT = 1537.0
_BITS = int(np.float32(1536).view(np.int32))
#: Maximum rows and columns of a tile, on the CPU (16 MB; with 1024, a product takes a tenth longer) and on a GPU.
_ON_CPU, _ON_GPU = 2048, 4096


class Product(NamedTuple):
    """Extract of the matrix product, or of a tile.

    Parameters
    ----------
    rows, columns, values
        All entries that could be the best or second best of their row or column, and some others, shape (entries,).
    histogram
        Number of pairs of genes in each cell of correlation, shape (2 * CELLS + 1,); the middle cell is that of 0.
    """

    rows: Ints
    columns: Ints
    values: Floats
    histogram: Floats


def multiply(
    a: GroupedVectors, b: GroupedVectors, *, device: str, block: int | None, progress: Callable[[int, int], None]
) -> Product:
    """Multiply all groups of two species. A normalised copy of the smaller one is held in memory."""
    height, width = a.rows.size, b.rows.size
    if width > height:
        turned = multiply(b, a, device=device, block=block, progress=progress)
        return turned._replace(rows=turned.columns, columns=turned.rows)
    backend = Backend(device)
    # few enough rows and columns that no core idles long at the end
    side = (height * width / (16 * backend.workers)) ** 0.5
    block = block or (_ON_GPU if backend.on_gpu else min(_ON_CPU, 64 * max(1, round(side / 64))))
    right, slack = backend.put(b.normalised(0, width)), 2 * tolerance(a.vectors.shape[1])
    places = list(itertools.product(range(0, height, block), range(0, width, block)))
    size, lock = (min(block, height), min(block, width)), Lock()
    # one tile for each thread: allocating them anew costs time, and memory that is not returned
    tiles: defaultdict[int, Any] = defaultdict(lambda: backend.put(np.empty(size, np.float32)))

    @lru_cache(maxsize=2)
    def strip(top: int) -> Any:
        return backend.put(a.normalised(top, top + block))

    def extract(place: tuple[int, int]) -> Product:
        rows, columns = (slice(start, start + block) for start in place)
        with lock:
            left = strip(rows.start)
        tile = backend.multiply(left, right[columns], tiles[get_ident()])
        return _extract(backend, tile, a.counts[rows], b.counts[columns], slack)

    kept = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    histogram, done = np.zeros(2 * CELLS + 1), 0
    with backend.threads() as pool:
        for (top, start), (rows, columns, values, counts) in zip(places, pool.map(extract, places), strict=True):
            kept.append((rows + top, columns + start, values))
            histogram += counts
            done += min(block, height - top) * min(block, width - start)
            progress(done, height * width)
    rows, columns, values = map(np.concatenate, zip(*kept, strict=True))
    return Product(rows, columns, values, histogram)


def tolerance(dimensions: int) -> float:
    """Return the maximum error of an entry of the float32 product.

    For up to 100 dimensions this is the worst case of a sum of rounded products. Beyond, it grows with the square
    root: rounding errors partly cancel, and every library sums in blocks.
    """
    return float(2.0**-24 * (32 + 8 * np.sqrt(dimensions)))


def best_two(lines: Ints, values: Floats, count: int) -> tuple[Floats, Floats]:
    """Return the best and the second best value of each line, -2 where there is none, shape (count,)."""
    first, second = np.full(count, -2.0), np.full(count, -2.0)
    np.maximum.at(first, lines, values)
    is_best = values == first[lines]
    np.maximum.at(second, lines[~is_best], values[~is_best])
    return first, np.where(np.bincount(lines[is_best], minlength=count) > 1, first, second)


def _extract(backend: Backend, tile: Any, counts_a: Ints, counts_b: Ints, slack: float) -> Product:
    """Extract a tile: entries that are at most `slack` below the second best of their line, and the histogram."""
    height, width = tile.shape
    of_rows, of_columns = (_second(backend.xp, lines) - slack for lines in (tile, tile.T))
    histogram = np.zeros(2 * CELLS + 1)
    kept: list[tuple[Ints, Floats]] = []
    # a GPU takes a tile whole; the CPU takes rows that stay in the cache of a core
    for some in [slice(0, height)] if backend.on_gpu else slices(height, width):
        part = tile[some]
        (place,) = backend.xp.where(((part >= of_rows[some, None]) | (part >= of_columns)).reshape(-1))
        kept.append((backend.fetch(place) + some.start * width, backend.fetch(part.reshape(-1)[place])))
        cells = (part + _SHIFT).view(backend.xp.int32).reshape(-1) - _BITS
        if counts_a[some].max() == 1 == counts_b.max():
            histogram += backend.fetch(backend.xp.bincount(cells, minlength=histogram.size))
        else:
            weights = np.multiply.outer(counts_a[some], counts_b).reshape(-1)
            histogram += np.bincount(backend.fetch(cells), weights, histogram.size)
    places, values = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
    rows, columns = np.divmod(places, width)
    good = values >= best_two(rows, values, height)[1][rows] - slack
    good |= values >= best_two(columns, values, width)[1][columns] - slack
    return Product(rows[good], columns[good], values[good], histogram)


def _second(xp: Any, lines: Any) -> Any:
    """Return a lower bound of the best two entries of each line: the lower maximum of its halves."""
    half = lines.shape[1] // 2
    return xp.minimum(xp.amax(lines[:, : max(half, 1)], axis=1), xp.amax(lines[:, half:], axis=1))


class Backend:
    """Matrix products on a device: one of torch, ``numpy``, or ``auto``."""

    def __init__(self, device: str) -> None:
        torch: Any = None
        try:
            if device != "numpy":
                import torch
        except ModuleNotFoundError as error:
            if device not in ("auto", "cpu"):
                raise MissingPackageError.of(f"device {device!r}", "torch", "etl", ", or use device cpu") from error
        if device == "auto" and torch is not None:
            device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        self.torch, self.device = torch, device
        self.on_gpu = torch is not None and device != "cpu"
        self.xp: Any = torch if self.on_gpu else np
        self.workers = 1 if self.on_gpu else min(16, torch.get_num_threads() if torch else os.cpu_count() or 1)

    def put(self, array: npt.NDArray[np.float32]) -> Any:
        """Return an array on the device."""
        return array if self.torch is None else self.torch.from_numpy(array).to(self.device)

    def fetch(self, array: Any) -> npt.NDArray[Any]:
        """Return an array of numpy."""
        return np.asarray(array.cpu() if self.on_gpu else array)

    def multiply(self, left: Any, right: Any, tile: Any) -> Any:
        """Return the product of one array and another transposed, in a part of `tile`, for the functions of `xp`."""
        product = (self.torch or np).matmul(left, right.T, out=tile[: left.shape[0], : right.shape[0]])
        return product if self.on_gpu else np.asarray(product)

    @contextmanager
    def threads(self) -> Iterator[Executor]:
        """Open threads whose products run on one core, in float32; on leaving, restore the user's settings."""
        with ExitStack() as stack:
            if self.torch is None:
                from threadpoolctl import threadpool_limits

                # numpy's BLAS has one number of threads for all, so nothing is left to do in a thread
                stack.enter_context(threadpool_limits(1, "blas"))
            else:
                stack.callback(self.torch.set_float32_matmul_precision, self.torch.get_float32_matmul_precision())
                stack.callback(self.torch.set_num_threads, self.torch.get_num_threads())
                self.torch.set_float32_matmul_precision("highest")
            to_one_core = partial(self.torch.set_num_threads, 1) if self.torch else None
            pool = ThreadPoolExecutor(self.workers, initializer=to_one_core)
            stack.callback(pool.shutdown, cancel_futures=True)
            yield pool
