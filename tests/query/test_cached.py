"""What the cache holds, how it is cleared, and which release is the newest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import homodb
from homodb.query.release import CacheKind, find_release, list_cached, newest_release, prune
from homodb.schema.errors import CacheError, NewerSchemaError, ReleaseError
from homodb.schema.locks import waited
from homodb.schema.manifest import MANIFEST, read_manifest, write_selection
from tests import messages


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_folder: Path) -> Path:
    """A cache with all that it may hold."""
    folder = tmp_path / "cache"
    releases = folder / "releases"
    for name, year in (("old", 2001), ("new", 2030), ("part", 2040), ("odd", 2050)):
        shutil.copytree(toy_folder, releases / name)
        document = json.loads((releases / name / MANIFEST).read_text())
        document["created"] = f"{year}-01-01T00:00:00+00:00"
        (releases / name / MANIFEST).write_text(json.dumps(document))
    (releases / "part" / read_manifest(releases / "part").database).unlink()
    write_selection(releases / "part", ["parquet/gene/gene.parquet"])
    for path in (releases / "part" / "parquet").rglob("*.parquet"):
        if path.name != "gene.parquet":
            path.unlink()
    (releases / "odd" / MANIFEST).write_text("{")
    (releases / ".half.downloading").mkdir()
    (releases / ".half.downloading" / ".x.partial").write_bytes(b"x" * 1000)
    (releases / ".new.lock").write_text("")
    (folder / "weights").mkdir()
    (folder / "weights" / "esm2_t6_8M_UR50D.pt").write_bytes(b"x" * 2000)
    (folder / "embeddings" / "kmer-1").mkdir(parents=True)
    (folder / "embeddings" / "kmer-1" / "shard").write_bytes(b"x" * 3000)
    (folder / "checked").mkdir()
    monkeypatch.setenv("HOMODB_CACHE", str(folder))
    monkeypatch.delenv("HOMODB_RELEASE", raising=False)
    return folder


def test_list(cache: Path, toy_folder: Path) -> None:
    size = sum(path.stat().st_size for path in toy_folder.rglob("*") if path.is_file())
    found = {one.name: one for one in list_cached()}
    assert [(one.name, one.kind) for one in list_cached()] == [
        ("new", CacheKind.RELEASE),
        ("old", CacheKind.RELEASE),
        ("part", CacheKind.PART),
        ("odd", CacheKind.DAMAGED),
        ("releases/.half.downloading", CacheKind.UNFINISHED),
        ("weights/esm2_t6_8M_UR50D.pt", CacheKind.WEIGHTS),
        ("embeddings/kmer-1", CacheKind.EMBEDDINGS),
        ("checked", CacheKind.OTHER),
    ]
    assert abs(found["old"].bytes - size) < 1000
    assert [found[name].bytes for name in list(found)[4:]] == [1000, 2000, 3000, 0]
    assert found["new"].created == "2030-01-01T00:00:00+00:00" and found["odd"].created is None
    assert all(one.path.exists() for one in found.values())


def test_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "none"))
    assert list_cached() == [] and newest_release() is None and prune() == []
    (tmp_path / "none").write_text("a file")
    assert list_cached() == [] and newest_release() is None


def test_the_newest_that_can_be_opened(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(find_release.__globals__, "bundled_releases", list)
    assert newest_release() == cache / "releases" / "new"
    with homodb.open() as release:
        assert release.folder == cache / "releases" / "new"
    shutil.rmtree(cache / "releases" / "new")
    assert newest_release() == cache / "releases" / "old"
    prune(["old"])
    with pytest.raises(ReleaseError, match=messages.Release.none_is_in_cache_homodb):
        homodb.open()


def test_the_environment_comes_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOMODB_RELEASE", "old")
    with homodb.open() as release:
        assert release.folder == cache / "releases" / "old"


def test_a_newer_schema_is_said(cache: Path) -> None:
    """It is not passed over in silence for an older release."""
    import duckdb

    database = cache / "releases" / "new" / read_manifest(cache / "releases" / "new").database
    with duckdb.connect(str(database)) as connection:
        connection.execute("UPDATE release SET schema_version = 99")
    with pytest.raises(NewerSchemaError):
        homodb.open()


def test_prune_keeps_the_newest_and_what_is_no_release(cache: Path) -> None:
    names = {"old", "part", "odd", "releases/.half.downloading"}
    assert {one.name for one in prune(dry_run=True)} == names
    assert len(list_cached()) == 8
    assert {one.name for one in prune()} == names
    assert {one.name for one in list_cached()} == {"new", "weights/esm2_t6_8M_UR50D.pt", "embeddings/kmer-1", "checked"}
    assert prune() == []


def test_prune_by_name(cache: Path) -> None:
    prune(["new", "weights/esm2_t6_8M_UR50D.pt", "embeddings/kmer-1", "checked", "new"])
    assert [one.name for one in list_cached()] == ["old", "part", "odd", "releases/.half.downloading"]
    with pytest.raises(CacheError, match=messages.Release.cache_holds_no_new_x):
        prune(["new", "../x", "old"])
    assert "old" in {one.name for one in list_cached()}


def test_prune_deletes_links_and_not_what_they_lead_to(cache: Path, tmp_path: Path) -> None:
    (cache / "releases" / "old").rename(tmp_path / "mine")
    (cache / "releases" / "old").symlink_to(tmp_path / "mine")
    prune(["old"])
    assert not (cache / "releases" / "old").is_symlink() and (tmp_path / "mine" / MANIFEST).exists()


def test_prune_waits_for_a_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("homodb.query.release.cache._PATIENCE", 0.1)
    for lock, name in ((".old.lock", "old"), (".half.lock", "releases/.half.downloading")):
        with (
            waited(cache / "releases" / lock),
            pytest.raises(CacheError, match=messages.Release.in_use_by_another_process),
        ):
            prune([name])
        assert name in {one.name for one in list_cached()}


def test_what_a_killed_prune_leaves_is_pruned(cache: Path) -> None:
    (cache / "releases" / "old").rename(cache / "releases" / ".old.pruned")
    assert "releases/.old.pruned" in {one.name for one in prune()}
    assert not (cache / "releases" / ".old.pruned").exists()
