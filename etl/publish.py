"""``homodb publish``: puts a build among the releases of a folder, whence it can be served, and into its catalog."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from homodb.etl.data_package import data_package
from homodb.schema.catalog import CATALOG, Catalog, Entry, is_name
from homodb.schema.connect import broken_invariants, connect
from homodb.schema.errors import BrokenReleaseError, OutputError
from homodb.schema.files import check_folder, make_folder
from homodb.schema.locks import waited
from homodb.schema.manifest import MANIFEST
from homodb.schema.verify import Verified, copy_verified, sha256_of, verify

#: Beside the releases: held while the catalog is changed, so that several publishers do not undo each other's entries.
_LOCK = ".publishing"
#: Seconds to wait for another publisher, who may be at a large copy.
_PATIENCE = 3600.0


def publish(folder: Path, target: Path, *, report: Callable[[int, int], None] = lambda done, total: None) -> Entry:
    """Verify a build, copy it, and enter it into the catalog.

    Parameters
    ----------
    folder
        A release, as ``homodb build`` made it.
    target
        Folder of releases; made when it is missing. A web server, a bucket or a disk may serve it as it is.
    report
        Called with bytes done and bytes in all; every byte is read twice, once to verify and once to copy.

    Returns
    -------
    Entry
        The catalog's entry. Publishing the same release again changes nothing; after a kill, the same command goes on.

    Raises
    ------
    BrokenReleaseError
        If a file is not what the manifest says, or an invariant does not hold.
    OutputError
        If the folder holds another release of this name (a release is immutable), or cannot be written.
    CatalogError
        If the catalog there cannot be read.
    """
    if (folder / MANIFEST).is_file() and target.resolve().is_relative_to(folder.resolve()):
        raise OutputError(f"{target}: is the release itself, or lies in it; name the folder of releases (--to)")
    check_folder(target)
    checked = verify(folder, report=lambda done, total: report(done, 2 * total))
    _check_whole(folder, checked)
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
            _write(target / f"{entry.name}.datapackage.json", data_package(manifest, entry.name))
            _write(target / CATALOG, catalog)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    report(2 * checked.bytes, 2 * checked.bytes)
    return entry


def _check_whole(folder: Path, checked: Verified) -> None:
    """Refuse what is no whole, sound release, or holds more than its manifest says."""
    if not is_name(checked.manifest.version):
        raise BrokenReleaseError(f"{folder}: version {checked.manifest.version!r} cannot be the name of a folder")
    if checked.left_out:
        raise BrokenReleaseError(
            f"{folder}: is a part of a release ({len(checked.left_out)} files were not downloaded)"
        )
    if checked.foreign:
        shown = ", ".join(checked.foreign[:3])
        raise BrokenReleaseError(f"{folder}: holds files that the manifest does not name ({shown}); move them away")
    with connect(folder / checked.manifest.database) as connection:
        broken = broken_invariants(connection)
        rows = connection.execute("SELECT version FROM release").fetchall()
    if rows != [(checked.manifest.version,)]:
        broken.append(f"the manifest says version {checked.manifest.version!r}, the database {rows[0][0]!r}")
    if broken:
        raise BrokenReleaseError(f"{folder}: " + "; ".join(broken))


def _check_same(place: Path, entry: Entry) -> None:
    """Accept the very release that is there already, if it is sound."""
    there = verify(place)
    if there.manifest_sha256 != entry.manifest_sha256:
        raise OutputError(
            f"{place}: another release {entry.name} is published there, and a release never changes; "
            "give this one another version"
        )


def _copy(folder: Path, place: Path, checked: Verified, report: Callable[[int], None]) -> None:
    """Copy all files, checking each byte again, the manifest last; then give the folder its name."""
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
    """Return the text of a catalog with an entry more, sure that it can be read again."""
    before = Catalog.from_json(path.read_bytes(), str(path)) if path.exists() else Catalog(releases=())
    text = before.with_entry(entry).to_json()
    Catalog.from_json(text, f"{path} with {entry.name}")
    return text


def _write(path: Path, text: str) -> None:
    """Write a file if it does not say so already; whoever reads it meanwhile reads the old one."""
    if path.exists() and path.read_text("utf-8") == text:
        return
    written = path.with_name(f".{path.name}.new")
    with written.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    written.replace(path)
