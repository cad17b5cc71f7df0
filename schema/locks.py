"""Lock files, so that processes take turns; a lock ends with its process.

These are POSIX record locks: the system releases them with the process that took them, and a forked child (a worker
that outlives a killed parent) does not inherit them. On Windows every lock is granted, so two processes may do the same
work.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import OutputError

_LOG = logging.getLogger(__name__)
#: Seconds between two attempts to take a lock.
_INTERVAL = 0.1
#: Process that holds each path: record locks do not distinguish the threads of a process.
_HELD: dict[str, int] = {}
_GUARD = threading.Lock()


class Lock:
    """A lock of this process; see :func:`take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self, *, finished: bool) -> None:
        """Release the lock."""
        with _GUARD:
            if finished and sys.platform != "win32":
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            _HELD.pop(str(self._path), None)


def take(path: Path) -> Lock | None:
    """Take a lock if it is free, without waiting.

    Parameters
    ----------
    path
        The file of the lock, in a folder that exists; it is created if missing.

    Returns
    -------
    Lock or None
        None while another process or thread holds it.

    Raises
    ------
    OutputError
        If its file cannot be created.
    """
    path = path.absolute()
    with _GUARD:
        if _HELD.get(str(path)) == os.getpid():
            return None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be created ({error.strerror})") from error
        if not (_locked(descriptor) and _still_named(descriptor, path)):
            os.close(descriptor)
            return None
        _HELD[str(path)] = os.getpid()
        return Lock(path, descriptor)


@contextmanager
def waited(path: Path, *, longest: float = 600.0) -> Iterator[None]:
    """Wait for a lock and hold it.

    Parameters
    ----------
    path
        The file of the lock, in a folder that exists; it is deleted afterwards.

    Raises
    ------
    OutputError
        If another process holds it for longer, or its file cannot be created.
    """
    start = time.monotonic()
    is_logged = False
    while (lock := take(path)) is None:
        spent = time.monotonic() - start
        if spent >= longest:
            raise OutputError(
                f"{path}: in use by another process, for {spent:.0f} s so far; try again when it has finished"
            )
        if spent >= 1.0 and not is_logged:
            is_logged = True
            _LOG.warning("%s: in use by another process; waiting for it", path)
        time.sleep(_INTERVAL)
    try:
        yield
    finally:
        lock.release(finished=True)


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    import errno
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # a file system without locks: granted
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def _still_named(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has its name: it was not deleted."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
