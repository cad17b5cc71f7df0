"""Write files whole or not at all, and delay Ctrl-C to safe points."""

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

    An existing file keeps its content until the end, also if the process is killed.

    Yields
    ------
    Path
        Temporary file to write to. It replaces `path` at the end, unless an exception was raised.

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
    """Delay Ctrl-C until it is safe.

    C libraries that call Python back (HDF5) crash when it is raised inside them. Outside the main thread, where Ctrl-C
    is never raised, nothing changes.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if Ctrl-C was pressed; call it where that is safe. It is raised at the end in any case.
    """
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def check() -> None:
        if came:
            number = came.pop()
            came.clear()
            if callable(before):
                before(number, None)
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
    check()
