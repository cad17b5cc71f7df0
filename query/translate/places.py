"""Where a translation reads and writes: never the same place, and what is written appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.query.stored import is_zarr
from homodb.schema.errors import OutputError
from homodb.schema.files import whole_file

#: What a folder holds that is a zarr store.
_STORE = ("zarr.json", ".zgroup", ".zmetadata")


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """Give a place to write a file, or a zarr store, to; when all went well it takes the place of the output.

    Raises
    ------
    OutputError
        If it cannot be written, or something else than a store is there.
    """
    if not is_zarr(output):
        with whole_file(output) as partial:
            yield partial
        return
    if output.suffix != ".zarr":
        raise OutputError(f"{output}: is a folder; name a file, or a store that ends with .zarr")
    if output.exists() and not any((output / name).is_file() for name in _STORE):
        raise OutputError(f"{output}: is there and is no zarr store; name another output")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as folder:
            partial = Path(folder) / output.name
            yield partial
            if output.exists():
                output.rename(Path(folder) / "replaced")
            partial.rename(output)
            shutil.rmtree(Path(folder) / "replaced", ignore_errors=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror or error})") from error
