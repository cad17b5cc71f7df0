"""Time of a comparison against joining, integrating and scoring every cell of its grid by itself.

``python benchmarks/compare.py RELEASE HUMAN.h5ad MOUSE.h5ad --species human,mouse [--times 3]``: seconds for a row of
the table, both ways in turn, in one process. The grid has two rows more for each method (same symbol, random pairing),
so seconds are divided by rows. Scores are the same both ways: ``--resamples 0`` leaves out the draws of intervals.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import homodb
from homodb.query.integrate import method_named

sys.path.insert(0, str(Path(__file__).parent))
from measure import machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--species", required=True)
    parser.add_argument("--strategies", default="ens_m2m,ens_o2o,hm_o2o,lm_o2o,hl_o2o")
    parser.add_argument("--methods", default="none,cca,harmony")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    machine()
    species, methods = asked.species.split(","), asked.methods.split(",")
    print(f"{len(methods)} methods; seconds for a row, wall (processor)\n")
    print("| grid | one by one | ratio |\n| --- | --- | --- |", flush=True)
    ratios = []
    for _ in range(asked.times):
        start = _now()
        found = homodb.compare(
            asked.files, species=species, release=asked.release, strategies=asked.strategies, methods=methods,
            profile="cross-species", n_resamples=asked.resamples,
        )  # fmt: skip
        grid = (_now() - start) / len(found.rows)
        start = _now()
        rows = [
            _alone(asked.files, species, asked.release, strategy, method, asked.resamples)
            for strategy in asked.strategies.split(",")
            for method in methods
        ]
        alone = (_now() - start) / len(rows)
        ratios.append(grid / alone)
        wall, processor = grid / alone
        shown = " | ".join(f"{one[0]:.2f} ({one[1]:.2f})" for one in (grid, alone))
        print(f"| {shown} | {wall:.2f} ({processor:.2f}) |", flush=True)
    wall, processor = np.median(ratios, axis=0)
    print(f"\nratio grid / one by one, median: {wall:.2f} ({processor:.2f})")


def _now() -> npt.NDArray[np.float64]:
    """Return seconds of the clock and of the processor: the second mean something on a busy machine too."""
    return np.array([time.perf_counter(), time.process_time()])


def _alone(
    files: list[str], species: list[str], release: str, strategy: str, method: str, n_resamples: int
) -> homodb.Score:
    """Join, integrate and score one cell of the grid from the files."""
    joint = homodb.join(files, species=species, release=release, strategy=strategy)
    done = homodb.integrate(joint, method=method, clustering="none")
    baseline: Any = False if method == "none" else None
    return homodb.score(
        done, key=method_named(method).key, baseline=baseline, profile="cross-species", n_resamples=n_resamples
    )


if __name__ == "__main__":
    main()
