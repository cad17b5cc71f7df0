"""A machine without homodb's traces, and homodb run on it in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from homodb.query.release import find_release
from tests.console import Ran, homodb

Run = Callable[..., Ran]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working folder, empty; there is no release, catalog or configuration, and nothing in the cache."""
    monkeypatch.setitem(find_release.__globals__, "bundled_releases", list)
    for name in ("HOMODB_RELEASE", "HOMODB_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run homodb in this process; names and values are added to the environment."""

    def homodb_(*words: object, **environment: str) -> Ran:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return homodb([str(word) for word in words], Path.cwd(), dict(os.environ))

    return homodb_


def one_error(ran: Ran, *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that says what is wrong, and at most one more with a hint.

    Warnings may come before.
    """
    assert (ran.code, ran.out) == (2, ""), ran
    first, *rest = [line for line in ran.err.splitlines() if not line.startswith("warning: ")]
    assert first.startswith("error: ") and all(one.startswith("hint: ") for one in rest) and len(rest) < 2, ran.err
    for word in words:
        assert word in ran.err
