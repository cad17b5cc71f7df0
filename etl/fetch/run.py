"""``homodb fetch``: from an Ensembl release and names of species to a folder that a build can be made of."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from homodb.etl.config import EnsemblConfig
from homodb.etl.fetch.bring import bring, polite_client
from homodb.etl.fetch.inputs import write_config
from homodb.etl.fetch.plan import Remote, planned
from homodb.etl.fetch.progress import Progress, Tally, about
from homodb.etl.fetch.record import RECORD, File, Record, forgotten, is_there, read_record
from homodb.etl.sources.ensembl_layout import DIVISIONS
from homodb.schema.cache import cache_folder
from homodb.schema.counted import counted
from homodb.schema.errors import ConfigError, TransferError
from homodb.schema.files import check_folder, make_folder
from homodb.schema.locks import waited
from homodb.schema.patience import Patience
from homodb.schema.species import Species

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
        return about(self.missing)

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


def fetch(
    wanted: EnsemblConfig,
    species: Sequence[Species],
    *,
    offline: bool = False,
    checksums: bool = True,
    connections: int = CONNECTIONS,
    patience: Patience | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
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
    folder = folder_of(wanted)
    check_folder(folder)
    if offline and not folder.is_dir():
        plan(wanted, species, offline=True)  # raises: there is nothing
    make_folder(folder)
    with waited(folder / _LOCK, longest=_TURN):
        _sweep(folder)
        found = plan(wanted, species, offline=offline, patience=patience, report=report)
        record = found.record
        if offline and found.missing:
            raise TransferError(_offline(folder, found.missing))
        if not offline:
            missing = {file.path: forgotten(file) for file in found.missing}
            record = replace(record, files=record.files | missing)
            record.write(folder)
            tally = Tally(found.files, found.missing, report)

            def done(file: File) -> None:
                record.files[file.path] = file
                record.write(folder)
                tally.finished(file)

            bring(
                list(missing.values()), folder, most=connections, checksums=checksums,
                patience=patience or Patience(), report=tally.moved, done=done,
            )  # fmt: skip
        names = [one.name for one in species]
        configured, notes = write_config(found.config, record, folder, species)
        if configured != record:
            configured.write(folder)
        return replace(found, record=configured, files=tuple(record.of(names)), notes=(*found.notes, *notes))


def plan(
    wanted: EnsemblConfig,
    species: Sequence[Species],
    *,
    offline: bool = False,
    patience: Patience | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Fetch:
    """Find out which files there are, and which of them are missing; parameters and errors as of :func:`fetch`."""
    folder, names = folder_of(wanted), [one.name for one in species]
    base = base_of(wanted)
    record = read_record(folder) or Record(base, wanted.release, wanted.division)
    if (record.base, record.release, record.division) != (base, wanted.release, wanted.division):
        raise ConfigError(
            f"{folder / RECORD}: holds release {record.release} ({record.division}) from {record.base}, "
            f"and release {wanted.release} ({wanted.division}) from {base} is wanted; give another folder"
        )
    known = record.of([name for name in names if name in record.species])
    there = set()
    for number, file in enumerate(known):
        report(Progress("looking what is there", number, len(known)))
        if is_there(folder, file):
            there.add(file.path)
    new = [one for one in species if one.name not in record.species]
    if new and offline:
        told = ", ".join(one.name for one in new)
        raise TransferError(f"{folder}: offline, and nothing of {told} was fetched into it; fetch it on-line")
    if not offline:
        new = [one for one in species if one in new or any(f.path not in there for f in record.of([one.name]))]
    if new:
        with polite_client(1) as (client, _):
            asked = Remote(base, client, patience or Patience(), lambda url: report(Progress(f"asking {url}")))
            record = planned(asked, record, new, there)
    files = record.of(names)
    missing = tuple(file for file in files if file.path not in there)
    notes = [f"{name}: release {wanted.release} has no {kind}" for name in names for kind in record.species[name].lacks]
    return Fetch(folder, folder / CONFIG, record, tuple(files), missing, tuple(notes))


def folder_of(wanted: EnsemblConfig) -> Path:
    """Return the folder where files are kept: the one that was asked for, or one of the cache."""
    if wanted.folder is not None:
        return wanted.folder
    place = re.sub(r"[^A-Za-z0-9.]+", "-", base_of(wanted).partition("://")[2]).strip("-.")
    return cache_folder() / "ensembl" / f"{place}-{wanted.division}-{wanted.release}"


def base_of(wanted: EnsemblConfig) -> str:
    """Return the address of the folder that holds the releases."""
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
