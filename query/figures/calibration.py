"""A calibration curve: how often cells of some confidence are right, and how many cells there are of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from homodb.query.figures.style import COLOURS, new_figure, settings, to_svg


def curve(
    confidence: Sequence[float], right: Sequence[float], cells: Sequence[int], title: str, *, bins: int = 10
) -> str:
    """Draw a calibration curve.

    Parameters
    ----------
    confidence, right, cells
        Of each bin that has cells: mean confidence, share of cells that are right, number of cells.
    title
        What stands above, and what the drawing is called.
    bins
        Into how many bins 0 to 1 was cut.

    Returns
    -------
    str
        An SVG document. On the dashed line confidence is the chance of being right.
    """
    sure, good, many = (np.asarray(one, np.float64) for one in (confidence, right, cells))
    with settings():
        figure = new_figure(3.4, 4.2)
        grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
        panel, below = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
        panel.plot([0, 1], [0, 1], linestyle="--", color="#999999", linewidth=0.8)
        panel.plot(sure, good, marker="o", markersize=4, linewidth=1.2, color=COLOURS[0])
        panel.set(title=title, ylabel="share that is right", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        place = (np.clip(np.floor(sure * bins), 0, bins - 1) + 0.5) / bins
        below.bar(place, many, width=0.9 / bins, color=COLOURS[0])
        below.set(xlabel="confidence", ylabel="cells", xlim=(-0.02, 1.02))
        return to_svg(figure, title)
