"""Time and memory of the analyses as cells grow tenfold, and the exponent of that growth.

``python benchmarks/growth.py [CELLS ...] [--only translate,join,...]``: cells in all (default 1000 10000 100000), half
of each of two species, of 10 simulated types and 6 donors, over 4 000 genes of one-to-one orthologs of the starter
release. Each run is a process of its own: seconds without its start, and the peak memory of the whole process. With
``--million``, translation and neighbours of a million cells too.
"""

from __future__ import annotations

import argparse
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure

GENES, TYPES, DONORS, TILE = 4000, 10, 6, 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", type=int, default=[1000, 10_000, 100_000])
    parser.add_argument("--only", default=",".join(ANALYSES), help="analyses, separated by commas")
    parser.add_argument("--million", action="store_true", help="a million cells where that is meant to be possible")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.prepare:
        prepare(Path(chosen.prepare[0]), int(chosen.prepare[1]))
    elif chosen.one:
        print(_measured(chosen.one[0], Path(chosen.one[1])))
    else:
        measure.machine()
        compare(chosen.cells, chosen.only.split(","), million=chosen.million)


def compare(sizes: list[int], analyses: list[str], *, million: bool) -> None:
    """Print a table, a row per analysis and number of cells."""
    rows: dict[str, list[tuple[int, float, float]]] = {name: [] for name in analyses}
    for cells in [*sizes, *([1_000_000] if million else [])]:
        names = [name for name in analyses if cells in sizes or name in LARGE]
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([sys.executable, __file__, "--prepare", folder, str(cells)], check=True)
            for name in names:
                command = [sys.executable, __file__, "--one", name, folder]
                printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                seconds, peak = map(float, printed.splitlines()[-1].split())
                rows[name].append((cells, seconds, peak))
                print(f"{name} {cells:,}: {seconds:.2f} s, {peak:,.0f} MB", file=sys.stderr, flush=True)
    print(
        "\n| analysis | cells | seconds | peak MB | exponent from the row above |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name, measured in rows.items():
        for number, (cells, seconds, peak) in enumerate(measured):
            exponent = "-"
            if number:
                fewer, before, _ = measured[number - 1]
                exponent = f"{math.log(seconds / before) / math.log(cells / fewer):.2f}"
            print(f"| {name} | {cells:,} | {seconds:.2f} | {peak:,.0f} | {exponent} |")


def prepare(folder: Path, cells: int) -> None:
    """Write ``human.h5ad`` and ``mouse.h5ad``, half of the cells each, and ``all.h5ad``, of mouse cells only.

    Beyond 100 000 cells only ``all.h5ad`` is written, with the first 100 000 cells again and again.
    """
    human, mouse = symbols()
    simulated(cells, mouse, 1).write_h5ad(folder / "all.h5ad")
    if cells <= 10 * TILE:
        simulated(cells // 2, human, 2).write_h5ad(folder / "human.h5ad")
        simulated(cells // 2, mouse, 3).write_h5ad(folder / "mouse.h5ad")


def symbols() -> tuple[list[str], list[str]]:
    """Return the symbols of human genes and of their one-to-one orthologs of mouse."""
    import homodb

    with homodb.open("starter") as release:
        pairs = release.orthologs(source="human", target="mouse", strategy="ens_o2o")
    pairs = pairs.select("source_symbol", "target_symbol").drop_nulls()
    for side in pairs.columns:
        pairs = pairs.unique(side, maintain_order=True)
    return pairs["source_symbol"].to_list()[:GENES], pairs["target_symbol"].to_list()[:GENES]


def simulated(cells: int, genes: list[str], seed: int) -> Any:
    """Simulate an AnnData whose types are those of every other seed."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp
    from anndata import AnnData

    profiles = np.random.default_rng(0).gamma(0.3, 0.7, (TYPES, len(genes)))
    rng = np.random.default_rng(seed)
    bend = np.exp(rng.normal(0, 0.4, len(genes)))
    blocks, types = [], []
    for start in range(0, min(cells, 10 * TILE), TILE):
        types.append(rng.integers(0, TYPES, min(TILE, cells - start)))
        rates = profiles[types[-1]] * bend * rng.gamma(8, 0.125, (len(types[-1]), 1))
        blocks.append(sp.csr_matrix(rng.poisson(rates).astype(np.float32)))
    repeats = -(-cells // sum(block.shape[0] for block in blocks))
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([f"type {one}" for one in np.tile(np.concatenate(types), repeats)[:cells]]),
            "donor": pd.Categorical([f"donor {one}" for one in rng.integers(0, DONORS, cells)]),
        },
        index=[f"c{one}" for one in range(cells)],
    )
    matrix = sp.vstack(blocks * repeats, format="csr")[:cells]
    return AnnData(matrix, obs=obs, var=pd.DataFrame(index=genes))


def translate(folder: Path) -> Callable[[], Any]:
    from homodb.query.translate import translate_file

    return lambda: translate_file(folder / "all.h5ad", folder / "out.h5ad", "human", release="starter")


def join(folder: Path) -> Callable[[], Any]:
    import homodb

    both = {"human": folder / "human.h5ad", "mouse": folder / "mouse.h5ad"}
    return lambda: homodb.join(both, release="starter")


def integrate(folder: Path) -> Callable[[], Any]:
    import homodb

    joined = join(folder)()
    return lambda: homodb.integrate(joined, method="cca")


def score(folder: Path) -> Callable[[], Any]:
    import anndata
    import score as own

    import homodb

    adata = own.simulated(anndata.read_h5ad(folder / "all.h5ad", backed="r").n_obs)
    return lambda: homodb.score(adata, key="cca", donor_key="donor", baseline=False)


def annotate(folder: Path) -> Callable[[], Any]:
    import homodb

    return lambda: homodb.annotate(
        folder / "human.h5ad", folder / "mouse.h5ad", label_key="cell_type", release="starter"
    )


def markers(folder: Path) -> Callable[[], Any]:
    import homodb

    both = {"human": folder / "human.h5ad", "mouse": folder / "mouse.h5ad"}
    return lambda: homodb.markers(both, label_key="cell_type", donor_key="donor", release="starter")


def neighbors(folder: Path) -> Callable[[], Any]:
    import anndata
    import score

    from homodb.query.integrate import kneighbors

    cells = anndata.read_h5ad(folder / "all.h5ad", backed="r").n_obs
    points = score.simulated(cells).obsm["X_cca"]
    return lambda: kneighbors(points, 30, exclude_self=True)


ANALYSES: dict[str, Callable[[Path], Callable[[], Any]]] = {
    one.__name__: one for one in (translate, join, integrate, score, annotate, markers, neighbors)
}
#: Analyses that a million cells are meant for here.
LARGE = ("translate", "neighbors")


def _measured(name: str, folder: Path) -> str:
    """Run an analysis; return its seconds, and the peak memory of the process in MB."""
    import homodb

    homodb.settings.progress = False
    call = ANALYSES[name](folder)
    start = time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    return f"{seconds} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}"


if __name__ == "__main__":
    main()
