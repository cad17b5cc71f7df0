"""Whether TRON finds back a planted orthology that its mask has partly wrong, and what its conversion layer costs.

``python benchmarks/tron.py`` simulates two species whose true orthology is known, spoils the mask, trains, prints the
scores, and draws docs/images/tron_recovery.svg. The data are made so that orthology is all that links the species: the
scores say what the layer can do, and nothing about biology.

``python benchmarks/tron.py --islets RELEASE CELLS`` carries cell types between human and mouse islets (a release with
both species; the folder with baron_human_175.h5ad and baron_mouse_822.h5ad), with and without fine-tuning on labelled
query cells, and prints the scores among cells that no method saw.

``python benchmarks/tron.py --speed`` measures one step (forward, backward, Adam) of the layer beside a dense linear
layer of 20 000 x 18 000 genes, and what each keeps in memory. The dense one takes 6 GB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.stats import rankdata

from homodb.query.annotate import TronSettings
from homodb.query.annotate.tron.layer import Edges
from homodb.query.annotate.tron.method import Cells, transfer
from homodb.query.annotate.tron.train import Phenotype

IMAGE = Path(__file__).resolve().parents[1] / "docs" / "images" / "tron_recovery.svg"
ERRORS = (0.1, 0.3)
SEEDS = (1, 2, 3, 4, 5)
#: Below this number of true or of wrong edges no AUROC is given.
FEWEST = 10
VARIANTS = {
    "TRON": "#0072b2",
    "no fine-tuning": "#56b4e9",
    "one-to-one mask": "#009e73",
    "unmasked dense": "#e69f00",
    "random mask": "#d55e00",
}
PARAMETERS = TronSettings(seeds=1, hidden=32, dropout=0.1, patience=15, tuning_epochs=100, batch=32)


@dataclass(frozen=True)
class World:
    """Two species: cells with types, and which target gene (first) truly is which source gene's ortholog (second)."""

    source: Cells
    target: Cells
    judged: np.ndarray
    true: np.ndarray
    types: np.ndarray
    genes: tuple[int, int]


@dataclass(frozen=True)
class Size:
    """How large a world is."""

    genes: int = 300
    types: int = 8
    source_cells: int = 600
    tuning_cells: int = 300
    judged_cells: int = 600


def world(seed: int, size: Size) -> World:
    """Simulate: a source gene has one, two or three orthologs, which share its expression unevenly in every cell.

    All that tells types apart is spread over all genes (log-normal, standard deviation 0.3), so that no gene is enough
    alone. Between the species each gene's level changes by a factor of its own (log-normal, 1.0).
    """
    rng = np.random.default_rng(seed)
    copies = rng.choice([1, 2, 3], size.genes, p=[0.6, 0.25, 0.15])
    of = np.repeat(np.arange(size.genes), copies)
    true = np.stack([rng.permutation(len(of)), of], axis=1)
    level = rng.lognormal(0, 1, size.genes)
    profile = level * rng.lognormal(0, 0.3, (size.types, size.genes))
    share = rng.gamma(1.0, size=len(of))
    share /= np.bincount(of, share)[of]
    turned = profile * rng.lognormal(0, 1.0, size.genes)
    there = np.zeros((size.types, len(of)))
    there[:, true[:, 0]] = turned[:, of] * share
    source_types = rng.integers(size.types, size=size.source_cells)
    types = rng.integers(size.types, size=size.tuning_cells + size.judged_cells)
    shown = np.arange(len(types)) < size.tuning_cells
    donor = np.where(shown, rng.integers(2, size=len(types)), 2 + rng.integers(2, size=len(types)))
    return World(
        Cells(_counts(profile[source_types], rng), Phenotype(source_types, size.types)),
        Cells(_counts(there[types], rng), Phenotype(np.where(shown, types, -1), size.types), donor),
        ~shown,
        true,
        types,
        (len(of), size.genes),
    )


def _counts(rates: np.ndarray, rng: np.random.Generator) -> sp.csr_matrix:
    depth = rng.lognormal(np.log(500), 0.3, len(rates))
    return sp.csr_matrix(rng.poisson(rates / rates.sum(1, keepdims=True) * depth[:, None]).astype(np.float64))


def spoiled(made: World, share: float, seed: int) -> np.ndarray:
    """Return the true edges of which a share is missing, with as many wrong ones in their place."""
    rng = np.random.default_rng([seed, 1])
    lost = round(share * len(made.true))
    kept = rng.permutation(made.true)[: len(made.true) - lost]
    known = {tuple(edge) for edge in made.true.tolist()}
    wrong: set[tuple[int, int]] = set()
    while len(wrong) < lost:
        edge = (int(rng.integers(made.genes[0])), int(rng.integers(made.genes[1])))
        if edge not in known:
            wrong.add(edge)
    return np.concatenate([kept, np.array(sorted(wrong), np.int64).reshape(-1, 2)])


def mask_of(variant: str, made: World, pairs: np.ndarray, seed: int) -> np.ndarray:
    """Return the edges that a variant may use."""
    rng = np.random.default_rng([seed, 2])
    if variant == "random mask":
        chosen = rng.choice(made.genes[0] * made.genes[1], len(pairs), replace=False)
        return np.stack(np.divmod(chosen, made.genes[1]), axis=1)
    if variant == "unmasked dense":
        return np.argwhere(np.ones(made.genes, bool))
    if variant == "one-to-one mask":
        taken: tuple[set[int], set[int]] = (set(), set())
        kept = []
        for target, source in rng.permutation(pairs).tolist():
            if target not in taken[0] and source not in taken[1]:
                taken[0].add(target), taken[1].add(source)
                kept.append((target, source))
        return np.array(kept)
    return pairs


def measure(
    variant: str, share: float, seed: int, size: Size | None = None, parameters: TronSettings = PARAMETERS
) -> tuple[float, float]:
    """Return accuracy among the cells of donors that were not learned from, and how well weights tell true edges.

    The latter is the chance that a true edge has a larger weight than a wrong one of the same mask (AUROC); NaN where
    the mask has hardly any edges of one kind.
    """
    made = world(seed, size or Size())
    pairs = mask_of(variant, made, spoiled(made, share, seed), seed)
    edges = Edges(
        tuple(f"t{one}" for one in range(made.genes[0])), tuple(f"s{one}" for one in range(made.genes[1])),
        pairs[:, 0], pairs[:, 1], np.ones(len(pairs)), ("",) * len(pairs),
    )  # fmt: skip
    changed = {"tune": "nothing"} if variant == "no fine-tuning" else {}
    chosen = parameters.model_copy(update=changed | ({"start": "random"} if variant == "unmasked dense" else {}))
    found = transfer(made.source, made.target, edges, chosen, random_state=seed)
    hits = found.predicted.argmax(axis=1) == made.types
    run = found.runs[0]
    layer = run.model[0]
    known = {tuple(edge) for edge in made.true.tolist()}
    good = np.array(
        [edge in known for edge in zip(layer.target_index.tolist(), layer.source_index.tolist(), strict=True)]
    )
    return float(hits[made.judged].mean()), auroc(run.weight, good)


def auroc(score: np.ndarray, good: np.ndarray) -> float:
    """Chance that a good one scores higher than a bad one, ties counted half; NaN with fewer than ten of either."""
    n, m = int(good.sum()), int((~good).sum())
    if min(n, m) < FEWEST:
        return float("nan")
    return float((rankdata(score)[good].sum() - n * (n + 1) / 2) / (n * m))


def measure_all(errors: tuple[float, ...], seeds: tuple[int, ...], size: Size) -> pl.DataFrame:
    """Return variant, share of wrong edges, seed, accuracy and AUROC."""
    rows = []
    for variant in VARIANTS:
        for share in errors:
            rows += [(variant, share, seed, *measure(variant, share, seed, size)) for seed in seeds]
        print(f"{variant} measured", file=sys.stderr, flush=True)
    return pl.DataFrame(rows, schema=["variant", "errors", "seed", "accuracy", "auroc"], orient="row")


def show(measured: pl.DataFrame) -> None:
    """Print means over the seeds, with the least and the largest, as Markdown."""
    shares = measured["errors"].unique().sort().to_list()
    for score in ("accuracy", "auroc"):
        print(f"\n{score}, mean of {measured['seed'].n_unique()} seeds (least to largest)\n")
        print("| mask edges wrong and missing | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |")
        print("| --- " + "| ---: " * len(shares) + "|")
        for variant in VARIANTS:
            cells = []
            for share in shares:
                own = measured.filter((pl.col("variant") == variant) & (pl.col("errors") == share))[score]
                known = own.filter(own.is_not_nan())
                told = f"{known.mean():.2f} ({known.min():.2f} to {known.max():.2f})" if len(known) else "-"
                cells.append(told)
            print(f"| {variant} | {' | '.join(cells)} |")


def draw(measured: pl.DataFrame, image: Path) -> None:
    """Draw two panels: accuracy, and how well weights tell true edges, both over the share of wrong edges."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "homodb", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(8.4, 3.6), layout="constrained")
        panels = figure.subplots(1, 2)
        titles = {
            "accuracy": "accuracy among cells of other donors",
            "auroc": "true edge outweighs wrong edge (AUROC)",
        }
        for panel, (score, title) in zip(panels, titles.items(), strict=True):
            for at, (variant, colour) in enumerate(VARIANTS.items()):
                own = measured.filter(pl.col("variant") == variant).filter(pl.col(score).is_not_nan())
                mean = own.group_by("errors").agg(pl.col(score).mean()).sort("errors")
                x = 100 * mean["errors"].to_numpy()
                marker = "osD^v"[at]
                panel.plot(x, mean[score].to_numpy(), color=colour, marker=marker, lw=1.4, ms=5, label=variant)
                shift = (at - 2) * 0.25
                panel.plot(100 * own["errors"].to_numpy() + shift, own[score].to_numpy(), marker, color=colour, ms=2.5,
                           mfc="none", mew=0.6, lw=0)  # fmt: skip
            panel.set_title(title, fontsize=9, loc="left")
            panel.set_xlabel("mask edges wrong, and as many missing (%)")
            panel.set_xticks([0, 10, 20, 30])
            panel.grid(color="0.9", lw=0.6)
            panel.set_axisbelow(True)
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylim(0, 1.02)
        panels[0].axhline(1 / Size().types, color="0.5", lw=0.8, ls=":")
        panels[1].axhline(0.5, color="0.5", lw=0.8, ls=":")
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=5, frameon=False)
        image.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(image, metadata={"Date": None, "Creator": None})


def islets(release: Path, cells: Path) -> None:
    """Print accuracy and balanced accuracy between human and mouse islets, as Markdown.

    All rows of a direction are judged on the same cells: those that fine-tuning did not see, of types that the
    reference has.
    """
    import anndata

    import homodb

    read = {
        "human": anndata.read_h5ad(cells / "baron_human_175.h5ad"),
        "mouse": anndata.read_h5ad(cells / "baron_mouse_822.h5ad"),
    }
    settings = {
        "knn": {"method": "knn"},
        "tron, no labels": {"tune": "nothing"},
        "tron, no labels, no offset": {"tune": "nothing", "offset": "none"},
        "tron, layer tuned": {},
        "tron, layer tuned, one-to-one (HM_O2O)": {"strategy": "HM_O2O"},
        "tron, layer tuned, random start": {"start": "random"},
        "tron, whole tuned": {"tune": "whole"},
    }
    print("| query, reference | method | cells | accuracy | balanced accuracy |\n| --- | --- | ---: | ---: | ---: |")
    for query, reference in (("human", "mouse"), ("mouse", "human")):
        truth = read[query].obs["cell_type"].astype(str).to_numpy()
        shared = np.isin(truth, read[reference].obs["cell_type"].astype(str).unique())
        labels, seen = {}, np.zeros(len(truth), bool)
        for name, chosen in settings.items():
            shown = {} if "no labels" in name or name == "knn" else {"query_label_key": "cell_type"}
            given = {"method": "tron", "donor_key": "donor", **chosen, **shown}
            made = homodb.annotate(read[query], read[reference], label_key="cell_type", release=release, **given)
            labels[name] = made.obs["cell_type_homodb"].astype(str).to_numpy()
            if shown:
                seen = made.obs["cell_type_homodb_seen"].to_numpy()
        judged = shared & ~seen
        for name, label in labels.items():
            hits = label == truth
            balanced = np.mean([hits[judged & (truth == one)].mean() for one in np.unique(truth[judged])])
            print(f"| {query}, {reference} | {name} | {judged.sum()} | {hits[judged].mean():.3f} | {balanced:.3f} |")


def speed(cells: int = 128, times: int = 5) -> None:
    """Print seconds of a step, and bytes of weights, gradients and optimiser state, of both layers."""
    import torch
    from torch import Tensor, nn

    from homodb.query.annotate.tron.layer import OrthologyLayer

    targets, sources, count = 20_000, 18_000, 20_000
    rng = np.random.default_rng(0)
    # as in ENS_M2M: most genes have one partner, some several
    source = np.concatenate([rng.permutation(sources)[:15_000], rng.integers(sources, size=count - 15_000)])
    pairs = np.unique(np.stack([source, rng.integers(targets, size=count)], axis=1), axis=0)
    edges = Edges(
        tuple(f"t{one}" for one in range(targets)), tuple(f"s{one}" for one in range(sources)),
        pairs[:, 1], pairs[:, 0], np.ones(len(pairs)), ("",) * len(pairs),
    )  # fmt: skip
    x = torch.rand(cells, targets)

    def step_of(model: nn.Module) -> tuple[Callable[[], None], Callable[[], int]]:
        optimiser = torch.optim.Adam(model.parameters(), fused=True)

        def step() -> None:
            optimiser.zero_grad()
            output: Tensor = model(x)
            output.square().mean().backward()
            optimiser.step()

        def held() -> int:
            tensors = [
                one for parameter in model.parameters() for one in (parameter, parameter.grad) if one is not None
            ]
            tensors += [one for state in optimiser.state.values() for one in state.values()]
            return sum(one.numel() * one.element_size() for one in (*tensors, *model.buffers()))

        return step, held

    print(f"{len(pairs):,} edges, {cells} cells, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| layer | seconds per step, median (least to largest) | bytes held |\n| --- | --- | ---: |")
    medians, sizes = [], []
    for name in ("OrthologyLayer", "nn.Linear without bias"):
        model = OrthologyLayer(edges) if name == "OrthologyLayer" else nn.Linear(targets, sources, bias=False)
        step, held = step_of(model)
        step()
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        medians.append(statistics.median(seconds))
        sizes.append(held())
        print(f"| {name} | {medians[-1]:.4f} ({min(seconds):.4f} to {max(seconds):.4f}) | {sizes[-1]:,} |")
        del model, step, held
    print(f"\nseconds: ratio {medians[0] / medians[1]:.4f}; bytes: 1 / {sizes[1] / sizes[0]:,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true", help="measure a step of the layer beside a dense one")
    parser.add_argument("--islets", type=Path, nargs=2, metavar=("RELEASE", "CELLS"), help="carry real cell types")
    parser.add_argument("--labelled", type=int, default=Size().tuning_cells, help="target cells learned from")
    parser.add_argument("--errors", type=float, nargs="+", default=ERRORS, help="shares of mask edges that are wrong")
    parser.add_argument("--image", type=Path, help="where to draw; by default docs/images/tron_recovery.svg")
    told = parser.parse_args()
    if told.speed:
        speed()
        return
    if told.islets:
        islets(*told.islets)
        return
    size = Size(tuning_cells=told.labelled)
    measured = measure_all(tuple(told.errors), SEEDS, size)
    show(measured)
    if told.image or (size == Size() and tuple(told.errors) == ERRORS):
        draw(measured, told.image or IMAGE)


if __name__ == "__main__":
    main()
