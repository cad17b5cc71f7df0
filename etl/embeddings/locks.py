"""Locks by which processes share out work: one is free again as soon as its holder is dead.

POSIX record locks, because the system drops them with the process that took them, and a forked child (a worker
that outlives a killed parent) does not inherit them. On Windows there are none here: every lock is granted, so two
processes may do one piece of work twice.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from homodb.schema.errors import StoreError

#: Record locks do not tell threads of one process apart; this does. Path to the process that holds it.
_HELD: dict[str, int] = {}
_GUARD = threading.Lock()


class Lock:
    """A lock that this process holds; see :func:`take`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self, *, finished: bool) -> None:
        """Give it back.

        Parameters
        ----------
        finished
            The work is done and can be seen to be done, so that nobody needs the lock's file any more.
        """
        with _GUARD:
            if finished:
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            _HELD.pop(str(self._path), None)


def take(path: Path) -> Lock | None:
    """Take a lock if it is free; never wait.

    Whoever gets it looks whether the work has been done meanwhile, then does it.

    Parameters
    ----------
    path
        The lock's file, in a folder that exists; it is made and need hold nothing.

    Returns
    -------
    Lock or None
        None while another process, or another thread of this one, holds it.

    Raises
    ------
    StoreError
        If its file cannot be made.
    """
    path = path.absolute()
    with _GUARD:
        if _HELD.get(str(path)) == os.getpid():
            return None
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StoreError(f"{path}: cannot be made ({error.strerror}); what was finished before stays") from error
        if not _locked(descriptor):
            os.close(descriptor)
            return None
        _HELD[str(path)] = os.getpid()
        return Lock(path, descriptor)


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
