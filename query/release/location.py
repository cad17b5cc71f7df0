"""Locate a release.

It is given as a path, by name, by the environment or for a folder; the default is the newest in the cache, and at last
the starter release that homodb brings.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from homodb.query.release.cache import newest_release
from homodb.schema.errors import OutputError, ReleaseError
from homodb.schema.io import reason, whole_file
from homodb.schema.manifest import MANIFEST, read_manifest
from homodb.schema.settings import releases_folder

#: Environment variable that names the release to use.
RELEASE_VARIABLE = "HOMODB_RELEASE"
#: File that names the release for its folder and all below; written by :func:`use_in_folder`.
RELEASE_FILE = ".homodb-release"
#: Beginning of the names of releases that homodb brings.
_BUNDLED = "starter-"


class Origin(StrEnum):
    """Ways in which a release is chosen."""

    GIVEN = "as given"
    ENVIRONMENT = f"by {RELEASE_VARIABLE}"
    FOLDER = f"by {RELEASE_FILE}"
    CACHE = "the newest in the cache"
    BUNDLED = "bundled with homodb"


class Located(NamedTuple):
    """Path of a release, and how it was chosen."""

    path: Path
    origin: Origin


def locate(release: str | Path | None = None) -> Path:
    """Return the path of a release; see :func:`homodb.open`.

    It is the folder of the release or its ``.duckdb`` file.

    Raises
    ------
    ReleaseError
        If no release is given and there is no default, or it does not exist.
    """
    return find_release(release).path


def find_release(release: str | Path | None = None) -> Located:
    """Return the path of a release, and how it was chosen.

    Parameters
    ----------
    release
        Path or name; None takes ``HOMODB_RELEASE``, then the file ``.homodb-release`` of the working folder or one
        above it, then the newest release in the cache, then the one that homodb brings.

    Raises
    ------
    ReleaseError
        If there is none, or it does not exist.
    """
    if release is not None and str(release):
        return Located(_path_of(Path(release)), Origin.GIVEN)
    variable = os.environ.get(RELEASE_VARIABLE) if release is None else None
    if variable:
        return Located(_path_of(Path(variable)), Origin.ENVIRONMENT)
    if (file := release_file()) is not None:
        return Located(_named_in(file), Origin.FOLDER)
    if (newest := newest_release()) is not None:
        return Located(newest, Origin.CACHE)
    if bundled := bundled_releases():
        return Located(bundled[-1], Origin.BUNDLED)
    raise ReleaseError(
        f"no release is given, and none is in the cache ({releases_folder()}): `homodb build` makes one, "
        "`homodb download` brings one from a catalog; then name it for a folder (`homodb use PATH`), by the "
        f"environment variable {RELEASE_VARIABLE}, or with each question",
        option="release",
    )


def bundled_releases() -> list[Path]:
    """Return the folders of the releases that homodb brings, the newest last.

    They are package data of an installed homodb, or lie in ``releases`` of a checkout.
    """
    package = Path(__file__).parents[2]
    checkout = package.parents[1] if package.parent.name == "src" else package
    manifests = [path for place in (package, checkout) for path in (place / "releases").glob(f"{_BUNDLED}*/{MANIFEST}")]
    return sorted({path.parent for path in manifests}, key=lambda path: path.name)


def is_bundled(folder: Path) -> bool:
    """Return whether a folder is a release that homodb brings."""
    return folder.absolute() in [one.absolute() for one in bundled_releases()]


def release_file(folder: Path | None = None) -> Path | None:
    """Return the nearest file ``.homodb-release``, in a folder or above it; None without one."""
    try:
        start = (folder or Path.cwd()).absolute()
    except OSError:  # the working folder was deleted
        return None
    files = (one / RELEASE_FILE for one in (start, *start.parents))
    return next((file for file in files if os.path.isfile(file)), None)  # noqa: PTH113 (False where it is forbidden)


def use_in_folder(release: str | Path | None, folder: Path) -> Path | None:
    """Name the release of a folder and of all folders in it.

    Parameters
    ----------
    release
        Path or name, which must exist; None deletes the choice.
    folder
        The folder.

    Returns
    -------
    Path or None
        The file that holds the choice; None if there was none to delete.
    """
    file = folder / RELEASE_FILE
    if release is None:
        if not file.exists():
            return None
        try:
            file.unlink()
        except OSError as error:
            raise OutputError(f"{file}: cannot be deleted ({reason(error)})") from error
        return file
    path = _path_of(Path(release))
    text = str(release) if _by_name(Path(release)) == path else str(path.absolute())
    with whole_file(file) as partial:
        partial.write_text(f"{text}\n", "utf-8")
    return file


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


def _named_in(file: Path) -> Path:
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{file}: cannot be read ({reason(error)})") from error
    try:
        named = Path(text).expanduser()
        if not text:
            raise ReleaseError("no name")
        return beside if (beside := file.parent / named).exists() else _path_of(named)
    except (ReleaseError, OSError, RuntimeError, ValueError) as error:
        raise ReleaseError(
            f"{file}: names {text[:80]!r}, which is not a release; `homodb use NAME` names another"
        ) from error


def _path_of(wanted: Path) -> Path:
    try:
        path = wanted.expanduser()
        named = _by_name(path)
        if path.exists() and (named is None or path.is_file() or (path / MANIFEST).is_file()):
            if path.name == MANIFEST:
                raise ReleaseError(f"{path}: is the manifest of a release; give its folder, {path.parent}")
            return path
        if named is not None:
            return named
    except (OSError, RuntimeError) as error:  # too long, not to be entered, the home of nobody
        raise ReleaseError(f"{wanted}: cannot be looked up ({reason(error)})") from error
    raise ReleaseError(f"{path}: there is no such release, neither as a path nor by name in {releases_folder()}")


def _by_name(name: Path) -> Path | None:
    """Return the release of a name, in the cache or among those that homodb brings.

    A name without its version (``starter``) means the newest.
    """
    if len(name.parts) != 1 or name.name in ("", ".", ".."):
        return None
    bundled = bundled_releases()
    places = [releases_folder() / name, *(path for path in bundled if path.name == name.name)]
    exact = next((path for path in places if (path / MANIFEST).is_file()), None)
    if exact is not None or f"{name.name}-" != _BUNDLED:
        return exact
    family = [*bundled, *(file.parent for file in releases_folder().glob(f"{_BUNDLED}*/{MANIFEST}"))]
    return max(family, key=lambda path: (read_manifest(path).created, path.name), default=None)


def release_in_use(release: str | None = None) -> str:
    """Describe in one line the release that questions use.

    Parameters
    ----------
    release
        Path or name; None takes the environment variable, else the newest in the cache.

    Raises
    ------
    ReleaseError
        If there is no release, or it cannot be opened.
    """
    path = locate(release)
    if path.is_dir():
        manifest = read_manifest(path)
        return f"{manifest.version}, schema {manifest.schema_version}, {path}"
    return str(path)
