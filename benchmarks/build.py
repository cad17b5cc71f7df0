"""Building the four-pair release, beside a bare DuckDB scan of the same inputs: ``python benchmarks/build.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measure import machine, pairs, table

PLLM = Path(__file__).resolve().parents[2] / "shared" / "data" / "pllm"

SCAN = """
import duckdb, glob, sys
for path in sorted(glob.glob(sys.argv[1] + '/*/*.gz')):
    duckdb.sql(f"select count(*), count(columns(*)) from read_csv('{path}', all_varchar=true)").fetchall()
"""


def main() -> None:
    if not PLLM.is_dir():
        raise SystemExit("needs the real data in ../shared/data/pllm")
    machine()
    with tempfile.TemporaryDirectory() as folder:
        build = [
            sys.executable,
            "-m",
            "homodb.cli",
            "build",
            str(PLLM / "release.toml"),
            "-o",
            f"{folder}/release",
            "--json",
        ]
        scan = [sys.executable, "-c", SCAN, str(PLLM)]
        ours, bare = pairs(build, scan)
    table("The four-pair release (target: under 10 s and 1 GB)", "homodb build", ours, "DuckDB reads the inputs", bare)


if __name__ == "__main__":
    main()
