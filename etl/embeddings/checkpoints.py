"""The published ESM2 checkpoints (Lin et al. 2023, https://doi.org/10.1126/science.ade2574), and their files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homodb.schema.cache import cache_folder
from homodb.schema.errors import ConfigError, InputError, Problem
from homodb.schema.files import make_folder, whole_file
from homodb.schema.near import there_are

if TYPE_CHECKING:
    import httpx

    from homodb.schema.patience import Patience

#: Where fair-esm's checkpoints are published (https://github.com/facebookresearch/esm, table of models).
_PUBLISHED = "https://dl.fbaipublicfiles.com/fair-esm/models"


@dataclass(frozen=True)
class Checkpoint:
    """Shape of a checkpoint: transformer layers, length of a vector, attention heads."""

    name: str
    layers: int
    dimensions: int
    heads: int

    @property
    def url(self) -> str:
        """Address that its file is published at."""
        return f"{_PUBLISHED}/{self.name}.pt"


#: Checkpoints by name.
CHECKPOINTS = {
    one.name: one
    for one in (
        Checkpoint("esm2_t6_8M_UR50D", 6, 320, 20),
        Checkpoint("esm2_t12_35M_UR50D", 12, 480, 20),
        Checkpoint("esm2_t30_150M_UR50D", 30, 640, 20),
        Checkpoint("esm2_t33_650M_UR50D", 33, 1280, 20),
        Checkpoint("esm2_t36_3B_UR50D", 36, 2560, 40),
        Checkpoint("esm2_t48_15B_UR50D", 48, 5120, 40),
    )
}

#: What sequences can be embedded by.
MODELS = ("kmer", *CHECKPOINTS)


def find_checkpoint(model: str) -> Checkpoint:
    """Return a checkpoint by its name.

    Raises
    ------
    ConfigError
        If there is none.

    Examples
    --------
    >>> find_checkpoint("esm2_t33_650M_UR50D").dimensions
    1280
    """
    if model not in CHECKPOINTS:
        raise ConfigError(f"there is no ESM2 checkpoint {model!r}" + there_are(model, CHECKPOINTS))
    return CHECKPOINTS[model]


def locate(
    model: str,
    weights: Path | None = None,
    *,
    client: httpx.Client | None = None,
    patience: Patience | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Path:
    """Return the file of a checkpoint; where none is given, from the cache, fetched at its first use.

    Its publisher gives no checksums. The SHA-256 of what was fetched is therefore written beside it, and
    :func:`checksum` compares the file with it from then on.

    Parameters
    ----------
    model
        The checkpoint's name.
    weights
        Its file.
    client, patience, report
        As in :func:`homodb.schema.transfer.fetch`.

    Raises
    ------
    ConfigError
        If there is no such checkpoint, or no such file.
    InputError
        If what was fetched is no checkpoint; nothing is kept then.
    TransferError, OutputError
        If it cannot be fetched, or not be written.
    """
    checkpoint = find_checkpoint(model)
    if weights is not None:
        if not weights.is_file():
            raise ConfigError(f"{weights}: there is no such file; wanted the weights of {model}")
        return weights
    path = cache_folder() / "weights" / f"{model}.pt"
    if _record(path).is_file() and path.is_file():
        return path
    from homodb.schema.transfer import fetch

    make_folder(path.parent)
    fetched = fetch(checkpoint.url, path, keep=True, client=client, patience=patience, report=report)
    try:
        check_whole(path)
    except InputError:
        path.unlink(missing_ok=True)
        raise
    with whole_file(_record(path)) as record:
        record.write_text(f"{fetched.sha256}  {path.name}\n", "utf-8")
    return path


def check_whole(path: Path) -> None:
    """Raise unless a file ends as a checkpoint does: torch writes a zip, whose table of contents comes last.

    Raises
    ------
    InputError
        If it was cut, or is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(path, [Problem(0, _broken(path), str(error))]) from error
    if not any(name.endswith("data.pkl") for name in names):
        raise InputError(path, [Problem(0, "is a zip file, and not a checkpoint of torch")])


def checksum(path: Path) -> str:
    """Return the SHA-256 of a checkpoint's file, compared with what was written down when it was fetched.

    Raises
    ------
    InputError
        If it was altered since, or cannot be read.
    """
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        record = _record(path)
        noted = record.read_text("utf-8").split()[:1] if record.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, [Problem(0, "cannot be read", str(error))]) from error
    if noted not in ([], [found]):
        seen = f"sha256 {found} where {noted[0]} was noted in {record.name}"
        raise InputError(path, [Problem(0, "is not what was fetched; delete both files to fetch it again", seen)])
    return found


def _broken(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            begins_as_zip = stream.read(4) == b"PK\x03\x04"
    except OSError:
        return "cannot be read"
    return "is cut short: fetch it again" if begins_as_zip else "is not a checkpoint of torch"


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
