"""Numbers against each other: what was predicted of each cell, over what is true."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from homodb.query.figures.scatter import RASTER_FROM
from homodb.query.figures.style import COLOURS, new_figure, settings, to_svg


def against(true: npt.NDArray[np.float64], given: npt.NDArray[np.float64], title: str, *, across: str, up: str) -> str:
    """Draw one number of each cell over another.

    Parameters
    ----------
    true, given
        Shape (cells,), finite.
    title
        What stands above, and what the drawing is called.
    across, up
        What the two are called.

    Returns
    -------
    str
        An SVG document. On the dashed line both are the same.
    """
    ends = np.array([min(true.min(), given.min()), max(true.max(), given.max())])
    with settings():
        figure = new_figure(3.6, 3.6)
        panel = figure.add_subplot()
        panel.plot(ends, ends, linestyle="--", color="#999999", linewidth=0.8)
        panel.scatter(true, given, s=6, linewidths=0, alpha=0.5, color=COLOURS[0], rasterized=len(true) > RASTER_FROM)
        panel.set(title=title, xlabel=across, ylabel=up)
        return to_svg(figure, title)
