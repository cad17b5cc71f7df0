"""Annotates from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.query.annotate.annotate import annotate_with_report
from homodb.query.annotate.result import Annotation
from homodb.query.translate.places import whole
from homodb.query.translate.stores import is_zarr, opened
from homodb.schema.errors import OutputError
from homodb.schema.files import check_apart

if TYPE_CHECKING:
    import anndata


def annotate_files(
    query: str | Path,
    reference: str | Path,
    output: str | Path,
    *,
    label: str,
    tables: Path | None = None,
    **choices: Any,
) -> Annotation:
    """Annotate the cells of a file from those of another.

    Parameters
    ----------
    query, reference
        Files of cells (h5ad or zarr).
    output
        The file to write: the query with the results. It appears whole or not at all.
    label
        Column of the reference's obs with cell types.
    tables
        Folder to write longer results of the method to, one tab-separated file each.
    **choices
        See :func:`homodb.query.annotate.annotate.annotate_with_report`.

    Returns
    -------
    Annotation
        What was done.

    Raises
    ------
    OutputError
        If the output is one of the files, or cannot be written.
    AnnotationError
        As :func:`homodb.annotate` raises it.
    """
    target = Path(output)
    for path in (Path(query), Path(reference)):
        check_apart(path, target)
    result, told = annotate_with_report(read_cells(Path(query)), read_cells(Path(reference)), label=label, **choices)
    choices.get("report", lambda step: None)("writing")
    with whole(target) as partial:
        (result.write_zarr if is_zarr(target) else result.write_h5ad)(partial)
    if tables is not None:
        write_tables(told, tables)
    return told


def write_tables(told: Annotation, folder: Path) -> None:
    """Write the longer results, ``<name>.tsv`` each.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in told.tables.items():
            table.write_csv(folder / f"{name.replace(' ', '_')}.tsv", separator="\t")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error


def read_cells(path: Path) -> anndata.AnnData:
    """Read a file of cells whole.

    Raises
    ------
    TranslationError
        If it is not there, or is none.
    """
    import anndata

    with opened(path):
        return anndata.read_zarr(path) if is_zarr(path) else anndata.read_h5ad(path)
