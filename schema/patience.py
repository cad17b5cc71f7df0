"""When something that failed for the moment is tried again, and when no more."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


class HaltedError(Exception):
    """The work that was waited for has been given up."""


@dataclass(frozen=True)
class Patience:
    """When a transfer waits, and when it gives up.

    Parameters
    ----------
    attempts
        Failures in a row, without progress between them, that end it.
    timeout
        Seconds to wait for a connection or for more data.
    least
        Bytes that have to come in `timeout` seconds; a server that drips slower counts as a broken connection.
    first, longest
        Seconds: the first wait after a failure, about doubled with every further one, and the longest. A server that
        asks for more than the longest (``Retry-After``) is not asked again.
    halt
        Set by whoever gives the work up: a pause then ends, and no other begins.
    sleep, chance, clock
        What waits, gives a random number in [0, 1), and tells seconds; for tests.
    """

    attempts: int = 6
    timeout: float = 30.0
    least: int = 4096
    first: float = 1.0
    longest: float = 120.0
    halt: threading.Event | None = None
    sleep: Callable[[float], None] | None = None
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def wait(self, failures: int, asked: float | None) -> float:
        """Return how long to wait after so many failures, where the server asked for so long."""
        own = min(self.first * 2.0 ** (failures - 1), self.longest) * (0.5 + 0.5 * self.chance())
        return max(own, asked or 0.0)

    def pause(self, seconds: float) -> None:
        """Wait so long, but no longer than the work goes on.

        Raises
        ------
        HaltedError
            If `halt` is set, before or meanwhile.
        """
        if self.sleep is not None:
            self.sleep(seconds)
        elif self.halt is not None:
            self.halt.wait(seconds)
        else:
            time.sleep(seconds)  # which Ctrl-C ends on every system
        if self.halt is not None and self.halt.is_set():
            raise HaltedError
