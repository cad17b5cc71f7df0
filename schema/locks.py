"""Lock files between processes; a dead process holds no lock.

POSIX record locks, because the system drops them with the process that took them, and a forked child (a worker
that outlives a killed parent) does not inherit them. On Windows there are none here: every lock is granted, so two
processes may do one piece of work twice.
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
#: Seconds between two looks at a lock that another holds.
_LOOK = 0.1
#: Record locks do not tell threads of one process apart; this does. Path to the process that holds it.
_HELD: dict[str, int] = {}
_GUARD = threading.Lock()


class Lock:
    """Lock that this process holds; see :func:`take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self, *, finished: bool) -> None:
        """Release the lock.

        Parameters
        ----------
        finished
            Whether to delete the lock's file.
        """
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
        File of the lock, in an existing folder; it is made and stays empty.

    Returns
    -------
    Lock or None
        None if another process, or another thread of this one, holds it.

    Raises
    ------
    OutputError
        If its file cannot be made.
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
    """Hold a lock, after waiting for its holder.

    Parameters
    ----------
    path
        File of the lock, in an existing folder; it is deleted afterwards.
    longest
        Longest wait in seconds.

    Raises
    ------
    OutputError
        If another process holds it for longer, or its file cannot be made.
    """
    begun = time.monotonic()
    is_logged = False
    while (lock := take(path)) is None:
        spent = time.monotonic() - begun
        if spent >= longest:
            raise OutputError(
                f"{path}: in use by another process, for {spent:.0f} s so far; try again when it has finished"
            )
        if spent >= 1.0 and not is_logged:
            is_logged = True
            _LOG.warning("%s: in use by another process; waiting for it", path)
        time.sleep(_LOOK)
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
        # a file system without locks: grant it
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def _still_named(descriptor: int, path: Path) -> bool:
    """Return whether an open file still has this name.

    Its previous holder may have deleted it.
    """
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
