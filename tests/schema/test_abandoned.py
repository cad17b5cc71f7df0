"""What killed runs leave beside outputs: removed by the next run, never while a process works in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from homodb.schema.io import UNFINISHED, find_abandoned, temporary_folder, whole_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked")
OLD = (1_000_000, 1_000_000)


def left(parent: Path, name: str = "out.h5ad") -> Path:
    folder = parent / f".{name}{UNFINISHED}a1b2c3d4"
    folder.mkdir()
    (folder / name).write_text("half")
    os.utime(folder, OLD)
    return folder


def test_the_next_run_removes_it(tmp_path: Path) -> None:
    folder, other = left(tmp_path), left(tmp_path, "other.h5ad")
    mine = tmp_path / ".out.h5ad.homodb-backup"
    mine.mkdir()
    assert set(find_abandoned("", tmp_path)) == {folder, other}
    with whole_file(tmp_path / "out.h5ad") as partial:
        partial.write_text("whole")
    assert not folder.exists() and other.exists() and mine.exists()
    assert (tmp_path / "out.h5ad").read_text() == "whole"


def test_not_while_another_process_works_in_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from homodb.schema.io import temporary_folder\n"
        f"with temporary_folder('.x{UNFINISHED}', Path(sys.argv[1])) as folder: print(folder, flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdin is not None
    folder = Path(process.stdout.readline().strip())
    os.utime(folder, OLD)
    with temporary_folder(f".x{UNFINISHED}", tmp_path) as own:
        os.utime(own, OLD)
        assert folder.exists() and find_abandoned("", tmp_path) == []
    process.kill()
    process.wait()
    assert find_abandoned("", tmp_path) == [folder]
    with temporary_folder(f".x{UNFINISHED}", tmp_path):
        assert not folder.exists()


def test_an_earlier_output_gets_its_place_back(tmp_path: Path) -> None:
    """Killed between the two renames: the output is gone, and lies in the folder."""
    folder = left(tmp_path, "rel")
    (folder / "replaced").mkdir()
    (folder / "replaced" / "manifest.json").write_text("earlier")
    os.utime(folder, OLD)
    with temporary_folder(f".rel{UNFINISHED}", tmp_path):
        assert (tmp_path / "rel" / "manifest.json").read_text() == "earlier"


def test_links_are_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (tmp_path / f".x{UNFINISHED}a1b2c3d4").symlink_to(victim)
    assert find_abandoned("", tmp_path) == []
