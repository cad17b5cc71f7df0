"""Export a release as Parquet files: its tables as they are, or flat files of orthologs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from homodb.query.release import ReleaseFile
from homodb.schema.flat import write_flat, write_table
from homodb.schema.io import check_folder, make_folder


def export_parquet(
    release: ReleaseFile,
    folder: Path,
    *,
    flat: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write a release as Parquet files.

    Parameters
    ----------
    release
        Open release.
    folder
        Folder to write to.
    flat
        Whether to write ``ortholog/<species>.parquet`` per species, the view ``ortholog`` sorted by symbol, in place of
        a file per table and view.
    report
        Callback that receives the files done and the total.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    OutputError
        If a file cannot be written.
    QueryError
        If a table exceeds the memory limit of the release.
    """
    check_folder(folder)
    if flat:
        return write_flat(folder, release.answer, report)
    make_folder(folder)
    names = list(release.relations())
    files = [folder / f"{name}.parquet" for name in names]
    for number, (name, path) in enumerate(zip(names, files, strict=True)):
        report(number, len(files))
        write_table(release.answer(f'SELECT * FROM "{name}" ORDER BY ALL'), path)  # noqa: S608 (its own name)
    report(len(files), len(files))
    return files
