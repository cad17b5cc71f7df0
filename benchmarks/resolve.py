"""Resolving 30 000 names of each kind: ``python benchmarks/resolve.py`` (needs the real data beside the checkout)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from measure import machine

import homodb
from homodb.etl import build_release
from homodb.query.genes import resolve

PLLM = Path(__file__).resolve().parents[2] / "shared" / "data" / "pllm"
NAMES = 30_000
TIMES = 5


def main() -> None:
    machine()
    with tempfile.TemporaryDirectory() as folder:
        build_release(PLLM / "release.toml", Path(folder) / "rel")
        with homodb.open(Path(folder) / "rel") as release:
            human = release.find_species("human")
            symbols = release.sql(
                "SELECT DISTINCT symbol FROM gene WHERE species = ? AND symbol IS NOT NULL AND gene = primary_gene "
                "ORDER BY hash(symbol) LIMIT ?",
                [human.number, NAMES],
            )["symbol"]
            kinds = {
                "symbols": symbols.to_list(),
                "symbols in lower case": symbols.str.to_lowercase().to_list(),
                "symbols with a suffix": (symbols + "-1").to_list(),
                "symbols with a genome's name": ("GRCh38_" + symbols).to_list(),
                "stable IDs that the release does not have": [f"ENSG{i:011}.1" for i in range(symbols.len())],
            }
            print("\n| names | different | seconds, median (min to max) | understood as |\n| --- | --- | --- | --- |")
            for kind, names in kinds.items():
                seconds = []
                for _ in range(TIMES):
                    start = time.perf_counter()
                    found = resolve(release, names, human)
                    seconds.append(time.perf_counter() - start)
                hows = ", ".join(f"{how} {count:,}" for how, count in sorted(Counter(found["how"]).items()))
                print(
                    f"| {kind} | {len(names):,} | {statistics.median(seconds):.2f} "
                    f"({min(seconds):.2f} to {max(seconds):.2f}) | {hows} |"
                )


if __name__ == "__main__":
    main()
