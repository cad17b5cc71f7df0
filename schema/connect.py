"""Create and open release files, and run the schema in ``schema/sql``.

Tables are declared only in the DDL: the Arrow schemas that loaders check against come from running it in memory.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from homodb.schema.errors import BrokenReleaseError, NewerSchemaError, ReleaseError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

#: Storage format of release files: the oldest that DuckDB writes, so that every DuckDB from 1.1 opens them.
STORAGE_VERSION = "v1.0.0"

#: A release is read-only, and its SQL may come from anybody.
_SAFE = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    # no spilling: the disk is not accessible, so what does not fit into memory fails
    "temp_directory": "",
}
#: Nothing else is needed from disk once the file is open. Without this, DuckDB 2 lets ``WITH x AS (COPY ...)``
#: overwrite the release itself, read-only or not.
_LOCK = "SET disabled_filesystems = 'LocalFileSystem'; SET lock_configuration = true"

#: Views whose columns are those of other relations, and share their comments.
_COMMENTED_AS = {
    "mapping_default": ("mapping",),
    "orthology_source": ("orthology_pair", "database_set"),
    **dict.fromkeys(("ens_m2m", "ens_o2o", "hm_o2o", "lm_o2o", "hl_o2o"), ("ortholog",)),
}

_CHECK = re.compile(r"^-- check (?P<name>\w+): (?P<says>.+)\n(?P<sql>(?:(?!^-- check ).*\n?)+)", re.MULTILINE)


@cache
def ddl() -> tuple[tuple[int, str], ...]:
    """Return the numbered DDL files, in order, as (number, SQL)."""
    folder = resources.files("homodb.schema") / "sql"
    files = sorted(entry.name for entry in folder.iterdir() if re.fullmatch(r"\d{3}_\w+\.sql", entry.name))
    return tuple((int(name[:3]), (folder / name).read_text("utf-8")) for name in files)


def schema_version() -> int:
    """Return the newest schema version that this homodb supports."""
    return ddl()[-1][0]


@cache
def views() -> str:
    """Return the SQL of the views and comments that every DuckDB file has, whatever its schema."""
    return (resources.files("homodb.schema") / "sql" / "views.sql").read_text("utf-8")


@cache
def checks() -> tuple[tuple[str, str, str], ...]:
    """Return the invariants of a release as (name, description, SQL).

    The SQL returns the rows that break the invariant.
    """
    text = (resources.files("homodb.schema") / "sql" / "checks.sql").read_text("utf-8")
    return tuple((match["name"], match["says"], match["sql"].strip().rstrip(";")) for match in _CHECK.finditer(text))


def broken_invariants(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Check every invariant of a release and describe those that fail.

    Returns
    -------
    list of str
        One line per broken invariant, with the first rows that break it; empty for a valid release.
    """
    import duckdb

    broken: list[str] = []
    later = _later_tables(connection)
    for name, says, sql in checks():
        if later and re.search(rf"\b({'|'.join(later)})\b", sql):
            continue
        try:
            rows = connection.execute(f"SELECT * FROM ({sql}) LIMIT 3").fetchall()  # noqa: S608 (our own file)
        except duckdb.Error as error:
            broken.append(f"{name} ({says}) cannot be checked: {str(error).splitlines()[0]}")
            continue
        if rows:
            broken.append(f"{name} ({says}) is broken by {rows}")
    return broken


def _later_tables(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Return the tables of later schemas than a release's."""
    import duckdb

    try:
        version = max(row[0] for row in connection.execute("SELECT schema_version FROM release").fetchall())
    except (duckdb.Error, ValueError, TypeError):
        return ()
    return tuple(name for number, sql in ddl() if number > version for name in _tables_of(sql))


def create(path: Path | None, *, schema: int | None = None) -> duckdb.DuckDBPyConnection:
    """Create an empty release with all tables, views and macros.

    Parameters
    ----------
    path
        File to create, which must not exist; None for a database in memory.
    schema
        Schema version of the release; None for the newest.

    Returns
    -------
    duckdb.DuckDBPyConnection
        A writable connection whose default database is the new one.
    """
    import duckdb

    connection = duckdb.connect()
    if path is not None:
        target = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{target}' AS homodb_release (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE homodb_release")
    for number, sql in ddl():
        if schema is None or number <= schema:
            connection.execute(sql)
    connection.execute(views())
    _comment_views(connection)
    return connection


def _comment_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Give the columns of views the comments of the columns that they show."""
    rows = connection.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE database_name = current_database()"
    ).fetchall()
    comments = {(table, column): comment for table, column, comment in rows if comment is not None}
    for view, column, _ in rows:
        for relation in _COMMENTED_AS.get(view, ()):
            if (relation, column) in comments:
                text = comments[relation, column].replace("'", "''")
                connection.execute(f"COMMENT ON COLUMN {view}.{column} IS '{text}'")


def protect(connection: duckdb.DuckDBPyConnection, *, memory: float | None = None) -> None:
    """Take from a release in memory all that :func:`connect` takes from a file."""
    if memory is not None:
        connection.execute(f"SET memory_limit = '{max(1, round(memory * 1000))}MB'")
    for name, value in sorted(_SAFE.items(), reverse=True):  # after enable_external_access no folder can be named
        connection.execute(f"SET {name} = '{value}'")
    connection.execute(_LOCK)


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table, as the DDL declares it. NOT NULL columns are not nullable.

    Examples
    --------
    >>> arrow_schema("gene_alias").names
    ['gene', 'alias', 'kind']
    """
    return _arrow_schemas()[table]


@cache
def _arrow_schemas() -> dict[str, pa.Schema]:
    """Run the DDL in memory, once, and read the schema of each table."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect() as connection:
        for _, sql in ddl():
            connection.execute(sql)
        required = set(
            connection.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT is_nullable").fetchall()
        )
        return {
            table: pa.schema(
                [
                    field.with_nullable((table, field.name) not in required)
                    for field in connection.sql(f'SELECT * FROM "{table}"').to_arrow_table().schema  # noqa: S608
                ]
            )
            for table in tables()
        }


def tables() -> tuple[str, ...]:
    """Return the names of the tables, in order of declaration."""
    return tuple(name for _, sql in ddl() for name in _tables_of(sql))


def _tables_of(sql: str) -> list[str]:
    return re.findall(r"^CREATE TABLE (\w+)", sql, re.MULTILINE)


def connect(path: Path, *, memory: float | None = None) -> duckdb.DuckDBPyConnection:
    """Open a release file, read-only. Its SQL has no access to other files, the network, extensions and settings.

    Raises
    ------
    ReleaseError
        If the file does not exist or is not a release of homodb.
    NewerSchemaError
        If its schema is newer than this homodb supports.
    """
    import duckdb

    if not path.is_file():
        raise ReleaseError(f"{path}: there is no such file; give the folder of a release or its .duckdb file")
    if not _is_database(path):
        raise ReleaseError(
            f"{path}: is not a release file that DuckDB can open; give the folder of a release or its .duckdb file"
        )
    config: dict[str, str | bool | int | float | list[str]] = dict(_SAFE)
    if memory is not None:
        config["memory_limit"] = f"{max(1, round(memory * 1000))}MB"
    try:
        connection = duckdb.connect(str(path), read_only=True, config=config)
    except duckdb.ConnectionException as error:
        raise ReleaseError(
            f"{path}: is already open in this process with other settings; close that connection first"
        ) from error
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise ReleaseError(f"{path}: is not a release file that DuckDB can open ({first})") from error
    try:
        if not connection.execute("SELECT current_setting('lock_configuration')").fetchall()[0][0]:
            connection.execute(_LOCK)  # a second connection to the file is locked already
        version = _version_of(connection, path)
    except BaseException:
        connection.close()
        raise
    if version > schema_version():
        connection.close()
        raise NewerSchemaError(
            f"{path}: has schema {version}, this homodb supports up to {schema_version()}; "
            "install a newer homodb (pip install -U homodb)"
        )
    return connection


def connect_apart(path: Path, *, memory: float | None = None) -> duckdb.DuckDBPyConnection:
    """Open a release file beside a dead database of it that a query keeps; each cursor must ``USE homodb_release``."""
    import duckdb

    connection = duckdb.connect()  # a connection to the path would be one to the dead database
    target = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{target}' AS homodb_release (READ_ONLY)")
    protect(connection, memory=memory)
    return connection


def _is_database(path: Path) -> bool:
    """Return whether a file has DuckDB's magic bytes, or cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(12)[8:] == b"DUCK"
    except OSError:
        return True


def _version_of(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    import duckdb

    try:
        rows = connection.execute("SELECT schema_version FROM release").fetchall()
    except duckdb.CatalogException as error:
        raise ReleaseError(f"{path}: is a DuckDB file but not a homodb release (it has no table release)") from error
    except duckdb.Error as error:
        raise BrokenReleaseError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
    if len(rows) != 1 or not isinstance(rows[0][0], int):
        content = f"{len(rows)} rows" if len(rows) != 1 else f"schema version {rows[0][0]!r}"
        raise BrokenReleaseError(f"{path}: table release has {content}. Expected one row with a schema version.")
    return rows[0][0]
