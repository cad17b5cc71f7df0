"""Define the command ``homodb demo``."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.demo_steps import ORPHAN, DemoStep, first_steps, next_steps, real_steps
from homodb.cli.output import say
from homodb.cli.values import refuse, whole
from homodb.schema.errors import MissingPackageError, OutputError
from homodb.schema.io import check_folder, check_there, make_folder

_SIMULATED = "All data here are simulated: they show how homodb is used, and say nothing about biology."
_REAL = (
    "150 human and 150 mouse cells of pancreatic islets (Baron et al. 2016, GSE84133), "
    "and the release of 20 species that homodb brings."
)
#: Options of the simulated tour.
_OF_SIMULATION = ("genes", "cells", "weights")


def demo(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder to make.")] = Path("demo"),
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Show everything on simulated species, whose truth is known.")
    ] = False,
    genes: Annotated[
        int, whole("--genes", low=300, high=60_000, help="With --simulated: genes of the common ancestor.")
    ] = 1000,
    cells: Annotated[
        int, whole("--cells", low=900, high=1_000_000, help="With --simulated: cells of all species.")
    ] = 900,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="With --simulated: ESM2 checkpoint, in place of k-mer profiles."
        ),
    ] = None,
) -> None:
    """Try homodb on real cells, or on simulated species.

    Real islet cells of human and mouse: translated, integrated, scored and labelled, off-line. Each step is a command:
    it is shown with a line or two of its answer. All that was answered is in DIR/log.txt.

    Example: homodb demo -o demo

    Example: homodb demo --simulated -o simulated
    """
    from homodb.query.release.doctor import lacking

    if not simulated:
        refuse(context, _OF_SIMULATION, "is for the simulated tour: add --simulated")
    elif weights is not None:
        from homodb.etl.embeddings import check_weights_file, find_checkpoint

        check_there(weights)
        find_checkpoint(weights.stem)
        check_weights_file(weights)
    check_folder(output)
    log = output / "log.txt"
    if output.is_dir() and any(output.iterdir()) and not log.exists():
        raise OutputError(f"{output}: holds something else than a demo; name another folder (-o)")
    if missing := lacking("cells"):
        raise MissingPackageError.of("the demo", ", ".join(missing), "cells")
    began = time.perf_counter()
    make_folder(output)
    _clear(output)
    sentences = _SIMULATED if simulated else _REAL
    say(sentences)
    with log.open("w", encoding="utf-8") as stream:
        stream.write(f"{sentences}\n")
        if simulated:
            _simulated(output, genes, cells, weights, stream.write)
        else:
            _real(output, stream.write)
    seconds = time.perf_counter() - began
    say(f"\nDone in {seconds:.0f} s. The report: {output / 'report.html'}; all answers: {log}")
    say("With your own cells: homodb translate cells.h5ad --to human")


def _real(output: Path, log: Callable[[str], object]) -> None:
    """Write the islet cells, and run the steps on them."""
    from homodb.query.datasets import islets

    for name, adata in islets()._asdict().items():
        adata.write_h5ad(output / f"{name}.h5ad")
    for step in real_steps(output):
        _run(step, log)
        if step.command[0] == "report":
            for sentence in _sentences(output / "report.html"):
                say(textwrap.fill(sentence, 100, initial_indent="  - ", subsequent_indent="    "))


def _sentences(page: Path) -> list[str]:
    """Return the sentences of a report about its scores."""
    text = page.read_text("utf-8")
    section = text[text.index("What the numbers say") :]
    _, *items = section[: section.index("</ul>")].split("<li>")
    return [html.unescape(re.sub(r"<[^>]+>", "", item)).strip() for item in items]


def _simulated(output: Path, genes: int, cells: int, weights: Path | None, log: Callable[[str], object]) -> None:
    """Run the steps on simulated species, from nothing to how much of their truth comes back."""
    sim = output / "sim"
    config = sim / ("release.toml" if weights is None else "release_esm2.toml")
    for step in first_steps(output, genes=genes, cells=cells, config=config):
        _run(step, log)
        if weights is not None and not config.exists():
            _with_weights(sim / "release.toml", config, weights)
    orphans = json.loads(_answer(("--release", str(output / "release"), "sql", "--json", ORPHAN)))
    orphan = orphans[0]["symbol"] if orphans else "MT-ND1"
    for step in next_steps(output, orphan):
        _run(step, log)


def _clear(output: Path) -> None:
    """Remove files of an earlier demo that a step would not replace."""
    import shutil

    for made in ("sim", "release", "markers", "pictures"):
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
