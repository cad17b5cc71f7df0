"""Register the species and their names.

``species.tsv`` beside this file has the number, Ensembl production name, NCBI taxon ID, common English name and other
names of each species. Production names and taxon IDs are Ensembl's (its species tables of release 110); a species that
Ensembl lacks has its scientific name in the same spelling.

The registry only grows. The number of a species is part of the keys of all its genes, so a number is never changed
or reused; a new species is a new last line. A strain or breed with its own gene set is an entry of its own, below its
species: it has its own names, but its taxon ID means the species.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from homodb.schema.errors import UnknownSpeciesError, shown
from homodb.schema.messages import close_matches

#: Number of gene keys of each species.
KEYS_PER_SPECIES = 2**24

#: Maximum number of suggestions for an unknown name.
SUGGESTIONS = 4


@dataclass(frozen=True, slots=True, order=True)
class Species:
    """A species, or a strain or breed with its own gene set.

    Parameters
    ----------
    number
        Fixed number, from 1. It never changes, since gene keys contain it.
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
    species = _by_name().get(normalise(str(name)))
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
    for species in registry():
        if species.number == number:
            return species
    raise UnknownSpeciesError(f"no species has the number {number}; a newer homodb may know it")


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
    if _owners()[species.taxon_id] == species.number:
        taxon_ids.append(str(species.taxon_id))
    spellings = [species.name, species.common_name, *species.aliases, *taxon_ids]
    spellings += [f"ncbitaxon:{taxon_id}" for taxon_id in taxon_ids]
    return tuple(dict.fromkeys(normalise(spelling) for spelling in spellings))


def gene_key(number: int, rank: int) -> int:
    """Return the integer key of a gene.

    Raises
    ------
    ValueError
        If the rank exceeds the keys of a species.

    Examples
    --------
    >>> gene_key(find("mouse").number, 5)
    33554437
    """
    if not 0 <= rank < KEYS_PER_SPECIES:
        raise ValueError(f"rank {rank} of a gene is outside 0 to {KEYS_PER_SPECIES - 1}")
    return number * KEYS_PER_SPECIES + rank


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


def _unknown(name: str | int) -> str:
    wanted = normalise(str(name))
    # Words only: a similar taxon ID is never what was meant.
    words = {spelling: species for spelling, species in _by_name().items() if not spelling[-1].isdigit()}
    close = [word for word in words if f"_{wanted}_" in f"_{word}_" or wanted.startswith(f"{word}_")]
    close += [one.name for one in registry() if _abbreviates(wanted, one.name)]
    close += close_matches(wanted, words, most=SUGGESTIONS, cutoff=0.75)
    suggestions = list(dict.fromkeys(words[word] for word in close))[:SUGGESTIONS]
    hint = ", ".join(f"{species.common_name} ({species.name})" for species in suggestions)
    return (
        f"no species is called {shown(repr(str(name)))}"
        + (f"; did you mean {hint}?" if hint else ".")
        + " Give an Ensembl production name, a scientific or common name, or an NCBI taxon ID."
    )
