"""Define the command ``homodb fetch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homodb.cli.options import BaseOption, DivisionOption, EnsemblOption, JsonOption, OfflineOption, SpeciesListOption
from homodb.cli.output import give_json, megabytes, say
from homodb.cli.progress import steps_bar
from homodb.cli.values import whole
from homodb.schema.messages import counted

if TYPE_CHECKING:
    from homodb.etl.fetch import FetchProgress


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
    connections: Annotated[int, whole("--connections", low=1, high=8, help="Connections at a time, 8 at most.")] = 3,
    as_json: JsonOption = False,
) -> None:
    """Fetch the files of Ensembl that a build needs.

    And write a config over them for homodb build. Stopped at any moment, the same command goes on where it was.

    Example: homodb fetch --ensembl 113 --species human,mouse,pig -o inputs

    Example: homodb fetch --ensembl 2026_04 --species human,mouse=GCA_000001635.9 -o inputs
    """
    from homodb.etl import EnsemblConfig
    from homodb.etl.fetch import fetch_files, parse_accessions, parse_species, plan_fetch

    accessions = parse_accessions(species)
    wanted = EnsemblConfig(release=ensembl, division=division, base=base, folder=output, accessions=accessions)
    wanted_species = parse_species(species)
    with steps_bar("asking") as show:

        def report(now: FetchProgress) -> None:
            files = (
                f": {now.files} of {counted(now.all_files, 'file')}, {megabytes(now.bytes)}" if now.all_files else ""
            )
            description = f"{now.step}{files}"
            show(description, now.bytes, now.all_bytes)

        if dry_run:
            result = plan_fetch(wanted, wanted_species, offline=offline, report=report)
        else:
            result = fetch_files(
                wanted, wanted_species, offline=offline, checksums=checksums, connections=connections, report=report
            )
    for note in result.notes:
        say(f"noted: {note}", err=True)
    if as_json:
        give_json(result.totals())
        return
    if dry_run:
        for file in result.missing:
            say(f"{'' if file.high is None else megabytes(file.high):>12}  {file.url}")
        size = "of unknown size" if result.missing_bytes is None else f"about {megabytes(result.missing_bytes)}"
        say(f"{len(result.missing):,} of {counted(len(result.files), 'file')} to fetch, {size}")
        return
    size = megabytes(sum(file.bytes or 0 for file in result.files))
    say(f"{counted(len(result.files), 'file')}, {size}, {len(result.missing)} of them fetched now")
    say(f"next: homodb build {result.config} -o rel")
