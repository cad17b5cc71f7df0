"""A file whose failure HDF5 does not see: its library crashes when the disk was full, so errors are kept here."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any


class ShelteredFile(io.RawIOBase):
    """A new file to write and read; after a failed write it takes everything and keeps nothing.

    Parameters
    ----------
    path
        The file; it is made, or emptied.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._failed: BaseException | None = None

    def check(self) -> None:
        """Raise the error of the first write that failed, an interrupt among them; nothing where none did."""
        if self._failed is not None:
            raise self._failed

    def write(self, data: Any) -> int:
        """Write, or pretend to after a failure."""
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self._failed is None:
            try:
                done += self._file.write(view[done:]) or 0
            except BaseException as error:  # noqa: BLE001 (kept, and raised by check)
                self._failed = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the length."""
        if self._failed is None:
            try:
                return self._file.truncate(size)
            except BaseException as error:  # noqa: BLE001 (kept, and raised by check)
                self._failed = error
        return size or 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer."""
        return self._file.readinto(buffer) or 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def writable(self) -> bool:
        """Return that it can be written."""
        return True

    def seekable(self) -> bool:
        """Return that it has places."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
