"""The catalog of a folder of releases: ``index.json``, one entry per release, with the SHA-256 of its manifest.

Whoever serves the folder, a web server, a bucket or a disk, serves the catalog with it. An entry is found by its name,
which is also the name of its folder beside the catalog: an entry cannot point anywhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from homodb.schema.errors import CatalogError
from homodb.schema.manifest import Manifest

CATALOG = "index.json"
_FORMAT = "homodb-catalog"

#: Names of releases, as ``[release] version`` of a build config allows them; they name folders and files.
NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """A release in a catalog.

    Parameters
    ----------
    name
        Its version, and its folder beside the catalog.
    manifest_sha256, manifest_bytes
        Of its ``manifest.json``.
    created
        When it was built, ISO 8601, UTC.
    bytes
        Size of all its files.
    species, strategies, embeddings, schema_version, title, ensembl, licence
        As its manifest says.
    """

    name: str
    manifest_sha256: str
    manifest_bytes: int
    created: str
    bytes: int
    schema_version: int
    species: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    title: str | None = None
    ensembl: str | None = None
    licence: str | None = None

    @classmethod
    def of(cls, manifest: Manifest, sha256: str, size: int) -> Self:
        """Return the entry of a release, from its manifest, that file's checksum and its bytes; texts on one line."""
        return cls(
            name=manifest.version,
            manifest_sha256=sha256,
            manifest_bytes=size,
            created=manifest.created,
            bytes=sum(file.bytes for file in manifest.files),
            schema_version=manifest.schema_version,
            species=manifest.species,
            strategies=manifest.strategies,
            embeddings=manifest.embeddings,
            title=_line(manifest.title),
            ensembl=_line(manifest.ensembl),
            licence=_line(manifest.licence),
        )


@dataclass(frozen=True)
class Catalog:
    """The releases that a catalog names, in its order."""

    entries: tuple[Entry, ...] = ()

    def find(self, name: str, where: str) -> Entry:
        """Return a release by name.

        Raises
        ------
        CatalogError
            If the catalog has none of that name.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        there = ", ".join(entry.name for entry in self.newest_first()) or "none"
        raise CatalogError(f"{where}: has no release {name!r} (it has {there})")

    def newest_first(self) -> list[Entry]:
        """Return the entries by when they were built, the newest first."""
        return sorted(self.entries, key=lambda entry: (entry.created, entry.name), reverse=True)

    def with_entry(self, entry: Entry) -> Catalog:
        """Return the catalog with an entry more, or in the place of one of the same name, in order of their names."""
        others = [one for one in self.entries if one.name != entry.name]
        return Catalog(tuple(sorted((*others, entry), key=lambda one: one.name)))

    def to_json(self) -> str:
        """Return the text of ``index.json``."""
        releases = [asdict(entry) for entry in self.entries]
        return json.dumps({"format": _FORMAT, "releases": releases}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """Read the text of a catalog.

        Parameters
        ----------
        text
            The text.
        where
            What it was read from, for messages.

        Raises
        ------
        CatalogError
            If it is no catalog, an entry is malformed, or two bear one name.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CatalogError(f"{where}: is not JSON ({error})") from error
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise CatalogError(f"{where}: is not a catalog of homodb releases")
        releases = document.get("releases")
        if not isinstance(releases, list):
            raise CatalogError(f"{where}: the catalog is malformed: releases is not a list")
        entries = tuple(_entry(one, f"{where}: entry {place}") for place, one in enumerate(releases, 1))
        names = [entry.name.casefold() for entry in entries]
        for name in names:
            if names.count(name) > 1:
                raise CatalogError(f"{where}: two entries bear the name {name!r}")
        return cls(entries)


def is_name(name: str) -> bool:
    """Tell whether a release may bear this name: it is that of a folder beside the catalog on every system.

    Examples
    --------
    >>> is_name("2026.1"), is_name("../x"), is_name("index.json")
    (True, False, False)
    """
    return bool(NAME.fullmatch(name)) and not name.casefold().endswith((".json", ".lock", "."))


def _line(text: str | None) -> str | None:
    return text and "".join(letter for letter in " ".join(text.split()) if letter.isprintable())


def _words(value: object) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _entry(told: object, where: str) -> Entry:
    if not isinstance(told, Mapping):
        raise CatalogError(f"{where}: is not a table of values")
    known = {field.name: field for field in fields(Entry)}
    values: dict[str, Any] = {key: told[key] for key in known if key in told}
    for key in ("species", "strategies", "embeddings"):
        listed = values.get(key, [])
        if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
            raise CatalogError(f"{where}: {key} is not a list of words")
        values[key] = tuple(listed)
    for key in ("name", "manifest_sha256", "created"):
        if not isinstance(values.get(key), str):
            raise CatalogError(f"{where}: {key} is missing or no text")
    for key in ("manifest_bytes", "bytes", "schema_version"):
        value = values.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise CatalogError(f"{where}: {key} is missing or no whole number")
    for key in ("title", "ensembl", "licence"):
        if values.get(key) is not None and not isinstance(values[key], str):
            raise CatalogError(f"{where}: {key} is no text")
    for key, value in values.items():
        # they are printed: no word of a catalog speaks to the terminal
        if not all(word.isprintable() for word in ([value] if isinstance(value, str) else _words(value))):
            raise CatalogError(f"{where}: {key} has characters that cannot be printed")
    if not is_name(values["name"]):
        raise CatalogError(f"{where}: the name {values['name']!r} cannot be one of a folder")
    if not _SHA256.fullmatch(values["manifest_sha256"]):
        raise CatalogError(f"{where}: manifest_sha256 is no SHA-256")
    return Entry(**values)
