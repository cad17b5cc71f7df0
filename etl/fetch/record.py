"""``fetched.json``: what a folder of fetched files holds, whence it is, and what it was when it came.

Only what stands in it with a checksum counts as being there. Of it, only addresses and checksums enter a release.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from homodb.etl.fetch.ensembl import LAYOUT
from homodb.etl.sources.text import sha256 as sha256_of
from homodb.schema.errors import ConfigError
from homodb.schema.files import whole_file

RECORD = "fetched.json"


@dataclass(frozen=True)
class File:
    """A file of the folder.

    Parameters
    ----------
    path
        Where it lies below the folder, and below the address of the releases.
    url
        Its address.
    published
        Checksum that is published beside it, as :mod:`homodb.etl.fetch.ensembl` tells it.
    low, high
        Between which sizes its listing put it.
    bytes, sha256
        What came; None until it came.
    etag, last_modified, fetched
        What the server said of its version, and when it came.
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
    """What there is of a species: its assembly, paths of files by kind, and the kinds that its release lacks."""

    assembly: str
    files: dict[str, list[str]]
    lacks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Record:
    """What a folder holds.

    Parameters
    ----------
    base, release, division
        Address of the releases, and which one.
    species
        By production name.
    files
        By path.
    config_sha256
        The config of a build, as it was written.
    """

    base: str
    release: int
    division: str
    species: dict[str, Holding] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    config_sha256: str | None = None

    def of(self, names: list[str]) -> list[File]:
        """Return the files of these species, each once, in order."""
        kinds = [self.species[name].files for name in names]
        paths = dict.fromkeys(path for files in kinds for several in files.values() for path in several)
        return [self.files[path] for path in paths]

    def write(self, folder: Path) -> None:
        """Write it into its folder, whole."""
        document = {"layout": LAYOUT, **asdict(self)}
        document["files"] = {path: _without_path(file) for path, file in sorted(self.files.items())}
        document["species"] = dict(sorted(document["species"].items()))
        with whole_file(folder / RECORD) as partial:
            partial.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def read_record(folder: Path) -> Record | None:
    """Read what a folder holds.

    Returns
    -------
    Record or None
        None where nothing was fetched into it.

    Raises
    ------
    ConfigError
        If its record cannot be read.
    """
    path = folder / RECORD
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["layout"] != LAYOUT:
            raise ValueError(f"layout {document['layout']!r}, wanted {LAYOUT!r}")
        files = {one: File(path=_inside(one), **told) for one, told in document["files"].items()}
        species = {name: Holding(**told) for name, told in document["species"].items()}
        told = (document["base"], int(document["release"]), document["division"])
        record = Record(*told, species, files, document["config_sha256"])
        record.of(list(species))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{path}: is no record of `homodb fetch` ({why}); delete it and fetch again") from error
    return record


def is_downloaded(folder: Path, file: File) -> bool:
    """Tell whether a file lies in the folder as it came."""
    path = folder / file.path
    if file.sha256 is None or not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return sha256_of(path) == file.sha256


def without_download(file: File) -> File:
    """Return what is known of a file before it comes."""
    return replace(file, bytes=None, sha256=None, etag=None, last_modified=None, fetched=None)


def _without_path(file: File) -> dict[str, Any]:
    return {name: value for name, value in asdict(file).items() if name != "path" and value is not None}


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or ":" in parts[0]:
        raise ValueError(f"{path!r} leads out of the folder")
    return path
