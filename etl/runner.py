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
    """

    name: str
    subject: str
    rows: int | None = None
    seconds: float = 0.0


class Runner:
    """Runs steps one after another.

    Parameters
    ----------
    report
        Called with each step when it begins and when it is finished.
    """

    def __init__(self, report: Callable[[Step], None]) -> None:
        self._report = report

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
        self._report(Step(name, subject))
        start = time.perf_counter()
        result = step()
        self._report(Step(name, subject, rows(result), time.perf_counter() - start))
        return result
