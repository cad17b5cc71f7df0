"""publish, releases, download, verify, cache, and the bounds of sql: through the command line's own entry."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer

from homodb.schema.manifest import read_manifest
from tests.cli.conftest import Run, one_error
from tests.ensembl_site import serving

HOMODB = [sys.executable, "-m", "homodb.cli"]


@pytest.mark.slow
def test_from_a_build_to_an_answer(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    """The examples of the help, one after another: publish, list, download, verify, ask, clear."""
    shutil.copytree(toy_folder, "rel")
    ran = run("publish", "rel", "--to", "releases")
    assert ran.code == 0 and ran.out.startswith("published toy-1 (")
    sha256 = ran.out.split()[-1]
    ran = run("releases", "--catalog", "releases")
    assert ran.code == 0 and "toy-1" in ran.out and "yes" not in ran.out
    ran = run("download", "--catalog", "releases", "--only", "duckdb")
    assert ran.code == 0 and ran.out.startswith("release toy-1: 1 file brought (") and "left out" in ran.out
    ran = run("verify")
    assert (ran.code, ran.out.split()[-1]) == (0, sha256) and "were not downloaded" in ran.out
    assert run("sql", "SELECT 6 * 7 AS x").out.split() == ["x", "42"]
    ran = run("download", "toy-1", "--catalog", "releases", "--species", "human, mouse", "--only", "parquet")
    assert ran.code == 0
    ran = run("download", "toy-1", "--catalog", "releases/index.json")
    assert ran.code == 0 and "left out" not in ran.out
    assert "yes" in run("releases", "--catalog", "releases").out
    ran = run("verify", "toy-1")
    assert ran.code == 0 and "20 files" in ran.out
    ran = run("cache", "list")
    assert ran.code == 0 and "toy-1" in ran.out and str(tmp_path / "cache") in ran.out
    assert run("cache", "prune", "--dry-run").out.startswith("0 entries")
    one_error(run("cache", "prune", "toy-1", "--json"), "say --yes")
    assert (tmp_path / "cache" / "releases" / "toy-1").exists()
    assert "1 entry" in run("cache", "prune", "toy-1", "--yes").out
    assert run("cache", "list").out.startswith("0 entries")
    one_error(run("sql", "SELECT 1"), "homodb build", "homodb download")


def test_json(run: Run, toy_folder: Path) -> None:
    manifest = read_manifest(toy_folder)
    size = sum(file.bytes for file in manifest.files)
    told = json.loads(run("publish", toy_folder, "--to", "releases", "--json").out)
    assert (told["name"], told["bytes"]) == ("toy-1", size)
    with serving(Path("releases").absolute()) as server:
        (listed,) = json.loads(run("releases", "--catalog", server.base, "--json").out)
        assert listed["manifest_sha256"] == told["manifest_sha256"] and listed["here"] is False
        done = json.loads(run("download", "--catalog", server.base, "--json").out)
    assert (done["files"], done["bytes"], done["left_out"]) == (len(manifest.files), size, 0)
    found = json.loads(run("verify", "toy-1", "--json").out)
    assert found["manifest_sha256"] == told["manifest_sha256"] and found["foreign"] == []
    there = json.loads(run("cache", "list", "--json").out)
    assert [(one["name"], one["kind"]) for one in there["entries"]] == [("toy-1", "release")]
    gone = json.loads(run("cache", "prune", "toy-1", "--dry-run", "--json").out)
    assert gone["dry_run"] is True and [one["name"] for one in gone["deleted"]] == ["toy-1"]


def test_errors(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    one_error(run("releases"), "no catalog is given", "No release of homodb has been published so far", "homodb build")
    one_error(run("download", "--catalog", "nowhere"), "holds no catalog")
    one_error(run("download", "--catalog", "http://example.org/x"), "plain http", "homodb cache list")
    one_error(run("publish", tmp_path, "--to", "releases"), "is not a release")
    one_error(run("verify", "nothing"), "there is no such release")
    one_error(run("cache", "prune", "nothing", "--yes"), "the cache holds no 'nothing'")
    broken = Path(shutil.copytree(toy_folder, "broken"))
    (broken / "parquet" / "gene" / "gene.parquet").write_bytes(b"x")
    one_error(run("verify", broken), "1 of 20 files", "gene.parquet has 1 bytes")
    one_error(run("verify", next(broken.glob("*.duckdb"))), "gene.parquet has 1 bytes")
    run("publish", toy_folder, "--to", "releases")
    one_error(run("download", "toy-2", "--catalog", "releases"), "has no release 'toy-2' (it has toy-1)")


def test_prune_asks_on_a_terminal(run: Run, toy_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "cache" / "releases" / "toy-1"
    shutil.copytree(toy_folder, place)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, there in ((False, True), (True, False)):

        def confirm(text: str, *, abort: bool, err: bool, answer: bool = answer) -> None:
            if not answer:
                raise typer.Abort

        monkeypatch.setattr("typer.confirm", confirm)
        ran = run("cache", "prune", "toy-1")
        assert place.exists() == there and ran.code == int(there)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT count(*) FROM range(100000000000) a, range(1000) b", "took longer than 0.3 s and was stopped"),
        ("FROM range(100000000000)", "than the 0.1 GB that a question may take"),
        ("COPY (SELECT 1) TO 'x'", "this is COPY"),
    ],
)
def test_bounds_of_sql(run: Run, toy_folder: Path, sql: str, told: str) -> None:
    limit = ("--timeout", "0.3") if "0.3 s" in told else ()
    one_error(run("sql", "--release", toy_folder, "--memory", "0.1", *limit, sql), told)
    assert run("sql", "--release", toy_folder, "SELECT 1 AS one").out.split() == ["one", "1"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_duckdb_does_not_stop_is_stopped(toy_folder: Path, tmp_path: Path) -> None:
    """One function of one huge value: DuckDB looks at no clock meanwhile."""
    environment = os.environ | {"HOMODB_CACHE": str(tmp_path)}
    sql = "SELECT variant_normalize((repeat('[', 10000) || repeat(']', 10000))::JSON::VARIANT)"
    words = ["sql", "--release", str(toy_folder), "--timeout", "0.2", sql]
    begin = time.monotonic()
    done = subprocess.run([*HOMODB, *words], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout) == (2, "") and time.monotonic() - begin < 30
    assert done.stderr.splitlines() == [
        "error: the query took longer than 0.2 s and was stopped: narrow it, or allow more time by a greater timeout "
        "(--timeout)"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="bounds address space on Linux only")
def test_what_duckdb_does_not_count_is_bounded(toy_folder: Path, tmp_path: Path) -> None:
    """One list of 8 GB, which DuckDB's own limit does not see."""
    environment = os.environ | {"HOMODB_CACHE": str(tmp_path)}
    sql = "SELECT list_sum(range(1000000000))"
    words = ["sql", "--release", str(toy_folder), "--memory", "0.1", "--timeout", "60", sql]
    done = subprocess.run([*HOMODB, *words], capture_output=True, text=True, env=environment, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert "memory" in done.stderr.lower() and len(done.stderr.splitlines()) == 1, done.stderr


def test_the_default_release_is_told_once(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    """One line on stderr names what answers where no release was named; a named one needs none."""
    release = shutil.copytree(toy_folder, tmp_path / "rel")
    question = ("orthologs", "INS", "--from", "human", "--to", "mouse", "--json")
    named = run(*question, "--release", release)
    assert named.code == 0 and named.err == ""
    ran = run("use", "rel")
    assert ran.code == 0 and ran.out == f"release rel, by .homodb-release: {release}\n"
    ran = run(*question)
    assert (ran.code, ran.out) == (0, named.out)
    assert ran.err == "release toy-1, Ensembl none (made by hand); by .homodb-release\n"
    assert json.loads(run("use", "--json").out) == {
        "release": "rel",
        "path": str(release),
        "chosen": "by .homodb-release",
    }
    assert run("use", "--none").out.startswith("deleted: ")
    assert run("use", "--none").out == "there is no .homodb-release in this folder\n"
    one_error(run("use"), "no release is given", "HOMODB_RELEASE")
    one_error(run("use", "nothing"), "nothing")
    one_error(run("use", "rel", "--none"), "--none", "rel")


def test_export_duckdb(run: Run, toy_folder: Path, tmp_path: Path) -> None:
    ran = run("export", "duckdb", "-o", "out.duckdb", "--release", toy_folder)
    assert ran.code == 0 and ran.out.startswith("release toy-1: out.duckdb (")
    assert run("sql", "SELECT version FROM release", "--json", "--release", "out.duckdb").code == 0
    one_error(run("export", "duckdb", "-o", "out.csv", "--release", toy_folder), "out.csv", ".duckdb")
