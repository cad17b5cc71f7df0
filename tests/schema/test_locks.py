"""Locks between processes and between threads."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from homodb.schema.errors import OutputError
from homodb.schema.locks import take, waited
from tests import messages

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks there")

HOLD = """
import pathlib, sys, time
from homodb.schema.locks import waited
with waited(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
import pathlib, sys
from homodb.schema.locks import waited
folder = pathlib.Path(sys.argv[1])
for _ in range(20):
    with waited(folder / "lock"):
        counter = folder / "counter"
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    with waited(tmp_path / "lock"):
        assert take(tmp_path / "lock") is None
        with (
            pytest.raises(OutputError, match=messages.Schema.in_use_by_another_process),
            waited(tmp_path / "lock", longest=0.2),
        ):
            pass
    assert not list(tmp_path.iterdir())
    lock = take(tmp_path / "lock")
    assert lock is not None
    lock.release(finished=False)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), waited(tmp_path / "lock"):
        _ = 1 / 0
    with waited(tmp_path / "lock", longest=0.0):
        pass


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_created), waited(tmp_path / "no" / "lock"):
        pass


@pytest.mark.slow
def test_the_dead_hold_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"held\n"
    assert take(tmp_path / "lock") is None
    killer = threading.Timer(1.3, process.send_signal, [signal.SIGKILL])
    killer.start()
    with caplog.at_level(logging.WARNING), waited(tmp_path / "lock", longest=60):
        assert process.wait() == -signal.SIGKILL
    assert "waiting for it" in caplog.text
    process.stdout.close()


def test_processes_do_not_lose_counts(tmp_path: Path) -> None:
    """The lock's file is deleted again and again meanwhile, which must not let two in."""
    (tmp_path / "counter").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNT, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "60"


def test_threads_take_turns(tmp_path: Path) -> None:
    inside: list[int] = []

    def work() -> None:
        with waited(tmp_path / "lock"):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not inside and os.listdir(tmp_path) == []  # noqa: PTH208
