"""What all drawings share: the figure, colours that colour-blind people tell apart, and the SVG that comes out."""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING, Any

from homodb.schema.errors import MissingPackageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Sixteen colours: six of Okabe and Ito's, one of Tol's, then each as far as can be from those before it, also as
#: people without one kind of cones see them. Further things have the same with other marks.
COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#332288", "#780000", "#78F0D2", "#0000E1",
    "#FFD200", "#A569FF", "#96C396", "#695A5A", "#C3000F", "#4B003C",
)  # fmt: skip
MARKS = ("o", "^", "s", "D", "v", "P", "X", "*")

#: From little to much, to be told apart in grey as well: of dots, and of fields, where none is white.
SHADES, FIELDS = "cividis_r", "Blues"

_SETTINGS: Any = {
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
    """Return an empty figure of a size in inches.

    Raises
    ------
    MissingPackageError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingPackageError.of("drawing", "matplotlib", "cells") from error
    return Figure(figsize=(width, height), layout="constrained")


def settings(**more: Any) -> Any:
    """Return a context in which matplotlib draws as homodb does; everything is as it was afterwards."""
    import matplotlib

    asked: Any = {**_SETTINGS, **more}
    return matplotlib.rc_context(asked)


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG document.

    Parameters
    ----------
    figure
        Drawn within :func:`settings`.
    name
        What the drawing is called; its inner names are made from it, so that several can stand in one page.
    """
    buffer = io.StringIO()
    with settings(**{"svg.hashsalt": f"homodb {name}"}):
        figure.savefig(buffer, format="svg", dpi=150, metadata={"Date": None, "Creator": None, "Title": name})
    return buffer.getvalue()


def inline(svg: str, name: str) -> str:
    """Return an SVG document as an element of a page: no prologue, no size of its own, no names that nothing uses.

    Parameters
    ----------
    svg
        As :func:`to_svg` gives it.
    name
        What a screen reader says.
    """
    element = svg[svg.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', element))
    element = re.sub(r' id="([^"]*)"', lambda found: found.group(0) if found.group(1) in used else "", element)
    return element.replace("<svg ", f'<svg role="img" aria-label="{escape(name)}" ', 1)


def look(number: int) -> tuple[str, str]:
    """Return colour and mark of the n-th thing that is drawn.

    Examples
    --------
    >>> look(0), look(17)
    (('#0072B2', 'o'), ('#E69F00', '^'))
    """
    return COLOURS[number % len(COLOURS)], MARKS[number // len(COLOURS) % len(MARKS)]


def short(text: str, most: int = 28) -> str:
    """Return a name that fits: of a long one the beginning and the end.

    Examples
    --------
    >>> short("a" * 20 + "b" * 20, 11)
    'aaaaa…bbbbb'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"
