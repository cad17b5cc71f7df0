"""Open a release read-only, and query it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from homodb.query.release.locate import locate
from homodb.query.release.sql_guard import MEMORY, TIMEOUT, answer, check_limits, check_statement, first_line
from homodb.schema.connect import connect
from homodb.schema.errors import BrokenReleaseError, QueryError, ReleaseError, UnknownSpeciesError
from homodb.schema.manifest import Manifest, read_manifest, read_selection
from homodb.schema.messages import make_unique
from homodb.schema.species import Species, by_number, find


def open_release(release: str | Path | None = None, *, memory: float = MEMORY) -> ReleaseFile:
    """Open a release read-only; see :func:`homodb.open`."""
    return ReleaseFile(locate(release), memory=memory)


@contextmanager
def use_release(release: str | Path | ReleaseFile | None) -> Iterator[ReleaseFile]:
    """Yield an open release, or open one and close it afterwards."""
    if isinstance(release, ReleaseFile):
        yield release
        return
    with open_release(release) as opened:
        yield opened


@cache
def statement(name: str) -> str:
    """Return the text of a query in ``query/sql``."""
    return (resources.files("homodb.query") / "sql" / f"{name}.sql").read_text("utf-8")


class ReleaseFile:
    """Open release.

    Parameters
    ----------
    path
        Folder of the release, or its ``.duckdb`` file alone.
    memory
        Memory limit of queries in gigabytes.

    Attributes
    ----------
    path
        DuckDB file.
    folder, manifest
        Folder and manifest; None if only the DuckDB file is available.
    """

    def __init__(self, path: Path, *, memory: float = MEMORY) -> None:
        check_limits(memory=memory)
        self._memory = memory
        self.manifest: Manifest | None = None
        self.folder: Path | None = None
        self.path = path
        if path.is_dir():
            self.folder = path.absolute()
            self.manifest = read_manifest(path)
            self.path = path / self.manifest.database
            if not self.path.is_file():
                raise BrokenReleaseError(_missing_database_message(path, self.manifest))
        self._connection = connect(self.path, memory=memory)
        rows = self._connection.execute("SELECT version, ensembl, default_embedding FROM release").fetchall()
        self.version: str = rows[0][0]
        self.ensembl: str | None = rows[0][1]
        self.default_embedding: int | None = rows[0][2]
        numbers = self._connection.execute("SELECT species FROM species ORDER BY species").fetchall()
        self.species: tuple[Species, ...] = tuple(by_number(number) for (number,) in numbers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<homodb release {self.version}: {', '.join(s.common_name for s in self.species)}>"

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.cursor()
        except duckdb.ConnectionException as error:
            raise ReleaseError(f"{self.path}: this release has been closed; open it again") from error

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run a query of ``query/sql`` with bound values."""
        try:
            with closing(self._cursor()) as cursor:
                return _frame(cursor.sql(statement(name), params=parameters).to_arrow_table())
        except duckdb.Error as error:
            raise QueryError(first_line(error)) from error

    def sql(
        self,
        query: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT,
    ) -> pl.DataFrame:
        """Run one SELECT statement.

        Parameters
        ----------
        query
            One SELECT statement (or EXPLAIN of one) over the tables, views and macros of the release.
        parameters
            Values for ``?`` or ``$name`` in it.
        timeout
            Time limit in seconds.

        Raises
        ------
        QueryError
            If it is another statement, DuckDB cannot run it, or it exceeds a limit of time or memory.
        """
        checked = check_statement(query)
        try:
            with closing(self._cursor()) as cursor:
                return _frame(answer(cursor, checked, parameters, timeout=timeout, memory=self._memory))
        except duckdb.Error as error:
            raise QueryError(first_line(error)) from error

    def find_species(self, name: str | int | Species) -> Species:
        """Find a species of this release by any of its names.

        Raises
        ------
        UnknownSpeciesError
            If the name means no species, or one that is not in the release.
        """
        try:
            species = name if isinstance(name, Species) else find(name)
        except UnknownSpeciesError as error:
            raise UnknownSpeciesError(f"{error} Release {self.version} holds {self._species_text()}.") from error
        if species not in self.species:
            raise UnknownSpeciesError(
                f"release {self.version} does not hold {species.name} (it holds {self._species_text()})"
            )
        return species

    def _species_text(self) -> str:
        """List the first twenty species of the release."""
        names = [one.common_name for one in self.species]
        return ", ".join(names[:20]) + (f" and {len(names) - 20} more, see homodb info" if len(names) > 20 else "")

    def info(self) -> pl.DataFrame:
        """Count mappings per species pair, strategy and evidence class."""
        return self.ask("info")


def _missing_database_message(path: Path, manifest: Manifest) -> str:
    selection = read_selection(path)
    if selection is None or manifest.database in selection:
        return f"{path}: the manifest names {manifest.database}, which is not there"
    return f"{path}: was downloaded without its database; `homodb download {manifest.version} --only duckdb` adds it"


def _frame(table: pa.Table) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(table.rename_columns(make_unique(table.column_names, "_")))
    except pl.exceptions.PolarsError as error:
        what = str(error).splitlines()[0]
        raise QueryError(f"the answer holds a type that a data frame has not: cast it to another ({what})") from error
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"wanted a table, got {type(frame)}")
    return frame
