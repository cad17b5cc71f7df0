"""Where a graph pays: exact look-ups through a memory-mapped index beside look-ups in a graph.

``python benchmarks/index.py`` goes through all vectors at 20,000, 50,000 and 100,000 genes of 1280 dimensions and
builds a graph at 20,000; ``--exact 20000 50000 100000 200000 --graph 20000 50000 100000`` measures more, and takes
long, since graphs are built by one thread. Vectors are made up: families of genes around centres on a common one,
or with ``--smooth`` without families, which is harder for a graph. One query at a time, as a look-up asks.
``crossing`` is from how many look-ups on the time to build the graph is won back.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measure import machine
from usearch.index import Index

from homodb.etl import write_index
from homodb.query.genes import nearest
from homodb.schema.vectors import GeneVectors, normalised, write_vectors

K = 10


def made(genes: int, dimensions: int, smooth: bool) -> GeneVectors:
    rng = np.random.default_rng(genes)
    common = 2 * rng.standard_normal(dimensions, dtype=np.float32)
    if smooth:
        strength = 0.93 ** np.arange(40, dtype=np.float32)
        latent = rng.standard_normal((genes, 40), dtype=np.float32) * strength
        vectors = latent @ rng.standard_normal((40, dimensions), dtype=np.float32)
    else:
        families = rng.standard_normal((max(1, genes // 20), dimensions), dtype=np.float32)
        vectors = families[rng.integers(0, len(families), genes)]
    for start in range(0, genes, 10_000):
        block = vectors[start : start + 10_000]
        block += common + np.float32(0.5) * rng.standard_normal(block.shape, dtype=np.float32)
    return GeneVectors(np.arange(genes, dtype=np.int64) + 2**24, vectors)


def truth(vectors: GeneVectors, asked: np.ndarray) -> list[set[int]]:
    """Find the ten nearest of each asked gene, itself left out, by products in single precision."""
    units = normalised(vectors.vectors)
    best = []
    for row in asked:
        correlations = units @ units[row]
        correlations[row] = -2
        best.append(set(vectors.genes[np.argpartition(-correlations, K)[:K]].tolist()))
    return best


def median_ms(step: Callable[[int], object], rows: np.ndarray) -> float:
    taken = []
    for row in rows:
        start = time.perf_counter()
        step(int(row))
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def measured(folder: Path, vectors: GeneVectors, asked: np.ndarray, graph: bool) -> dict[str, float]:
    index, file = folder / "i.usearch", folder / "v.parquet"
    start = time.perf_counter()
    write_index(index, vectors, graph_from=0 if graph else len(vectors.genes) + 1)
    built = time.perf_counter() - start
    write_vectors(file, vectors)
    start = time.perf_counter()
    with index.open("rb") as stream:
        hashlib.file_digest(stream, "sha256")
    checksum = (time.perf_counter() - start) * 1e3
    opened = Index.restore(index, view=True, expansion_search=256)
    assert opened is not None
    units = normalised(vectors.vectors[asked])
    search = median_ms(lambda row: opened.search(units[row], 4 * K + 68, exact=not graph), np.arange(len(asked)))
    found: list[set[int]] = []

    def look_up(row: int) -> None:
        query = GeneVectors(vectors.genes[asked[row : row + 1]], vectors.vectors[asked[row : row + 1]])
        found.append(set(nearest(query, file, index, K, whole=False)[0].genes.tolist()))

    whole = median_ms(look_up, np.arange(len(asked)))
    hits = sum(len(a & b) for a, b in zip(found, truth(vectors, asked), strict=True))
    size = index.stat().st_size / 1e6
    return {
        "build": built,
        "MB": size,
        "sha256": checksum,
        "search": search,
        "look": whole,
        "recall": hits / K / len(asked),
    }


def scalar_types(genes: int, dimensions: int, smooth: bool, queries: int) -> None:
    """Print what each type of stored numbers costs and finds by itself, before exact correlations decide."""
    vectors = made(genes, dimensions, smooth)
    asked = np.random.default_rng(0).choice(genes, queries, replace=False)
    units = normalised(vectors.vectors)
    print(f"\n### Types of numbers, {genes:,} genes, gone through\n\n| type | build, s | MB | search, ms | recall@10 |")
    print("| --- | --- | --- | --- | --- |")
    best = truth(vectors, asked)
    for kind in ("f32", "f16", "bf16", "i8"):
        index = Index(ndim=dimensions, metric="ip", dtype=kind, connectivity=2, expansion_add=1)
        start = time.perf_counter()
        index.add(vectors.genes.astype(np.uint64), units, threads=1)
        built = time.perf_counter() - start
        found: list[set[int]] = []

        def look_up(row: int, index: Index = index, found: list[set[int]] = found) -> None:
            keys = index.search(units[row], K + 1, exact=True).keys.astype(np.int64)
            found.append(set(keys[keys != vectors.genes[row]][:K].tolist()))

        taken = median_ms(look_up, asked)
        recall = sum(len(a & b) for a, b in zip(found, best, strict=True)) / K / len(asked)
        print(
            f"| {kind} | {built:.2f} | {index.serialized_length / 1e6:.0f} | {taken:.2f} | {recall:.3f} |", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exact", type=int, nargs="*", default=[20_000, 50_000, 100_000])
    parser.add_argument("--graph", type=int, nargs="*", default=[20_000])
    parser.add_argument("--dimensions", type=int, default=1280)
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--smooth", action="store_true")
    parser.add_argument("--types", type=int, default=20_000, help="genes for the types of numbers; 0 leaves them out")
    options = parser.parse_args()
    machine()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    kind = "smooth" if options.smooth else "families"
    print(f"\n### Look-ups of {K} neighbours, {options.dimensions} dimensions, {kind}\n")
    print("| genes | search | build, s | MB | sha256, ms | search, ms | whole look-up, ms | recall@10 |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    told: dict[tuple[int, bool], dict[str, float]] = {}
    for genes in sorted({*options.exact, *options.graph}):
        vectors = made(genes, options.dimensions, options.smooth)
        asked = np.random.default_rng(0).choice(genes, min(options.queries, genes), replace=False)
        for graph in (False, True):
            if genes in (options.graph if graph else options.exact):
                with tempfile.TemporaryDirectory() as name:
                    row = told[genes, graph] = measured(Path(name), vectors, asked, graph)
                print(
                    f"| {genes:,} | {'graph' if graph else 'exact'} | {row['build']:.1f} | {row['MB']:.0f} "
                    f"| {row['sha256']:.0f} | {row['search']:.2f} | {row['look']:.1f} | {row['recall']:.4f} |",
                    flush=True,
                )
    if options.types:
        scalar_types(options.types, options.dimensions, options.smooth, options.queries)
    for genes in options.graph:
        if (genes, False) in told:
            exact, graph_row = told[genes, False], told[genes, True]
            saved = (exact["search"] - graph_row["search"]) / 1e3
            extra = graph_row["build"] - exact["build"]
            won = f"{extra / saved:,.0f} look-ups" if saved > 0 else "never: it is not faster"
            print(f"\ncrossing at {genes:,} genes: the graph costs {extra:.0f} s more, won back after {won}")


if __name__ == "__main__":
    main()
