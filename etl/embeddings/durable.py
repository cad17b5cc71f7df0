"""Files that are written once: they appear whole or not at all, and survive a power cut from then on."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from homodb.schema.errors import StoreError

#: A half-written file so old belongs to nobody who is alive.
_ABANDONED_SECONDS = 3600.0
_PARTIAL = ".partial"


def write_once(path: Path, parts: Iterable[bytes | memoryview]) -> bool:
    """Write a file, unless it is there already: of several writers the first one wins.

    Parameters
    ----------
    path
        The file, in a folder that exists.
    parts
        What it holds, one part after another.

    Returns
    -------
    bool
        False when another writer was faster; its file is left as it is.

    Raises
    ------
    StoreError
        If it cannot be written (disk full, no permission). Nothing half-written stays then; a killed process
        leaves a hidden file behind, for :func:`sweep`.
    """
    if path.exists():
        return False
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    try:
        with partial.open("xb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        first = _give_name(partial, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}). What was finished before stays; once there is "
            "room (or permission), the same command goes on from there"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return first


def sweep(folder: Path) -> None:
    """Delete what killed writers left half-written, an hour or more ago."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        with suppress(OSError):
            if time.time() - partial.stat().st_mtime > _ABANDONED_SECONDS:
                partial.unlink()


def _give_name(partial: Path, path: Path) -> bool:
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        partial.replace(path)
    return True


def _sync_folder(folder: Path) -> None:
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
