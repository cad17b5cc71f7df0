"""How often the chain through a hub and the direct pair disagree, and how long a join takes.

``python benchmarks/join.py RELEASE [CELLS]``: RELEASE maps human, mouse and pig to each other. For each strategy and
hub: the rows that the direct pair confirms, contradicts, or knows by half. With CELLS: the wall time and the peak
of memory of joining two made-up files of so many cells each, 2 000 values a cell.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp

import homodb
from homodb.query.join import join, join_to_file

SPECIES = ["human", "mouse", "pig"]


def names(release: homodb.Release, species: str) -> list[str]:
    query = "SELECT stable_id FROM gene JOIN species USING (species) WHERE common_name = ? ORDER BY ALL"
    rows = release.sql(query, [species])
    return rows["stable_id"].unique(maintain_order=True).to_list()


def conflicts(release: homodb.Release) -> None:
    whole = [
        anndata.AnnData(np.ones((1, len(genes)), np.int32), var=pd.DataFrame(index=genes))
        for genes in (names(release, one) for one in SPECIES)
    ]
    counted = "confirmed contradicted  half silent  contradicted of both"
    print(f"{'strategy':<9} {'hub':<6} {'rows':>7}  behind{'':<31} {counted}")
    for strategy in ("hm_o2o", "lm_o2o", "hl_o2o"):
        for hub in SPECIES:
            _, report = join(whole, species=SPECIES, strategy=strategy, via=hub, release=release, return_report=True)
            for row in report.verdicts.iter_rows(named=True):
                counts = f"{row['confirmed']:>10,} {row['contradicted']:>12,} {row['half']:>5,} {row['silent']:>6,}"
                share = f"{row['share_contradicted']:.2%}"
                print(f"{strategy:<9} {hub:<6} {report.feature_count:>7,}  {row['behind']:<36} {counts}  {share}")


def pace(release: homodb.Release, cells: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, species in enumerate(SPECIES[:2]):
            genes = names(release, species)
            rng = np.random.default_rng(number)
            indices = np.sort(rng.integers(0, len(genes), (cells, 2000), dtype=np.int32), axis=1)
            data = rng.integers(1, 9, cells * 2000, dtype=np.int32)
            counts = sp.csr_matrix((data, indices.ravel(), np.arange(cells + 1) * 2000), shape=(cells, len(genes)))
            counts.sum_duplicates()
            paths.append(Path(folder) / f"{species}.h5ad")
            anndata.AnnData(counts, var=pd.DataFrame(index=genes)).write_h5ad(paths[-1])
        del counts, data, indices
        for strategy in ("hm_o2o", "ens_m2m"):
            start = time.perf_counter()
            join_to_file(paths, Path(folder) / "joint.h5ad", species=SPECIES[:2], strategy=strategy, release=release)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            print(f"{strategy}: 2 x {cells:,} cells in {time.perf_counter() - start:.1f} s, peak so far {peak:.2f} GB")


if __name__ == "__main__":
    with homodb.open(sys.argv[1]) as opened:
        conflicts(opened)
        if len(sys.argv) > 2:
            pace(opened, int(sys.argv[2]))
