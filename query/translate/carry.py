"""Carries a matrix over, run by run: from where it lies to where it shall lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.translate.aggregate import Aggregation, TooWideError
from homodb.query.translate.matrices import Rows
from homodb.query.translate.tally import Tally


@dataclass(frozen=True)
class Progress:
    """How far a translation is.

    Parameters
    ----------
    slot
        The matrix that is at work.
    done, total
        Cells, over all matrices.
    """

    slot: str
    done: int
    total: int


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


def carry(
    rows: Rows,
    how: Aggregation,
    sink: Sink,
    *,
    block: int | None = None,
    tally: Tally | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> Any:
    """Translate a matrix.

    Parameters
    ----------
    rows
        The matrix.
    how
        How its genes are added up.
    sink
        Where the result goes.
    block
        Rows of a run; by default so many that it holds about four million values.
    tally
        Adds up counts on the way.
    step
        Called after each run with the number of rows done.

    Returns
    -------
    object
        What the sink made.
    """
    dtype: npt.DTypeLike = how.dtype(rows.dtype)
    while True:
        try:
            return _carry(rows, how, sink, np.dtype(dtype), block, tally, step)
        except TooWideError:
            dtype = how.wider(dtype)


def _carry(
    rows: Rows, how: Aggregation, sink: Sink, dtype: np.dtype[Any], block: int | None, tally: Tally | None,
    step: Callable[[int], None],
) -> Any:  # fmt: skip
    sink.begin(dtype)
    if tally is not None:
        tally.begin()
    for start, stop in rows.cuts(block) or [(0, 0)]:
        piece = rows.take(start, stop)
        sink.add(how.apply(piece, dtype))
        if tally is not None:
            tally.add(start, piece)
        step(stop)
    return sink.end()
