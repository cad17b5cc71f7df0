"""The demo on real cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, one_error


@pytest.mark.slow
def test_the_demo_shows_real_cells(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("umap", reason="needs homodb[cells]")
    ran = run("demo", "-o", "demo")
    assert ran.code == 0, ran.err
    steps = [line for line in ran.out.splitlines() if line.startswith("$ homodb ")]
    words = [
        next(word for word in step.split() if word not in ("$", "homodb", "--release", "starter")) for step in steps
    ]
    assert words == [
        "inspect", "translate", "explain", "translate", "orthologs", "integrate", "report", "annotate", "evaluate",
    ]  # fmt: skip
    assert "carried 93.5%" in ran.out and "carried 98.3%" in ran.out
    assert "no_ortholog" in ran.out and "EEF1A1" in ran.out and "balanced accuracy" in ran.out
    assert ran.out.count("\n  - ") == 5
    assert (tmp_path / "demo" / "report.html").exists() or Path("demo/report.html").exists()


def test_options_of_the_simulated_tour(run: Run) -> None:
    one_error(run("demo", "--genes", "500", "-o", "q"), "--genes is for the simulated tour: add --simulated")
