"""Time and memory of ``homodb.integrate`` by the number of cells, and of Seurat on the same cells where R has it.

``python benchmarks/integrate.py [CELLS ...]``: cells of each of two species (default 1000 10000 50000), 2 000 simulated
features. Each run is a process of its own; its peak memory is the whole process's.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import time

FEATURES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="*", type=int, default=[1000, 10_000, 50_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--method", default="cca")
    asked = parser.parse_args()
    if asked.one:
        print(_one(asked.one, asked.method))
        return
    print(f"method {asked.method}, {FEATURES} features, two species; clusters left out")
    print(f"{'cells of each':>14} {'seconds':>9} {'peak MB':>9}")
    for cells in asked.cells:
        command = [sys.executable, __file__, "--one", str(cells), "--method", asked.method]
        seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        print(f"{cells:>14,} {float(seconds):>9.1f} {float(peak):>9.0f}", flush=True)
    if shutil.which("Rscript") is None:
        print("Rscript is not here: no comparison with Seurat")


def _one(cells: int, method: str) -> str:
    """Integrate simulated cells; give seconds and the peak memory of the process in MB."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    from homodb.query.integrate.integrate import add_integration

    rng = np.random.default_rng(0)
    profiles = rng.gamma(0.3, 0.7, (8, FEATURES))
    blocks = []
    for _ in range(2):
        bend = np.exp(rng.normal(0, 0.4, FEATURES))
        for start in range(0, cells, 2000):
            n = min(2000, cells - start)
            drawn = rng.poisson(profiles[rng.integers(0, 8, n)] * bend * rng.gamma(8, 0.125, (n, 1)))
            blocks.append(sp.csr_matrix(drawn.astype(np.float32)))
    obs = pd.DataFrame({"species": np.repeat(["human", "mouse"], cells)}, index=[f"c{n}" for n in range(2 * cells)])
    adata = AnnData(sp.csr_matrix(sp.vstack(blocks)), obs=obs)
    blocks.clear()
    start = time.perf_counter()
    add_integration(adata, method=method, clustering="none")
    seconds = time.perf_counter() - start
    return f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


if __name__ == "__main__":
    main()
