"""Scores as dots with their intervals, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homodb.query.figures.style import COLOURS, new_figure, settings, short, to_svg


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
        An SVG document. Arrows say which way is better.
    """
    names = [f"{short(line.name, 36)} {'→' if line.better > 0 else '←'}" for line in lines]
    with settings():
        figure = new_figure(3.6 + 0.075 * max(len(name) for name in names), 0.24 * len(lines) + 1.1)
        panel = figure.add_subplot()
        for place, line in enumerate(lines):
            if line.low is not None and line.high is not None and np.isfinite([line.low, line.high]).all():
                panel.plot([line.low, line.high], [place, place], color=COLOURS[0], linewidth=2.4, alpha=0.4)
            if line.baseline is not None and np.isfinite(line.baseline):
                panel.plot([line.baseline], [place], "D", color="#777777", markersize=4.5, fillstyle="none")
            panel.plot([line.value], [place], "o", color=COLOURS[0], markersize=5)
        values = [one for line in lines for one in (line.value, line.low, line.high, line.baseline) if one is not None]
        known = [one for one in values if np.isfinite(one)]
        panel.set_xlim(min(0.0, *known) - 0.02, max(1.0, *known) + 0.02)
        panel.set_ylim(len(lines) - 0.4, -0.6)
        panel.set_yticks(range(len(lines)), names)
        panel.grid(axis="x", color="#dddddd", linewidth=0.5)
        panel.set_axisbelow(True)
        panel.tick_params(length=0)
        panel.set_title(title)
        panel.plot([], [], "o", color=COLOURS[0], label="score")
        panel.plot([], [], color=COLOURS[0], linewidth=2.4, alpha=0.4, label="95 % interval")
        panel.plot([], [], "D", color="#777777", fillstyle="none", label="without integration")
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)
        return to_svg(figure, title)
