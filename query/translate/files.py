"""Translating files: read, translate, write whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from homodb.query.release import Release
from homodb.query.translate.report import Report
from homodb.query.translate.translate import translate_with_report
from homodb.schema.errors import OutputError, TranslationError
from homodb.schema.files import whole_file
from homodb.schema.species import Species
from homodb.schema.strategies import Strategy

if TYPE_CHECKING:
    import anndata


def translate_file(
    path: Path,
    output: Path,
    to: str | int | Species,
    *,
    source: str | int | Species | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | Release | None = None,
    column: str | None = None,
    layer: str | None = None,
) -> Report:
    """Translate an h5ad file; parameters as in :func:`homodb.translate`.

    Parameters
    ----------
    path
        The file to read.
    output
        The file to write; what is there is replaced when the new one is whole.

    Raises
    ------
    TranslationError
        If the input is not an AnnData file, or cannot be translated as asked.
    OutputError
        If the output is the input, or cannot be written.
    """
    if output.resolve() == path.resolve():
        raise OutputError(f"{output}: is the input file; name another output")
    with whole_file(output) as partial:
        translated, report = translate_with_report(
            _read(path), to, source=source, strategy=strategy, release=release, column=column, layer=layer
        )
        translated.write_h5ad(partial, compression="gzip")
    return report


def _read(path: Path) -> anndata.AnnData:
    import anndata
    from anndata._io.specs.registry import IORegistryError  # anndata has it nowhere public

    if not path.is_file():
        raise TranslationError(f"{path}: there is no such file")
    try:
        return anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, MemoryError, IORegistryError) as error:
        raise TranslationError(f"{path}: is not an AnnData file that can be read ({_first(error)})") from error


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
