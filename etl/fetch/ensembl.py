"""Know the layout of Ensembl's FTP site, its listings and its checksums.

This is the only module with knowledge of the site (which is served over HTTPS): the layout for vertebrates from release
93 on, and for the divisions of Ensembl Genomes::

    <base>/release-<N>/species_EnsemblVertebrates.txt
                       fasta/<species>/pep/<Species>.<assembly>.pep.all.fa.gz
                       gtf/<species>/<Species>.<assembly>.<N>.gtf.gz
                       tsv/<species>/<Species>.<assembly>.<N>.{entrez,uniprot,refseq}.tsv.gz
                       tsv/ensembl-compara/homologies/<species>/Compara.<N>.{protein,ncrna}_default.homologies.tsv[.gz]
                       mysql/<core database>/<core database>.sql.gz
                       mysql/<core database>/{gene,external_synonym,alt_allele,stable_id_event}.txt.gz

Names are patterns, matched against listings. See https://ftp.ensembl.org/pub/README and
https://www.ensembl.org/info/data/ftp/index.html.

A listing is a page with a link to each entry of the folder, as web servers write it (Apache, nginx, lighttpd). Only
links to direct children whose text is the beginning of their name count, not links that sort, or lead elsewhere.

Lines of ``CHECKSUMS`` are ``55610 198719 name`` (checksum of 16 bits by BSD ``sum``, blocks of 1024 bytes), those of
``MD5SUM`` are ``d41d8cd98f00b204e9800998ecf8427e  name``. Neither exists for every file, nor in every release.
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

#: Name of this layout in the record of downloaded files.
LAYOUT = "ensembl-ftp-1"

#: URL of the releases of each division, and suffix of the name of its species list.
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
        Kind of source.
    folder
        Folder below that of the release, with placeholders ``{species}`` and ``{core}``.
    pattern
        Pattern of the names without ``.gz``, with placeholders ``{stem}``, ``{core}`` and ``{release}``. Its group
        ``each`` distinguishes several files; without it there is one file.
    needed
        Whether the files are required.
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
    """Names, assembly and core database of a species."""

    name: str
    shown: str
    assembly: str
    core: str


def release_folder(release: int) -> str:
    """Return the folder name of a release."""
    return f"release-{release}"


def list_releases(names: Collection[str]) -> list[int]:
    """Return the releases among folder names, newest first."""
    return sorted((int(match[1]) for name in names if (match := _RELEASE.fullmatch(name))), reverse=True)


def species_list(division: str) -> str:
    """Return the name of the species list of a division."""
    return f"species_{DIVISIONS[division][1]}.txt"


def read_species_list(path: Path) -> dict[str, ListedGenome]:
    """Read the list of species of a release.

    Returns
    -------
    dict
        Genomes by production name.

    Raises
    ------
    InputError
        If a column or a value is missing.
    """
    genomes: dict[str, ListedGenome] = {}
    problems: list[Problem] = []
    with open_bytes(path) as stream:
        lines = stream.read().decode("utf-8", "replace").splitlines()
    names = [name.strip().lstrip("#") for name in lines[0].split("\t")] if lines else []
    absent = [name for name in _NEEDED if name not in names]
    if absent:
        problem = f"missing columns {', '.join(absent)}. Expected {', '.join(_NEEDED)}"
        raise InputError(path, [Problem(1, problem, (lines[0] if lines else "")[:80])])
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        # lines have one more tab than the header
        values = dict(zip(names, (field.strip() for field in line.split("\t")), strict=False))
        if not all(values.get(name) for name in _NEEDED):
            problems.append(Problem(number, "species without name, assembly or core database", line[:80]))
            continue
        if not all(_WORD.fullmatch(values[name]) for name in ("species", "core_db")):
            problems.append(Problem(number, "name that is not usable as a folder name", line[:80]))
            continue
        shown = values.get("name", values["species"])
        genomes[values["species"]] = ListedGenome(values["species"], shown, values["assembly"], values["core_db"])
    if problems or not genomes:
        raise InputError(path, problems or [Problem(0, "no species")])
    return genomes


def group_folder(group: Group, genome: ListedGenome) -> str:
    """Return the folder of a group of files, below that of the release."""
    return group.folder.format(species=genome.name, core=genome.core)


def find_files(group: Group, genome: ListedGenome, release: int, names: Collection[str]) -> dict[str, list[str]]:
    """Find the files of a group among the names of a folder.

    Returns
    -------
    dict
        Names by the group ``each`` of the pattern (empty for a single file); several names under one key are
        ambiguous. Of plain and compressed files, the compressed one counts.
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
    files: dict[str, dict[str, str]] = {}
    for name in sorted(names):
        if match := pattern.fullmatch(name):
            each = match.groupdict().get("each") or ""
            # sorted, so "a.txt.gz" follows "a.txt" and replaces it
            files.setdefault(each, {})[match[1]] = name
    return {each: list(by_stem.values()) for each, by_stem in files.items()}


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

    Parameters
    ----------
    path
        Downloaded page.
    url
        URL of the folder, ending in a slash.

    Returns
    -------
    dict
        Entries by name.

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
CHECKSUM_FILES = ("MD5SUM", "CHECKSUMS")

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
