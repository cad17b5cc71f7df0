"""Brings files over a few connections at a time, each verified before it counts as being there; how far it is."""

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

from homodb.etl.fetch.ensembl import has_checksum
from homodb.etl.fetch.record import File
from homodb.etl.sources import open_bytes
from homodb.schema import transfer
from homodb.schema.errors import InputError, StoppedError, TransferError
from homodb.schema.files import make_folder
from homodb.schema.patience import HaltedError, Patience
from homodb.schema.transfer import Fetched


@dataclass(frozen=True)
class FetchProgress:
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


class ByteCounter:
    """Adds up the bytes of files that come at the same time.

    Parameters
    ----------
    files, missing
        All files, and those that come.
    report
        Called with what it comes to.
    """

    def __init__(self, files: Sequence[File], missing: Sequence[File], report: Callable[[FetchProgress], None]) -> None:
        self._report = report
        self._bytes: dict[str, int] = {}
        self._all, self._done, self._total = len(files), len(files) - len(missing), estimate_bytes(missing)

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
        self._report(FetchProgress(step, self._done, self._all, sum(list(self._bytes.values())), self._total))


def estimate_bytes(files: Sequence[File]) -> int | None:
    """Return about how many bytes files have."""
    bounds = [(file.low, file.high) for file in files]
    known = [(low + high) // 2 for low, high in bounds if low is not None and high is not None]
    return sum(known) if len(known) == len(bounds) else None


#: Where a listing does not tell a file's size: no input of a build is larger.
_LARGEST = 1 << 37
_BLOCK = 1 << 20


@contextmanager
def open_client(most: int) -> Iterator[tuple[httpx.Client, dict[str, httpx.Headers]]]:
    """Open a client that uses so many connections at most and says who asks.

    Yields
    ------
    tuple
        The client, and the headers of answers by the address that was asked for.
    """
    told: dict[str, httpx.Headers] = {}
    name = f"homodb/{version('homodb')}"

    def introduce(request: httpx.Request) -> None:
        request.headers["User-Agent"] = name

    def remember(response: httpx.Response) -> None:
        if response.status_code in (200, 206):
            told[str(response.request.url)] = response.headers

    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    with httpx.Client(limits=limits, event_hooks={"request": [introduce], "response": [remember]}) as client:
        yield client, told


def download_files(
    files: Sequence[File],
    folder: Path,
    *,
    most: int,
    checksums: bool,
    patience: Patience,
    report: Callable[[str, int], None],
    done: Callable[[File], None],
) -> None:
    """Bring files into a folder.

    Parameters
    ----------
    files
        What to download.
    folder
        Where to.
    most
        So many connections at once.
    checksums
        Whether published checksums, and sizes in listings, count.
    patience
        With the server.
    report
        Called with a file's path and the bytes of it that are there, from several threads.
    done
        Called with each file that is there and right, one after another.

    Raises
    ------
    TransferError, OutputError
        For the first file that fails; what came of the others is kept, and gone on with next time.
    StoppedError
        When the user stops it; likewise.
    """
    halt = threading.Event()
    waiting = replace(patience, halt=halt)
    with open_client(most) as (client, told), ThreadPoolExecutor(most, "homodb-fetch") as pool:

        def work(file: File) -> File:
            def moved(count: int) -> None:
                if halt.is_set():
                    raise HaltedError
                report(file.path, count)

            return _one(file, folder, client, told, waiting, moved, checksums=checksums)

        running = {pool.submit(work, file) for file in files}
        try:
            while running:
                # in short turns, so that Ctrl-C is heard on every system
                finished, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in finished:
                    done(future.result())
        except KeyboardInterrupt:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise StoppedError("stopped; what came is kept, and the same command goes on from there") from None
        except BaseException:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(
    file: File,
    folder: Path,
    client: httpx.Client,
    told: dict[str, httpx.Headers],
    patience: Patience,
    moved: Callable[[int], None],
    *,
    checksums: bool,
) -> File:
    """Bring one file; what is wrong is brought once again, from its beginning."""
    target = folder / file.path
    make_folder(target.parent)
    limit = file.high if checksums and file.high is not None else _LARGEST
    before: str | None = None
    while True:
        came = transfer.fetch(file.url, target, limit=limit, client=client, patience=patience, report=moved)
        wrong = _wrong(file, came, checksums=checksums)
        if wrong is None:
            break
        target.unlink()
        if before is not None:
            same = "twice the same: what is published there does not fit together" if before == came.sha256 else "twice"
            way_out = "" if not checksums else "; try later, or take it as it is by --no-checksums"
            raise TransferError(f"{file.url}: {wrong}, {same}; nothing was kept{way_out}")
        before = came.sha256
    headers = told.get(file.url, httpx.Headers())
    return replace(
        file,
        bytes=came.bytes,
        sha256=came.sha256,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _wrong(file: File, came: Fetched, *, checksums: bool) -> str | None:
    """Return what is wrong with a file that came whole, as its server says."""
    if checksums and file.low is not None and came.bytes < file.low:
        return f"is {came.bytes:,} bytes long where its listing says at least {file.low:,}"
    if checksums and file.published is not None:
        kind = file.published.partition(":")[0]
        name = {"md5": "MD5SUM", "sum": "CHECKSUMS"}[kind]
        return None if has_checksum(came.path, file.published) else f"has another checksum than {name} beside it says"
    return _broken(came.path)


def _broken(path: Path) -> str | None:
    """Return what is wrong with a compressed file; the checksum inside it is all there is."""
    try:
        with open_bytes(path) as stream:
            if stream.read(1) and path.suffix == ".gz":
                while stream.read(_BLOCK):
                    pass
    except InputError as error:
        return error.problems[0].kind.partition(":")[0]
    return None
