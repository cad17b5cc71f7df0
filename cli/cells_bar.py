"""A bar that shows how far the cells are."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homodb.query.translate.carry import Progress


@contextmanager
def cells_bar() -> Iterator[Callable[[Progress], None]]:
    """Show, on a terminal, how far the cells are, how many go by in a second, and the time left.

    An interrupt that Python swallows (in a callback of its own) is raised again with the next cells.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    interrupted: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    console = Console(stderr=True, highlight=False, markup=False)
    speed = TextColumn("cells  {task.fields[speed]}", markup=False)
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}", markup=False), MofNCompleteColumn(), speed)
    with Bars(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        bar = bars.add_task("reading", total=None, speed="")

        def show(progress: Progress) -> None:
            per_second = bars.tasks[0].speed
            speed = f"{per_second:,.0f} cells/s" if per_second else ""
            if interrupted:
                raise KeyboardInterrupt
            bars.update(bar, description=progress.slot, completed=progress.done, total=progress.total, speed=speed)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield show
        finally:
            signal.signal(signal.SIGINT, before)
