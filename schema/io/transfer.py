"""Download files over HTTP: verified, resumed if safe, and atomic."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import httpx

from homodb.schema.errors import OutputError, TransferError
from homodb.schema.io.http import Attempts, DownloadRequest, RetryableError, RetryPolicy
from homodb.schema.io.partial import MemoryFile, Partial, claim

_LOG = logging.getLogger(__name__)
#: Bytes beyond the previous maximum that count as progress and reset the number of failures.
_PROGRESS = 1 << 20
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """A downloaded file: path, length, SHA-256 as computed here, and address."""

    path: Path
    bytes: int
    sha256: str
    url: str


def fetch(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    limit: int | None = None,
    hosts: Collection[str] = (),
    pages: bool = False,
    keep: bool = False,
    client: httpx.Client | None = None,
    patience: RetryPolicy | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Fetched:
    """Download a file over HTTP.

    The data goes to a hidden file beside the target, which is renamed to the target when it is complete and verified.
    An interrupted download is resumed if the server proves, by a strong ``ETag`` or a ``Last-Modified`` that is old
    enough, that the file is still the same; else it starts again. Processes that download the same target take turns.

    Parameters
    ----------
    url
        ``https:``; ``http:`` only for this machine itself.
    target
        The file to write; its folder exists. If it has the expected checksum already, nothing is requested.
    sha256, size
        Expected checksum, hexadecimal, and number of bytes.
    limit
        Maximum number of bytes, for a file of unknown size.
    hosts
        Hosts other than that of `url` that the server may redirect to, over ``https:``.
    pages
        Whether HTML is accepted; otherwise it is taken for a login or error page and refused.
    keep
        Whether an existing target is kept as it is; it is always complete.
    client
        Client that sends the requests; None for a new one.
    patience
        Rules for retrying; None for the default.
    report
        Callback that receives the bytes received so far.

    Returns
    -------
    Fetched
        With the checksum as computed here, also if none was expected.

    Raises
    ------
    TransferError
        If the download fails or gives another file than expected. An existing target stays.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> fetch("http://example.org/a.fa.gz", Path("a.fa.gz"))
    Traceback (most recent call last):
    ...
    homodb.schema.errors.TransferError: http://example.org/a.fa.gz: plain http is for this machine only; use https
    """
    sending, patience = client or httpx.Client(), patience or RetryPolicy()
    try:
        wanted = DownloadRequest(url, sha256 and sha256.lower(), size, limit, frozenset(hosts), pages)
        if present := _present(wanted, target, keep=keep):
            return present
        with claim(target, lambda: patience.pause(1.0)) as partial:
            # another process may have downloaded it meanwhile
            if present := _present(wanted, target, keep=keep):
                return present
            _fill(partial, Attempts(wanted, sending, patience, report))
            done = Fetched(target, partial.held, partial.sha256, url)
            partial.finish()
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        if client is None:
            sending.close()
    _LOG.info("fetched %s: %d bytes, sha256 %s", url, done.bytes, done.sha256)
    return done


def read(
    url: str,
    *,
    limit: int,
    hosts: Collection[str] = (),
    pages: bool = False,
    client: httpx.Client | None = None,
    patience: RetryPolicy | None = None,
) -> bytes:
    """Download a small file into memory.

    Raises
    ------
    TransferError
        If the download fails, or the file is larger than `limit`.
    """
    sending = client or httpx.Client()
    try:
        wanted = DownloadRequest(url, None, None, limit, frozenset(hosts), pages)
        memory = MemoryFile()
        _fill(memory, Attempts(wanted, sending, patience or RetryPolicy(), lambda done: None))
        return memory.head(limit)
    finally:
        if client is None:
            sending.close()


def _present(wanted: DownloadRequest, target: Path, *, keep: bool) -> Fetched | None:
    """Return the target if it need not be downloaded."""
    if not (keep or wanted.sha256) or not target.exists():
        return None
    with target.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return Fetched(target, stream.tell(), digest, wanted.url) if keep or digest == wanted.sha256 else None


def _fill(partial: Partial | MemoryFile, attempts: Attempts) -> None:
    """Fill the partial file, in as many attempts as the policy allows."""
    url = attempts.wanted.url
    failures, farthest = 0, partial.held
    resumed = partial.held > 0
    while True:
        try:
            attempts.receive(partial)
            wrong = _wrong(partial, attempts.wanted)
            if wrong is None:
                return
            partial.restart(None)
            if not resumed:
                raise TransferError(f"{url}: {wrong}; nothing was kept")
            resumed = False
            _LOG.warning("%s: %s after it was resumed; downloading it again", url, wrong)
            continue
        except RetryableError as error:
            failure = error
        if partial.held >= farthest + _PROGRESS:
            failures = 0
        farthest = max(farthest, partial.held)
        resumed = partial.held > 0
        failures += 1
        _pause(attempts, failure, failures, partial)


def _pause(attempts: Attempts, failure: RetryableError, failures: int, partial: Partial | MemoryFile) -> None:
    """Wait before the next attempt; raise if there is none."""
    url, patience = attempts.wanted.url, attempts.patience
    resumable = isinstance(partial, Partial) and partial.held and partial.version and partial.version.validator
    kept = "; the partial file is kept, and the same command resumes it" if resumable else ""
    if failures >= patience.attempts:
        raise TransferError(f"{url}: {failure}, {failures} times; try again later{kept}") from failure
    if (failure.retry_after or 0.0) > patience.longest:
        raise TransferError(
            f"{url}: {failure}, and asks to wait {failure.retry_after:.0f} s; try again then{kept}"
        ) from failure
    attempts.check_time()
    pause = patience.wait(failures, failure.retry_after)
    _LOG.info("%s: %s; retrying in %.1f s", url, failure, pause)
    patience.pause(pause)


def _wrong(partial: Partial | MemoryFile, wanted: DownloadRequest) -> str | None:
    """Return the problem of a complete file; None if there is none."""
    if wanted.size is not None and partial.held != wanted.size:
        return f"is {partial.held:,} bytes long instead of {wanted.size:,}"
    if wanted.sha256 is not None and partial.sha256 != wanted.sha256:
        return f"has SHA-256 {partial.sha256} instead of {wanted.sha256}"
    if not wanted.pages and _PAGE.match(partial.head(256)):
        return "is a page (HTML) instead of a file"
    return None
