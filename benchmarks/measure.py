"""Runs commands side by side and measures them: wall seconds, and peak resident memory of the process itself."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

PACKAGES = ("homodb", "duckdb", "polars", "pyarrow", "anndata", "numpy", "scipy")

#: A process inherits the peak memory of the one that starts it, so a small one does.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.fork()
if not pid:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1), os.dup2(1, 2)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3), status)
"""


@dataclass(frozen=True)
class Run:
    """One finished command."""

    seconds: float
    megabytes: float


def run(command: Sequence[str]) -> Run:
    """Run a command in a process of its own; raise if it fails."""
    launched = [sys.executable, "-S", "-c", _LAUNCHER, *command]
    told = subprocess.run(launched, stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    if int(told[2]):
        raise RuntimeError(f"{command} ended with {told[2]}")
    return Run(float(told[0]), float(told[1]))


def pairs(first: Sequence[str], second: Sequence[str], times: int = 5) -> tuple[list[Run], list[Run]]:
    """Run two commands in turn, after one warm-up of each, so that a drift of the machine meets both."""
    run(first), run(second)
    both = [(run(first), run(second)) for _ in range(times)]
    return [a for a, _ in both], [b for _, b in both]


def table(title: str, first_name: str, first: list[Run], second_name: str, second: list[Run]) -> None:
    """Print the medians of both and the ratio pair by pair, as Markdown."""
    ratios = [a.seconds / b.seconds for a, b in zip(first, second, strict=True)]
    print(f"\n### {title}\n\n| what | seconds, median (min to max) | peak memory |\n| --- | --- | --- |")
    for name, runs in ((first_name, first), (second_name, second)):
        seconds = [one.seconds for one in runs]
        print(
            f"| {name} | {statistics.median(seconds):.3f} ({min(seconds):.3f} to {max(seconds):.3f}) "
            f"| {max(one.megabytes for one in runs):.0f} MB |"
        )
    print(
        f"\nratio {first_name} / {second_name}: {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def machine() -> None:
    """Print where and with what this was measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}; {versions}"
    )
