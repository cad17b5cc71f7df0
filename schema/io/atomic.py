"""Write files atomically, remove what killed runs left, and defer Ctrl-C to safe points."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import OutputError
from homodb.schema.io.files import is_device, reason

#: What a temporary folder beside an output is called, after a dot and the name of the output.
UNFINISHED = ".homodb-"
#: Beginnings of the names of temporary folders of which the system's folder for such may hold some.
SCRATCH = ("homodb-join-", "homodb-compare-", "homodb-fetch-")
#: Where an earlier output lies while another takes its place.
REPLACED = "replaced"
#: Seconds that a process has to lock a folder that it created.
_YOUNG = 1.0
#: Seconds after which a folder counts as left behind where no lock tells.
_OLD = 7 * 86_400.0


@contextmanager
def temporary_folder(prefix: str, parent: Path) -> Iterator[Path]:
    """Create a temporary folder that is deleted at the end; first delete those that killed runs left.

    The folder is locked while this process lives, so that others can tell.

    Parameters
    ----------
    prefix
        Beginning of its name, of which no other program's folders begin.
    parent
        The folder to create it in.
    """
    for folder in find_abandoned(prefix, parent):
        remove_abandoned(folder)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as name:
        descriptor = _locked(Path(name))
        try:
            yield Path(name)
        finally:
            if descriptor is not None:
                os.close(descriptor)


def find_abandoned(prefix: str, parent: Path) -> list[Path]:
    """Find temporary folders that killed runs left.

    Parameters
    ----------
    prefix
        As for :func:`temporary_folder`; an empty one finds those of all outputs.
    parent
        The folder that they are in.
    """
    beginning = re.escape(prefix) if prefix else rf"(?:\..+{re.escape(UNFINISHED)}|{'|'.join(SCRATCH)})"
    try:
        return [
            one for one in sorted(parent.iterdir())
            if re.fullmatch(rf"{beginning}[a-z0-9_]{{8}}", one.name, re.DOTALL) and _is_abandoned(one)
        ]  # fmt: skip
    except OSError:
        return []


def remove_abandoned(folder: Path) -> None:
    """Delete a temporary folder that a killed run left; an earlier output that lies in it gets its place back."""
    earlier = folder / REPLACED
    output = folder.parent / folder.name[1:].rpartition(UNFINISHED)[0]
    if earlier.exists() and output != folder.parent and not os.path.lexists(output):
        earlier.rename(output)
    shutil.rmtree(folder, ignore_errors=True)


def replace_folder(new: Path, output: Path) -> None:
    """Put a folder in the place of another, which moves beside the new one's place as ``replaced``."""
    replaced = new.parent / REPLACED
    if output.exists():
        output.rename(replaced)
    try:
        new.rename(output)
    except OSError:
        if replaced.exists():
            replaced.rename(output)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _locked(folder: Path) -> int | None:
    """Lock a folder, and return its descriptor; None where folders cannot be locked or another process has done so."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor


def _is_abandoned(folder: Path) -> bool:
    """Return whether no process works in a folder any more.

    One without a lock is new, or on a file system without locks, where age decides.
    """
    try:
        state = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or (sys.platform != "win32" and state.st_uid != os.getuid()):
            return False
    except OSError:
        return False
    age = time.time() - state.st_mtime
    descriptor = _locked(folder)
    if descriptor is None:
        return sys.platform == "win32" and age > _OLD
    os.close(descriptor)
    return age > _YOUNG


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Write a file atomically.

    An existing file keeps its content until then, also if the process is killed.

    Yields
    ------
    Path
        The temporary file to write to. It replaces `path` at the end, unless an exception was raised.

    Raises
    ------
    OutputError
        If the folder does not exist, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    if is_device(path):
        raise OutputError(f"{path}: is not a regular file; name a file")
    try:
        with temporary_folder(f".{path.name}{UNFINISHED}", path.parent) as folder:
            partial = folder / path.name
            yield partial
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C, and the SIGTERM that a command treats as such, to the next safe point.

    C libraries that call Python back (HDF5) crash if it is raised inside such a call. Outside the main thread, where
    Ctrl-C is never raised, this does nothing.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if Ctrl-C was pressed; call it at safe points. It is also raised at the end.
    """
    pending: list[int] = []
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    deferred = [number for number, handler in previous.items() if callable(handler)]

    def check() -> None:
        if pending:
            number = pending.pop()
            pending.clear()
            handler = previous[signal.Signals(number)]
            if callable(handler):
                handler(number, None)
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    for one in deferred:
        signal.signal(one, lambda number, frame: pending.append(number))
    try:
        yield check
    finally:
        for one in deferred:
            signal.signal(one, previous[one])
    check()
