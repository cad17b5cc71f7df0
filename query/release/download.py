"""Download releases into the cache, verified and resumable."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from homodb.query.release.catalog import Place, place_of, read_catalog
from homodb.query.settings import progress_bar
from homodb.schema.catalog import Entry
from homodb.schema.connect import schema_version
from homodb.schema.enums import ReleasePart
from homodb.schema.errors import BrokenReleaseError, CatalogError, NewerSchemaError, OutputError, UnknownSpeciesError
from homodb.schema.io.http import RetryPolicy
from homodb.schema.locks import waited
from homodb.schema.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    SELECTION,
    Manifest,
    ManifestFile,
    read_manifest,
    read_selection,
    sha256_of,
    write_selection,
)
from homodb.schema.settings import releases_folder
from homodb.schema.species import find

#: Seconds to wait for another process that brings the same release.
_PATIENCE = 6 * 3600.0


#: Part that a file belongs to, by its kind in the manifest; files of other kinds always come.
_PARTS = {
    "duckdb": ReleasePart.DUCKDB,
    "parquet": ReleasePart.PARQUET,
    "index": ReleasePart.INDEX,
    "vectors": ReleasePart.EMBEDDINGS,
}


@dataclass(frozen=True)
class Downloaded:
    """Result of a download.

    Parameters
    ----------
    name
        Name of the release.
    folder
        Its folder in the cache.
    files, bytes
        Number of downloaded files, and their size.
    there
        Number of files that existed already.
    left_out
        Number of files of the release that were not requested.
    """

    name: str
    folder: Path
    files: int
    bytes: int
    there: int
    left_out: int


def download(
    name: str | None = None,
    *,
    catalog: str | Path | None = None,
    only: Sequence[str | ReleasePart] = (),
    species: Sequence[str] = (),
    hosts: Sequence[str] = (),
    patience: RetryPolicy | None = None,
    progress: Callable[[int, int], None] | bool | None = None,
) -> Downloaded:
    """Download a release into the cache.

    Parameters
    ----------
    name
        Name in the catalog; None takes the newest.
    catalog, hosts, patience
        See :func:`homodb.query.release.catalog.place_of`.
    only
        Parts to download; none means all. The database is one file for all species.
    species
        Species to download, for parts with one file per species or pair; none means all.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the number of
        bytes downloaded and the total.

    Returns
    -------
    Downloaded
        Result; valid existing files are not downloaded again, and further parts are added.

    Raises
    ------
    UnknownSpeciesError
        If the release does not hold one of the species.
    CatalogError, TransferError, BrokenReleaseError, NewerSchemaError, OutputError
        If the download fails. It leaves no partial release under this name; the same call continues.
    """
    wanted = _Wanted(frozenset(ReleasePart(part) for part in only), frozenset(find(one).name for one in species))
    folder = releases_folder()
    with closing(place_of(catalog, hosts=hosts, patience=patience)) as place:
        entry = _entry(name, place)
        _check_species(entry, wanted.species)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shown = progress_bar(False if callable(progress) else progress, f"download {entry.name}", _parts)
            with shown as show, waited(folder / f".{entry.name}.lock", longest=_PATIENCE):
                report = progress if callable(progress) else lambda done, total: show((done, total))
                return _bring(entry, place, folder / entry.name, wanted, report)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error


def _parts(progress: tuple[int, int]) -> tuple[str, int, int]:
    return "", *progress


def _entry(name: str | None, place: Place) -> Entry:
    releases = read_catalog(place)
    if name is None and not releases.releases:
        raise CatalogError(f"{place.where}: holds no release yet")
    entry = releases.newest_first()[0] if name is None else releases.find(name, place.where)
    if entry.schema_version > schema_version():
        raise NewerSchemaError(
            f"release {entry.name} has schema {entry.schema_version}, this homodb knows up to {schema_version()}; "
            "install a newer homodb (pip install -U homodb)"
        )
    if entry.manifest_bytes > LARGEST_MANIFEST:
        raise CatalogError(f"{place.where}: {entry.name}: a manifest of {entry.manifest_bytes:,} bytes is none")
    return entry


def _check_species(entry: Entry, wanted: frozenset[str]) -> None:
    absent = sorted(wanted - set(entry.species))
    if absent and entry.species:  # a catalog need not tell them
        available = ", ".join(entry.species)
        raise UnknownSpeciesError(f"release {entry.name} does not hold {', '.join(absent)} (it holds {available})")


@dataclass(frozen=True)
class _Wanted:
    parts: frozenset[ReleasePart]
    species: frozenset[str]

    def __contains__(self, file: ManifestFile) -> bool:
        part, of_species = _PARTS.get(file.kind), _species_of(file) if self.species else frozenset()
        in_parts = not self.parts or part is None or part in self.parts
        return in_parts and (not self.species or not of_species or of_species <= self.species)


def _species_of(file: ManifestFile) -> frozenset[str]:
    """Return the species of a file.

    Paths are ``embeddings/<species>.…`` or ``parquet/mapping/<species>.<species>.parquet``.
    """
    words = PurePosixPath(file.path).name.split(".")
    return frozenset(word for word in words[:2] if "_" in word and _is_species(word))


def _is_species(word: str) -> bool:
    try:
        return find(word).name == word
    except UnknownSpeciesError:
        return False


def _bring(entry: Entry, place: Place, target: Path, wanted: _Wanted, report: Callable[[int, int], None]) -> Downloaded:
    """Download missing files; rename the folder when all are valid."""
    new = not target.exists()
    folder = target.with_name(f".{entry.name}.downloading") if new else target
    folder.mkdir(exist_ok=True)
    manifest = _manifest(entry, place, folder)
    before = frozenset() if new else read_selection(folder)
    files = [file for file in manifest.files if before is None or file.path in before or file in wanted]
    missing = [file for file in files if not _sound(folder, file)]
    total, done = sum(file.bytes for file in missing), 0
    _check_room(folder, total)
    for file in missing:
        path = folder / file.path
        _make_folders(folder, path)
        progress, address = _later(report, done, total), entry.address(file.path)
        place.bring(f"{entry.name}/{file.path}", path, file.bytes, file.sha256, progress, address)
        done += file.bytes
        report(done, total)
    if len(files) < len(manifest.files):
        write_selection(folder, [file.path for file in files])
    else:
        (folder / SELECTION).unlink(missing_ok=True)
    if new:
        folder.rename(target)
    left_out = len(manifest.files) - len(files)
    return Downloaded(entry.name, target, len(missing), total, len(files) - len(missing), left_out)


def _later(report: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    return lambda count: report(before + count, total)


def _check_room(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if total > free:
        raise OutputError(f"{folder}: {total / 1e6:,.1f} MB are to come, and {free / 1e6:,.1f} MB are free")


def _make_folders(folder: Path, path: Path) -> None:
    """Make the parents of a file, refusing links that lead elsewhere."""
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        place = folder / parent
        if place.is_symlink() or place.is_file():
            place.unlink()
        place.mkdir(exist_ok=True)
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _manifest(entry: Entry, place: Place, folder: Path) -> Manifest:
    """Download the manifest of a catalog entry, unless it exists."""
    path = folder / MANIFEST
    if path.exists() and sha256_of(path) != entry.manifest_sha256:
        if not folder.name.startswith("."):
            raise OutputError(
                f"{folder}: holds another release of this name than {place.where} has; "
                f"delete it first (homodb cache prune {entry.name})"
            )
        shutil.rmtree(folder)  # what was begun is of another release
        folder.mkdir()
    if not path.exists():
        sha256 = entry.manifest_sha256
        name, size = f"{entry.name}/{MANIFEST}", entry.manifest_bytes
        place.bring(name, path, size, sha256, lambda _: None, entry.manifest_address)
    manifest = read_manifest(folder)
    content = (manifest.version, manifest.schema_version, sum(file.bytes for file in manifest.files))
    if content != (entry.name, entry.schema_version, entry.bytes):
        raise BrokenReleaseError(
            f"{place.where}: the manifest of {entry.name} is of release {content[0]!r} with schema {content[1]} and "
            f"{content[2]:,} bytes, where the catalog says schema {entry.schema_version} and {entry.bytes:,} bytes"
        )
    return manifest


def _sound(folder: Path, file: ManifestFile) -> bool:
    """Return whether a file exists, is not a link, and has the right bytes."""
    path = folder / file.path
    return (
        path.is_file()
        and path.resolve() == folder.resolve() / file.path
        and path.stat().st_size == file.bytes
        and sha256_of(path) == file.sha256
    )
