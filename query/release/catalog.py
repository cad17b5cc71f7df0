"""Read catalogs of releases from folders and web servers."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import httpx

from homodb.query.release.cache import SEEN
from homodb.schema.catalog import CATALOG, Catalog
from homodb.schema.errors import BrokenReleaseError, CatalogError, HomodbError, TransferError
from homodb.schema.io import parse_json, reason, whole_file
from homodb.schema.io.http import RetryPolicy
from homodb.schema.io.partial import remove
from homodb.schema.io.transfer import fetch, read
from homodb.schema.manifest import MANIFEST, copy_verified
from homodb.schema.settings import cache_folder, configuration, configured_catalog, releases_folder

#: Environment variable that names the catalog to use.
CATALOG_VARIABLE = "HOMODB_CATALOG"
#: A catalog of more bytes (some 10,000 releases) is none.
LARGEST_INDEX = 4 << 20
#: Retries for the first file, which shows soon whether there is a network.
_SOON = RetryPolicy(attempts=3, timeout=20.0)
#: Seconds within which a catalog has to come.
_LONGEST = 45.0
_MOST_SEEN = 100
_DAY = re.compile(r"\d{4}-\d\d-\d\d[0-9T:.+Z-]{0,30}")
_LOG = logging.getLogger(__name__)

Report = Callable[[int], None]


class Place(Protocol):
    """Folder of releases, on disk or on a web server."""

    @property
    def where(self) -> str:
        """Return the location of its catalog, for messages."""
        ...

    def index(self) -> bytes:
        """Read its current catalog."""
        ...

    def bring(
        self, path: str, target: Path, size: int, sha256: str, report: Report, address: str | None = None
    ) -> None:
        """Copy or download a file, verified by size and checksum.

        The file appears whole or not at all. It comes from `address`, where the catalog gives it one.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True)
class Folder:
    """Folder on disk."""

    path: Path
    hosts: tuple[str, ...] = ()
    patience: RetryPolicy | None = None

    @property
    def where(self) -> str:
        """Return the path of its catalog."""
        return str(self.path / CATALOG)

    def index(self) -> bytes:
        """Read the catalog."""
        path = self._inside(CATALOG)
        try:
            with path.open("rb") as stream:
                return stream.read(LARGEST_INDEX + 1)
        except OSError as error:
            raise CatalogError(f"{path}: cannot be read ({reason(error)})") from error

    def bring(
        self, path: str, target: Path, size: int, sha256: str, report: Report, address: str | None = None
    ) -> None:
        """Copy a file, or download it from its address."""
        if address is not None:
            with closing(Site(address, self.hosts, self.patience, httpx.Client())) as site:
                site.bring(path, target, size, sha256, report, address)
            return
        source, partial = self._inside(path), target.with_name(f".{target.name}.partial")
        if not source.is_file():
            raise BrokenReleaseError(f"{source}: is missing")
        remove(partial)  # which may be a link
        if not copy_verified(source, partial, size, sha256, report=report):
            raise BrokenReleaseError(f"{source}: is not the file that its manifest names")
        partial.replace(target)

    def close(self) -> None:
        """Do nothing, since nothing is open."""

    def _inside(self, path: str) -> Path:
        source = self.path / path
        try:
            if source.resolve().is_relative_to(self.path.resolve()):
                return source
        except (OSError, RuntimeError) as error:
            raise CatalogError(f"{source}: cannot be read ({reason(error)})") from error
        raise CatalogError(f"{source}: is a link that leads out of the folder of releases")


@dataclass(frozen=True)
class Site:
    """Folder on a web server, over ``https:`` or on this machine.

    Parameters
    ----------
    url
        Address of the folder.
    hosts
        Further hosts that may serve its files after a redirect.
    patience
        Timeouts and retries; None takes the default.
    client
        HTTP client.
    """

    url: str
    hosts: tuple[str, ...]
    patience: RetryPolicy | None
    client: httpx.Client

    @property
    def where(self) -> str:
        """Return the address of its catalog."""
        return f"{self.url}/{CATALOG}"

    def index(self) -> bytes:
        """Download the catalog.

        Nothing but ``https:`` itself vouches for it.
        """
        policy = self.patience or _SOON
        policy = replace(policy, whole=min(policy.whole, _LONGEST))
        return read(self.where, limit=LARGEST_INDEX, hosts=self.hosts, client=self.client, patience=policy)

    def bring(
        self, path: str, target: Path, size: int, sha256: str, report: Report, address: str | None = None
    ) -> None:
        """Download a file, continuing an interrupted download."""
        options: dict[str, Any] = {"hosts": self.hosts, "client": self.client, "patience": self.patience}
        fetch(address or f"{self.url}/{quote(path)}", target, size=size, sha256=sha256, report=report, **options)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def place_of(
    catalog: str | Path | None = None, *, hosts: Sequence[str] = (), patience: RetryPolicy | None = None
) -> Place:
    """Return the place of a catalog.

    Parameters
    ----------
    catalog
        A folder, its ``index.json``, or the ``file:`` or ``https:`` address of either (``http:`` for this machine
        only). None takes the environment variable ``HOMODB_CATALOG``, else ``catalog`` in the configuration
        file.
    hosts
        Further hosts that a web server may redirect to.
    patience
        Timeouts and retries for a web server; None takes the default.

    Raises
    ------
    CatalogError
        If no catalog is given, or it is neither a folder nor such an address.
    ConfigError
        If the configuration file cannot be read, or has an unknown key.
    """
    wanted = str(catalog or os.environ.get(CATALOG_VARIABLE) or configured_catalog() or "")
    if not wanted:
        raise CatalogError(
            "no catalog is given, and none is public yet: name a folder or an address, set the environment variable "
            f'{CATALOG_VARIABLE}, or catalog = "…" in {configuration()}. No release of homodb has been published so '
            "far: `homodb build` makes one"
        )
    if wanted.startswith(("https:", "http:")):
        return Site(_address(wanted), tuple(hosts), patience, httpx.Client())
    if wanted.startswith("file:"):
        wanted = unquote(urlsplit(wanted).path)
    elif "://" in wanted:
        raise CatalogError(f"{wanted}: is not a catalog; expected a folder, or an address of file: or https:")
    path = Path(wanted).expanduser()
    path = path.parent if path.name == CATALOG else path
    if not (path / CATALOG).is_file():
        raise CatalogError(f"{path}: holds no catalog ({CATALOG}); `homodb publish` makes one")
    return Folder(path, tuple(hosts), patience)


def _address(wanted: str) -> str:
    try:
        parts = urlsplit(wanted)
    except ValueError as error:
        raise CatalogError(f"{wanted}: is not an address ({error})") from error
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise CatalogError(f"{wanted}: expected the plain address of a folder, without user, query or fragment")
    return wanted.removesuffix(CATALOG).rstrip("/")


def releases(
    catalog: str | Path | None = None, *, hosts: Sequence[str] = (), patience: RetryPolicy | None = None
) -> list[dict[str, Any]]:
    """List the releases of a catalog, newest first.

    Parameters
    ----------
    catalog, hosts, patience
        See :func:`place_of`.

    Returns
    -------
    list of dict
        Entries of the catalog; ``here`` is whether the cache has the release or a part of it.
    """
    with closing(place_of(catalog, hosts=hosts, patience=patience)) as place:
        entries = read_catalog(place).newest_first()
    return [entry.model_dump() | {"here": (releases_folder() / entry.name / MANIFEST).is_file()} for entry in entries]


def read_catalog(place: Place) -> Catalog:
    """Read the catalog of a place.

    Raises
    ------
    CatalogError, TransferError
        If it cannot be read, or is not a catalog.
    """
    try:
        text = place.index()
    except TransferError as error:
        raise TransferError(f"{error}. Releases in the cache need no network: `homodb cache list`") from error
    if len(text) > LARGEST_INDEX:
        raise CatalogError(f"{place.where}: is larger than any catalog ({LARGEST_INDEX:,} bytes)")
    catalog = Catalog.from_json(text, place.where)
    _compare_with_seen(catalog, place.where)
    return catalog


def _compare_with_seen(catalog: Catalog, where: str) -> None:
    """Warn of a catalog that is older than the last one from the same place, and remember the newest."""
    path = cache_folder() / SEEN
    newest = max((one.created for one in catalog.releases if _DAY.fullmatch(one.created)), default="")
    record = _read_seen(path)
    before = record.get(where, "")
    if newest < before:
        state = f"its newest release is of {newest}" if newest else "it has no dated release"
        _LOG.warning("%s: is older than when it was last read (%s; then %s)", where, state, before)
    elif newest > before:
        kept = dict(list(record.items())[-_MOST_SEEN:]) | {where: newest}
        with suppress(HomodbError, OSError):  # a cache that cannot be written remembers nothing
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as partial:
                partial.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def _read_seen(path: Path) -> dict[str, str]:
    try:
        document = parse_json(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    items = document.items() if isinstance(document, dict) else ()
    return {where: created for where, created in items if isinstance(created, str) and _DAY.fullmatch(created)}
