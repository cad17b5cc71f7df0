"""Write files atomically, and defer Ctrl-C to safe points."""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import OutputError
from homodb.schema.io.files import is_device, reason


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
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            yield partial
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Defer Ctrl-C to the next safe point.

    C libraries that call Python back (HDF5) crash if it is raised inside such a call. Outside the main thread, where
    Ctrl-C is never raised, this does nothing.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if Ctrl-C was pressed; call it at safe points. It is also raised at the end.
    """
    pending: list[int] = []
    previous = signal.getsignal(signal.SIGINT)

    def check() -> None:
        if pending:
            number = pending.pop()
            pending.clear()
            if callable(previous):
                previous(number, None)
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, lambda number, frame: pending.append(number))
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, previous)
    check()
