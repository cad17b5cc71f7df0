"""What could be a line's best or second best in the streamed product, found chunk by chunk of each tile.

A line is a row or a column. Of each tile only the maxima of chunks are looked at, and single entries where a maximum
reaches the bar: the line's second best so far, less what float32 may be off by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.etl.matching.arrays import Arrays
from homodb.etl.matching.side import Ints, slices

#: Entries of a line that are looked at together: first their maximum, then, where it matters, each; a power of two.
_CHUNK = 64
#: Stands for an entry that does not exist.
NONE = -2.0


@dataclass(frozen=True)
class Entries:
    """Entries of the product, shape (entries,) each."""

    rows: Ints
    columns: Ints
    values: npt.NDArray[np.float32]


def tolerance(dimensions: int) -> float:
    """Return how far an entry of the float32 product may be from the correlation.

    For up to 100 dimensions this is the worst case of a sum of rounded products. Beyond, it grows with the square
    root: rounding errors do not all point one way, and every library sums in blocks.
    """
    return float(2.0**-24 * (32 + 8 * np.sqrt(dimensions)))


def padded(size: int) -> int:
    """Return the length to which a tile's side is padded: whole chunks."""
    return -(-size // _CHUNK) * _CHUNK


class Search:
    """What could be best or second best among the tiles that one worker sees."""

    def __init__(self, arrays: Arrays, rows: int, columns: int, dimensions: int) -> None:
        self.arrays, slack = arrays, 2 * tolerance(dimensions)
        self.rows, self.columns = _Seeker(arrays, rows, slack), _Seeker(arrays, columns, slack)

    def look(self, tile: Any, high: int, wide: int, top: int, start: int, seen: Callable[[slice], None]) -> None:
        """Look through a tile.

        Parameters
        ----------
        tile
            Padded (:func:`padded`) with :data:`NONE`.
        high, wide
            Its rows and columns without padding.
        top, start
            Its first row and column, among all.
        seen
            Called with rows of the tile just after they were looked at, while they lie in a core's cache.
        """
        by_row, by_column = _chunks(tile)
        of_rows, of_columns = _maxima(self.arrays, by_row, by_column, seen)
        self.rows.look(of_rows[:high], partial(_of_row, by_row), top, start)
        self.columns.look(of_columns[:wide], partial(_of_column, by_column), start, top)


def found(searches: Sequence[Search]) -> tuple[Entries, Entries]:
    """Return, of several workers, the entries of rows and of columns that could be the line's best or second best."""
    lines, others, values = _kept([search.columns for search in searches])
    return Entries(*_kept([search.rows for search in searches])), Entries(others, lines, values)


@dataclass
class _Seeker:
    """Collects, line by line, entries that could be the line's best or second best."""

    arrays: Arrays
    lines: int
    slack: float
    kept: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # lower bounds of what the best and the second best of each line will be
        self.first = self.arrays.put(np.full(self.lines, NONE, np.float32))
        self.second = self.arrays.put(np.full(self.lines, NONE, np.float32))

    def look(self, maxima: Any, chunks: Callable[[Any, Any], tuple[Any, Any]], start: int, others: int) -> None:
        """Look through a tile.

        Parameters
        ----------
        maxima
            Maximum of each chunk of the tile's lines, shape (lines, chunks).
        chunks
            Returns some chunks, by line and number: their entries, shape (some, chunk), and which entries of the line
            these are, of the same shape.
        start
            The tile's first line, among all.
        others
            What the first entry of its lines stands for.
        """
        xp, here = self.arrays.module, slice(start, start + maxima.shape[0])
        best = xp.amax(maxima, axis=1)
        is_best = maxima == best[:, None]
        after = xp.amax(xp.where(is_best, NONE, maxima), axis=1)
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


def _kept(seekers: list[_Seeker]) -> tuple[Ints, Ints, npt.NDArray[np.float32]]:
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


def _chunks(tile: Any) -> tuple[Any, Any]:
    """Return a tile's chunks of rows, shape (rows, chunk, chunks), and of columns, shape (chunks, chunk, columns).

    A chunk of a row is not contiguous: so its maximum, too, is taken of whole rows of numbers at once.
    """
    rows, columns = tile.shape
    return tile.reshape(rows, _CHUNK, columns // _CHUNK), tile.reshape(rows // _CHUNK, _CHUNK, columns)


def _maxima(arrays: Arrays, by_row: Any, by_column: Any, seen: Callable[[slice], None]) -> tuple[Any, Any]:
    """Return the maxima of all chunks by row and by column, shape (lines, chunks)."""
    xp, (chunks, _, columns) = arrays.module, by_column.shape
    if not arrays.on_processor:
        seen(slice(0, by_row.shape[0]))
        return xp.amax(by_row, axis=1), xp.amax(by_column, axis=1).T
    of_rows, of_columns = np.empty(by_row.shape[::2], np.float32), np.empty((chunks, columns), np.float32)
    room: npt.NDArray[np.float32] | None = None
    for some in slices(chunks, _CHUNK * columns):
        rows = slice(some.start * _CHUNK, some.stop * _CHUNK)
        if room is None:
            room = np.empty_like(by_row[rows, : _CHUNK // 2])
        of_rows[rows] = _halved(by_row[rows], room[: rows.stop - rows.start])
        np.amax(by_column[some], axis=1, out=of_columns[some])
        seen(rows)
    return of_rows, of_columns.T


def _halved(by_row: npt.NDArray[np.float32], room: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the maxima of chunks of rows, shape (rows, chunks), half against half: numpy's own takes twice as long."""
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
    """Return the numbers of a chunk's entries, as indices are, shape (1, chunk)."""
    count = chunks.shape[1]
    return np.arange(count)[None] if isinstance(like, np.ndarray) else like.new_tensor(range(count))[None]
