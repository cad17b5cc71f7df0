"""Draw heat maps, dot plots, bars, scores and calibration, as SVG or on axes of matplotlib.

As SVG the same input gives the same bytes, and no global state changes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from homodb.query.results.html import INK, PAPER
from homodb.schema.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sixteen colours: six of Okabe and Ito's, one of Tol's, then each as far as can be from those before it, also as
#: people without one kind of cones see them. Further things have the same with other marks.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#332288", "#780000", "#78F0D2", "#0000E1",
    "#FFD200", "#A569FF", "#96C396", "#695A5A", "#C3000F", "#4B003C",
)  # fmt: skip
#: Colours of species, none of which a cell type has.
SPECIES_COLOURS = ("#7B3294", "#5AAE61", "#E7298A", "#8C510A", "#00B3B3", "#4D4D4D", "#B2ABD2", "#BF812D")
MARKS = ("o", "^", "s", "D", "v", "P", "X", "*")

#: From little to much, to be told apart in grey as well: of dots, and of fields, where none is white.
SHADES, FIELDS = "cividis_r", "Blues"

#: Tables of so many cells at most have their numbers written in.
_WRITTEN = 500

#: Size of the largest dot.
_LARGEST = 110.0

#: The axis is from 0 to 1, longer where values are beyond, but never beyond these.
_LOWEST, _HIGHEST = -1.0, 2.0

#: With more points than this they become a picture within the drawing: files stay small, and browsers quick.
RASTER_FROM = 4_000

_SETTINGS: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.linewidth": 0.6,
    "text.usetex": False,
    "text.parse_math": False,
    "path.simplify": True,
}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError.of("drawing", "matplotlib", "cells") from error
    return Figure(figsize=(width, height), layout="constrained")


def settings(**more: Any) -> Any:
    """Return a context with homodb's settings for matplotlib, which are restored afterwards."""
    import matplotlib

    parameters: Any = {**_SETTINGS, **more}
    return matplotlib.rc_context(parameters)


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure drawn within :func:`settings` as an SVG document.

    Its inner IDs are made from the name, so that several drawings fit in one page.
    """
    buffer = io.StringIO()
    with settings(**{"svg.hashsalt": f"homodb {name}"}):
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None, "Title": name})
    return buffer.getvalue()


@dataclass(frozen=True)
class Plot:
    """A drawing on one panel."""

    title: str  # title, which is also the name of the document
    width: float  # size of its own figure, in inches
    height: float
    draw: Callable[[Axes], None]

    def svg(self) -> str:
        """Return the drawing as an SVG document."""
        with settings():
            figure = new_figure(self.width, self.height)
            self.draw(figure.add_subplot())
            return to_svg(figure, self.title)

    def on(self, ax: Axes | None = None) -> Axes:
        """Draw on axes of the caller's, or on those of a new figure of pyplot, and return them."""
        with settings():
            if ax is None:
                try:
                    import matplotlib.pyplot as plt
                except ImportError as error:
                    raise MissingPackageError.of("drawing", "matplotlib", "cells") from error
                ax = plt.figure(figsize=(self.width, self.height), layout="constrained").add_subplot()
            self.draw(ax)
            # outside this context matplotlib would read names such as "$x$" as formulas when the figure is drawn
            for one in (ax, *ax.figure.legends):
                texts: list[Any] = one.findobj(lambda artist: hasattr(artist, "set_parse_math"))
                for text in texts:
                    text.set_parse_math(False)
        return ax


def _legend(panel: Axes, *, side: str, ncols: int = 1, **options: Any) -> None:
    """Add a legend outside the panel: to the ``right`` or ``below``; below where it shares the figure with others."""
    figure: Any = panel.figure.canvas.figure  # the whole one; get_figure(root=True) needs matplotlib 3.10
    handles, names = panel.get_legend_handles_labels()
    panels = [one for one in figure.axes if one.get_label() != "<colorbar>"]
    if len(panels) == 1 and figure.get_layout_engine() is not None:
        where: Any = "outside right upper" if side == "right" else "outside lower center"
        figure.legend(handles, names, loc=where, frameon=False, ncols=ncols, **options)
        return
    columns = ncols if side == "below" else min(3, len(names))
    panel.legend(
        handles, names, loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False, ncols=columns, **options
    )


def look(number: int, colours: Sequence[str] = COLOURS) -> tuple[str, str]:
    """Return colour and mark of the n-th series.

    Examples
    --------
    >>> look(0), look(17)
    (('#0072B2', 'o'), ('#E69F00', '^'))
    """
    return colours[number % len(colours)], MARKS[number // len(colours) % len(MARKS)]


def short(text: str, most: int = 28) -> str:
    """Shorten a long name to its beginning and end.

    Examples
    --------
    >>> short("a" * 20 + "b" * 20, 11)
    'aaaaa…bbbbb'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def heat(
    shares: npt.ArrayLike, rows: Sequence[str], columns: Sequence[str], title: str, *, across: str, down: str,
    meaning: str = "share of the row", row_cells: Sequence[int] | None = None,
    column_cells: Sequence[int] | None = None,
) -> Plot:  # fmt: skip
    """Draw a table of shares from 0 to 1, shape (rows, columns), as a heat map; NaN is left empty.

    `across` and `down` are labels of columns and rows; numbers of cells are shown behind their names. The title is also
    the name of the drawing. A field whose row and column have the same name has a frame, and a 0 if it is empty.
    """
    table = np.asarray(shares, np.float64).reshape(len(rows), len(columns))
    cell = 0.36 if table.size <= _WRITTEN else 0.2
    down_names, across_names = _names(rows, row_cells), _names(columns, column_cells)
    longest, top = (max(map(len, names), default=1) for names in (down_names, across_names))
    framed = [(row, columns.index(name)) for row, name in enumerate(rows) if name in columns]
    width = max(3.2, cell * len(columns) + 0.075 * longest + 1.6)
    height = max(2.2, cell * len(rows) + 0.06 * top + 1.3)

    def draw(panel: Axes) -> None:
        image = panel.imshow(table, cmap=FIELDS, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        panel.set_xticks(range(len(columns)), across_names, rotation=90 if top > 3 else 0)
        panel.set_yticks(range(len(rows)), down_names)
        panel.tick_params(length=0)
        panel.set(title=title, xlabel=across, ylabel=down)
        for side in panel.spines.values():
            side.set_visible(False)
        if table.size <= _WRITTEN:
            filled = np.argwhere(np.nan_to_num(table) >= 0.005).tolist()
            for row, column in dict.fromkeys([*map(tuple, filled), *framed]):
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
        panel.figure.colorbar(image, ax=panel, shrink=0.8, label=meaning, aspect=25)

    return Plot(title, width, height, draw)


def _names(names: Sequence[str], cells: Sequence[int] | None) -> list[str]:
    if cells is None:
        return [short(name) for name in names]
    return [f"{short(name)} ({count:,})" for name, count in zip(names, cells, strict=True)]


def _written(share: float) -> str:
    """Format a share in the least space.

    Examples
    --------
    >>> _written(0.999), _written(0.25), _written(0.001), _written(float("nan"))
    ('1', '.25', '0', '')
    """
    if np.isnan(share):
        return ""
    return "1" if share >= 0.995 else "0" if share < 0.005 else f"{share:.2f}".lstrip("0")


def dots(
    shares: npt.ArrayLike, levels: npt.ArrayLike, rows: Sequence[tuple[str, str]], columns: Sequence[tuple[str, str]],
    title: str,
) -> Plot:  # fmt: skip
    """Draw a dot plot.

    Parameters
    ----------
    shares
        Share of a group's cells with any count of a gene, shape (rows, columns); NaN if not measured.
    levels
        Expression level from 0 to 1, same shape.
    rows
        Group and name of each row, such as cell type and species; rows of a group stand together.
    columns
        Group and name of each column, such as the cell type that a gene marks, and the gene.
    title
        Title, which is also the name of the drawing.
    """
    share, level = (np.asarray(one, np.float64).reshape(len(rows), len(columns)) for one in (shares, levels))
    names = [f"{short(group, 22)}  {short(name, 16)}" for group, name in rows]
    longest = max((len(name) for name in names), default=1)
    top = max((len(short(name, 24)) for _, name in columns), default=1)
    width = 0.26 * len(columns) + 0.08 * longest + 1.9
    height = max(2.6, 0.25 * len(rows) + 0.075 * top + 1.3)

    def draw(panel: Axes) -> None:
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
        panel.figure.colorbar(drawn, ax=panel, shrink=0.7, aspect=18, label="level (share of the gene's highest)")
        for one in (0.25, 0.5, 1.0):
            panel.scatter([], [], s=one * _LARGEST, c="#888888", linewidths=0, label=f"{one:.0%}")
        _legend(panel, side="below", ncols=3, title="cells with the gene", fontsize=8, title_fontsize=8)

    return Plot(title, width, height, draw)


@dataclass(frozen=True)
class Line:
    """One score of a drawing."""

    name: str
    value: float
    low: float | None = None  # ends of the interval, and the baseline; None if unknown
    high: float | None = None
    baseline: float | None = None
    better: int = 1  # 1 if higher is better, -1 if lower is


def intervals(lines: Sequence[Line], title: str) -> Plot:
    """Draw scores (at least one) with intervals, the first on top; arrows show the better direction.

    A value beyond -1 or 2 is a mark at the edge, with its number.
    """
    names = [f"{short(line.name, 36)} {'→' if line.better > 0 else '←'}" for line in lines]
    width = 3.6 + 0.075 * max(len(name) for name in names)

    def draw(panel: Axes) -> None:
        left, right = _ends(lines)
        for place, line in enumerate(lines):
            if line.low is not None and line.high is not None and np.isfinite([line.low, line.high]).all():
                panel.plot([line.low, line.high], [place, place], color=COLOURS[0], linewidth=2.4, alpha=0.4)
            looks: tuple[tuple[float | None, str, float, str, Literal["none", "full"]], ...] = (
                (line.baseline, "D", 4.5, "#777777", "none"),
                (line.value, "o", 5.0, COLOURS[0], "full"),
            )
            for value, own, size, colour, fill in looks:
                if value is None or not np.isfinite(value):
                    continue
                at, mark = _spot(value, own)
                panel.plot([at], [place], mark, markersize=size, clip_on=False, color=colour, fillstyle=fill)
                if mark != own:
                    shift, side = (-0.05, "right") if at > 0 else (0.05, "left")
                    panel.text(at + shift, place - 0.28, f"{value:.3g}", ha=side, va="center", fontsize=7)
        panel.set_xlim(left - 0.02, right + 0.02)
        for edge in (0.0, 1.0):
            panel.axvline(edge, color="#aaaaaa", linewidth=0.7, zorder=0)
        panel.set_ylim(len(lines) - 0.4, -0.6)
        panel.set_yticks(range(len(lines)), names)
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.tick_params(length=0)
        panel.set_title(title)
        panel.plot([], [], "o", color=COLOURS[0], label="score")
        panel.plot([], [], color=COLOURS[0], linewidth=2.4, alpha=0.4, label="95 % interval")
        panel.plot([], [], "D", color="#777777", fillstyle="none", label="without integration")
        if beyond(lines):
            panel.plot([], [], ">", color="#444444", label="beyond the axis")
        _legend(panel, side="below", ncols=2, fontsize=8)

    return Plot(title, width, 0.24 * len(lines) + 1.1, draw)


def beyond(lines: Sequence[Line]) -> list[str]:
    """Return the names of scores beyond the longest axis.

    Examples
    --------
    >>> beyond([Line("a", 1.03), Line("b", 0.5, baseline=7.0)])
    ['b']
    """
    return [line.name for line in lines if any(not _LOWEST <= one <= _HIGHEST for one in _values(line))]


def _values(line: Line) -> list[float]:
    values = (line.value, line.low, line.high, line.baseline)
    return [one for one in values if one is not None and np.isfinite(one)]


def _ends(lines: Sequence[Line]) -> tuple[float, float]:
    values = [one for line in lines for one in _values(line)]
    return min(0.0, max(_LOWEST, min(values, default=0.0))), max(1.0, min(_HIGHEST, max(values, default=1.0)))


def _spot(value: float, mark: str) -> tuple[float, str]:
    """Return the position and mark of a value."""
    if value > _HIGHEST:
        return _HIGHEST, ">"
    return (_LOWEST, "<") if value < _LOWEST else (value, mark)


def stacked(
    shares: npt.ArrayLike, rows: Sequence[str], parts: Sequence[str], title: str, *, across: str,
    colours: Sequence[str] = COLOURS,
) -> Plot:  # fmt: skip
    """Draw rows of shares from 0 to 1, shape (rows, parts), as bars, the first on top; NaN is left empty."""
    table = np.asarray(shares, np.float64).reshape(len(rows), len(parts))
    names = [short(name) for name in rows]
    longest = max(map(len, names), default=1)

    def draw(panel: Axes) -> None:
        places, left = np.arange(len(rows)), np.zeros(len(rows))
        for number, part in enumerate(parts):
            length, colour = np.nan_to_num(table[:, number]), colours[number % len(colours)]
            panel.barh(places, length, left=left, height=0.72, color=colour, label=part)
            for row, share in enumerate(length.tolist()):
                text = f"{share:.0%}" if len(parts) > 1 else f"{share:.1%}"
                if share >= (0.07 if len(parts) > 1 else 0.25):
                    panel.text(left[row] + share / 2, row, text, ha="center", va="center", fontsize=7.5,
                               color=_ink(colour))  # fmt: skip
                elif len(parts) == 1 and np.isfinite(table[row, number]):
                    panel.text(share + 0.01, row, text, ha="left", va="center", fontsize=7.5)
            left += length
        panel.set(title=title, xlabel=across, xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
        panel.set_yticks(places, names)
        panel.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        panel.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            panel.spines[side].set_visible(False)
        if len(parts) > 1:
            _legend(panel, side="right", fontsize=8)

    legend = 0.0 if len(parts) < 2 else 0.35 + 0.07 * max(map(len, parts))
    return Plot(title, 3.6 + 0.075 * longest + legend, max(1.3 + 0.3 * len(rows), 0.8 + 0.2 * len(parts)), draw)


def _ink(colour: str) -> str:
    """Return black or white, whichever can be read on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.55 else "white"


def against(true: npt.NDArray[np.float64], given: npt.NDArray[np.float64], title: str, *, across: str, up: str) -> str:
    """Draw a scatter plot of given over true values, both finite; on the dashed line they are equal."""
    ends = np.array([min(true.min(), given.min()), max(true.max(), given.max())])
    with settings():
        figure = new_figure(3.6, 3.6)
        panel = figure.add_subplot()
        panel.plot(ends, ends, linestyle="--", color="#999999", linewidth=0.8)
        panel.scatter(true, given, s=6, linewidths=0, alpha=0.5, color=COLOURS[0], rasterized=len(true) > RASTER_FROM)
        panel.set(title=title, xlabel=across, ylabel=up)
        return to_svg(figure, title)


def calibration_curve(
    confidence: Sequence[float], right: Sequence[float], cells: Sequence[int], title: str, *, bins: int = 10
) -> str:
    """Draw a calibration curve from mean confidence, share of correct cells and number of cells of each non-empty bin.

    On the dashed line confidence is the chance of being correct.
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
