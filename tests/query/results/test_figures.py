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

from homodb.query.results import (
    COLOURS,
    MARKS,
    RASTER_FROM,
    Drawing,
    Drawings,
    Line,
    beyond,
    dots,
    heat,
    inline,
    intervals,
    look,
    page,
    place_labels,
    scatter,
    stacked,
)

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
        "scatter": scatter(*points(200), ODD, "cells"),
        "heat": heat(table, ODD, ODD, "table", across="x", down="y").svg(),
        "dots": dots(hole, table, pairs, pairs, "genes").svg(), "intervals": intervals(lines, "scores").svg(),
        "stacked": stacked(table / table.sum(axis=1, keepdims=True), ODD, ODD, "parts", across="share").svg(),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["scatter", "heat", "dots", "intervals", "stacked"])
def test_names_stand_as_they_are(kind: str) -> None:
    told = texts(drawn()[kind])
    for name in ("a < b & c", "$x_1$ $", "Ωμέγα"):
        assert any(name in text for text in told), (name, told)
    assert any("_hidden" in text for text in told) and any("…" in text for text in told)


@pytest.mark.slow
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


@pytest.mark.slow
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


#: How people without one kind of cones see linear red, green and blue (Machado and others, 2009).
BLIND = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", BLIND)
def test_colours_are_apart_to_everybody(kind: str) -> None:
    from matplotlib.colors import to_rgb

    given = np.array([to_rgb(one) for one in COLOURS])
    linear = np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(BLIND[kind]).T, 0, 1)
    # Ottosson's OKLab, in which distances are about as they look
    cones = seen @ np.array([[0.41222147, 0.2119035, 0.0883025], [0.53633254, 0.6806995, 0.28171884],
                             [0.05144599, 0.10739696, 0.62997870]])  # fmt: skip
    place = np.cbrt(cones) @ np.array([[0.21045426, 1.9779985, 0.02590404], [0.79361779, -2.4285922, 0.78277177],
                                       [-0.00407205, 0.4505937, -0.80867577]])  # fmt: skip
    apart = np.linalg.norm(place[:, None] - place[None], axis=-1)[np.triu_indices(len(COLOURS), 1)]
    assert apart.min() > 0.055 and place[:, 0].max() < 0.92, apart.min()


def test_all_planes_have_their_panel_at_the_same_place() -> None:
    def panel(number: int) -> tuple[str, str]:
        names = [f"a long name of a type {one}" for one in range(number)]
        svg = scatter(points(99)[0], np.arange(99) % number, names, "x", labels=True)
        frame = re.search(r'<g id="patch_2">\s*<path d="([^"]*)"', svg)
        assert frame
        return re.findall(r'<svg [^>]*?width="([^"]*)"', svg)[0], frame[1]

    assert panel(2) == panel(13) == panel(22) and panel(40)[0] == panel(2)[0]


def test_names_stand_among_cells_and_never_over_each_other() -> None:
    rng = np.random.default_rng(0)
    names = [f"type {one}" for one in range(12)]
    code = np.repeat(np.arange(12), 30)
    spots = rng.uniform(size=(12, 2))[code] + rng.normal(scale=0.01, size=(360, 2))
    found = list(place_labels(spots, code, names, wide=0.02, high=0.04))
    assert len(found) > 6
    for at, (_, x, y) in enumerate(found):
        assert 0 <= x <= 1 and 0 <= y <= 1
        assert all(abs(y - b) >= 0.04 or abs(x - a) >= 0.02 * 6 for _, a, b in found[:at])
    rare = np.array([0] * 500 + [1] * 2)
    there = [one for one, _, _ in place_labels(rng.uniform(size=(502, 2)), rare, ["a", "b", "c"], wide=0.02, high=0.04)]
    assert there == [0], "neither the rare type nor the one without cells"
    told = texts(scatter(spots, code, names, "cells", labels=True))
    assert told.count("type 0") == 1 and "type 0 (30)" in told


def test_values_beyond_0_and_1_are_drawn() -> None:
    lines = [Line("above", 1.031, 0.901, 1.031), Line("below", -0.4), Line("far", 37.5, baseline=-9.25)]
    drawn = intervals(lines, "scores").svg()
    assert beyond(lines) == ["far"]
    told = texts(drawn)
    assert {"above →", "below →", "far →", "37.5", "-9.25", "beyond the axis"} <= set(told)
    assert "beyond the axis" not in texts(intervals(lines[:2], "scores").svg()) and beyond(lines[:2]) == []
    assert intervals([Line("none", float("nan"))], "scores").svg()


def test_no_right_call_is_a_framed_0() -> None:
    told = texts(
        heat([[1.0, 0.0], [1.0, 0.0]], ["a", "b"], ["a", "b"], "t", across="x", down="y", row_cells=[5, 1200]).svg()
    )
    assert told.count("0") == 1 and told.count("1") == 2 and {"a (5)", "b (1,200)"} <= set(told)
    assert "0" not in texts(heat([[np.nan]], ["a"], ["a"], "t", across="x", down="y").svg())


def test_several_stand_in_one_page() -> None:
    parts = [inline(svg, f'a drawing: {name} <&">') for name, svg in drawn().items()]
    whole = page([Drawings([Drawing(svg, name) for name, svg in drawn().items()])])
    assert whole.count("<svg ") == len(drawn()) and "<?xml" not in whole and "<!DOCTYPE svg" not in whole
    assert "<script" not in whole and "<metadata" not in whole
    for part in parts:
        ElementTree.fromstring(part)  # noqa: S314
    for name, part in zip(drawn(), parts, strict=True):
        defined = re.findall(r' id="([^"]+)"', part)
        used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', part))
        assert len(defined) == len(set(defined)) and used == set(defined), name
