"""Request a file: when to retry, what a response means, and one attempt.

This is the only module that parses what a server sends beside a file. A server may send anything: what is not a plain
value of its kind counts as absent.
"""

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
from typing import Any, Protocol

import httpcore
import httpx

from homodb.schema.errors import TransferError
from homodb.schema.io.partial import Version, is_validator

#: Temporary failures: the server is busy, or a proxy failed.
_TEMPORARY = (408, 429, 500, 502, 503, 504)
_NUMBER = "[0-9]{1,18}"
_RANGE = re.compile(rf"bytes ({_NUMBER})-({_NUMBER})/({_NUMBER})")
_YEARS = range(1970, 2200)
#: ``Last-Modified`` in seconds proves the version only if it is this much older than the response (RFC 9110, 8.8.2.2).
_SETTLED = 60.0
#: Letters of a server's text that a message shows, and that a date may have.
_SHOWN = 80


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
    status = f"the server answered {response.status_code} {_printable(response.reason_phrase)}".strip()
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
    kind = _header(response, "content-type").partition(";")[0].lower()
    if kind in ("text/html", "application/xhtml+xml") and not pages:
        raise TransferError(f"{url}: the server sent a page (HTML) instead of a file; open it in a browser")
    coding = _printable(_header(response, "content-encoding") or "identity").lower()
    # servers with this label on a .gz file send the file itself
    if coding != "identity" and not httpx.URL(url).path.endswith((".gz", ".bgz")):
        raise TransferError(f"{url}: the server sent it encoded ({coding}), which was not requested")


def length(response: httpx.Response) -> int | None:
    """Return the bytes of a complete response, from its headers, if known."""
    return None if _is_chunked(response) else _number(_header(response, "content-length"))


def detects_truncation(response: httpx.Response) -> bool:
    """Return whether truncation of a body of unknown length is detected."""
    return _is_chunked(response) or response.http_version == "HTTP/2"


def _header(response: httpx.Response, name: str) -> str:
    value: str = response.headers.get(name, "")
    return value.strip()


def _number(written: str) -> int | None:
    return int(written) if re.fullmatch(_NUMBER, written) else None


def _printable(written: str) -> str:
    """Return a text of a server for a message."""
    return "".join(letter if letter.isprintable() else "?" for letter in written[:_SHOWN])


def _is_chunked(response: httpx.Response) -> bool:
    return "chunked" in _header(response, "transfer-encoding").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _continues(response: httpx.Response, held: int, version: Version) -> int | None:
    """Return the length of the file if the response resumes the partial file."""
    match = _RANGE.fullmatch(_header(response, "content-range"))
    if not match or int(match[1]) != held or version.total not in (None, int(match[3])):
        return None
    name = "etag" if (version.validator or "").startswith('"') else "last-modified"
    return int(match[3]) if _header(response, name) in ("", version.validator) else None


def _validator(response: httpx.Response) -> str | None:
    """Return the strong validator for ``If-Range`` (RFC 9110, 8.8, 13.1.5)."""
    if "bytes" not in (_header(response, "accept-ranges") or "bytes").lower():
        return None
    tag, changed = _header(response, "etag"), _header(response, "last-modified")
    if tag.startswith('"') and is_validator(tag):
        return tag
    then, now = _date(changed), _date(_header(response, "date"))
    settled = then is not None and now is not None and (now - then).total_seconds() >= _SETTLED
    return changed if settled and is_validator(changed) else None


def _retry_after(response: httpx.Response) -> float | None:
    written = _header(response, "retry-after")
    if (seconds := _number(written)) is not None:
        return float(seconds)
    then, now = _date(written), _date(_header(response, "date")) or datetime.now(UTC)
    return max(0.0, (then - now).total_seconds()) if then else None


def _date(written: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(written[:_SHOWN])
        date = date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.year in _YEARS else None


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
        Seconds to wait for a connection, for all headers, or for more data.
    least, window
        Minimum bytes per `window` seconds (None for twice `timeout`); a slower server counts as a broken connection.
    whole
        Maximum number of seconds for a file, with all attempts.
    first, longest
        Seconds to wait after the first failure, about doubled for each further one, and at most. A server whose
        ``Retry-After`` is longer is not tried again.
    halt
        Event that ends the current pause and refuses any other.
    sleep, chance, clock
        Functions that wait, give a random number in [0, 1), and give the time in seconds; for tests.
    """

    attempts: int = 6
    timeout: float = 30.0
    least: int = 65_536
    window: float | None = None
    whole: float = 86_400.0
    first: float = 1.0
    longest: float = 120.0
    halt: threading.Event | None = None
    sleep: Callable[[float], None] | None = None
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    @property
    def floor_window(self) -> float:
        """Return the seconds over which the speed is measured."""
        return 2 * self.timeout if self.window is None else self.window

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


class Receiver(Protocol):
    """Bytes of a file that are being received."""

    version: Version | None

    @property
    def held(self) -> int:
        """Number of its bytes."""
        ...

    def restart(self, version: Version | None) -> None:
        """Forget all bytes, for those of another version."""
        ...

    def write(self, data: bytes) -> None:
        """Append bytes."""
        ...


class _Backend(httpcore.NetworkBackend):
    """Network of a client, whose reads end at a deadline of their thread.

    A client's own timeout is for each read: a server that sends a byte now and then would be waited for without end.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_tcp(*arguments, **options))

    def connect_unix_socket(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._backend.connect_unix_socket(*arguments, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        until: float | None = getattr(_DEADLINE, "until", None)
        if until is not None:
            remaining = until - time.monotonic()
            if remaining <= 0:
                raise httpcore.ReadTimeout("timed out")
            timeout = remaining if timeout is None else min(timeout, remaining)
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(*arguments, **options))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


_DEADLINE = threading.local()


def bound_reads(client: httpx.Client) -> None:
    """Let the reads of a client end at the deadlines of :class:`Attempts`; repeated calls change nothing."""
    transports = [getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values()]
    for pool in [getattr(transport, "_pool", None) for transport in transports]:
        backend = getattr(pool, "_network_backend", None)
        if isinstance(backend, httpcore.NetworkBackend) and not isinstance(backend, _Backend):
            pool._network_backend = _Backend(backend)  # type: ignore[union-attr]


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    _DEADLINE.until = time.monotonic() + seconds
    try:
        yield
    finally:
        _DEADLINE.until = None


class Attempts:
    """Attempts at one file, each of which resumes the last.

    Parameters
    ----------
    wanted
        The file.
    client
        Client that sends the requests.
    patience
        Timeouts and minimum speed.
    report
        Callback that receives the bytes received so far.
    """

    def __init__(
        self, wanted: DownloadRequest, client: httpx.Client, patience: RetryPolicy, report: Callable[[int], None]
    ) -> None:
        self.wanted, self.client, self.patience, self.report = wanted, client, patience, report
        self._until = patience.clock() + patience.whole
        bound_reads(client)

    def check_time(self) -> None:
        """Raise an error once the time for the whole file is over."""
        if self.patience.clock() >= self._until:
            raise TransferError(f"{self.wanted.url}: took longer than {self.patience.whole:g} s; try again later")

    def receive(self, partial: Receiver) -> None:
        """Request the rest of the partial file once, and append it.

        Raises
        ------
        RetryableError
            For a temporary failure; the partial file keeps the bytes received.
        TransferError
            For any other failure.
        """
        self.check_time()
        try:
            self._receive(partial)
        except httpx.TransportError as error:
            if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or (
                "CERTIFICATE_VERIFY" in str(error)
            ):
                raise TransferError(f"{self.wanted.url}: {_printable(str(error))}") from error
            raise RetryableError(_printable(str(error)) or f"no response ({type(error).__name__})") from error
        except httpx.InvalidURL as error:
            why = _printable(str(error))
            raise TransferError(f"{self.wanted.url}: is redirected to an invalid address ({why})") from error
        except (httpx.HTTPError, httpx.StreamError, ValueError, OverflowError) as error:
            why = f"{type(error).__name__}: {_printable(str(error))}"
            raise TransferError(f"{self.wanted.url}: the server sent what is not HTTP ({why})") from error

    def _receive(self, partial: Receiver) -> None:
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
            with _deadline(min(2 * self.patience.timeout, self.patience.whole)):
                response = self.client.send(request, stream=True, follow_redirects=False)
            try:
                if response.status_code not in _REDIRECTS or "location" not in response.headers:
                    yield response
                    return
                address = address.join(response.headers["location"])
                check_address(address, httpx.URL(wanted.url), wanted.hosts)
            finally:
                response.close()
        raise TransferError(f"{wanted.url}: is redirected more than {_MOST_REDIRECTS} times")

    def _begin(self, response: httpx.Response, partial: Receiver) -> int | None:
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

    def _write(self, response: httpx.Response, partial: Receiver, most: int | None) -> None:
        patience = self.patience
        since, before, window = patience.clock(), partial.held, patience.floor_window
        # a body of one enormous read has to end, too
        with _deadline(max(self._until - since, 0.0)):
            for chunk in response.iter_raw():
                if most is not None and partial.held + len(chunk) > most:
                    partial.restart(None)
                    raise TransferError(
                        f"{self.wanted.url}: is longer than the expected {most:,} bytes; nothing was kept"
                    )
                partial.write(chunk)
                self.report(partial.held)
                if (now := patience.clock()) - since >= window:
                    if partial.held - before < patience.least:
                        raise RetryableError(f"fewer than {patience.least:,} bytes arrived in {window:g} s")
                    since, before = now, partial.held
                if now >= self._until:
                    self.check_time()
