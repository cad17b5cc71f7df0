"""Exact matching of two species beside the bare matrix product, and beside other ways to the same answer.

    python benchmarks/matching.py
    python benchmarks/matching.py --genes 20000 --dimensions 5120 --rounds 3 --ways homodb torch.mm

Ways take turns, each in a process of its own, so that a drift of the machine meets all of them. Seconds are those of
the work alone, from vectors in memory; the ratio is to the bare product of the same round. homodb starts from raw
vectors and gives best hits of both sides with margins, 1 wanted pair to a gene, and the median of all correlations.
The others start from vectors that are normalised already: numpy makes the whole matrix and its argmax both ways;
usearch and faiss find the two nearest of one side, which is half of what is needed; faiss also of both. Each way has
done a small case before. What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import measure
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def vectors(genes: int, dimensions: int) -> tuple[Array, Array]:
    """Two species: seven of ten genes of the second are near a gene of the first."""
    one, two = (np.empty((genes, dimensions), np.float32) for _ in range(2))
    rng = np.random.default_rng(0)
    for start in range(0, genes, 1000):
        some = slice(start, min(start + 1000, genes))
        rng.standard_normal(dtype=np.float32, out=one[some])
        rng.standard_normal(dtype=np.float32, out=two[some])
        two[some][:700] += one[some][:700]
    return one, two


def homodb(one: Array, two: Array) -> Callable[[], Any]:
    import polars as pl

    from homodb.etl.matching import correlate_genes
    from homodb.schema.vectors import GeneVectors

    genes = np.arange(len(one))
    wanted = pl.DataFrame({"gene_a": genes, "gene_b": genes[::-1]})
    return lambda: correlate_genes(GeneVectors(genes, one), GeneVectors(genes, two), wanted=wanted)


def torch_mm(one: Array, two: Array) -> Callable[[], Any]:
    import torch

    left, right = torch.from_numpy(one), torch.from_numpy(two)
    return lambda: torch.mm(left, right.T)


def numpy_whole(one: Array, two: Array) -> Callable[[], Any]:
    def work() -> Any:
        matrix = one @ two.T
        return matrix.argmax(axis=1), matrix.argmax(axis=0)

    return work


def usearch_exact(one: Array, two: Array) -> Callable[[], Any]:
    from usearch.index import MetricKind, search

    return lambda: search(two, one, 2, MetricKind.IP, exact=True, threads=os.cpu_count())


def faiss_exact(one: Array, two: Array) -> Callable[[], Any]:
    import faiss

    return lambda: faiss.knn(one, two, 2, metric=faiss.METRIC_INNER_PRODUCT)


def faiss_both(one: Array, two: Array) -> Callable[[], Any]:
    there, back = faiss_exact(one, two), faiss_exact(two, one)
    return lambda: (there(), back())


WAYS: dict[str, tuple[str, Callable[[Array, Array], Callable[[], Any]]]] = {
    "homodb": ("torch", homodb),
    "torch.mm": ("torch", torch_mm),
    "numpy whole": ("numpy", numpy_whole),
    "usearch exact, one side": ("usearch", usearch_exact),
    "faiss exact, one side": ("faiss", faiss_exact),
    "faiss exact, both sides": ("faiss", faiss_both),
}


def one_way(way: str, genes: int, dimensions: int) -> None:
    """Do it one way, and print seconds and peak memory (MB)."""
    one, two = vectors(genes, dimensions)
    if way not in ("homodb", "torch.mm"):
        from homodb.schema.vectors import normalised

        for some in (slice(start, start + 500) for start in range(0, genes, 500)):
            one[some], two[some] = normalised(one[some]), normalised(two[some])
    WAYS[way][1](one[:200].copy(), two[:200].copy())()
    work = WAYS[way][1](one, two)
    start, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps([seconds, cpu, peak]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Exact matching beside other ways")
    parser.add_argument("--genes", type=int, default=5000)
    parser.add_argument("--dimensions", type=int, default=1280)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one_way(asked.one, asked.genes, asked.dimensions)
        return
    ways = [way for way in WAYS if way in (*asked.ways, "torch.mm") and importlib.util.find_spec(WAYS[way][0])]
    told: dict[str, list[list[float]]] = {way: [] for way in ways}
    size = ("--genes", str(asked.genes), "--dimensions", str(asked.dimensions))
    for _ in range(asked.rounds):
        for way in ways:
            command = [sys.executable, __file__, *size, "--one", way]
            told[way].append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    measure.machine()
    inputs = 2 * asked.genes * asked.dimensions * 4 / 1e6
    print(f"{asked.genes} x {asked.genes} genes, {asked.dimensions} dimensions; inputs {inputs:.0f} MB")
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(
        "\n| way | seconds, median (min to max) | rate against torch.mm | same, processor seconds | peak less inputs |"
    )
    print("| --- | --- | --- | --- | --- |")
    for way, runs in told.items():
        seconds = [run[0] for run in runs]
        rates = [
            statistics.median(bare[place] / run[place] for bare, run in zip(told["torch.mm"], runs, strict=True))
            for place in (0, 1)
        ]
        print(
            f"| {way} | {statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f}) "
            f"| {rates[0]:.2f} | {rates[1]:.2f} | {max(run[2] for run in runs) - inputs:.0f} MB |"
        )


if __name__ == "__main__":
    main()
