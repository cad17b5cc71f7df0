"""Holds a release against its manifest: a bad byte anywhere is found, and named. Copies files so that none slips in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from homodb.schema.errors import BrokenReleaseError
from homodb.schema.io import reason
from homodb.schema.manifest import MANIFEST, SELECTION, Manifest, ManifestFile, read_manifest, read_selection

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Verified:
    """What was verified.

    Parameters
    ----------
    manifest
        The manifest.
    manifest_sha256
        Its own checksum, hexadecimal: the one that stands in a catalog.
    files, bytes
        Files that are there and right, and their size.
    left_out
        Paths of files that were not downloaded, as the release's own record says.
    foreign
        Paths of files that the manifest does not name.
    """

    manifest: Manifest
    manifest_sha256: str
    files: int
    bytes: int
    left_out: tuple[str, ...]
    foreign: tuple[str, ...]


def verify(folder: str | Path, *, report: Callable[[int, int], None] = lambda done, total: None) -> Verified:
    """Check size and SHA-256 of every file of a release.

    Parameters
    ----------
    folder
        The release.
    report
        Called with bytes checked and bytes in all.

    Raises
    ------
    ReleaseError
        If it holds no manifest.
    BrokenReleaseError
        Names every file that is missing or altered, and links that lead out of the release.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    chosen, left_out = _chosen(folder, manifest)
    total, done, bad = sum(file.bytes for file in chosen), 0, []
    for file in chosen:
        why = _wrong(folder, file, partial(_further, report, done, total))
        done += file.bytes
        report(done, total)
        if why:
            bad.append(f"{file.path} {why}")
    if bad:
        told = "; ".join(bad)
        raise BrokenReleaseError(f"{folder}: {len(bad)} of {len(chosen)} files are not what they were: {told}")
    known = {MANIFEST, SELECTION, *(file.path for file in manifest.files)}
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = (path.relative_to(folder).as_posix() for path in found)
    return Verified(
        manifest,
        sha256_of(folder / MANIFEST),
        len(chosen),
        total,
        tuple(file.path for file in left_out),
        tuple(sorted(set(there) - known)),
    )


def _chosen(folder: Path, manifest: Manifest) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """Part the files into those that should be there, or are, and those that were left out of the download."""
    selection = read_selection(folder)
    chosen: list[ManifestFile] = []
    left_out: list[ManifestFile] = []
    for file in manifest.files:
        here = selection is None or file.path in selection or os.path.lexists(folder / file.path)
        (chosen if here else left_out).append(file)
    return chosen, left_out


def _further(report: Callable[[int, int], None], before: int, total: int, count: int) -> None:
    report(before + count, total)


def _wrong(folder: Path, file: ManifestFile, report: Callable[[int], None]) -> str | None:
    path = folder / file.path
    try:
        if not path.is_file():
            return "is missing" if not os.path.lexists(path) else "is no file"
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is a link that leads out of the release"
        size = path.stat().st_size
        if size != file.bytes:
            return f"has {size:,} bytes instead of {file.bytes:,}"
        found = sha256_of(path, report=report)
    except (OSError, RuntimeError) as error:  # not to be read, a link to itself
        return f"cannot be read ({reason(error)})"
    return None if found == file.sha256 else f"has SHA-256 {found[:12]}… instead of {file.sha256[:12]}…"


def sha256_of(path: Path, *, report: Callable[[int], None] = lambda count: None) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Parameters
    ----------
    path
        The file.
    report
        Called with the bytes read so far.
    """
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(done)
    return digest.hexdigest()


def copy_verified(
    source: Path, target: Path, size: int, sha256: str, *, report: Callable[[int], None] = lambda count: None
) -> bool:
    """Copy a file, reading it once; what arrives is what was hashed.

    Parameters
    ----------
    source, target
        The file, and the one to be; what stands there is replaced.
    size, sha256
        What the file has to be.
    report
        Called with the bytes copied so far.

    Returns
    -------
    bool
        Whether it is that file. If not, the copy is deleted; it never grows beyond `size`.
    """
    digest, done = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(min(_CHUNK, size - done + 1)):
            digest.update(chunk)
            done += len(chunk)
            if done > size:
                break
            writing.write(chunk)
            report(done)
        writing.flush()
        os.fsync(writing.fileno())
    if done == size and digest.hexdigest() == sha256:
        return True
    target.unlink()
    return False
