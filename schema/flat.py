"""Write the orthologs of each species as one flat Parquet file, names in place of keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homodb.schema.io import make_folder, whole_file

if TYPE_CHECKING:
    import pyarrow as pa

    #: Function of a query and its values that returns the answer.
    Ask = Callable[[str, Sequence[Any]], pa.Table]

#: Folder of the flat files.
FOLDER = "ortholog"
_SPECIES = "SELECT name FROM species ORDER BY species"
#: A total order, so that equal releases give equal files.
_ROWS = """
SELECT * FROM ortholog
WHERE source_species = ?
ORDER BY source_symbol NULLS LAST, source_id, target_species, strategy, rank, target_id
"""


def write_flat(folder: Path, ask: Ask, report: Callable[[int, int], None] = lambda done, total: None) -> list[Path]:
    """Write ``ortholog/<species>.parquet`` for each species of a release.

    Parameters
    ----------
    folder
        Folder to write to.
    ask
        Function that answers a query over the release.
    report
        Callback that receives the species done and the total.

    Returns
    -------
    list of Path
        The files: the columns of the view ``ortholog``, sorted by symbol, genes without one last. A species without
        orthologs has a file without rows.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    names = [name.as_py() for name in ask(_SPECIES, []).column(0)]
    make_folder(folder / FOLDER)
    files = []
    for number, name in enumerate(names):
        report(number, len(names))
        files.append(folder / FOLDER / f"{name}.parquet")
        write_table(ask(_ROWS, [name]), files[-1])
    report(len(names), len(names))
    return files


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, whole or not at all."""
    import pyarrow.parquet as pq

    with whole_file(path) as partial:
        pq.write_table(table, partial, compression="zstd", row_group_size=122_880)
