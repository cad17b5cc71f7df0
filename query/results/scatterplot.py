"""Draw cells on a plane as SVG, with colours and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from homodb.query.results.figures import COLOURS, RASTER_FROM, SHADES, look, new_figure, settings, short, to_svg
from homodb.query.results.html import PAPER

#: So many names stand in the legend; the others are counted. So many stand beside the panel; more stand below it.
_NAMED, _BESIDE = 60, 22

#: Names among the cells: at most so many, and how wide and high they are written, as parts of the panel.
_LABELS, _LETTER, _LINE = 30, 0.0175, 0.038

#: Inches: width of all drawings, so that they can stand side by side; of the panel, above and below it.
_WIDTH, _PANEL, _LEFT, _ABOVE, _BELOW = 5.8, 3.7, 0.28, 0.28, 0.28

#: Part of the panel that is left empty around the cells.
_MARGIN = 0.04

#: Minimal share of cells for a label.
_LEAST = 0.01

#: Lines up or down that a name may move to find room.
_MOVES = (0.0, 1.0, -1.0, 2.0, -2.0)


def scatter(
    points: npt.ArrayLike, code: npt.NDArray[np.int64], names: Sequence[str], title: str, *, axes: str = "UMAP",
    labels: bool = False, colours: Sequence[str] = COLOURS,
) -> str:  # fmt: skip
    """Draw cells on a plane, shape (cells, 2), with an index into `names` for each.

    Cells are drawn in a random order, the same each time, so that no kind hides another. All drawings have the same
    width and the panel at the same place. `axes` is the label of both axes; `labels` adds names among the cells, where
    there is room; `colours` are those of the names. The title is also the name of the drawing.
    """
    place = _within(np.asarray(points, np.float64))
    order = np.random.default_rng(0).permutation(len(place))
    size = float(np.clip(6000 / max(len(place), 1), 0.7, 16))
    rows = 0 if len(names) <= _BESIDE else -(-min(len(names), _NAMED + 1) // 3)
    height = _ABOVE + _PANEL + _BELOW + (0.17 * rows + 0.1 if rows else 0.0)
    with settings():
        figure = new_figure(_WIDTH, height)
        figure.set_layout_engine("none")
        bottom = height - _ABOVE - _PANEL
        panel = figure.add_axes((_LEFT / _WIDTH, bottom / height, _PANEL / _WIDTH, _PANEL / height))
        raster = len(place) > RASTER_FROM
        for mark in dict.fromkeys(look(number, colours)[1] for number in range(len(names))):
            alike = np.array([look(number, colours)[1] == mark for number in range(len(names))])
            own = np.array([look(number, colours)[0] for number in range(len(names))])
            cells = order[alike[code[order]]]
            if len(cells):
                panel.scatter(
                    place[cells, 0], place[cells, 1], c=own[code[cells]], marker=mark, s=size, linewidths=0,
                    alpha=0.8, rasterized=raster,
                )  # fmt: skip
        count = np.bincount(code, minlength=len(names)).tolist()
        for number, name in enumerate(names[:_NAMED]):
            colour, mark = look(number, colours)
            panel.scatter([], [], c=colour, marker=mark, s=28, linewidths=0, label=_shown(name, count[number]))
        if len(names) > _NAMED:
            panel.scatter([], [], s=0, label=f"and {len(names) - _NAMED} more")
        if labels and len(names) <= _LABELS:
            shown = [short(name, 20) for name in names]
            for number, x, y in place_labels(place, code, shown, wide=_LETTER, high=_LINE):
                panel.text(
                    x, y, shown[number], ha="center", va="center", fontsize=7.5,
                    bbox={"boxstyle": "square,pad=0.08", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.75},
                )  # fmt: skip
        panel.set(title=title, xlabel=f"{axes} 1", ylabel=f"{axes} 2", xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
        beside = ((_LEFT + _PANEL + 0.06) / _WIDTH, 1 - _ABOVE / height)
        where = (_LEFT / _WIDTH, (bottom - _BELOW) / height) if rows else beside
        figure.legend(
            loc="upper left", bbox_to_anchor=where, frameon=False, ncols=3 if rows else 1, fontsize=7.5,
            handletextpad=0.1, borderaxespad=0, borderpad=0, columnspacing=0.6, labelspacing=0.35,
        )  # fmt: skip
        return to_svg(figure, title)


def tissue(
    points: npt.ArrayLike, values: npt.ArrayLike, title: str, *, names: Sequence[str] = (), meaning: str = ""
) -> str:
    """Draw cells where they lie on a tissue, coloured by their kind or by a number.

    Both axes have one scale, and the second points down, as in a microscope's picture.

    Parameters
    ----------
    points
        Coordinates, shape (cells, 2 or 3); a third is left out.
    values
        Index into `names` of each cell, or without names a number. Cells with -1, or NaN, are drawn in grey below the
        others.
    title
        Title, which is also the name of the drawing.
    names
        Kinds of cells.
    meaning
        Meaning of the number.

    Returns
    -------
    str
        An SVG document.
    """
    place, value = np.asarray(points, np.float64)[:, :2], np.asarray(values)
    shown = value >= 0 if names else np.isfinite(value.astype(np.float64))
    low, high = place.min(axis=0), place.max(axis=0)
    across, down = np.maximum(high - low, 1e-9 * max(1.0, float(np.abs(place).max())))
    tall = float(np.clip(_PANEL * down / across, 1.0, 2 * _PANEL))
    size = float(np.clip(6000 / max(len(place), 1), 0.7, 16))
    order = np.random.default_rng(0).permutation(len(place))
    with settings():
        figure = new_figure(_WIDTH, tall + 0.6)
        panel = figure.add_subplot()
        marks: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": len(place) > RASTER_FROM}
        rest = order[~shown[order]]
        panel.scatter(place[rest, 0], place[rest, 1], c="#D8D8D8", **marks)
        if names:
            for number, name in enumerate(names):
                colour, mark = look(number)
                cells = order[value[order] == number]
                panel.scatter(place[cells, 0], place[cells, 1], c=colour, marker=mark, **marks)
                panel.scatter([], [], c=colour, marker=mark, s=28, linewidths=0, label=_shown(name, len(cells)))
            figure.legend(loc="outside right upper", frameon=False, fontsize=7.5, handletextpad=0.1)
        elif shown.any():
            cells = order[shown[order]]
            least, most = np.quantile(value[cells].astype(np.float64), [0.01, 0.99]).tolist()
            drawn = panel.scatter(
                place[cells, 0], place[cells, 1], c=value[cells], cmap=SHADES, vmin=least, vmax=most, **marks
            )
            figure.colorbar(drawn, ax=panel, shrink=0.8, label=meaning, aspect=25, extend="both")
        panel.set(title=title, xticks=[], yticks=[], aspect="equal")
        panel.invert_yaxis()
        return to_svg(figure, title)


def _within(place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale each axis of points to 0 to 1, with a margin."""
    low, high = place.min(axis=0), place.max(axis=0)
    scaled: npt.NDArray[np.float64] = _MARGIN + (1 - 2 * _MARGIN) * (place - low) / np.where(high > low, high - low, 1)
    return scaled


def _shown(name: str, cells: int) -> str:
    """Return a name for a legend; matplotlib leaves out names that begin with an underscore."""
    text = f"{short(name, 18) or '(no name)'} ({cells:,})"
    return f"\u200b{text}" if text.startswith("_") else text


def place_labels(
    points: npt.NDArray[np.float64], code: npt.NDArray[np.int64], names: Sequence[str], *, wide: float, high: float
) -> Iterator[tuple[int, float, float]]:
    """Find places for labels among the cells.

    Parameters
    ----------
    points
        Shape (cells, 2), in parts of the panel: from 0 to 1.
    code
        Index of each cell's name.
    names
        Labels as written.
    wide, high
        Width of a letter and height of a line, in parts of the panel.

    Yields
    ------
    tuple
        Index of a name, and its centre: the cell nearest to the median of its cells, or a line or two above or below.
        Names of most cells come first; a name without room, or with less than 1 % of the cells, is left out.
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
