"""Find the embeddings of a release and their verified files."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from homodb.query.release.release import ReleaseFile
from homodb.schema.errors import BrokenReleaseError, MissingEmbeddingError
from homodb.schema.io import parse_json
from homodb.schema.manifest import ManifestFile
from homodb.schema.settings import cache_folder
from homodb.schema.species import Species
from homodb.schema.vectors import index_file, vectors_file

#: A file changed less than so many seconds ago may yet change without its time telling.
_SETTLED = 2.0


@dataclass(frozen=True)
class Embedding:
    """Embedding with vectors in the release.

    Parameters
    ----------
    number
        Number in the tables.
    model, pooling, dimensions
        As table ``embedding`` has them.
    """

    number: int
    model: str
    pooling: str
    dimensions: int

    @property
    def name(self) -> str:
        """Return its name: model and pooling."""
        return f"{self.model}-{self.pooling}"

    def vectors(self, species: Species) -> str:
        """Return the path of a species' vectors within the release."""
        return vectors_file(species.name, self.model, self.pooling)

    def index(self, species: Species) -> str:
        """Return the path of a species' index within the release."""
        return index_file(species.name, self.model, self.pooling)


def find_embedding(release: ReleaseFile, wanted: str | None = None) -> Embedding:
    """Find an embedding with vectors in the release.

    Parameters
    ----------
    release
        Open release.
    wanted
        Name (``kmer-mean``), or model if the release has it with one pooling only; None takes the default one, or
        the first with vectors if the default one has none.

    Raises
    ------
    MissingEmbeddingError
        If the release has no vectors, or none of this embedding.
    """
    rows = release.select("SELECT embedding, model, pooling, dimensions FROM embedding ORDER BY embedding").rows()
    available = [Embedding(*row) for row in rows if row[3] is not None]
    if not available:
        given = (
            f" (its embedding evidence came ready: {', '.join(f'{row[1]}-{row[2]}' for row in rows)})" if rows else ""
        )
        raise MissingEmbeddingError(
            f"release {release.version} holds no vectors of genes{given}; "
            "build one from proteomes with [embedding] in the config"
        )
    if wanted is None:
        default = [one for one in available if one.number == release.default_embedding]
        return (default or available)[0]
    matches = [one for one in available if one.name == wanted] or [one for one in available if one.model == wanted]
    if len(matches) == 1:
        return matches[0]
    names = ", ".join(one.name for one in available)
    what = f"has {wanted!r} by several poolings" if matches else f"has no vectors of an embedding {wanted!r}"
    raise MissingEmbeddingError(f"release {release.version} {what}; ask for one of: {names}")


def vectors_place(release: ReleaseFile, path: str) -> Path:
    """Return the path of a vectors file to read some rows from.

    Its pages have checksums of their own, so only its size is checked.

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
        raise BrokenReleaseError(f"{folder / path}: has {size} bytes, expected {entry.bytes}; get the release again")
    return folder / path


def checked_file(release: ReleaseFile, path: str) -> Path:
    """Return the path of a file of a release, verified by checksum.

    The cache records verified files with their size and time of change; while both stay the same, the file is not read
    again.

    Raises
    ------
    MissingEmbeddingError
        If only the DuckDB file is at hand, or the release has no such file.
    BrokenReleaseError
        If the file is missing or another one than the manifest says.
    """
    folder, entry = _entry(release, path)
    place = folder / path
    status = _stat(place)
    mark = {"place": str(place.resolve()), "sha256": entry.sha256, "bytes": status.st_size, "time": status.st_mtime_ns}
    note = _note(mark["place"])
    if _noted(note) == mark:
        return place
    digest = None
    if status.st_size == entry.bytes:
        with place.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != entry.sha256:
        raise BrokenReleaseError(
            f"{place}: is not the file that the manifest names "
            f"({status.st_size} bytes, sha256 {digest or 'not computed'}; expected {entry.bytes} bytes,"
            f" {entry.sha256}); get the release again, or build it again"
        )
    if time.time() - status.st_mtime > _SETTLED:
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
        return parse_json(note.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _remember(note: Path, mark: dict[str, object]) -> None:
    """Record a verified file in the cache.

    An unwritable cache costs time, nothing else.
    """
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(f".{time.time_ns()}")
        partial.write_text(json.dumps(mark), "utf-8")
        partial.replace(note)
    except OSError:
        return
