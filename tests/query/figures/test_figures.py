"""Drawings: valid SVG, the same bytes each time, names as they are, few bytes for many points, no global state."""

from __future__ import annotations

import functools
import hashlib
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from homodb.query.figures.dots import dots
from homodb.query.figures.heat import heat
from homodb.query.figures.intervals import Line, intervals
from homodb.query.figures.scatter import RASTER_FROM, scatter
from homodb.query.figures.style import COLOURS, MARKS, inline, look
from homodb.query.page import page

pytest.importorskip("matplotlib", reason="the extra cells is not installed")

ODD = ["_hidden", "a < b & c", "$x_1$ $", "Ωμέγα", "", "a" * 80, '"quoted"', "</svg><script>alert(1)</script>"]


def texts(svg: str) -> list[str]:
    """Every text of a document; parsing fails where it is no XML."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("}text")]  # noqa: S314


def points(number: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(number, 2)), rng.integers(0, len(ODD), number)


@functools.cache
def drawn() -> dict[str, str]:
    table = np.linspace(0, 1, len(ODD) ** 2).reshape(len(ODD), -1)
    pairs = [(name, f"g{number}") for number, name in enumerate(ODD)]
    hole = table.copy()
    hole[0] = np.nan
    lines = [Line(name, 0.5, 0.4, 0.6, 0.2, -1) for name in ODD] + [Line("alone", 0.1), Line("off", np.nan, np.nan, 1)]
    return {
        "scatter": scatter(*points(200), ODD, "cells"), "heat": heat(table, ODD, ODD, "table", across="x", down="y"),
        "dots": dots(hole, table, pairs, pairs, "genes"), "intervals": intervals(lines, "scores"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["scatter", "heat", "dots", "intervals"])
def test_names_stand_as_they_are(kind: str) -> None:
    told = texts(drawn()[kind])
    for name in ("a < b & c", "$x_1$ $", "Ωμέγα"):
        assert any(name in text for text in told), (name, told)
    assert any("_hidden" in text for text in told) and any("…" in text for text in told)


def test_the_same_bytes_in_another_process_and_nothing_global_is_touched() -> None:
    script = (
        "import hashlib, matplotlib, runpy, sys;"
        "plain = lambda: {one: dict.__getitem__(matplotlib.rcParams, one) for one in matplotlib.rcParams};"
        "before = plain(); made = runpy.run_path(sys.argv[1])['drawn'](); assert before == plain();"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "sys.stdout.write(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    said = subprocess.run([sys.executable, "-c", script, __file__], capture_output=True, text=True, check=True).stdout
    assert said == hashlib.sha256(repr(drawn()).encode()).hexdigest()


def test_many_points_are_a_picture() -> None:
    few, many = scatter(*points(RASTER_FROM), ODD, "few"), scatter(*points(60_000), ODD, "many")
    assert "data:image/png;base64" in many and "data:image/png;base64" not in few
    assert len(many) < 1_000_000 and any("UMAP 1" in text for text in texts(many))
    assert scatter(np.zeros((1, 2)), np.zeros(1, np.int64), ["one"], "one cell")
    assert "and 40 more" in " ".join(
        texts(scatter(np.zeros((100, 2)), np.arange(100), [f"t{n}" for n in range(100)], "x"))
    )


def test_looks_are_apart() -> None:
    number = len(COLOURS) * len(MARKS)
    assert len({look(one) for one in range(number)}) == number


def test_several_stand_in_one_page() -> None:
    parts = [inline(svg, f'a drawing: {name} <&">') for name, svg in drawn().items()]
    whole = page("all", parts)
    assert whole.count("<svg ") == 4 and "<?xml" not in whole and "<!DOCTYPE svg" not in whole
    assert "<script" not in whole and "<metadata" not in whole
    for part in parts:
        ElementTree.fromstring(part)  # noqa: S314
    for name, part in zip(drawn(), parts, strict=True):
        defined = re.findall(r' id="([^"]+)"', part)
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', part))
        assert len(defined) == len(set(defined)) and used == set(defined), name
