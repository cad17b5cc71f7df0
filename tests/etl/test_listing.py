"""Listings of folders as several servers make them, and pages that are none."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homodb.etl.fetch import ListedFile, read_listing
from homodb.schema.errors import TransferError
from tests import messages

URL = "https://example.org/pub/release-111/"
APACHE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /pub/release-111</title></head><body><h1>Index of /pub/release-111</h1>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td>
<td><a href="/pub/">Parent Directory</a></td></tr>
<tr><td><img alt="[   ]"></td><td><a href="CHECKSUMS">CHECKSUMS</a>  </td><td align="right">2023-10-19 17:06  </td><td
 align="right">4.2K</td><td>&nbsp;</td></tr>
<tr><td></td><td><a href="Mus_musculus.GRCm39.pep.all.fa.gz">Mus_musculus.GRCm39.p..&gt;</a></td><td align="right"
>2023-10-19 17:06  </td><td align="right"> 14M</td><td>&nbsp;</td></tr>
<tr><td></td><td><a href="empty">empty</a></td><td>2023-10-19 17:06  </td><td align="right">  0 </td></tr>
<tr><td></td><td><a href="fasta/">fasta/</a></td>
<td align="right">2023-10-19 17:06  </td><td align="right">  - </td></tr>
</table></body></html>
"""
NGINX = """<html><head><title>Index of /pub/release-111/</title></head><body>
<h1>Index of /pub/release-111/</h1><hr><pre><a href="../">../</a>
<a href="fasta/">fasta/</a>                                    05-Oct-2004 15:39                   -
<a href="a-0.1.tar.gz">a-0.1.tar.gz</a>                                05-Oct-2004 15:39              220038
<a href="1.5">1.5</a>                                05-Oct-2004 15:39              7
</pre><hr></body></html>"""
PYTHON = """<!DOCTYPE HTML><html lang="en"><head><title>Directory listing for /pub/</title></head><body><ul>
<li><a href="a%20b%26c.txt">a b&amp;c.txt</a></li><li><a href="fasta/">fasta/</a></li></ul></body></html>"""


def read(folder: Path, text: str) -> dict[str, ListedFile]:
    page = folder / "page"
    page.write_text(text)
    return read_listing(page, URL)


def test_apache(tmp_path: Path) -> None:
    found = read(tmp_path, APACHE)
    assert list(found) == ["CHECKSUMS", "Mus_musculus.GRCm39.pep.all.fa.gz", "empty", "fasta"]
    assert [name for name, one in found.items() if one.is_folder] == ["fasta"]
    for name, size in (("CHECKSUMS", 4_300), ("Mus_musculus.GRCm39.pep.all.fa.gz", 14_300_000), ("empty", 0)):
        low, high = found[name].low, found[name].high
        assert low is not None and high is not None
        assert low <= size <= high <= low * 1.3
    assert found["fasta"].low is found["fasta"].high is None


def test_nginx(tmp_path: Path) -> None:
    assert read(tmp_path, NGINX) == {
        "fasta": ListedFile("fasta", True),
        "a-0.1.tar.gz": ListedFile("a-0.1.tar.gz", False, 220_038, 220_038),
        "1.5": ListedFile("1.5", False, 7, 7),
    }


def test_python(tmp_path: Path) -> None:
    assert read(tmp_path, PYTHON) == {"a b&c.txt": ListedFile("a b&c.txt", False), "fasta": ListedFile("fasta", True)}


def test_addresses_in_full(tmp_path: Path) -> None:
    page = '<html><a href="/pub/release-111/fasta/">fasta/</a> <a href="/pub/release-110/x/">x/</a></html>'
    assert list(read(tmp_path, page)) == ["fasta"]


@pytest.mark.parametrize(
    "href",
    [
        "..%2f..%2fetc", "%2e%2e", "a/b", "a%5Cb", "/etc", "https://x.org/a", "//x.org/a", "http://[x", ".hidden",
        "a%00b", "?a", "#a", "",
    ],
)  # fmt: skip
def test_links_that_lead_elsewhere(tmp_path: Path, href: str) -> None:
    page = f'<html><title>Index of /</title><a href="{href}">{href}</a><a href="good">good</a></html>'
    assert list(read(tmp_path, page)) == ["good"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert read(tmp_path, "<html><title>Index of /pub</title><a href='/pub/'>Parent Directory</a></html>") == {}


PIECES = ["<html>", "</html>", "<a href='", "a", "'>", "</a>", "<title>Index of", "</title>", "&#0;", "<!--", "%", "1K"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30))
def test_any_page(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    page = tmp_path_factory.getbasetemp() / "page"
    page.write_bytes("".join([*pieces, "</html>"]).encode("utf-8", "surrogatepass"))
    with suppress(TransferError):
        for name in read_listing(page, URL):
            assert name.isprintable()
            assert not set("/\\") & set(name)
            assert not name.startswith(".")


@pytest.mark.parametrize(
    "page",
    ["", "text", "<html>", APACHE[:-40], "<html><a href='login.html'>Log in</a></html>", "<html><p>Index</p></html>"],
)
def test_pages_that_are_none(tmp_path: Path, page: str) -> None:
    with pytest.raises(TransferError, match=messages.Build.listing_folder) as caught:
        read(tmp_path, page)
    assert str(caught.value).startswith(URL)
