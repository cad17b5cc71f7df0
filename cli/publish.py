"""Define the command ``homodb publish``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, megabytes
from homodb.cli.progress import bytes_bar


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A release, as homodb build made it.")],
    target: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Folder of releases, to be served as it is.")],
    as_json: JsonOption = False,
) -> None:
    """Put a build into a folder of releases.

    And into its catalog. Every file and invariant is checked first. The same release may be published again; another of
    its name may not. Any static web server, bucket or disk can serve the folder.

    Example: homodb publish rel --to releases
    """
    from homodb.etl import publish_release

    with bytes_bar(f"publishing {folder}") as report:
        entry = publish_release(folder, target, report=report)
    if as_json:
        give_json({"folder": str(target / entry.name), **entry.model_dump()})
        return
    typer.echo(
        f"published {entry.name} ({megabytes(entry.bytes)}) in {target}; sha256 of its manifest {entry.manifest_sha256}"
    )
