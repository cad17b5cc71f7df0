"""A release of Parquet files and manifest alone: its DuckDB file is made once, verified, in the cache."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

import homodb
from homodb.query.release import find_release, newest_release
from homodb.query.release.download import download
from homodb.schema.errors import BrokenReleaseError, NewerSchemaError, OutputError, QueryError
from homodb.schema.manifest import MANIFEST, write_selection


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HOMODB_RELEASE", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def parquet(toy_folder: Path, tmp_path: Path, cache: Path) -> Path:
    folder = Path(shutil.copytree(toy_folder, tmp_path / "rel"))
    next(folder.glob("*.duckdb")).unlink()
    return folder


def contents(release: homodb.Release) -> dict[str, list[tuple[object, ...]]]:
    names = release.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL")["table_name"]
    return {name: release.sql(f'SELECT * FROM "{name}" ORDER BY ALL').rows() for name in names}


def test_it_holds_the_same_rows(toy_folder: Path, parquet: Path) -> None:
    with homodb.open(toy_folder) as built, homodb.open(parquet) as made:
        assert contents(made) == contents(built)
        views = "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"
        assert made.sql(views).equals(built.sql(views))
        assert made.sql("FROM orthologs('human', 'mouse', 'hl_o2o')").height
        assert made.folder == parquet and made.manifest is not None


def test_it_is_made_once_and_said(parquet: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        with homodb.open(parquet) as release:
            path = release.path
        assert path.parent == cache / "databases" and [*path.parent.iterdir()] == [path]
        assert len(caplog.messages) == 1 and "made the database of release toy-1" in caplog.messages[0]
        before = path.stat().st_mtime_ns
        with homodb.open(parquet) as again:
            assert again.path == path and path.stat().st_mtime_ns == before
    assert len(caplog.messages) == 1


def test_a_copy_of_the_release_shares_it_and_another_release_does_not(parquet: Path, tmp_path: Path) -> None:
    with homodb.open(parquet) as release:
        path = release.path
    with homodb.open(shutil.copytree(parquet, tmp_path / "elsewhere")) as release:
        assert release.path == path
    other = Path(shutil.copytree(parquet, tmp_path / "other"))
    manifest = json.loads((other / MANIFEST).read_text())
    file = next(one for one in manifest["files"] if one["path"].endswith("provenance.parquet"))
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM '{other / file['path']}' LIMIT 1) TO '{other / 'x'}' (FORMAT parquet)")
    (other / "x").replace(other / file["path"])
    from homodb.schema.manifest import describe_file

    made = describe_file(other, other / file["path"], "parquet")
    file |= {"bytes": made.bytes, "sha256": made.sha256}
    manifest["rows"]["provenance"] = 1
    (other / MANIFEST).write_text(json.dumps(manifest))
    with homodb.open(other) as release:
        assert release.path != path and release.sql("SELECT count(*) FROM provenance").item() == 1


@pytest.mark.slow
def test_a_damaged_file_of_the_cache_is_made_anew(parquet: Path) -> None:
    with homodb.open(parquet) as release:
        path = release.path
    for content in (b"", b"text", path.read_bytes()[:5000]):
        path.write_bytes(content)
        with homodb.open(parquet) as release:
            assert release.orthologs("INS", source="human", target="mouse").height == 2


# Damage


@pytest.mark.parametrize("damage", ["flip", "cut", "missing", "longer"])
def test_a_damaged_parquet_file_is_one_error(parquet: Path, cache: Path, damage: str) -> None:
    path = parquet / "parquet" / "gene" / "gene.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    match damage:
        case "flip":
            path.write_bytes(content)
        case "cut":
            path.write_bytes(content[:-10])
        case "missing":
            path.unlink()
        case "longer":
            path.write_bytes(content + b"x")
    with pytest.raises(BrokenReleaseError, match=r"gene\.parquet.*; copy, download or build") as raised:
        homodb.open(parquet)
    assert "\n" not in str(raised.value)
    assert not [*(cache / "databases").glob("*.duckdb")]


def test_rows_are_compared_with_the_manifest(parquet: Path) -> None:
    manifest = json.loads((parquet / MANIFEST).read_text())
    manifest["rows"]["gene"] += 1
    (parquet / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BrokenReleaseError, match="table gene has"):
        homodb.open(parquet)


def test_the_repair_of_a_bundled_and_of_a_downloaded_release(
    parquet: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (parquet / "parquet" / "gene" / "gene.parquet").write_bytes(b"x")
    with monkeypatch.context() as patched:
        patched.setitem(find_release.__globals__, "bundled_releases", lambda: [parquet])
        with pytest.raises(BrokenReleaseError, match="install homodb again"):
            homodb.open(parquet)
    (cache / "releases").mkdir(parents=True)
    parquet.rename(cache / "releases" / "toy-1")
    with pytest.raises(BrokenReleaseError, match="`homodb download toy-1` brings it again"):
        homodb.open("toy-1")


def test_a_newer_schema(parquet: Path) -> None:
    manifest = json.loads((parquet / MANIFEST).read_text())
    manifest["schema_version"] = 99
    (parquet / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(NewerSchemaError):
        homodb.open(parquet)


# The cache


def test_without_a_cache_it_is_read_into_memory(
    parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, toy_folder: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.WARNING), homodb.open(parquet) as made, homodb.open(toy_folder) as built:
        assert contents(made) == contents(built)
        assert made.path == parquet
        assert len(caplog.messages) == 1 and "was read into memory" in caplog.messages[0]
        for sql in ("DELETE FROM gene", "COPY gene TO 'x.csv'", "SET threads = 1", "ATTACH 'x.duckdb'"):
            with pytest.raises(QueryError):
                made.sql(sql)
        for sql in (f"FROM read_text('{tmp_path / 'file'}')", f"FROM '{parquet}/parquet/gene/gene.parquet'"):
            with pytest.raises(QueryError):
                made.sql(sql)
        with pytest.raises(duckdb.Error, match="locked"):
            made._connection.execute("SET memory_limit = '9GB'")


@pytest.mark.slow
def test_no_space_left_is_one_line(parquet: Path, cache: Path) -> None:
    """The system refuses to let any file grow; a line says so, and the answer comes."""
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "from homodb.cli import main; sys.argv = ['homodb', 'orthologs', 'INS', '--from', 'human', '--to', 'mouse',"
        f" '--release', {str(parquet)!r}]; main()"
    )
    words = [sys.executable, "-B", "-c", script]  # modules that are compiled while the disk is full would stay cut off
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and "Ins2" in ran.stdout, ran.stderr
    said, strategy = ran.stderr.splitlines()
    assert "was read into memory" in said and "written" in said and strategy == "by ENS_M2M"
    assert [*(cache / "databases").iterdir()] == []


@pytest.mark.slow
def test_processes_at_once_end_with_one_good_file(parquet: Path, cache: Path) -> None:
    script = (
        "import homodb, sys; release = homodb.open(sys.argv[1]);"
        "print(release.orthologs('INS', source='human', target='mouse').height)"
    )
    words = [sys.executable, "-c", script, str(parquet)]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate(timeout=120) for process in running]
    assert [out.strip() for out, _ in answers] == ["2"] * 4, answers
    assert sum("made the database" in err for _, err in answers) == 1
    assert len([*(cache / "databases").iterdir()]) == 1


@pytest.mark.slow
def test_killed_while_it_is_made(parquet: Path, cache: Path) -> None:
    """What a killed process leaves is never taken for the database."""
    script = (
        "import os, sys, homodb; from homodb.query.release import database;"
        "original = database._fill;"
        "database._fill = lambda *words: (original(*words), os.kill(os.getpid(), 9));"
        "homodb.open(sys.argv[1])"
    )
    ran = subprocess.run([sys.executable, "-c", script, str(parquet)], capture_output=True, check=False)
    assert ran.returncode == -9
    assert not [*(cache / "databases").glob("*.duckdb")]
    with homodb.open(parquet) as release:
        assert release.path.is_file()


# Downloads


def test_a_part_without_all_tables_is_said(parquet: Path, cache: Path) -> None:
    path = parquet / "parquet" / "gene" / "gene.parquet"
    path.unlink()
    names = [file.relative_to(parquet).as_posix() for file in parquet.rglob("*.parquet")]
    write_selection(parquet, names)
    with pytest.raises(BrokenReleaseError, match="without its database; `homodb download toy-1` adds it"):
        homodb.open(parquet)


def test_a_download_of_parquet_alone_opens(cache: Path, toy_folder: Path, tmp_path: Path) -> None:
    from homodb.etl import publish_release

    publish_release(toy_folder, tmp_path / "catalog")
    done = download(catalog=tmp_path / "catalog", only=["parquet"])
    assert not [*done.folder.glob("*.duckdb")]
    assert newest_release() == done.folder
    with homodb.open() as release:
        assert release.folder == done.folder and release.path.parent == cache / "databases"


# Out


def test_written_as_one_file(parquet: Path, toy_folder: Path, tmp_path: Path, cache: Path) -> None:
    for number, folder in enumerate((parquet, toy_folder)):
        path = tmp_path / f"{number}.duckdb"
        with homodb.open(folder) as release:
            release.write_duckdb(path)
            with homodb.open(path) as copy:
                assert contents(copy) == contents(release)
            with pytest.raises(OutputError):
                release.write_duckdb(release.path)
            with pytest.raises(OutputError):
                release.write_duckdb(tmp_path / "x.parquet")


def test_written_as_one_file_from_memory(parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "file" / "cache"))
    with homodb.open(parquet) as release:
        release.write_duckdb(tmp_path / "out.duckdb")
        with homodb.open(tmp_path / "out.duckdb") as copy:
            assert contents(copy) == contents(release)
    assert os.access(tmp_path / "out.duckdb", os.W_OK)
