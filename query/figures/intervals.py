"""Scores as dots with their intervals, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from homodb.query.figures.style import COLOURS, new_figure, settings, short, to_svg

#: The axis is from 0 to 1, longer where values are beyond, but never beyond these.
_LOWEST, _HIGHEST = -1.0, 2.0


@dataclass(frozen=True)
class Line:
    """One score of a drawing.

    Parameters
    ----------
    name
        What it is called.
    value, low, high, baseline
        Where it lies; None for what is not known.
    better
        1 where higher is better, -1 where lower is.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    better: int = 1


def intervals(lines: Sequence[Line], title: str) -> str:
    """Draw scores, the first on top.

    Parameters
    ----------
    lines
        The scores; not empty.
    title
        What stands above, and what the drawing is called.

    Returns
    -------
    str
        An SVG document. Arrows say which way is better. What is beyond -1 or 2 is a mark at the edge, with its value.
    """
    names = [f"{short(line.name, 36)} {'→' if line.better > 0 else '←'}" for line in lines]
    with settings():
        figure = new_figure(3.6 + 0.075 * max(len(name) for name in names), 0.24 * len(lines) + 1.1)
        panel = figure.add_subplot()
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
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
        return to_svg(figure, title)


def beyond(lines: Sequence[Line]) -> list[str]:
    """Return the names of scores of which something lies beyond the longest axis.

    Examples
    --------
    >>> beyond([Line("a", 1.03), Line("b", 0.5, baseline=7.0)])
    ['b']
    """
    return [line.name for line in lines if any(not _LOWEST <= one <= _HIGHEST for one in _values(line))]


def _values(line: Line) -> list[float]:
    there = (line.value, line.low, line.high, line.baseline)
    return [one for one in there if one is not None and np.isfinite(one)]


def _ends(lines: Sequence[Line]) -> tuple[float, float]:
    values = [one for line in lines for one in _values(line)]
    return min(0.0, max(_LOWEST, min(values, default=0.0))), max(1.0, min(_HIGHEST, max(values, default=1.0)))


def _spot(value: float, mark: str) -> tuple[float, str]:
    """Return where a value is drawn, and as what."""
    if value > _HIGHEST:
        return _HIGHEST, ">"
    return (_LOWEST, "<") if value < _LOWEST else (value, mark)
