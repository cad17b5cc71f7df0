"""The one place that times the steps of a build and reports them; the steps themselves are pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """A step of a build, begun or finished.

    Parameters
    ----------
    name
        What it does: read biomart, genes, map, write, ...
    subject
        On what: a file, a pair of species.
    rows
        Rows that came out; None while it is running.
    seconds
        How long it took; 0 while it is running.
    done, total
        Steps finished so far, and steps of the whole build.
    part
        How much of how much of a running step is done, for steps that can tell.
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
        Called with each step when it begins and when it is finished.
    total
        Steps of the whole build.
    """

    def __init__(self, report: Callable[[Step], None], total: int = 0) -> None:
        self._report = report
        self._total = total
        self._done = 0
        self._running = ("", "")

    def run(self, name: str, subject: str, step: Callable[[], T], rows: Callable[[T], int]) -> T:
        """Run a step and report it.

        Parameters
        ----------
        name, subject
            What is done, and on what.
        step
            The step.
        rows
            Counts its result.
        """
        self._running = (name, subject)
        self._report(Step(name, subject, done=self._done, total=self._total))
        start = time.perf_counter()
        result = step()
        self._done += 1
        seconds = time.perf_counter() - start
        self._report(Step(name, subject, rows(result), seconds, self._done, max(self._total, self._done)))
        return result

    def part(self, done: int, total: int) -> None:
        """Report how much of the running step is done.

        Parameters
        ----------
        done, total
            In whatever unit the step counts.
        """
        name, subject = self._running
        self._report(Step(name, subject, done=self._done, total=self._total, part=(done, total)))
