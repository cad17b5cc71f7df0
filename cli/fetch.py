"""``homodb fetch``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import BaseOption, DivisionOption, EnsemblOption, JsonOption, OfflineOption, SpeciesListOption
from homodb.cli.output import megabytes
from homodb.cli.progress import steps_bar

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
    from homodb.etl.config import EnsemblConfig
    from homodb.etl.fetch.inputs import named
    from homodb.etl.fetch.run import fetch as fetch_files
    from homodb.etl.fetch.run import plan

    wanted, asked = EnsemblConfig(ensembl, division, base, output), named(species)
    with steps_bar("asking") as show:

        def report(now: Progress) -> None:
            told = (
                f"{now.step}: {now.files} of {now.all_files} files, {megabytes(now.bytes)}"
                if now.all_files
                else now.step
            )
            show(told, now.bytes, now.all_bytes)

        if dry_run:
            found = plan(wanted, asked, offline=offline, report=report)
        else:
            found = fetch_files(
                wanted, asked, offline=offline, checksums=checksums, connections=connections, report=report
            )
    for note in found.notes:
        typer.echo(f"noted: {note}", err=True)
    if as_json:
        typer.echo(json.dumps(found.totals()))
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
