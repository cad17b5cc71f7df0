"""Where a translation reads and writes: never the same place, and what is written appears whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.query.stored import check_cells_output, is_zarr
from homodb.schema.errors import OutputError
from homodb.schema.files import whole_file


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
    check_cells_output(output)
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
