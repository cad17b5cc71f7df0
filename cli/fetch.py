"""``homodb fetch``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import BaseOption, DivisionOption, EnsemblOption, JsonOption, OfflineOption, SpeciesListOption
from homodb.cli.output import megabytes

if TYPE_CHECKING:
    from homodb.etl.fetch.progress import Progress


def fetch(
    ensembl: EnsemblOption,
    species: SpeciesListOption,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the files; it may exist.")],
    base: BaseOption = None,
    division: DivisionOption = "vertebrates",
    offline: OfflineOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and fetch nothing.")] = False,
    checksums: Annotated[
        bool, typer.Option("--checksums/--no-checksums", help="Whether Ensembl's checksums have to hold.")
    ] = True,
    connections: Annotated[int, typer.Option("--connections", metavar="N", help="At a time. Default: 3.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Fetch Ensembl's files of some species, verified, and write a config over them for homodb build.

    Stopped at any moment, the same command goes on where it was.

    Example: homodb fetch --ensembl 113 --species human,mouse,pig -o inputs
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    from homodb.etl.config import EnsemblConfig
    from homodb.etl.fetch.inputs import named
    from homodb.etl.fetch.run import fetch as fetch_files
    from homodb.etl.fetch.run import plan

    wanted, asked = EnsemblConfig(ensembl, division, base, output), named(species)
    console = Console(stderr=True, highlight=False, markup=False)
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("asking", total=None)

        def report(now: Progress) -> None:
            told = (
                f"{now.step}: {now.files} of {now.all_files} files, {megabytes(now.bytes)}"
                if now.all_files
                else now.step
            )
            bars.update(bar, description=told, completed=now.bytes, total=now.all_bytes)

        if dry_run:
            found = plan(wanted, asked, offline=offline, report=report)
        else:
            found = fetch_files(
                wanted, asked, offline=offline, checksums=checksums, connections=connections, report=report
            )
    for note in found.notes:
        typer.echo(f"noted: {note}", err=True)
    if as_json:
        missing = {file.path for file in found.missing}
        files = [{"path": file.path, "url": file.url, "bytes": file.bytes, "sha256": file.sha256,
                  "about_bytes": file.high, "missing": file.path in missing} for file in found.files]  # fmt: skip
        json.dump({"folder": str(found.folder), "config": str(found.config), "files": files}, sys.stdout)
        typer.echo()
        return
    if dry_run:
        for file in found.missing:
            typer.echo(f"{'' if file.high is None else megabytes(file.high):>12}  {file.url}")
        size = "of unknown size" if found.missing_bytes is None else f"about {megabytes(found.missing_bytes)}"
        typer.echo(f"{len(found.missing)} of {len(found.files)} files to fetch, {size}")
        return
    size = megabytes(sum(file.bytes or 0 for file in found.files))
    typer.echo(f"{len(found.files)} files, {size}, {len(found.missing)} of them fetched now")
    typer.echo(f"next: homodb build {found.config} -o rel")
