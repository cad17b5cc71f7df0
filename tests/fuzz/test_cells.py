"""A short, seeded round of ``tests/fuzz/cells.py``: damaged h5ad files are taken or refused, in a process each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.versions


@pytest.mark.slow
def test_damaged_files_are_taken_or_refused(toy_folder: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("cells.py")), str(toy_folder), "--mutations", "25"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused" in done.stdout
