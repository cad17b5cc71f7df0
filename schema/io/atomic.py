"""Delay Ctrl-C while a file is being written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
