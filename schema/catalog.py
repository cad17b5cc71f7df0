"""Read and write the catalog of a folder of releases.

``index.json`` has one entry per release, with the SHA-256 of its manifest. Whatever serves the folder, a web server, a
bucket or a disk, serves the catalog with it. The name of an entry is the name of the release's folder beside the
catalog, so an entry cannot point anywhere else.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictInt

from homodb.schema.errors import CatalogError, HomodbError, shown
from homodb.schema.io import parse_json
from homodb.schema.manifest import MANIFEST, NO_DEVICE, Manifest, check_sha256
from homodb.schema.models import FrozenModel

CATALOG = "index.json"
_FORMAT = "homodb-catalog"

#: Names of releases, as ``[release] version`` of a build config allows them; they name folders and files.
NAME = re.compile(rf"{NO_DEVICE}[A-Za-z0-9_+-][A-Za-z0-9._+-]{{0,99}}")


def is_name(name: str) -> bool:
    """Return whether a release can have this name.

    A release is a folder of its name beside the catalog, on every operating system.

    Examples
    --------
    >>> is_name("2026.1"), is_name("../x"), is_name("index.json")
    (True, False, False)
    """
    return bool(NAME.fullmatch(name)) and not name.casefold().endswith((".json", ".lock", "."))


def _check_name(name: str) -> str:
    if not is_name(name):
        raise ValueError(f"{shown(repr(name))} cannot be the name of a folder.")
    return name


def _check_printable(text: str) -> str:
    """Refuse control characters, since entries are printed to a terminal."""
    if not text.isprintable():
        raise ValueError(f"{shown(repr(text))} has characters that cannot be printed.")
    return text


Text = Annotated[str, AfterValidator(_check_printable)]
Address = Annotated[str, AfterValidator(lambda address: _check_address(address))]
#: Bytes and numbers, within what a computer can have.
Count = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]


def _check_address(address: str) -> str:
    if not re.match(r"https://[^/]|http://(127\.0\.0\.1|localhost)[:/]", address):
        raise ValueError(f"{shown(repr(address))} is not an address that begins with https:.")
    return _check_printable(address)


class CatalogFile(FrozenModel):
    """A file of a release in a catalog; its address, where it does not lie beside the catalog."""

    model_config = ConfigDict(extra="ignore")
    error: ClassVar[type[HomodbError]] = CatalogError

    path: Text
    bytes: Count
    sha256: Annotated[str, AfterValidator(check_sha256)]
    address: Address | None = None


class Entry(FrozenModel):
    """A release in a catalog; keys that a later homodb may add are ignored.

    Parameters
    ----------
    name
        Its version, and its folder beside the catalog.
    manifest_sha256, manifest_bytes
        Checksum and size of its ``manifest.json``.
    created
        Time of its build, ISO 8601, UTC.
    bytes
        Size of all its files.
    species, strategies, embeddings, schema_version, title, ensembl, licence
        As in its manifest.
    files
        Its files; empty in catalogs of an earlier homodb, which leave them to the manifest.
    manifest_address
        Where the manifest lies, if that is not beside the catalog.
    """

    model_config = ConfigDict(extra="ignore")
    error: ClassVar[type[HomodbError]] = CatalogError

    name: Annotated[str, AfterValidator(_check_name)]
    manifest_sha256: Annotated[str, AfterValidator(check_sha256)]
    manifest_bytes: Count
    created: Text
    bytes: Count
    schema_version: Count
    species: tuple[Text, ...] = ()
    strategies: tuple[Text, ...] = ()
    embeddings: tuple[Text, ...] = ()
    title: Text | None = None
    ensembl: Text | None = None
    licence: Text | None = None
    files: tuple[CatalogFile, ...] = ()
    manifest_address: Address | None = None

    def address(self, path: str) -> str | None:
        """Return the address of a file; None for one beside the catalog."""
        return next((file.address for file in self.files if file.path == path), None)

    @classmethod
    def of(cls, manifest: Manifest, sha256: str, size: int, address: str | None = None) -> Self:
        """Return the entry of a release; its texts are put on one line.

        Parameters
        ----------
        sha256, size
            Checksum and bytes of the manifest's file.
        address
            Address of the folder of the files, if that is not beside the catalog.
        """
        base = address and address.rstrip("/")
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
            manifest_address=base and f"{base}/{MANIFEST}",
            files=tuple(
                CatalogFile(
                    path=file.path, bytes=file.bytes, sha256=file.sha256, address=base and f"{base}/{file.path}"
                )
                for file in manifest.files
            ),
        )


class Catalog(FrozenModel):
    """The releases of a catalog, in its order."""

    model_config = ConfigDict(extra="ignore")
    error: ClassVar[type[HomodbError]] = CatalogError

    releases: tuple[Entry, ...]

    def check(self) -> None:
        """Check that no two entries have the same name."""
        names: set[str] = set()
        for entry in self.releases:
            name = entry.name.casefold()
            if name in names:
                raise ValueError(f"Two entries have the name {shown(repr(name))}.")
            names.add(name)

    def find(self, name: str, where: str) -> Entry:
        """Return a release by name.

        Raises
        ------
        CatalogError
            If the catalog has none of that name.
        """
        for entry in self.releases:
            if entry.name == name:
                return entry
        names = ", ".join(entry.name for entry in self.newest_first()) or "none"
        raise CatalogError(f"{where}: has no release {name!r} (it has {names})")

    def newest_first(self) -> list[Entry]:
        """Return the entries by time of their build, the newest first."""
        return sorted(self.releases, key=lambda entry: (entry.created, entry.name), reverse=True)

    def with_entry(self, entry: Entry) -> Catalog:
        """Return the catalog with an entry added, sorted by name. The entry replaces one of the same name."""
        others = [one for one in self.releases if one.name != entry.name]
        return Catalog(releases=tuple(sorted((*others, entry), key=lambda one: one.name)))

    def to_json(self) -> str:
        """Return the text of ``index.json``."""
        return json.dumps({"format": _FORMAT, **self.model_dump()}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """Parse the text of a catalog.

        Raises
        ------
        CatalogError
            If it is not a catalog, an entry is malformed, or two have the same name.
        """
        try:
            document = parse_json(text)
        except ValueError as error:
            raise CatalogError(f"{where}: is not JSON ({error})") from error
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise CatalogError(f"{where}: is not a catalog of homodb releases")
        return cls.read(document, where)


def _line(text: str | None) -> str | None:
    return text and "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
