"""``homodb verify``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from homodb.cli.options import JsonOption
from homodb.cli.output import megabytes
from homodb.cli.progress import bytes_bar


def verify(
    context: typer.Context,
    release: Annotated[
        str | None,
        typer.Argument(metavar="PATH|NAME", help="Its folder, or its name in the cache. Default: the one in use."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every byte of a release against its manifest.

    Compare the printed sha256 of the manifest with the one that was published: it stands for all files.

    Example: homodb verify rel
    """
    from homodb.query.location import locate
    from homodb.schema.verify import verify as verify_release

    path = locate(release or context.obj)
    folder = path if path.is_dir() else path.parent
    with bytes_bar(f"verifying {folder}") as report:
        found = verify_release(folder, report=report)
    if as_json:
        told = {"release": found.manifest.version, "folder": str(folder), "manifest_sha256": found.manifest_sha256}
        counts = {"files": found.files, "bytes": found.bytes, "left_out": found.left_out, "foreign": found.foreign}
        typer.echo(json.dumps(told | counts))
        return
    for name in found.foreign:
        typer.echo(f"noted: {name} is not of this release", err=True)
    left_out = f", {len(found.left_out)} were not downloaded" if found.left_out else ""
    sound = f"{found.files} files ({megabytes(found.bytes)}) are what they were{left_out}"
    typer.echo(f"release {found.manifest.version}: {sound}; sha256 of the manifest {found.manifest_sha256}")
