"""The first line of a delimited file: column names, and what separates them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from homodb.etl.sources.bytestream import open_bytes
from homodb.schema.errors import InputError, Problem

if TYPE_CHECKING:
    import _csv


@dataclass(frozen=True)
class Header:
    """The first line of a delimited file: its column names, in order, and what separates them."""

    names: tuple[str, ...]
    delimiter: str


def read_header(path: Path) -> Header:
    """Read the column names and tell tab from comma.

    Raises
    ------
    InputError
        If the file is empty, is not text in UTF-8, or its first line is not tab- or comma-separated.
    """
    with open_bytes(path) as stream:
        first = stream.readline(1 << 20)
    if not first.strip():
        raise InputError(path, [Problem(0, "the file is empty, wanted a line of column names")])
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        seen = repr(error.object[error.start :][:8])
        raise InputError(path, [Problem(1, "is not text in UTF-8", seen)]) from error
    delimiter = "\t" if "\t" in text else ","
    try:
        names = tuple(name.strip() for name in next(split_records([text], delimiter)))
    except csv.Error as error:
        raise InputError(path, [Problem(1, "cannot be split into column names", str(error))]) from error
    if len(names) < 2:
        raise InputError(
            path,
            [Problem(1, "one column only: wanted columns separated by tab or comma", text[:80])],
        )
    if text.count(";") > text.count(delimiter):
        raise InputError(path, [Problem(1, "columns are separated by ';', wanted tab or comma", text[:80])])
    return Header(names, delimiter)


def split_records(lines: Iterable[str], delimiter: str) -> _csv.Reader:
    """Split lines as Arrow does: quotes mean something between commas, nothing between tabs."""
    if delimiter == ",":
        return csv.reader(lines)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
