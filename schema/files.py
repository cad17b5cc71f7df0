"""Files that appear whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a place to write to; when all went well, the file written there takes the place of `path`.

    What was there stays as it was until then, also when the process is killed.

    Raises
    ------
    OutputError
        If the folder is not there, or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            partial = Path(folder) / path.name
            yield partial
            partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error
