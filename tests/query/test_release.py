"""Opening a release, in every way and in every state that it may be found in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import polars as pl
import pytest

import homodb
from homodb.query.release import find_release
from homodb.schema.errors import (
    BrokenReleaseError,
    HomodbError,
    NewerSchemaError,
    QueryError,
    ReleaseError,
    UnknownSpeciesError,
)
from tests import messages


@pytest.fixture
def copy(toy_folder: Path, tmp_path: Path) -> Path:
    """A release folder to spoil."""
    return Path(shutil.copytree(toy_folder, tmp_path / "copy"))


@pytest.fixture
def cache(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds the toy release as ``named``; the working directory is elsewhere."""
    folder = tmp_path / "cache"
    shutil.copytree(toy_folder, folder / "releases" / "named")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOMODB_CACHE", str(folder))
    monkeypatch.delenv("HOMODB_RELEASE", raising=False)
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def database(folder: Path) -> Path:
    return next(folder.glob("*.duckdb"))


# Ways


def test_by_folder(toy_folder: Path) -> None:
    for given in (toy_folder, str(toy_folder), f"{toy_folder}/"):
        with homodb.open(given) as release:
            assert release.version == "toy-1"
            assert release.manifest is not None and release.manifest.version == "toy-1"
            assert [one.common_name for one in release.species] == ["human", "mouse", "pig"]


def test_by_file_alone(toy_folder: Path, tmp_path: Path) -> None:
    """The DuckDB file is enough, under any name."""
    alone = tmp_path / "other name.db"
    shutil.copy(database(toy_folder), alone)
    with homodb.open(alone) as release:
        assert (release.version, release.manifest, release.path) == ("toy-1", None, alone)
        assert release.orthologs("INS", source="human", target="mouse").height == 2


def test_by_name_in_the_cache(cache: Path) -> None:
    with homodb.open("named") as release:
        assert release.path.parent == cache / "releases" / "named"


def test_a_path_beats_a_name(cache: Path, toy_folder: Path) -> None:
    shutil.copytree(toy_folder, "named")
    with homodb.open("named") as release:
        assert release.path.parent == Path("named").resolve()


def test_by_environment(cache: Path, toy_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (str(toy_folder), "named"):
        monkeypatch.setenv("HOMODB_RELEASE", value)
        with homodb.open() as release:
            assert release.version == "toy-1"
    monkeypatch.setenv("HOMODB_RELEASE", "nothing")
    with homodb.open("named") as release:  # what is said beats the environment
        assert release.version == "toy-1"


def test_home_folder_is_expanded(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(toy_folder, tmp_path / "rel")
    with homodb.open("~/rel") as release:
        assert release.path.parent == tmp_path / "rel"


# Wrong ways


@pytest.mark.parametrize("value", [None, ""])
def test_none_given(cache: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("HOMODB_RELEASE", value)
    with homodb.open(value) as release:
        assert release.folder == cache / "releases" / "named"
    shutil.rmtree(cache / "releases" / "named")
    monkeypatch.setitem(find_release.__globals__, "bundled_releases", list)
    with pytest.raises(ReleaseError, match=messages.Release.release_homodb_release):
        homodb.open(value)


@pytest.mark.parametrize(
    "name",
    ["nothing", "Named", "named ", "./nothing", "no/such/path", "~nobody_here", "x" * 300, "a\0b", "named/../x"],
)  # fmt: skip
def test_missing(cache: Path, name: str) -> None:
    with pytest.raises(ReleaseError):
        homodb.open(name)


def test_a_name_does_not_lead_out_of_the_cache(cache: Path, toy_folder: Path) -> None:
    shutil.copytree(toy_folder, cache / "outside")
    assert (cache / "releases" / ".." / "outside" / "manifest.json").is_file()
    for name in ("../outside", "..", ".", "named/../../outside"):
        with pytest.raises(ReleaseError):
            homodb.open(name)


def test_a_folder_that_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=messages.Release.manifest_json):
        homodb.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_no_release(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.duckdb"
    path.write_bytes(content)
    with pytest.raises(ReleaseError):
        homodb.open(path)
    assert path.read_bytes() == content


def test_a_database_that_is_no_release(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE gene (x INTEGER)")
    with pytest.raises(ReleaseError, match=messages.Release.not_homodb_release):
        homodb.open(tmp_path / "other.duckdb")


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("UPDATE release SET schema_version = 999", NewerSchemaError),
        ("DELETE FROM release", BrokenReleaseError),
        ("INSERT INTO release FROM release", BrokenReleaseError),
        ("UPDATE species SET species = 16000 WHERE species = 1", UnknownSpeciesError),  # a species of a newer homodb
    ],
)
def test_a_release_that_this_homodb_cannot_read(copy: Path, sql: str, error: type[HomodbError]) -> None:
    with duckdb.connect(str(database(copy))) as connection:
        connection.execute(sql)
    with pytest.raises(error):
        homodb.open(copy)


def test_manifest_names_a_missing_file(copy: Path) -> None:
    name = database(copy).name
    database(copy).unlink()
    shutil.rmtree(copy / "parquet")
    with pytest.raises(BrokenReleaseError, match=name):
        homodb.open(copy)


def test_truncated_database(copy: Path) -> None:
    path = database(copy)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ReleaseError):
        homodb.open(copy)


def spoilt(manifest: dict[str, object], how: str) -> str:
    files = manifest["files"]
    assert isinstance(files, list)
    file = next(one for one in files if one["kind"] == "duckdb")
    match how:
        case "text":
            return "not JSON"
        case "list":
            return "[]"
        case "format":
            manifest["format"] = "other"
        case "no files":
            del manifest["files"]
        case "no database":
            manifest["files"] = [one for one in files if one["kind"] not in ("duckdb", "parquet")]
        case "two databases":
            files.append(file)
        case "version missing":
            del manifest["version"]
        case "malformed file":
            file["surprise"] = 1
        case path:
            file["path"] = path
    return json.dumps(manifest)


@pytest.mark.parametrize(
    "how",
    ["text", "list", "format", "no files", "no database", "two databases", "version missing", "malformed file",
     "../outside.duckdb", "/etc/passwd", "a/../../outside.duckdb", "..\\outside.duckdb", ""],
)  # fmt: skip
def test_spoilt_manifest(copy: Path, how: str) -> None:
    shutil.copy(database(copy), copy.parent / "outside.duckdb")
    path = copy / "manifest.json"
    path.write_text(spoilt(json.loads(path.read_text()), how))
    with pytest.raises(ReleaseError):
        homodb.open(copy)


def test_manifest_with_keys_of_a_newer_homodb_opens(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "surprise": [1, 2]}))
    with homodb.open(copy) as release:
        assert release.version == "toy-1"


# Open and closed


def test_two_at_once(toy_folder: Path) -> None:
    with homodb.open(toy_folder) as one:
        with homodb.open(database(toy_folder)) as other:
            assert one.sql("FROM gene").equals(other.sql("FROM gene"))
        assert one.sql("SELECT 1").item() == 1  # closing one leaves the other open


def test_use_after_close(toy_folder: Path) -> None:
    with homodb.open(toy_folder) as release:
        pass
    release.close()  # twice does no harm
    for ask in (
        lambda: release.sql("SELECT 1"),
        release.info,
        lambda: release.orthologs("INS", source="human", target="mouse"),
        lambda: release.explain("INS", source="human", target="mouse"),
        lambda: release.joint_table(["human", "mouse"]),
    ):
        with pytest.raises(ReleaseError, match=messages.Release.closed):
            ask()


def test_closed_by_an_error(toy_folder: Path) -> None:
    release = homodb.open(toy_folder)
    with pytest.raises(QueryError), release:
        release.sql("SELEC 1")
    with pytest.raises(ReleaseError, match=messages.Release.closed):
        release.sql("SELECT 1")


def test_a_file_that_others_hold_open(toy_folder: Path) -> None:
    """DuckDB opens a file with one configuration per process; the error says so and is homodb's."""
    with (
        duckdb.connect(str(database(toy_folder)), read_only=True),
        pytest.raises(ReleaseError, match=messages.Release.other_settings_2),
    ):
        homodb.open(toy_folder)
    with homodb.open(toy_folder) as release:
        assert release.version == "toy-1"


def test_opening_leaves_no_file_behind(copy: Path) -> None:
    before = sorted(path.name for path in copy.rglob("*"))
    with homodb.open(copy) as release:
        release.info()
        release.sql("SELECT count(*) FROM range(1000000) t(i), gene")
        assert sorted(path.name for path in copy.rglob("*")) == before
    assert sorted(path.name for path in copy.rglob("*")) == before


def test_repr_says_what_it_is(toy: homodb.Release) -> None:
    assert repr(toy) == f"Release toy-1: 3 species\n    species: human, mouse, pig\n    path: {toy.path}"


def test_info_counts_every_mapping(toy: homodb.Release) -> None:
    info = toy.info()
    counted = toy.sql("SELECT strategy, count(*) AS pairs FROM mapping GROUP BY ALL")
    assert dict(info.group_by("strategy").agg(pl.col("pairs").sum()).rows()) == dict(counted.rows())
    classes = ["both", "ensembl", "lm_orphan", "lm_unnamed", "lm_partial", "lm_contradicts"]
    assert info.select(classes).sum_horizontal().to_list() == info["pairs"].to_list()


def test_find_species(toy: homodb.Release) -> None:
    mouse = toy.find_species("Mice")
    assert toy.find_species(10090) == toy.find_species(mouse) == mouse
    for name in ("rat", "nothing", 0, ""):
        with pytest.raises(UnknownSpeciesError):
            toy.find_species(name)
