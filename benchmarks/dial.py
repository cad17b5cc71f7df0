"""What the exam scores when errors of orthology calling are dialled into a simulated clade, beside what must come out.

``python benchmarks/dial.py`` simulates, builds and examines small clades of two species, each with one kind of error,
prints the scores, and draws docs/images/dial.svg. The scores give back the dial: they claim nothing about Ensembl.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from simulate import roots

import homodb
from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from homodb.query.exam import exam

DIALS = {
    "missed": (0.0, 0.05, 0.1, 0.2, 0.35, 0.5),
    "wrong_type": (0.0, 0.05, 0.1, 0.2, 0.35, 0.5),
    "split": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "false_pairs": (0.0, 0.02, 0.04, 0.06, 0.08, 0.1),
}
TITLES = {
    "missed": "share of true pairs missed",
    "wrong_type": "share of pairs of a wrong type",
    "split": "share of larger groups torn in two",
    "false_pairs": "false pairs per true pair",
}
STRATEGIES = {"ENS_M2M": "#0072b2", "ENS_O2O": "#d55e00", "HM_O2O": "#009e73"}
SEEDS = (1, 2, 3)
#: Duplications without bursts: one large family would decide on the scores of a small clade.
CLADE = {"species": 2, "genes": 600, "cells": 0, "non_coding": 0.0, "duplication": 0.002, "loss": 0.002, "bursts": 0.0}
IMAGE = Path(__file__).resolve().parents[1] / "docs" / "images" / "dial.svg"


@dataclass(frozen=True)
class Clade:
    """True groups as (genes, genes, whether errors meet them), and how many false pairs are called one-to-one."""

    groups: list[tuple[int, int, bool]]
    free: int


def measure(dial: str, value: float, seed: int) -> tuple[Clade, dict[str, tuple[float, float]]]:
    """Simulate, build and examine; return what the truth says, and recall and precision of each strategy."""
    rates = dict.fromkeys(DIALS, 0.0) | {dial: value}
    with tempfile.TemporaryDirectory() as name:
        sim, release = Path(name) / "sim", Path(name) / "release"
        simulate(sim, Settings(**CLADE, **rates, seed=seed))
        build_release(sim / "biomart.toml", release)
        with homodb.open(release) as opened:
            found = exam(opened, sim / "truth.tsv.gz", genes=sim / "truth_genes.tsv.gz").strategies
        rows = found.filter(pl.col("source_species").is_null()).select("strategy", "recall", "precision").rows()
        return read(sim), {str(strategy): (recall, precision) for strategy, recall, precision in rows}


def read(sim: Path) -> Clade:
    tables = {
        one: pl.read_csv(sim / f"{one}.tsv.gz", separator="\t", infer_schema_length=0)
        for one in ("truth", "truth_genes", "truth_errors")
    }
    genes = tables["truth_genes"].filter(
        (pl.col("biotype") == "protein_coding") & ~pl.col("planted").fill_null("").str.contains("mitochondrial")
    )
    met = set(genes["stable_id"])
    sides: dict[str, tuple[set[str], set[str]]] = {}
    pairs = tables["truth"].select("source_id", "target_id").rows()
    for root, (a, b) in zip(roots(pairs), pairs, strict=True):
        group = sides.setdefault(root, (set(), set()))
        group[0].add(a)
        group[1].add(b)
    errors = tables["truth_errors"]
    free = errors.filter((pl.col("error") == "false_pair") & (pl.col("called_type") == "ortholog_one2one")).height
    return Clade([(len(a), len(b), next(iter(a)) in met) for a, b in sides.values()], free)


def expected(clade: Clade, dial: str, value: float) -> dict[str, tuple[float, float]]:
    """Return the recall and precision that must come out, on average.

    Which false pairs HM_O2O maps depends on the genes that are left without a partner: nothing is expected of it there.
    """
    shapes = Counter(clade.groups)
    pairs = sum(count * a * b for (a, b, _), count in shapes.items())
    possible = sum(count * min(a, b) for (a, b, _), count in shapes.items())
    found = {"ENS_M2M": 0.0, "ENS_O2O": 0.0, "HM_O2O": 0.0}
    for (a, b, met), count in shapes.items():
        many, one, best = OUTCOMES[dial](a, b, value if met else 0.0)
        for strategy, each in zip(found, (many, one, best), strict=True):
            found[strategy] += count * each
    recall = {strategy: each / (pairs if strategy == "ENS_M2M" else possible) for strategy, each in found.items()}
    wrong = dict.fromkeys(found, 0.0)
    if dial == "false_pairs":
        wrong |= {"ENS_M2M": value * pairs, "ENS_O2O": clade.free}
        recall["HM_O2O"] = found["HM_O2O"] = math.nan
    return {strategy: (recall[strategy], found[strategy] / (found[strategy] + wrong[strategy])) for strategy in found}


def _missed(a: int, b: int, share: float) -> tuple[float, float, float]:
    """Lose pairs; how many of the rest can stand together one-to-one is counted over random choices."""
    best = (1 - share) * (a == b == 1)
    if max(a, b) > 1:
        rng = np.random.default_rng(a * 1_000 + b)
        best = float(np.mean([_greedy(rng.permutation(np.argwhere(rng.random((a, b)) >= share))) for _ in range(200)]))
    return a * b * (1 - share), (1 - share) * (a == b == 1), best


def _greedy(pairs: np.ndarray) -> int:
    taken: tuple[set[int], set[int]] = (set(), set())
    for a, b in pairs.tolist():
        if a not in taken[0] and b not in taken[1]:
            taken[0].add(a)
            taken[1].add(b)
    return len(taken[0])


def _wrong_type(a: int, b: int, share: float) -> tuple[float, float, float]:
    """Call one-to-one pairs another type; nothing else is lost."""
    return a * b, (1 - share) * (a == b == 1), min(a, b)


def _split(a: int, b: int, share: float) -> tuple[float, float, float]:
    """Tear larger groups into halves; a half of two genes is called one-to-one."""
    halves = [((a + 1) // 2, (b + 1) // 2), (a // 2, b // 2)]
    torn = share * (max(a, b) > 1)
    many = sum(one * other for one, other in halves)
    return a * b + torn * (many - a * b), (a == b == 1) + torn * halves.count((1, 1)), min(a, b)


def _false_pairs(a: int, b: int, share: float) -> tuple[float, float, float]:
    """No true pair is lost."""
    return a * b, float(a == b == 1), min(a, b)


OUTCOMES: dict[str, Callable[[int, int, float], tuple[float, float, float]]] = {
    "missed": _missed,
    "wrong_type": _wrong_type,
    "split": _split,
    "false_pairs": _false_pairs,
}


def measure_all() -> pl.DataFrame:
    """Return dial, value, seed, strategy, and both scores as measured and as expected."""
    rows = []
    for dial, values in DIALS.items():
        for value in values:
            for seed in SEEDS:
                clade, scores = measure(dial, value, seed)
                wanted = expected(clade, dial, value)
                rows += [(dial, value, seed, name, *scores[name], *wanted[name]) for name in STRATEGIES]
        print(f"{dial} measured", file=sys.stderr, flush=True)
    columns = ["dial", "value", "seed", "strategy", "recall", "precision", "expected_recall", "expected_precision"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def draw(measured: pl.DataFrame, image: Path) -> None:
    """Draw a column of panels for each dial: recall above, precision below."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.hashsalt": "homodb", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}
    plt.rcParams |= {"axes.spines.right": False, "font.family": "sans-serif"}
    figure, panels = plt.subplots(2, len(DIALS), figsize=(11, 5.2), sharex="col", sharey="row", layout="constrained")
    for column, dial in enumerate(DIALS):
        for row, score in enumerate(("recall", "precision")):
            panel = panels[row, column]
            for shift, (strategy, colour) in enumerate(STRATEGIES.items()):
                own = measured.filter((pl.col("dial") == dial) & (pl.col("strategy") == strategy))
                line = own.group_by("value").agg(pl.col(f"expected_{score}").mean()).sort("value")
                panel.plot(line["value"], line[f"expected_{score}"], color=colour, lw=1.2, ls=("-", "--", ":")[shift])
                width = max(DIALS[dial]) * 0.012
                marker = "osD"[shift]
                panel.plot(
                    own["value"] + (shift - 1) * width, own[score], marker, color=colour, ms=3.5, mfc="none", mew=0.9
                )
            panel.grid(color="0.9", lw=0.6)
            panel.set_axisbelow(True)
            if column == 0:
                panel.set_ylabel(score)
        panels[1, column].set_xlabel(TITLES[dial])
    handles = [
        plt.Line2D([], [], color=colour, ls=("-", "--", ":")[at], marker="osD"[at], mfc="none", ms=4, label=strategy)
        for at, (strategy, colour) in enumerate(STRATEGIES.items())
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(image, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def show(measured: pl.DataFrame) -> None:
    """Print the means over the seeds, as Markdown, and the largest distance from what was expected."""
    print("| dial | value | " + " | ".join(f"{one} recall, precision" for one in STRATEGIES) + " |")
    print("| --- " * (2 + len(STRATEGIES)) + "|")
    scores = [pl.col(one).mean() for one in measured.columns if "recall" in one or "precision" in one]
    means = measured.group_by("dial", "value", "strategy", maintain_order=True).agg(scores)
    for (dial, value), rows in means.group_by("dial", "value", maintain_order=True):
        cells = [
            ", ".join(f"{one[score]:.3f} ({one[f'expected_{score}']:.3f})" for score in ("recall", "precision"))
            for one in rows.to_dicts()
        ]
        cells = [cell.replace("(nan)", "(-)") for cell in cells]
        print(f"| {dial} | {value:g} | {' | '.join(cells)} |")
    print(f"\nMeans of {len(SEEDS)} seeds; in brackets what must come out. Largest distance of a mean from it:")
    for (strategy,), rows in means.group_by("strategy", maintain_order=True):
        apart = [
            (rows[score] - rows[f"expected_{score}"]).abs().fill_nan(None).max() for score in ("recall", "precision")
        ]
        print(f"- {strategy}: recall {apart[0]:.3f}, precision {apart[1]:.3f}")


if __name__ == "__main__":
    everything = measure_all()
    show(everything)
    draw(everything, Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGE)
