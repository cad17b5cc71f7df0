"""How long is waited between attempts, and what ends a wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from homodb.schema.io.http import HaltedError, RetryPolicy


def test_waits_grow_and_are_spread() -> None:
    patience = RetryPolicy(first=1, longest=60, chance=lambda: 0.0)
    assert [patience.wait(failures, None) for failures in (1, 2, 3, 7, 99)] == [0.5, 1, 2, 30, 30]
    assert patience.wait(1, 20.0) == 20.0


def test_a_pause_is_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    RetryPolicy().pause(3.0)
    RetryPolicy(sleep=slept.append, halt=threading.Event()).pause(4.0)
    assert slept == [3.0, 4.0]
    RetryPolicy(halt=threading.Event()).pause(0.01)
    assert slept == [3.0, 4.0]


@pytest.mark.parametrize("sleep", [None, lambda seconds: None])
def test_no_pause_begins_once_the_work_is_given_up(sleep: Callable[[float], None] | None) -> None:
    halt = threading.Event()
    halt.set()
    with pytest.raises(HaltedError):
        RetryPolicy(halt=halt, sleep=sleep).pause(3600.0)


def test_a_pause_ends_when_the_work_is_given_up() -> None:
    halt, ended = threading.Event(), []

    def work() -> None:
        try:
            RetryPolicy(halt=halt).pause(3600.0)
        except HaltedError as error:
            ended.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    halt.set()
    thread.join(60.0)
    assert len(ended) == 1
