"""Publish a build: copy it into a folder of releases with a catalog."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import duckdb

from homodb.schema.catalog import CATALOG, Catalog, Entry, is_name
from homodb.schema.connect import broken_invariants, connect, create
from homodb.schema.errors import BrokenReleaseError, OutputError
from homodb.schema.flat import FOLDER as FLAT
from homodb.schema.flat import write_flat
from homodb.schema.io import check_folder, make_folder
from homodb.schema.locks import waited
from homodb.schema.manifest import (
    MANIFEST,
    Manifest,
    ManifestFile,
    Verified,
    copy_verified,
    describe_file,
    sha256_of,
    verify,
)

#: Lock in the folder of releases, held while the catalog changes, so that publishers do not undo each other.
_LOCK = ".publishing"
#: Seconds to wait for another publisher, which may be copying a large release.
_PATIENCE = 3600.0


def catalog_entry(folder: Path, address: str | None = None) -> Entry:
    """Return the entry of a release for a catalog, without publishing it.

    Parameters
    ----------
    folder
        Release, as written by ``homodb build``; every file is verified.
    address
        Address of the folder in which the files will lie, if that is not beside the catalog.

    Raises
    ------
    BrokenReleaseError
        If a file differs from the manifest.
    """
    checked = verify(folder)
    return Entry.of(checked.manifest, checked.manifest_sha256, (folder / MANIFEST).stat().st_size, address)


def publish_release(
    folder: Path,
    target: Path,
    *,
    flat: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Entry:
    """Verify a build, copy it, and add it to the catalog.

    Parameters
    ----------
    folder
        Release, as written by ``homodb build``.
    target
        Folder of releases, created if missing. A web server, a bucket or a disk can serve it as it is. A release that
        lies there already is entered where it is; it may have other files beside those of its manifest.
    flat
        Whether to write ``ortholog/<species>.parquet`` into the published folder: flat files of orthologs, which are
        not part of the release and of what is downloaded.
    report
        Callback that receives the bytes done and the total; every byte is read twice, to verify and to copy.

    Returns
    -------
    Entry
        Entry in the catalog. Publishing the same release again changes nothing; an interrupted call can be repeated.

    Raises
    ------
    BrokenReleaseError
        If a file differs from the manifest, or an invariant does not hold.
    OutputError
        If the folder has another release of this name (releases are immutable), or cannot be written.
    CatalogError
        If the catalog cannot be read.
    """
    in_place = folder.resolve().parent == target.resolve()
    if (folder / MANIFEST).is_file() and target.resolve().is_relative_to(folder.resolve()):
        raise OutputError(f"{target}: is the release itself or inside it. Expected a folder of releases")
    check_folder(target)
    checked = verify(folder, report=lambda done, total: report(done, 2 * total))
    _check_whole(folder, checked, in_place=in_place)
    manifest = checked.manifest
    entry = Entry.of(manifest, checked.manifest_sha256, (folder / MANIFEST).stat().st_size)
    try:
        make_folder(target)
        with waited(target / _LOCK, longest=_PATIENCE):
            place = target / entry.name
            catalog = _with(entry, target / CATALOG)
            if place.exists():
                _check_same(place, entry)
            else:
                _copy(folder, place, checked, lambda done: report(checked.bytes + done, 2 * checked.bytes))
            if flat:
                with _opened(folder, manifest) as connection:
                    write_flat(place, lambda sql, values: connection.sql(sql, params=list(values)).to_arrow_table())
            _write(target / f"{entry.name}.datapackage.json", data_package(manifest, entry.name, _flat_files(place)))
            _write(target / CATALOG, catalog)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    report(2 * checked.bytes, 2 * checked.bytes)
    return entry


def _check_whole(folder: Path, checked: Verified, *, in_place: bool) -> None:
    """Check that a folder is a complete, sound release, without other files unless it lies where it is published."""
    if not is_name(checked.manifest.version):
        raise BrokenReleaseError(f"{folder}: version {checked.manifest.version!r} is not usable as a folder name")
    if checked.left_out:
        raise BrokenReleaseError(f"{folder}: is a partial release ({len(checked.left_out)} files were not downloaded)")
    if in_place and checked.manifest.version != folder.resolve().name:
        raise BrokenReleaseError(f"{folder}: is release {checked.manifest.version}. Name its folder so")
    if checked.foreign and not in_place:
        shown = ", ".join(checked.foreign[:3])
        raise BrokenReleaseError(
            f"{folder}: has files that are not in the manifest ({shown}). Move them out of the folder"
        )
    with _opened(folder, checked.manifest) as connection:
        broken = broken_invariants(connection)
        rows = connection.execute("SELECT version FROM release").fetchall()
    if rows != [(checked.manifest.version,)]:
        broken.append(f"the manifest says version {checked.manifest.version!r}, the database {rows[0][0]!r}")
    if broken:
        raise BrokenReleaseError(f"{folder}: " + "; ".join(broken))


def _opened(folder: Path, manifest: Manifest) -> duckdb.DuckDBPyConnection:
    """Open the database of a release; one in memory where it has Parquet files only."""
    if any(file.kind == "duckdb" for file in manifest.files):
        return connect(folder / manifest.database)
    connection = create(None, schema=manifest.schema_version)
    try:
        for file in manifest.files:
            if file.kind == "parquet":
                rows = connection.read_parquet(str(folder / file.path))
                connection.execute(f'INSERT INTO "{PurePosixPath(file.path).parts[1]}" BY NAME SELECT * FROM rows')  # noqa: S608
                del rows
    except duckdb.Error as error:
        connection.close()
        raise BrokenReleaseError(f"{folder}: cannot be read ({str(error).splitlines()[0]})") from error
    return connection


def _check_same(place: Path, entry: Entry) -> None:
    """Check that the published release of this name is the same, and sound."""
    published = verify(place)
    if published.manifest_sha256 != entry.manifest_sha256:
        raise OutputError(
            f"{place}: a different release {entry.name} is already published, and published releases never change. "
            "Choose another version"
        )


def _copy(folder: Path, place: Path, checked: Verified, report: Callable[[int], None]) -> None:
    """Copy and check all files, the manifest last, then rename the folder."""
    staging = place.with_name(f".{place.name}.publishing")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    done = 0
    for file in checked.manifest.files:
        source, copy = folder / file.path, staging / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy_verified(source, copy, file.bytes, file.sha256, report=_later(report, done)):
            raise BrokenReleaseError(f"{source}: changed while it was copied")
        done += file.bytes
    shutil.copyfile(folder / MANIFEST, staging / MANIFEST)
    if sha256_of(staging / MANIFEST) != checked.manifest_sha256:
        raise BrokenReleaseError(f"{folder}: its manifest changed while it was copied")
    staging.rename(place)


def _later(report: Callable[[int], None], before: int) -> Callable[[int], None]:
    return lambda count: report(before + count)


def _with(entry: Entry, path: Path) -> str:
    """Return the text of a catalog with one more entry, checked by reading it."""
    before = Catalog.from_json(path.read_bytes(), str(path)) if path.exists() else Catalog(releases=())
    text = before.with_entry(entry).to_json()
    Catalog.from_json(text, f"{path} with {entry.name}")
    return text


def _write(path: Path, text: str) -> None:
    """Replace a file atomically, unless it has this text already."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    written = path.with_name(f".{path.name}.new")
    with written.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    written.replace(path)


#: Media types by suffix; https://www.iana.org/assignments/media-types where there is one.
_MEDIA_TYPES = {".parquet": "application/vnd.apache.parquet", ".json": "application/json"}


def _flat_files(place: Path) -> tuple[ManifestFile, ...]:
    """Return the flat files beside a published release."""
    return tuple(describe_file(place, path, "flat") for path in sorted((place / FLAT).glob("*.parquet")))


def data_package(manifest: Manifest, folder: str, more: tuple[ManifestFile, ...] = ()) -> str:
    """Return a Frictionless ``datapackage.json`` of a release, and more files in its folder.

    See https://specs.frictionlessdata.io/data-package/.
    """
    about = {
        "profile": "data-package",
        "name": _slug(f"homodb-{manifest.version}"),
        "version": manifest.version,
        "title": manifest.title or f"homodb release {manifest.version}",
        "description": f"Gene homology of {', '.join(manifest.species)}"
        + (f" (Ensembl {manifest.ensembl})" if manifest.ensembl else ""),
        "created": manifest.created,
        "keywords": ["orthologs", "gene homology", *manifest.species],
        "contributors": [{"title": f"homodb {manifest.homodb_version}", "role": "wrangler"}],
    }
    if manifest.licence:
        about["licenses"] = [{"name": _slug(manifest.licence, lower=False), "title": manifest.licence}]
    if manifest.citation:
        about["sources"] = [{"title": manifest.citation}]
    about["resources"] = [
        {
            "name": _slug(file.path),
            "path": f"{folder}/{file.path}",
            "type": "file",  # not a table: validators cannot read the lists in Parquet
            "format": PurePosixPath(file.path).suffix.removeprefix("."),
            "mediatype": _MEDIA_TYPES.get(PurePosixPath(file.path).suffix, "application/octet-stream"),
            "bytes": file.bytes,
            "hash": f"sha256:{file.sha256}",
        }
        for file in (*manifest.files, *more)
    ]
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _slug(text: str, *, lower: bool = True) -> str:
    """Return a name of letters, digits, dots, dashes and underscores only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.lower() if lower else text)
