"""Each command in a process of its own, as a user starts it; elsewhere most run in this one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from homodb.cli.app import app
from homodb.etl import build_release
from homodb.etl.simulate import Settings, simulate
from tests.conftest import Once
from tests.console import typed

#: What test_end_to_end, test_cookbook and test_embed run so, and .ci/run.
ELSEWHERE = {
    "fetch",
    "build",
    "publish",
    "releases",
    "download",
    "verify",
    "translate",
    "sql",
    "embed",
    "demo",
    "niches",
}
FILES = "sim/cells/homo_sapiens.h5ad sim/cells/mus_musculus.h5ad --species human,mouse"
#: A line to type, and a word of what it prints.
LINES = {
    "simulate": ("-o mine --species 2 --genes 20 --cells 0", "homo_sapiens"),
    "join": (f"{FILES} -o joint.h5ad", "joint.h5ad"),
    "integrate": (f"{FILES} --method none -o flat.h5ad", "flat.h5ad"),
    "score": ("out.h5ad --profile pllm --resamples 0", "asw"),
    "compare": (f"{FILES} --strategies hm_o2o --methods none --profile pllm --resamples 0", "HM_O2O"),
    "annotate": (
        "sim/cells/mus_musculus.h5ad --reference sim/cells/homo_sapiens.h5ad --label cell_type -o named.h5ad",
        "named.h5ad",
    ),
    "evaluate": ("labelled.h5ad --truth cell_type --resamples 0", "accuracy"),
    "markers": (f"{FILES} --donor-key donor -o markers", "markers"),
    "report": ("out.h5ad -o page.html --donor-key donor --profile pllm", "page.html"),
    "inspect": ("sim/cells/mus_musculus.h5ad", "species: mus_musculus"),
    "orthologs": ("ENSG90000000006 --from human --to mouse", "target"),
    "explain": ("ENSG90000000006 --from human --to mouse", "ENSG90000000006"),
    "neighbors": ("ENSG90000000006 --from human --to mouse -k 2", "correlation"),
    "table": ("human mouse", "homo_sapiens_symbol"),
    "info": ("", "HM_O2O"),
    "use": ("rel", "rel"),
    "exam": ("--truth sim/truth.tsv.gz --by strategy", "precision"),
    "doctor": ("", "homodb"),
    "export": ("embeddings -o vectors --format saturn", "vectors"),
    "cache": ("list", "cache"),
}  # fmt: skip


@pytest.fixture(scope="session")
def made(once: Once) -> Path:
    """A folder with a clade, its release and cells, integrated and labelled."""

    def make(folder: Path) -> None:
        summary = simulate(folder / "sim", Settings(species=2, genes=120, cells=160, cell_types=4, seed=5))
        build_release(summary.config, folder / "rel")
        for line in (
            f"homodb --release rel integrate {FILES} --method none -o out.h5ad",
            f"homodb --release rel annotate {LINES['annotate'][0].replace('named', 'labelled')}",
        ):
            assert typed(line, folder, os.environ).code == 0

    return once("processes", make)


def test_every_command_runs_so_somewhere() -> None:
    assert set(LINES) | ELSEWHERE == set(get_command(app).commands)  # type: ignore[attr-defined]
    assert not set(LINES) & ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
def test_a_command_in_a_process_of_its_own(command: str, made: Path, bare: Path) -> None:
    for name in ("sim", "rel", "out.h5ad", "labelled.h5ad"):
        (bare / name).symlink_to(made / name)
    line, word = LINES[command]
    words = [sys.executable, "-m", "homodb.cli", command, *shlex.split(line)]
    environment = os.environ | {"HOMODB_RELEASE": "rel"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert word in done.stdout
