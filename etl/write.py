"""Write a release: DuckDB file, Parquet files, manifest; all or nothing."""

from __future__ import annotations

import datetime
import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from homodb.etl.config import BuildTable, ReleaseConfig
from homodb.etl.sources import to_arrow
from homodb.schema.connect import arrow_schema, broken_invariants, create, schema_version, tables
from homodb.schema.enums import Strategy
from homodb.schema.errors import BrokenReleaseError, OutputError, ReleaseError
from homodb.schema.io import UNFINISHED, check_folder, replace_folder, temporary_folder
from homodb.schema.manifest import MANIFEST, Manifest, describe_file, read_manifest
from homodb.schema.vectors import FOLDER as VECTORS

#: Total order of each table, so that equal inputs give equal Parquet bytes.
ORDER = {
    "release": "version",
    "provenance": "source, path",
    "species": "species",
    "species_alias": "alias",
    "gene": "gene",
    "gene_alias": "gene, kind, alias",
    "protein": "gene, stable_id",
    "species_pair": "species_a, species_b",
    "homology": "species_a, species_b, gene_a, gene_b, homology_type, "
    "identity_a, identity_b, goc, wga, confidence, dn, ds",
    "embedding": "embedding",
    "gene_embedding": "embedding, gene",
    "embedding_pair": "embedding, species_a, species_b",
    "mapping": "species_a, species_b, strategy, embedding, rank, gene_a, gene_b",
    "data_source": "species_a, species_b, kind, name, release",
    "database_set": "database_set, database, release",
    "orthology_pair": "species_a, species_b, gene_a, gene_b",
    "unnamed_ortholog": "gene, species, reason",
}
#: Tables that have one Parquet file per pair of species.
_BY_PAIR = ("homology", "mapping", "orthology_pair")
#: Kinds of the files in the folder of vectors, by suffix.
_VECTOR_KINDS = {".parquet": "vectors", ".usearch": "index"}


@dataclass(frozen=True)
class Contents:
    """All tables of a release except ``release``, and what they lack.

    Parameters
    ----------
    tables
        Frames by table name, with the column names of the DDL; missing tables stay empty.
    default_embedding
        Number of the embedding that the views show; None without one.
    losses
        Losses by place and reason, with counts.
    """

    tables: Mapping[str, pl.DataFrame]
    default_embedding: int | None = None
    losses: tuple[dict[str, Any], ...] = field(default=())


def write_release(
    folder: Path, release: ReleaseConfig, contents: Contents, options: BuildTable | None = None
) -> Manifest:
    """Write all files of a release.

    Parameters
    ----------
    folder
        Folder that is empty or has the vectors of the genes.
    release
        Description of the release.
    contents
        Tables of the release.
    options
        Forms that are written; None for the defaults.

    Raises
    ------
    BrokenReleaseError
        If an invariant does not hold.
    """
    options = options or BuildTable()
    database = folder / f"homodb-{release.version}.duckdb"
    homodb_version = importlib.metadata.version("homodb")
    row = pl.DataFrame(
        {
            "version": [release.version],
            "title": [release.title],
            "schema_version": [schema_version()],
            "homodb_version": [homodb_version],
            "ensembl": [release.ensembl],
            "default_embedding": [contents.default_embedding],
            "licence": [release.licence],
            "citation": [release.citation],
        }
    )
    connection = create(database)
    try:
        rows = _load(connection, {**contents.tables, "release": row})
        broken = broken_invariants(connection)
        if broken:
            raise BrokenReleaseError("the build breaks invariants of a release: " + "; ".join(broken))
        parquet = _export(connection, folder, options.compression)
        mapped = {name for (name,) in connection.execute("SELECT DISTINCT strategy FROM mapping").fetchall()}
        species = connection.execute("SELECT name FROM species ORDER BY species").fetchall()
        models = connection.execute(
            "SELECT model || ' ' || pooling FROM embedding ORDER BY embedding IS DISTINCT FROM ?, embedding",
            [contents.default_embedding],
        ).fetchall()
        connection.execute("USE memory")
        connection.execute("DETACH homodb_release")
    finally:
        connection.close()
    if not options.database:
        database.unlink()
    manifest = Manifest(
        version=release.version,
        schema_version=schema_version(),
        homodb_version=homodb_version,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        title=release.title,
        ensembl=release.ensembl,
        licence=release.licence,
        citation=release.citation,
        species=tuple(name for (name,) in species),
        strategies=tuple(str(strategy) for strategy in Strategy if strategy in mapped),
        embeddings=tuple(name for (name,) in models),
        rows=rows,
        losses=contents.losses,
        files=(
            *([describe_file(folder, database, "duckdb")] if options.database else []),
            *(describe_file(folder, path, "parquet") for path in parquet),
            *(describe_file(folder, path, _VECTOR_KINDS[path.suffix]) for path in sorted(folder.glob(f"{VECTORS}/*"))),
        ),
    )
    (folder / MANIFEST).write_text(manifest.to_json(), "utf-8")
    return manifest


def _load(connection: duckdb.DuckDBPyConnection, frames: Mapping[str, pl.DataFrame]) -> dict[str, int]:
    """Insert every table, sorted, and return the number of rows of each."""
    connection.execute("BEGIN")
    for name in tables():
        if name in frames:
            incoming = to_arrow(frames[name], arrow_schema(name))
            connection.register("incoming", incoming)
            connection.execute(f'INSERT INTO "{name}" BY NAME SELECT * FROM incoming ORDER BY {ORDER[name]}')  # noqa: S608
            connection.unregister("incoming")
    connection.execute("COMMIT")
    return {name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]) for name in tables()}  # noqa: S608


def _export(connection: duckdb.DuckDBPyConnection, folder: Path, level: int) -> list[Path]:
    """Write each table as Parquet, each file with its own ordered COPY.

    Rows of mapping that rest on an embedding have files of their own.
    """
    written: list[Path] = []
    names = dict(connection.execute("SELECT species, name FROM species").fetchall())
    for table in tables():
        place = folder / "parquet" / table
        place.mkdir(parents=True)
        if table in _BY_PAIR:
            embedding = "embedding" if table == "mapping" else "NULL"
            pairs = f'SELECT DISTINCT species_a, species_b, {embedding} FROM "{table}" ORDER BY ALL NULLS FIRST'  # noqa: S608
            parts = [
                (
                    f"{names[a]}.{names[b]}" + ("" if number is None else f".embedding{number}"),
                    f"WHERE species_a = {int(a)} AND species_b = {int(b)}"
                    + (f" AND embedding IS NOT DISTINCT FROM {number or 'NULL'}" if table == "mapping" else ""),
                )
                for a, b, number in connection.execute(pairs).fetchall()
            ]
        else:
            parts = [(table, "")]
        for name, where in parts:
            path = place / f"{name}.parquet"
            target = str(path).replace("'", "''")
            connection.execute(
                f'COPY (SELECT * FROM "{table}" {where} ORDER BY {ORDER[table]}) '  # noqa: S608
                f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level:d})"
            )
            written.append(path)
    return written


def check_output(folder: Path, version: str) -> None:
    """Check that a folder is new, empty, or an earlier build of this release.

    Raises
    ------
    OutputError
        If it is a file, is not writable, or has other files or another release.
    """
    check_folder(folder)
    if not folder.exists():
        return
    if not any(folder.iterdir()):
        return
    try:
        earlier = read_manifest(folder)
    except ReleaseError as error:
        raise OutputError(f"{folder}: is neither empty nor a release. Use a new or empty folder") from error
    if earlier.version != version:
        raise OutputError(
            f"{folder}: has release {earlier.version}, but this build is {version}. Use a new or empty folder"
        )
    own = {MANIFEST, *(file.path for file in earlier.files)}
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    foreign = sorted(file for file in files if file not in own)
    if foreign:
        raise OutputError(
            f"{folder}: has files that a build of release {version} would delete "
            f"({', '.join(foreign[:3])}). Move them, or use a new or empty folder"
        )


@contextmanager
def staged_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces the output folder on success.

    A build that fails or is killed leaves the output folder unchanged. What a killed build left beside it is deleted by
    the next one.

    Raises
    ------
    OutputError
        If the folder is not writable.
    """
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(f".{folder.name}{UNFINISHED}", folder.parent) as place:
            staging = place / folder.name
            staging.mkdir(0o755)
            yield staging
            replace_folder(staging, folder)
    except (OSError, duckdb.IOException) as error:
        raise OutputError(f"{folder}: cannot be written ({getattr(error, 'strerror', None) or error})") from error
