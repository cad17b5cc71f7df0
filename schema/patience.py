"""When something that failed for the moment is tried again, and when no more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


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
    sleep, chance, clock
        What waits, gives a random number in [0, 1), and tells seconds; for tests.
    """

    attempts: int = 6
    timeout: float = 30.0
    least: int = 4096
    first: float = 1.0
    longest: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def wait(self, failures: int, asked: float | None) -> float:
        """Return how long to wait after so many failures, where the server asked for so long."""
        own = min(self.first * 2.0 ** (failures - 1), self.longest) * (0.5 + 0.5 * self.chance())
        return max(own, asked or 0.0)
