"""What the ending of an output's name says of its format: nothing is written under the ending of another one."""

from __future__ import annotations

from pathlib import Path

from homodb.schema.errors import OutputError

#: Endings that name a format; any other is free to use.
_KNOWN = frozenset({
    ".h5ad", ".zarr", ".loom", ".rds", ".mtx", ".npz", ".npy", ".duckdb", ".csv", ".tsv", ".tab", ".json", ".parquet",
    ".arrow", ".feather", ".xlsx", ".gmt", ".html", ".pdf", ".svg", ".png", ".gz", ".zip", ".pt", ".toml", ".fa",
})  # fmt: skip


def ending_of(path: Path) -> str:
    """Return the ending of a name, in lower case.

    Examples
    --------
    >>> ending_of(Path("Cells.H5AD")), ending_of(Path("a/table.csv.gz")), ending_of(Path("out"))
    ('.h5ad', '.gz', '')
    """
    return Path(path.name.lower()).suffix


def names_a_format(path: Path) -> bool:
    """Whether a name ends as that of a file of some format does.

    Examples
    --------
    >>> names_a_format(Path("a.CSV")), names_a_format(Path("markers")), names_a_format(Path("rel.v1"))
    (True, False, False)
    """
    return ending_of(path) in _KNOWN


def must_end(output: Path, what: str, *written: str) -> None:
    """Refuse a name that does not end as what is written does.

    Parameters
    ----------
    output, what, *written
        As those of :func:`check_ending`.

    Raises
    ------
    OutputError
        If it ends otherwise.
    """
    if ending_of(output) not in written:
        raise OutputError(f"{output}: {what} are written as {_or(written)}; end the name so")


def check_ending(output: Path, what: str, *written: str) -> None:
    """Refuse a name that ends as another format does than what is written; endings of no format are free.

    Parameters
    ----------
    output
        The file to write.
    what
        What is written, in the plural.
    *written
        Endings that it may have.

    Raises
    ------
    OutputError
        If the ending is that of another format.
    """
    ending = ending_of(output)
    if names_a_format(output) and ending not in written:
        wanted = _or(written)
        raise OutputError(f"{output}: {what} are written as {wanted}, and {ending} is another format; end the name so")


def _or(written: tuple[str, ...]) -> str:
    *others, last = dict.fromkeys(written)
    return f"{', '.join(others)} or {last}" if others else last
