"""Check inputs and outputs, make folders, and read TOML."""

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
    """Return the ending of a file name, in lower case.

    Examples
    --------
    >>> ending_of(Path("Cells.H5AD")), ending_of(Path("a/table.csv.gz")), ending_of(Path("out"))
    ('.h5ad', '.gz', '')
    """
    return Path(path.name.lower()).suffix


def names_a_format(path: Path) -> bool:
    """Return whether a name ends like a file of some format.

    Examples
    --------
    >>> names_a_format(Path("a.CSV")), names_a_format(Path("markers")), names_a_format(Path("rel.v1"))
    (True, False, False)
    """
    return ending_of(path) in _KNOWN


def must_end(output: Path, what: str, *written: str) -> None:
    """Refuse a name without one of the expected endings.

    Parameters
    ----------
    output, what, *written
        See :func:`check_ending`.

    Raises
    ------
    OutputError
        If it has another ending.
    """
    if ending_of(output) not in written:
        raise OutputError(f"{output}: {what} are written as {_or(written)}; change the ending")


def check_ending(output: Path, what: str, *written: str) -> None:
    """Refuse a name with the ending of another format.

    Endings of no format are accepted.

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
        raise OutputError(f"{output}: {what} are written as {_or(written)}, not as {ending}; change the ending")


def _or(written: tuple[str, ...]) -> str:
    *others, last = dict.fromkeys(written)
    return f"{', '.join(others)} or {last}" if others else last


def check_output(output: Path, *inputs: Path | None, store: bool = False) -> None:
    """Check that `output` is writable and is not an input.

    Parameters
    ----------
    output
        The file to write.
    *inputs
        Paths that are read; None is ignored.
    store
        Whether the output is a folder (a zarr store).

    Raises
    ------
    OutputError
        If its folder is missing or not writable, or it is a folder, a device, one of the inputs, or inside one.
    """
    if str(output) == "-":
        raise OutputError("-: is not a file; name one, or none to print the answer", option="output")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    if is_device(output):
        raise OutputError(f"{output}: is not a regular file; name a file")
    if output.is_dir() and not store:
        raise OutputError(f"{output}: is a folder; name a file")
    check_folder(output.parent)
    for one in inputs:
        if one is not None:
            check_apart(one, output)


def check_apart(path: Path, output: Path) -> None:
    """Refuse an output that is the input or lies in it.

    Links and other names of the input count too.

    Raises
    ------
    OutputError
        If it is the input or lies in it.
    """
    same = output.exists() and path.exists() and output.samefile(path)
    if same or output.resolve() == path.resolve():
        raise OutputError(f"{output}: is the input file; name another output")
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        raise OutputError(f"{output}: is inside the input; name another output")


def check_there(*paths: Path | None, error: type[HomodbError] = OptionsError) -> None:
    """Check that inputs exist.

    Parameters
    ----------
    *paths
        Files or stores; None is ignored.
    error
        Class of the error, for readers with an error class of their own.

    Raises
    ------
    OptionsError
        If a path does not exist.
    """
    for path in paths:
        if path is not None and not os.path.exists(path):  # noqa: PTH110 (a name that is too long is not there)
            raise error(f"{path}: there is no such file")


def check_folder(folder: Path) -> None:
    """Check that a folder can be made and written to.

    Raises
    ------
    OutputError
        If it is a file or lies below one, has the name of a file, or cannot be made or written.
    """
    if not folder.exists() and names_a_format(folder):
        raise OutputError(f"{folder}: has the ending of a file, but several files are written; name a folder")
    try:
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(one))
        if not place.is_dir():
            raise OutputError(f"{folder}: cannot be created because {place} is a file; name another folder")
        with tempfile.TemporaryDirectory(prefix=".homodb-", dir=place):
            return
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Return the reason of a failure, without number and path.

    The messages that use it name the path themselves.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory", "a.txt")), reason(ValueError("not TOML"))
    ('No such file or directory', 'not TOML')
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
    """Make a folder and its parents, unless it exists.

    Raises
    ------
    OutputError
        If it cannot be made, or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{folder}: cannot be created because a file is there; name another folder") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({reason(error)}); name another folder") from error


def is_device(path: Path) -> bool:
    """Return whether a path is a device, a pipe or /dev/stdout.

    A file must not replace such a path.
    """
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error
    return special or path.absolute().parts[1:2] in (("dev",), ("proc",))
