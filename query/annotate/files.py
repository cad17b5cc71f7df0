"""Annotates from file to file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homodb.query.annotate.annotate import annotate_with_report
from homodb.query.annotate.options import read_choices
from homodb.query.annotate.result import Annotation
from homodb.query.annotate.vectors import read_vector_options
from homodb.query.stored import check_cells_output, read_whole
from homodb.query.translate import stores
from homodb.query.translate.places import whole
from homodb.schema.errors import AnnotationError, OutputError, VectorsError
from homodb.schema.files import check_folder, check_there, make_folder

#: What is no choice of how to annotate.
_APART = ("method", "release", "report")


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
    VectorsError
        If a table of vectors is not there.
    TranslationError
        If a file is not there, or is no AnnData.
    AnnotationError
        As :func:`homodb.annotate` raises it; what was chosen is checked before anything is read.
    """
    target = Path(output)
    check_cells_output(target, Path(query), Path(reference))
    chosen = read_choices(
        label, choices.get("method", "knn"), {name: value for name, value in choices.items() if name not in _APART}
    )
    check_there(None if chosen.labels is None else Path(chosen.labels), error=AnnotationError)
    check_there(*read_vector_options(chosen.vectors).values(), error=VectorsError)
    if tables is not None:
        check_folder(tables)
    result, told = annotate_with_report(read_whole(Path(query)), read_whole(Path(reference)), label=label, **choices)
    choices.get("report", lambda step: None)("writing")
    with whole(target) as partial:
        stores.write_whole(result, partial)
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
    make_folder(folder)
    try:
        for name, table in told.tables.items():
            table.write_csv(folder / f"{name.replace(' ', '_')}.tsv", separator="\t")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from error
