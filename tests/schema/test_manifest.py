"""The manifest: what is written is read again, and nothing in it leads out of its folder."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.schema.errors import BrokenReleaseError, ReleaseError, shown
from homodb.schema.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    Manifest,
    ManifestFile,
    describe_file,
    read_manifest,
    read_selection,
)
from tests import messages

WHERE = Path("there/manifest.json")
LEAST = {"version": "1", "schema_version": 3, "homodb_version": "0.1.0", "created": "2026-01-01T00:00:00+00:00"}
DATABASE = {"path": "homodb-1.duckdb", "bytes": 1, "sha256": "0" * 64, "kind": "duckdb"}


def text(files: Any = (), **values: Any) -> str:
    return json.dumps({"format": "homodb-release", **LEAST, "files": files, **values})


words = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
names = st.lists(words, max_size=3).map(tuple)
part = st.from_regex(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,5}", fullmatch=True)
path = st.lists(part, min_size=1, max_size=3).map("/".join)
sums = st.text("0123456789abcdef", min_size=64, max_size=64)
files = st.lists(
    st.builds(ManifestFile, path, st.integers(0, 2**63 - 1), sums, words),
    max_size=3,
    unique_by=lambda file: file.path.casefold(),
)
manifests = st.builds(
    Manifest,
    version=words,
    schema_version=st.integers(0, 99),
    homodb_version=words,
    created=words,
    title=st.none() | words,
    ensembl=st.none() | words,
    licence=st.none() | words,
    citation=st.none() | words,
    species=names,
    strategies=names,
    embeddings=names,
    rows=st.dictionaries(words, st.integers(0, 2**63 - 1), max_size=3),
    losses=st.lists(st.fixed_dictionaries({"where": words, "count": st.integers(1)}), max_size=2).map(tuple),
    files=files.map(tuple),
)  # fmt: skip


@pytest.mark.slow
@given(manifests)
def test_round_trip(manifest: Manifest) -> None:
    written = manifest.to_json()
    assert Manifest.from_json(written, WHERE) == manifest
    assert written.endswith("}\n")
    assert json.loads(written)["format"] == "homodb-release"


def test_what_a_later_homodb_adds_is_passed_over() -> None:
    manifest = Manifest.from_json(text([DATABASE], later=["more"]), WHERE)
    assert (manifest.version, manifest.database) == ("1", "homodb-1.duckdb")
    assert (manifest.title, manifest.species, manifest.rows) == (None, (), {})


@pytest.mark.parametrize(
    "hostile",
    [
        "/etc/passwd", "//etc/passwd", "..", "../x", "../../x", "a/../../x", "a/..", "a/b/../c", "..\\x", "a\\..\\x",
        "C:\\x", "\\\\server\\x", "", ".", "./", None, 5, True, ["a"], {"a": "b"}, "..a", "...", ".hidden", "a/.b",
        "a//b",        "a b", "c:d", "ä", "a\n", "a\0", "~", "$HOME", "a/b/c/d/e/f/g/h/i", "x" * 201,
    ],
)  # fmt: skip
def test_paths_that_lead_elsewhere(hostile: Any) -> None:
    wanted = f"Expected text, got {hostile!r}."
    if isinstance(hostile, str):
        wanted = f"{shown(repr(hostile))} is a file outside the release."
    with pytest.raises(BrokenReleaseError) as caught:
        Manifest.from_json(text([DATABASE, DATABASE | {"path": hostile}]), WHERE)
    assert str(caught.value) == f"{WHERE}: the manifest is malformed: files 2: path: {wanted}"


@pytest.mark.parametrize("harmless", ["a", "a/b", "a..b/c", "a.", "-a", "a+b_c-d.e", "a/b/c/d/e/f/g/h"])
def test_paths_that_only_look_so(harmless: str) -> None:
    assert Manifest.from_json(text([DATABASE | {"path": harmless}]), WHERE).database == harmless


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "null",
        "[]",
        '"x"',
        "5",
        "{}",
        '{"format": "other"}',
        '{"format": null}',
        json.dumps(LEAST),
        "\ufeff{}",
        "NaN",
    ],
)
def test_what_is_no_manifest(document: str) -> None:
    with pytest.raises(ReleaseError, match=messages.Schema.there_manifest_json) as caught:
        Manifest.from_json(document, WHERE)
    assert not isinstance(caught.value, BrokenReleaseError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", [*LEAST, "files"])
def test_what_a_manifest_must_say(missing: str) -> None:
    document = json.loads(text([DATABASE]))
    del document[missing]
    with pytest.raises(BrokenReleaseError, match=messages.Schema.manifest_is_malformed):
        Manifest.from_json(json.dumps(document), WHERE)


@pytest.mark.parametrize(
    "files", [None, 5, "x", ["x"], [5], [None], [[]], [{}], [{"path": "a"}], [DATABASE | {"more": 1}], [DATABASE, "x"]]
)
def test_malformed_files(files: Any) -> None:
    with pytest.raises(BrokenReleaseError, match=messages.Schema.manifest_is_malformed):
        Manifest.from_json(text(files), WHERE)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"bytes": -1}, "files 2: bytes: Expected 0 or more, got -1."),
        ({"bytes": 1.5}, "files 2: bytes: Expected a whole number, got 1.5."),
        ({"bytes": float("nan")}, "files 2: bytes: Expected a whole number, got nan."),
        ({"bytes": True}, "files 2: bytes: Expected a whole number, got True."),
        ({"bytes": "1"}, "files 2: bytes: Expected a whole number, got '1'."),
        ({"sha256": "0" * 63}, f"files 2: sha256: '{'0' * 63}' is not a SHA-256."),
        ({"sha256": "G" * 64}, f"files 2: sha256: '{'G' * 64}' is not a SHA-256."),
        ({"sha256": "0" * 64 + "\n"}, f"files 2: sha256: '{'0' * 64}\\n' is not a SHA-256."),
        ({"sha256": None}, "files 2: sha256: Expected text, got None."),
        ({"kind": 5}, "files 2: kind: Expected text, got 5."),
        ({"path": "HOMODB-1.duckdb"}, "files: 'HOMODB-1.duckdb' is listed twice."),
        ({"path": "manifest.json"}, "files: 'manifest.json' is listed twice."),
        ({"path": "Downloaded.json"}, "files: 'Downloaded.json' is listed twice."),
    ],
)
def test_files_that_cannot_be(change: dict[str, Any], wanted: str) -> None:
    with pytest.raises(BrokenReleaseError) as caught:
        Manifest.from_json(text([DATABASE, DATABASE | {"path": "other"} | change]), WHERE)
    assert str(caught.value) == f"{WHERE}: the manifest is malformed: {wanted}"


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"created": 5}, "created: Expected text, got 5."),
        ({"version": None}, "version: Expected text, got None."),
        ({"title": ["x"]}, "title: Expected text, got ['x']."),
        ({"species": "human"}, "species: Expected a list, got 'human'."),
        ({"species": [5]}, "species 1: Expected text, got 5."),
        ({"strategies": {"a": 1}}, "strategies: Expected a list, got {'a': 1}."),
        ({"rows": []}, "rows: Expected a table, got []."),
        ({"rows": {"gene": "x"}}, "rows: gene: Expected a whole number, got 'x'."),
        ({"rows": {"gene": True}}, "rows: gene: Expected a whole number, got True."),
        ({"rows": {"gene": float("nan")}}, "rows: gene: Expected a whole number, got nan."),
        ({"losses": ["x"]}, "losses 1: Expected a table, got 'x'."),
        ({"schema_version": "3"}, "schema_version: Expected a whole number, got '3'."),
        ({"title": 1, "rows": 2}, "2 problems: title: Expected text, got 1. rows: Expected a table, got 2."),
    ],
)
def test_values_of_another_type(values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(BrokenReleaseError) as caught:
        Manifest.from_json(text([DATABASE], **values), WHERE)
    assert str(caught.value) == f"{WHERE}: the manifest is malformed: {wanted}"


def test_values_without_end() -> None:
    """No file has more bytes than 63 bits count; what is nested deeper than Python reads is no JSON."""
    assert Manifest.from_json(text([DATABASE | {"bytes": 2**63 - 1}]), WHERE).files[0].bytes == 2**63 - 1
    for size in (2**63, 10**30, 10**400):
        with pytest.raises(BrokenReleaseError, match=messages.Schema.or_less):
            Manifest.from_json(text([DATABASE | {"bytes": size}]), WHERE)
    with pytest.raises(ReleaseError, match=messages.Shared.is_not_json):
        Manifest.from_json(text([DATABASE | {"bytes": 7}]).replace(": 7", ": " + "7" * 5_000), WHERE)
    for place in ("rows", "losses", "files", "later"):
        deep = text(**{"files": [DATABASE], place: "DEEP"}).replace('"DEEP"', "[" * 100_000 + "]" * 100_000)
        with pytest.raises(ReleaseError, match=messages.Shared.is_not_json):
            Manifest.from_json(deep, WHERE)


@pytest.mark.parametrize("count", [0, 2])
def test_a_release_has_one_database(count: int) -> None:
    databases = [DATABASE | {"path": f"{place}.duckdb"} for place in range(count)]
    manifest = Manifest.from_json(text([*databases, DATABASE | {"kind": "parquet"}]), WHERE)
    with pytest.raises(BrokenReleaseError, match=messages.Schema.names_duckdb_files.format(count=count)):
        _ = manifest.database


def test_read_manifest(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=messages.Schema.is_not_release_holds):
        read_manifest(tmp_path)
    with pytest.raises(ReleaseError):
        read_manifest(tmp_path / "absent")
    (tmp_path / MANIFEST).write_bytes(b'{"format": "\xff"}')
    with pytest.raises(ReleaseError, match=messages.Shared.cannot_be_read):
        read_manifest(tmp_path)
    (tmp_path / MANIFEST).write_text(text([DATABASE]))
    assert read_manifest(tmp_path).files == (ManifestFile(**DATABASE),)
    (tmp_path / MANIFEST).unlink()
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(ReleaseError, match=messages.Shared.cannot_be_read):
        read_manifest(tmp_path)


def test_describe_file(tmp_path: Path) -> None:
    (tmp_path / "parquet").mkdir()
    (tmp_path / "parquet" / "a.parquet").write_bytes(b"abc" * 1000)
    described = describe_file(tmp_path, tmp_path / "parquet" / "a.parquet", "parquet")
    checksum = hashlib.sha256(b"abc" * 1000).hexdigest()
    assert described == ManifestFile("parquet/a.parquet", 3000, checksum, "parquet")


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
@pytest.mark.parametrize("name", ["manifest.json", "downloaded.json"])
def test_files_without_end(tmp_path: Path, name: str) -> None:
    """A pipe, a link to a device, a file that is too large: errors, at once."""
    path, read = tmp_path / name, read_manifest if name == "manifest.json" else read_selection
    os.mkfifo(path)
    with pytest.raises(ReleaseError, match=messages.Shared.cannot_be_read):
        read(tmp_path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ReleaseError, match=messages.Shared.cannot_be_read):
        read(tmp_path)
    path.unlink()
    path.write_bytes(b" " * (LARGEST_MANIFEST + 1))
    with pytest.raises(ReleaseError, match=messages.Shared.cannot_be_read):
        read(tmp_path)
