"""The manifest of a release: every file with its size and checksum, and what the release holds.

``manifest.json`` is written once, last, by the build; times stand only here.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from homodb.schema.errors import BrokenReleaseError, ReleaseError
from homodb.schema.io import reason

MANIFEST = "manifest.json"
FORMAT = "homodb-release"
#: Record of a partial download beside the manifest.
SELECTION = "downloaded.json"

#: Paths as builds write them: words of plain characters, none beginning with a dot, joined by ``/``.
_WORD = r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,199}"
_PATH = re.compile(rf"{_WORD}(/{_WORD}){{0,7}}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ManifestFile:
    """A file of a release: path within it (with ``/``), size in bytes, SHA-256, and what it is."""

    path: str
    bytes: int
    sha256: str
    kind: str


@dataclass(frozen=True)
class Manifest:
    """What ``manifest.json`` says.

    Parameters
    ----------
    version, title, ensembl, licence, citation
        As the build config gives them.
    schema_version, homodb_version
        Of the build.
    created
        When it was built, ISO 8601, UTC.
    species
        Production names.
    strategies
        Strategies that give at least one row.
    embeddings
        Model and pooling of each embedding, the default one first.
    rows
        Rows of each table.
    losses
        What of the inputs the release does not keep, or keeps in doubt: one entry a place and reason, with counts.
    files
        Every file but the manifest itself.
    """

    version: str
    schema_version: int
    homodb_version: str
    created: str
    title: str | None = None
    ensembl: str | None = None
    licence: str | None = None
    citation: str | None = None
    species: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    rows: dict[str, int] = field(default_factory=dict)
    losses: tuple[dict[str, Any], ...] = ()
    files: tuple[ManifestFile, ...] = ()

    @property
    def database(self) -> str:
        """Path of the DuckDB file within the release."""
        found = [file.path for file in self.files if file.kind == "duckdb"]
        if len(found) != 1:
            raise BrokenReleaseError(f"the manifest names {len(found)} DuckDB files, wanted 1")
        return found[0]

    def to_json(self) -> str:
        """Return the text of ``manifest.json``."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Self:
        """Read the text of a manifest.

        Raises
        ------
        ReleaseError
            If it is not a manifest of a homodb release.
        BrokenReleaseError
            If an entry points out of the release folder or is malformed.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ReleaseError(f"{where}: is not JSON ({error})") from error
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise ReleaseError(f"{where}: is not the manifest of a homodb release")
        known = {entry.name for entry in fields(cls)}
        try:
            files = tuple(ManifestFile(**entry) for entry in _entries(document.pop("files")))
            values = {key: value for key, value in document.items() if key in known}
            lists = ("species", "strategies", "embeddings", "losses")
            values.update({key: tuple(values[key]) for key in lists if key in values})
            manifest = cls(files=files, **values)
            _check_values(manifest)
        except (TypeError, KeyError, AttributeError) as error:
            raise BrokenReleaseError(f"{where}: the manifest is malformed ({error})") from error
        _check_files(files, where)
        return manifest


def _entries(files: object) -> list[dict[str, Any]]:
    if not isinstance(files, list):
        raise TypeError("files is not a list")
    return files


def _check_values(manifest: Manifest) -> None:
    """Refuse values of other types than declared, which would break whoever sorts, adds or prints them."""
    for name in ("version", "homodb_version", "created"):
        if not isinstance(getattr(manifest, name), str):
            raise TypeError(f"{name} is a text")
    for name in ("title", "ensembl", "licence", "citation"):
        if not isinstance(getattr(manifest, name), str | None):
            raise TypeError(f"{name} is a text")
    for name in ("species", "strategies", "embeddings"):
        if not all(isinstance(word, str) for word in getattr(manifest, name)):
            raise TypeError(f"{name} is a list of texts")
    if not all(isinstance(loss, dict) for loss in manifest.losses):
        raise TypeError("losses is a list of tables")
    numbers = [manifest.schema_version, *manifest.rows.values()]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise TypeError("schema_version and rows are whole numbers")


def _check_files(files: tuple[ManifestFile, ...], where: Path) -> None:
    """Refuse paths that lead out of the release or that some system reads differently, sizes and sums that are none."""
    seen: set[str] = {MANIFEST, SELECTION}
    for file in files:
        if not isinstance(file.path, str) or not _PATH.fullmatch(file.path):
            raise BrokenReleaseError(f"{where}: the manifest names a file outside the release: {file.path!r}")
        if file.path.casefold() in seen:
            raise BrokenReleaseError(f"{where}: the manifest names the file {file.path!r} twice")
        seen.add(file.path.casefold())
        if not isinstance(file.bytes, int) or isinstance(file.bytes, bool) or file.bytes < 0:
            raise BrokenReleaseError(f"{where}: {file.path}: {file.bytes!r} is no size in bytes")
        if not isinstance(file.sha256, str) or not _SHA256.fullmatch(file.sha256):
            raise BrokenReleaseError(f"{where}: {file.path}: {file.sha256!r} is no SHA-256")
        if not isinstance(file.kind, str):
            raise BrokenReleaseError(f"{where}: {file.path}: {file.kind!r} is no kind of file")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a release folder.

    Raises
    ------
    ReleaseError
        If there is none or it is not one of homodb.
    """
    path = folder / MANIFEST
    try:
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ReleaseError(f"{folder}: is not a release (it holds no {MANIFEST})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseError(f"{path}: cannot be read ({reason(error)})") from error
    return Manifest.from_json(text, path)


def describe_file(folder: Path, path: Path, kind: str) -> ManifestFile:
    """Measure a file of a release that is being built."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return ManifestFile(path.relative_to(folder).as_posix(), path.stat().st_size, digest, kind)
