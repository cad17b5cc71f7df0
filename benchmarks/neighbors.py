"""Time and recall of ``kneighbors`` beside scikit-learn's brute force, and beside faiss where it is installed.

``python benchmarks/neighbors.py [CELLS ...] [--times 3]``: the cells of ``benchmarks/score.py`` (default 100000), 90
neighbours, the searches in turn. Beyond 200,000 cells, where homodb compares groups, only 1,000 cells are searched
exactly too, for the recall.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import measure
import numpy as np
import score

from homodb.query.integrate import EXACT, kneighbors

K, CHECKED = 90, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="*", type=int, default=[100_000])
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    measure.machine()
    print(f"{'cells':>9} {'search':>14} {'seconds (min to max)':>24} {'recall':>8}")
    for cells in asked.cells:
        points = score.simulated(cells).obsm["X_cca"]
        rows = np.random.default_rng(0).choice(cells, CHECKED, replace=False)
        true = kneighbors(points, K, rows=rows, exact=cells).indices
        searches: dict[str, Callable[[Any], Any]] = {"homodb": lambda x: kneighbors(x, K).indices}
        if cells <= EXACT:
            searches |= {"scikit-learn": _scikit_learn} | ({"faiss": _faiss} if find_spec("faiss") else {})
        seconds: dict[str, list[float]] = {name: [] for name in searches}
        recall = {}
        for _ in range(asked.times):
            for name, search in searches.items():
                start = time.perf_counter()
                found = search(points)
                seconds[name].append(time.perf_counter() - start)
                same = [len(np.intersect1d(a, b)) for a, b in zip(found[rows], true, strict=True)]
                recall[name] = float(np.mean(same)) / K
        for name, each in seconds.items():
            spread = f"{statistics.median(each):.1f} ({min(each):.1f} to {max(each):.1f})"
            print(f"{cells:>9,} {name:>14} {spread:>24} {recall[name]:>8.5f}", flush=True)


def _scikit_learn(points: Any) -> Any:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=K, algorithm="brute").fit(points).kneighbors(points, return_distance=False)


def _faiss(points: Any) -> Any:
    import faiss

    index = faiss.IndexFlatL2(points.shape[1])
    index.add(points)
    return index.search(points, K)[1]


if __name__ == "__main__":
    main()
