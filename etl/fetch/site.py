"""Read the folders of Ensembl's sites: their listings and checksums.

A listing is a page with a link to each entry of the folder, as web servers write it (Apache, nginx, lighttpd). Only
links to direct children whose text is the beginning of their name count, not links that sort, or lead elsewhere.

Lines of ``CHECKSUMS`` are ``55610 198719 name`` (checksum of 16 bits by BSD ``sum``, blocks of 1024 bytes), those of
``MD5SUM`` and ``md5sum.txt`` are ``d41d8cd98f00b204e9800998ecf8427e  name``. None exists for every file, nor in every
release, and some list a part of the files of their folder.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

import httpx

from homodb.schema.errors import InputError, TransferError
from homodb.schema.io import transfer
from homodb.schema.io.http import RetryPolicy

T = TypeVar("T")
#: Hosts of Ensembl and EMBL-EBI that may serve each other's files.
HOSTS = ("ftp.ensembl.org", "ftp.ensemblgenomes.ebi.ac.uk", "ftp.ensemblgenomes.org", "ftp.ebi.ac.uk")
#: Size limit of listings, species lists and files of checksums.
_LIMIT = 1 << 25
_SHOWN = 5


class Remote:
    """Folders below a URL, each listed once.

    Parameters
    ----------
    base
        URL of the site.
    client, patience
        HTTP client, and its retries and timeouts.
    report
        Callback that receives each URL before its request.
    """

    def __init__(self, base: str, client: httpx.Client, patience: RetryPolicy, report: Callable[[str], None]) -> None:
        self.base = base.rstrip("/")
        self._client, self._patience, self._report = client, patience, report
        self._listings: dict[str, dict[str, ListedFile]] = {}
        self._checksums: dict[str, dict[str, str]] = {}

    def url(self, path: str) -> str:
        """Return the URL of a path below the base."""
        return f"{self.base}/{quote(path)}"

    def listing(self, folder: str) -> dict[str, ListedFile]:
        """Return the entries of a folder by name."""
        if folder not in self._listings:
            url = self.url(f"{folder}/" if folder else "")
            self._listings[folder] = self._read(url, lambda path: read_listing(path, url), pages=True)
        return self._listings[folder]

    def has_folder(self, path: str) -> bool:
        """Return whether a folder exists, by the listings of its parents."""
        above, _, name = path.rpartition("/")
        return (not above or self.has_folder(above)) and name in self.listing(above)

    def checksums(self, folder: str) -> dict[str, str]:
        """Return the published checksums of a folder by file name."""
        if folder not in self._checksums:
            checksums: dict[str, str] = {}
            for name in reversed(CHECKSUM_FILES):
                if name in self.listing(folder):
                    url = self.url(f"{folder}/{name}")
                    checksums |= self._read(url, lambda path: read_checksums(path.read_text("utf-8", "replace")))
            self._checksums[folder] = checksums
        return self._checksums[folder]

    def read(self, path: str, read: Callable[[Path], T], noun: str, *, limit: int = _LIMIT) -> T:
        """Download a file and read it.

        Raises
        ------
        TransferError
            If it cannot be downloaded or read.
        """
        url = self.url(path)
        try:
            return self._read(url, read, limit=limit)
        except InputError as error:
            problems = "; ".join(map(str, error.problems[:_SHOWN]))
            raise TransferError(f"{url}: is not {noun} that homodb can read ({problems})") from error

    def _read(self, url: str, read: Callable[[Path], T], *, limit: int = _LIMIT, pages: bool = False) -> T:
        self._report(url)
        content = transfer.read(
            url, limit=limit, hosts=HOSTS, pages=pages, client=self._client, patience=self._patience
        )
        with tempfile.TemporaryDirectory(prefix="homodb-") as scratch:
            path = Path(scratch) / "page"
            path.write_bytes(content)
            return read(path)


_SIZE = re.compile(r"(?<![\w.:/-])(\d{1,15}|\d{1,4}\.\d)\s?([KMGT]?)(?:i?B)?(?![\w.:/-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\d{1,2}-[A-Z][a-z]{2}-\d{4} \d\d:\d\d(:\d\d)?")
_CUT = re.compile(r"(\.\.>|>|\.\.\.|…|\.\.)$")
_HEADING = re.compile(r"(?i)index of|directory listing")


@dataclass(frozen=True)
class ListedFile:
    """An entry of a folder.

    Parameters
    ----------
    name
        Name without a slash.
    is_folder
        Whether the entry is a folder.
    low, high
        Bounds of the size in bytes, if the listing has sizes; equal for exact sizes.
    """

    name: str
    is_folder: bool
    low: int | None = None
    high: int | None = None


def read_listing(path: Path, url: str) -> dict[str, ListedFile]:
    """Read the listing of a folder.

    Raises
    ------
    TransferError
        If the page is not a listing.
    """
    text = path.read_bytes().decode("utf-8", "replace")
    if not text.rstrip().lower().endswith("</html>"):
        raise TransferError(f"{url}: is not a complete listing of a folder. Try again, or use another mirror")
    page = _Page()
    page.feed(text)
    page.close()
    here = urlsplit(url).path
    entries: dict[str, ListedFile] = {}
    for href, text, behind in page.links:
        name = _child(href, text, here)
        if name is not None:
            low, high = _size(behind)
            entries[name.rstrip("/")] = ListedFile(name.rstrip("/"), name.endswith("/"), low, high)
    if not entries and not _HEADING.search(page.heading):
        raise TransferError(f"{url}: is not a listing of a folder. Use a mirror with listings")
    return entries


class _Page(HTMLParser):
    """Parser for links as (href, text, following text), and the heading."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str, str]] = []
        self.heading = ""
        self._inside = False
        self._in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._inside = True
            self.links.append((dict(attrs).get("href") or "", "", ""))
        self._in_heading = self._in_heading or tag in ("title", "h1")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "a"
        self._in_heading = self._in_heading and tag not in ("title", "h1")

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data
        if self.links:
            href, text, behind = self.links[-1]
            self.links[-1] = (href, text + data, behind) if self._inside else (href, text, f"{behind} {data}")


def _child(href: str, text: str, here: str) -> str | None:
    """Return the name of a linked child (folders with a slash), or None."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    target = unquote(parts.path)
    if "?" in href or "#" in href or parts.netloc or parts.scheme:
        return None
    if target.startswith("/") and not target.startswith(here):
        return None
    name = target.removeprefix(here) if target.startswith("/") else target.removeprefix("./")
    bare = name.removesuffix("/")
    if not bare or bare.startswith(".") or "/" in bare or "\\" in bare or not bare.isprintable():
        return None
    shown = text.strip().removesuffix("/")
    is_name = shown == bare or (len(shown) > 3 and bare.startswith(_CUT.sub("", shown)))
    return name if is_name else None


def _size(behind: str) -> tuple[int | None, int | None]:
    """Return the bounds of a size, exact or rounded in K, M or G."""
    sizes = _SIZE.findall(_DATE.sub(" ", behind))
    if not sizes:
        return None, None
    number, unit = sizes[-1] if len(sizes) == 1 else sizes[0]
    if not unit:
        return (int(number), int(number)) if number.isdigit() else (None, None)
    power = "KMGT".index(unit) + 1
    place = 0.1 if "." in number else 1.0
    return int((float(number) - place) * 1000**power), int((float(number) + place) * 1024**power) + 1


#: Names of files with checksums, the stronger first.
CHECKSUM_FILES = ("MD5SUM", "md5sum.txt", "CHECKSUMS")

_BSD = re.compile(r"(\d{1,5})\s+(\d+)\s+(?:\./)?(\S+)")
_BSD_ALONE = re.compile(r"\s*(\d{1,5})\s+\d+\b")
_MD5 = re.compile(r"([0-9a-fA-F]{32})\s+[*]?(?:\./)?(\S+)")
_BLOCK = 1 << 20
#: Block sizes: ``sum`` of some systems counts blocks of 512 bytes.
_UNITS = (1024, 512)


def read_checksums(text: str) -> dict[str, str]:
    r"""Read a file of checksums.

    Returns
    -------
    dict
        ``md5:<hexadecimal>`` or ``sum:<checksum>:<blocks>`` by file name. Other lines are ignored.

    Examples
    --------
    >>> read_checksums("55610 198719 a.fa.gz\n04012   23671 b.fa.gz")
    {'a.fa.gz': 'sum:55610:198719', 'b.fa.gz': 'sum:4012:23671'}
    >>> read_checksums("d41d8cd98f00b204e9800998ecf8427e  c.tsv.gz")
    {'c.tsv.gz': 'md5:d41d8cd98f00b204e9800998ecf8427e'}
    """
    checksums = {}
    for line in text.splitlines():
        if match := _MD5.fullmatch(line.strip()):
            checksums[match[2]] = f"md5:{match[1].lower()}"
        elif match := _BSD.fullmatch(line.strip()):
            checksums[match[3]] = f"sum:{int(match[1])}:{int(match[2])}"
    return checksums


def has_checksum(path: Path, checksum: str) -> bool:
    """Return whether a file matches a checksum of :func:`read_checksums`."""
    kind, _, expected = checksum.partition(":")
    if kind == "md5":
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == expected
    value, blocks = map(int, expected.split(":"))
    size = path.stat().st_size
    return blocks in [-(-size // unit) for unit in _UNITS] and bsd_sum(path) == value


def bsd_sum(path: Path) -> int:
    """Return the checksum of BSD ``sum`` (``sum -r``).

    For each byte, 16 bits are rotated to the right and the byte is added, which detects accidents, not attacks. The
    ``sum`` of the system is used if it exists, since Python is slow at this.
    """
    program = shutil.which("sum")
    if program is not None:
        with path.open("rb") as stream:
            result = subprocess.run([program], stdin=stream, capture_output=True, check=False, text=True)  # noqa: S603
        if result.returncode == 0 and (match := _BSD_ALONE.match(result.stdout)):
            return int(match[1])
    return bsd_sum_in_python(path)


def bsd_sum_in_python(path: Path) -> int:
    """Compute :func:`bsd_sum` without the program of the system."""
    # the table rotates and drops the carry of the last addition, whose result is at most 65,535 + 255
    turned = [(value & 0xFFFF) >> 1 | (value & 1) << 15 for value in range(0x10000 + 0xFF)]
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            for byte in block:
                value = turned[value] + byte
    return value & 0xFFFF
