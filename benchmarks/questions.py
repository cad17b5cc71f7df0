"""Point questions and start-up: ``python benchmarks/questions.py``.

A point question is ``homodb.open`` and ``orthologs`` of one gene in a running Python, beside opening the same
file with DuckDB and one ``SELECT`` over the view; ``homodb --help`` stands beside a bare start of Python.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from measure import machine, pairs, table

import homodb
from homodb.etl import build_release

PLLM = Path(__file__).resolve().parents[2] / "shared" / "data" / "pllm"
SELECT = """SELECT * FROM ortholog WHERE strategy = 'ENS_M2M' AND source_species = 'homo_sapiens'
AND target_species = 'mus_musculus' AND source_symbol = 'INS'"""


def milliseconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return (time.perf_counter() - start) * 1e3


def ask_homodb(folder: Path) -> None:
    with homodb.open(folder) as release:
        assert release.orthologs("INS", source="human", target="mouse").height == 2


def ask_duckdb(file: Path) -> None:
    with duckdb.connect(str(file), read_only=True) as connection:
        assert len(connection.execute(SELECT).fetchall()) == 2


def main() -> None:
    if not PLLM.is_dir():
        raise SystemExit("needs the real data in ../shared/data/pllm")
    machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "release"
        build_release(PLLM / "release.toml", folder)
        file = next(folder.glob("*.duckdb"))
        ask_homodb(folder), ask_duckdb(file)
        timed = [(milliseconds(lambda: ask_homodb(folder)), milliseconds(lambda: ask_duckdb(file))) for _ in range(30)]
    print("\n### A point question: open and ask (target: under 50 ms)\n")
    print("| what | ms, median (min to max) |\n| --- | --- |")
    for place, what in enumerate(("homodb.open + orthologs of one gene", "duckdb.connect + one SELECT over the view")):
        values = [row[place] for row in timed]
        print(f"| {what} | {statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f}) |")
    print(f"\nratio: {statistics.median(a / b for a, b in timed):.2f}")
    ours, bare = pairs([sys.executable, "-m", "homodb.cli", "--help"], [sys.executable, "-c", "pass"])
    table("homodb --help (target: under 0.4 s)", "homodb --help", ours, "a bare start of Python", bare)


if __name__ == "__main__":
    main()
