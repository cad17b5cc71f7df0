"""How the scores of profile cross_species move when the planted truth of a simulated clade is disturbed.

``python benchmarks/score_curves.py`` simulates two species, builds and joins them, disturbs the joint object or its
embedding more and more, integrates by every method, prints the scores, and draws docs/images/score_curves.svg.
All of it is simulated: the curves say that scores react to what they should react to, and nothing about biology.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from homodb.query.integrate import integrate
from homodb.query.join import join
from homodb.query.score import Embedded, cross_species, read_embedded

if TYPE_CHECKING:
    import anndata

IMAGE = Path(__file__).resolve().parents[1] / "docs" / "images" / "score_curves.svg"
SIZES = Settings(
    species=2,
    genes=700,
    cells=900,
    donors=4,
    cell_types=6,
    seed=5,
    dispersion=2.0,
    expression_drift=0.5,
    ambient=0.25,
    dropout=0.6,
)
METHODS = ("none", "cca", "harmony")

#: Scores that are drawn, with what they are called there.
SCORES = {
    "mixing_neighbours": "mixing: neighbours",
    "mixing_ilisi": "mixing: iLISI",
    "transfer_balanced_accuracy": "transfer: balanced accuracy",
    "alcs": "ALCS",
    "over_merging_neighbours": "over-merging: neighbours",
    "over_merging_confident_near": "over-merging: wrong labels",
}
_COLOURS = {"none": "#777777", "cca": "#0072b2", "harmony": "#d55e00"}


def clade(folder: Path, sizes: Settings = SIZES) -> anndata.AnnData:
    """Simulate, build, and join the cells of both species."""
    simulate(folder / "sim", sizes)
    build_release(folder / "sim" / "release.toml", folder / "release")
    cells = sorted((folder / "sim" / "cells").glob("*.h5ad"))
    return join(cells, species=["human", "mouse"], release=folder / "release")


def wrong_pairs(joint: anndata.AnnData, share: float, seed: int = 0) -> anndata.AnnData:
    """Give that share of features another feature's mouse gene."""
    rng = np.random.default_rng(seed)
    moved = rng.permutation(joint.n_vars)[: round(share * joint.n_vars)]
    order = np.arange(joint.n_vars)
    order[moved] = np.roll(moved, 1)
    return _with_mouse(joint, lambda counts: counts[:, order])


def batch(joint: anndata.AnnData, strength: float, seed: int = 0) -> anndata.AnnData:
    """Multiply each mouse gene by a factor whose logarithm has that standard deviation."""
    factor = np.exp(np.random.default_rng(seed).standard_normal(joint.n_vars) * strength)
    return _with_mouse(joint, lambda counts: np.rint(counts * factor))


def _with_mouse(joint: anndata.AnnData, change: Callable[[np.ndarray], np.ndarray]) -> anndata.AnnData:
    import scipy.sparse as sp

    changed = joint.copy()
    mouse = (joint.obs["species"] == "mouse").to_numpy()
    dense = sp.csr_matrix(joint.X).toarray()
    dense[mouse] = change(dense[mouse])
    changed.X = sp.csr_matrix(dense)
    return changed


def merged_away(cells: Embedded, share: float, seed: int = 0) -> Embedded:
    """Move the cells of the mouse's own type that share of the way onto human cells of the first type."""
    rng = np.random.default_rng(seed)
    lone = np.flatnonzero(cells.label.code == cells.label.names.index("type of mouse only"))
    human = np.flatnonzero((cells.label.code == 0) & (cells.species.code == cells.species.names.index("human")))
    points = cells.points.copy()
    points[lone] += share * (points[rng.choice(human, len(lone))] - points[lone])
    return replace(cells, points=points)


def embeddings(joint: anndata.AnnData, methods: Sequence[str]) -> dict[str, Embedded]:
    """Integrate by every method."""
    found = {}
    for method in methods:
        done = integrate(joint, method=method, key_added=method, clustering="none", k_weight=50)
        found[method] = read_embedded(done, key=method, donor_key="donor")
    return found


def scored(found: dict[str, Embedded], baseline: Embedded, resamples: int) -> list[dict[str, Any]]:
    """Score every embedding beside the baseline."""
    rows = []
    for method, cells in found.items():
        part = cross_species(cells, baseline, n_resamples=resamples)
        rows += [
            {"method": method, "score": name, "value": one.value, "low": one.low, "high": one.high}
            for name, one in part.numbers.items()
        ]
    return rows


def measure(
    joint: anndata.AnnData, dials: dict[str, Sequence[float]], methods: Sequence[str] = METHODS, resamples: int = 50
) -> pl.DataFrame:
    """Turn each dial, and return dial, at, method, score, value, low, high; `at` 0 is the same for all."""
    whole = embeddings(joint, methods)
    baseline = whole[methods[0]]
    untouched = scored(whole, baseline, resamples)
    rows = []
    for dial, places in dials.items():
        for at in places:
            if not at:
                found = untouched
            elif dial == MERGED:
                moved = {method: merged_away(cells, at) for method, cells in whole.items()}
                found = scored(moved, baseline, resamples)
            else:
                changed = embeddings((wrong_pairs if dial == WRONG else batch)(joint, at), methods)
                found = scored(changed, changed[methods[0]], resamples)
            rows += [{"dial": dial, "at": at} | one for one in found]
            print(f"{dial}: {at:g}", file=sys.stderr, flush=True)
    return pl.DataFrame(rows, schema_overrides={"low": pl.Float64, "high": pl.Float64, "at": pl.Float64})


WRONG, BATCH, MERGED = "wrong pairs", "batch strength", "merged away"
DIALS: dict[str, Sequence[float]] = {
    WRONG: (0, 0.1, 0.2, 0.3, 0.4, 0.5),
    BATCH: (0, 0.5, 1, 1.5, 2),
    MERGED: (0, 0.25, 0.5, 0.75, 1),
}
_MEANS = {
    WRONG: "share of features with a wrong mouse gene",
    BATCH: "deviation of log factors on mouse genes",
    MERGED: "mouse-only type moved onto human type 1",
}


def draw(found: pl.DataFrame, image: Path) -> None:
    """Draw a row of panels for each dial and a column for each score."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "homodb", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(13, 7))
        FigureCanvasSVG(figure)
        panels = figure.subplots(len(DIALS), len(SCORES), sharex="row", sharey="col", squeeze=False)
        for row, dial in enumerate(DIALS):
            for column, (score, title) in enumerate(SCORES.items()):
                panel = panels[row, column]
                panel.spines[["top", "right"]].set_visible(False)
                panel.grid(color="0.92", lw=0.6)
                panel.set_axisbelow(True)
                for method, marker in zip(METHODS, "osD", strict=True):
                    own = found.filter(dial=dial, score=score, method=method)
                    if not own.height:
                        continue
                    panel.plot(
                        own["at"], own["value"], marker, ls="-", color=_COLOURS[method], ms=3, lw=1.2, label=method
                    )
                    low, high = (own[one].fill_null(own["value"]) for one in ("low", "high"))
                    panel.fill_between(own["at"], low, high, color=_COLOURS[method], alpha=0.15, lw=0)
                if score == "transfer_balanced_accuracy":
                    chance = found.filter(dial=dial, score="transfer_random_balanced_accuracy")
                    line = chance.group_by("at").agg(pl.col("value").mean()).sort("at")
                    panel.plot(line["at"], line["value"], ":", color="0.3", lw=1, label="random pairing")
                    panel.set_ylim(-0.04, 1.04)
                if row == 0:
                    panel.set_title(title, fontsize=9)
                if column == 0:
                    panel.set_ylabel(dial, fontsize=9)
            panels[row, 2].set_xlabel(_MEANS[dial])
        handles, labels = panels[0, 2].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=4, frameon=False)
        figure.subplots_adjust(0.05, 0.07, 0.99, 0.9, wspace=0.28, hspace=0.42)
        image.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None, "Creator": None} if image.suffix == ".svg" else None
        figure.savefig(image, metadata=metadata)


def show(found: pl.DataFrame) -> None:
    """Print the drawn scores as Markdown, with their intervals."""
    for dial in DIALS:
        print(f"\n**{dial}**: {_MEANS[dial]}\n\n| {dial} | method | " + " | ".join(SCORES.values()) + " |")
        print("| --- " * (2 + len(SCORES)) + "|")
        for (at, method), rows in found.filter(dial=dial).group_by("at", "method", maintain_order=True):
            cells = []
            for score in SCORES:
                one = rows.row(by_predicate=pl.col("score") == score, named=True)
                ends = "" if one["low"] is None else f" ({one['low']:.2f} to {one['high']:.2f})"
                cells.append(f"{one['value']:.2f}{ends}")
            print(f"| {at:g} | {method} | {' | '.join(cells)} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        everything = measure(clade(Path(temporary)), DIALS)
    show(everything)
    draw(everything, Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGE)
