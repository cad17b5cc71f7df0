"""Listings of folders as web servers make them (Apache, nginx, lighttpd): names, and sizes as far as they tell.

A listing is a page with a link to each thing in the folder. What counts is a link to something right below the page
whose text is the beginning of its name; links that sort, lead up or elsewhere do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from homodb.schema.errors import TransferError

_SIZE = re.compile(r"(?<![\w.:/-])(\d{1,15}|\d{1,4}\.\d)\s?([KMGT]?)(?:i?B)?(?![\w.:/-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\d{1,2}-[A-Z][a-z]{2}-\d{4} \d\d:\d\d(:\d\d)?")
_CUT = re.compile(r"(\.\.>|>|\.\.\.|…|\.\.)$")
_HEADING = re.compile(r"(?i)index of|directory listing")


@dataclass(frozen=True)
class Listed:
    """A thing in a folder.

    Parameters
    ----------
    name
        Its name, without a slash.
    is_folder
        Whether it is a folder.
    low, high
        Its size in bytes lies between these, where the listing tells it; they are equal where it tells it exactly.
    """

    name: str
    is_folder: bool
    low: int | None = None
    high: int | None = None


def read_listing(path: Path, url: str) -> dict[str, Listed]:
    """Read the listing of a folder.

    Parameters
    ----------
    path
        The page, fetched.
    url
        Address of the folder, ending in a slash.

    Returns
    -------
    dict
        What is in the folder, by name.

    Raises
    ------
    TransferError
        If the page is no listing.
    """
    text = path.read_bytes().decode("utf-8", "replace")
    if not text.rstrip().lower().endswith("</html>"):
        raise TransferError(f"{url}: is no listing of a folder, or a part of one; try again, or give another mirror")
    page = _Page()
    page.feed(text)
    page.close()
    here = urlsplit(url).path
    found: dict[str, Listed] = {}
    for href, text, behind in page.links:
        name = _child(href, text, here)
        if name is not None:
            low, high = _size(behind)
            found[name.rstrip("/")] = Listed(name.rstrip("/"), name.endswith("/"), low, high)
    if not found and not _HEADING.search(page.heading):
        raise TransferError(f"{url}: is a page, but no listing of a folder; give another mirror, one with listings")
    return found


class _Page(HTMLParser):
    """Collects links as (href, text, text behind it up to the next link), and what stands in title and heading."""

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
    """Return the name of what a link leads to, a slash behind a folder's; None unless it lies right in this folder."""
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
    told = shown == bare or (len(shown) > 3 and bare.startswith(_CUT.sub("", shown)))
    return name if told else None


def _size(behind: str) -> tuple[int | None, int | None]:
    """Return between which bounds a size lies that is told exactly, or in K, M, G of either kind to so many places."""
    found = _SIZE.findall(_DATE.sub(" ", behind))
    if not found:
        return None, None
    number, unit = found[-1] if len(found) == 1 else found[0]
    if not unit:
        return (int(number), int(number)) if number.isdigit() else (None, None)
    power = "KMGT".index(unit) + 1
    place = 0.1 if "." in number else 1.0
    return int((float(number) - place) * 1000**power), int((float(number) + place) * 1024**power) + 1
