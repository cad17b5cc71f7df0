"""Outputs that would take the place of an input or of a device are refused, and leave it as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homodb.schema.errors import OutputError
from homodb.schema.files import check_output, whole_file


def test_an_input_is_refused_under_any_name(tmp_path: Path) -> None:
    given, other = tmp_path / "given.txt", tmp_path / "link.txt"
    given.write_text("INS\n")
    other.symlink_to(given)
    for output in (given, other, tmp_path / "." / "given.txt"):
        with pytest.raises(OutputError, match="is the input file; name another output"):
            check_output(output, None, given)
    check_output(tmp_path / "new.txt", given, tmp_path / "absent.txt")
    assert given.read_text() == "INS\n"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for output, told in (
        (tmp_path, "is a folder"),
        (tmp_path / "nowhere" / "a.txt", "there is no folder"),
        (pipe, "is no regular file"),
        (Path("/dev/null"), "is no regular file"),
        (Path("/dev/stdout"), "is no regular file"),
    ):
        with pytest.raises(OutputError, match=told):
            check_output(output)
    for device in (pipe, Path("/dev/stdout")):
        with pytest.raises(OutputError, match="is no regular file"), whole_file(device):
            raise AssertionError("nothing is written")
    assert pipe.is_fifo()


def test_a_name_that_is_too_long_is_one_error(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    with pytest.raises(OutputError, match="cannot be written"):
        check_output(long)
    with pytest.raises(OutputError, match="cannot be written"), whole_file(long):
        raise AssertionError("nothing is written")


def test_an_output_inside_a_store_that_is_read_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "cells.zarr"
    store.mkdir()
    with pytest.raises(OutputError, match="lies in the input"):
        check_output(store / "scores.txt", store)
