"""Checksums as published, against the system's own ``sum`` and an implementation by the letter."""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.etl.fetch import bsd_sum, bsd_sum_in_python, has_checksum, read_checksums, site


def by_the_letter(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value >> 1) + ((value & 1) << 15)
        value = (value + byte) & 0xFFFF
    return value


@given(st.binary(max_size=300))
def test_sum(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "summed"
    path.write_bytes(data)
    assert bsd_sum_in_python(path) == by_the_letter(data)


def test_the_systems_sum_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("sum") is None:
        pytest.skip("there is no sum here")
    path = tmp_path / "file"
    path.write_bytes(random.Random(3).randbytes(200_000))  # noqa: S311
    assert bsd_sum(path) == bsd_sum_in_python(path)
    monkeypatch.setattr(site.shutil, "which", lambda name: "/bin/true")
    assert bsd_sum(path) == bsd_sum_in_python(path)
    monkeypatch.setattr(site.shutil, "which", lambda name: None)
    assert bsd_sum(path) == bsd_sum_in_python(path)


def test_has_checksum(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1500)
    value = by_the_letter(b"x" * 1500)
    assert has_checksum(path, f"sum:{value}:2")
    assert has_checksum(path, f"sum:{value}:3")  # blocks of 512 bytes
    assert not has_checksum(path, f"sum:{value}:4")
    assert not has_checksum(path, f"sum:{value ^ 1}:2")
    assert has_checksum(path, "md5:" + hashlib.md5(b"x" * 1500).hexdigest())  # noqa: S324
    assert not has_checksum(path, "md5:" + "0" * 32)


def test_other_lines_are_passed_over() -> None:
    text = "\ufeffheader\n12 3\n1 2 a b\n00007 1 ./x.gz\n" + "0" * 31 + "  y\n" + "A" * 32 + " *z.gz\r\n"
    assert read_checksums(text) == {"x.gz": "sum:7:1", "z.gz": "md5:" + "a" * 32}
