"""Input files of text as bytes: plain or gzip told apart by content, broken streams told in one error."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from homodb.schema.errors import InputError, Problem

_GZIP_MAGIC = b"\x1f\x8b"
#: A zero among the first so many bytes means that the file is no text.
_LOOKED_AT = 512


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader | gzip.GzipFile]:
    """Open a plain or gzip file of text for reading bytes, told apart by content, never by its name.

    Raises
    ------
    InputError
        If the file is missing or cannot be read, begins as no text does, or its gzip stream is truncated or damaged.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                begins = stream.peek(_LOOKED_AT)[:_LOOKED_AT]
                if b"\0" in begins:
                    raise InputError(path, [Problem(1, "is not text in UTF-8", repr(begins[:8]))])
                yield stream
    except EOFError as error:
        seen = "the gzip stream ends too early: fetch the file again"
        raise InputError(path, [Problem(0, seen)]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        seen = "the gzip stream is damaged: fetch the file again"
        raise InputError(path, [Problem(0, seen, str(error))]) from error
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as they lie on disk, hexadecimal."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, [Problem(0, "cannot be read", error.strerror or str(error))]) from error


class Utf8Stream(io.RawIOBase):
    """Hands on the bytes of a stream as they are read, and raises UnicodeDecodeError where they are not UTF-8."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Read up to so many bytes."""
        data = self._stream.read(size)
        self._decoder.decode(data, final=not data)
        return data
