"""Define the command ``homodb verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from homodb.cli.options import JsonOption, ReleaseOption
from homodb.cli.output import give_json, megabytes, say
from homodb.cli.progress import bytes_bar
from homodb.cli.values import apart
from homodb.schema.messages import counted


def verify(
    context: typer.Context,
    path: Annotated[
        str | None, typer.Argument(metavar="PATH|NAME", help="Its folder, or its name in the cache; also by --release.")
    ] = None,
    release: ReleaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify every byte of a release.

    Against its manifest. Compare the printed sha256 of the manifest with the one that was published: it stands for all
    files.

    Example: homodb verify rel
    """
    from homodb.query.release import folder_of, locate
    from homodb.schema.manifest import verify as verify_release

    if path and release:
        raise apart("PATH", "--release")
    folder = folder_of(locate(path or release or context.obj))
    with bytes_bar(f"verifying {folder}") as report:
        verified = verify_release(folder, report=report)
    if as_json:
        names = {"release": verified.manifest.version, "folder": str(folder)}
        digest = {"manifest_sha256": verified.manifest_sha256}
        counts = {key: getattr(verified, key) for key in ("files", "bytes", "left_out", "foreign")}
        give_json(names | digest | counts)
        return
    for name in verified.foreign:
        say(f"noted: {name} is not of this release", err=True)
    left_out = f", {len(verified.left_out)} were not downloaded" if verified.left_out else ""
    sound = f"{counted(verified.files, 'file')} ({megabytes(verified.bytes)}) are what they were{left_out}"
    say(f"release {verified.manifest.version}: {sound}; sha256 of the manifest {verified.manifest_sha256}")
