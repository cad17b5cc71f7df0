"""Check inputs and outputs before any work is done; read TOML."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from homodb.schema.errors import ConfigError, HomodbError, OptionsError, OutputError

#: Endings that mean a format; a name may have any other.
_FORMATS = frozenset({
    ".h5ad", ".zarr", ".loom", ".rds", ".mtx", ".npz", ".npy", ".duckdb", ".csv", ".tsv", ".tab", ".json", ".parquet",
    ".arrow", ".feather", ".xlsx", ".gmt", ".html", ".pdf", ".svg", ".png", ".gz", ".zip", ".pt", ".toml", ".fa",
    ".jsonl", ".ndjson", ".md", ".xml", ".yaml", ".xls", ".ods", ".pkl", ".pickle", ".sqlite", ".db", ".bz2", ".xz",
    ".zst",
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
    """Return whether a name has the ending of a file format.

    Examples
    --------
    >>> names_a_format(Path("a.CSV")), names_a_format(Path("markers")), names_a_format(Path("rel.v1"))
    (True, False, False)
    """
    return ending_of(path) in _FORMATS


def must_end(output: Path, what: str, *written: str) -> None:
    """Check that a name has one of some endings.

    Raises
    ------
    OutputError
        If it has another ending.
    """
    if ending_of(output) not in written:
        raise OutputError(f"{output}: {what} are written as {_or(written)}; change the ending")


def check_ending(output: Path, what: str, *written: str) -> None:
    """Check that a name does not have the ending of another format. Endings that mean no format are accepted.

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
    """Check that an output can be written and is not an input.

    Raises
    ------
    OutputError
        If its folder does not exist or cannot be written, or it is a folder, a device, an input, or inside an input.
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
    """Check that an output is neither the input nor inside it. Other names of the input and links to it are recognised.

    Raises
    ------
    OutputError
        If it is.
    """
    same = output.exists() and path.exists() and output.samefile(path)
    if same or output.resolve() == path.resolve():
        raise OutputError(f"{output}: is the input file; name another output")
    if path.is_dir() and output.resolve().is_relative_to(path.resolve()):
        raise OutputError(f"{output}: is inside the input; name another output")


def check_there(*paths: Path | None, error: type[HomodbError] = OptionsError) -> None:
    """Check that inputs exist.

    Raises
    ------
    OptionsError
        Names the first path that does not exist.
    """
    for path in paths:
        if path is not None and not os.path.exists(path):  # noqa: PTH110 (False for a name that is too long)
            raise error(f"{path}: there is no such file")


def check_folder(folder: Path) -> None:
    """Check that files can be written to a folder, which need not exist.

    Raises
    ------
    OutputError
        If it is a file, is inside one, has the ending of one, or cannot be created or written.
    """
    try:
        if not folder.exists() and names_a_format(folder):
            raise OutputError(f"{folder}: has the ending of a file, but several files are written; name a folder")
        place = next(one for one in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(one))
        if not place.is_dir():
            raise OutputError(f"{folder}: cannot be created because {place} is a file; name another folder")
        with tempfile.TemporaryDirectory(prefix=".homodb-", dir=place):
            return
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({reason(error)})") from error


def reason(error: Exception) -> str:
    """Return the reason of a failure, without an OSError's number and path.

    Examples
    --------
    >>> reason(FileNotFoundError(2, "No such file or directory", "a.txt")), reason(ValueError("not TOML"))
    ('No such file or directory', 'not TOML')
    """
    return getattr(error, "strerror", None) or str(error)


def open_regular(path: str, flags: int) -> int:
    """Open a file that has an end, as opener of :func:`open`: a pipe would never open, a device never end."""
    number = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(number).st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return number
    os.close(number)
    raise OSError(errno.EINVAL, "is not a regular file")


def read_small(path: Path, most: int) -> bytes:
    """Read a file of a limited size.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, or is larger.
    """
    with open(path, "rb", opener=open_regular) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most:,} bytes")
    return content


#: Largest config, and a key of so many parts that tomllib would take quadratic time.
_CONFIG, _DEEP = 1 << 20, re.compile(rb"(?<![\w-])(?:[\w-]*+\.){100}")


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises
    ------
    ValueError
        If it is not JSON, or is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_toml(path: Path, *, missing_ok: bool = False) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it cannot be read or is not TOML.
    """
    try:
        content = read_small(path, _CONFIG)
        if _DEEP.search(content.translate(None, b" \t\"'")):
            raise RecursionError
        document = tomllib.loads(content.decode("utf-8"))
        repr(document)  # a RecursionError, where it is nested too deeply for what follows
        return document
    except OSError as error:
        if missing_ok and isinstance(error, FileNotFoundError):
            return {}
        raise ConfigError(f"{path}: cannot be read ({reason(error)})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not TOML (it is not valid UTF-8)") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply") from error
    except ValueError as error:  # of TOML, or of a number of too many digits
        raise ConfigError(f"{path}: is not TOML ({error})") from error


def read_lines(path: Path, content: str, error: type[HomodbError]) -> list[str]:
    """Return the lines of a text file, without a byte-order mark.

    Raises
    ------
    HomodbError
        Of that class, if the file does not exist or is not text.
    """
    check_there(path, error=error)
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as cause:
        raise error(f"{path}: cannot be read as {content} (it is not valid UTF-8)") from cause
    except OSError as cause:
        raise error(f"{path}: cannot be read as {content} ({cause.strerror or cause})") from cause


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, unless it exists.

    Raises
    ------
    OutputError
        If it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{folder}: cannot be created because a file is there; name another folder") from error
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({reason(error)}); name another folder") from error


def is_device(path: Path) -> bool:
    """Return whether a path is a device or a pipe, such as /dev/stdout."""
    try:
        special = path.exists() and not path.is_file() and not path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{path}: cannot be written ({reason(error)})") from error
    parts = path.absolute().parts[1:3]
    return special or (parts[:1] in (("dev",), ("proc",)) and parts != ("dev", "shm"))  # memory, used as scratch
