"""The catalog: what is written is read again, and nothing in it leads anywhere but to a folder beside it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from homodb.schema.catalog import Catalog, Entry, is_name
from homodb.schema.errors import CatalogError
from homodb.schema.manifest import Manifest, ManifestFile
from tests import messages

ENTRY: dict[str, Any] = {
    "name": "r1",
    "manifest_sha256": "0" * 64,
    "manifest_bytes": 10,
    "created": "2026-01-01T00:00:00+00:00",
    "bytes": 5,
    "schema_version": 3,
}


def text(*entries: Any, **values: Any) -> str:
    return json.dumps({"format": "homodb-catalog", "releases": list(entries), **values})


printable = st.text(st.characters(exclude_categories=("C", "Z")), max_size=8)
words = st.lists(printable, max_size=3).map(tuple)
entries = st.builds(
    Entry,
    name=st.from_regex(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,8}", fullmatch=True).filter(is_name),
    manifest_sha256=st.text("0123456789abcdef", min_size=64, max_size=64),
    manifest_bytes=st.integers(0, 2**63 - 1),
    created=printable,
    bytes=st.integers(0, 2**63 - 1),
    schema_version=st.integers(0, 2**63 - 1),
    species=words,
    strategies=words,
    embeddings=words,
    title=st.none() | printable,
    ensembl=st.none() | printable,
    licence=st.none() | printable,
)
catalogs = st.lists(entries, max_size=4, unique_by=lambda entry: entry.name.casefold()).map(
    lambda listed: Catalog(releases=tuple(listed))
)


@given(catalogs)
def test_round_trip(catalog: Catalog) -> None:
    assert Catalog.from_json(catalog.to_json(), "there") == catalog
    assert Catalog.from_json(catalog.to_json().encode(), "there") == catalog


@given(catalogs, entries)
def test_an_entry_more(catalog: Catalog, entry: Entry) -> None:
    cases = {one.name for one in catalog.releases if one.name.casefold() == entry.name.casefold()}
    assume(cases <= {entry.name})  # names that differ by case only are refused
    once = catalog.with_entry(entry)
    assert once.find(entry.name, "there") == entry
    assert once.with_entry(entry) == once
    assert {one.name for one in once.releases} == {one.name for one in catalog.releases} | {entry.name}
    assert [one.name for one in once.releases] == sorted(one.name for one in once.releases)


def test_find_and_newest() -> None:
    old, new = Entry(**ENTRY), Entry(**ENTRY | {"name": "r0", "created": "2026-02-01T00:00:00+00:00"})
    catalog = Catalog(releases=(old, new))
    assert catalog.newest_first() == [new, old]
    with pytest.raises(CatalogError, match=messages.Schema.there_has_no_release_r2):
        catalog.find("r2", "there")
    with pytest.raises(CatalogError, match=messages.Schema.has_none):
        Catalog(releases=()).find("r2", "there")


def test_what_a_later_homodb_adds_is_passed_over() -> None:
    assert Catalog.from_json(text(ENTRY | {"later": [1]}, more=2), "there").releases == (Entry(**ENTRY),)


def test_of_a_manifest() -> None:
    files = (ManifestFile("a", 2, "0" * 64, "duckdb"), ManifestFile("b", 3, "0" * 64, "x"))
    manifest = Manifest("r1", 3, "0.1", "2026", title="two\nlines\x1b[2J and\ta tab ", species=("a",), files=files)
    entry = Entry.of(manifest, "0" * 64, 7)
    assert (entry.name, entry.bytes, entry.manifest_bytes, entry.species) == ("r1", 5, 7, ("a",))
    assert entry.title == "two lines[2J and a tab"
    assert Catalog.from_json(Catalog(releases=(entry,)).to_json(), "there").releases == (entry,)


HOSTILE_NAMES = [
    "../x", "..", ".", "/etc", "a/b", "a\\b", "C:x", "", " ", "a b", ".hidden", "a\0", "a\n", "ä", "~", "%2e%2e",
    "x" * 101, "index.json", "toy.datapackage.JSON", "x.lock", "x.", "Con", "nul.2", "a?b=c", "a#b", "http:", None,
    5, ["a"], {"a": 1}, True,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_that_lead_elsewhere(name: Any) -> None:
    with pytest.raises(CatalogError, match=messages.Schema.there_releases_2_name):
        Catalog.from_json(text(ENTRY, ENTRY | {"name": name}), "there")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"manifest_sha256": "0" * 63}, f"releases 2: manifest_sha256: '{'0' * 63}' is not a SHA-256."),
        ({"manifest_sha256": "G" * 64}, f"releases 2: manifest_sha256: '{'G' * 64}' is not a SHA-256."),
        ({"manifest_sha256": None}, "releases 2: manifest_sha256: Expected text, got None."),
        ({"manifest_bytes": -1}, "releases 2: manifest_bytes: Expected 0 or more, got -1."),
        ({"manifest_bytes": True}, "releases 2: manifest_bytes: Expected a whole number, got True."),
        ({"bytes": 1.5}, "releases 2: bytes: Expected a whole number, got 1.5."),
        ({"bytes": float("nan")}, "releases 2: bytes: Expected a whole number, got nan."),
        ({"bytes": "5"}, "releases 2: bytes: Expected a whole number, got '5'."),
        ({"schema_version": None}, "releases 2: schema_version: Expected a whole number, got None."),
        ({"created": 5}, "releases 2: created: Expected text, got 5."),
        ({"species": "human"}, "releases 2: species: Expected a list, got 'human'."),
        ({"species": [5]}, "releases 2: species 1: Expected text, got 5."),
        ({"strategies": {"a": 1}}, "releases 2: strategies: Expected a list, got {'a': 1}."),
        ({"title": ["x"]}, "releases 2: title: Expected text, got ['x']."),
        # characters that a terminal obeys
        (
            {"title": "\x1b]0;owned\x07"},
            r"releases 2: title: '\x1b]0;owned\x07' has characters that cannot be printed.",
        ),
        ({"licence": "a\rb"}, r"releases 2: licence: 'a\rb' has characters that cannot be printed."),
        ({"created": "\x1b[2J"}, r"releases 2: created: '\x1b[2J' has characters that cannot be printed."),
        (
            {"species": ["human", "\u202egnirts"]},
            r"releases 2: species 2: '\u202egnirts' has characters that cannot be printed.",
        ),
        ({"name": "R1"}, "Two entries have the name 'r1'."),
        (
            {"bytes": -1, "title": 5},
            "2 problems: releases 2: bytes: Expected 0 or more, got -1. releases 2: title: Expected text, got 5.",
        ),
    ],
)
def test_entries_that_cannot_be(change: dict[str, Any], wanted: str) -> None:
    with pytest.raises(CatalogError) as caught:
        Catalog.from_json(text(ENTRY, ENTRY | {"name": "r2"} | change), "there")
    assert str(caught.value) == f"there: {wanted}"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "document",
    [
        "", "{", "null", "[]", "5", "{}", '{"format": "homodb-release", "releases": []}', "\xff", "<html></html>",
        '{"format": "homodb-catalog"}', '{"format": "homodb-catalog", "releases": {}}', "[" * 100_000,
        text("x"), text(5), text(None), text([]), text({}),
    ],
)  # fmt: skip
def test_what_is_no_catalog(document: str) -> None:
    with pytest.raises(CatalogError, match=messages.Schema.there) as caught:
        Catalog.from_json(document.encode("latin-1"), "there")
    assert "\n" not in str(caught.value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | printable, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ENTRY, "species", "title"]), inner, max_size=6)))  # fmt: skip  # noqa: E501
def test_whatever_stands_there(value: Any) -> None:
    """It is read, or refused as a catalog; nothing else happens."""
    try:
        read = Catalog.from_json(json.dumps({"format": "homodb-catalog", "releases": [value, ENTRY]}), "there")
    except CatalogError:
        return
    assert all(is_name(entry.name) for entry in read.releases)
    assert Catalog(releases=read.releases) == read
