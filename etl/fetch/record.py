"""Read and write ``fetched.json``, the record of downloaded files.

Only files with a checksum in the record count as downloaded. A release contains only their URLs and checksums.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from homodb.etl.fetch.layouts import Release, is_date, layout_of
from homodb.etl.sources.text import sha256 as sha256_of
from homodb.schema.errors import ConfigError
from homodb.schema.io import parse_json, read_small, whole_file

RECORD = "fetched.json"
_LARGEST = 1 << 26


@dataclass(frozen=True)
class File:
    """A file of the folder.

    Parameters
    ----------
    path
        Path below the folder, and below the URL of the releases.
    url
        URL of the file.
    published
        Published checksum, in the form of :func:`homodb.etl.fetch.read_checksums`.
    low, high
        Bounds of the size in bytes, from the listing.
    bytes, sha256
        Size and checksum of the download; None before it.
    etag, last_modified, fetched
        Version of the file according to the server, and time of the download.
    """

    path: str
    url: str
    published: str | None = None
    low: int | None = None
    high: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    fetched: str | None = None


@dataclass(frozen=True)
class Holding:
    """Assembly of a species, paths of its files by kind, missing kinds, and a remark for the user."""

    assembly: str
    files: dict[str, list[str]]
    lacks: list[str] = field(default_factory=list)
    remark: str | None = None


@dataclass(frozen=True)
class Record:
    """Content of a folder of downloaded files.

    Parameters
    ----------
    base, release, division
        URL of the site, number or date of the release, and division.
    species
        Species by production name.
    files
        Files by path.
    config_sha256
        Checksum of the build config as written.
    """

    base: str
    release: Release
    division: str
    species: dict[str, Holding] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    config_sha256: str | None = None

    def of(self, names: list[str]) -> list[File]:
        """Return the distinct files of some species, in order."""
        kinds = [self.species[name].files for name in names]
        paths = dict.fromkeys(path for files in kinds for several in files.values() for path in several)
        return [self.files[path] for path in paths]

    def write(self, folder: Path) -> None:
        """Write the record into its folder, atomically."""
        document = {"layout": layout_of(self.release).name, **asdict(self)}
        document["files"] = {path: _without_path(file) for path, file in sorted(self.files.items())}
        document["species"] = dict(sorted(document["species"].items()))
        with whole_file(folder / RECORD) as partial:
            partial.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def read_record(folder: Path) -> Record | None:
    """Read the record of a folder.

    Returns
    -------
    Record or None
        None if the folder has no record.

    Raises
    ------
    ConfigError
        If the record is invalid.
    """
    path = folder / RECORD
    try:
        document = parse_json(read_small(path, _LARGEST))
        written = document["release"]
        number = written if isinstance(written, str) and is_date(written) else int(written)
        if document["layout"] != layout_of(number).name:
            raise ValueError(f"layout {document['layout']!r}, expected {layout_of(number).name!r}")
        files = {one: File(path=_inside(one), **entry) for one, entry in document["files"].items()}
        species = {name: Holding(**entry) for name, entry in document["species"].items()}
        release = (document["base"], number, document["division"])
        record = Record(*release, species, files, document["config_sha256"])
        record.of(list(species))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{path}: is not a record of `homodb fetch` ({why}). Delete it and fetch again") from error
    return record


def is_downloaded(folder: Path, file: File) -> bool:
    """Return whether a file is in the folder as downloaded."""
    path = folder / file.path
    if file.sha256 is None or not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return sha256_of(path) == file.sha256


def without_download(file: File) -> File:
    """Return a file without the details of its download."""
    return replace(file, bytes=None, sha256=None, etag=None, last_modified=None, fetched=None)


def _without_path(file: File) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if name != "path" and value is not None}


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or ":" in parts[0]:
        raise ValueError(f"{path!r} is outside the folder")
    return path
