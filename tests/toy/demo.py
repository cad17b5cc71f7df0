"""What ``make demo`` runs: from hand-made inputs to a release, its answers, and a translated AnnData.

The data are a toy: three species, some twenty genes, made by hand (see README.md beside this file).
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

HERE = Path(__file__).resolve().parent
GENES = ["Ins1", "Ins2", "Gcg", "Tnf", "Vwf", "mt-Nd1", "Rplp0", "Dup1", "Dup2", "Xist", "Orph9", "Gm1"]


def toy_cells() -> anndata.AnnData:
    """Six mouse cells of two types, counts written down by hand."""
    beta, alpha = [40, 60, 1, 0, 0, 5, 20, 2, 3, 1, 0, 4], [1, 2, 90, 0, 0, 6, 25, 2, 1, 0, 1, 3]
    counts = np.array([beta, alpha] * 3, dtype=np.int32) + np.arange(6, dtype=np.int32)[:, None]
    obs = pd.DataFrame({"cell_type": ["beta", "alpha"] * 3}, index=[f"cell{n}" for n in range(6)])
    return anndata.AnnData(sparse.csr_matrix(counts), obs=obs, var=pd.DataFrame(index=GENES))


def show(title: str, command: str) -> None:
    print(f"\n== {title}\n$ {command}", flush=True)
    words = shlex.split(command)
    subprocess.run([sys.executable, "-m", "homodb.cli", *words[1:]], check=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    release, cells = folder / "release", folder / "mouse.h5ad"
    toy_cells().write_h5ad(cells)
    print("Toy data, made by hand: what they say about biology is nothing; how homodb is used, all.")
    show("build a release from its inputs", f"homodb build {HERE / 'release.toml'} -o {release}")
    show("what is in it", f"homodb info --release {release}")
    show(
        "one question in SQL",
        f'homodb --release {release} sql "select strategy, target_symbol, evidence_class '
        "from ortholog where source_species = 'homo_sapiens' and source_symbol = 'VWF'\"",
    )
    show("one gene, the whole story", f"homodb --release {release} explain FCER1A --from human --to mouse")
    show(
        "translate mouse cells",
        f"homodb --release {release} translate {cells} --to human -o {folder / 'human.h5ad'}",
    )
    human = anndata.read_h5ad(folder / "human.h5ad")
    mouse = toy_cells()
    insulin = int(mouse[:, ["Ins1", "Ins2"]].X.sum())
    print(
        f"\nIns1 and Ins2 of the mouse cells: {insulin} counts; "
        f"INS of the translated cells: {int(human[:, 'INS'].X.sum())}"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
