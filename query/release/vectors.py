"""The vectors of a release: which embeddings have them, and where their files lie, whole and as the manifest says."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from homodb.query.release.release import ReleaseFile
from homodb.schema.errors import BrokenReleaseError, MissingEmbeddingError
from homodb.schema.manifest import ManifestFile
from homodb.schema.settings import cache_folder
from homodb.schema.species import Species
from homodb.schema.vectors import index_file, vectors_file

#: A file changed less than so many seconds ago may yet change without its time telling.
_SETTLED = 2.0


@dataclass(frozen=True)
class Embedding:
    """An embedding whose vectors are in the release.

    Parameters
    ----------
    number
        Its number in the tables.
    model, pooling, dimensions
        As table ``embedding`` has them.
    """

    number: int
    model: str
    pooling: str
    dimensions: int

    @property
    def name(self) -> str:
        """Name by which it is asked for: model and pooling."""
        return f"{self.model}-{self.pooling}"

    def vectors(self, species: Species) -> str:
        """Path of a species' vectors within the release."""
        return vectors_file(species.name, self.model, self.pooling)

    def index(self, species: Species) -> str:
        """Path of a species' index within the release."""
        return index_file(species.name, self.model, self.pooling)


def find_embedding(release: ReleaseFile, wanted: str | None = None) -> Embedding:
    """Return an embedding whose vectors are in a release.

    Parameters
    ----------
    release
        An open release.
    wanted
        Its name (``kmer-mean``), or its model where the release has it by one pooling; None for the default one,
        or the first that has vectors where the default one has none.

    Raises
    ------
    MissingEmbeddingError
        If the release has no vectors, or none of this embedding; says what it has.
    """
    rows = release.sql("SELECT embedding, model, pooling, dimensions FROM embedding ORDER BY embedding").rows()
    there = [Embedding(*row) for row in rows if row[3] is not None]
    if not there:
        given = (
            f" (its embedding evidence came ready: {', '.join(f'{row[1]}-{row[2]}' for row in rows)})" if rows else ""
        )
        raise MissingEmbeddingError(
            f"release {release.version} holds no vectors of genes{given}; "
            "build one from proteomes with [embedding] in the config"
        )
    if wanted is None:
        default = [one for one in there if one.number == release.default_embedding]
        return (default or there)[0]
    found = [one for one in there if one.name == wanted] or [one for one in there if one.model == wanted]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.name for one in there)
    what = f"has {wanted!r} by several poolings" if found else f"has no vectors of an embedding {wanted!r}"
    raise MissingEmbeddingError(f"release {release.version} {what}; ask for one of: {names}")


def vectors_place(release: ReleaseFile, path: str) -> Path:
    """Return the place of a file of vectors, of which a few rows are wanted: its pages carry checksums of their own.

    Raises
    ------
    MissingEmbeddingError
        If only the DuckDB file is at hand, or the release has no such file.
    BrokenReleaseError
        If the file is missing or of another size than the manifest says.
    """
    folder, entry = _entry(release, path)
    size = _stat(folder / path).st_size
    if size != entry.bytes:
        raise BrokenReleaseError(f"{folder / path}: has {size} bytes, wanted {entry.bytes}; get the release again")
    return folder / path


def checked_file(release: ReleaseFile, path: str) -> Path:
    """Return the place of a file of a release after its checksum was compared with the manifest's.

    That a file was found right is noted in the cache with its size and time of change; while both stay, it is not
    read again.

    Raises
    ------
    MissingEmbeddingError
        If only the DuckDB file is at hand, or the release has no such file.
    BrokenReleaseError
        If the file is missing or another one than the manifest says.
    """
    folder, entry = _entry(release, path)
    place = folder / path
    found = _stat(place)
    mark = {"place": str(place.resolve()), "sha256": entry.sha256, "bytes": found.st_size, "time": found.st_mtime_ns}
    note = _note(mark["place"])
    if _noted(note) == mark:
        return place
    digest = None
    if found.st_size == entry.bytes:
        with place.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != entry.sha256:
        raise BrokenReleaseError(
            f"{place}: is not the file that the manifest names "
            f"({found.st_size} bytes, sha256 {digest or 'not computed'}; wanted {entry.bytes} bytes, {entry.sha256}); "
            "get the release again, or build it again"
        )
    if time.time() - found.st_mtime > _SETTLED:
        _remember(note, mark)
    return place


def _entry(release: ReleaseFile, path: str) -> tuple[Path, ManifestFile]:
    if release.manifest is None or release.folder is None:
        beside = release.path.parent
        raise MissingEmbeddingError(
            f"{release.path}: only this DuckDB file was opened, and vectors of genes lie beside it in a release; "
            f"open the folder of the release{f' ({beside})' if (beside / 'manifest.json').is_file() else ''}"
        )
    for file in release.manifest.files:
        if file.path == path:
            return release.folder, file
    raise MissingEmbeddingError(f"release {release.version} has no {path}; the species has no proteome in its build")


def _stat(place: Path) -> os.stat_result:
    try:
        return place.stat()
    except OSError as error:
        raise BrokenReleaseError(
            f"{place}: the manifest names it, and it cannot be read ({error.strerror}); get the release again"
        ) from error


def _note(place: object) -> Path:
    return cache_folder() / "checked" / f"{hashlib.sha256(str(place).encode()).hexdigest()[:32]}.json"


def _noted(note: Path) -> object:
    try:
        return json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _remember(note: Path, mark: dict[str, object]) -> None:
    """Note that a file was found right; a cache that cannot be written costs time, nothing else."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(f".{time.time_ns()}")
        partial.write_text(json.dumps(mark), "utf-8")
        partial.replace(note)
    except OSError:
        return
