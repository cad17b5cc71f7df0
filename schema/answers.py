"""What a server's answer to a request for a file says: how long it is, which version, whether to ask again and when."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from homodb.schema.errors import TransferError
from homodb.schema.partial import Version

#: Answers that pass: the server is busy, or something before it broke.
_PASSING = (408, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
#: A change so many seconds before the answer shows in ``Last-Modified``, whose unit is the second (RFC 9110, 8.8.2.2).
_SETTLED = 60.0


class PassingError(Exception):
    """Something failed that may go well next time.

    Attributes
    ----------
    asked
        Seconds that the server asks to wait (``Retry-After``); None where it does not.
    """

    def __init__(self, message: str, asked: float | None = None) -> None:
        super().__init__(message)
        self.asked = asked


def check_address(address: httpx.URL, first: httpx.URL, hosts: Collection[str]) -> None:
    """Raise unless this may be asked for a file that was to come from the first address.

    Parameters
    ----------
    address
        The address, of a redirect or the first one itself.
    first
        What the caller gave.
    hosts
        Hosts beside the first one's that are trusted over ``https:``.

    Raises
    ------
    TransferError
        For anything but ``https:``, except on this machine; for other hosts.
    """
    if address.scheme not in ("http", "https") or not address.host:
        raise TransferError(f"{address}: wanted an address that begins with https://")
    if address.scheme == "http" and not _is_loopback(address.host):
        raise TransferError(f"{address}: plain http is used for this machine only; use https")
    same = (address.scheme, address.host, address.port) == (first.scheme, first.host, first.port)
    trusted = address.scheme == "https" and address.port is None and address.host in {first.host, *hosts}
    if not (same or trusted):
        raise TransferError(
            f"{first}: is redirected to {address.host}, where nothing was asked for; "
            "if that is its new home, give the new address"
        )


def begin(response: httpx.Response, url: str, held: int, version: Version | None) -> Version:
    """Judge the answer to a request for a file, or for what is left of it.

    Parameters
    ----------
    response
        Its status and headers.
    url
        Address that was asked for.
    held, version
        Bytes that are there, and of which version.

    Returns
    -------
    Version
        The version that comes: from its beginning, or, where the status is 206, from where the bytes end.

    Raises
    ------
    PassingError
        If it may go well next time; :class:`NotContinuedError` if not with the bytes that are there.
    TransferError
        If it will not.
    """
    status = f"the server answered {response.status_code} {response.reason_phrase}"
    if response.status_code == 200:
        return Version(url, _validator(response), length(response))
    if response.status_code == 206 and held and version is not None:
        total = _continues(response, held, version)
        if total is None:
            raise NotContinuedError("the server went on with another part or another version than asked for")
        return replace(version, total=total)
    if response.status_code == 416:
        raise NotContinuedError("the server has no such part of the file")
    if response.status_code in _PASSING:
        raise PassingError(status, _retry_after(response))
    raise TransferError(f"{url}: {status}")


class NotContinuedError(PassingError):
    """What is there cannot be gone on with."""


def check_kind(response: httpx.Response, url: str, *, pages: bool) -> None:
    """Raise if what comes is a page where a file was wanted, or is encoded."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not pages:
        raise TransferError(f"{url}: the server sent a page (HTML) where a file was wanted; open it in a browser")
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    # servers that label a .gz file so send it as it is
    if coding != "identity" and not httpx.URL(url).path.endswith((".gz", ".bgz")):
        raise TransferError(f"{url}: the server sent it encoded ({coding}), which was not asked for")


def length(response: httpx.Response) -> int | None:
    """Return how many bytes a whole answer has, where it tells."""
    written = response.headers.get("content-length", "")
    return int(written) if written.isdecimal() and not _is_chunked(response) else None


def tells_its_end(response: httpx.Response) -> bool:
    """Tell whether a cut of a body of unknown length can be told from its end."""
    return _is_chunked(response) or response.http_version == "HTTP/2"


def _is_chunked(response: httpx.Response) -> bool:
    return "chunked" in response.headers.get("transfer-encoding", "").lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _continues(response: httpx.Response, held: int, version: Version) -> int | None:
    """Return the length of the whole, if the answer goes on where the bytes end, in the same version."""
    found = _RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if not found or int(found[1]) != held or version.total not in (None, int(found[3])):
        return None
    name = "etag" if (version.validator or "").startswith('"') else "last-modified"
    same = response.headers.get(name, version.validator) == version.validator
    return int(found[3]) if same else None


def _validator(response: httpx.Response) -> str | None:
    """Return what proves, sent as ``If-Range``, that the file is still the same (RFC 9110, sections 8.8 and 13.1.5)."""
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
