"""Define the command ``homodb publish``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import give_json, megabytes, say
from homodb.cli.progress import bytes_bar
from homodb.schema.errors import OptionsError


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A release, as homodb build made it.")],
    target: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Folder of releases, to be served as it is.")
    ] = None,
    flat: Annotated[
        bool,
        typer.Option("--flat", help="Also write ortholog/SPECIES.parquet: flat files that are read without joins."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the entry for a catalog; copy nothing.")] = False,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="URL", help="With --dry-run: where the files will lie, if not beside the catalog."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a build to a folder of releases.

    And into its catalog. Every file and invariant is checked first. The same release may be published again; another of
    its name may not. Any static web server, bucket or disk can serve the folder. A release that lies in the folder
    already is entered where it is.

    Example: homodb publish rel --to releases

    Example: homodb publish rel --dry-run --address https://zenodo.org/records/1/files
    """
    from homodb.etl import catalog_entry, publish_release

    if dry_run:
        give_json(catalog_entry(folder, address).model_dump(mode="json"))
        return
    if target is None or address is not None:
        raise OptionsError(
            "no folder of releases is given. Give one, or print the entry for a catalog with --dry-run"
            if target is None
            else "an address is for an entry that is printed: add --dry-run"
        )
    with bytes_bar(f"publishing {folder}") as report:
        entry = publish_release(folder, target, flat=flat, report=report)
    if as_json:
        give_json({"folder": str(target / entry.name), **entry.model_dump()})
        return
    say(
        f"published {entry.name} ({megabytes(entry.bytes)}) in {target}; sha256 of its manifest {entry.manifest_sha256}"
    )
