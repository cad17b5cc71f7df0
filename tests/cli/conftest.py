"""A machine without homodb's traces, and homodb run on it in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from homodb.cli import main


class Ran(NamedTuple):
    """What a command ended with and wrote."""

    code: int
    out: str
    err: str

    @property
    def raw(self) -> bytes:
        return self.out.encode("utf-8", "surrogateescape")


Run = Callable[..., Ran]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The working folder, empty; there is no release, catalog or configuration, and nothing in the cache."""
    for name in ("HOMODB_RELEASE", "HOMODB_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(bare: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Run homodb in this process; names and values are added to the environment."""

    def homodb_(*words: object, **environment: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["homodb", *map(str, words)])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        caught = capsysbinary.readouterr()
        return Ran(code, caught.out.decode("utf-8", "surrogateescape"), caught.err.decode())

    return homodb_


def one_error(ran: Ran, *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr that says what is wrong."""
    assert (ran.code, ran.out) == (2, ""), ran
    assert len(ran.err.splitlines()) == 1 and ran.err.startswith("homodb: "), ran.err
    for word in words:
        assert word in ran.err
