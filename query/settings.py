"""Set how homodb speaks while it works: log lines, warnings, progress bars, and the kind of its tables.

``homodb.settings`` is the only object of :class:`HomodbSettings`. Nothing is configured before the first message.
"""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from html import escape
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from homodb.schema.errors import OptionsError
from homodb.schema.messages import choices_hint

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    #: A table that answers a question.
    Frame: TypeAlias = pl.DataFrame | pd.DataFrame

#: Logger of homodb.
LOG = logging.getLogger("homodb")

#: Seconds after which a bar appears, and between its updates in a notebook.
_BRIEF, _PAUSE = 0.5, 0.2

_T = TypeVar("_T")

#: Whether a bar is shown already, or a callback receives the steps: what is called within shows none of its own.
_IS_SHOWN: ContextVar[bool] = ContextVar("homodb_progress", default=False)


class Verbosity(IntEnum):
    """Amount of log lines, as in scanpy."""

    ERROR = 0
    WARNING = 1
    INFO = 2
    HINT = 3
    DEBUG = 4


#: Level of the logger for each verbosity; hints stand between lines of information and those for debugging.
_LEVELS = {
    Verbosity.ERROR: logging.ERROR, Verbosity.WARNING: logging.WARNING, Verbosity.INFO: logging.INFO,
    Verbosity.HINT: 15, Verbosity.DEBUG: logging.DEBUG,
}  # fmt: skip


class HomodbSettings:
    """Settings of the running process, changed by assignment.

    Examples
    --------
    >>> settings = HomodbSettings()
    >>> settings.verbosity = "info"
    >>> settings
    HomodbSettings(verbosity=2, frames='polars', progress=None)
    """

    def __init__(self) -> None:
        self._frames: Literal["polars", "pandas"] = "polars"
        self._progress: bool | None = None

    @property
    def verbosity(self) -> int:
        """Amount of log lines: 0 errors, 1 warnings, 2 a line of what was done (the default), 3 hints, 4 all.

        It is the level of the logger ``homodb`` of the standard library and can be assigned as a number or a word.
        """
        level = LOG.level or logging.INFO
        return max((one for one, least in _LEVELS.items() if least >= level), default=Verbosity.ERROR).value

    @verbosity.setter
    def verbosity(self, value: int | str) -> None:
        names = [one.name.lower() for one in Verbosity]
        text = value.lower() if isinstance(value, str) else str(int(value))
        if text not in names and text not in map(str, range(len(names))):
            raise OptionsError(f"verbosity is {value!r}; expected 0 to 4, or {', '.join(names)}", option="verbosity")
        LOG.setLevel(_LEVELS[Verbosity[text.upper()] if text in names else Verbosity(int(text))])

    @property
    def frames(self) -> Literal["polars", "pandas"]:
        """Kind of tables that answer questions: ``polars`` (the default) or ``pandas``."""
        return self._frames

    @frames.setter
    def frames(self, value: Literal["polars", "pandas"]) -> None:
        if value not in ("polars", "pandas"):
            hint = choices_hint(str(value), ("polars", "pandas"))
            raise OptionsError(f"frames is {value!r}{hint}", option="frames")
        self._frames = value

    @property
    def progress(self) -> bool | None:
        """Bars for long work: True, False, or None (the default) for terminals and notebooks only."""
        return self._progress

    @progress.setter
    def progress(self, value: bool | None) -> None:
        self._progress = None if value is None else bool(value)

    def __repr__(self) -> str:
        return f"HomodbSettings(verbosity={self.verbosity}, frames={self.frames!r}, progress={self.progress})"


settings = HomodbSettings()


def answer_frame(frame: pl.DataFrame, as_pandas: bool | None = None) -> Frame:
    """Return a table as pandas if requested; None takes ``homodb.settings.frames``."""
    wanted = settings.frames == "pandas" if as_pandas is None else as_pandas
    return frame.to_pandas() if wanted else frame


class _Handler(logging.StreamHandler[Any]):
    """Handler that writes to the present stream, unless the program has configured logging itself."""

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger().handlers:
            return
        # a notebook has a red background for the error stream
        self.stream = sys.stdout if in_notebook() else sys.stderr
        super().emit(record)


def log(text: str) -> None:
    """Write one line of what was done to the logger ``homodb``."""
    if LOG.level == logging.NOTSET:
        LOG.setLevel(logging.INFO)
    if not LOG.handlers:
        LOG.addHandler(_Handler())
    LOG.info(text)


def warn(text: str) -> None:
    """Raise a UserWarning at the line outside homodb that called it."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == "homodb":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, UserWarning, stacklevel=level)


def in_notebook() -> bool:
    """Return whether the process is the kernel of a notebook."""
    return "ipykernel" in sys.modules or "google.colab" in sys.modules


def _of_step(step: Any) -> tuple[str, int | None, int | None]:
    return str(step), None, None


@contextmanager
def progress_bar(
    progress: Callable[[_T], None] | bool | None, title: str,
    parts: Callable[[_T], tuple[str, int | None, int | None]] = _of_step,
) -> Iterator[Callable[[_T], None]]:  # fmt: skip
    """Show the progress of some work.

    Parameters
    ----------
    progress
        Callback that receives each step, in place of a bar; or whether a bar is shown: None takes
        ``homodb.settings.progress``.
    title
        Name of the work.
    parts
        Text, amount done and total of a step; without a total the bar only shows that work goes on.

    Yields
    ------
    callable
        Callback for the steps.
    """
    shown = settings.progress if progress is None else progress
    if shown is None:
        shown = in_notebook() or sys.stderr.isatty()
    if callable(shown) or _IS_SHOWN.get() or not shown:
        token = _IS_SHOWN.set(_IS_SHOWN.get() or callable(shown))
        try:
            yield shown if callable(shown) else lambda step: None
        finally:
            _IS_SHOWN.reset(token)
        return
    token = _IS_SHOWN.set(True)
    bar = _notebook_bar(title) if in_notebook() else _terminal_bar(title)
    try:
        with bar as update:
            yield lambda step: update(*parts(step))
    finally:
        _IS_SHOWN.reset(token)


@contextmanager
def _terminal_bar(title: str) -> Iterator[Callable[[str, int | None, int | None], None]]:
    """Show a bar on a terminal; elsewhere each step is a line."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False, markup=False)
    before = ""

    def line(step: str, done: int | None, total: int | None) -> None:
        nonlocal before
        if step != before:
            sys.stderr.write(f"{title}: {step}\n")
        before = step

    if not console.is_terminal:
        yield line
        return
    columns = (
        TextColumn("{task.fields[title]}", markup=False), BarColumn(bar_width=20), TaskProgressColumn(),
        TimeElapsedColumn(), TextColumn("{task.description}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("", total=None, title=title)
        yield lambda step, done, total: bars.update(
            bar, description=step, completed=min(done or 0, total or done or 0), total=total
        )


@contextmanager
def _notebook_bar(title: str) -> Iterator[Callable[[str, int | None, int | None], None]]:
    """Show a bar in a notebook, as an element of HTML that is emptied at the end."""
    from IPython.display import HTML, display

    begun, handle, last = time.monotonic(), None, 0.0

    def update(step: str, done: int | None, total: int | None) -> None:
        nonlocal handle, last
        now = time.monotonic()
        if now - begun < _BRIEF or now - last < _PAUSE:
            return
        bar = f"<progress max={total} value={min(done or 0, total)}></progress>" if total else "<progress></progress>"
        element = HTML(f"<div>{escape(title)} {bar} {now - begun:,.0f} s, {escape(step)}</div>")
        handle, last = display(element, display_id=True) if handle is None else handle, now
        handle.update(element)

    try:
        yield update
    finally:
        if handle is not None:
            handle.update(HTML(""))
