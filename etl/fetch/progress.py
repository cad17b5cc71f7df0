"""How far fetching is: files and bytes, over all that come at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from homodb.etl.fetch.record import File


@dataclass(frozen=True)
class Progress:
    """How far it is.

    Parameters
    ----------
    step
        What is done.
    files, all_files
        Files that are there, of all.
    bytes, all_bytes
        Bytes that came, and about how many come in all; the latter None where a listing does not tell.
    """

    step: str
    files: int = 0
    all_files: int = 0
    bytes: int = 0
    all_bytes: int | None = None


class Tally:
    """Adds up the bytes of files that come at the same time.

    Parameters
    ----------
    files, missing
        All files, and those that come.
    report
        Called with what it comes to.
    """

    def __init__(self, files: Sequence[File], missing: Sequence[File], report: Callable[[Progress], None]) -> None:
        self._report = report
        self._bytes: dict[str, int] = {}
        self._all, self._done, self._total = len(files), len(files) - len(missing), about(missing)

    def moved(self, path: str, count: int) -> None:
        """Note how many bytes of a file are there; from any thread."""
        self._bytes[path] = count
        self._tell(path)

    def finished(self, file: File) -> None:
        """Note that a file is there."""
        self._done += 1
        self._bytes[file.path] = file.bytes or 0
        self._tell(file.path)

    def _tell(self, path: str) -> None:
        step = f"fetching {path.rpartition('/')[2]}"
        self._report(Progress(step, self._done, self._all, sum(list(self._bytes.values())), self._total))


def about(files: Sequence[File]) -> int | None:
    """Return about how many bytes files have."""
    bounds = [(file.low, file.high) for file in files]
    known = [(low + high) // 2 for low, high in bounds if low is not None and high is not None]
    return sum(known) if len(known) == len(bounds) else None
