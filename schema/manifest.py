"""Read and write the manifest of a release, and verify the files that it lists.

The build writes ``manifest.json`` last; only it has times. ``downloaded.json`` is beside the manifest of a release that
was downloaded in part: without it, a missing file is damage.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic_core import SchemaValidator, ValidationError, core_schema

from homodb.schema.errors import BrokenReleaseError, ReleaseError, shown
from homodb.schema.io import parse_json, read_small, reason, whole_file
from homodb.schema.messages import translate_validation

MANIFEST = "manifest.json"
FORMAT = "homodb-release"
#: Largest manifest, in bytes: some 40,000 files.
LARGEST_MANIFEST = 8 << 20
#: Record of a partial download beside the manifest.
SELECTION = "downloaded.json"
_SELECTION_FORMAT = "homodb-selection"

#: Paths as builds write them: words of plain characters joined by ``/``. None begins with a dot or is a Windows device.
NO_DEVICE = r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)(?![^./]))"
_WORD = rf"{NO_DEVICE}[A-Za-z0-9_+-][A-Za-z0-9._+-]{{0,199}}"
_PATH = re.compile(rf"{_WORD}(/{_WORD}){{0,7}}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ManifestFile:
    """A file of a release: path in it with ``/``, bytes, SHA-256 and kind."""

    path: str
    bytes: int
    sha256: str
    kind: str


@dataclass(frozen=True)
class Manifest:
    """The manifest of a release.

    Parameters
    ----------
    version, title, ensembl, licence, citation
        As in the build config.
    schema_version, homodb_version
        Versions of the schema and of the homodb that built it.
    created
        Time of the build, ISO 8601, UTC.
    species
        Production names.
    strategies
        Strategies that give at least one row.
    embeddings
        Model and pooling of each embedding, the default one first.
    rows
        Rows of each table.
    losses
        Inputs that the release does not keep, or keeps in doubt: one entry per place and reason, with counts.
    files
        Every file except the manifest itself.
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
        databases = [file.path for file in self.files if file.kind == "duckdb"]
        if len(databases) != 1:
            raise BrokenReleaseError(f"the manifest names {len(databases)} DuckDB files. Expected 1.")
        return databases[0]

    def to_json(self) -> str:
        """Return the text of ``manifest.json``."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Self:
        """Parse the text of a manifest. Keys that a later homodb may add are ignored.

        Raises
        ------
        ReleaseError
            If it is not a manifest of a homodb release.
        BrokenReleaseError
            If an entry points out of the release folder or is malformed.
        """
        try:
            document = parse_json(text)
        except ValueError as error:
            raise ReleaseError(f"{where}: is not JSON ({error})") from error
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ReleaseError(f"{where}: is not the manifest of a homodb release")
        try:
            return cls(**_VALIDATOR.validate_python(document))
        except ValidationError as error:
            raise translate_validation(error, BrokenReleaseError, f"{where}: the manifest is malformed") from error


def _check_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{shown(repr(path))} is a file outside the release.")
    return path


def check_sha256(sha256: str) -> str:
    """Check that a text is a SHA-256 as manifests and catalogs write it."""
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{shown(repr(sha256))} is not a SHA-256.")
    return sha256


def _check_files(files: tuple[ManifestFile, ...]) -> tuple[ManifestFile, ...]:
    names = {MANIFEST, SELECTION}
    for file in files:
        if file.path.casefold() in names:
            raise ValueError(f"{shown(repr(file.path))} is listed twice.")
        names.add(file.path.casefold())
    return files


def _validator() -> SchemaValidator:
    """Build the validator of manifests.

    Every command opens a release, so this uses only pydantic's core: models would make a look-up a tenth slower.
    """
    text, whole = core_schema.str_schema(), core_schema.int_schema(strict=True)

    def several(schema: core_schema.CoreSchema) -> core_schema.CoreSchema:
        return core_schema.tuple_schema([schema], variadic_item_index=0)

    file = {
        "path": core_schema.no_info_after_validator_function(_check_path, text),
        "bytes": core_schema.int_schema(strict=True, ge=0, le=2**63 - 1),
        "sha256": core_schema.no_info_after_validator_function(check_sha256, text),
        "kind": text,
    }
    arguments = core_schema.dataclass_args_schema(
        ManifestFile.__name__,
        [core_schema.dataclass_field(name, schema) for name, schema in file.items()],
        extra_behavior="forbid",
    )
    files = several(core_schema.dataclass_schema(ManifestFile, arguments, list(file)))
    required = {
        **dict.fromkeys(("version", "homodb_version", "created"), text),
        "schema_version": whole,
        "files": core_schema.no_info_after_validator_function(_check_files, files),
    }
    optional = {
        **dict.fromkeys(("title", "ensembl", "licence", "citation"), core_schema.nullable_schema(text)),
        **dict.fromkeys(("species", "strategies", "embeddings"), several(text)),
        "rows": core_schema.dict_schema(text, whole),
        "losses": several(core_schema.dict_schema()),
    }
    keys = {name: core_schema.typed_dict_field(schema) for name, schema in required.items()}
    keys |= {name: core_schema.typed_dict_field(schema, required=False) for name, schema in optional.items()}
    return SchemaValidator(core_schema.typed_dict_schema(keys, extra_behavior="ignore"))


_VALIDATOR = _validator()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a release folder.

    Raises
    ------
    ReleaseError
        If there is none or it is not one of homodb.
    """
    path = folder / MANIFEST
    try:
        text = read_small(path, LARGEST_MANIFEST).decode("utf-8")
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


def read_selection(folder: Path) -> frozenset[str] | None:
    """Read the paths of the downloaded files; None for a whole release.

    Raises
    ------
    BrokenReleaseError
        If the record is damaged.
    """
    path = folder / SELECTION
    try:
        document = parse_json(read_small(path, LARGEST_MANIFEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BrokenReleaseError(f"{path}: cannot be read ({reason(error)}); download the release again") from error
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, list) or document.get("format") != _SELECTION_FORMAT:
        raise BrokenReleaseError(f"{path}: is not a record of a download; download the release again")
    return frozenset(str(file) for file in files)


def write_selection(folder: Path, files: Iterable[str]) -> None:
    """Record the paths of the files that were downloaded."""
    with whole_file(folder / SELECTION) as partial:
        partial.write_text(json.dumps({"format": _SELECTION_FORMAT, "files": sorted(files)}, indent=2) + "\n", "utf-8")


_CHUNK = 1 << 20


@dataclass(frozen=True)
class Verified:
    """Result of a verification.

    Parameters
    ----------
    manifest
        The manifest.
    manifest_sha256
        Checksum of the manifest itself, hexadecimal, as in a catalog.
    files, bytes
        Number of verified files, and their size.
    left_out
        Paths of files that were not downloaded, by the record of the download.
    foreign
        Paths of files that the manifest does not list.
    """

    manifest: Manifest
    manifest_sha256: str
    files: int
    bytes: int
    left_out: tuple[str, ...]
    foreign: tuple[str, ...]


def verify(folder: str | Path, *, report: Callable[[int, int], None] = lambda done, total: None) -> Verified:
    """Check size and SHA-256 of every file of a release.

    Parameters
    ----------
    folder
        The release.
    report
        Callback that receives the verified and the total bytes.

    Raises
    ------
    ReleaseError
        If it has no manifest.
    BrokenReleaseError
        Names every file that is missing or altered, and every link out of the release.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    files, left_out = _split_files(folder, manifest)
    total, done, problems = sum(file.bytes for file in files), 0, []
    for file in files:
        problem = _problem(folder, file, partial(_further, report, done, total))
        done += file.bytes
        report(done, total)
        if problem:
            problems.append(f"{file.path} {problem}")
    if problems:
        listed = "; ".join(problems)
        raise BrokenReleaseError(f"{folder}: {len(problems)} of {len(files)} files are missing or altered: {listed}")
    expected = {MANIFEST, SELECTION, *(file.path for file in manifest.files)}
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    present = {path.relative_to(folder).as_posix() for path in paths}
    return Verified(
        manifest,
        sha256_of(folder / MANIFEST),
        len(files),
        total,
        tuple(file.path for file in left_out),
        tuple(sorted(present - expected)),
    )


def _split_files(folder: Path, manifest: Manifest) -> tuple[list[ManifestFile], list[ManifestFile]]:
    """Split the files into those to verify and those that were not downloaded."""
    selection = read_selection(folder)
    files: list[ManifestFile] = []
    left_out: list[ManifestFile] = []
    for file in manifest.files:
        is_expected = selection is None or file.path in selection or os.path.lexists(folder / file.path)
        (files if is_expected else left_out).append(file)
    return files, left_out


def _further(report: Callable[[int, int], None], before: int, total: int, count: int) -> None:
    report(before + count, total)


def _problem(folder: Path, file: ManifestFile, report: Callable[[int], None]) -> str | None:
    path = folder / file.path
    try:
        if not path.is_file():
            return "is missing" if not os.path.lexists(path) else "is not a file"
        if not path.resolve().is_relative_to(folder.resolve()):
            return "is a link out of the release"
        size = path.stat().st_size
        if size != file.bytes:
            return f"has {size:,} bytes instead of {file.bytes:,}"
        sha256 = sha256_of(path, report=report)
    except (OSError, RuntimeError) as error:  # not readable, or a link to itself
        return f"cannot be read ({reason(error)})"
    return None if sha256 == file.sha256 else f"has SHA-256 {sha256[:12]}… instead of {file.sha256[:12]}…"


def sha256_of(path: Path, *, report: Callable[[int], None] = lambda count: None) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            report(done)
    return digest.hexdigest()


def copy_verified(
    source: Path, target: Path, size: int, sha256: str, *, report: Callable[[int], None] = lambda count: None
) -> bool:
    """Copy a file and verify the copy, in one pass.

    Returns
    -------
    bool
        True if it is the expected file. If not, the copy is deleted; it never exceeds `size`.
    """
    digest, done = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(min(_CHUNK, size - done + 1)):
            digest.update(chunk)
            done += len(chunk)
            if done > size:
                break
            writing.write(chunk)
            report(done)
        writing.flush()
        os.fsync(writing.fileno())
    if done == size and digest.hexdigest() == sha256:
        return True
    target.unlink()
    return False
