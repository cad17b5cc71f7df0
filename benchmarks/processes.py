"""Whole processes beside what a user would otherwise run: ``python benchmarks/processes.py [--only start,file,...]``.

``start``: a question at the terminal, beside Python with DuckDB. ``file``: the 822 mouse islet cells, and 80 000
simulated ones, beside reading and writing them with anndata. ``zarr``: the latter to a zarr store of format 3, and from
one with shards, beside h5ad. ``report``: 997 integrated islet cells, beside importing scanpy. ``build``: the starter
release, beside DuckDB's bare read of its inputs. ``annotate``: 10 000 cells by a reference of 100 000, beside scanpy on
the translated cells. ``markers``: two species of 100 000 cells, beside scanpy's rank sums on one of them. Simulated
cells are those of ``benchmarks/growth.py``. Both sides take turns, after a run of each that does not count.
``--beside`` names another Python for scanpy: 1.12.4 finds no neighbours of more than 8,192 cells with pynndescent 0.6.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import anndata
import growth
from measure import machine, pairs, table

ROOT = Path(__file__).resolve().parents[1]
ISLETS = ROOT.parent / "shared" / "data" / "cells" / "baron_mouse_822.h5ad"
HOMODB = [sys.executable, "-m", "homodb.cli"]
PYTHON = [sys.executable, "-c"]
SCANPY = [sys.executable, "-c"]
COPY = "import sys, anndata; anndata.read_h5ad(sys.argv[1]).write_h5ad(sys.argv[2])"
READ = """
import sys, duckdb, glob
for path in sorted(glob.glob(sys.argv[1] + "/**/*.gz", recursive=True)):
    rows = f"read_csv('{path}', all_varchar=true, ignore_errors=true)"
    duckdb.sql(f"select count(*), count(columns(*)) from {rows}").fetchall()
"""
INGEST = """
import sys, anndata, scanpy as sc
cells, reference = (anndata.read_h5ad(path) for path in sys.argv[1:3])
cells.var_names = reference.var_names
for one in (cells, reference):
    sc.pp.normalize_total(one, target_sum=1e4)
    sc.pp.log1p(one)
sc.pp.pca(reference, n_comps=30)
sc.pp.neighbors(reference)
sc.tl.umap(reference)
sc.tl.ingest(cells, reference, obs="cell_type")
"""
RANK = """
import sys, anndata, scanpy as sc
cells = anndata.read_h5ad(sys.argv[1])
sc.pp.normalize_total(cells, target_sum=1e4)
sc.pp.log1p(cells)
sc.tl.rank_genes_groups(cells, "cell_type", method="wilcoxon")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--times", type=int, default=3, help="runs of each side")
    parser.add_argument("--beside", default=sys.executable, help="Python of scanpy")
    chosen = parser.parse_args()
    SCANPY[0] = chosen.beside
    machine()
    for name in chosen.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), chosen.times)


def start(folder: Path, times: int) -> None:
    duckdb = [*PYTHON, "import duckdb; duckdb.connect().sql('select 1').fetchall()"]
    for words in (["--version"], ["orthologs", "INS", "--from", "human", "--to", "mouse"], ["sql", "SELECT 1 AS one"]):
        first, second = pairs([*HOMODB, *words], duckdb, 3 * times)
        table("homodb " + " ".join(words), "homodb", first, "Python with DuckDB", second)


def file(folder: Path, times: int) -> None:
    large = folder / "large.h5ad"
    growth.simulated(80_000, growth.symbols()[1], 1).write_h5ad(large)
    for path, title in ((ISLETS, "822 mouse islet cells"), (large, "80,000 simulated cells")):
        if not path.is_file():
            print(f"{title} are not there")
            continue
        to = ["--to", "human", "-o", str(folder / "out.h5ad"), "--release", "starter"]
        copy = [*PYTHON, COPY, str(path), str(folder / "copy.h5ad")]
        first, second = pairs([*HOMODB, "translate", str(path), *to], copy, times)
        table(f"{title}, file to file", "homodb translate", first, "anndata, read and write", second)


def zarr(folder: Path, times: int) -> None:
    h5ad, sharded = folder / "large.h5ad", folder / "large.zarr"
    cells = growth.simulated(80_000, growth.symbols()[1], 1)
    cells.write_h5ad(h5ad)
    with anndata.settings.override(zarr_write_format=3, auto_shard_zarr_v3=True):
        cells.write_zarr(sharded)
    del cells
    words = [*HOMODB, "translate", "--to", "human", "--release", "starter"]
    ours = {
        (path, end): [*words, str(path), "-o", f"{folder}/out.{end}"]
        for path, end in ((h5ad, "h5ad"), (h5ad, "zarr"), (sharded, "zarr"))
    }
    for source in (h5ad, sharded):
        first, second = pairs(ours[source, "zarr"], ours[h5ad, "h5ad"], times)
        table(f"80,000 simulated cells, {source.suffix} to .zarr", source.suffix + " to .zarr", first, "h5ad", second)


def report(folder: Path, times: int) -> None:
    human = ISLETS.with_name("baron_human_175.h5ad")
    cells = folder / "cca.h5ad"
    words = ["integrate", str(human), str(ISLETS), "--species", "human,mouse", "--method", "cca", "-o", str(cells)]
    subprocess.run([*HOMODB, *words], check=True, capture_output=True)
    ours = [*HOMODB, "report", str(cells), "-o", str(folder / "report.html")]
    first, second = pairs(ours, [*PYTHON, "import scanpy"], times)
    table("report of 997 cells", "homodb report", first, "Python imports scanpy", second)


def build(folder: Path, times: int) -> None:
    starter = ROOT / "releases" / "starter-2026.1"
    make = [*HOMODB, "build", str(starter / "release.toml"), "-o", str(folder / "rel")]
    first, second = pairs(make, [*PYTHON, READ, str(starter / "inputs")], times)
    table("the starter release of 20 species", "homodb build", first, "DuckDB reads the inputs", second)


def annotate(folder: Path, times: int) -> None:
    query, reference = written(folder, 10_000, 100_000)
    ours = [*HOMODB, "annotate", query, "--reference", reference, "--label", "cell_type", "--release", "starter"]
    first, second = pairs([*ours, "-o", str(folder / "out.h5ad")], [*SCANPY, INGEST, query, reference], times)
    table("10,000 cells by a reference of 100,000", "homodb annotate", first, "scanpy's ingest", second)


def markers(folder: Path, times: int) -> None:
    human, mouse = written(folder, 100_000, 100_000)
    ours = [*HOMODB, "markers", human, mouse, "--label", "cell_type", "--donor-key", "donor", "--release", "starter"]
    first, second = pairs([*ours, "-o", str(folder / "markers")], [*SCANPY, RANK, human], times)
    table("markers of two species of 100,000 cells", "homodb markers", first, "scanpy on one of them", second)


def written(folder: Path, *cells: int) -> list[str]:
    """Write so many human and so many mouse cells; return the two paths."""
    paths = [folder / "human.h5ad", folder / "mouse.h5ad"]
    for seed, (path, count, genes) in enumerate(zip(paths, cells, growth.symbols(), strict=True), 2):
        growth.simulated(count, genes, seed).write_h5ad(path)
    return [str(path) for path in paths]


PARTS: dict[str, Callable[[Path, int], None]] = {
    one.__name__: one for one in (start, file, zarr, report, build, annotate, markers)
}


if __name__ == "__main__":
    main()
