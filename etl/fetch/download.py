"""Download and verify files over a few connections at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import httpx

from homodb.etl.fetch.record import File
from homodb.etl.fetch.site import HOSTS, has_checksum
from homodb.etl.sources import open_bytes
from homodb.schema.errors import InputError, StoppedError, TransferError
from homodb.schema.io import make_folder, transfer
from homodb.schema.io.http import HaltedError, RetryPolicy
from homodb.schema.io.transfer import Fetched


@dataclass(frozen=True)
class FetchProgress:
    """Progress of downloads.

    Parameters
    ----------
    step
        Current activity.
    files, all_files
        Number of complete files, and of all files.
    bytes, all_bytes
        Downloaded bytes, and the approximate total; None if a listing has no sizes.
    """

    step: str
    files: int = 0
    all_files: int = 0
    bytes: int = 0
    all_bytes: int | None = None


class ByteCounter:
    """Sum of the bytes of simultaneous downloads.

    Parameters
    ----------
    files, missing
        All files, and those to download.
    report
        Callback that receives the progress.
    """

    def __init__(self, files: Sequence[File], missing: Sequence[File], report: Callable[[FetchProgress], None]) -> None:
        self._report = report
        self._bytes: dict[str, int] = {}
        self._all, self._done, self._total = len(files), len(files) - len(missing), estimate_bytes(missing)

    def moved(self, path: str, count: int) -> None:
        """Set the number of downloaded bytes of a file; from any thread."""
        self._bytes[path] = count
        self._show(path)

    def finished(self, file: File) -> None:
        """Count a complete file."""
        self._done += 1
        self._bytes[file.path] = file.bytes or 0
        self._show(file.path)

    def _show(self, path: str) -> None:
        step = f"fetching {path.rpartition('/')[2]}"
        self._report(FetchProgress(step, self._done, self._all, sum(list(self._bytes.values())), self._total))


def estimate_bytes(files: Sequence[File]) -> int | None:
    """Estimate the total bytes of files; None without listed sizes."""
    bounds = [(file.low, file.high) for file in files]
    sizes = [(low + high) // 2 for low, high in bounds if low is not None and high is not None]
    return sum(sizes) if len(sizes) == len(bounds) else None


#: Size limit of files without a size in the listing.
_LARGEST = 1 << 37
_BLOCK = 1 << 20


@contextmanager
def open_client(most: int) -> Iterator[tuple[httpx.Client, dict[str, httpx.Headers]]]:
    """Open an HTTP client with limited connections and a user agent.

    Yields
    ------
    tuple
        The client, and the headers of responses by requested URL.
    """
    headers: dict[str, httpx.Headers] = {}
    name = f"homodb/{version('homodb')}"

    def introduce(request: httpx.Request) -> None:
        request.headers["User-Agent"] = name

    def remember(response: httpx.Response) -> None:
        if response.status_code in (200, 206):
            headers[str(response.request.url)] = response.headers

    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    with httpx.Client(limits=limits, event_hooks={"request": [introduce], "response": [remember]}) as client:
        yield client, headers


def download_files(
    files: Sequence[File],
    folder: Path,
    *,
    most: int,
    checksums: bool,
    patience: RetryPolicy,
    report: Callable[[str, int], None],
    done: Callable[[File], None],
) -> None:
    """Download files into a folder.

    Parameters
    ----------
    files
        Files to download.
    folder
        Destination folder.
    most
        Maximum number of connections.
    checksums
        Whether to check published checksums and listed sizes.
    patience
        Retries and timeouts.
    report
        Callback that receives the path of a file and its bytes so far, from several threads.
    done
        Callback that receives each verified file, one at a time.

    Raises
    ------
    TransferError, OutputError
        For the first file that fails; partial downloads of the others are kept and continued by the next call.
    StoppedError
        If the user stops it; likewise.
    """
    halt = threading.Event()
    waiting = replace(patience, halt=halt)
    with open_client(most) as (client, headers), ThreadPoolExecutor(most, "homodb-fetch") as pool:

        def work(file: File) -> File:
            def moved(count: int) -> None:
                if halt.is_set():
                    raise HaltedError
                report(file.path, count)

            return _one(file, folder, client, headers, waiting, moved, checksums=checksums)

        running = {pool.submit(work, file) for file in files}
        try:
            while running:
                # in short intervals, so that Ctrl-C works on every system
                finished, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    done(future.result())
        except KeyboardInterrupt:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise StoppedError("stopped. Downloads are kept, and the same command goes on from there") from None
        except BaseException:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(
    file: File,
    folder: Path,
    client: httpx.Client,
    headers: dict[str, httpx.Headers],
    patience: RetryPolicy,
    moved: Callable[[int], None],
    *,
    checksums: bool,
) -> File:
    """Download one file; retry an invalid one once, from the beginning."""
    target = folder / file.path
    make_folder(target.parent)
    limit = file.high if checksums and file.high is not None else _LARGEST
    before: str | None = None
    while True:
        came = transfer.fetch(
            file.url, target, limit=limit, hosts=HOSTS, client=client, patience=patience, report=moved
        )
        problem = _problem(file, came, checksums=checksums)
        if problem is None:
            break
        target.unlink()
        if before is not None:
            same = "twice the same: the published files are inconsistent" if before == came.sha256 else "twice"
            hint = ". Try later, or turn checksums off" if checksums else ""
            raise TransferError(f"{file.url}: {problem}, {same}; the file was deleted{hint}")
        before = came.sha256
    own = headers.get(file.url, httpx.Headers())
    return replace(
        file,
        bytes=came.bytes,
        sha256=came.sha256,
        etag=own.get("etag"),
        last_modified=own.get("last-modified"),
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _problem(file: File, came: Fetched, *, checksums: bool) -> str | None:
    """Return the problem of a completely downloaded file, or None."""
    if checksums and file.low is not None and came.bytes < file.low:
        return f"has {came.bytes:,} bytes, but its listing says at least {file.low:,}"
    if checksums and file.published is not None:
        kind = file.published.partition(":")[0]
        name = {"md5": "MD5SUM or md5sum.txt", "sum": "CHECKSUMS"}[kind]
        return None if has_checksum(came.path, file.published) else f"does not match its checksum in {name}"
    return _broken(came.path)


def _broken(path: Path) -> str | None:
    """Return the problem of a file without a published checksum, or None."""
    try:
        with open_bytes(path) as stream:
            if stream.read(1) and path.suffix in (".gz", ".bgz"):
                while stream.read(_BLOCK):
                    pass
    except InputError as error:
        return error.problems[0].kind.partition(":")[0]
    return None
