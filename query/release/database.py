"""Open the database of a release, made from its Parquet files where it has no DuckDB file."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from pathlib import Path, PurePosixPath

import duckdb

from homodb.query.release.location import is_bundled
from homodb.schema.connect import connect, create, protect, schema_version, views
from homodb.schema.errors import BrokenReleaseError, NewerSchemaError, OutputError, ReleaseError
from homodb.schema.io import UNFINISHED, make_folder, reason, temporary_folder
from homodb.schema.locks import waited
from homodb.schema.manifest import Manifest, ManifestFile, read_selection
from homodb.schema.settings import cache_folder, releases_folder

_LOG = logging.getLogger(__name__)
#: Folder of the cache with the DuckDB files that were made from Parquet files.
_FOLDER = "databases"


def open_database(folder: Path, manifest: Manifest, *, memory: float) -> tuple[Path | None, duckdb.DuckDBPyConnection]:
    """Open the database of a release folder, read-only.

    A release without its DuckDB file gets one in the cache, made once from its Parquet files, which are verified
    against the manifest; where the cache cannot be written, it is read into memory.

    Returns
    -------
    tuple of Path or None, and duckdb.DuckDBPyConnection
        The DuckDB file (None for a database in memory), and the connection.

    Raises
    ------
    BrokenReleaseError
        If it has neither, or a Parquet file is missing or altered.
    """
    own = own_database(folder, manifest)
    if own is not None:
        return own, connect(own, memory=memory)
    if manifest.schema_version > schema_version():
        raise NewerSchemaError(
            f"{folder}: has schema {manifest.schema_version}, this homodb supports up to {schema_version()}; "
            "install a newer homodb (pip install -U homodb)"
        )
    files = _parquet_files(folder, manifest)
    path = cache_folder() / _FOLDER / f"{re.sub(r'[^A-Za-z0-9._+-]', '_', manifest.version)[:80]}-{_key(files)}.duckdb"
    if (connection := _open_sound(path, memory)) is not None:
        return path, connection
    start = time.monotonic()
    try:
        make_folder(path.parent)
        with waited(path.with_suffix(".lock")):
            connection = _open_sound(path, memory)  # another process may have made it meanwhile
            if connection is None:
                write_database(folder, manifest, path)
    except OutputError as error:
        connection = _in_memory(folder, manifest, files, memory)
        _LOG.warning("release %s was read into memory, which every command repeats (%s)", manifest.version, error)
        return None, connection
    if connection is None:
        spent = time.monotonic() - start
        _LOG.warning("made the database of release %s in %.1f s, once: %s", manifest.version, spent, path)
        connection = connect(path, memory=memory)
    return path, connection


def own_database(folder: Path, manifest: Manifest) -> Path | None:
    """Return the DuckDB file in the folder of a release; None without one."""
    databases = [folder / file.path for file in manifest.files if file.kind == "duckdb"]
    return databases[0] if len(databases) == 1 and databases[0].is_file() else None


def write_database(folder: Path, manifest: Manifest, path: Path) -> None:
    """Write the DuckDB file of a release from its Parquet files, whole or not at all.

    Raises
    ------
    BrokenReleaseError
        If a Parquet file is missing or altered.
    OutputError
        If the file cannot be written.
    """
    files = _parquet_files(folder, manifest)
    try:
        with temporary_folder(f".{path.name}{UNFINISHED}", path.parent) as place:
            partial = place / path.name
            connection = create(partial, schema=manifest.schema_version)
            try:
                _fill(connection, folder, manifest, files)
                connection.execute("USE memory; DETACH homodb_release")
            finally:
                connection.close()
            partial.replace(path)
    except (OSError, duckdb.IOException, duckdb.FatalException, duckdb.InternalException) as error:
        raise OutputError(f"{path}: cannot be written ({reason(error).splitlines()[0]})") from error


def _open_sound(path: Path, memory: float) -> duckdb.DuckDBPyConnection | None:
    """Open a file of the cache; None if it is missing or not a database."""
    try:
        return connect(path, memory=memory) if path.is_file() else None
    except (ReleaseError, OSError):
        if _is_open_elsewhere(path):
            raise
        return None


def _is_open_elsewhere(path: Path) -> bool:
    """Return whether this process has the file open with other settings."""
    try:
        with duckdb.connect(str(path), read_only=True):
            return False
    except duckdb.ConnectionException:
        return True
    except duckdb.Error:
        return False


def _in_memory(folder: Path, manifest: Manifest, files: list[ManifestFile], memory: float) -> duckdb.DuckDBPyConnection:
    connection = create(None, schema=manifest.schema_version)
    try:
        _fill(connection, folder, manifest, files)
        protect(connection, memory=memory)
    except BaseException:
        connection.close()
        raise
    return connection


def _key(files: list[ManifestFile]) -> str:
    """Return a name for the content of files and the views over it, equal on every machine."""
    lines = [*(f"{file.path} {file.sha256}" for file in files), views()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _parquet_files(folder: Path, manifest: Manifest) -> list[ManifestFile]:
    """Return the Parquet files of the tables, all of which must exist."""
    files = [file for file in manifest.files if file.kind == "parquet"]
    missing = [file.path for file in files if not (folder / file.path).is_file()]
    if files and not missing:
        return files
    databases = [file.path for file in manifest.files if file.kind == "duckdb"]
    if not files and not databases:
        raise BrokenReleaseError(f"{folder}: the manifest names neither a DuckDB file nor Parquet files")
    selection = read_selection(folder)
    if selection is not None and not selection.issuperset(missing if files else databases):
        raise BrokenReleaseError(
            f"{folder}: was downloaded without its database; `homodb download {manifest.version}` adds it"
        )
    if len(missing) == len(files) and databases:
        raise BrokenReleaseError(f"{folder}: the manifest names {databases[0]}, which is not there")
    more = f" and {len(missing) - 3} more are" if len(missing) > 3 else " is" if len(missing) == 1 else " are"
    raise BrokenReleaseError(f"{folder}: {', '.join(missing[:3])}{more} missing; {_repair(folder, manifest)}")


def _repair(folder: Path, manifest: Manifest) -> str:
    if is_bundled(folder):
        return "install homodb again (in a checkout: git checkout releases)"
    if folder.parent.absolute() == releases_folder().absolute():
        return f"`homodb download {manifest.version}` brings it again"
    return "copy, download or build the release again"


def _fill(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, files: list[ManifestFile]) -> None:
    """Insert the Parquet files, verified, in the order of the manifest, which is that of the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, int] = {}
    connection.execute("BEGIN")
    for file in files:
        content = _content(folder, manifest, file)
        parts = PurePosixPath(file.path).parts
        table = parts[1] if len(parts) == 3 else ""
        try:
            incoming = pq.read_table(pa.BufferReader(content))
            connection.register("incoming", incoming)
            connection.execute(f'INSERT INTO "{table.replace(chr(34), "")}" BY NAME SELECT * FROM incoming')  # noqa: S608
            connection.unregister("incoming")
        except (pa.ArrowException, duckdb.ProgrammingError, duckdb.DataError, duckdb.IntegrityError) as error:
            text = str(error).splitlines()[0]
            raise BrokenReleaseError(f"{folder / file.path}: is not of a table of this schema ({text})") from error
        rows[table] = rows.get(table, 0) + incoming.num_rows
    connection.execute("COMMIT")
    different = [name for name, count in manifest.rows.items() if rows.get(name, 0) != count]
    if different:
        name = different[0]
        counts = f"has {rows.get(name, 0):,} rows. Expected {manifest.rows[name]:,}, as in the manifest"
        raise BrokenReleaseError(f"{folder}: table {name} {counts}")


def _content(folder: Path, manifest: Manifest, file: ManifestFile) -> bytes:
    path = folder / file.path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BrokenReleaseError(f"{path}: cannot be read ({reason(error)}); {_repair(folder, manifest)}") from error
    if len(content) != file.bytes:
        difference = f"has {len(content):,} bytes instead of {file.bytes:,}"
    elif hashlib.sha256(content).hexdigest() != file.sha256:
        difference = "is not the file that the manifest names (its SHA-256 differs)"
    else:
        return content
    raise BrokenReleaseError(f"{path}: {difference}; {_repair(folder, manifest)}")
