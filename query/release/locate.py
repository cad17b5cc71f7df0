"""Locate a release.

It is given as a path, as a name in the cache or by the environment; the default is the newest one.
"""

from __future__ import annotations

import os
from pathlib import Path

from homodb.query.release.cache import newest_release
from homodb.schema.errors import ReleaseError
from homodb.schema.io import reason
from homodb.schema.manifest import MANIFEST
from homodb.schema.settings import releases_folder

#: Environment variable that names the release to use.
RELEASE_VARIABLE = "HOMODB_RELEASE"


def locate(release: str | Path | None = None) -> Path:
    """Return the path of a release; see :func:`homodb.open`.

    It is the folder of the release or its ``.duckdb`` file.

    Raises
    ------
    ReleaseError
        If no release is given and the cache has none, or it does not exist.
    """
    wanted = release if release is not None else os.environ.get(RELEASE_VARIABLE)
    path = _path_of(Path(wanted)) if wanted else newest_release()
    if path is None:
        raise ReleaseError(
            f"no release is given, and none is in the cache ({releases_folder()}): `homodb build` makes one, "
            "`homodb download` brings one from a catalog; then use --release PATH, release=..., or the environment "
            f"variable {RELEASE_VARIABLE}"
        )
    return path


def folder_of(path: Path) -> Path:
    """Return the folder of a release or of its ``.duckdb`` file.

    Raises
    ------
    ReleaseError
        If the file is not the database of a release.
    """
    if path.is_dir():
        return path
    if path.suffix != ".duckdb" or not (path.parent / MANIFEST).is_file():
        raise ReleaseError(f"{path}: is not a release with its manifest; give the folder of one")
    return path.parent


def _path_of(wanted: Path) -> Path:
    try:
        path = wanted.expanduser()
        if path.exists():
            if path.name == MANIFEST:
                raise ReleaseError(f"{path}: is the manifest of a release; give its folder, {path.parent}")
            return path
        named = releases_folder() / path
        if len(path.parts) == 1 and path.name not in ("", ".", "..") and (named / MANIFEST).is_file():
            return named
    except (OSError, RuntimeError) as error:  # too long, not to be entered, the home of nobody
        raise ReleaseError(f"{wanted}: cannot be looked up ({reason(error)})") from error
    raise ReleaseError(f"{path}: there is no such release, neither as a path nor by name in {releases_folder()}")
