"""Small files of text that a user names: lists of genes, maps of labels."""

from __future__ import annotations

from pathlib import Path

from homodb.schema.errors import HomodbError
from homodb.schema.files import check_there


def lines_of(path: Path, what: str, error: type[HomodbError]) -> list[str]:
    """Return the lines of a file, without a byte-order mark.

    Parameters
    ----------
    path
        The file.
    what
        What it should hold, for the message.
    error
        What is raised.

    Raises
    ------
    HomodbError
        Of that class, if the file is not there, or is no text.
    """
    check_there(path, error=error)
    try:
        return path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as broken:
        raise error(f"{path}: cannot be read as {what} (it is no text in UTF-8)") from broken
    except OSError as broken:
        raise error(f"{path}: cannot be read as {what} ({broken.strerror or broken})") from broken
