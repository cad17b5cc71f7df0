"""Outputs that would take the place of an input or of a device are refused, and leave it as it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from homodb.schema.errors import HomodbError, OptionsError, OutputError
from homodb.schema.io import check_ending, check_folder, check_output, check_there, make_folder, whole_file
from tests import messages


def test_an_input_is_refused_under_any_name(tmp_path: Path) -> None:
    given, other = tmp_path / "given.txt", tmp_path / "link.txt"
    given.write_text("INS\n")
    other.symlink_to(given)
    for output in (given, other, tmp_path / "." / "given.txt"):
        with pytest.raises(OutputError, match=messages.Schema.is_input_file_name_another):
            check_output(output, None, given)
    check_output(tmp_path / "new.txt", given, tmp_path / "absent.txt")
    assert given.read_text() == "INS\n"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for output, told in (
        (tmp_path, "is a folder"),
        (tmp_path / "nowhere" / "a.txt", "there is no folder"),
        (pipe, "is not a regular file"),
        (Path("/dev/null"), "is not a regular file"),
        (Path("/dev/stdout"), "is not a regular file"),
    ):
        with pytest.raises(OutputError, match=told):
            check_output(output)
    for device in (pipe, Path("/dev/stdout")):
        with pytest.raises(OutputError, match=messages.Shared.is_not_regular_file), whole_file(device):
            raise AssertionError("nothing is written")
    assert pipe.is_fifo()
    if os.access("/dev/shm", os.W_OK):  # noqa: S108 - memory that machines of clusters offer as scratch
        check_output(Path("/dev/shm/out.h5ad"))  # noqa: S108


def test_a_name_that_is_too_long_is_one_error(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300)
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_written):
        check_output(long)
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_written), whole_file(long):
        raise AssertionError("nothing is written")


def test_an_output_inside_a_store_that_is_read_is_refused(tmp_path: Path) -> None:
    store = tmp_path / "cells.zarr"
    store.mkdir()
    with pytest.raises(OutputError, match=messages.Schema.is_inside_input):
        check_output(store / "scores.txt", store)


def test_a_folder_is_tried_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match=messages.Schema.cannot_be_created_because):
            check_folder(folder)
        with pytest.raises(OutputError, match=messages.Schema.cannot_be_created_because_2):
            make_folder(folder)
    for folder in (Path("/proc/x"), tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match=messages.Schema.cannot_be_written_made):
            make_folder(folder)
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_written):
        check_folder(Path("/proc/x/y"))
    with pytest.raises(OutputError, match=messages.Schema.is_name_file_several):
        check_folder(tmp_path / "markers.csv")
    check_folder(tmp_path / "new" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # a trial leaves nothing
    make_folder(tmp_path / "new" / "below")
    check_folder(tmp_path / "new")
    assert (tmp_path / "new" / "below").is_dir()


def test_inputs_are_looked_for(tmp_path: Path) -> None:
    check_there(None, tmp_path)
    for absent in (tmp_path / "absent", tmp_path / ("x" * 300), tmp_path / "a" / "b"):
        with pytest.raises(OptionsError, match=messages.Shared.there_is_no_such_file):
            check_there(tmp_path, absent)
    with pytest.raises(InputGone, match=messages.Shared.there_is_no_such_file):
        check_there(tmp_path / "absent", error=InputGone)


class InputGone(HomodbError):
    pass


@pytest.mark.parametrize("name", ["cells.h5ad", "cells.H5AD", "cells.zarr", "cells", "cells.v2", "cells.h5"])
def test_endings_of_what_is_written_and_of_nothing_are_free(name: str) -> None:
    check_ending(Path(name), "cells", ".h5ad", ".zarr")


@pytest.mark.parametrize(
    "name", ["cells.csv", "cells.h5ad.gz", "cells.CSV", ".parquet.json", "a.b.html", "cells.jsonl", "a.md"]
)
def test_endings_of_other_formats_are_refused(name: str) -> None:
    with pytest.raises(OutputError, match=messages.Schema.cells_are_written_as_h5ad):
        check_ending(Path(name), "cells", ".h5ad", ".zarr")
