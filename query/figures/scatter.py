"""Cells on a plane, coloured by what they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from homodb.query.figures.style import look, new_figure, settings, short, to_svg

#: With more points than this they become a picture within the drawing: files stay small, and browsers quick.
RASTER_FROM = 4_000

#: So many names stand in the legend; the others are counted.
_NAMED = 60


def scatter(
    points: npt.ArrayLike, code: npt.NDArray[np.int64], names: Sequence[str], title: str, *, axes: str = "UMAP"
) -> str:
    """Draw cells on a plane.

    Parameters
    ----------
    points
        Shape (cells, 2).
    code
        Which of the names each cell has.
    names
        What is told apart, in the order of the legend.
    title
        What stands above, and what the drawing is called.
    axes
        What the two axes are called, without number.

    Returns
    -------
    str
        An SVG document. Cells are drawn in a random order, the same each time, so that no kind hides another.
    """
    place = np.asarray(points, np.float64)
    order = np.random.default_rng(0).permutation(len(place))
    columns = 1 if len(names) <= 18 else 2 if len(names) <= 36 else 3
    size = float(np.clip(6000 / max(len(place), 1), 0.7, 16))
    with settings():
        figure = new_figure(4.2 + 1.7 * columns, 4.2)
        panel = figure.add_subplot()
        raster = len(place) > RASTER_FROM
        for mark in dict.fromkeys(look(number)[1] for number in range(len(names))):
            alike = np.array([look(number)[1] == mark for number in range(len(names))])
            colours = np.array([look(number)[0] for number in range(len(names))])
            rows = order[alike[code[order]]]
            if len(rows):
                panel.scatter(
                    place[rows, 0], place[rows, 1], c=colours[code[rows]], marker=mark, s=size, linewidths=0, alpha=0.8,
                    rasterized=raster,
                )  # fmt: skip
        for number, name in enumerate(names[:_NAMED]):
            colour, mark = look(number)
            panel.scatter([], [], c=colour, marker=mark, s=28, linewidths=0, label=_shown(name))
        if len(names) > _NAMED:
            panel.scatter([], [], s=0, label=f"and {len(names) - _NAMED} more")
        panel.set(title=title, xlabel=f"{axes} 1", ylabel=f"{axes} 2", xticks=[], yticks=[])
        panel.set_box_aspect(1)
        figure.legend(loc="outside right upper", frameon=False, ncols=columns, fontsize=8, handletextpad=0.2)
        return to_svg(figure, title)


def _shown(name: str) -> str:
    """Return a name for a legend; matplotlib leaves out names that begin with an underscore."""
    text = short(name) or "(no name)"
    return f"\u200b{text}" if text.startswith("_") else text
