"""Finds out, from Ensembl's list of species and its listings, which files there are of the wanted species."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx

from homodb.etl.fetch.record import File, Holding, Record
from homodb.etl.sources import ensembl_layout as layout
from homodb.etl.sources.checksums import NAMES, read_checksums
from homodb.etl.sources.listing import Listed, read_listing
from homodb.schema import transfer
from homodb.schema.errors import ConfigError, InputError, TransferError, UnknownSpeciesError
from homodb.schema.near import near as near_names
from homodb.schema.patience import Patience
from homodb.schema.species import Species

T = TypeVar("T")
#: No listing, list of species or file of checksums is larger.
_LIMIT = 1 << 25
_SHOWN = 5


class Remote:
    """The folders below an address, as its server lists them; each is asked for once.

    Parameters
    ----------
    base
        Address of the folder that holds the releases.
    client, patience
        To ask with.
    report
        Called with each address before it is asked for.
    """

    def __init__(self, base: str, client: httpx.Client, patience: Patience, report: Callable[[str], None]) -> None:
        self._base = base.rstrip("/")
        self._client, self._patience, self._report = client, patience, report
        self._listings: dict[str, dict[str, Listed]] = {}
        self._checksums: dict[str, dict[str, str]] = {}

    def url(self, path: str) -> str:
        """Return the address of what lies below the base."""
        return f"{self._base}/{quote(path)}"

    def listing(self, folder: str) -> dict[str, Listed]:
        """Return what is in a folder, by name."""
        if folder not in self._listings:
            url = self.url(f"{folder}/" if folder else "")
            self._listings[folder] = self._read(url, lambda path: read_listing(path, url), pages=True)
        return self._listings[folder]

    def has_folder(self, path: str) -> bool:
        """Tell whether a folder is there, by the listings of those above it."""
        above, _, name = path.rpartition("/")
        return (not above or self.has_folder(above)) and name in self.listing(above)

    def checksums(self, folder: str) -> dict[str, str]:
        """Return the checksums that are published in a folder, by name."""
        if folder not in self._checksums:
            found: dict[str, str] = {}
            for name in reversed(NAMES):
                if name in self.listing(folder):
                    url = self.url(f"{folder}/{name}")
                    found |= self._read(url, lambda path: read_checksums(path.read_text("utf-8", "replace")))
            self._checksums[folder] = found
        return self._checksums[folder]

    def genomes(self, release: int, division: str) -> dict[str, layout.Genome]:
        """Return the species of a release, by production name.

        Raises
        ------
        ConfigError
            If there is no such release, or it lists no species.
        """
        folder, name = layout.release_folder(release), layout.species_list(division)
        if folder not in self.listing(""):
            newest = ", ".join(map(str, layout.releases(self.listing(""))[:_SHOWN]))
            known = f"the newest there are {newest}" if newest else "there are no releases there"
            raise ConfigError(f"{self._base}: has no release {release} of Ensembl; {known}")
        if name not in self.listing(folder):
            raise ConfigError(
                f"{self.url(folder)}: holds no list of species ({name}), so release {release} cannot be fetched; "
                "take a newer one, or another division"
            )
        url = self.url(f"{folder}/{name}")
        try:
            return self._read(url, layout.read_species_list)
        except InputError as error:
            told = "; ".join(map(str, error.problems[:_SHOWN]))
            raise TransferError(f"{url}: is no list of species as homodb knows it ({told})") from error

    def _read(self, url: str, read: Callable[[Path], T], *, pages: bool = False) -> T:
        self._report(url)
        with tempfile.TemporaryDirectory(prefix="homodb-") as scratch:
            path = Path(scratch) / "page"
            transfer.fetch(url, path, limit=_LIMIT, pages=pages, client=self._client, patience=self._patience)
            return read(path)


def planned(remote: Remote, record: Record, species: Sequence[Species], there: Collection[str]) -> Record:
    """Add to a record the files of species, as their release lists them now.

    Parameters
    ----------
    remote
        Where they are.
    record
        What is known.
    species
        The wanted species.
    there
        Paths of files that are there already, of which the record tells more than a listing.

    Raises
    ------
    ConfigError, UnknownSpeciesError, TransferError
        If there is no such release, a species is not in it, or files without which nothing can be done are not.
    """
    genomes = remote.genomes(record.release, record.division)
    unknown = [one for one in species if one.name not in genomes]
    if unknown:
        raise UnknownSpeciesError("; ".join(_unlisted(one, genomes, record) for one in unknown))
    holdings, files = dict(record.species), dict(record.files)
    for one in species:
        genome = genomes[one.name]
        kinds: dict[str, list[str]] = {}
        for group in layout.GROUPS:
            for file in _found(remote, group, genome, record.release):
                kinds.setdefault(group.kind, []).append(file.path)
                files[file.path] = files[file.path] if file.path in there else file
        kinds = {kind: paths for kind, paths in kinds.items() if paths}
        lacks = [group.kind for group in layout.GROUPS if group.kind not in kinds]
        holdings[one.name] = Holding(genome.assembly, kinds, lacks)
    return replace(record, species=holdings, files=files)


def _found(remote: Remote, group: layout.Group, genome: layout.Genome, release: int) -> list[File]:
    folder = f"{layout.release_folder(release)}/{layout.folder_of(group, genome)}"
    names = remote.listing(folder) if remote.has_folder(folder) else {}
    files = [name for name, listed in names.items() if not listed.is_folder]
    found = layout.find_files(group, genome, release, files)
    for several in found.values():
        if len(several) > 1:
            raise TransferError(f"{remote.url(folder)}: holds {', '.join(several)}, and none says which to take")
    if group.needed and not found:
        raise TransferError(f"{remote.url(folder)}: holds no {group.kind} of {genome.name}, which all rests on")
    made = []
    for (name,) in found.values():
        path = f"{folder}/{name}"
        listed = names[name]
        made.append(File(path, remote.url(path), remote.checksums(folder).get(name), listed.low, listed.high))
    return made


def _unlisted(species: Species, genomes: dict[str, layout.Genome], record: Record) -> str:
    """Say that a release lacks a species, and which come close."""
    near = [name for name in genomes if name.split("_")[:2] == species.name.split("_")[:2]]
    near += [one.name for one in genomes.values() if one.shown.lower() == species.common_name]
    near += near_names(species.name, genomes, most=_SHOWN)
    names = ", ".join(f"{name} ({genomes[name].shown})" for name in dict.fromkeys(near[:_SHOWN]))
    hint = f"; it has {names}" if names else ""
    return (
        f"release {record.release} of Ensembl ({record.division}) has no {species.name} ({species.common_name}) "
        f"among its {len(genomes)} species{hint}"
    )
