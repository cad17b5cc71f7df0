"""What ``make demo`` runs: from a simulated clade to a release, answers, translated cells, and the truth recovered."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path


def show(title: str, command: str) -> None:
    """Say what is done, show the command, run it."""
    print(f"\n== {title}\n$ {command}", flush=True)
    subprocess.run([sys.executable, "-m", "homodb.cli", *shlex.split(command)[1:]], check=True)


def main(folder: Path) -> None:
    start = time.perf_counter()
    sim, release = folder / "sim", folder / "release"
    for made in (sim, release):
        shutil.rmtree(made, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    print("All data here are simulated: they show how homodb is used, and say nothing about biology.")
    show("simulate three species with known truth", f"homodb simulate -o {sim} --genes 2000 --cells 1500")
    show(
        "build a release from their proteomes, annotation and homologies",
        f"homodb build {sim}/release.toml -o {release}",
    )
    show("what is in it", f"homodb info --release {release}")
    show(
        "one question in SQL: the surest ortholog pairs",
        f'homodb --release {release} sql "select source_symbol, target_symbol, homology_type, identity '
        "from orthologs('human', 'mouse', 'ens_m2m') where rank <= 5 order by rank\"",
    )
    show("one gene, the whole story", f"homodb --release {release} explain MT-ND1 --from human --to mouse")
    show(
        "the nearest pig genes of a human gene, by the k-mer profiles of their proteins",
        f"homodb --release {release} neighbors MT-ND1 --from human --to pig -k 3",
    )
    show(
        "translate mouse cells into human genes",
        f"homodb --release {release} translate {sim}/cells/mus_musculus.h5ad --to human -o {folder}/human.h5ad",
    )
    show(
        "human and mouse cells in one embedding",
        f"homodb --release {release} integrate {sim}/cells/homo_sapiens.h5ad {sim}/cells/mus_musculus.h5ad "
        f"--species human,mouse --method cca -o {folder}/joint.h5ad",
    )
    show(
        "how much of the truth came back",
        f"homodb exam {release} --truth {sim}/truth.tsv.gz --genes {sim}/truth_genes.tsv.gz --by strategy",
    )
    print(f"\nDone in {time.perf_counter() - start:.0f} s. With your own files: README.md, docs/build.md.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
