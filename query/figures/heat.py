"""A table of shares as a heat map: which cell types are in which clusters, which labels become which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from homodb.query.figures.style import FIELDS, new_figure, settings, short, to_svg

#: Tables of so many cells at most have their numbers written in.
_WRITTEN = 500


def heat(
    shares: npt.ArrayLike, rows: Sequence[str], columns: Sequence[str], title: str, *, across: str, down: str,
    meaning: str = "share of the row",
) -> str:  # fmt: skip
    """Draw a table of shares.

    Parameters
    ----------
    shares
        Shape (rows, columns), from 0 to 1; NaN is left empty.
    rows, columns
        Their names.
    title
        What stands above, and what the drawing is called.
    across, down
        What the columns and the rows are.
    meaning
        What the shares are shares of.

    Returns
    -------
    str
        An SVG document. Where row and column have the same name, the field has a frame.
    """
    table = np.asarray(shares, np.float64).reshape(len(rows), len(columns))
    cell = 0.36 if table.size <= _WRITTEN else 0.2
    longest = max((len(short(name)) for name in rows), default=1)
    top = max((len(short(name)) for name in columns), default=1)
    with settings():
        figure = new_figure(
            max(3.2, cell * len(columns) + 0.075 * longest + 1.6), max(2.2, cell * len(rows) + 0.06 * top + 1.3)
        )
        panel = figure.add_subplot()
        image = panel.imshow(table, cmap=FIELDS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        panel.set_xticks(range(len(columns)), [short(name) for name in columns], rotation=90 if top > 3 else 0)
        panel.set_yticks(range(len(rows)), [short(name) for name in rows])
        panel.tick_params(length=0)
        panel.set(title=title, xlabel=across, ylabel=down)
        for side in panel.spines.values():
            side.set_visible(False)
        if table.size <= _WRITTEN:
            for row, column in zip(*np.nonzero(np.nan_to_num(table) >= 0.005), strict=True):
                share = table[row, column]
                panel.text(
                    column, row, "1" if share >= 0.995 else f"{share:.2f}".lstrip("0"), ha="center", va="center",
                    fontsize=7, color="white" if share > 0.55 else "black",
                )  # fmt: skip
        for row, column in ((row, columns.index(name)) for row, name in enumerate(rows) if name in columns):
            panel.plot(
                np.array([-0.5, 0.5, 0.5, -0.5, -0.5]) + column, np.array([-0.5, -0.5, 0.5, 0.5, -0.5]) + row,
                color="#D55E00", linewidth=1.2, clip_on=False,
            )  # fmt: skip
        figure.colorbar(image, ax=panel, shrink=0.8, label=meaning, aspect=25)
        return to_svg(figure, title)
