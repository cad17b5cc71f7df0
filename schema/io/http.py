"""Request a file: when to retry, what a response means, and one attempt."""

from __future__ import annotations

import ipaddress
import random
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from homodb.schema.errors import TransferError
from homodb.schema.io.partial import Partial, Version

#: Temporary failures: the server is busy, or a proxy failed.
_TEMPORARY = (408, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: ``Last-Modified`` in seconds proves the version only if it is this much older than the response (RFC 9110, 8.8.2.2).
_SETTLED = 60.0


class RetryableError(Exception):
    """A temporary failure.

    Attributes
    ----------
    retry_after
        Seconds to wait, from the header ``Retry-After``; None without it.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def check_address(address: httpx.URL, first: httpx.URL, hosts: Collection[str]) -> None:
    """Check that an address is trusted.

    Parameters
    ----------
    address
        The address: the original one or that of a redirect.
    first
        The original address.
    hosts
        Further hosts that are trusted over ``https:``.

    Raises
    ------
    TransferError
        If it is not ``https:``, except on this machine, or of another host.
    """
    if address.scheme not in ("http", "https") or not address.host:
        raise TransferError(f"{address}: expected an address that begins with https://")
    if address.scheme == "http" and not _is_loopback(address.host):
        raise TransferError(f"{address}: plain http is for this machine only; use https")
    same = (address.scheme, address.host, address.port) == (first.scheme, first.host, first.port)
    trusted = address.scheme == "https" and address.port is None and address.host in {first.host, *hosts}
    if not (same or trusted):
        raise TransferError(
            f"{first}: is redirected to {address.host}, another host; if the file has moved, give the new address"
        )


def begin(response: httpx.Response, url: str, held: int, version: Version | None) -> Version:
    """Return the version that a response sends.

    Parameters
    ----------
    response
        Status and headers.
    url
        Requested address.
    held, version
        Bytes of the partial file, and their version.

    Returns
    -------
    Version
        The version: from the beginning of the file or, with status 206, from the end of the partial file.

    Raises
    ------
    RetryableError
        For a temporary failure; :class:`NotContinuedError` if the partial file cannot be resumed.
    TransferError
        For any other failure.
    """
    status = f"the server answered {response.status_code} {response.reason_phrase}"
    if response.status_code == 200:
        return Version(url, _validator(response), length(response))
    if response.status_code == 206 and held and version is not None:
        total = _continues(response, held, version)
        if total is None:
            raise NotContinuedError("the server sent another part or version than requested")
        return replace(version, total=total)
    if response.status_code == 416:
        raise NotContinuedError("the server has no such part of the file")
    if response.status_code in _TEMPORARY:
        raise RetryableError(status, _retry_after(response))
    raise TransferError(f"{url}: {status}")


class NotContinuedError(RetryableError):
    """The partial file cannot be resumed."""


def check_kind(response: httpx.Response, url: str, *, pages: bool) -> None:
    """Check that a response is a file, not a page, and is not encoded."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not pages:
        raise TransferError(f"{url}: the server sent a page (HTML) instead of a file; open it in a browser")
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    # servers with this label on a .gz file send the file itself
    if coding != "identity" and not httpx.URL(url).path.endswith((".gz", ".bgz")):
        raise TransferError(f"{url}: the server sent it encoded ({coding}), which was not requested")


def length(response: httpx.Response) -> int | None:
    """Return the bytes of a complete response, from its headers, if known."""
    written = response.headers.get("content-length", "")
    return int(written) if written.isdecimal() and not _is_chunked(response) else None


def detects_truncation(response: httpx.Response) -> bool:
    """Return whether truncation of a body of unknown length is detected."""
    return _is_chunked(response) or response.http_version == "HTTP/2"


def _is_chunked(response: httpx.Response) -> bool:
    return "chunked" in response.headers.get("transfer-encoding", "").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _continues(response: httpx.Response, held: int, version: Version) -> int | None:
    """Return the length of the file if the response resumes the partial file."""
    match = _RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if not match or int(match[1]) != held or version.total not in (None, int(match[3])):
        return None
    name = "etag" if (version.validator or "").startswith('"') else "last-modified"
    same = response.headers.get(name, version.validator) == version.validator
    return int(match[3]) if same else None


def _validator(response: httpx.Response) -> str | None:
    """Return the strong validator for ``If-Range`` (RFC 9110, 8.8, 13.1.5)."""
    if "bytes" not in response.headers.get("accept-ranges", "bytes").lower():
        return None
    tag: str = response.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    changed: str = response.headers.get("last-modified", "")
    then, now = _date(changed), _date(response.headers.get("date", ""))
    return changed if then and now and (now - then).total_seconds() >= _SETTLED else None


def _retry_after(response: httpx.Response) -> float | None:
    written = response.headers.get("retry-after", "").strip()
    if written.isdecimal():
        return float(written)
    then, now = _date(written), _date(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds()) if then else None


def _date(written: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(written)
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


class HaltedError(Exception):
    """The download was given up while it waited."""


@dataclass(frozen=True)
class RetryPolicy:
    """Rules for retrying a download.

    Parameters
    ----------
    attempts
        Maximum number of consecutive failures without progress.
    timeout
        Seconds to wait for a connection or for more data.
    least
        Minimum bytes per `timeout` seconds; a slower server counts as a broken connection.
    first, longest
        Seconds to wait after the first failure, about doubled for each further one, and at most. A server whose
        ``Retry-After`` is longer is not asked again.
    halt
        Event that ends the current pause and refuses any other.
    sleep, chance, clock
        Functions that wait, give a random number in [0, 1), and give the time in seconds; for tests.
    """

    attempts: int = 6
    timeout: float = 30.0
    least: int = 4096
    first: float = 1.0
    longest: float = 120.0
    halt: threading.Event | None = None
    sleep: Callable[[float], None] | None = None
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def wait(self, failures: int, retry_after: float | None) -> float:
        """Return the seconds to wait after some failures."""
        own = min(self.first * 2.0 ** (failures - 1), self.longest) * (0.5 + 0.5 * self.chance())
        return max(own, retry_after or 0.0)

    def pause(self, seconds: float) -> None:
        """Wait, unless the download is given up.

        Raises
        ------
        HaltedError
            If `halt` is or becomes set.
        """
        if self.sleep is not None:
            self.sleep(seconds)
        elif self.halt is not None:
            self.halt.wait(seconds)
        else:
            time.sleep(seconds)  # Ctrl-C ends it on every system
        if self.halt is not None and self.halt.is_set():
            raise HaltedError


_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class DownloadRequest:
    """A file to download.

    Parameters
    ----------
    url
        Its address.
    sha256, size
        Expected checksum, hexadecimal in lower case, and bytes; None if unknown.
    limit
        Maximum number of bytes.
    hosts
        Hosts other than that of `url` that the server may redirect to.
    pages
        Whether HTML is accepted.

    Raises
    ------
    TransferError
        If the address is invalid or not trusted.
    """

    url: str
    sha256: str | None
    size: int | None
    limit: int | None
    hosts: frozenset[str]
    pages: bool

    def __post_init__(self) -> None:
        try:
            check_address(httpx.URL(self.url), httpx.URL(self.url), self.hosts)
        except httpx.InvalidURL as error:
            raise TransferError(f"{self.url}: is not an address ({error})") from error


@dataclass(frozen=True)
class Attempts:
    """Attempts at one file, each of which resumes the last.

    Parameters
    ----------
    wanted
        The file.
    client
        Client that sends the requests.
    patience
        Timeout and minimum speed.
    report
        Callback that receives the bytes received so far.
    """

    wanted: DownloadRequest
    client: httpx.Client
    patience: RetryPolicy
    report: Callable[[int], None]

    def receive(self, partial: Partial) -> None:
        """Request the rest of the partial file once, and append it.

        Raises
        ------
        RetryableError
            For a temporary failure; the partial file keeps the bytes received.
        TransferError
            For any other failure.
        """
        try:
            self._receive(partial)
        except httpx.TransportError as error:
            if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or (
                "CERTIFICATE_VERIFY" in str(error)
            ):
                raise TransferError(f"{self.wanted.url}: {error}") from error
            raise RetryableError(str(error) or f"no response ({type(error).__name__})") from error

    def _receive(self, partial: Partial) -> None:
        wanted, version = self.wanted, partial.version
        if version and version.url != wanted.url:
            partial.restart(version := None)
        if version and partial.held and partial.held == version.total:
            return
        headers = {"Accept-Encoding": "identity", "User-Agent": "homodb"}
        if version and version.validator and partial.held:
            headers |= {"Range": f"bytes={partial.held}-", "If-Range": version.validator}
        with self._response(headers) as response:
            total = self._begin(response, partial)
            most = min((one for one in (total, wanted.size, wanted.limit) if one is not None), default=None)
            self._write(response, partial, most)
        if total is not None and partial.held < total:
            raise RetryableError(f"the connection ended after {partial.held:,} of {total:,} bytes")

    @contextmanager
    def _response(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Send the request and follow redirects."""
        wanted = self.wanted
        address = httpx.URL(wanted.url)
        for _ in range(_MOST_REDIRECTS):
            request = self.client.build_request("GET", address, headers=headers, timeout=self.patience.timeout)
            response = self.client.send(request, stream=True, follow_redirects=False)
            try:
                if response.status_code not in _REDIRECTS or "location" not in response.headers:
                    yield response
                    return
                try:
                    address = address.join(response.headers["location"])
                except httpx.InvalidURL as error:
                    raise TransferError(f"{wanted.url}: is redirected to an invalid address ({error})") from error
                check_address(address, httpx.URL(wanted.url), wanted.hosts)
            finally:
                response.close()
        raise TransferError(f"{wanted.url}: is redirected more than {_MOST_REDIRECTS} times")

    def _begin(self, response: httpx.Response, partial: Partial) -> int | None:
        """Prepare the partial file for a response; return the length of the whole."""
        wanted = self.wanted
        try:
            version = begin(response, wanted.url, partial.held, partial.version)
        except NotContinuedError:
            partial.restart(None)
            raise
        check_kind(response, wanted.url, pages=wanted.pages)
        if response.status_code != 206:
            partial.restart(version)
        total = version.total
        self._check_total(total)
        if total is None and wanted.size is None and wanted.sha256 is None and not detects_truncation(response):
            raise TransferError(
                f"{wanted.url}: the server does not send the length of the file, so truncation could not be detected; "
                "give its size or checksum"
            )
        return total

    def _check_total(self, total: int | None) -> None:
        wanted = self.wanted
        if total is not None and wanted.size is not None and total != wanted.size:
            raise TransferError(f"{wanted.url}: is {total:,} bytes long, expected {wanted.size:,}")
        if total is not None and wanted.limit is not None and total > wanted.limit:
            raise TransferError(f"{wanted.url}: is {total:,} bytes long, expected at most {wanted.limit:,}")

    def _write(self, response: httpx.Response, partial: Partial, most: int | None) -> None:
        patience = self.patience
        since, before = patience.clock(), partial.held
        for chunk in response.iter_raw():
            if most is not None and partial.held + len(chunk) > most:
                partial.restart(None)
                raise TransferError(f"{self.wanted.url}: is longer than the expected {most:,} bytes; nothing was kept")
            partial.write(chunk)
            self.report(partial.held)
            if (now := patience.clock()) - since >= patience.timeout:
                if partial.held - before < patience.least:
                    raise RetryableError(f"fewer than {patience.least:,} bytes arrived in {patience.timeout:g} s")
                since, before = now, partial.held
