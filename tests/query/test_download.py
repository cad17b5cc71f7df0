"""Bringing a release down, from a folder and from a server that misbehaves: the right bytes, or one clear error."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import homodb
from homodb.etl import publish_release
from homodb.query.release import catalog
from homodb.query.release.cache import list_cached
from homodb.query.release.catalog import place_of, releases
from homodb.query.release.download import Downloaded, download
from homodb.schema.catalog import CATALOG
from homodb.schema.enums import ReleasePart
from homodb.schema.errors import (
    BrokenReleaseError,
    CatalogError,
    ConfigError,
    HomodbError,
    NewerSchemaError,
    OutputError,
    ReleaseError,
    TransferError,
    UnknownSpeciesError,
)
from homodb.schema.io.http import RetryPolicy
from homodb.schema.manifest import MANIFEST, SELECTION, read_manifest, verify
from tests import messages
from tests.ensembl_site import FAULTS, Site, Waits, serving

KILLS = int(os.environ.get("HOMODB_KILLS", "3"))
TALLY: Counter[str] = Counter()
#: To read them takes longer than most of these tests.
CERTIFICATES = httpx.create_ssl_context()
DATABASE = "homodb-toy-1.duckdb"
CODE = "import sys; from homodb.query.release.download import download; download(catalog=sys.argv[1])"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs locks and kill -9")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, vectors_folder: Path) -> Path:
    """The toy release with vectors and indexes, published."""
    target = tmp_path_factory.mktemp("served") / "releases"
    publish_release(vectors_folder, target)
    return target


@pytest.fixture(scope="module")
def served(published: Path) -> Iterator[Site]:
    with serving(published) as server:
        yield server


@pytest.fixture
def site(served: Site) -> Site:
    served.reset()
    return served


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and nothing else that could name a catalog or a release; returns the place of the release."""
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("homodb.schema.settings.configuration", lambda: tmp_path / "config.toml")
    monkeypatch.setattr(catalog.httpx, "Client", functools.partial(httpx.Client, verify=CERTIFICATES))
    for name in ("HOMODB_CATALOG", "HOMODB_RELEASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache" / "releases" / "toy-1"


@pytest.fixture
def spoiled(published: Path, tmp_path: Path) -> Path:
    """A copy of the folder of releases, to spoil."""
    return Path(shutil.copytree(published, tmp_path / "spoiled"))


def patience(**settings: Any) -> RetryPolicy:
    return RetryPolicy(**{"sleep": Waits(), "attempts": 3} | settings)


def state(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a published manifest, and the catalog with it: whoever publishes may be hostile."""
    path = folder / "toy-1" / MANIFEST
    edit(path, change)
    content = path.read_bytes()
    sums = {"manifest_sha256": hashlib.sha256(content).hexdigest(), "manifest_bytes": len(content)}
    edit(folder / CATALOG, lambda catalog: catalog["releases"][0].update(sums))


# What goes well


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{0}", "{0}/index.json", "file:{0}", "file://{0}/index.json"])
def test_from_a_folder(published: Path, cache: Path, form: str) -> None:
    told: list[tuple[int, int]] = []
    done = download(catalog=form.format(published), progress=lambda *both: told.append(both))
    manifest = read_manifest(published / "toy-1")
    size = sum(file.bytes for file in manifest.files)
    assert done == Downloaded("toy-1", cache, len(manifest.files), size, 0, 0)
    assert state(cache) == state(published / "toy-1")
    assert told == sorted(told) and told[-1] == (size, size)
    assert [path.name for path in cache.parent.iterdir()] == ["toy-1"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{0}", "{0}/", "{0}/index.json"])
def test_from_a_server(site: Site, published: Path, cache: Path, form: str) -> None:
    done = download("toy-1", catalog=form.format(site.base))
    assert done.folder == cache and state(cache) == state(published / "toy-1")
    assert [path.name for path in cache.parent.iterdir()] == ["toy-1"]
    assert verify(cache).foreign == ()
    with homodb.open() as release:  # the newest of the cache
        assert (release.version, release.folder) == ("toy-1", cache)
        assert release.neighbors("INS", source="human", target="mouse").height > 0


def test_what_is_there_is_not_brought_again(site: Site, cache: Path) -> None:
    download(catalog=site.base)
    site.reset()
    done = download(catalog=site.base)
    assert (done.files, done.bytes, done.there) == (0, 0, len(read_manifest(cache).files))
    assert [one.path for one in site.asked] == ["releases/index.json"]


def test_what_is_damaged_is_brought_again(site: Site, published: Path, cache: Path, tmp_path: Path) -> None:
    download(catalog=site.base)
    path = cache / "parquet" / "gene" / "gene.parquet"
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    (cache / "parquet" / "species").rename(tmp_path / "outside")
    (cache / "parquet" / "species").symlink_to(tmp_path / "outside")
    (cache / DATABASE).unlink()
    with pytest.raises(BrokenReleaseError, match=messages.Release.gene_parquet):
        verify(cache)
    before = state(tmp_path / "outside")
    assert download(catalog=site.base).files == 3
    assert state(cache) == state(published / "toy-1") and verify(cache)
    assert state(tmp_path / "outside") == before and not (cache / "parquet" / "species").is_symlink()


@pytest.mark.slow
def test_parts(site: Site, published: Path, cache: Path) -> None:
    done = download(catalog=site.base, only=["duckdb"])
    assert (done.files, set(state(cache))) == (1, {DATABASE, MANIFEST, SELECTION})
    assert verify(cache).left_out
    with homodb.open("toy-1") as release:
        assert release.version == "toy-1"
    download(catalog=site.base, only=[ReleasePart.PARQUET], species=["human", "mouse"])
    got = set(state(cache))
    assert {DATABASE, "parquet/gene/gene.parquet", "parquet/mapping/homo_sapiens.mus_musculus.parquet"} <= got
    assert not [path for path in got if "sus_scrofa" in path or path.startswith("embeddings/")]
    download(catalog=site.base, only=["index", "embeddings"], species=["Pig"])
    more = {path for path in state(cache) if path.startswith("embeddings/")}
    assert more == {f"embeddings/sus_scrofa.kmer-mean.{suffix}" for suffix in ("parquet", "usearch")}
    assert verify(cache).foreign == ()
    assert download(catalog=site.base).left_out == 0
    assert state(cache) == state(published / "toy-1")


@pytest.mark.slow
def test_without_its_database(site: Site, cache: Path) -> None:
    download(catalog=site.base, only=["parquet"])
    with homodb.open("toy-1") as named, homodb.open() as default:
        assert named.version == default.version == "toy-1"
        assert named.sql("SELECT count(*) FROM gene").item() == 42


def test_names_that_are_none(site: Site) -> None:
    with pytest.raises(ValueError, match=messages.Release.pictures):
        download(catalog=site.base, only=["pictures"])
    with pytest.raises(UnknownSpeciesError):
        download(catalog=site.base, species=["klingon"])
    assert not site.asked


def test_the_newest(spoiled: Path, tmp_path: Path) -> None:
    def add(catalog: dict[str, Any]) -> None:
        catalog["releases"].append(catalog["releases"][0] | {"name": "old", "created": "1999-01-01"})

    edit(spoiled / CATALOG, add)
    assert [(one["name"], one["here"]) for one in releases(spoiled)] == [("toy-1", False), ("old", False)]
    assert download(catalog=spoiled).name == "toy-1"
    assert [(one["name"], one["here"]) for one in releases(spoiled)] == [("toy-1", True), ("old", False)]
    with pytest.raises(CatalogError, match=messages.Release.has_no_release_new):
        download("new", catalog=spoiled)


# Where catalogs come from


def test_no_catalog() -> None:
    with pytest.raises(CatalogError, match=messages.Release.no_release_homodb_has_been):
        download()


def test_by_environment_and_by_configuration(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text(f'catalog = "{published}"\n')
    assert place_of().where == str(published / CATALOG)
    monkeypatch.setenv("HOMODB_CATALOG", "https://example.org/releases/index.json")
    assert place_of().where == "https://example.org/releases/index.json"
    assert place_of(published).where == str(published / CATALOG)


@pytest.mark.parametrize("text", ["catalog = 5", "catalog =", "\xff", "catalogue = 'x'"])
def test_a_configuration_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=messages.Release.config_toml):
        place_of()


@pytest.mark.parametrize(
    "catalog",
    [
        "http://example.org/releases", "ftp://example.org/x", "s3://bucket/x", "https://user:secret@example.org/x",
        "https://example.org/x?token=secret", "https://", "https://[x", "nowhere", "file:/nowhere", "http:",
    ],
)  # fmt: skip
def test_catalogs_that_are_not_asked(catalog: str) -> None:
    with pytest.raises((CatalogError, TransferError)):
        download(catalog=catalog, patience=patience(attempts=1))


@pytest.mark.slow
def test_offline(site: Site, cache: Path) -> None:
    """The cache needs no network, and the error says so."""
    download(catalog=site.base)
    with pytest.raises(TransferError, match=messages.Release.times_releases_in_cache):
        download(catalog="http://127.0.0.1:1/releases", patience=patience())
    with homodb.open() as release:
        assert release.version == "toy-1"
    assert verify(cache)


# Servers that misbehave

#: After these a file comes right by asking again; the others end in an error at once.
PASSING = [
    "connection cut", "connection closed at once", "429", "429 with Retry-After", "500",
    "503 with Retry-After", "slow drip", "changed under a resume", "changed, and lied about",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_each_fault(site: Site, published: Path, cache: Path, name: str) -> None:
    """Met once it passes, or ends in an error that names the file; met always it ends so. Then it goes on."""
    patient = patience(timeout=0.3 if "drip" in name else 10.0)
    site.faults[DATABASE] = [FAULTS[name]]
    if name in PASSING:
        download(catalog=site.base, patience=patient)
        assert state(cache) == state(published / "toy-1")
        shutil.rmtree(cache)
    site.faults[DATABASE] = [FAULTS[name]] * 99
    with pytest.raises(TransferError, match=f"{site.base}/toy-1/{DATABASE}: ") as caught:
        download(catalog=site.base, patience=patient)
    assert "\n" not in str(caught.value)
    assert not cache.exists()
    site.reset()
    download(catalog=site.base)
    assert state(cache) == state(published / "toy-1") and verify(cache).foreign == ()
    assert [path.name for path in cache.parent.iterdir()] == ["toy-1"]


PLACES = [CATALOG, "toy-1/manifest.json", DATABASE, "gene.parquet", "human", "homo_sapiens.kmer-mean", "usearch"]
#: Nothing vouches for a catalog but https itself.
SEQUENCES = st.lists(
    st.sampled_from(
        [
            (place, name)
            for place in PLACES
            for name in FAULTS
            if place != CATALOG or name not in ("wrong bytes", "changed, and lied about")
        ]
    ),
    min_size=1,
    max_size=8,
)


def failure(site: Site) -> str | None:
    try:
        download(catalog=site.base, patience=patience(timeout=0.5))
    except HomodbError as error:
        return str(error)
    return None


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("HOMODB_FAULTS", "12")),
    deadline=None,
    database=None,
    derandomize="HOMODB_FAULTS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(sequence=SEQUENCES)
def test_sequences_of_faults(site: Site, published: Path, cache: Path, sequence: list[tuple[str, str]]) -> None:
    shutil.rmtree(cache.parent, ignore_errors=True)
    site.reset()
    for place, name in sequence:
        site.faults.setdefault(place, []).append(FAULTS[name])
    for attempt in range(len(sequence) + 1):
        told = failure(site)
        if told is None:
            TALLY["right bytes" if attempt == 0 else "one error, then right bytes"] += 1
            TALLY["faults met"] += site.met
            break
        assert "\n" not in told
        assert not cache.exists()
    assert state(cache) == state(published / "toy-1")
    assert [path.name for path in cache.parent.iterdir()] == ["toy-1"]


def test_tally_of_the_sequences() -> None:
    print(dict(TALLY))


def test_redirects_elsewhere(site: Site, cache: Path) -> None:
    site.faults[CATALOG] = [FAULTS["redirect elsewhere"]]
    with pytest.raises(TransferError, match=messages.Release.redirected_to_example_org):
        download(catalog=site.base, patience=patience())
    assert not cache.parent.exists() or not list(cache.parent.iterdir())
    place = place_of(site.base, hosts=["mirror.example.org"])
    assert getattr(place, "hosts", ()) == ("mirror.example.org",)
    place.close()


@pytest.mark.slow
@posix
def test_killed_downloads_end_in_the_same_bytes(site: Site, published: Path, cache: Path) -> None:
    """Killed at random moments, each time the release is not there at all."""
    site.step, site.pause = 1 << 15, 0.002
    command = [sys.executable, "-c", CODE, site.base]
    begin = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - begin
    shutil.rmtree(cache)
    chance = random.Random(7)  # noqa: S311
    killed = 0
    while killed < KILLS:
        begin = time.monotonic()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.3, 1.0) * seconds)
            seconds = min(seconds, time.monotonic() - begin)
            shutil.rmtree(cache)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            if cache.exists():  # it was killed after the last rename
                assert state(cache) == state(published / "toy-1")
                shutil.rmtree(cache)
    subprocess.run(command, check=True)
    print(f"downloads killed: {killed}")
    assert state(cache) == state(published / "toy-1")
    assert {path.name for path in cache.parent.iterdir()} <= {"toy-1"}


@pytest.mark.slow
@posix
def test_two_processes_at_once(site: Site, published: Path, cache: Path) -> None:
    """One brings it, the other waits, looks, and has nothing to do."""
    site.step, site.pause = 1 << 15, 0.002
    processes = [subprocess.Popen([sys.executable, "-c", CODE, site.base], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(process.wait(), process.communicate()[1]) and process.returncode for process in processes] == [0, 0, 0]
    assert state(cache) == state(published / "toy-1")
    asked = [one.path for one in site.asked if one.path.endswith(DATABASE)]
    assert len(asked) == 1
    assert [path.name for path in cache.parent.iterdir()] == ["toy-1"]


# Manifests and catalogs that are hostile, or broken

HOSTILE = {
    "escapes upwards": ({"path": "../../escaped"}, "outside the release"),
    "escapes to the root": ({"path": "/tmp/escaped"}, "outside the release"),  # noqa: S108
    "escapes by the middle": ({"path": "parquet/../../escaped"}, "outside the release"),
    "escapes on Windows": ({"path": "C:\\escaped"}, "outside the release"),
    "escapes by a backslash": ({"path": "..\\escaped"}, "outside the release"),
    "hides": ({"path": ".hidden"}, "outside the release"),
    "names a drive": ({"path": "a:b"}, "outside the release"),
    "names a device of Windows": ({"path": "parquet/Nul.parquet"}, "outside the release"),
    "has a line break": ({"path": "a\nb"}, "outside the release"),
    "has a NUL": ({"path": "a\0b"}, "outside the release"),
    "is another address": ({"path": "https://example.org/x"}, "outside the release"),
    "has a query": ({"path": "x?y=z"}, "outside the release"),
    "takes the manifest's place": ({"path": "Manifest.json"}, "twice"),
    "takes the record's place": ({"path": "downloaded.json"}, "twice"),
    "is negative": ({"bytes": -1}, "bytes: Expected 0 or more, got -1"),
    "is of no size": ({"bytes": None}, "bytes: Expected a whole number, got None"),
    "has no checksum": ({"sha256": ""}, "is not a SHA-256"),
    "has a checksum in capitals": ({"sha256": "A" * 64}, "is not a SHA-256"),
    "is of no kind": ({"kind": 5}, "kind: Expected text, got 5"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_manifests(spoiled: Path, cache: Path, what: str) -> None:
    change, told = HOSTILE[what]
    edit_manifest(spoiled, lambda manifest: manifest["files"][1].update(change))
    before = state(spoiled.parent)
    with pytest.raises(BrokenReleaseError, match=told):
        download(catalog=spoiled)
    assert not cache.exists()
    after = {path: sha256 for path, sha256 in state(spoiled.parent).items() if not path.startswith("cache/")}
    assert after == before
    assert not Path("/tmp/escaped").exists()  # noqa: S108


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda m: m["files"][0].update(bytes=10**18), BrokenReleaseError, "where the catalog says"),
        (lambda m: m["files"].append(m["files"][0] | {"path": "more"}), BrokenReleaseError, "where the catalog says"),
        (lambda m: m.update(version="toy-2"), BrokenReleaseError, "is of release 'toy-2'"),
        (lambda m: m.update(schema_version=99), BrokenReleaseError, "schema 99"),
        (lambda m: m.update(created=5), BrokenReleaseError, "malformed"),
        (lambda m: m.update(title=["x"]), BrokenReleaseError, "malformed"),
        (lambda m: m.update(species=[5]), BrokenReleaseError, "malformed"),
        (lambda m: m.update(rows=[]), BrokenReleaseError, "malformed"),
        (lambda m: m.update(rows={"gene": "x"}), BrokenReleaseError, "malformed"),
        (lambda m: m.update(losses=["x"]), BrokenReleaseError, "malformed"),
        (lambda m: m.update(files={}), BrokenReleaseError, "malformed"),
        (lambda m: m.update(format="other"), ReleaseError, "is not the manifest"),
    ],
)
def test_manifests_that_say_something_else(
    spoiled: Path, cache: Path, change: Callable[[dict[str, Any]], Any], error: type[HomodbError], told: str
) -> None:
    edit_manifest(spoiled, change)
    with pytest.raises(error, match=told):
        download(catalog=spoiled)
    assert not cache.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"name": "../toy-1"}, CatalogError, "cannot be the name of a folder"),
        ({"name": "/etc"}, CatalogError, "cannot be the name of a folder"),
        ({"name": "https://example.org/toy-1"}, CatalogError, "cannot be the name of a folder"),
        ({"name": ".toy-1.downloading"}, CatalogError, "cannot be the name of a folder"),
        ({"manifest_sha256": "0" * 64}, BrokenReleaseError, "is not the file"),
        ({"manifest_bytes": 1}, BrokenReleaseError, "is not the file"),
        ({"manifest_bytes": 10**12}, CatalogError, "a manifest of 1,000,000,000,000 bytes is none"),
        ({"bytes": 1}, BrokenReleaseError, "the catalog says"),
        ({"schema_version": 99}, NewerSchemaError, "pip install -U homodb"),
        ({"title": "\x1b[2J"}, CatalogError, "cannot be printed"),
    ],
)
def test_hostile_catalogs(
    spoiled: Path, cache: Path, change: dict[str, Any], error: type[HomodbError], told: str
) -> None:
    edit(spoiled / CATALOG, lambda catalog: catalog["releases"][0].update(change))
    with pytest.raises(error, match=told):
        download(catalog=spoiled)
    assert not cache.exists()


def test_no_more_than_is_declared(spoiled: Path, cache: Path) -> None:
    """A file that is longer than its manifest says is cut off, on a disk and on a server."""
    with (spoiled / "toy-1" / DATABASE).open("ab") as stream:
        stream.write(b"x" * 10_000_000)
    with pytest.raises(BrokenReleaseError, match=messages.Release.is_not_file):
        download(catalog=spoiled)
    largest = max(path.stat().st_size for path in cache.parent.rglob("*"))
    assert largest <= read_manifest(spoiled / "toy-1").files[0].bytes
    with serving(spoiled) as server, pytest.raises(TransferError, match=messages.Release.bytes_long_expected):
        download(catalog=server.base, patience=patience())
    assert max(path.stat().st_size for path in cache.parent.rglob("*")) <= largest


def test_more_than_fits(spoiled: Path, cache: Path) -> None:
    def enlarge(manifest: dict[str, Any]) -> None:
        manifest["files"][0]["bytes"] += 10**18

    edit_manifest(spoiled, enlarge)
    told = releases(spoiled)[0]["bytes"] + 10**18
    edit(spoiled / CATALOG, lambda catalog: catalog["releases"][0].update(bytes=told))
    with pytest.raises(OutputError, match=messages.Release.mb_are_to_come):
        download(catalog=spoiled)
    assert not cache.exists()


def test_links_in_a_folder_of_releases(spoiled: Path, cache: Path, tmp_path: Path) -> None:
    gene = spoiled / "toy-1" / "parquet" / "gene" / "gene.parquet"
    gene.rename(tmp_path / "outside")
    gene.symlink_to(tmp_path / "outside")
    with pytest.raises(CatalogError, match=messages.Release.is_link_leads_out_folder):
        download(catalog=spoiled)
    assert not cache.exists()


def test_another_release_of_the_same_name(published: Path, spoiled: Path, cache: Path) -> None:
    download(catalog=published)
    before = state(cache)
    edit_manifest(spoiled, lambda manifest: manifest.update(title="another"))
    with pytest.raises(OutputError, match=messages.Release.holds_another_release_this):
        download(catalog=spoiled)
    assert state(cache) == before


def test_what_was_begun_of_another_release_does_not_stay(site: Site, spoiled: Path, cache: Path) -> None:
    site.faults[DATABASE] = [FAULTS["404"]]
    with pytest.raises(TransferError):
        download(catalog=site.base, patience=patience())
    begun = cache.with_name(".toy-1.downloading")
    (begun / "left.over").write_text("x")
    edit_manifest(spoiled, lambda manifest: manifest.update(title="another"))
    download(catalog=spoiled)
    assert state(cache) == state(spoiled / "toy-1") and not begun.exists()


def test_a_folder_that_cannot_be_written(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=messages.Shared.cannot_be_written):
        download(catalog=published)


def test_catalogs_that_are_too_large(spoiled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "LARGEST_INDEX", 100)
    with pytest.raises(CatalogError, match=messages.Release.is_larger_than_any_catalog):
        releases(spoiled)
    with serving(spoiled) as server, pytest.raises(TransferError, match=messages.Release.at_most_100_wanted):
        releases(server.base)


def test_a_catalog_that_is_older_than_before(
    site: Site, spoiled: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for place in (site.base, str(spoiled)):
        releases(catalog=place)
        releases(catalog=place)
    assert not caplog.records
    edit(spoiled / CATALOG, lambda catalog: catalog["releases"][0].update(created="1999-01-01"))
    download(catalog=str(spoiled))
    (record,) = caplog.records
    assert "is older than when it was last read (its newest release is of 1999-01-01; then 20" in record.getMessage()
    edit(spoiled / CATALOG, lambda catalog: catalog["releases"].clear())
    releases(catalog=str(spoiled))
    assert "it has no dated release" in caplog.records[-1].getMessage()
    # a record that is none is not read
    for text in ("", "[]", "{", '{"x": 1}', "[" * 100_000):
        (cache.parent.parent / "catalogs.json").write_text(text)
        releases(catalog=site.base)
    assert len(caplog.records) == 2
    assert not any("catalogs.json" in one.name for one in list_cached())


def test_a_cache_that_cannot_remember(site: Site, cache: Path) -> None:
    (cache.parent.parent / "catalogs.json").mkdir(parents=True)
    assert releases(catalog=site.base)


@pytest.mark.slow
def test_catalogs_of_very_many_entries(spoiled: Path) -> None:
    """They are read in a time that grows with their size, and beyond some 10,000 entries not at all."""
    entry = json.loads((spoiled / CATALOG).read_text())["releases"][0]
    many = [{"name": f"r{i}"} | {name: entry[name] for name in NEEDED} for i in range(15_000)]
    edit(spoiled / CATALOG, lambda catalog: catalog.update(releases=many))
    begun = time.monotonic()
    assert len(releases(catalog=spoiled)) == len(many)
    assert time.monotonic() - begun < 20
    edit(spoiled / CATALOG, lambda catalog: catalog.update(later="x" * (5 << 20)))
    with pytest.raises(CatalogError, match=messages.Release.larger_than_any_catalog):
        releases(catalog=spoiled)


NEEDED = ("manifest_sha256", "manifest_bytes", "created", "bytes", "schema_version")


def test_a_catalog_that_comes_too_slowly(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "_LONGEST", 0.2)
    site.step, site.pause = 1, 0.005
    with pytest.raises(TransferError, match=messages.Release.took_longer_than):
        releases(catalog=site.base)


@posix
def test_a_link_in_the_place_of_a_partial_file(published: Path, site: Site, cache: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    for place in (published, site.base):
        victim.write_text("VICTIM")
        staging = cache.with_name(".toy-1.downloading")
        staging.mkdir(parents=True)
        for name in (MANIFEST, DATABASE):
            (staging / f".{name}.partial").symlink_to(victim)
        download(catalog=place)
        assert victim.read_text() == "VICTIM"
        assert state(cache) == state(published / "toy-1")
        shutil.rmtree(cache)


@posix
def test_a_cache_on_another_file_system(
    site: Site, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path("/dev/shm")  # noqa: S108
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other file system here")
    with tempfile.TemporaryDirectory(prefix="homodb-test-", dir=other) as folder:
        (tmp_path / "link").symlink_to(folder)
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / "link"))
        done = download(catalog=site.base)
        assert state(done.folder) == state(published / "toy-1")
        (done.folder / "parquet" / "gene" / "gene.parquet").unlink()
        assert download(catalog=site.base).files == 1


def test_files_that_lie_elsewhere(toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog in a folder, and one on a server, of a release whose files another server has, each by its address."""
    from homodb.etl import catalog_entry
    from homodb.schema.catalog import Catalog

    for name in ("folder", "server"):
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / name))
        with serving(toy_folder) as elsewhere, serving(tmp_path) as catalogs:
            entry = catalog_entry(toy_folder, elsewhere.base)
            (tmp_path / "index.json").write_text(Catalog(releases=(entry,)).to_json())
            done = homodb.download("toy-1", catalog=tmp_path if name == "folder" else catalogs.base)
        assert done.files == len(read_manifest(toy_folder).files)
        verify(tmp_path / name / "releases" / "toy-1")


def test_the_folder_of_releases_of_the_repository_is_a_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = Path(__file__).resolve().parents[2] / "releases"
    for name in ("folder", "server"):
        monkeypatch.setenv("HOMODB_CACHE", str(tmp_path / name))
        with serving(releases) as server:
            homodb.download("starter-2026.1", catalog=releases if name == "folder" else server.base)
        checked = verify(tmp_path / name / "releases" / "starter-2026.1")
        assert (checked.foreign, checked.left_out) == ((), ())
