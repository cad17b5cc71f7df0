"""Which release answers where none is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import homodb
from homodb.query.release import Origin, bundled_releases, find_release, locate, release_file, use_in_folder
from homodb.schema.errors import ReleaseError
from homodb.schema.manifest import MANIFEST


def release(toy_folder: Path, folder: Path, created: str = "2026-01-01T00:00:00+00:00") -> Path:
    shutil.copytree(toy_folder, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"created": created}))
    return folder


@pytest.fixture
def starter(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but the release that homodb brings; the working folder is empty."""
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HOMODB_RELEASE", raising=False)
    (tmp_path / "work" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    folder = release(toy_folder, tmp_path / "package" / "releases" / "starter-2026.1")
    monkeypatch.setitem(find_release.__globals__, "bundled_releases", lambda: [folder])
    return folder


def test_the_order(starter: Path, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_release() == (starter, Origin.BUNDLED)
    cached = release(toy_folder, tmp_path / "cache" / "releases" / "toy-1")
    assert find_release() == (cached, Origin.CACHE)
    used = release(toy_folder, tmp_path / "used")
    use_in_folder(used, Path.cwd())
    assert find_release() == (used, Origin.FOLDER)
    monkeypatch.setenv("HOMODB_RELEASE", str(cached))
    assert find_release() == (cached, Origin.ENVIRONMENT)
    assert find_release(starter) == (starter, Origin.GIVEN)
    with homodb.open() as opened:
        assert opened.folder == cached


@pytest.mark.parametrize("name", ["starter", "starter-2026.1"])
def test_names_of_the_starter(starter: Path, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert locate(name) == starter
    monkeypatch.setenv("HOMODB_RELEASE", name)
    assert locate() == starter
    (tmp_path / "work" / name).mkdir()  # a folder of that name that is no release is not meant
    assert locate(name) == starter


def test_starter_is_the_newest_of_its_family(starter: Path, toy_folder: Path, tmp_path: Path) -> None:
    releases = tmp_path / "cache" / "releases"
    release(toy_folder, releases / "starter-2025.1", "2025-01-01T00:00:00+00:00")
    assert locate("starter") == starter
    newer = release(toy_folder, releases / "starter-2027.1", "2027-01-01T00:00:00+00:00")
    assert locate("starter") == newer and locate("starter-2026.1") == starter


def test_use_holds_below_and_is_taken_back(
    starter: Path, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = release(toy_folder, tmp_path / "work" / "rel")
    file = use_in_folder("rel", Path.cwd())
    assert file == tmp_path / "work" / ".homodb-release" == release_file()
    monkeypatch.chdir(tmp_path / "work" / "below")
    assert locate() == used
    use_in_folder("starter", Path.cwd())
    assert (Path.cwd() / ".homodb-release").read_text() == "starter\n" and locate() == starter
    assert use_in_folder(None, Path.cwd()) and use_in_folder(None, Path.cwd()) is None
    assert locate() == used


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "nothing", "\0", "../../../etc", "x" * 5000])
def test_a_file_that_names_no_release(starter: Path, text: str) -> None:
    Path(".homodb-release").write_text(text)
    with pytest.raises(ReleaseError, match="homodb use") as raised:
        locate()
    assert len(str(raised.value)) < 400


def test_use_needs_a_release(starter: Path) -> None:
    with pytest.raises(ReleaseError):
        use_in_folder("nothing", Path.cwd())
    assert release_file() is None


def test_the_bundled_release_of_a_checkout_and_of_a_wheel(
    toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for root, module in ((tmp_path / "checkout", "checkout/src/homodb"), (tmp_path / "wheel/homodb", "wheel/homodb")):
        place = release(toy_folder, root / "releases" / "starter-2026.1")
        (root / "releases" / "starter-2026.2").mkdir()  # without a manifest
        monkeypatch.setitem(
            bundled_releases.__globals__, "__file__", str(tmp_path / module / "query" / "release" / "location.py")
        )
        assert bundled_releases() == [place]
