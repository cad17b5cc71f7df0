"""Where a build writes: a folder that appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from homodb.schema.errors import OutputError, ReleaseError
from homodb.schema.files import check_folder
from homodb.schema.manifest import MANIFEST, read_manifest


def check_output(folder: Path, version: str) -> None:
    """Refuse an output folder that holds anything but an earlier build of the same release.

    Raises
    ------
    OutputError
        If it is a file, cannot be written, holds other files, or holds another release.
    """
    check_folder(folder)
    if not folder.exists():
        return
    if not any(folder.iterdir()):
        return
    try:
        there = read_manifest(folder)
    except ReleaseError as error:
        raise OutputError(f"{folder}: holds something else than a release; give a new or empty folder") from error
    if there.version != version:
        raise OutputError(
            f"{folder}: holds release {there.version}, and this build makes {version}; give a new or empty folder"
        )
    own = {MANIFEST, *(file.path for file in there.files)}
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    foreign = sorted(file for file in files if file not in own)
    if foreign:
        raise OutputError(
            f"{folder}: holds files beside release {version} that a build would delete "
            f"({', '.join(foreign[:3])}); move them, or give a new or empty folder"
        )


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a folder to build in; when all went well it takes the place of the output folder.

    A build that fails or is killed leaves the output folder as it was. What a killed one leaves beside it
    (``.<name>.building-*``) may be deleted.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.building-", dir=folder.parent))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
    try:
        staging.chmod(0o755)
        yield staging
        _put_in_place(staging, folder)
    except (OSError, duckdb.IOException) as error:
        raise OutputError(f"{folder}: cannot be written ({getattr(error, 'strerror', None) or error})") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _put_in_place(staging: Path, folder: Path) -> None:
    """Rename a finished release to its place; an earlier build there makes way, and comes back if that fails."""
    if not folder.exists():
        staging.rename(folder)
        return
    previous = staging.with_name(f"{staging.name}-previous")
    folder.rename(previous)
    try:
        staging.rename(folder)
    except OSError:
        previous.rename(folder)
        raise
    shutil.rmtree(previous)
