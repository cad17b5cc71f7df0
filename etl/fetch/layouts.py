"""Describe where Ensembl's two sites keep the files of a species.

Both are served over HTTPS, and no name of a file is guessed: names are patterns, matched against listings.

:class:`NumberedLayout`: releases by number, for vertebrates from release 93 on and for the divisions of Ensembl
Genomes (see https://ftp.ensembl.org/pub/README)::

    <base>/release-<N>/species_EnsemblVertebrates.txt
                       fasta/<species>/pep/<Species>.<assembly>.pep.all.fa.gz
                       gtf/<species>/<Species>.<assembly>.<N>.gtf.gz
                       tsv/<species>/<Species>.<assembly>.<N>.{entrez,uniprot,refseq}.tsv.gz
                       tsv/ensembl-compara/homologies/<species>/Compara.<N>.{protein,ncrna}_default.homologies.tsv[.gz]
                       tsv/ensembl-compara/homologies/Compara.<N>.{protein,ncrna}_default.homologies.tsv.gz
                       mysql/<core database>/<core database>.sql.gz
                       mysql/<core database>/{gene,external_synonym,alt_allele,stable_id_event}.txt.gz

The number in a name may be another one (``R64-1-1.63`` in release 116), and fungi and protists of a collection lie in
a folder of their collection.

:class:`DatedLayout`: gene sets by accession and date, on the new platform (see the README there)::

    <base>/species.json (or species.new_ftp_structure.json)
           GCA/000/001/405/29/<ensembl or community>/<YYYY_MM>/geneset/{genes.gtf.gz, pep.fa.bgz, xref.tsv.gz}
                                                               homology/<YYYY_MM_DD>/homology.tsv.gz
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from homodb.etl.sources.text import open_bytes
from homodb.schema.errors import ConfigError, InputError, Problem, UnknownSpeciesError, shown
from homodb.schema.io import parse_json
from homodb.schema.messages import close_matches as near_names
from homodb.schema.species import Species

if TYPE_CHECKING:
    from homodb.etl.fetch.site import Remote

#: URL of the releases of each division, and suffix of the name of its species list.
DIVISIONS: Mapping[str, tuple[str, str]] = {
    "vertebrates": ("https://ftp.ensembl.org/pub", "EnsemblVertebrates"),
    "plants": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/plants", "EnsemblPlants"),
    "metazoa": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/metazoa", "EnsemblMetazoa"),
    "fungi": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/fungi", "EnsemblFungi"),
    "protists": ("https://ftp.ensemblgenomes.ebi.ac.uk/pub/protists", "EnsemblProtists"),
}
#: Beyond this number of species, the file with all homologies of a release is smaller than theirs together.
WHOLE_HOMOLOGIES = 40

#: Number of a release, or date of a gene set (``2026_04``).
Release = int | str

_NUMBERED = re.compile(r"release-(\d+)")
_DATED = re.compile(r"\d{4}_(?:0[1-9]|1[0-2])")
_DAY = re.compile(r"\d{4}_(?:0[1-9]|1[0-2])_[0-3]\d")
_ACCESSION = re.compile(r"(GC[AF])_(\d{3})(\d{3})(\d{3})\.(\d{1,3})")
_WORD = re.compile(r"\w[\w.-]*", re.ASCII)
_NEEDED = ("species", "assembly", "core_db")
_SHOWN = 5


def is_date(text: str) -> bool:
    """Return whether a text is the date of gene sets, such as ``2026_04``."""
    return _DATED.fullmatch(text) is not None


@dataclass(frozen=True)
class FileGroup:
    """Files of one kind of a species.

    Parameters
    ----------
    kind
        Kind of source.
    folder
        Folder below the base.
    pattern
        Pattern of the names without ``.gz``. Its group ``each`` distinguishes several files; without it there is
        one file.
    needed
        Whether the files are required.
    exists
        Whether the folder exists.
    rank
        Preference of a candidate, by the groups of its match; the highest counts.
    """

    kind: str
    folder: str
    pattern: str
    needed: bool = False
    exists: bool = True
    rank: Callable[[Mapping[str, str | None]], int] = field(default=lambda match: 0, compare=False)


@dataclass(frozen=True)
class LocatedGenome:
    """Name and assembly of a species, its groups of files, and a remark for the user."""

    name: str
    assembly: str
    groups: tuple[FileGroup, ...]
    remark: str | None = None


class SiteLayout(Protocol):
    """SiteLayout of a site."""

    @property
    def name(self) -> str:
        """Return its name in the record of downloaded files."""
        ...

    @property
    def base(self) -> str:
        """Return the URL of Ensembl's own site."""
        ...

    def genomes(self, remote: Remote, species: Sequence[Species], count: int) -> list[LocatedGenome]:
        """Find species and the folders of their files.

        Raises
        ------
        ConfigError, UnknownSpeciesError, TransferError
            If the release or a species does not exist.
        """
        ...


def layout_of(
    release: Release, division: str = "vertebrates", accessions: Mapping[str, str] | None = None
) -> SiteLayout:
    """Return the layout of a release.

    Parameters
    ----------
    release
        Number, or date.
    division
        Division of Ensembl, for numbered releases.
    accessions
        Accession of the assembly by species, for dated gene sets.
    """
    return NumberedLayout(release, division) if isinstance(release, int) else DatedLayout(release, accessions or {})


def find_files(group: FileGroup, names: Collection[str]) -> dict[str, list[str]]:
    """Find the files of a group among the names of a folder.

    Returns
    -------
    dict
        Names by the group ``each`` of the pattern (empty for a single file); several names under one key are
        ambiguous. Of plain and compressed files, the one that ends in ``.gz`` counts.
    """
    pattern = re.compile(rf"({group.pattern})(?:\.b?gz)?", re.IGNORECASE | re.ASCII)
    files: dict[str, dict[int, dict[str, str]]] = {}
    for name in sorted(names):
        if match := pattern.fullmatch(name):
            ranks = files.setdefault(match.groupdict().get("each") or "", {})
            # sorted, so "a.txt.gz" follows "a.txt" and "a.txt.bgz" and replaces them
            ranks.setdefault(group.rank(match.groupdict()), {})[match[1]] = name
    return {each: list(ranks[max(ranks)].values()) for each, ranks in files.items()}


@dataclass(frozen=True)
class ListedGenome:
    """Names, assembly and core database of a species."""

    name: str
    shown: str
    assembly: str
    core: str


@dataclass(frozen=True)
class NumberedLayout:
    """SiteLayout of numbered releases."""

    release: int
    division: str
    name = "ensembl-ftp-1"

    @property
    def base(self) -> str:
        """Return the URL of the folder of releases."""
        return DIVISIONS[self.division][0]

    def genomes(self, remote: Remote, species: Sequence[Species], count: int) -> list[LocatedGenome]:
        """Find species in the release's list of them."""
        listed = self._listed(remote)
        unknown = [one for one in species if one.name not in listed]
        if unknown:
            raise UnknownSpeciesError("; ".join(self._unlisted(one, listed) for one in unknown))
        genomes = [listed[one.name] for one in species]
        return [
            LocatedGenome(one.name, one.assembly, tuple(self._groups(remote, one, whole=count > WHOLE_HOMOLOGIES)))
            for one in genomes
        ]

    def _listed(self, remote: Remote) -> dict[str, ListedGenome]:
        folder, name = f"release-{self.release}", f"species_{DIVISIONS[self.division][1]}.txt"
        if folder not in remote.listing(""):
            newest = ", ".join(map(str, list_releases(remote.listing(""))[:_SHOWN]))
            hint = f"The newest are {newest}" if newest else "It has no releases"
            raise ConfigError(f"{remote.base}: has no release {self.release} of Ensembl. {hint}")
        if name not in remote.listing(folder):
            raise ConfigError(
                f"{remote.url(folder)}: has no species list ({name}), so release {self.release} cannot be fetched. "
                "Use a newer release, or another division"
            )
        return remote.read(f"{folder}/{name}", read_species_list, "a species list")

    def _groups(self, remote: Remote, genome: ListedGenome, *, whole: bool) -> Iterator[FileGroup]:
        top, stem = f"release-{self.release}", re.escape(genome.name.capitalize())
        collection = genome.core.partition("_core_")[0]
        in_collection = collection.endswith("_collection")
        species = f"{collection}/{genome.name}" if in_collection else genome.name

        def rank(match: Mapping[str, str | None]) -> int:
            return 2 * _same_assembly(match["assembly"], genome.assembly) + (match.get("number") == str(self.release))

        def group(kind: str, folders: Sequence[str], pattern: str, *, needed: bool = False) -> FileGroup:
            folder = next((one for one in folders if remote.has_folder(one)), None)
            ranked = {"rank": rank} if "(?P<assembly>" in pattern else {}
            return FileGroup(kind, folder or folders[0], pattern, needed, folder is not None, **ranked)

        # the variants `chr` and `abinitio` match none of these
        assembly = r"\.(?P<assembly>[\w.+-]+)"
        number = r"\.(?P<number>\d+)"
        yield group("proteome", [f"{top}/fasta/{species}/pep"], rf"{stem}{assembly}\.pep\.all\.fa", needed=True)
        yield group("annotation", [f"{top}/gtf/{species}"], rf"{stem}{assembly}{number}\.gtf")
        each = r"\.(?P<each>entrez|uniprot|refseq)\.tsv"
        yield group("xrefs", [f"{top}/tsv/{species}"], rf"{stem}{assembly}{number}{each}")
        if not in_collection:  # the database of a collection holds the genes of all its species
            core = [f"{top}/mysql/{genome.core}"]
            tables = r"(?:gene|external_synonym|alt_allele)\.txt"
            yield group("core", core, rf"(?P<each>{re.escape(genome.core)}\.sql|{tables})")
            yield group("history", core, r"stable_id_event\.txt")
        homologies = f"{top}/tsv/ensembl-compara/homologies"
        dumps = r"Compara\.\d+\.(?P<each>protein|ncrna)_default\.homologies\.tsv"
        own = [f"{homologies}/{place}" for place in dict.fromkeys((species, genome.name))]
        everything = FileGroup("compara", homologies, dumps)
        if whole and remote.has_folder(homologies) and find_files(everything, remote.listing(homologies)):
            yield everything
        else:
            yield group("compara", own, dumps)

    def _unlisted(self, species: Species, genomes: Mapping[str, ListedGenome]) -> str:
        """Describe a species that a release lacks, with similar ones."""
        near = [name for name in genomes if name.split("_")[:2] == species.name.split("_")[:2]]
        near += [one.name for one in genomes.values() if one.shown.lower() == species.common_name]
        near += near_names(species.name, genomes, most=_SHOWN)
        names = ", ".join(f"{name} ({genomes[name].shown})" for name in dict.fromkeys(near[:_SHOWN]))
        hint = f". Similar: {names}" if names else ""
        return (
            f"release {self.release} of Ensembl ({self.division}) has no {species.name} ({species.common_name}) "
            f"among its {len(genomes)} species{hint}"
        )


def _same_assembly(written: str | None, listed: str) -> bool:
    """Return whether a name of a file has the listed assembly, without its patches."""
    one, other = (re.sub(r"[^\w.]", "_", text).lower() for text in (written or "", listed))
    return one == other or other.startswith(f"{one}.p")


def list_releases(names: Collection[str]) -> list[int]:
    """Return the releases among folder names, newest first."""
    return sorted((int(match[1]) for name in names if (match := _NUMBERED.fullmatch(name))), reverse=True)


def read_species_list(path: Path) -> dict[str, ListedGenome]:
    """Read the list of species of a release.

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
        raise InputError(path, [Problem(1, problem, shown(lines[0]) if lines else "")])
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        # lines have one more tab than the header
        values = dict(zip(names, (field.strip() for field in line.split("\t")), strict=False))
        if not all(values.get(name) for name in _NEEDED):
            problems.append(Problem(number, "species without name, assembly or core database", shown(line)))
            continue
        if not all(_WORD.fullmatch(values[name]) for name in ("species", "core_db")):
            problems.append(Problem(number, "name that is not usable as a folder name", shown(line)))
            continue
        display_name = values.get("name", values["species"])
        genomes[values["species"]] = ListedGenome(
            values["species"], display_name, values["assembly"], values["core_db"]
        )
    if problems or not genomes:
        raise InputError(path, problems or [Problem(0, "no species")])
    return genomes


#: Names of the list of gene sets, the first that exists.
MANIFESTS = ("species.new_ftp_structure.json", "species.json")
#: Bytes of the largest list of gene sets that is read (it had 37 MB in 2026).
_LARGEST_MANIFEST = 1 << 28
#: Providers of gene sets with Ensembl's files, the preferred first.
_PROVIDERS = ("ensembl", "community")
#: Assemblies, without version, that are Ensembl's own where a species has several.
_REFERENCES = {
    "homo_sapiens": "GCA_000001405",
    "mus_musculus": "GCA_000001635",
    "danio_rerio": "GCA_000002035",
    "gallus_gallus": "GCA_016699485",
}


@dataclass(frozen=True)
class Assembly:
    """An assembly with gene sets: accession, name, and dates by provider."""

    accession: str
    name: str
    dates: Mapping[str, tuple[str, ...]]

    @property
    def folder(self) -> str:
        """Return its folder below the base."""
        match = _ACCESSION.fullmatch(self.accession)
        assert match is not None  # checked when it was read  # noqa: S101
        return "/".join(match.groups())


@dataclass(frozen=True)
class Organism:
    """A species in the list of gene sets, with its assemblies."""

    name: str
    taxon_id: int | None
    assemblies: tuple[Assembly, ...]


@dataclass(frozen=True)
class DatedLayout:
    """SiteLayout of gene sets by accession and date."""

    release: str
    accessions: Mapping[str, str]
    name = "ensembl-organisms-1"

    @property
    def base(self) -> str:
        """Return the URL of the folder with the list of gene sets."""
        return "https://ftp.ebi.ac.uk/pub/ensemblorganisms"

    def genomes(self, remote: Remote, species: Sequence[Species], count: int) -> list[LocatedGenome]:
        """Find species in the list of gene sets, each with its newest one up to the date."""
        manifest = next((name for name in MANIFESTS if name in remote.listing("")), None)
        if manifest is None:
            raise ConfigError(f"{remote.base}: has no list of gene sets ({' or '.join(MANIFESTS)})")
        organisms = remote.read(manifest, read_organisms, "a list of gene sets", limit=_LARGEST_MANIFEST)
        return [self._genome(remote, one, self._assemblies(one, organisms)) for one in species]

    def _assemblies(self, species: Species, organisms: Sequence[Organism]) -> list[Assembly]:
        """Return the assemblies of a species: by its name, else by its taxon."""
        named = [one for one in organisms if one.name == species.name]
        entries = named or [one for one in organisms if one.taxon_id == species.taxon_id]
        if not entries:
            near = ", ".join(near_names(species.name, [one.name for one in organisms], most=_SHOWN))
            raise UnknownSpeciesError(
                f"Ensembl {self.release} has no gene set of {species.name} ({species.common_name})"
                + (f". Similar: {near}" if near else "")
            )
        return [assembly for one in entries for assembly in one.assemblies]

    def _genome(self, remote: Remote, species: Species, assemblies: Sequence[Assembly]) -> LocatedGenome:
        assembly, provider = self._select(species, assemblies)
        folder = f"{assembly.folder}/{provider}"
        dates = [name for name in remote.listing(folder) if _DATED.fullmatch(name) and name <= self.release]
        if not dates:
            raise ConfigError(f"{remote.url(folder)}: has no gene set of {species.name} up to {self.release}")
        date = max(dates)
        top = f"{folder}/{date}"
        parts = remote.listing(top)
        homology = f"{top}/homology"
        days = [name for name in remote.listing(homology) if _DAY.fullmatch(name)] if "homology" in parts else []
        geneset, has_geneset = f"{top}/geneset", "geneset" in parts
        groups = (
            FileGroup("proteome", geneset, r"pep\.fa", needed=True, exists=has_geneset),
            FileGroup("annotation", geneset, r"genes(?P<alternates>-including_alt)?\.gtf", exists=has_geneset,
                  rank=lambda match: match["alternates"] is not None),
            FileGroup("xrefs", geneset, r"xref\.tsv", exists=has_geneset),
            FileGroup("compara", f"{homology}/{max(days)}" if days else homology, r"(?:[\w.+-]+-)?homology\.tsv",
                  exists="homology" in parts),
        )  # fmt: skip
        remark = f"the newest gene set of {assembly.accession} up to {self.release} is that of {date}"
        return LocatedGenome(species.name, assembly.name, groups, None if date == self.release else remark)

    def _select(self, species: Species, assemblies: Sequence[Assembly]) -> tuple[Assembly, str]:
        """Select the assembly and provider of a species."""
        accession = self.accessions.get(species.name)
        eligible = [one for one in assemblies if accession in (None, one.accession, one.accession.partition(".")[0])]
        for provider in _PROVIDERS:
            several = [
                one for one in eligible if any(date <= self.release for date in one.dates.get(provider, ()))
            ] or [one for one in eligible if accession and provider in one.dates]
            reference = [one for one in several if one.accession.startswith(_REFERENCES.get(species.name, "-") + ".")]
            if choices := reference or several:
                stems = {one.accession.partition(".")[0] for one in choices}
                if len(stems) == 1:
                    return max(choices, key=lambda one: int(one.accession.partition(".")[2])), provider
                raise ConfigError(
                    f"{species.name}: {len(choices)} assemblies have gene sets up to {self.release}: "
                    f"{_listed(choices)}. Name one: accessions = {{ {species.name} = {choices[0].accession!r} }}",
                    option="accessions",
                )
        wanted = f"of {accession} " if accession else ""
        available = f". It has {_listed(assemblies)}" if assemblies else ""
        raise ConfigError(f"{species.name}: Ensembl has no gene set {wanted}up to {self.release}{available}")


def _listed(assemblies: Sequence[Assembly]) -> str:
    more = f" and {len(assemblies) - _SHOWN} more" if len(assemblies) > _SHOWN else ""
    return ", ".join(f"{one.accession} ({one.name})" for one in assemblies[:_SHOWN]) + more


def read_organisms(path: Path) -> list[Organism]:
    """Read the list of gene sets of the dated layout.

    Raises
    ------
    InputError
        If it is not such a list.
    """
    with open_bytes(path, has_lines=False) as stream:
        text = stream.read()
    try:
        document = parse_json(text)
    except ValueError as error:
        raise InputError(path, [Problem(0, "is not JSON", str(error))]) from error
    species = document.get("species") if isinstance(document, dict) else None
    organisms = [_organism(key, entry) for key, entry in species.items()] if isinstance(species, dict) else []
    if not any(one.assemblies for one in organisms):
        raise InputError(path, [Problem(0, "no assembly. Expected species, assemblies, genebuild_providers")])
    return organisms


def _organism(key: str, entry: Any) -> Organism:
    """Read an entry; parts of another form are left out."""
    taxon = entry.get("taxid") if isinstance(entry, dict) else None
    assemblies = []
    for accession, assembly in _items(entry, "assemblies"):
        if _ACCESSION.fullmatch(accession):
            dates = {
                provider: tuple(date for date in builds if isinstance(date, str) and _DATED.fullmatch(date))
                for provider, builds in _items(assembly, "genebuild_providers")
                if isinstance(builds, dict)
            }
            assemblies.append(Assembly(accession, str(assembly.get("name") or accession)[:80], dates))
    number = taxon if isinstance(taxon, int) else None
    return Organism(re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_"), number, tuple(assemblies))


def _items(entry: Any, key: str) -> list[tuple[str, Any]]:
    value = entry.get(key) if isinstance(entry, dict) else None
    return [pair for pair in value.items() if isinstance(pair[1], dict)] if isinstance(value, dict) else []
