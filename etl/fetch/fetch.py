"""Download the files of an Ensembl release for a build."""

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
    list_releases,
    read_checksums,
    read_listing,
    read_species_list,
    release_folder,
    species_list,
)
from homodb.etl.fetch.record import RECORD, File, Holding, Record, is_downloaded, read_record, without_download
from homodb.schema.errors import ConfigError, InputError, TransferError, UnknownSpeciesError
from homodb.schema.io import check_folder, make_folder, transfer
from homodb.schema.io.http import RetryPolicy
from homodb.schema.locks import waited
from homodb.schema.messages import close_matches as near_names
from homodb.schema.messages import counted
from homodb.schema.settings import cache_folder
from homodb.schema.species import Species

T = TypeVar("T")
#: Size limit of listings, species lists and files of checksums.
_LIMIT = 1 << 25
_SHOWN = 5


class Remote:
    """Folders below a URL, each listed once.

    Parameters
    ----------
    base
        URL of the folder of releases.
    client, patience
        HTTP client, and its retries and timeouts.
    report
        Callback that receives each URL before its request.
    """

    def __init__(self, base: str, client: httpx.Client, patience: RetryPolicy, report: Callable[[str], None]) -> None:
        self._base = base.rstrip("/")
        self._client, self._patience, self._report = client, patience, report
        self._listings: dict[str, dict[str, ListedFile]] = {}
        self._checksums: dict[str, dict[str, str]] = {}

    def url(self, path: str) -> str:
        """Return the URL of a path below the base."""
        return f"{self._base}/{quote(path)}"

    def listing(self, folder: str) -> dict[str, ListedFile]:
        """Return the entries of a folder by name."""
        if folder not in self._listings:
            url = self.url(f"{folder}/" if folder else "")
            self._listings[folder] = self._read(url, lambda path: read_listing(path, url), pages=True)
        return self._listings[folder]

    def has_folder(self, path: str) -> bool:
        """Return whether a folder exists, by the listings of its parents."""
        above, _, name = path.rpartition("/")
        return (not above or self.has_folder(above)) and name in self.listing(above)

    def checksums(self, folder: str) -> dict[str, str]:
        """Return the published checksums of a folder by file name."""
        if folder not in self._checksums:
            checksums: dict[str, str] = {}
            for name in reversed(CHECKSUM_FILES):
                if name in self.listing(folder):
                    url = self.url(f"{folder}/{name}")
                    checksums |= self._read(url, lambda path: read_checksums(path.read_text("utf-8", "replace")))
            self._checksums[folder] = checksums
        return self._checksums[folder]

    def genomes(self, release: int, division: str) -> dict[str, ListedGenome]:
        """Return the species of a release by production name.

        Raises
        ------
        ConfigError
            If the release does not exist or has no species list.
        """
        folder, name = release_folder(release), species_list(division)
        if folder not in self.listing(""):
            newest = ", ".join(map(str, list_releases(self.listing(""))[:_SHOWN]))
            hint = f"The newest are {newest}" if newest else "It has no releases"
            raise ConfigError(f"{self._base}: has no release {release} of Ensembl. {hint}")
        if name not in self.listing(folder):
            raise ConfigError(
                f"{self.url(folder)}: has no species list ({name}), so release {release} cannot be fetched. "
                "Use a newer release, or another division"
            )
        url = self.url(f"{folder}/{name}")
        try:
            return self._read(url, read_species_list)
        except InputError as error:
            problems = "; ".join(map(str, error.problems[:_SHOWN]))
            raise TransferError(f"{url}: is not a species list that homodb can read ({problems})") from error

    def _read(self, url: str, read: Callable[[Path], T], *, pages: bool = False) -> T:
        self._report(url)
        with tempfile.TemporaryDirectory(prefix="homodb-") as scratch:
            path = Path(scratch) / "page"
            transfer.fetch(url, path, limit=_LIMIT, pages=pages, client=self._client, patience=self._patience)
            return read(path)


def add_listed_files(remote: Remote, record: Record, species: Sequence[Species], downloaded: Collection[str]) -> Record:
    """Add the listed files of species to a record.

    Parameters
    ----------
    remote
        Folders of the releases.
    record
        Record to extend.
    species
        Species to add.
    downloaded
        Paths of downloaded files, whose entries in the record stay.

    Raises
    ------
    ConfigError, UnknownSpeciesError, TransferError
        If the release, a species or a required file does not exist.
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
            for file in _listed_files(remote, group, genome, record.release):
                kinds.setdefault(group.kind, []).append(file.path)
                files[file.path] = files[file.path] if file.path in downloaded else file
        kinds = {kind: paths for kind, paths in kinds.items() if paths}
        lacks = [group.kind for group in GROUPS if group.kind not in kinds]
        holdings[one.name] = Holding(genome.assembly, kinds, lacks)
    return replace(record, species=holdings, files=files)


def _listed_files(remote: Remote, group: Group, genome: ListedGenome, release: int) -> list[File]:
    folder = f"{release_folder(release)}/{group_folder(group, genome)}"
    names = remote.listing(folder) if remote.has_folder(folder) else {}
    files = [name for name, listed in names.items() if not listed.is_folder]
    matches = find_files(group, genome, release, files)
    for several in matches.values():
        if len(several) > 1:
            raise TransferError(f"{remote.url(folder)}: has several candidates for one file: {', '.join(several)}")
    if group.needed and not matches:
        raise TransferError(f"{remote.url(folder)}: has no {group.kind} of {genome.name}, which is required")
    result = []
    for (name,) in matches.values():
        path = f"{folder}/{name}"
        listed = names[name]
        result.append(File(path, remote.url(path), remote.checksums(folder).get(name), listed.low, listed.high))
    return result


def _unlisted(species: Species, genomes: dict[str, ListedGenome], record: Record) -> str:
    """Describe a species that a release lacks, with similar ones."""
    near = [name for name in genomes if name.split("_")[:2] == species.name.split("_")[:2]]
    near += [one.name for one in genomes.values() if one.shown.lower() == species.common_name]
    near += near_names(species.name, genomes, most=_SHOWN)
    names = ", ".join(f"{name} ({genomes[name].shown})" for name in dict.fromkeys(near[:_SHOWN]))
    hint = f". Similar: {names}" if names else ""
    return (
        f"release {record.release} of Ensembl ({record.division}) has no {species.name} ({species.common_name}) "
        f"among its {len(genomes)} species{hint}"
    )


#: Default number of connections, low because the server of Ensembl is shared.
CONNECTIONS = 3
_MOST_CONNECTIONS = 8
#: Name of the build config in the folder of downloaded files.
CONFIG = "release.toml"
_LOCK = ".fetching"
#: Seconds to wait for another process that downloads into the same folder.
_TURN = 86_400.0
_LISTED = 10


@dataclass(frozen=True)
class Fetch:
    """Result of a fetch, or of its plan.

    Parameters
    ----------
    folder, config
        Folder of the files, and the build config in it.
    record
        Record of the folder.
    files
        Files of the species.
    missing
        Files that were downloaded, or that a plan would download.
    notes
        Remarks about missing and unusual files.
    """

    folder: Path
    config: Path
    record: Record
    files: tuple[File, ...]
    missing: tuple[File, ...]
    notes: tuple[str, ...]

    @property
    def missing_bytes(self) -> int | None:
        """Approximate bytes of the missing files; None without listed sizes."""
        return estimate_bytes(self.missing)

    def totals(self) -> dict[str, object]:
        """Return folder, config and files with their sizes, for JSON."""
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
    patience: RetryPolicy | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
) -> Fetch:
    """Download the files of some species and write a build config.

    Parameters
    ----------
    wanted
        Release, URL and folder of the files (None for a folder in the cache).
    species
        Species to download.
    offline
        Whether to use downloaded files only.
    checksums
        Whether to check the checksums and sizes that Ensembl publishes.
    connections
        Maximum number of connections.
    patience
        Retries and timeouts; None for the default.
    report
        Callback that receives the progress.

    Returns
    -------
    Fetch
        Files of the species. Verified files are not downloaded again, and an interrupted call can be repeated.

    Raises
    ------
    ConfigError, UnknownSpeciesError
        If the release, division or a species does not exist, or the folder has another release.
    TransferError
        If a download fails or is not as published; offline, if a file is missing.
    OutputError
        If the folder is not writable.
    StoppedError
        If the user stops it.
    """
    if not 1 <= connections <= _MOST_CONNECTIONS:
        raise ConfigError(f"expected 1 to {_MOST_CONNECTIONS} connections, got {connections}")
    folder = fetch_folder(wanted)
    check_folder(folder)
    if offline and not folder.is_dir():
        plan_fetch(wanted, species, offline=True)  # raises, since the folder is empty
    make_folder(folder)
    with waited(folder / _LOCK, longest=_TURN):
        _sweep(folder)
        planned = plan_fetch(wanted, species, offline=offline, patience=patience, report=report)
        record = planned.record
        if offline and planned.missing:
            raise TransferError(_offline(folder, planned.missing))
        if not offline:
            missing = {file.path: without_download(file) for file in planned.missing}
            record = replace(record, files=record.files | missing)
            record.write(folder)
            tally = ByteCounter(planned.files, planned.missing, report)

            def done(file: File) -> None:
                record.files[file.path] = file
                record.write(folder)
                tally.finished(file)

            download_files(
                list(missing.values()), folder, most=connections, checksums=checksums,
                patience=patience or RetryPolicy(), report=tally.moved, done=done,
            )  # fmt: skip
        names = [one.name for one in species]
        configured, notes = write_config(planned.config, record, folder, species)
        if configured != record:
            configured.write(folder)
        return replace(planned, record=configured, files=tuple(record.of(names)), notes=(*planned.notes, *notes))


def plan_fetch(
    wanted: EnsemblConfig,
    species: Sequence[Species],
    *,
    offline: bool = False,
    patience: RetryPolicy | None = None,
    report: Callable[[FetchProgress], None] = lambda progress: None,
) -> Fetch:
    """List the files of some species, and those that are missing.

    Parameters and errors are those of :func:`fetch_files`.
    """
    folder, names = fetch_folder(wanted), [one.name for one in species]
    base = base_url(wanted)
    record = read_record(folder) or Record(base, wanted.release, wanted.division)
    if (record.base, record.release, record.division) != (base, wanted.release, wanted.division):
        raise ConfigError(
            f"{folder / RECORD}: is of release {record.release} ({record.division}) from {record.base}. Expected "
            f"release {wanted.release} ({wanted.division}) from {base}. Use another folder"
        )
    recorded = record.of([name for name in names if name in record.species])
    downloaded = set()
    for number, file in enumerate(recorded):
        report(FetchProgress("checking downloaded files", number, len(recorded)))
        if is_downloaded(folder, file):
            downloaded.add(file.path)
    new = [one for one in species if one.name not in record.species]
    if new and offline:
        absent = ", ".join(one.name for one in new)
        raise TransferError(f"{folder}: has no files of {absent}, and cannot download them offline")
    if not offline:
        new = [one for one in species if one in new or any(f.path not in downloaded for f in record.of([one.name]))]
    if new:
        with open_client(1) as (client, _):
            remote = Remote(
                base, client, patience or RetryPolicy(), lambda url: report(FetchProgress(f"listing {url}"))
            )
            record = add_listed_files(remote, record, new, downloaded)
    files = record.of(names)
    missing = tuple(file for file in files if file.path not in downloaded)
    notes = [f"{name}: release {wanted.release} has no {kind}" for name in names for kind in record.species[name].lacks]
    return Fetch(folder, folder / CONFIG, record, tuple(files), missing, tuple(notes))


def fetch_folder(wanted: EnsemblConfig) -> Path:
    """Return the folder of downloaded files, by default in the cache."""
    if wanted.folder is not None:
        return wanted.folder
    place = re.sub(r"[^A-Za-z0-9.]+", "-", base_url(wanted).partition("://")[2]).strip("-.")
    return cache_folder() / "ensembl" / f"{place}-{wanted.division}-{wanted.release}"


def base_url(wanted: EnsemblConfig) -> str:
    """Return the URL of the folder of releases."""
    return (wanted.base or DIVISIONS[wanted.division][0]).rstrip("/")


def _offline(folder: Path, missing: Sequence[File]) -> str:
    listed = ", ".join(file.path for file in missing[:_LISTED])
    more = f", and {len(missing) - _LISTED} more" if len(missing) > _LISTED else ""
    lacks = counted(len(missing), "file is", "files are")
    return f"{folder}: {lacks} missing or altered, and cannot be downloaded offline: {listed}{more}"


def _sweep(folder: Path) -> None:
    """Remove the partial record and config of a killed process."""
    for name in (RECORD, CONFIG):
        for left in folder.glob(f".{name}.*"):
            shutil.rmtree(left, ignore_errors=True)
