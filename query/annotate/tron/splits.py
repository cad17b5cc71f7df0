"""Which cells are held out, and which labelled query cells may be learned from: whole donors, if there are some."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Tuning:
    """Labelled query cells to learn from.

    Parameters
    ----------
    rows
        The cells learned from, int64, ascending.
    seen
        Cells that must not be judged afterwards, shape (cells,), bool: all cells of the chosen donors, labelled or not.
    by
        ``donors`` or ``cells``.
    """

    rows: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]
    by: str


def hold_out(
    codes: npt.NDArray[np.int64],
    donor: npt.NDArray[np.int64] | None,
    share: float,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.bool_], str]:
    """Choose cells to hold out of training.

    Parameters
    ----------
    codes
        Group (category) of each cell. No group is held out as a whole.
    donor
        Donor of each cell, -1 for unknown; None where nobody knows.
    share
        About so many of the cells: at least one donor, or of each group the nearest whole number of cells.
    rng
        Chooses.

    Returns
    -------
    tuple
        Which cells, shape (cells,), bool; and ``donors``, ``cells``, or ``nothing``.
    """
    held = np.zeros(len(codes), bool)
    if share <= 0 or not len(codes):
        return held, "nothing"
    for one in rng.permutation(_several(donor)):
        taken = held | (donor == one)
        if held.sum() < share * len(codes) and len(np.unique(codes[~taken])) == len(np.unique(codes)):
            held = taken
    # one donor of many cells would leave little to learn from
    if 0 < held.sum() <= max(2 * share, 0.5) * len(codes):
        return held, "donors"
    held[:] = False
    for group in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == group))
        held[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    return held, "cells" if held.any() else "nothing"


def choose_tuning(
    codes: npt.NDArray[np.int64],
    donor: npt.NDArray[np.int64] | None,
    share: float,
    rng: np.random.Generator,
) -> Tuning:
    """Choose labelled query cells to learn from.

    Parameters
    ----------
    codes
        Group of each cell, -1 where it has no label, -2 where it has one that cannot be learned.
    donor
        Donor of each cell, -1 for unknown (such cells are not learned from); None where nobody knows.
    share
        Share of the labelled donors, or of the labelled cells of each group where there are not several donors; at
        least one. 0: all, unless no cell would be left to judge by; then half.
    rng
        Chooses.
    """
    labelled = codes >= 0
    there = _several(donor)
    if donor is None or not len(there):
        part = share or (0.5 if (codes != -1).all() else 1.0)
        rows = [rng.permutation(np.flatnonzero(codes == group)) for group in np.unique(codes[labelled])]
        chosen = [one[: max(1, round(part * len(one)))] for one in rows]
        taken = np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
        return Tuning(taken, np.isin(np.arange(len(codes)), taken), "cells")
    able = np.array([one for one in there if labelled[donor == one].any()], np.int64)
    part = share or (0.5 if len(able) == len(there) else 1.0)
    # half of three donors is one: more are left to judge by
    picked = rng.permutation(able)[: max(1, int(part * len(able)))] if len(able) else able
    seen = np.isin(donor, picked)
    return Tuning(np.flatnonzero(seen & labelled), seen, "donors")


def _several(donor: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    """Return the donors, none if there are fewer than two."""
    there = np.empty(0, np.int64) if donor is None else np.unique(donor[donor >= 0])
    return there if len(there) > 1 else there[:0]
