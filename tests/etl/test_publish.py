"""Publishing: what is not sound is not published, what is published never changes, and a kill leaves nothing half."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest

from homodb.etl import catalog_entry, publish_release
from homodb.schema.catalog import CATALOG, Catalog
from homodb.schema.errors import BrokenReleaseError, CatalogError, OutputError, ReleaseError
from homodb.schema.manifest import MANIFEST, Manifest, describe_file, read_manifest, verify, write_selection
from tests import messages

KILLS = int(os.environ.get("HOMODB_KILLS", "3"))
CODE = (
    "import sys; from pathlib import Path; from homodb.etl import publish_release; "
    "publish_release(*map(Path, sys.argv[1:]))"
)


@pytest.fixture
def build(toy_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_folder, tmp_path / "build"))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "some" / "releases"


def state(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rewrite(folder: Path, **values: Any) -> None:
    """Let the manifest say something else, and be right about the files as they are now."""
    manifest = read_manifest(folder)
    files = [describe_file(folder, folder / file.path, file.kind) for file in manifest.files]
    document = json.loads(manifest.to_json()) | {"files": [vars(file) for file in files]} | values
    (folder / MANIFEST).write_text(json.dumps(document))


def test_published(build: Path, target: Path) -> None:
    told: list[tuple[int, int]] = []
    entry = publish_release(build, target, report=lambda *both: told.append(both))
    assert told == sorted(told) and told[-1] == (2 * entry.bytes, 2 * entry.bytes)
    assert {path.name for path in target.iterdir()} == {CATALOG, "toy-1", "toy-1.datapackage.json"}
    assert state(target / "toy-1") == state(build)
    catalog = Catalog.from_json((target / CATALOG).read_bytes(), "there")
    assert catalog.releases == (entry,)
    assert entry.manifest_sha256 == hashlib.sha256((target / "toy-1" / MANIFEST).read_bytes()).hexdigest()
    assert entry.manifest_bytes == (target / "toy-1" / MANIFEST).stat().st_size
    assert entry.bytes == sum(path.stat().st_size for path in build.rglob("*") if path.is_file()) - entry.manifest_bytes


def test_again_changes_nothing(build: Path, target: Path) -> None:
    entry = publish_release(build, target)
    before = state(target)
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    assert publish_release(build, target) == entry
    assert state(target) == before
    assert times == {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}


def test_several_releases(build: Path, target: Path) -> None:
    for version in ("b", "a"):
        with duckdb.connect(str(build / read_manifest(build).database)) as connection:
            connection.execute("UPDATE release SET version = ?", [version])
        rewrite(build, version=version)
        publish_release(build, target)
    catalog = Catalog.from_json((target / CATALOG).read_bytes(), "there")
    assert [entry.name for entry in catalog.releases] == ["a", "b"]
    assert verify(target / "a").manifest.version == "a" and verify(target / "b").manifest.version == "b"


def test_a_release_never_changes(build: Path, target: Path) -> None:
    publish_release(build, target)
    before = state(target)
    rewrite(build, title="another")
    with pytest.raises(OutputError, match=messages.Publish.different_release_toy_1):
        publish_release(build, target)
    assert state(target) == before
    (target / "toy-1" / "parquet" / "gene" / "gene.parquet").write_bytes(b"damaged")
    rewrite(build, title=read_manifest(target / "toy-1").title)
    with pytest.raises(BrokenReleaseError, match=messages.Publish.gene_parquet_has_7_bytes):
        publish_release(build, target)


@pytest.fixture
def parquet_only(build: Path) -> Path:
    """The build without its DuckDB file."""
    manifest = read_manifest(build)
    (build / manifest.database).unlink()
    document = json.loads(manifest.to_json())
    document["files"] = [file for file in document["files"] if file["kind"] != "duckdb"]
    (build / MANIFEST).write_text(json.dumps(document))
    return build


def test_a_release_of_parquet_files(parquet_only: Path, target: Path) -> None:
    entry = publish_release(parquet_only, target)
    assert {file.path for file in entry.files} == {file.path for file in read_manifest(parquet_only).files}
    assert all(file.address is None for file in entry.files)
    assert state(target / "toy-1") == state(parquet_only)


def test_invariants_of_parquet_files(parquet_only: Path, target: Path) -> None:
    path = parquet_only / "parquet" / "gene" / "gene.parquet"
    duckdb.sql(f"COPY (FROM '{path}' OFFSET 1) TO '{path}.new' (FORMAT parquet)")
    Path(f"{path}.new").replace(path)
    rewrite(parquet_only)
    refused(parquet_only, target, BrokenReleaseError, "is broken by")
    path.write_bytes(b"PAR1")
    rewrite(parquet_only)
    refused(parquet_only, target, BrokenReleaseError, "cannot be read")


def test_a_release_that_lies_in_the_folder(parquet_only: Path, target: Path) -> None:
    """It is entered where it is, with what lies beside its files."""
    target.mkdir(parents=True)
    place = parquet_only.rename(target / "toy-1")
    (place / "inputs").mkdir()
    (place / "SOURCES.md").write_text("by hand")
    before = state(place)
    entry = publish_release(place, target)
    assert state(place) == before
    assert Catalog.from_json((target / CATALOG).read_bytes(), "").releases == (entry,)
    other = place.rename(target / "toy-2")
    with pytest.raises(BrokenReleaseError, match="is release toy-1. Name its folder so"):
        publish_release(other, target)


def test_the_entry_of_a_release_whose_files_lie_elsewhere(build: Path) -> None:
    entry = catalog_entry(build, "https://zenodo.org/records/1/files/")
    assert all(file.address == f"https://zenodo.org/records/1/files/{file.path}" for file in entry.files)
    assert Catalog.from_json(Catalog(releases=(entry,)).to_json(), "").releases == (entry,)
    with pytest.raises(CatalogError, match="is not an address that begins with https"):
        catalog_entry(build, "ftp://example.org")


def refused(build: Path, target: Path, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        publish_release(build, target)
    assert not target.exists() or not list(target.iterdir())


def test_what_is_damaged(build: Path, target: Path) -> None:
    path = build / "parquet" / "gene" / "gene.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    refused(build, target, BrokenReleaseError, "gene.parquet has SHA-256")
    path.unlink()
    refused(build, target, BrokenReleaseError, "gene.parquet is missing")


def test_what_holds_more_than_it_says(build: Path, target: Path) -> None:
    (build / "notes.txt").write_text("private")
    refused(build, target, BrokenReleaseError, r"are not in the manifest .notes.txt.\. Move them")


def test_a_link_is_not_followed_out(build: Path, target: Path, tmp_path: Path) -> None:
    path = build / "parquet" / "gene" / "gene.parquet"
    path.rename(tmp_path / "outside")
    path.symlink_to(tmp_path / "outside")
    refused(build, target, BrokenReleaseError, "is a link out of the release")


def test_a_part_of_a_release(build: Path, target: Path) -> None:
    write_selection(build, [read_manifest(build).database])
    shutil.rmtree(build / "parquet")
    refused(build, target, BrokenReleaseError, "is a partial release .19 files were not downloaded")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE mapping SET gene_a = (SELECT max(gene_a) FROM mapping) WHERE strategy = 'ENS_O2O'",
        "DELETE FROM gene WHERE symbol = 'INS'",
    ],
)
def test_broken_invariants(build: Path, target: Path, sql: str) -> None:
    with duckdb.connect(str(build / read_manifest(build).database)) as connection:
        connection.execute(sql)
    rewrite(build)
    refused(build, target, BrokenReleaseError, "is broken by|cannot be checked")


def test_manifest_and_database_of_other_versions(build: Path, target: Path) -> None:
    rewrite(build, version="toy-2")
    refused(build, target, BrokenReleaseError, "the manifest says version 'toy-2', the database 'toy-1'")


@pytest.mark.parametrize("version", ["../x", "a/b", ".x", "index.json", "a b", ""])
def test_versions_that_are_no_names(build: Path, target: Path, version: str) -> None:
    rewrite(build, version=version)
    refused(build, target, BrokenReleaseError, "is not usable as a folder name")


def test_no_catalog_that_cannot_be_read_is_written(build: Path, target: Path) -> None:
    rewrite(build, species=["homo_sapiens\x1b[2J"])
    with pytest.raises(CatalogError, match=messages.Publish.cannot_be_printed):
        publish_release(build, target)
    assert not (target / CATALOG).exists() and not (target / "toy-1").exists()


def test_a_catalog_that_is_none_stays(build: Path, target: Path) -> None:
    target.mkdir(parents=True)
    (target / CATALOG).write_text("<html>")
    with pytest.raises(CatalogError, match=messages.Shared.is_not_json):
        publish_release(build, target)
    assert state(target) == {CATALOG: hashlib.sha256(b"<html>").hexdigest()}


def test_flat_files_beside_a_release(build: Path, target: Path) -> None:
    entry = publish_release(build, target, flat=True)
    place = target / entry.name
    files = sorted(path.relative_to(target).as_posix() for path in (place / "ortholog").iterdir())
    assert files == [f"toy-1/ortholog/{name}.parquet" for name in sorted(read_manifest(build).species)]
    assert verify(place).manifest_sha256 == entry.manifest_sha256 == publish_release(build, target).manifest_sha256
    package = json.loads((target / "toy-1.datapackage.json").read_text())
    listed = {one["path"]: one["hash"] for one in package["resources"]}
    for name in files:
        assert listed[name] == f"sha256:{hashlib.sha256((target / name).read_bytes()).hexdigest()}"


def test_no_release(tmp_path: Path, target: Path) -> None:
    refused(tmp_path, target, ReleaseError, "is not a release")


def test_a_target_that_is_a_file(build: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_created_because):
        publish_release(build, tmp_path / "file")


def test_the_description_for_other_programs(build: Path, target: Path) -> None:
    """What the Frictionless specification asks of a data package; its validator was run on one by hand."""
    publish_release(build, target)
    package = json.loads((target / "toy-1.datapackage.json").read_text())
    assert package["name"] == "homodb-toy-1" and package["licenses"][0]["name"] == "CC0-1.0"
    names = [resource["name"] for resource in package["resources"]]
    assert len(set(names)) == len(names) == len(read_manifest(build).files)
    for resource in package["resources"]:
        path = target / resource["path"]
        assert path.stat().st_size == resource["bytes"]
        assert f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" == resource["hash"]
        assert set(resource["name"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs kill -9")
def test_killed_publishing_ends_in_the_same_bytes(build: Path, target: Path, tmp_path: Path) -> None:
    """At each moment the catalog is whole, and names only what is whole."""
    command = [sys.executable, "-c", CODE, str(build)]
    begin = time.monotonic()
    subprocess.run([*command, str(tmp_path / "once")], check=True)
    seconds = time.monotonic() - begin
    chance = random.Random(6)  # noqa: S311
    killed = 0
    while killed < KILLS:
        begin = time.monotonic()
        process = subprocess.Popen([*command, str(target)], stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.3, 1.0) * seconds)
            seconds = min(seconds, time.monotonic() - begin)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
        if (target / CATALOG).exists():
            for entry in Catalog.from_json((target / CATALOG).read_bytes(), "there").releases:
                assert verify(target / entry.name).manifest_sha256 == entry.manifest_sha256
            shutil.rmtree(target)
    subprocess.run([*command, str(target)], check=True)
    print(f"publications killed: {killed}")
    assert state(target) == state(tmp_path / "once")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_publishers_at_once(build: Path, target: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(build, tmp_path / "other"))
    with duckdb.connect(str(other / read_manifest(other).database)) as connection:
        connection.execute("UPDATE release SET version = 'toy-2'")
    rewrite(other, version="toy-2")
    processes = [
        subprocess.Popen([sys.executable, "-c", CODE, str(folder), str(target)]) for folder in (build, other, build)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    catalog = Catalog.from_json((target / CATALOG).read_bytes(), "there")
    assert [entry.name for entry in catalog.releases] == ["toy-1", "toy-2"]
    assert {path.name for path in target.iterdir() if path.name.startswith(".")} == set()
    assert Manifest.from_json((target / "toy-2" / MANIFEST).read_text(), target).version == "toy-2"
