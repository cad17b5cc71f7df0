"""One attempt at a file: asks its server for it, follows redirects, and writes what comes into the partial file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from homodb.schema.answers import NotContinuedError, PassingError, begin, check_address, check_kind, tells_its_end
from homodb.schema.errors import TransferError
from homodb.schema.partial import Partial
from homodb.schema.patience import Patience

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Wanted:
    """A file that is wanted: where from, and what it has to be.

    Parameters
    ----------
    url
        Its address.
    sha256, size
        What it has to be: hexadecimal in lower case, bytes; None where that is not known.
    limit
        More bytes than these are not accepted.
    hosts
        Hosts beside the one of `url` that the server may redirect to.
    pages
        HTML is welcome.

    Raises
    ------
    TransferError
        If the address is none, or may not be asked.
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
            raise TransferError(f"{self.url}: is no address ({error})") from error


@dataclass(frozen=True)
class Attempts:
    """Attempts at one file, each from where the last one ended.

    Parameters
    ----------
    wanted
        The file.
    client
        To send with.
    patience
        How long to wait for an answer, and for more data.
    report
        Called with the bytes that are there.
    """

    wanted: Wanted
    client: httpx.Client
    patience: Patience
    report: Callable[[int], None]

    def receive(self, partial: Partial) -> None:
        """Ask once, for what the partial file lacks, and write what comes.

        Raises
        ------
        PassingError
            If it may go well next time; the partial file holds what came.
        TransferError
            If it may not.
        """
        try:
            self._receive(partial)
        except httpx.TransportError as error:
            if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or (
                "CERTIFICATE_VERIFY" in str(error)
            ):
                raise TransferError(f"{self.wanted.url}: {error}") from error
            raise PassingError(str(error) or f"no answer ({type(error).__name__})") from error

    def _receive(self, partial: Partial) -> None:
        wanted, version = self.wanted, partial.version
        if version and version.url != wanted.url:
            partial.restart(version := None)
        if version and partial.held and partial.held == version.total:
            return
        headers = {"Accept-Encoding": "identity", "User-Agent": "homodb"}
        if version and version.validator and partial.held:
            headers |= {"Range": f"bytes={partial.held}-", "If-Range": version.validator}
        with self._answer(headers) as response:
            total = self._begin(response, partial)
            most = min((one for one in (total, wanted.size, wanted.limit) if one is not None), default=None)
            self._write(response, partial, most)
        if total is not None and partial.held < total:
            raise PassingError(f"the connection ended after {partial.held:,} of {total:,} bytes")

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Send the request, to wherever the server redirects it."""
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
                    raise TransferError(f"{wanted.url}: is redirected to no address ({error})") from error
                check_address(address, httpx.URL(wanted.url), wanted.hosts)
            finally:
                response.close()
        raise TransferError(f"{wanted.url}: is redirected more than {_MOST_REDIRECTS} times")

    def _begin(self, response: httpx.Response, partial: Partial) -> int | None:
        """Judge the answer, make the partial file ready for it, and return how long the whole is to be."""
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
        if total is None and wanted.size is None and wanted.sha256 is None and not tells_its_end(response):
            raise TransferError(
                f"{wanted.url}: the server does not tell how long the file is, so a cut would not be seen; "
                "give its size or checksum"
            )
        return total

    def _check_total(self, total: int | None) -> None:
        wanted = self.wanted
        if total is not None and wanted.size is not None and total != wanted.size:
            raise TransferError(f"{wanted.url}: is {total:,} bytes long where {wanted.size:,} were wanted")
        if total is not None and wanted.limit is not None and total > wanted.limit:
            raise TransferError(f"{wanted.url}: is {total:,} bytes long where at most {wanted.limit:,} were wanted")

    def _write(self, response: httpx.Response, partial: Partial, most: int | None) -> None:
        patience = self.patience
        since, before = patience.clock(), partial.held
        for chunk in response.iter_raw():
            if most is not None and partial.held + len(chunk) > most:
                partial.restart(None)
                raise TransferError(
                    f"{self.wanted.url}: is longer than the {most:,} bytes that were wanted; nothing was kept"
                )
            partial.write(chunk)
            self.report(partial.held)
            if (now := patience.clock()) - since >= patience.timeout:
                if partial.held - before < patience.least:
                    raise PassingError(f"fewer than {patience.least:,} bytes came in {patience.timeout:g} s")
                since, before = now, partial.held
