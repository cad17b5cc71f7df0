"""Time the steps of a build and report them; the steps are pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """A running or finished step of a build.

    Parameters
    ----------
    name
        Name of the step: read biomart, genes, map, write, ...
    subject
        File or pair of species that is processed.
    rows
        Number of resulting rows; None while the step is running.
    seconds
        Duration; 0 while the step is running.
    done, total
        Number of finished steps, and of all steps of the build.
    part
        Finished and total units of a running step, for steps that report them.
    """

    name: str
    subject: str
    rows: int | None = None
    seconds: float = 0.0
    done: int = 0
    total: int = 0
    part: tuple[int, int] | None = None


class Runner:
    """Runs steps one after another.

    Parameters
    ----------
    report
        Callback that receives each step when it starts and when it ends.
    total
        Number of steps of the build.
    """

    def __init__(self, report: Callable[[Step], None], total: int = 0) -> None:
        self._report = report
        self._total = total
        self._done = 0
        self._running = ("", "")

    def run(self, name: str, subject: str, step: Callable[[], T], rows: Callable[[T], int]) -> T:
        """Run a step and report it."""
        self._running = (name, subject)
        self._report(Step(name, subject, done=self._done, total=self._total))
        start = time.perf_counter()
        result = step()
        self._done += 1
        seconds = time.perf_counter() - start
        self._report(Step(name, subject, rows(result), seconds, self._done, max(self._total, self._done)))
        return result

    def part(self, done: int, total: int) -> None:
        """Report the progress of the running step."""
        name, subject = self._running
        self._report(Step(name, subject, done=self._done, total=self._total, part=(done, total)))
