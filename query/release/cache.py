"""List and prune the cache.

It holds releases, interrupted downloads, model weights and stores of vectors.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from homodb.schema.errors import CacheError, OutputError, ReleaseError
from homodb.schema.io import find_abandoned, remove_abandoned
from homodb.schema.locks import waited
from homodb.schema.manifest import Manifest, read_manifest, read_selection
from homodb.schema.settings import cache_folder, releases_folder

#: Folders of the cache whose entries are listed one by one, beside the releases.
_KINDS = {"weights": "weights", "embeddings": "embeddings"}
#: Seconds to wait for a process that is at work on what is to be deleted.
_PATIENCE = 5.0
_PRUNED = ".pruned"
#: Record of the newest release that each catalog had.
SEEN = "catalogs.json"


class CacheKind(StrEnum):
    """Kinds of items in the cache."""

    RELEASE = "release"
    PART = "part of a release"
    DAMAGED = "damaged release"
    UNFINISHED = "unfinished"
    WEIGHTS = "weights"
    EMBEDDINGS = "embeddings"
    OTHER = "other"


@dataclass(frozen=True)
class Cached:
    """Item in the cache.

    Parameters
    ----------
    name
        Name of the release, or else path within the cache.
    kind
        Kind of the item.
    path
        Path.
    bytes
        Size of all its files.
    created
        Time of the release's build, ISO 8601, UTC; None for other items.
    """

    name: str
    kind: CacheKind
    path: Path
    bytes: int
    created: str | None = None


def list_cached() -> list[Cached]:
    """List the cache, releases first, newest release first.

    What killed runs left of their outputs, in the current folder and that for temporary files, is listed as unfinished.

    Raises
    ------
    CacheError
        If the cache cannot be read.
    """
    folder = cache_folder()
    try:
        items = [_release(path) for path in _entries(releases_folder()) if not path.name.endswith(".lock")]
        items += [
            Cached(str(one), CacheKind.UNFINISHED, one, _size(one))
            for place in dict.fromkeys((Path.cwd(), Path(tempfile.gettempdir()), folder / "databases"))
            for one in find_abandoned("", place)
        ]
        for place in _entries(folder):
            if place.name in _KINDS:
                kind = CacheKind(_KINDS[place.name])
                items += [Cached(f"{place.name}/{one.name}", kind, one, _size(one)) for one in _entries(place)]
            elif place.name not in (releases_folder().name, SEEN):
                items.append(Cached(place.name, CacheKind.OTHER, place, _size(place)))
    except OSError as error:
        raise CacheError(f"{folder}: the cache cannot be read ({error.strerror or error})") from error
    order = list(CacheKind)
    newest = sorted(items, key=lambda one: (one.created or "", one.name), reverse=True)
    return sorted(newest, key=lambda one: order.index(one.kind))


def newest_release() -> Path | None:
    """Return the folder of the newest release in the cache.

    None if no release has its DuckDB file or all its Parquet files.
    """
    try:
        manifests = [(_manifest(path), path) for path in _entries(releases_folder()) if not path.name.startswith(".")]
    except OSError as error:
        raise CacheError(f"{releases_folder()}: cannot be read ({error.strerror or error})") from error
    usable = [
        (manifest.created, path.name, path)
        for manifest, path in manifests
        if manifest is not None and _has_database(manifest, path)
    ]
    return max(usable)[2] if usable else None


def prune(names: Sequence[str] = (), *, dry_run: bool = False) -> list[Cached]:
    """Delete items from the cache.

    Parameters
    ----------
    names
        Names, as in :func:`list_cached`. None means unfinished downloads and all releases but the newest.
    dry_run
        Whether to delete nothing.

    Returns
    -------
    list of Cached
        Items that were deleted, or would be.

    Raises
    ------
    CacheError
        If an item does not exist or cannot be deleted.
    """
    items = list_cached()
    if names:
        by_name = {one.name: one for one in items}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            available = ", ".join(by_name) or "nothing"
            raise CacheError(f"the cache holds no {', '.join(map(repr, unknown))} (it holds {available})")
        selected = [by_name[name] for name in dict.fromkeys(names)]
    else:
        newest = newest_release()
        kinds = (CacheKind.RELEASE, CacheKind.PART, CacheKind.DAMAGED, CacheKind.UNFINISHED)
        selected = [one for one in items if one.kind in kinds and one.path != newest]
    for one in selected if not dry_run else ():
        _delete(one)
    return selected


def _delete(one: Cached) -> None:
    """Rename an item, then delete it, so that no half of it is listed."""
    try:
        if one.name == str(one.path):
            remove_abandoned(one.path)
            return
        if one.path.parent != releases_folder():
            _remove(one.path)
            return
        with waited(one.path.with_name(f".{_release_name(one.path)}.lock"), longest=_PATIENCE):
            gone = one.path.with_name(f".{one.path.name.lstrip('.')}{_PRUNED}")
            _remove(gone)
            one.path.rename(gone)
            _remove(gone)
    except OutputError as error:
        raise CacheError(f"{one.name}: {error}") from error
    except OSError as error:
        raise CacheError(f"{one.path}: cannot be deleted ({error.strerror or error})") from error


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)


def _release_name(path: Path) -> str:
    """Return the name of the release in a folder, perhaps a hidden one."""
    name = path.name.removesuffix(_PRUNED)
    return name.lstrip(".").removesuffix(".downloading") if path.name.startswith(".") else path.name


def _release(path: Path) -> Cached:
    if path.name.startswith("."):
        return Cached(f"releases/{path.name}", CacheKind.UNFINISHED, path, _size(path))
    manifest = _manifest(path)
    if manifest is None:
        return Cached(path.name, CacheKind.DAMAGED, path, _size(path))
    kind = CacheKind.RELEASE if read_selection(path) is None else CacheKind.PART
    return Cached(path.name, kind, path, _size(path), manifest.created)


def _manifest(path: Path) -> Manifest | None:
    try:
        read_selection(path)
        return read_manifest(path)
    except ReleaseError:
        return None


def _has_database(manifest: Manifest, path: Path) -> bool:
    databases = [file.path for file in manifest.files if file.kind == "duckdb"]
    if len(databases) == 1 and (path / databases[0]).is_file():
        return True
    tables = [file.path for file in manifest.files if file.kind == "parquet"]
    return bool(tables) and all((path / table).is_file() for table in tables)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    if path.is_symlink() or path.is_file():
        return path.lstat().st_size
    return sum(one.lstat().st_size for one in path.rglob("*") if one.is_symlink() or one.is_file())
