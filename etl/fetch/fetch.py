"""``homodb fetch``: from an Ensembl release and names of species to a folder that a build can be made of."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import httpx

from homodb.etl.config import EnsemblConfig
from homodb.etl.fetch.config import write_config
from homodb.etl.fetch.download import ByteCounter, FetchProgress, download_files, estimate_bytes, open_client
from homodb.etl.fetch.ensembl import (
    CHECKSUM_FILES,
    DIVISIONS,
    GROUPS,
    Group,
    ListedFile,
    ListedGenome,
    find_files,
    group_folder,
    read_checksums,
    read_listing,
    read_species_list,
    release_folder,
    releases,
    species_list,
)
from homodb.etl.fetch.record import RECORD, File, Holding, Record, is_downloaded, read_record, without_download
from homodb.schema import transfer
from homodb.schema.cache import cache_folder
from homodb.schema.counted import counted
from homodb.schema.errors import ConfigError, InputError, TransferError, UnknownSpeciesError
from homodb.schema.files import check_folder, make_folder
from homodb.schema.locks import waited
from homodb.schema.near import near as near_names
from homodb.schema.near import there_are
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
        self._listings: dict[str, dict[str, ListedFile]] = {}
        self._checksums: dict[str, dict[str, str]] = {}

    def url(self, path: str) -> str:
        """Return the address of what lies below the base."""
        return f"{self._base}/{quote(path)}"

    def listing(self, folder: str) -> dict[str, ListedFile]:
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
            for name in reversed(CHECKSUM_FILES):
                if name in self.listing(folder):
                    url = self.url(f"{folder}/{name}")
                    found |= self._read(url, lambda path: read_checksums(path.read_text("utf-8", "replace")))
            self._checksums[folder] = found
        return self._checksums[folder]

    def genomes(self, release: int, division: str) -> dict[str, ListedGenome]:
        """Return the species of a release, by production name.

        Raises
        ------
        ConfigError
            If there is no such release, or it lists no species.
        """
        folder, name = release_folder(release), species_list(division)
        if folder not in self.listing(""):
            newest = ", ".join(map(str, releases(self.listing(""))[:_SHOWN]))
            known = f"the newest there are {newest}" if newest else "there are no releases there"
            raise ConfigError(f"{self._base}: has no release {release} of Ensembl; {known}")
        if name not in self.listing(folder):
            raise ConfigError(
                f"{self.url(folder)}: holds no list of species ({name}), so release {release} cannot be fetched; "
                "take a newer one, or another division"
            )
        url = self.url(f"{folder}/{name}")
        try:
            return self._read(url, read_species_list)
        except InputError as error:
            told = "; ".join(map(str, error.problems[:_SHOWN]))
            raise TransferError(f"{url}: is no list of species as homodb knows it ({told})") from error

    def _read(self, url: str, read: Callable[[Path], T], *, pages: bool = False) -> T:
        self._report(url)
        with tempfile.TemporaryDirectory(prefix="homodb-") as scratch:
            path = Path(scratch) / "page"
            transfer.fetch(url, path, limit=_LIMIT, pages=pages, client=self._client, patience=self._patience)
            return read(path)


def add_listed_files(remote: Remote, record: Record, species: Sequence[Species], there: Collection[str]) -> Record:
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
        for group in GROUPS:
            for file in _found(remote, group, genome, record.release):
                kinds.setdefault(group.kind, []).append(file.path)
                files[file.path] = files[file.path] if file.path in there else file
        kinds = {kind: paths for kind, paths in kinds.items() if paths}
        lacks = [group.kind for group in GROUPS if group.kind not in kinds]
        holdings[one.name] = Holding(genome.assembly, kinds, lacks)
    return replace(record, species=holdings, files=files)


def _found(remote: Remote, group: Group, genome: ListedGenome, release: int) -> list[File]:
    folder = f"{release_folder(release)}/{group_folder(group, genome)}"
    names = remote.listing(folder) if remote.has_folder(folder) else {}
    files = [name for name, listed in names.items() if not listed.is_folder]
    found = find_files(group, genome, release, files)
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


def _unlisted(species: Species, genomes: dict[str, ListedGenome], record: Record) -> str:
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


#: So many connections at a time, unless asked otherwise; Ensembl's server is everybody's.
CONNECTIONS = 3
_MOST_CONNECTIONS = 8
#: Name of the config of a build over what was fetched.
CONFIG = "release.toml"
_LOCK = ".fetching"
#: Seconds to wait for another process that fetches into the same folder.
_TURN = 86_400.0
_LISTED = 10


@dataclass(frozen=True)
class Fetch:
    """What there is, or would be.

    Parameters
    ----------
    folder, config
        The folder, and the config of a build in it.
    record
        What the folder holds.
    files
        The files of the wanted species.
    missing
        Of these, those that came, or would have to.
    notes
        What the release lacks.
    """

    folder: Path
    config: Path
    record: Record
    files: tuple[File, ...]
    missing: tuple[File, ...]
    notes: tuple[str, ...]

    @property
    def missing_bytes(self) -> int | None:
        """About how many bytes the missing files have; None where a listing does not tell of one."""
        return estimate_bytes(self.missing)

    def totals(self) -> dict[str, object]:
        """Return folder, config and files as JSON can hold them; ``about_bytes`` is what a listing says."""
        missing = {file.path for file in self.missing}
        files = [
            {
                "path": file.path, "url": file.url, "bytes": file.bytes, "sha256": file.sha256,
                "about_bytes": file.high, "missing": file.path in missing,
            }
            for file in self.files
        ]  # fmt: skip
        return {"folder": str(self.folder), "config": str(self.config), "files": files}


def fetch_files(
    wanted: EnsemblConfig,
    species: Sequence[Species],
    *,
    offline: bool = False,
    checksums: bool = True,
    connections: int = CONNECTIONS,
    patience: Patience | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
) -> Fetch:
    """Fetch Ensembl's files of some species, and write a build config over them.

    Parameters
    ----------
    wanted
        Which release, from where, into which folder (None: one of the cache).
    species
        The species.
    offline
        Ask for nothing: take what is there.
    checksums
        Whether the checksums and sizes that Ensembl publishes have to hold.
    connections
        At a time.
    patience
        With the server; None takes the usual one.
    report
        Called as it goes on.

    Returns
    -------
    Fetch
        What is there now. What was there and verified is not fetched again; interrupted, the same call goes on.

    Raises
    ------
    ConfigError, UnknownSpeciesError
        If there is no such release or division, a species is not in it, or the folder holds another release.
    TransferError
        If a file cannot be had or is not what Ensembl says; offline, if one is missing.
    OutputError
        If the folder cannot be written.
    StoppedError
        If the user stops it.
    """
    if not 1 <= connections <= _MOST_CONNECTIONS:
        raise ConfigError(f"{connections} connections at a time, wanted 1 to {_MOST_CONNECTIONS}")
    folder = fetch_folder(wanted)
    check_folder(folder)
    if offline and not folder.is_dir():
        plan_fetch(wanted, species, offline=True)  # raises: there is nothing
    make_folder(folder)
    with waited(folder / _LOCK, longest=_TURN):
        _sweep(folder)
        found = plan_fetch(wanted, species, offline=offline, patience=patience, report=report)
        record = found.record
        if offline and found.missing:
            raise TransferError(_offline(folder, found.missing))
        if not offline:
            missing = {file.path: without_download(file) for file in found.missing}
            record = replace(record, files=record.files | missing)
            record.write(folder)
            tally = ByteCounter(found.files, found.missing, report)

            def done(file: File) -> None:
                record.files[file.path] = file
                record.write(folder)
                tally.finished(file)

            download_files(
                list(missing.values()), folder, most=connections, checksums=checksums,
                patience=patience or Patience(), report=tally.moved, done=done,
            )  # fmt: skip
        names = [one.name for one in species]
        configured, notes = write_config(found.config, record, folder, species)
        if configured != record:
            configured.write(folder)
        return replace(found, record=configured, files=tuple(record.of(names)), notes=(*found.notes, *notes))


def plan_fetch(
    wanted: EnsemblConfig,
    species: Sequence[Species],
    *,
    offline: bool = False,
    patience: Patience | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
) -> Fetch:
    """List the files of some species, and those that are missing; parameters and errors as of :func:`fetch_files`."""
    folder, names = fetch_folder(wanted), [one.name for one in species]
    base = base_url(wanted)
    record = read_record(folder) or Record(base, wanted.release, wanted.division)
    if (record.base, record.release, record.division) != (base, wanted.release, wanted.division):
        raise ConfigError(
            f"{folder / RECORD}: holds release {record.release} ({record.division}) from {record.base}, "
            f"and release {wanted.release} ({wanted.division}) from {base} is wanted; give another folder"
        )
    known = record.of([name for name in names if name in record.species])
    there = set()
    for number, file in enumerate(known):
        report(FetchProgress("looking what is there", number, len(known)))
        if is_downloaded(folder, file):
            there.add(file.path)
    new = [one for one in species if one.name not in record.species]
    if new and offline:
        told = ", ".join(one.name for one in new)
        raise TransferError(f"{folder}: offline, and nothing of {told} was fetched into it; fetch it on-line")
    if not offline:
        new = [one for one in species if one in new or any(f.path not in there for f in record.of([one.name]))]
    if new:
        with open_client(1) as (client, _):
            asked = Remote(base, client, patience or Patience(), lambda url: report(FetchProgress(f"asking {url}")))
            record = add_listed_files(asked, record, new, there)
    files = record.of(names)
    missing = tuple(file for file in files if file.path not in there)
    notes = [f"{name}: release {wanted.release} has no {kind}" for name in names for kind in record.species[name].lacks]
    return Fetch(folder, folder / CONFIG, record, tuple(files), missing, tuple(notes))


def fetch_folder(wanted: EnsemblConfig) -> Path:
    """Return the folder where files are kept: the one that was asked for, or one of the cache."""
    if wanted.folder is not None:
        return wanted.folder
    place = re.sub(r"[^A-Za-z0-9.]+", "-", base_url(wanted).partition("://")[2]).strip("-.")
    return cache_folder() / "ensembl" / f"{place}-{wanted.division}-{wanted.release}"


def base_url(wanted: EnsemblConfig) -> str:
    """Return the address of the folder that holds the releases."""
    if wanted.division not in DIVISIONS:
        raise ConfigError(f"there is no division {wanted.division!r}" + there_are(wanted.division, DIVISIONS))
    if wanted.release < 1:
        raise ConfigError(f"release {wanted.release} of Ensembl: wanted its number, 1 or more (--ensembl 113)")
    return (wanted.base or DIVISIONS[wanted.division][0]).rstrip("/")


def _offline(folder: Path, missing: Sequence[File]) -> str:
    listed = ", ".join(file.path for file in missing[:_LISTED])
    more = f", and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    lacks = counted(len(missing), "file is", "files are")
    return f"{folder}: offline, and {lacks} missing or altered: {listed}{more}; fetch on-line"


def _sweep(folder: Path) -> None:
    """Remove what a killed process left of a record or config that it was writing; what it fetched is gone on with."""
    for name in (RECORD, CONFIG):
        for left in folder.glob(f".{name}.*"):
            shutil.rmtree(left, ignore_errors=True)
