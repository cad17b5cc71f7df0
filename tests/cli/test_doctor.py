"""``homodb doctor``: what it finds, against machines that lack and that break things."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from homodb.query.release import doctor as module
from homodb.query.release.doctor import Finding, State, doctor
from homodb.schema import settings
from tests.cli.conftest import Run
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def _nobodys(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody has used homodb yet."""
    monkeypatch.setenv("HOME", str(bare))


def found(area: str, name: str) -> Finding:
    (one,) = [one for one in doctor() if (one.area, one.name) == (area, name)]
    return one


def test_a_bare_machine_lacks_things_and_is_not_broken(bare: Path) -> None:
    findings = doctor()
    assert not [one for one in findings if one.state is State.BROKEN]
    assert found("releases", "in use").state is State.MISSING
    assert found("catalog", "catalog").state is State.MISSING
    assert found("models", "ESM2").state is State.MISSING
    assert not (bare / "cache").exists()  # to look makes nothing


def test_what_is_not_there_has_a_remedy_and_what_is_there_has_none() -> None:
    for one in doctor():
        assert bool(one.remedy) == (one.state is not State.OK), one


def test_packages_are_those_of_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = [
        "numpy>=1",
        "Dask[array]>=2; extra == 'scale'",
        'nothing-of-this-name; extra == "etl"',
        "numpy; extra == 'etl'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: requires)
    assert found("packages", "plain install").found == f"numpy {metadata.version('numpy')}"
    lacking = found("packages", "etl")
    assert lacking.state is State.MISSING and "lacks nothing-of-this-name" in lacking.found
    assert "pip install -c " in lacking.remedy and lacking.remedy.split(" --extra-index-url")[0].endswith("'[etl]'")
    monkeypatch.setattr(metadata, "requires", lambda name: ["nothing-of-this-name"])
    broken = found("packages", "plain install")
    assert (broken.state, broken.found, broken.remedy) == (
        State.BROKEN, "lacks nothing-of-this-name", f"pip install -c {ROOT / 'constraints.txt'} {ROOT}"
    )  # fmt: skip


def test_a_version_that_homodb_does_not_work_with_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    monkeypatch.setattr(metadata, "requires", lambda name: project["dependencies"])
    versions = {"anndata": "0.12.6", "pandas": "3.0.0"}  # which cannot write text
    monkeypatch.setattr(module, "_version", versions.get)
    broken = found("packages", "plain install")
    assert broken.state is State.BROKEN and broken.remedy.startswith("pip install -c ")
    assert "anndata 0.12.6 is installed, which needs to be >=0.12.7" in broken.found
    versions["anndata"] = "0.12.7"
    assert "needs to be" not in found("packages", "plain install").found


def test_every_extra_says_what_it_is_for() -> None:
    extras = metadata.metadata("homodb").get_all("Provides-Extra") or []
    assert set(extras) <= set(module.EXTRAS)


def test_release_in_the_cache_and_by_environment(bare: Path, toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(toy_folder, settings.releases_folder() / "toy-1")
    assert found("releases", "in use").found.startswith("toy-1, schema ")
    assert found("cache", "release").state is State.OK
    monkeypatch.setenv("HOMODB_RELEASE", str(toy_folder))
    assert found("releases", "in use").found.endswith(f"{toy_folder} (HOMODB_RELEASE)")
    monkeypatch.setenv("HOMODB_RELEASE", "nothing")
    wrong = found("releases", "in use")
    assert wrong.state is State.BROKEN and "nothing" in wrong.found


def test_damaged_release_is_broken(toy_folder: Path) -> None:
    folder = settings.releases_folder() / "toy-1"
    shutil.copytree(toy_folder, folder)
    (folder / "manifest.json").write_text("{")
    damaged = found("cache", "damaged release")
    assert damaged.state is State.BROKEN and damaged.remedy == "homodb cache prune toy-1"


def test_catalog_by_environment_and_by_configuration(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "releases").mkdir()
    monkeypatch.setenv("HOMODB_CATALOG", str(bare / "releases"))
    assert found("catalog", "catalog").state is State.BROKEN  # a folder without a catalog
    monkeypatch.setenv("HOMODB_CATALOG", "https://example.org/releases")
    assert found("catalog", "catalog").found == "https://example.org/releases/index.json (not checked)"
    monkeypatch.delenv("HOMODB_CATALOG")
    configuration = bare / "config.toml"
    monkeypatch.setattr(module, "configuration", lambda: configuration)
    monkeypatch.setattr("homodb.schema.settings.configuration", lambda: configuration)
    configuration.write_text("catalog = ")
    assert found("catalog", "catalog").state is State.BROKEN


def test_cache_that_cannot_be_written(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "file").write_text("")
    monkeypatch.setenv("HOMODB_CACHE", str(bare / "file" / "cache"))
    assert found("cache", "folder").state is State.BROKEN


def test_weights_in_the_cache() -> None:
    path = settings.cache_folder() / "weights" / "esm2_t6_8M_UR50D.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    assert found("models", "ESM2").found == "esm2_t6_8M_UR50D"


@pytest.mark.parametrize("words", [["--all"], ["--json"]], ids=["text", "json"])
def test_command(run: Run, words: list[str]) -> None:
    ran = run("doctor", *words)
    assert (ran.code, ran.err) == (0, "")
    if words == ["--json"]:
        rows = json.loads(ran.out)
        assert [row["name"] for row in rows] == [one.name for one in doctor()]
        assert set(rows[0]) == {"area", "name", "state", "found", "remedy"}
    else:
        assert ran.out.startswith(f"homodb{os.linesep}  ok ")
        assert " missing, 0 broken\n" in ran.out


def test_five_lines_and_one_command(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["numpy>=1", "nothing-of-this-name; extra == 'etl'", "nothing-else; extra == 'scale'"]
    monkeypatch.setattr(metadata, "requires", lambda name: requires)
    first, works, missing, broken, install = run("doctor").out.splitlines()
    assert first.startswith("homodb ") and works == "works: ask, translate and join"
    assert missing.startswith("missing: ESM2 embeddings (etl); ") and broken == "broken: nothing"
    assert install.endswith(f"pip install -c {ROOT / 'constraints.txt'} {ROOT}'[etl,scale]'")
    assert "download.pytorch.org/whl/cpu" in install or sys.platform != "linux"
