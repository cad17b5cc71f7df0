"""Which files of a release were brought down, where not all were.

``downloaded.json`` stands beside the manifest of a release of which only some files were wanted. Without it, a file
that is missing is damage.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from homodb.schema.errors import BrokenReleaseError
from homodb.schema.io import reason, whole_file
from homodb.schema.manifest import SELECTION

_FORMAT = "homodb-selection"


class Part(StrEnum):
    """A part of a release that may be brought down alone."""

    DUCKDB = "duckdb"
    PARQUET = "parquet"
    INDEX = "index"
    EMBEDDINGS = "embeddings"


def read_selection(folder: Path) -> frozenset[str] | None:
    """Return the paths of the files that were brought down; None for a whole release.

    Raises
    ------
    BrokenReleaseError
        If the record is damaged.
    """
    path = folder / SELECTION
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BrokenReleaseError(f"{path}: cannot be read ({reason(error)}); download the release again") from error
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, list) or document.get("format") != _FORMAT:
        raise BrokenReleaseError(f"{path}: is not a record of what was downloaded; download the release again")
    return frozenset(str(file) for file in files)


def write_selection(folder: Path, files: Iterable[str]) -> None:
    """Record which files were brought down."""
    with whole_file(folder / SELECTION) as partial:
        partial.write_text(json.dumps({"format": _FORMAT, "files": sorted(files)}, indent=2) + "\n", "utf-8")
