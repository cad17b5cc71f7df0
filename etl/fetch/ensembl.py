"""Where Ensembl's files lie, and how they are called: all that homodb knows of it stands here.

This is the layout of Ensembl's FTP site (which is served over HTTPS), as it was for vertebrates from release 93 on, and
is for the divisions that Ensembl Genomes hosts::

    <base>/release-<N>/species_EnsemblVertebrates.txt
                       fasta/<species>/pep/<Species>.<assembly>.pep.all.fa.gz
                       gtf/<species>/<Species>.<assembly>.<N>.gtf.gz
                       tsv/<species>/<Species>.<assembly>.<N>.{entrez,uniprot,refseq}.tsv.gz
                       tsv/ensembl-compara/homologies/<species>/Compara.<N>.{protein,ncrna}_default.homologies.tsv[.gz]
                       mysql/<core database>/<core database>.sql.gz
                       mysql/<core database>/{gene,external_synonym,alt_allele,stable_id_event}.txt.gz

Names are patterns, to be looked for in listings. See https://ftp.ensembl.org/pub/README and
https://www.ensembl.org/info/data/ftp/index.html.

A listing is a page with a link to each thing in the folder, as web servers make it (Apache, nginx, lighttpd). What
counts is a link to something right below the page whose text is the beginning of its name; links that sort, lead up or
elsewhere do not.

Lines of ``CHECKSUMS`` are ``55610 198719 name`` (checksum of 16 bits by BSD ``sum``, blocks of 1024 bytes), those of
``MD5SUM`` are ``d41d8cd98f00b204e9800998ecf8427e  name``. Neither is there for every file, nor in every release.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from homodb.etl.sources.text import open_bytes
from homodb.schema.errors import InputError, Problem, TransferError

#: Name of this layout; the record of what was fetched says it.
LAYOUT = "ensembl-ftp-1"

#: Address of each division's releases, and what the name of its list of species ends in.
DIVISIONS: Mapping[str, tuple[str, str]] = {
    "vertebrates": ("https://ftp.ensembl.org/pub", "EnsemblVertebrates"),
    "plants": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/plants", "EnsemblPlants"),
    "metazoa": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/metazoa", "EnsemblMetazoa"),
    "fungi": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/fungi", "EnsemblFungi"),
    "protists": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/protists", "EnsemblProtists"),
}

_RELEASE = re.compile(r"release-(\d+)")
_WORD = re.compile(r"\w[\w.-]*", re.ASCII)
_NEEDED = ("species", "assembly", "core_db")


@dataclass(frozen=True)
class Group:
    """Files of one kind of a species.

    Parameters
    ----------
    kind
        What reads them.
    folder
        Their folder below the release's, with ``{species}`` and ``{core}`` to fill in.
    pattern
        Their names without ``.gz``, with ``{stem}``, ``{core}`` and ``{release}`` to fill in. Several files are told
        apart by its group ``each``; without one there is just one file.
    needed
        Whether nothing can be done without it.
    """

    kind: str
    folder: str
    pattern: str
    needed: bool = False


#: `chr` and `abinitio` variants of GTF and FASTA match none of these.
GROUPS = (
    Group("proteome", "fasta/{species}/pep", r"{stem}\.[\w.+-]+\.pep\.all\.fa", needed=True),
    Group("annotation", "gtf/{species}", r"{stem}\.[\w.+-]+\.{release}\.gtf"),
    Group("xrefs", "tsv/{species}", r"{stem}\.[\w.+-]+\.{release}\.(?P<each>entrez|uniprot|refseq)\.tsv"),
    Group("core", "mysql/{core}", r"(?P<each>{core}\.sql|(?:gene|external_synonym|alt_allele)\.txt)"),
    Group("history", "mysql/{core}", r"stable_id_event\.txt"),
    Group(
        "compara",
        "tsv/ensembl-compara/homologies/{species}",
        r"Compara\.\d+\.(?P<each>protein|ncrna)_default\.homologies\.tsv",
    ),
)


@dataclass(frozen=True)
class ListedGenome:
    """A species as a release lists it: production name, the name shown, assembly, core database."""

    name: str
    shown: str
    assembly: str
    core: str


def release_folder(release: int) -> str:
    """Return the name of a release's folder."""
    return f"release-{release}"


def releases(names: Collection[str]) -> list[int]:
    """Return the releases whose folders are among these names, newest first."""
    return sorted((int(found[1]) for name in names if (found := _RELEASE.fullmatch(name))), reverse=True)


def species_list(division: str) -> str:
    """Return the name of a division's list of species."""
    return f"species_{DIVISIONS[division][1]}.txt"


def read_species_list(path: Path) -> dict[str, ListedGenome]:
    """Read the list of species of a release.

    Returns
    -------
    dict
        By production name.

    Raises
    ------
    InputError
        If a column is missing, or a line lacks a value in it.
    """
    genomes: dict[str, ListedGenome] = {}
    problems: list[Problem] = []
    with open_bytes(path) as stream:
        lines = stream.read().decode("utf-8", "replace").splitlines()
    names = [name.strip().lstrip("#") for name in lines[0].split("\t")] if lines else []
    absent = [name for name in _NEEDED if name not in names]
    if absent:
        wanted = f"wanted columns {', '.join(_NEEDED)}, there is none called {', '.join(absent)}"
        raise InputError(path, [Problem(1, wanted, (lines[0] if lines else "")[:80])])
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        # lines end in one tab more than the first
        told = dict(zip(names, (field.strip() for field in line.split("\t")), strict=False))
        if not all(told.get(name) for name in _NEEDED):
            problems.append(Problem(number, "a species without name, assembly or core database", line[:80]))
            continue
        if not all(_WORD.fullmatch(told[name]) for name in ("species", "core_db")):
            problems.append(Problem(number, "a name that can be no folder's", line[:80]))
            continue
        shown = told.get("name", told["species"])
        genomes[told["species"]] = ListedGenome(told["species"], shown, told["assembly"], told["core_db"])
    if problems or not genomes:
        raise InputError(path, problems or [Problem(0, "lists no species")])
    return genomes


def group_folder(group: Group, genome: ListedGenome) -> str:
    """Return the folder of a group of files, below the release's."""
    return group.folder.format(species=genome.name, core=genome.core)


def find_files(group: Group, genome: ListedGenome, release: int, names: Collection[str]) -> dict[str, list[str]]:
    """Find a group's files among the names of a folder.

    Returns
    -------
    dict
        Names by what tells the files of the group apart (an empty text where there is just one); several names mean
        that it cannot be told which is meant. Of a file that is there plain and compressed, the compressed one.
    """
    parts = {
        "stem": re.escape(genome.name.capitalize()),
        "core": re.escape(genome.core),
        "release": str(release),
    }
    text = group.pattern
    for key, value in parts.items():
        text = text.replace("{" + key + "}", value)
    pattern = re.compile(rf"({text})(?:\.gz)?", re.IGNORECASE | re.ASCII)
    found: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if told := pattern.fullmatch(name):
            each = told.groupdict().get("each") or ""
            # sorted: "a.txt.gz" comes behind "a.txt", and takes its place
            found.setdefault(each, {})[told[1]] = name
    return {each: list(by_stem.values()) for each, by_stem in found.items()}


_SIZE = re.compile(r"(?<![\w.:/-])(\d{1,15}|\d{1,4}\.\d)\s?([KMGT]?)(?:i?B)?(?![\w.:/-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?|\d{1,2}-[A-Z][a-z]{2}-\d{4} \d\d:\d\d(:\d\d)?")
_CUT = re.compile(r"(\.\.>|>|\.\.\.|…|\.\.)$")
_HEADING = re.compile(r"(?i)index of|directory listing")


@dataclass(frozen=True)
class ListedFile:
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


def read_listing(path: Path, url: str) -> dict[str, ListedFile]:
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
    found: dict[str, ListedFile] = {}
    for href, text, behind in page.links:
        name = _child(href, text, here)
        if name is not None:
            low, high = _size(behind)
            found[name.rstrip("/")] = ListedFile(name.rstrip("/"), name.endswith("/"), low, high)
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


#: Names of such files, the stronger first.
CHECKSUM_FILES = ("MD5SUM", "CHECKSUMS")

_BSD = re.compile(r"(\d{1,5})\s+(\d+)\s+(?:\./)?(\S+)")
_BSD_ALONE = re.compile(r"\s*(\d{1,5})\s+\d+\b")
_MD5 = re.compile(r"([0-9a-fA-F]{32})\s+[*]?(?:\./)?(\S+)")
_BLOCK = 1 << 20
#: Some systems' ``sum`` counts blocks of 512 bytes.
_UNITS = (1024, 512)


def read_checksums(text: str) -> dict[str, str]:
    r"""Read a file of checksums.

    Returns
    -------
    dict
        By file name: ``md5:<hexadecimal>`` or ``sum:<checksum>:<blocks>``. Other lines are passed over.

    Examples
    --------
    >>> read_checksums("55610 198719 a.fa.gz\n04012   23671 b.fa.gz")
    {'a.fa.gz': 'sum:55610:198719', 'b.fa.gz': 'sum:4012:23671'}
    >>> read_checksums("d41d8cd98f00b204e9800998ecf8427e  c.tsv.gz")
    {'c.tsv.gz': 'md5:d41d8cd98f00b204e9800998ecf8427e'}
    """
    found = {}
    for line in text.splitlines():
        if told := _MD5.fullmatch(line.strip()):
            found[told[2]] = f"md5:{told[1].lower()}"
        elif told := _BSD.fullmatch(line.strip()):
            found[told[3]] = f"sum:{int(told[1])}:{int(told[2])}"
    return found


def has_checksum(path: Path, checksum: str) -> bool:
    """Tell whether a file has a checksum, as :func:`read_checksums` gives it."""
    kind, _, told = checksum.partition(":")
    if kind == "md5":
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == told
    value, blocks = map(int, told.split(":"))
    size = path.stat().st_size
    return blocks in [-(-size // unit) for unit in _UNITS] and bsd_sum(path) == value


def bsd_sum(path: Path) -> int:
    """Return the checksum of BSD's ``sum`` (``sum -r``): rotate 16 bits to the right, add a byte, for each byte.

    It finds accidents, not attacks. The system's own ``sum`` is asked first: each step needs the one before, and
    Python takes its time over that.
    """
    program = shutil.which("sum")
    if program is not None:
        with path.open("rb") as stream:
            told = subprocess.run([program], stdin=stream, capture_output=True, check=False, text=True)  # noqa: S603
        if told.returncode == 0 and (found := _BSD_ALONE.match(told.stdout)):
            return int(found[1])
    return bsd_sum_in_python(path)


def bsd_sum_in_python(path: Path) -> int:
    """Return what :func:`bsd_sum` does, without the system's help."""
    # the table rotates, and forgets the carry of the addition before: at most 65 535 + 255 comes out of one
    turned = [(value & 0xFFFF) >> 1 | (value & 1) << 15 for value in range(0x10000 + 0xFF)]
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            for byte in block:
                value = turned[value] + byte
    return value & 0xFFFF
