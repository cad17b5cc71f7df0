"""Share of counts that strategies carry from mouse to human, by cell type: ``python benchmarks/carried.py RELEASE``."""

from __future__ import annotations

import sys
from pathlib import Path

import anndata
from measure import machine

import homodb

CELLS = Path(__file__).resolve().parents[2] / "shared" / "data" / "cells" / "baron_mouse_822.h5ad"
TYPES = ("beta", "alpha", "ductal", "endothelial")


def main(folder: str) -> None:
    if not CELLS.is_file():
        raise SystemExit("needs the real data in ../shared/data/cells")
    machine()
    mouse = anndata.read_h5ad(CELLS)
    print(f"\n### Share of counts carried, mouse to human\n\n| strategy | all | {' | '.join(TYPES)} |")
    print("| --- " * (len(TYPES) + 2) + "|")
    with homodb.open(folder) as release:
        for strategy in homodb.Strategy:
            shares = []
            for cells in (mouse, *(mouse[mouse.obs["cell_type"] == name].copy() for name in TYPES)):
                _, report = homodb.translate(cells, "human", strategy=strategy, release=release, return_report=True)
                shares.append(f"{report.carried():.3f}")
            print(f"| {strategy} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main(*sys.argv[1:2])
