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
    meaning: str = "share of the row", row_cells: Sequence[int] | None = None,
    column_cells: Sequence[int] | None = None,
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
    row_cells, column_cells
        How many cells there are of each row and column, to stand behind its name; by default nothing does.

    Returns
    -------
    str
        An SVG document. Where row and column have the same name, the field has a frame, and a 0 where it is empty.
    """
    table = np.asarray(shares, np.float64).reshape(len(rows), len(columns))
    cell = 0.36 if table.size <= _WRITTEN else 0.2
    down_names, across_names = _names(rows, row_cells), _names(columns, column_cells)
    longest, top = (max(map(len, names), default=1) for names in (down_names, across_names))
    framed = [(row, columns.index(name)) for row, name in enumerate(rows) if name in columns]
    with settings():
        figure = new_figure(
            max(3.2, cell * len(columns) + 0.075 * longest + 1.6), max(2.2, cell * len(rows) + 0.06 * top + 1.3)
        )
        panel = figure.add_subplot()
        image = panel.imshow(table, cmap=FIELDS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        panel.set_xticks(range(len(columns)), across_names, rotation=90 if top > 3 else 0)
        panel.set_yticks(range(len(rows)), down_names)
        panel.tick_params(length=0)
        panel.set(title=title, xlabel=across, ylabel=down)
        for side in panel.spines.values():
            side.set_visible(False)
        if table.size <= _WRITTEN:
            seen = np.argwhere(np.nan_to_num(table) >= 0.005).tolist()
            for row, column in dict.fromkeys([*map(tuple, seen), *framed]):
                share = table[row, column]
                panel.text(
                    column, row, _written(share), ha="center", va="center",
                    fontsize=7, color="white" if share > 0.55 else "black", in_layout=False,
                )  # fmt: skip
        for row, column in framed:
            panel.plot(
                np.array([-0.5, 0.5, 0.5, -0.5, -0.5]) + column, np.array([-0.5, -0.5, 0.5, 0.5, -0.5]) + row,
                color="#D55E00", linewidth=1.2, clip_on=False,
            )  # fmt: skip
        figure.colorbar(image, ax=panel, shrink=0.8, label=meaning, aspect=25)
        return to_svg(figure, title)


def _names(names: Sequence[str], cells: Sequence[int] | None) -> list[str]:
    if cells is None:
        return [short(name) for name in names]
    return [f"{short(name)} ({count:,})" for name, count in zip(names, cells, strict=True)]


def _written(share: float) -> str:
    """Write a share in the least room.

    Examples
    --------
    >>> _written(0.999), _written(0.25), _written(0.001), _written(float("nan"))
    ('1', '.25', '0', '')
    """
    if np.isnan(share):
        return ""
    return "1" if share >= 0.995 else "0" if share < 0.005 else f"{share:.2f}".lstrip("0")
