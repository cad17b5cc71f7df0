"""Define the command ``homodb demo``."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.demo_steps import ORPHAN, DemoStep, first_steps, next_steps
from homodb.cli.output import say
from homodb.cli.values import whole
from homodb.schema.errors import MissingPackageError, OutputError
from homodb.schema.io import check_folder, check_there, make_folder

_SAID = "All data here are simulated: they show how homodb is used, and say nothing about biology."


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")] = Path("demo"),
    genes: Annotated[int, whole("--genes", low=300, high=60_000, help="Genes of the common ancestor.")] = 1000,
    cells: Annotated[int, whole("--cells", low=900, high=1_000_000, help="Cells of all species.")] = 900,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="ESM2 checkpoint, in place of k-mer profiles.")
    ] = None,
) -> None:
    """Show everything on simulated species.

    From nothing to a report, and how much of the known truth comes back. Each step is a command: it is shown
    with a line or two of its answer. All that was answered is in DIR/log.txt.

    Example: homodb demo -o demo
    """
    from homodb.etl.embeddings import check_weights_file, find_checkpoint
    from homodb.query.release.doctor import lacking

    if weights is not None:
        check_there(weights)
        find_checkpoint(weights.stem)
        check_weights_file(weights)
    check_folder(output)
    log, sim = output / "log.txt", output / "sim"
    if output.is_dir() and any(output.iterdir()) and not log.exists():
        raise OutputError(f"{output}: holds something else than a demo; name another folder (-o)")
    if missing := lacking("cells"):
        raise MissingPackageError.of("the demo", ", ".join(missing), "cells")
    began = time.perf_counter()
    make_folder(output)
    _clear(output)
    say(_SAID)
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"{_SAID}\n")
        config = sim / ("release.toml" if weights is None else "release_esm2.toml")
        for step in first_steps(output, genes=genes, cells=cells, config=config):
            _run(step, stream.write)
            if weights is not None and not config.exists():
                _with_weights(sim / "release.toml", config, weights)
        orphans = json.loads(_answer(("--release", str(output / "release"), "sql", "--json", ORPHAN)))
        orphan = orphans[0]["symbol"] if orphans else "MT-ND1"
        for step in next_steps(output, orphan):
            _run(step, stream.write)
    say(f"\nDone in {time.perf_counter() - began:.0f} s. The report: {output / 'report.html'}; all answers: {log}")
    say(
        "With your own cells: this release holds made-up genes, so make one of real genes (docs/build.md), then:\n"
        "homodb --release rel translate cells.h5ad --to human -o in_human_genes.h5ad"
    )


def _clear(output: Path) -> None:
    """Remove files of an earlier demo that a step would not replace."""
    import shutil

    for made in ("sim", "release", "markers"):
        shutil.rmtree(output / made, ignore_errors=True)


def _with_weights(config: Path, changed: Path, weights: Path) -> None:
    """Write the build config with an ESM2 checkpoint.

    It replaces the k-mer profile, and is named after its file.
    """
    text = config.read_text("utf-8")
    model = f"model = {json.dumps(weights.stem)}\nweights = {json.dumps(str(weights.resolve()))}"
    changed.write_text(text.replace('model = "kmer"', model), "utf-8")


def _run(step: DemoStep, log: Callable[[str], object]) -> None:
    """Run a step, print part of its answer, and log all of it."""
    shown = f"\n== {step.title}\n$ {shlex.join(('homodb', *step.command))}"
    say(shown)
    began = time.perf_counter()
    lines = _answer(step.command).splitlines()
    log("\n".join([shown, *lines, ""]))
    if isinstance(step.shown, int):
        selected = [line for line in lines if line.strip()][: step.shown]
    else:
        selected = [line for line in lines if any(text in line for text in step.shown)]
    for line in selected:
        say(f"  {line.rstrip()}")
    say(f"  ({time.perf_counter() - began:.0f} s)")


def _answer(command: Sequence[str]) -> str:
    """Run a command as a user would, and return its answer.

    If it fails, print its message and exit with its code.
    """
    done = subprocess.run([sys.executable, "-m", "homodb.cli", *command], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        say(done.stderr.removesuffix("\n"), err=True)
        raise typer.Exit(done.returncode)
    return done.stdout
