"""How fast cells are translated, and in how much memory: ``python benchmarks/translate.py RELEASE [--small]``.

Made-up counts under real gene names, from mouse to human. Three questions: against mousipy (``--mousipy PYTHON`` names
the interpreter of an environment that has mousipy 0.1.7); against reading and writing the same file with anndata and
doing nothing; and memory and time as cells grow tenfold.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from measure import machine, pairs, run, table

import homodb

#: Translates a file with mousipy and prints the seconds of the call alone.
_MOUSIPY = """
import sys, time, warnings, contextlib, io
warnings.filterwarnings("ignore")
import anndata, mousipy
cells = anndata.read_h5ad(sys.argv[1])
start, cpu = time.perf_counter(), time.process_time()
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    mousipy.translate(cells, verbose=False)
print(time.perf_counter() - start, time.process_time() - cpu)
"""

_NOTHING = "import sys, anndata; anndata.read_h5ad(sys.argv[1]).write_h5ad(sys.argv[2])"


def names(release: homodb.Release, number: int) -> list[str]:
    """Symbols of mouse genes, those with a human ortholog first."""
    rows = release.sql(
        "SELECT g.symbol FROM gene g LEFT JOIN (SELECT DISTINCT source_symbol AS symbol FROM ens_m2m "
        "WHERE source_species = 'mus_musculus' AND target_species = 'homo_sapiens') o ON o.symbol = g.symbol "
        "WHERE g.species = 2 AND g.symbol IS NOT NULL GROUP BY g.symbol, o.symbol "
        "ORDER BY o.symbol IS NULL, hash(g.symbol)"
    )
    symbols = rows["symbol"].to_list()[:number]
    return symbols + [f"made-up-{i}" for i in range(number - len(symbols))]


def counts(rng: np.random.Generator, cells: int, genes: int, per_cell: int) -> sp.csr_matrix:
    """So many made-up counts in each cell, anywhere."""
    starts = np.sort(rng.integers(0, genes - per_cell + 1, (cells, per_cell)), axis=1)
    indices = (starts + np.arange(per_cell)).astype(np.int32).ravel()
    data = rng.geometric(0.4, indices.size).astype(np.float32)
    return sp.csr_matrix((data, indices, np.arange(0, indices.size + 1, per_cell)), shape=(cells, genes))


def make(path: Path, genes: list[str], cells: int, per_cell: int) -> None:
    """Write a file of so many cells, block by block."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(genes))
    obs = pd.DataFrame(
        {"kind": pd.Categorical(rng.integers(0, 20, cells).astype(str))}, index=[f"c{i}" for i in range(cells)]
    )
    var = pd.DataFrame(index=[genes[i] for i in order])
    anndata.AnnData(sp.csr_matrix((cells, len(genes)), dtype=np.float32), obs=obs, var=var).write_h5ad(path)
    with h5py.File(path, "r+") as file:
        group = file["X"]
        del group["data"], group["indices"], group["indptr"]
        total = cells * per_cell
        group["indptr"] = np.arange(0, total + 1, per_cell, dtype=np.int64 if total > 2**31 - 1 else np.int32)
        data = group.create_dataset("data", (total,), np.float32)
        indices = group.create_dataset("indices", (total,), np.int32)
        for start in range(0, cells, 5000):
            block = counts(rng, min(5000, cells - start), len(genes), per_cell)
            span = slice(start * per_cell, start * per_cell + block.nnz)
            data[span], indices[span] = block.data, block.indices


def against_mousipy(release: homodb.Release, folder: Path, python: str | None, cells: int, genes: int) -> None:
    path = folder / "mousipy.h5ad"
    per_cell = int(genes * 0.07)
    make(path, names(release, genes), cells, per_cell)
    adata = anndata.read_h5ad(path)
    seconds, cpu = [], []
    for _ in range(4):
        start, begun = time.perf_counter(), time.process_time()
        homodb.translate(adata, "human", source="mouse", release=release)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - begun)
    ours, used = statistics.median(seconds[1:]), statistics.median(cpu[1:])
    print(f"\n### {cells:,} cells x {genes:,} genes, 7 % filled, the call alone\n")
    each = ", ".join(f"{one:.2f}" for one in seconds[1:])
    print(f"homodb.translate: {ours:.2f} s (median of 3 after a warm-up: {each}), {used:.2f} s of processor time")
    if python is None:
        print("mousipy: not asked for (--mousipy PYTHON)")
        return
    told = subprocess.run([python, "-c", _MOUSIPY, str(path)], stdout=subprocess.PIPE, text=True, check=True).stdout
    theirs, spent = (float(one) for one in told.split()[-2:])
    print(f"mousipy.translate: {theirs:.1f} s (once), {spent:.1f} s of processor time")
    print(f"mousipy / homodb: {theirs / ours:.0f}, in processor time {spent / used:.0f}")


def against_nothing(folder: Path, rel: str, genes: list[str], cells: int, per_cell: int, times: int) -> None:
    path, output = folder / "nothing.h5ad", folder / "out.h5ad"
    make(path, genes, cells, per_cell)
    nothing = [sys.executable, "-c", _NOTHING, str(path), str(output)]
    ours = _command(path, output, rel)
    first, second = pairs(ours, nothing, times)
    title = f"{cells:,} cells x {per_cell:,} genes per cell: file to file"
    table(title, "homodb translate", first, "anndata, read and write", second)
    path.unlink(), output.unlink()


def as_cells_grow(folder: Path, rel: str, genes: list[str], most: int, per_cell: int) -> None:
    print(f"\n### As cells grow, {per_cell:,} genes per cell\n")
    print("| cells | input | seconds | cells per second | peak memory |\n| --- | --- | --- | --- | --- |")
    for cells in (most // 10, most // 5, most // 2, most):
        path, output = folder / "grow.h5ad", folder / "out.h5ad"
        make(path, genes, cells, per_cell)
        one = run(_command(path, output, rel))
        size = path.stat().st_size / 1e6
        print(
            f"| {cells:,} | {size:,.0f} MB | {one.seconds:.1f} | {cells / one.seconds:,.0f} | {one.megabytes:.0f} MB |",
            flush=True,
        )
        path.unlink(), output.unlink()


def _command(path: Path, output: Path, rel: str) -> list[str]:
    asked = ["--from", "mouse", "--to", "human", "-o", str(output), "--release", rel]
    return [sys.executable, "-m", "homodb.cli", "translate", str(path), *asked]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="a release with mouse and human")
    parser.add_argument("--mousipy", metavar="PYTHON", help="interpreter of an environment that has mousipy")
    parser.add_argument("--only", choices=("mousipy", "nothing", "growth"), help="one of the three questions")
    parser.add_argument("--small", action="store_true", help="a fortieth of the cells: to see that it runs")
    parser.add_argument("--times", type=int, default=3, help="pairs of runs against anndata")
    asked = parser.parse_args()
    part = 40 if asked.small else 1
    machine()
    with tempfile.TemporaryDirectory() as name, homodb.open(asked.release) as release:
        folder, genes = Path(name), names(release, 25_000)
        if asked.only in (None, "mousipy"):
            against_mousipy(release, folder, asked.mousipy, 8_000 // part, 25_000)
        if asked.only in (None, "nothing"):
            against_nothing(folder, asked.release, genes, 80_000 // part, 1_500, asked.times)
        if asked.only in (None, "growth"):
            as_cells_grow(folder, asked.release, genes, 200_000 // part, 1_500)


if __name__ == "__main__":
    main()
