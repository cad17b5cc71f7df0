"""Time and memory of ``homodb.integrate`` by the number of cells, and of Seurat on the same cells where R has it.

``python benchmarks/integrate.py [CELLS ...]``: cells of each of two species (default 1000 10000 50000), 2 000 simulated
features. Each run is a process of its own; its peak memory is the whole process's. Where ``Rscript`` has Seurat
(Debian's ``r-cran-seurat``), ``benchmarks/seurat/integrate.R`` integrates the same counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure

FEATURES = 2000
SEURAT = Path(__file__).parent / "seurat" / "integrate.R"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="*", type=int, default=[1000, 10_000, 50_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--seurat", type=int, default=10_000, help="most cells that Seurat gets (default 10000)")
    parser.add_argument("--method", default="cca")
    asked = parser.parse_args()
    if asked.one:
        print(_one(asked.one, asked.method, asked.write))
        return
    seurat = asked.method == "cca" and shutil.which("Rscript") is not None and _has_seurat()
    if asked.method == "cca" and not seurat:
        print("there is no Rscript with Seurat here: no comparison")
    measure.machine()
    print(f"method {asked.method}, {FEATURES} features, two species; clusters left out")
    print(f"{'cells of each':>14} {'homodb s':>9} {'MB':>7} {'Seurat s':>9} {'MB':>7} {'ratio':>6}", flush=True)
    for cells in asked.cells:
        ours = _run([sys.executable, __file__, "--one", str(cells), "--method", asked.method])
        line = f"{cells:>14,} {ours[0]:>9.1f} {ours[1]:>7.0f}"
        if seurat and cells <= asked.seurat:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([sys.executable, __file__, "--one", str(cells), "--write", folder], check=True)
                try:
                    theirs = _run(["Rscript", str(SEURAT), folder, str(FEATURES)])
                    line += f" {theirs[0]:>9.1f} {theirs[1]:>7.0f} {theirs[0] / ours[0]:>6.1f}"
                except RuntimeError as error:
                    line += f" {error}"
        print(line, flush=True)


def _has_seurat() -> bool:
    return subprocess.run(["Rscript", "-e", "library(Seurat)"], capture_output=True).returncode == 0


def _run(command: list[str]) -> tuple[float, float]:
    """Run a program that prints seconds; give them, and the peak memory of its process in MB."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as told:
        running = subprocess.Popen(command, stdout=out, stderr=told)
        _, status, used = os.wait4(running.pid, 0)
        if status:
            told.seek(0)
            last = " ".join(told.read().splitlines()[-3:])
            raise RuntimeError(f"{command[0]} failed with {used.ru_maxrss / 1024:,.0f} MB: {last}")
        out.seek(0)
        return float(out.read().split()[-1]), used.ru_maxrss / 1024


def _one(cells: int, method: str, write: str | None) -> str:
    """Integrate simulated cells, or only write them; give the seconds."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    from homodb.query.integrate import IntegrateSettings, add_integration

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
    if write is not None:
        from scipy.io import mmwrite

        for part, name in ((slice(cells), "first"), (slice(cells, None), "second")):
            mmwrite(Path(write) / f"{name}.mtx", adata.X[part].T.astype(np.int64))
        return ""
    start = time.perf_counter()
    add_integration(adata, method=method, settings=IntegrateSettings(clustering="none"))
    return str(time.perf_counter() - start)


if __name__ == "__main__":
    main()
