"""Ctrl-C where it would break what is being done: held back, and raised at the next safe place."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back: libraries in C that call Python back (HDF5) crash where it is raised inside of them.

    Outside of the main thread, where Ctrl-C is never raised, nothing changes.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if Ctrl-C came since; to be called where it is safe. At the end it is raised anyway.
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
