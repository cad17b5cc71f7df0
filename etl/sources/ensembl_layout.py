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
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from homodb.etl.sources.text import open_bytes
from homodb.schema.errors import InputError, Problem

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
class Genome:
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


def read_species_list(path: Path) -> dict[str, Genome]:
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
    genomes: dict[str, Genome] = {}
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
        genomes[told["species"]] = Genome(told["species"], shown, told["assembly"], told["core_db"])
    if problems or not genomes:
        raise InputError(path, problems or [Problem(0, "lists no species")])
    return genomes


def folder_of(group: Group, genome: Genome) -> str:
    """Return the folder of a group of files, below the release's."""
    return group.folder.format(species=genome.name, core=genome.core)


def find_files(group: Group, genome: Genome, release: int, names: Collection[str]) -> dict[str, list[str]]:
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
