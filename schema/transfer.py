"""Fetches a file over HTTP: verified, resumed where that is safe, whole under its name or not there."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from homodb.schema.answers import NotContinuedError, PassingError, begin, check_address, check_kind, tells_its_end
from homodb.schema.errors import OutputError, TransferError
from homodb.schema.partial import Partial, claim
from homodb.schema.patience import Patience

_LOG = logging.getLogger(__name__)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
#: So many bytes further than ever before count as progress, and the count of failures starts again.
_PROGRESS = 1 << 20
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched: where it is, its length and SHA-256 as computed here, and where it came from."""

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
    patience: Patience | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Fetched:
    """Fetch a file over HTTP.

    The data goes to a hidden file beside the target, which takes the target's name when all of it is there and right.
    What an interrupted call left is gone on with if the server proves, by a strong ``ETag`` or a ``Last-Modified`` that
    is old enough, that the file is still the same; else it is fetched anew. Processes that fetch the same target do so
    one after another.

    Parameters
    ----------
    url
        ``https:``; ``http:`` only for this machine itself.
    target
        The file to be; its folder exists. Where it has the wanted checksum already, nothing is asked for.
    sha256, size
        What the file has to be: hexadecimal, bytes.
    limit
        Where the size is not known: more bytes than these are not accepted.
    hosts
        Hosts beside the one of `url` that the server may redirect to, over ``https:``.
    pages
        HTML is welcome. Otherwise it is taken for a page of a login or an error, and refused.
    keep
        A target that is there is taken as it is: it only ever appears whole.
    client
        To send with; None makes one.
    patience
        When to wait and when to give up; None takes the usual one.
    report
        Called with the bytes that are there.

    Returns
    -------
    Fetched
        With the checksum as computed here, also where none was asked for.

    Raises
    ------
    TransferError
        If the file cannot be had, or is another than was asked for. What stood under the target's name stays.
    OutputError
        If it cannot be written.

    Examples
    --------
    >>> fetch("http://example.org/a.fa.gz", Path("a.fa.gz"))
    Traceback (most recent call last):
    ...
    homodb.schema.errors.TransferError: http://example.org/a.fa.gz: plain http is used for this machine only; use https
    """
    sending, patience = client or httpx.Client(), patience or Patience()
    try:
        transfer = _Transfer(
            url, sending, sha256 and sha256.lower(), size, limit, frozenset(hosts), pages, patience, report
        )
        if there := transfer.there(target, keep=keep):
            return there
        with claim(target, lambda: patience.sleep(1.0)) as partial:
            # another process may have fetched it meanwhile
            if there := transfer.there(target, keep=keep):
                return there
            transfer.run(partial)
            done = Fetched(target, partial.held, partial.sha256, url)
            partial.finish()
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        if client is None:
            sending.close()
    _LOG.info("fetched %s: %d bytes, sha256 %s", url, done.bytes, done.sha256)
    return done


@dataclass(frozen=True)
class _Transfer:
    """One file to fetch, and what is asked of it."""

    url: str
    client: httpx.Client
    sha256: str | None
    size: int | None
    limit: int | None
    hosts: frozenset[str]
    pages: bool
    patience: Patience
    report: Callable[[int], None]

    def __post_init__(self) -> None:
        try:
            check_address(httpx.URL(self.url), httpx.URL(self.url), self.hosts)
        except httpx.InvalidURL as error:
            raise TransferError(f"{self.url}: is no address ({error})") from error

    def there(self, target: Path, *, keep: bool) -> Fetched | None:
        """Return the target, if it is there and need not be fetched."""
        if not (keep or self.sha256) or not target.exists():
            return None
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return Fetched(target, stream.tell(), digest, self.url) if keep or digest == self.sha256 else None

    def run(self, partial: Partial) -> None:
        """Fill the partial file, over as many attempts as it takes."""
        failures, farthest = 0, partial.held
        resumed = partial.held > 0
        while True:
            try:
                self._receive(partial)
                wrong = self._wrong(partial)
                if wrong is None:
                    return
                partial.restart(None)
                if not resumed:
                    raise TransferError(f"{self.url}: {wrong}; nothing was kept")
                resumed = False
                _LOG.warning("%s: %s after it was resumed: fetching it anew", self.url, wrong)
                continue
            except httpx.TransportError as error:
                passing = _passing(error)
                if passing is None:
                    raise TransferError(f"{self.url}: {error}") from error
            except PassingError as error:
                passing = error
            if partial.held >= farthest + _PROGRESS:
                failures = 0
            farthest = max(farthest, partial.held)
            resumed = partial.held > 0
            failures += 1
            self._pause(passing, failures, partial)

    def _pause(self, passing: PassingError, failures: int, partial: Partial) -> None:
        can_go_on = partial.held and partial.version and partial.version.validator
        kept = "; what came is kept, and the same command goes on from there" if can_go_on else ""
        if failures >= self.patience.attempts:
            raise TransferError(f"{self.url}: {passing}, {failures} times; try again later{kept}") from passing
        if (passing.asked or 0.0) > self.patience.longest:
            raise TransferError(f"{self.url}: {passing}, and asks to wait {passing.asked:.0f} s; try again then{kept}")
        pause = self.patience.wait(failures, passing.asked)
        _LOG.info("%s: %s; again in %.1f s", self.url, passing, pause)
        self.patience.sleep(pause)

    def _receive(self, partial: Partial) -> None:
        """Ask once, and write what comes."""
        version = partial.version
        if version and version.url != self.url:
            partial.restart(version := None)
        if version and partial.held and partial.held == version.total:
            return
        headers = {"Accept-Encoding": "identity", "User-Agent": "homodb"}
        if version and version.validator and partial.held:
            headers |= {"Range": f"bytes={partial.held}-", "If-Range": version.validator}
        with self._answer(headers) as response:
            total = self._begin(response, partial)
            most = min((one for one in (total, self.size, self.limit) if one is not None), default=None)
            self._write(response, partial, most)
        if total is not None and partial.held < total:
            raise PassingError(f"the connection ended after {partial.held:,} of {total:,} bytes")

    @contextmanager
    def _answer(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Send the request, to wherever the server redirects it."""
        address = httpx.URL(self.url)
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
                    raise TransferError(f"{self.url}: is redirected to no address ({error})") from error
                check_address(address, httpx.URL(self.url), self.hosts)
            finally:
                response.close()
        raise TransferError(f"{self.url}: is redirected more than {_MOST_REDIRECTS} times")

    def _begin(self, response: httpx.Response, partial: Partial) -> int | None:
        """Judge the answer, make the partial file ready for it, and return how long the whole is to be."""
        try:
            version = begin(response, self.url, partial.held, partial.version)
        except NotContinuedError:
            partial.restart(None)
            raise
        check_kind(response, self.url, pages=self.pages)
        if response.status_code != 206:
            partial.restart(version)
        total = version.total
        self._check_total(total)
        if total is None and self.size is None and self.sha256 is None and not tells_its_end(response):
            raise TransferError(
                f"{self.url}: the server does not tell how long the file is, so a cut would not be seen; "
                "give its size or checksum"
            )
        return total

    def _check_total(self, total: int | None) -> None:
        if total is not None and self.size is not None and total != self.size:
            raise TransferError(f"{self.url}: is {total:,} bytes long where {self.size:,} were wanted")
        if total is not None and self.limit is not None and total > self.limit:
            raise TransferError(f"{self.url}: is {total:,} bytes long where at most {self.limit:,} were wanted")

    def _write(self, response: httpx.Response, partial: Partial, most: int | None) -> None:
        patience = self.patience
        since, before = patience.clock(), partial.held
        for chunk in response.iter_raw():
            if most is not None and partial.held + len(chunk) > most:
                partial.restart(None)
                raise TransferError(f"{self.url}: is longer than the {most:,} bytes that were wanted; nothing was kept")
            partial.write(chunk)
            self.report(partial.held)
            if (now := patience.clock()) - since >= patience.timeout:
                if partial.held - before < patience.least:
                    raise PassingError(f"fewer than {patience.least:,} bytes came in {patience.timeout:g} s")
                since, before = now, partial.held

    def _wrong(self, partial: Partial) -> str | None:
        """Return what is wrong with a file that came whole."""
        if self.size is not None and partial.held != self.size:
            return f"is {partial.held:,} bytes long where {self.size:,} were wanted"
        if self.sha256 is not None and partial.sha256 != self.sha256:
            return f"has sha256 {partial.sha256} where {self.sha256} was wanted"
        if not self.pages and _PAGE.match(partial.head(256)):
            return "is a page (HTML) where a file was wanted"
        return None


def _passing(error: httpx.TransportError) -> PassingError | None:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError) or "CERTIFICATE_VERIFY" in str(error):
        return None
    return PassingError(str(error) or f"no answer ({type(error).__name__})")
