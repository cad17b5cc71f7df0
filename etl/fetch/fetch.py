"""Download the files of an Ensembl release for a build."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homodb.etl.config import EnsemblConfig
from homodb.etl.fetch.config import write_config
from homodb.etl.fetch.download import ByteCounter, FetchProgress, download_files, estimate_bytes, open_client
from homodb.etl.fetch.layouts import FileGroup, SiteLayout, find_files, layout_of
from homodb.etl.fetch.record import RECORD, File, Holding, Record, is_downloaded, read_record, without_download
from homodb.etl.fetch.site import Remote
from homodb.schema.errors import ConfigError, TransferError
from homodb.schema.io import check_folder, make_folder
from homodb.schema.io.http import RetryPolicy
from homodb.schema.locks import waited
from homodb.schema.messages import counted
from homodb.schema.settings import cache_folder
from homodb.schema.species import Species


def add_listed_files(
    remote: Remote,
    layout: SiteLayout,
    record: Record,
    species: Sequence[Species],
    downloaded: Collection[str],
    *,
    count: int,
) -> Record:
    """Add the listed files of species to a record.

    Raises
    ------
    ConfigError, UnknownSpeciesError, TransferError
        If the release, a species or a required file does not exist.
    """
    holdings, files = dict(record.species), dict(record.files)
    for genome in layout.genomes(remote, species, count):
        kinds: dict[str, list[str]] = {}
        for group in genome.groups:
            for file in _listed_files(remote, group, genome.name):
                kinds.setdefault(group.kind, []).append(file.path)
                files[file.path] = files[file.path] if file.path in downloaded else file
        lacks = [group.kind for group in genome.groups if group.kind not in kinds]
        holdings[genome.name] = Holding(genome.assembly, kinds, lacks, genome.remark)
    return replace(record, species=holdings, files=files)


def _listed_files(remote: Remote, group: FileGroup, name: str) -> list[File]:
    url, names = remote.url(group.folder), remote.listing(group.folder) if group.exists else {}
    matches = find_files(group, [name for name, listed in names.items() if not listed.is_folder])
    for several in matches.values():
        if len(several) > 1:
            raise TransferError(f"{url}: has several candidates for one file: {', '.join(several)}")
    if group.needed and not matches:
        raise TransferError(f"{url}: has no {group.kind} of {name}, which is required")
    result = []
    for (file,) in matches.values():
        path = f"{group.folder}/{file}"
        listed = names[file]
        result.append(File(path, remote.url(path), remote.checksums(group.folder).get(file), listed.low, listed.high))
    return result


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
            record = add_listed_files(remote, _layout(wanted), record, new, downloaded, count=len(species))
    files = record.of(names)
    missing = tuple(file for file in files if file.path not in downloaded)
    notes = [f"{name}: release {wanted.release} has no {kind}" for name in names for kind in record.species[name].lacks]
    holdings = {name: record.species[name] for name in names}
    notes += [f"{name}: {holding.remark}" for name, holding in holdings.items() if holding.remark]
    return Fetch(folder, folder / CONFIG, record, tuple(files), missing, tuple(notes))


def fetch_folder(wanted: EnsemblConfig) -> Path:
    """Return the folder of downloaded files, by default in the cache."""
    if wanted.folder is not None:
        return wanted.folder
    place = re.sub(r"[^A-Za-z0-9.]+", "-", base_url(wanted).partition("://")[2]).strip("-.")
    division = f"{wanted.division}-" if isinstance(wanted.release, int) else ""
    return cache_folder() / "ensembl" / f"{place}-{division}{wanted.release}"


def base_url(wanted: EnsemblConfig) -> str:
    """Return the URL of the site."""
    return (wanted.base or _layout(wanted).base).rstrip("/")


def _layout(wanted: EnsemblConfig) -> SiteLayout:
    return layout_of(wanted.release, wanted.division, wanted.accessions)


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
