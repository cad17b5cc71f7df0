"""Keep the partial file of a download, beside its target, and its version."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from homodb.schema.io.files import parse_json

_BLOCK = 1 << 20
_LONGEST_NOTE = 1 << 16
_MOST_REMOVALS = 5
#: A strong ``ETag``, or a date of ``Last-Modified``, that may be sent back to a server.
_VALIDATOR = re.compile(r'"[\x21\x23-\x7e]{0,200}"|[A-Za-z]{3}, [0-9]{2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} GMT')


def is_validator(text: object) -> bool:
    """Return whether a text is a validator for ``If-Range``: a strong ``ETag``, or a date."""
    return isinstance(text, str) and _VALIDATOR.fullmatch(text) is not None


@dataclass(frozen=True)
class Version:
    """Version of a file, as its server identifies it.

    Parameters
    ----------
    url
        Requested address.
    validator
        Strong ``ETag``, or a ``Last-Modified`` that cannot change within its second; None if the server sends
        neither, and the download cannot be resumed.
    total
        Length of the file in bytes; None if unknown.
    """

    url: str
    validator: str | None
    total: int | None


class Partial:
    """A partial file; see :func:`claim`.

    Attributes
    ----------
    version
        Version of its bytes; None if it is empty.
    held
        Number of its bytes.
    finished
        Whether it has become the target.
    """

    def __init__(self, target: Path, stream: IO[bytes]) -> None:
        self._target = target
        self._stream = stream
        self._note = _note_of(target)
        self._digest = hashlib.sha256()
        self.held = 0
        self.finished = False
        self.version = self._noted()
        if self.version is None:
            self.restart(None)
        while block := self._stream.read(_BLOCK):
            self._digest.update(block)
            self.held += len(block)

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, hexadecimal."""
        return self._digest.hexdigest()

    def restart(self, version: Version | None) -> None:
        """Empty it, for bytes of another version."""
        self._stream.seek(0)
        self._stream.truncate()
        self._digest = hashlib.sha256()
        self.held = 0
        self.version = version
        if version is None:
            remove(self._note)
            return
        written = self._note.with_name(self._note.name + ".new")
        remove(written)
        with written.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(version)))
        if self._note.is_dir():
            remove(self._note)
        written.replace(self._note)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._stream.write(data)
        self._digest.update(data)
        self.held += len(data)

    def head(self, count: int) -> bytes:
        """Return its first bytes."""
        self._stream.seek(0)
        first = self._stream.read(count)
        self._stream.seek(0, os.SEEK_END)
        return first

    def finish(self) -> None:
        """Rename it to the target, which it replaces."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        if sys.platform == "win32":
            self._stream.close()
        _partial_of(self._target).replace(self._target)
        remove(self._note)
        self.finished = True

    def _noted(self) -> Version | None:
        try:
            if not stat.S_ISREG(self._note.lstat().st_mode):  # a pipe would be waited for
                return None
            with self._note.open("rb") as stream:
                noted = parse_json(stream.read(_LONGEST_NOTE))
            version = Version(str(noted["url"]), noted["validator"], noted["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_total = version.total is None or (type(version.total) is int and version.total >= 0)
        return version if is_total and is_validator(version.validator) else None


class MemoryFile:
    """Bytes of a small file that are kept in memory; attributes as of :class:`Partial`."""

    def __init__(self) -> None:
        self.version: Version | None = None
        self._bytes = bytearray()

    @property
    def held(self) -> int:
        """Number of its bytes."""
        return len(self._bytes)

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, hexadecimal."""
        return hashlib.sha256(self._bytes).hexdigest()

    def restart(self, version: Version | None) -> None:
        """Empty it, for bytes of another version."""
        self._bytes.clear()
        self.version = version

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._bytes += data

    def head(self, count: int) -> bytes:
        """Return its first bytes."""
        return bytes(self._bytes[:count])


@contextmanager
def claim(target: Path, wait: Callable[[], None]) -> Iterator[Partial]:
    """Lock the partial file of a target.

    Parameters
    ----------
    target
        The target, in a folder that exists.
    wait
        Function that waits; called while another process or thread has the lock, which ends with its process.

    Yields
    ------
    Partial
        With the bytes of an earlier, interrupted download.
    """
    path = _partial_of(target)
    while True:
        stream = _open(path)
        try:
            if not _locked(stream):
                wait()
            elif _still_named(stream, path):
                partial = Partial(target, stream)
                try:
                    yield partial
                finally:
                    resumable = partial.held and partial.version and partial.version.validator
                    if not (partial.finished or resumable):
                        remove(_note_of(target))
                        path.unlink(missing_ok=True)
                return
        finally:
            stream.close()


def _open(path: Path) -> IO[bytes]:
    """Open a partial file without following links; anything but a file of one name is removed first."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    for _ in range(_MOST_REMOVALS):
        with suppress(FileNotFoundError):
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
                remove(path)
        # not "a+b", which could not truncate an existing file
        try:
            descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                continue
            raise
        opened = os.fstat(descriptor)
        if stat.S_ISREG(opened.st_mode) and opened.st_nlink < 2:
            return os.fdopen(descriptor, "r+b")
        os.close(descriptor)
    raise FileExistsError(errno.EEXIST, "something else is made there again and again", str(path))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _partial_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


def _note_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial.json")


def _locked(stream: IO[bytes]) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # a file system without locks: granted
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def _still_named(stream: IO[bytes], path: Path) -> bool:
    """Return whether an open file still has its name."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
