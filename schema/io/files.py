"""Files that appear whole or not at all, and folders; what could not be written is refused before any work is done."""

from __future__ import annotations

import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from homodb.schema.errors import ConfigError, HomodbError, OptionsError, OutputError

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


def check_output(output: Path, *inputs: Path | None, store: bool = False) -> None:
    """Refuse, before any work is done, a file that could not be written or would take the place of an input.

    Parameters
    ----------
    output
        The file to write.
    *inputs
        What is read; None for nothing.
    store
        Whether a folder, a zarr store, is written.

    Raises
    ------
    OutputError
        If its folder is not there or cannot be written, or it is a folder, a device, one of the inputs, or lies in one.
    """
    if str(output) == "-":
        raise OutputError("-: is no file; name one (an answer is printed where -o is left out)")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    if is_device(output):
        raise OutputError(f"{output}: is no regular file; name a file")
    if output.is_dir() and not store:
        raise OutputError(f"{output}: is a folder; name a file")
    check_folder(output.parent)
    for one in inputs:
        if one is not None:
            check_apart(one, output)


def check_apart(path: Path, output: Path) -> None:
    """Refuse an output that is the input, by any name or link, or lies in it.

    Raises
    ------
    OutputError
        If it is or does.
    """
    same = output.exists() and path.exists() and output.samefile(path)
    if same or output.resolve() == path.resolve():
        raise OutputError(f"{output}: is the input file; name another output")
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        raise OutputError(f"{output}: lies in the input; name another output")


def check_there(*paths: Path | None, error: type[HomodbError] = OptionsError) -> None:
    """Refuse, before any work is done, an input that is not there.

    Parameters
    ----------
    *paths
        Files, or stores; None for none.
    error
        What is raised, where readers of a kind of file have an error of their own.

    Raises
    ------
    OptionsError
        Names the first such path.
    """
    for path in paths:
        if path is not None and not os.path.exists(path):  # noqa: PTH110 (a name that is too long is not there)
            raise error(f"{path}: there is no such file")


def check_folder(folder: Path) -> None:
    """Refuse, before any work is done, a folder that is a file, is named as one, or that nothing could be written to.

    Raises
    ------
    OutputError
        If it is one, or lies below a file, or the folder (or the one that it would be made in) cannot be written.
    """
    if not folder.exists() and names_a_format(folder):
        raise OutputError(f"{folder}: is a name of a file, and several are written; name a folder")
    try:
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(one))
        if not place.is_dir():
            raise OutputError(f"{folder}: cannot be made, since {place} is a file; name another folder")
        with tempfile.TemporaryDirectory(prefix=".homodb-", dir=place):
            return
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Return why something failed, of the system's errors without number and path, which messages tell themselves.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory", "a.txt")), reason(ValueError("no TOML"))
    ('No such file or directory', 'no TOML')
    """
    return getattr(error, "strerror", None) or str(error)


def read_toml(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path
        The file.
    missing_ok
        Whether a missing file counts as an empty one.

    Raises
    ------
    ConfigError
        If it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        if missing_ok and isinstance(error, FileNotFoundError):
            return {}
        raise ConfigError(f"{path}: cannot be read ({reason(error)})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not TOML (it is not valid UTF-8)") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there.

    Raises
    ------
    OutputError
        If it cannot be made, or a file is there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{folder}: cannot be made, since a file is there; name another folder") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({reason(error)}); name another folder") from error


def is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe, or a name such as /dev/stdout, whose place a file must not take."""
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error
    return special or path.absolute().parts[1:2] in (("dev",), ("proc",))
