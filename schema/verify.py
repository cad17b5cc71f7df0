"""Verify a release against its manifest, and copy files with verification."""

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
    """Result of a verification.

    Parameters
    ----------
    manifest
        The manifest.
    manifest_sha256
        Checksum of the manifest itself, hexadecimal, as in a catalog.
    files, bytes
        Number of verified files, and their size.
    left_out
        Paths of files that were not downloaded, by the record of the download.
    foreign
        Paths of files that the manifest does not list.
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
        Callback that receives the verified and the total bytes.

    Raises
    ------
    ReleaseError
        If it has no manifest.
    BrokenReleaseError
        Names every file that is missing or altered, and every link out of the release.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    files, left_out = _split_files(folder, manifest)
    total, done, problems = sum(file.bytes for file in files), 0, []
    for file in files:
        problem = _problem(folder, file, partial(_further, report, done, total))
        done += file.bytes
        report(done, total)
        if problem:
            problems.append(f"{file.path} {problem}")
    if problems:
        listed = "; ".join(problems)
        raise BrokenReleaseError(f"{folder}: {len(problems)} of {len(files)} files are missing or altered: {listed}")
    expected = {MANIFEST, SELECTION, *(file.path for file in manifest.files)}
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    present = {path.relative_to(folder).as_posix() for path in paths}
    return Verified(
        manifest,
        sha256_of(folder / MANIFEST),
        len(files),
        total,
        tuple(file.path for file in left_out),
        tuple(sorted(present - expected)),
    )


def _split_files(folder: Path, manifest: Manifest) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """Split the files into those to verify and those that were not downloaded."""
    selection = read_selection(folder)
    files: list[ManifestFile] = []
    left_out: list[ManifestFile] = []
    for file in manifest.files:
        is_expected = selection is None or file.path in selection or os.path.lexists(folder / file.path)
        (files if is_expected else left_out).append(file)
    return files, left_out


def _further(report: Callable[[int, int], None], before: int, total: int, count: int) -> None:
    report(before + count, total)


def _problem(folder: Path, file: ManifestFile, report: Callable[[int], None]) -> str | None:
    path = folder / file.path
    try:
        if not path.is_file():
            return "is missing" if not os.path.lexists(path) else "is not a file"
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is a link out of the release"
        size = path.stat().st_size
        if size != file.bytes:
            return f"has {size:,} bytes instead of {file.bytes:,}"
        sha256 = sha256_of(path, report=report)
    except (OSError, RuntimeError) as error:  # not readable, or a link to itself
        return f"cannot be read ({reason(error)})"
    return None if sha256 == file.sha256 else f"has SHA-256 {sha256[:12]}… instead of {file.sha256[:12]}…"


def sha256_of(path: Path, *, report: Callable[[int], None] = lambda count: None) -> str:
    """Return the SHA-256 of a file, hexadecimal.

    Parameters
    ----------
    path
        The file.
    report
        Callback that receives the bytes read so far.
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
    """Copy a file and verify the copy, in one pass.

    Parameters
    ----------
    source, target
        The file and its copy; an existing file is replaced.
    size, sha256
        Expected size and checksum.
    report
        Callback that receives the bytes copied so far.

    Returns
    -------
    bool
        True if it is the expected file. If not, the copy is deleted; it never exceeds `size`.
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
