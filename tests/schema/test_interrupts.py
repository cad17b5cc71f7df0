"""Ctrl-C that is held back comes at the next safe place, or at the end; the handler is as before."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from homodb.schema.io import held_back
from tests import messages


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def hold(*steps: object) -> list[object]:
    """Do steps while Ctrl-C is held back; ``check`` is where it may come. Give what was done."""
    done: list[object] = []
    try:
        with held_back() as check:
            for step in steps:
                check() if step == "check" else step()  # type: ignore[operator]
                done.append(step)
    except KeyboardInterrupt:
        done.append("stopped")
    return done


def test_it_comes_where_it_is_asked_for() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert hold("check", press, list, "check", dict) == ["check", press, list, "stopped"]
    assert signal.getsignal(signal.SIGINT) is before


def test_it_comes_at_the_end() -> None:
    assert hold(press, list) == [press, list, "stopped"]


def test_other_errors_come_first() -> None:
    def full() -> None:
        raise OSError("full")

    with pytest.raises(OSError, match=messages.Schema.full):
        hold(press, full)


def test_outer_handlers_hear_of_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        assert hold(press, "check", list) == [press, "stopped"]
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_other_threads_are_left_alone() -> None:
    told: list[object] = []

    def work() -> None:
        with held_back() as check:
            check()
            told.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert told == [signal.getsignal(signal.SIGINT)]
