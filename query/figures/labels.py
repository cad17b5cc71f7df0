"""Where names can stand among cells on a plane: at the middle of what they name, none over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

#: What fewer of all cells have is not named.
_LEAST = 0.01

#: Lines up or down that a name may move to find room.
_MOVES = (0.0, 1.0, -1.0, 2.0, -2.0)


def place_labels(
    points: npt.NDArray[np.float64], code: npt.NDArray[np.int64], names: Sequence[str], *, wide: float, high: float
) -> Iterator[tuple[int, float, float]]:
    """Find places for names.

    Parameters
    ----------
    points
        Shape (cells, 2), in parts of the panel: from 0 to 1.
    code
        Which of the names each cell has.
    names
        As they are written.
    wide, high
        Of a letter and of a line, in parts of the panel.

    Yields
    ------
    tuple
        Which name, and its middle: the cell nearest to the median of its cells, or a line or two above or below. What
        most cells have comes first; a name that finds no room, or has less than 1 % of the cells, is left out.
    """
    count = np.bincount(code, minlength=len(names))
    taken: list[tuple[float, float, float]] = []
    for number in np.argsort(-count, kind="stable").tolist():
        if count[number] < max(1.0, _LEAST * len(code)):
            continue
        own = points[code == number]
        x, y = own[((own - np.median(own, axis=0)) ** 2).sum(axis=1).argmin()].tolist()
        half = min(len(names[number]) * wide / 2, 0.5)
        x = min(max(x, half), 1 - half)
        for move in _MOVES:
            at = min(max(y + move * high, high / 2), 1 - high / 2)
            if all(abs(at - other) >= high or abs(x - middle) >= half + rest for middle, other, rest in taken):
                taken.append((x, at, half))
                yield number, x, at
                break
