"""Time and memory of ``homodb.score`` by the number of cells and the profile.

``python benchmarks/score.py [CELLS ...] [--profiles pllm,scib,cross-species,scib-metrics]``: cells of two species in
all (default 1000 20000 100000), 12 simulated types in 30 dimensions, 4 donors of each species, no baseline, 200 draws.
The last of these profiles is scib-metrics' own ``Benchmarker``. Each run is a process of its own; its peak memory is
the whole process's.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from typing import Any

TYPES, DIMENSIONS, DONORS = 12, 30, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="*", type=int, default=[1000, 20_000, 100_000])
    parser.add_argument("--profiles", default="pllm,scib,cross-species")
    parser.add_argument("--one", nargs=2, metavar=("CELLS", "PROFILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(_one(int(asked.one[0]), asked.one[1]))
        return
    print(f"{TYPES} types in {DIMENSIONS} dimensions, two species of {DONORS} donors; 200 draws; without a baseline")
    print(f"{'cells':>9} {'profile':>14} {'seconds':>9} {'peak MB':>9}")
    for cells in asked.cells:
        for profile in asked.profiles.split(","):
            command = [sys.executable, __file__, "--one", str(cells), profile]
            last = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
            seconds, peak = last.split()
            print(f"{cells:>9,} {profile:>14} {float(seconds):>9.1f} {float(peak):>9.0f}", flush=True)


def simulated(cells: int) -> Any:
    """Simulate an integrated AnnData."""
    import numpy as np
    import pandas as pd
    from anndata import AnnData

    rng = np.random.default_rng(0)
    label = rng.choice(TYPES, cells, p=rng.dirichlet(np.full(TYPES, 3.0)))
    species, donor = rng.integers(0, 2, cells), rng.integers(0, DONORS, cells)
    points = rng.normal(0, 3, (TYPES, DIMENSIONS))[label] + rng.normal(0, 1.5, (cells, DIMENSIONS))
    points += rng.normal(0, 0.5, (2, DIMENSIONS))[species] + rng.normal(0, 0.3, (2 * DONORS, DIMENSIONS))[donor]
    obs = pd.DataFrame(
        {
            "cell_type": [f"type {one}" for one in label],
            "species": np.array(["human", "mouse"])[species],
            "donor": [f"donor {one}" for one in donor],
        },
        index=[f"c{one}" for one in range(cells)],
    )
    return AnnData(obs=obs, obsm={"X_cca": points.astype(np.float32)})


def _one(cells: int, profile: str) -> str:
    """Score simulated cells; give seconds and the peak memory of the process in MB."""
    adata = simulated(cells)
    if profile == "scib-metrics":
        start = time.perf_counter()
        _benchmarker(adata)
    else:
        import homodb

        start = time.perf_counter()
        homodb.score(adata, key="cca", donor_key="donor", profile=profile, baseline=False)
    seconds = time.perf_counter() - start
    return f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


def _benchmarker(adata: Any) -> None:
    """Run scib-metrics itself, without what compares with cells before the integration."""
    from scib_metrics.benchmark import BatchCorrection, Benchmarker

    Benchmarker(
        adata, batch_key="species", label_key="cell_type", embedding_obsm_keys=["X_cca"],
        pre_integrated_embedding_obsm_key="X_cca",
        batch_correction_metrics=BatchCorrection(pcr_comparison=False), progress_bar=False,
    ).benchmark()  # fmt: skip


if __name__ == "__main__":
    main()
