"""Register the species and their names.

``species.tsv`` beside this file has the number, Ensembl production name, NCBI taxon ID, common English name and other
names of each species. Production names and taxon IDs are Ensembl's (its species tables of release 110); a species that
Ensembl lacks has its scientific name in the same spelling.

The registry only grows. The number of a species is part of the keys of all its genes, so a number is never changed
or reused; a new species is a new last line. A strain or breed with its own gene set is an entry of its own, below its
species: it has its own names, but its taxon ID means the species.

A species that the registry lacks is described by a build config, and lives in its release: :func:`described` gives it a
number above all of the registry.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from homodb.schema.errors import UnknownSpeciesError, shown
from homodb.schema.messages import close_matches

#: Number of gene keys of each species.
KEYS_PER_SPECIES = 2**24

#: First number of species that the registry lacks; the greatest is that of a SMALLINT.
FIRST_DESCRIBED, _LAST = 2**14, 2**15 - 1

#: Maximum number of suggestions for an unknown name.
SUGGESTIONS = 4


@dataclass(frozen=True, slots=True, order=True)
class Species:
    """A species, or a strain or breed with its own gene set.

    Parameters
    ----------
    number
        Fixed number, from 1. It never changes, since gene keys contain it. Those of species that the registry lacks
        begin with `FIRST_DESCRIBED`.
    name
        Ensembl production name, for example ``mus_musculus``.
    taxon_id
        NCBI taxon ID, as Ensembl lists it. Strains have that of their species.
    common_name
        Common English name in lower case, for example ``mouse``.
    aliases
        Further names and taxon IDs; never a taxon ID of another entry.
    """

    number: int
    name: str
    taxon_id: int
    common_name: str
    aliases: tuple[str, ...]


#: Names of assemblies that people write for the species, without the number.
_ASSEMBLIES = {"hg": "homo_sapiens", "grch": "homo_sapiens", "grcm": "mus_musculus"}


def find(name: str | int) -> Species:
    """Find a species by any of its names.

    Parameters
    ----------
    name
        Production name, scientific name, common name, Ensembl's short form (``hsapiens``) or NCBI taxon ID.
        Case is ignored; space, underscore, dot and hyphen are equal. The whole name must match:
        ``mus_musculus_x`` is not a mouse.

    Raises
    ------
    UnknownSpeciesError
        If no species has this name; the message suggests similar ones.

    Examples
    --------
    >>> find("Mice").name
    'mus_musculus'
    >>> find(9606) == find("Homo sapiens") == find("hsapiens")
    True
    """
    wanted = normalise(str(name))
    species = _by_name().get(wanted) or next((one for one in _DESCRIBED.values() if wanted in names(one)), None)
    if species is None:
        raise UnknownSpeciesError(_unknown(name))
    return species


@cache
def registry() -> tuple[Species, ...]:
    """Return all species of ``species.tsv``, by number."""
    text = resources.files("homodb.schema").joinpath("species.tsv").read_text("ascii")
    rows = (line.split("\t") for line in text.splitlines()[1:])
    return tuple(
        sorted(
            Species(int(number), name, int(taxon_id), common_name, tuple(filter(None, aliases.split("|"))))
            for number, name, taxon_id, common_name, aliases in rows
        )
    )


def by_number(number: int) -> Species:
    """Return the species with a number.

    Raises
    ------
    UnknownSpeciesError
        If the registry has no such number.
    """
    for species in (*registry(), *_DESCRIBED.values()):
        if species.number == number:
            return species
    raise UnknownSpeciesError(f"no species has the number {number}; a newer homodb may know it")


#: Species that the registry lacks, of the configs and releases of this process, by number.
_DESCRIBED: dict[int, Species] = {}


def described(name: str, taxon_id: int, common_name: str, taken: Collection[int] = ()) -> Species:
    """Return a species that the registry lacks.

    Parameters
    ----------
    name
        Scientific name, for example ``ambystoma_mexicanum`` or ``Ambystoma mexicanum``.
    taxon_id
        NCBI taxon ID.
    common_name
        Common English name.
    taken
        Numbers of other such species.

    Returns
    -------
    Species
        Its number follows from the name, so that builds of the same species agree; the next free one if it is taken.

    Raises
    ------
    ValueError
        If a name is not one of a species, or is that of a species of the registry.
    """
    written, name = name, normalise(name)
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", name):
        raise ValueError(f"{written!r} is not a scientific name, such as 'ambystoma_mexicanum'.")
    if not re.search("[a-z]", normalise(common_name)) or not common_name.isprintable():
        raise ValueError(f"{common_name!r} is not a common name, such as 'axolotl'.")
    number = FIRST_DESCRIBED + zlib.crc32(name.encode()) % (_LAST - FIRST_DESCRIBED + 1)
    while number in taken:
        number = number + 1 if number < _LAST else FIRST_DESCRIBED
    genus, _, rest = name.partition("_")
    short = (f"{genus[0]}. {rest}", f"{genus[0]}{rest}") if "_" not in rest else ()
    for spelling in (name, common_name):
        if other := _by_name().get(normalise(spelling)):
            raise ValueError(f"{spelling!r} is a name of {other.name} ({other.common_name}), which homodb knows.")
    return Species(number, name, taxon_id, common_name, tuple(one for one in short if normalise(one) not in _by_name()))


def describe(species: Collection[Species]) -> None:
    """Let :func:`find` and :func:`by_number` know species of a config or a release that the registry lacks."""
    _DESCRIBED.update((one.number, one) for one in species)


#: A stable ID of Ensembl: prefix of the species, letters of the feature, number.
_STABLE_ID = re.compile(r"(?<![A-Za-z0-9])(ENS[A-Z]{0,5}?(?=(?:FM|GT|[EGPRT])\d{6})|(?:FBgn|FBpp|WBGene)(?=\d{6}))")
_YEAST = re.compile(r"(?<![A-Za-z0-9])Y[A-P][LR]\d{3}[WC](-[A-Z])?(?![A-Za-z0-9])")


def species_of_ids(text: str) -> Iterator[Species]:
    """Yield the species of each stable ID in a text whose form shows it.

    Examples
    --------
    >>> [species.common_name for species in species_of_ids("ENSCHOG00000007933, ENSG00000254647.7, YPR161W")]
    ['sloth', 'human', 'yeast']
    """
    for match in _STABLE_ID.finditer(text):
        if match[1] in _prefixes():
            yield _prefixes()[match[1]]
    for _ in _YEAST.finditer(text):
        yield find("saccharomyces_cerevisiae")


@cache
def _prefixes() -> dict[str, Species]:
    """Return the species of stable IDs by prefix. See https://www.ensembl.org/info/genome/stable_ids/prefixes.html."""
    text = resources.files("homodb.schema").joinpath("id_prefixes.tsv").read_text("ascii")
    return {prefix: find(name) for prefix, name in (line.split("\t") for line in text.splitlines()[1:])}


# normalise in SQL, for look-ups in table species_alias:
# trim(regexp_replace(lower(replace(replace(spelling::VARCHAR, '(', ''), ')', '')), '[ _.-]+', '_', 'g'), '_')
def normalise(name: str) -> str:
    """Convert the name of a species to its normal form.

    Examples
    --------
    >>> normalise("Sheep (texel)"), normalise("D. melanogaster"), normalise("White-tufted-ear  marmoset")
    ('sheep_texel', 'd_melanogaster', 'white_tufted_ear_marmoset')
    """
    return re.sub("[ _.-]+", "_", name.replace("(", "").replace(")", "").lower()).strip("_")


def names(species: Species) -> tuple[str, ...]:
    """Return every name of a species in normal form. These are the rows of table ``species_alias``."""
    taxon_ids = [alias for alias in species.aliases if alias.isdigit()]
    if _owners().get(species.taxon_id, species.number) == species.number:
        taxon_ids.append(str(species.taxon_id))
    spellings = [species.name, species.common_name, *species.aliases, *taxon_ids]
    spellings += [f"ncbitaxon:{taxon_id}" for taxon_id in taxon_ids]
    return tuple(dict.fromkeys(normalise(spelling) for spelling in spellings))


@cache
def _owners() -> dict[int, int]:
    """Return the number of the species of each taxon ID.

    The first entry with a taxon ID is the species; the others are its strains.
    """
    return {species.taxon_id: species.number for species in reversed(registry())}


@cache
def _by_name() -> dict[str, Species]:
    return {name: species for species in registry() for name in names(species)}


def _abbreviates(wanted: str, name: str) -> bool:
    """Return whether a text shortens a name, as ``hs``, ``mmu``, ``mm10`` and ``hsap`` do."""
    letters, genus, epithet = wanted.rstrip("0123456789"), *name.split("_")[:2]
    initials = len(letters) > 1 and letters[0] == genus[0] and epithet.startswith(letters[1:])
    return initials or _ASSEMBLIES.get(letters) == name


def similar_species(name: str | int) -> str:
    """Return the end of a message about an unknown name of a species: similar ones, or nothing.

    Examples
    --------
    >>> similar_species("hunam")
    '; did you mean human (homo_sapiens)?'
    """
    wanted = normalise(str(name))
    if wanted in _by_name():  # a species that a release lacks
        return ""
    # Words only: a similar taxon ID is never what was meant.
    words = {spelling: species for spelling, species in _by_name().items() if not spelling[-1].isdigit()}
    close = [word for word in words if f"_{wanted}_" in f"_{word}_" or wanted.startswith(f"{word}_")]
    close += [one.name for one in registry() if _abbreviates(wanted, one.name)]
    close += close_matches(wanted, words, most=SUGGESTIONS, cutoff=0.75)
    suggestions = list(dict.fromkeys(words[word] for word in close))[:SUGGESTIONS]
    hint = ", ".join(f"{species.common_name} ({species.name})" for species in suggestions)
    return f"; did you mean {hint}?" if hint else ""


def _unknown(name: str | int) -> str:
    return (
        f"no species is called {shown(repr(str(name)))}"
        + (similar_species(name) or ".")
        + " Give an Ensembl production name, a scientific or common name, or an NCBI taxon ID."
    )
