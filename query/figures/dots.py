"""A dot plot: genes across, groups of cells down; large dots are of many cells, dark ones of much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from homodb.query.figures.style import SHADES, new_figure, settings, short, to_svg

_LARGEST = 110.0


def dots(
    shares: npt.ArrayLike, levels: npt.ArrayLike, rows: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]],
    title: str,
) -> str:  # fmt: skip
    """Draw a dot plot.

    Parameters
    ----------
    shares
        Share of a group's cells that have any count of a gene, shape (rows, columns); NaN where it is not measured.
    levels
        How much, from 0 to 1, of the same shape.
    rows
        Group and name of each row, such as cell type and species; rows of a group stand together.
    columns
        Group and name of each column, such as the cell type that a gene marks, and the gene.
    title
        What stands above, and what the drawing is called.

    Returns
    -------
    str
        An SVG document.
    """
    share, level = (np.asarray(one, np.float64).reshape(len(rows), len(columns)) for one in (shares, levels))
    names = [f"{short(group, 22)}  {short(name, 16)}" for group, name in rows]
    longest = max((len(name) for name in names), default=1)
    top = max((len(short(name, 24)) for _, name in columns), default=1)
    with settings():
        figure = new_figure(0.26 * len(columns) + 0.08 * longest + 1.9, max(2.6, 0.25 * len(rows) + 0.075 * top + 1.3))
        panel = figure.add_subplot()
        at_row, at_column = np.nonzero(~np.isnan(share))
        drawn = panel.scatter(
            at_column, at_row, s=share[at_row, at_column] * _LARGEST, c=level[at_row, at_column], cmap=SHADES,
            vmin=0, vmax=1, edgecolors="#555555", linewidths=0.3,
        )  # fmt: skip
        off_row, off_column = np.nonzero(np.isnan(share))
        panel.scatter(off_column, off_row, marker="x", s=14, c="#999999", linewidths=0.8)
        panel.set_xticks(range(len(columns)), [short(name, 24) for _, name in columns], rotation=90, style="italic")
        panel.set_yticks(range(len(rows)), names)
        panel.set(title=title, xlim=(-0.7, len(columns) - 0.3), ylim=(len(rows) - 0.3, -0.7))
        panel.tick_params(length=2)
        for groups, line in (([one for one, _ in columns], panel.axvline), ([one for one, _ in rows], panel.axhline)):
            for place in range(1, len(groups)):
                if groups[place] != groups[place - 1]:
                    line(place - 0.5, color="#cccccc", linewidth=0.6, zorder=0)
        figure.colorbar(drawn, ax=panel, shrink=0.7, aspect=18, label="level (share of the gene's highest)")
        for one in (0.25, 0.5, 1.0):
            panel.scatter([], [], s=one * _LARGEST, c="#888888", linewidths=0, label=f"{one:.0%}")
        figure.legend(
            loc="outside lower left", frameon=False, ncols=3, title="cells with the gene", fontsize=8, title_fontsize=8
        )
        return to_svg(figure, title)
