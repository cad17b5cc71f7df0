"""How homodb speaks while it works: log lines, warnings, bars, and kinds of tables."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pandas as pd
import polars as pl
import pytest

import homodb
from homodb.errors import OptionsError
from homodb.query.settings import LOG, HomodbSettings, answer_frame, log, progress_bar, warn
from tests.messages import Shared


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[HomodbSettings]:
    """The settings, which are restored afterwards."""
    own = homodb.settings
    monkeypatch.setattr(own, "_frames", "polars")
    monkeypatch.setattr(own, "_progress", None)
    level = LOG.level
    yield own
    LOG.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("value", "number", "level"), [
    (0, 0, logging.ERROR), ("warning", 1, logging.WARNING), (2, 2, logging.INFO), ("INFO", 2, logging.INFO),
    ("hint", 3, 15), (4, 4, logging.DEBUG),
])  # fmt: skip
def test_verbosity_is_the_level_of_the_logger(
    settings: HomodbSettings, value: int | str, number: int, level: int
) -> None:
    settings.verbosity = value
    assert settings.verbosity == number
    assert logging.getLogger("homodb").level == level


def test_a_level_set_by_the_program_is_read_as_verbosity(settings: HomodbSettings) -> None:
    for level, verbosity in ((logging.CRITICAL, 0), (25, 1), (logging.INFO, 2), (5, 4), (logging.NOTSET, 2)):
        LOG.setLevel(level)
        assert settings.verbosity == verbosity


def test_wrong_settings_are_errors(settings: HomodbSettings) -> None:
    for name, value in (("verbosity", 5), ("verbosity", "loud"), ("frames", "panda")):
        with pytest.raises(OptionsError) as error:
            setattr(settings, name, value)
        assert error.value.option == name
    with pytest.raises(OptionsError, match=Shared.did_you_mean):
        settings.frames = "panda"  # type: ignore[assignment]


def test_a_line_goes_to_the_handlers_of_the_program(settings: HomodbSettings, caplog: pytest.LogCaptureFixture) -> None:
    settings.verbosity = "info"
    log("one line")
    settings.verbosity = "warning"
    log("another line")
    assert [record.getMessage() for record in caplog.records if record.name == "homodb"] == ["one line"]


def test_a_line_goes_to_the_error_stream_where_nothing_is_configured() -> None:
    text = "from homodb.query.settings import log; log('a line'); log('a line more')"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "a line\na line more\n")
    configured = "import logging; logging.basicConfig(format='own %(message)s'); " + text
    done = subprocess.run([sys.executable, "-c", configured], capture_output=True, text=True, check=True)
    assert done.stderr == "own a line\nown a line more\n"


def test_a_warning_names_the_line_that_called_homodb() -> None:
    with pytest.warns(UserWarning, match="careful") as caught:
        warn("careful")
    assert caught[0].filename == __file__
    code = compile("def inner():\n    warn('from inside')\ndef outer():\n    inner()", "homodb_inside.py", "exec")
    inside = {"warn": warn, "__name__": "homodb.query.inside"}
    exec(code, inside)  # noqa: S102
    with pytest.warns(UserWarning, match="inside") as caught:
        inside["outer"]()  # type: ignore[operator]
    assert caught[0].filename == __file__


def test_the_command_line_writes_a_warning_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from homodb.cli.output import say_warning

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = say_warning
        warnings.warn("two\nlines", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: two\\nlines\n"


def test_a_callback_receives_the_steps_and_nothing_inside_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    steps: list[str] = []
    with progress_bar(steps.append, "work") as step, progress_bar(None, "inner") as inner:
        step("one")
        inner("two")
    assert steps == ["one"]
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize("wanted", [None, True])
@pytest.mark.usefixtures("settings")
def test_a_terminal_shows_a_bar_and_one_only(monkeypatch: pytest.MonkeyPatch, wanted: bool | None) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(wanted, "work", lambda one: (one, 3, 4)) as step:
        step("a step")
        with progress_bar(wanted, "inner work") as inner:
            inner("an inner step")
    drawn = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "a step" in drawn and "75%" in drawn
    assert "inner" not in drawn


def test_elsewhere_nothing_is_shown_unless_asked(
    settings: HomodbSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_bar(None, "work") as step:
        step("a step")
    assert capsys.readouterr().err == ""
    with progress_bar(True, "work") as step:
        step("a step")
        step("a step")
    assert capsys.readouterr().err == "work: a step\n"
    monkeypatch.setattr(sys, "stderr", Terminal())
    settings.progress = False
    with progress_bar(None, "work") as step:
        step("a step")
    assert sys.stderr.getvalue() == ""  # type: ignore[attr-defined]


@pytest.mark.usefixtures("settings")
def test_a_notebook_shows_an_element_and_empties_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType, SimpleNamespace

    from homodb.query import settings as module

    shown: list[str] = []
    display = ModuleType("IPython.display")
    display.HTML = str  # type: ignore[attr-defined]
    handle = SimpleNamespace(update=shown.append)
    display.display = lambda element, display_id: handle  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    times = iter([0.0, 0.1, 1.0, 1.05, 2.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    with progress_bar(None, "work", lambda one: (one, 1, 4)) as step:
        for name in ("too early", "<second>", "too soon", "third"):
            step(name)
    assert len(shown) == 3 and shown[-1] == ""
    assert "&lt;second&gt;" in shown[0] and "third" in shown[1] and "max=4 value=1" in shown[0]


def test_tables_are_of_polars_or_pandas(settings: HomodbSettings) -> None:
    frame = pl.DataFrame({"a": [1]})
    assert answer_frame(frame) is frame
    assert isinstance(answer_frame(frame, as_pandas=True), pd.DataFrame)
    settings.frames = "pandas"
    assert isinstance(answer_frame(frame), pd.DataFrame)
    assert answer_frame(frame, as_pandas=False) is frame
