"""Show progress: a status word, or bars of steps, bytes and cells.

Bars are drawn on a terminal; in a log, long steps print a plain line to the error stream from time to time.
"""

from __future__ import annotations

import datetime
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from rich.progress import Progress as Bars
    from rich.progress import ProgressColumn

    from homodb.query.translate import TranslateProgress


#: Seconds until a terminal shows that a step takes long.
_LATE = 1.0
#: Seconds until a log is told what is being done, and until it is told again.
_FIRST, _AGAIN = 15.0, 30.0


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """Show the current step.

    Yields
    ------
    callable
        Callback that receives a word or two.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if console.is_terminal:
        with console.status("reading") as shown:
            yield shown.update
        return
    step = "reading"

    def begin(word: str) -> None:
        nonlocal step
        step = word

    with _logged_steps(lambda: step):
        yield begin


@contextmanager
def _logged_steps(doing: Callable[[], str]) -> Iterator[None]:
    """Log the current step while it takes long."""
    begun = time.monotonic()

    def log(done: threading.Event) -> None:
        pause, before = _FIRST, ""
        while not done.wait(pause):
            now, pause = doing(), _AGAIN
            if now != before:
                sys.stderr.write(f"working: {now} ({time.monotonic() - begun:,.0f} s)\n")
                sys.stderr.flush()
            before = now

    with _alongside(log):
        yield


@contextmanager
def _alongside(show: Callable[[threading.Event], None]) -> Iterator[None]:
    """Run a function in a thread until the block ends, which sets the event that it gets."""
    done = threading.Event()
    showing = threading.Thread(target=show, args=(done,), name="homodb-progress", daemon=True)
    try:
        showing.start()
        yield
    finally:
        done.set()
        showing.join()


@contextmanager
def late_status(step: str) -> Iterator[None]:
    """Show a step that takes longer than a second; before that nothing is imported and nothing shown."""
    if not sys.stderr.isatty():
        with _logged_steps(lambda: step):
            yield
        return

    def show(done: threading.Event) -> None:
        if done.wait(_LATE):
            return
        from rich.console import Console

        with Console(stderr=True, highlight=False, markup=False).status(step):
            done.wait()

    with _alongside(show):
        yield


@contextmanager
def bars(*columns: ProgressColumn) -> Iterator[Bars]:
    """Open a set of bars: bar, description and further columns of rich."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True, highlight=False, markup=False)
    first = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False))
    opened = Bars(*first, *columns, console=console, transient=True, disable=not console.is_terminal)
    # elsewhere never started: until rich 14.3 the end of disabled bars prints an empty line
    with opened if console.is_terminal else _logged_steps(lambda: _line(opened)):
        yield opened


def _line(bars: Bars) -> str:
    """Describe the first bar in words."""
    bar = next(iter(bars.tasks), None)
    if bar is None:
        return "beginning"
    return f"{bar.description}, {bar.completed / bar.total:.0%}".replace("%", " %") if bar.total else bar.description


def _part(done: int, total: int | None) -> int:
    """Return what is done, at most all."""
    return done if total is None else min(done, total)


@contextmanager
def steps_bar(first: str, *columns: ProgressColumn) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show the current step and its progress.

    Yields
    ------
    callable
        Callback that receives the step, its progress, and its total if known.
    """
    with bars(*columns) as opened:
        bar = opened.add_task(first, total=None)
        yield lambda what, done, total: opened.update(bar, description=what, completed=_part(done, total), total=total)


@contextmanager
def bytes_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show the bytes done, the speed and the time left.

    Yields
    ------
    callable
        Callback that receives the bytes done and the total.
    """
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    with bars(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as opened:
        bar = opened.add_task(what, total=None)
        yield lambda done, total: opened.update(bar, completed=_part(done, total), total=total)


@contextmanager
def cells_bar() -> Iterator[Callable[[TranslateProgress], None]]:
    """Show the cells done, the speed and the time left.

    An interrupt that Python ignores (in a callback of its own) is raised again with the next cells.
    """
    from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

    interrupted: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupted.append(number)
        if callable(before):
            before(number, frame)
        raise KeyboardInterrupt

    speed = TextColumn("cells  {task.fields[speed]}", markup=False)
    with bars(MofNCompleteColumn(), speed, TimeRemainingColumn()) as opened:
        bar = opened.add_task("reading", total=None, speed="")

        def show(progress: TranslateProgress) -> None:
            per_second = opened.tasks[0].speed
            speed = f"{per_second:,.0f} cells/s" if per_second else ""
            if interrupted:
                raise KeyboardInterrupt
            done = _part(progress.done, progress.total)
            opened.update(bar, description=progress.slot, completed=done, total=progress.total, speed=speed)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield show
        finally:
            signal.signal(signal.SIGINT, before)


def pace_of(part: tuple[int, int], seconds: float, unit: str = "tokens") -> str:
    """Format the speed of a step and its time left.

    Examples
    --------
    >>> pace_of((1_000, 10_000), 2.0)
    ': 10 %, 500 tokens/s, 0:00:18 left'
    """
    done, total = part
    if not done or not total or seconds <= 0:
        return ""
    left = datetime.timedelta(seconds=round((total - done) * seconds / done))
    return f": {done / total:.0%}, {done / seconds:,.0f} {unit}/s, {left} left".replace("%", " %", 1)
