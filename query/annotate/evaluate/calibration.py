"""Whether confidence means anything: how often cells of some confidence are right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl


def calibration(
    confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], *, bins: int = 10
) -> tuple[pl.DataFrame, float]:
    """Compare confidence with the share of cells that are right.

    Parameters
    ----------
    confidence, right
        Shape (cells,); cells whose confidence is NaN are left out.
    bins
        Bins of equal width over 0 to 1.

    Returns
    -------
    tuple
        ``low, high, cells, confidence, right`` (the means), a row for each bin that has cells; and the expected
        calibration error: the mean over cells of the difference of the two means in their bin (NaN without cells).

    Examples
    --------
    >>> table, error = calibration(np.array([0.9, 0.95, 0.2]), np.array([True, False, False]), bins=2)
    >>> table["right"].to_list(), round(error, 3)
    ([0.0, 0.5], 0.35)
    """
    known = np.isfinite(confidence)
    sure, good = confidence[known], right[known].astype(np.float64)
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, sure, side="right") - 1, 0, bins - 1)
    cells = np.bincount(place, minlength=bins)
    filled = np.flatnonzero(cells)
    means = [np.bincount(place, values, bins)[filled] / cells[filled] for values in (sure, good)]
    table = pl.DataFrame({
        "low": edges[filled], "high": edges[filled + 1], "cells": cells[filled], "confidence": means[0],
        "right": means[1],
    })  # fmt: skip
    error = float((np.abs(means[0] - means[1]) * cells[filled]).sum() / len(sure)) if len(sure) else float("nan")
    return table, error
