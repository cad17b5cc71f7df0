"""Open a release read-only, and query it."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakSet

import duckdb
import polars as pl

from homodb.query.release.connection import Connection, own_table
from homodb.query.release.database import open_database, write_database
from homodb.query.release.isolated import IsolatedProcess
from homodb.query.release.location import locate
from homodb.query.release.sql_guard import (
    GRACE,
    MEMORY,
    TIMEOUT,
    NoThreadError,
    Parameters,
    Question,
    Tables,
    Work,
    answer,
    any_runs_on,
    check_limits,
    is_fatal,
    misnamed,
    query_error,
)
from homodb.query.settings import warn
from homodb.schema.connect import connect, connect_apart
from homodb.schema.errors import HomodbError, QueryError, ReleaseError, UnknownSpeciesError
from homodb.schema.flat import write_flat, write_table
from homodb.schema.io import check_folder, check_output, make_folder, must_end, whole_file
from homodb.schema.manifest import Manifest, read_manifest
from homodb.schema.messages import make_unique
from homodb.schema.species import FIRST_DESCRIBED, Species, by_number, describe, find, names, normalise

if TYPE_CHECKING:
    import pyarrow as pa

_Answer = TypeVar("_Answer")

#: Number of species that a message names.
_SHOWN = 8
#: First and last day that Python has, of the years 1 and 9999, counted from 1970; ticks of a day by unit of time.
_DAYS, _TICKS_A_DAY = (-719_162, 2_932_896), {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
#: Open releases: those of one file share a database, which a fatal error ends for all.
_OPEN: WeakSet[ReleaseFile] = WeakSet()
_OPENING = threading.RLock()


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
        Folder of the release, or its ``.duckdb`` file alone. A folder with Parquet files and manifest is enough.
    memory
        Memory limit of queries in gigabytes.

    Attributes
    ----------
    path
        DuckDB file; the folder of a release that was read into memory.
    folder, manifest
        Folder and manifest; None if only the DuckDB file is available.
    """

    def __init__(self, path: Path, *, memory: float = MEMORY) -> None:
        check_limits(memory=memory)
        self._memory = memory
        self._is_closed = False
        self._questions: WeakSet[Question[Any]] = WeakSet()
        self._isolated = IsolatedProcess()
        self._is_apart = False
        self.manifest: Manifest | None = None
        self.folder: Path | None = None
        self.path = path
        if path.is_dir():
            self.folder = path.absolute()
            self.manifest = read_manifest(path)
        self._connection = self._connect()
        rows = self._connection.execute(
            "SELECT version, ensembl, default_embedding, schema_version FROM release"
        ).fetchall()
        self.version: str = rows[0][0]
        self.ensembl: str | None = rows[0][1]
        self.default_embedding: int | None = rows[0][2]
        self.schema_version: int = rows[0][3]
        self.species: tuple[Species, ...] = _species_of(self._connection)
        _OPEN.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<homodb release {self.version}: {', '.join(s.common_name for s in self.species)}>"

    def close(self) -> None:
        """Close the file; queries of other threads are interrupted."""
        self._is_closed = True
        self._isolated.end()
        for question in list(self._questions):
            question.stop()
        with suppress(duckdb.Error):
            self._connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        if self.folder is None or self.manifest is None:
            return connect(self.path, memory=self._memory)
        database, connection = open_database(self.folder, self.manifest, memory=self._memory)
        self.path = database or self.folder
        return connection

    def isolate_in(self, process: IsolatedProcess) -> None:
        """Run isolated queries in a process that was started before."""
        self._isolated = process

    def _ask(self, work: Work[_Answer], timeout: float | None = None, *, again: bool = True) -> _Answer:
        """Run a query; where another one has ended the database, open it again and run the query again."""
        try:
            question = Question(self._cursor(), work)
            self._questions.add(question)
            return question.result(timeout)
        except QueryError as error:
            if self._is_closed:
                raise ReleaseError(f"{self.path}: this release was closed while a query ran") from error
            if not is_fatal(error) or self._is_alive():
                raise
            self._open_anew()
            if again and "previous fatal error" in str(error):
                return self._ask(work, timeout, again=False)
            raise

    def _is_alive(self) -> bool:
        try:
            with self._connection.cursor() as cursor:
                return bool(cursor.execute("SELECT 1").fetchall())
        except duckdb.Error:
            return False

    def _open_anew(self) -> None:
        """Open the database again, with all releases of this process that share it: the last to close it ends it."""
        with _OPENING:
            end = time.monotonic() + GRACE
            while not self._is_alive() and not self._is_closed and time.monotonic() < end:
                sharing = [one for one in list(_OPEN) if one.path == self.path and not one._is_closed]
                for one in sharing:
                    for question in list(one._questions):
                        question.stop(0.1)
                    one._connection.close()
                for one in sharing:
                    with suppress(HomodbError, duckdb.Error):
                        one._connection, one._is_apart = one._connect(), False
            for one in list(_OPEN):
                if one.path == self.path and not one._is_closed and not one._is_alive():
                    with suppress(duckdb.Error):  # a query that does not stop keeps the dead database
                        one._connection, one._is_apart = connect_apart(one.path, memory=one._memory), True

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        try:
            cursor = self._connection.cursor()
            return cursor.execute("USE homodb_release") if self._is_apart else cursor
        except duckdb.ConnectionException as error:
            raise self._closed() from error

    def _closed(self) -> ReleaseError:
        return ReleaseError(f"{self.path}: this release has been closed; open it again")

    def ask(self, name: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run a query of ``query/sql`` with bound values."""
        text = statement(name)
        return self._ask(lambda cursor: pl.DataFrame(cursor.sql(text, params=parameters).materialize()))

    def select(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Run a SELECT statement of homodb's own."""
        return _frame(self._ask(lambda cursor: cursor.sql(query, params=parameters).to_arrow_table()))

    def sql(
        self,
        query: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        tables: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT,
        isolated: bool = False,
    ) -> pl.DataFrame:
        """Run one SELECT statement.

        Parameters
        ----------
        query
            One SELECT statement (or EXPLAIN of one) over the tables, views and macros of the release.
        parameters
            Values for ``?`` or ``$name`` in it.
        tables
            Tables of one's own by their names in the query: data frames of polars or pandas, or Arrow tables. Labels
            of a pandas index become a column.
        timeout
            Time limit in seconds.
        isolated
            Whether to run it in a child process, which is ended at the limits of time and memory whatever it does.
            The first such query starts the process. While a query runs on that could not be stopped at its limit, all
            others run so.

        Raises
        ------
        QueryError
            If it is another statement, DuckDB cannot run it, it exceeds a limit of time or memory, or one of `tables`
            is not a table or has a name of the release's.
        """
        own = self.own_tables(tables or {})
        try:
            return self.frame(self.answer(query, parameters, tables=own, timeout=timeout, isolated=isolated))
        except (HomodbError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # also the panics of polars
            raise query_error(error) from error

    def answer(
        self,
        query: str,
        parameters: Parameters = None,
        *,
        tables: Tables | None = None,
        timeout: float = TIMEOUT,
        isolated: bool = False,
    ) -> pa.Table:
        """Run one SELECT statement as :meth:`sql` does, and return its answer as Arrow."""
        check_limits(timeout=timeout)
        if not tables and (likely := misnamed(query, self.find_species)):
            warn(likely)
        try:
            if not isolated and not any_runs_on():  # several that run on would fill the memory of this process
                with suppress(NoThreadError):
                    return self._ask(answer(query, parameters, self._memory, tables), timeout)
            if self._is_closed:
                raise self._closed()
            return self._isolated.ask(self.path, query, parameters, tables=tables, timeout=timeout, memory=self._memory)
        except (HomodbError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            raise query_error(error) from error

    def connection(self, *, timeout: float = TIMEOUT, isolated: bool = False) -> Connection:
        """Return a connection for SQL that keeps one's own tables from query to query.

        It has the methods of a DuckDB connection for questions (``execute``, ``fetchall``, ``df``, ``pl``,
        ``register``), and every statement passes the same check as those of :meth:`sql`.

        Parameters
        ----------
        timeout
            Time limit of a query in seconds.
        isolated
            Whether queries run in a child process, as of :meth:`sql`.
        """
        return Connection(self, timeout=timeout, isolated=isolated)

    def own_tables(self, tables: Mapping[str, object]) -> dict[str, pa.Table]:
        """Return tables of the caller's as Arrow; none may have a name of the release's.

        Raises
        ------
        QueryError
            If a name is that of a table or view of the release, or an object is not a table.
        """
        own = {name: own_table(name, table) for name, table in tables.items()}
        taken = {name.casefold() for name in self.relations()} if own else set()
        for name in own:
            if name.casefold() in taken:
                raise QueryError(f"the release has {name} itself. Give the table another name")
        return own

    def relations(self) -> dict[str, str]:
        """Return the views and tables of the release with their comments, the most useful first."""
        frame = self.ask("relations")
        return dict(zip(frame["name"], frame["comment"], strict=True))

    @staticmethod
    def frame(table: pa.Table) -> pl.DataFrame:
        """Return an answer as a data frame; columns of one name are numbered."""
        return _frame(table)

    def find_species(self, name: str | int | Species) -> Species:
        """Find a species of this release by any of its names.

        Raises
        ------
        UnknownSpeciesError
            If the name means no species, or one that is not in the release.
        """
        try:
            species = name if isinstance(name, Species) else self._described().get(normalise(str(name))) or find(name)
        except UnknownSpeciesError as error:
            raise UnknownSpeciesError(f"{error} Release {self.version} holds {self._species_text()}.") from error
        if species not in self.species:
            raise UnknownSpeciesError(
                f"release {self.version} does not hold {species.name} (it holds {self._species_text()})"
            )
        return species

    def _described(self) -> dict[str, Species]:
        """Return the species of the release that the registry lacks, by each of their names."""
        return {alias: one for one in self.species if one.number >= FIRST_DESCRIBED for alias in names(one)}

    def _species_text(self) -> str:
        """List the first species of the release."""
        names = [one.common_name for one in self.species]
        return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more, see homodb info" * (len(names) > _SHOWN))

    def write_duckdb(self, path: Path) -> None:
        """Write the whole release as one DuckDB file.

        Parameters
        ----------
        path
            File to write, ``.duckdb``; it appears whole or not at all.

        Raises
        ------
        OutputError
            If the file cannot be written, or is that of this release.
        BrokenReleaseError
            If a Parquet file that it is made from is missing or altered.
        """
        must_end(path, "databases", ".duckdb")
        if self.path.is_file():
            check_output(path, self.path)
            with whole_file(path) as partial:
                shutil.copyfile(self.path, partial)
        elif self.folder is not None and self.manifest is not None:
            check_output(path)
            write_database(self.folder, self.manifest, path)

    def write_parquet(
        self, folder: Path, *, flat: bool = False, report: Callable[[int, int], None] = lambda done, total: None
    ) -> list[Path]:
        """Write the release as Parquet files.

        Parameters
        ----------
        folder
            Folder to write to.
        flat
            Whether to write ``ortholog/<species>.parquet`` per species, the view ``ortholog`` sorted by symbol, in
            place of a file per table and view.
        report
            Callback that receives the files done and the total.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        OutputError
            If a file cannot be written.
        QueryError
            If a table exceeds the memory limit of the release.
        """
        check_folder(folder)
        if flat:
            return write_flat(folder, self.answer, report)
        make_folder(folder)
        files = {name: folder / f"{name}.parquet" for name in self.relations()}
        for number, (name, path) in enumerate(files.items()):
            report(number, len(files))
            write_table(self.answer(f'SELECT * FROM "{name}" ORDER BY ALL'), path)  # noqa: S608 (its own name)
        report(len(files), len(files))
        return list(files.values())

    def info(self) -> pl.DataFrame:
        """Count mappings per species pair, strategy and evidence class."""
        return self.ask("info")


def _species_of(connection: duckdb.DuckDBPyConnection) -> tuple[Species, ...]:
    """Return the species of a release: those of the registry, and those that only the release knows."""
    rows = connection.execute(
        "SELECT species, name, taxon_id, common_name, list(alias ORDER BY alias) FROM species "
        "LEFT JOIN species_alias USING (species) GROUP BY ALL ORDER BY species"
    ).fetchall()
    species = tuple(
        by_number(number)
        if number < FIRST_DESCRIBED
        else Species(number, name, taxon_id, common_name, tuple(one for one in aliases if one))
        for number, name, taxon_id, common_name, aliases in rows
    )
    describe([one for one in species if one.number >= FIRST_DESCRIBED])
    return species


def _frame(table: pa.Table) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(table.rename_columns(make_unique(table.column_names, "_")))
    except pl.exceptions.PolarsError as error:
        what = str(error).splitlines()[0]
        raise QueryError(f"the answer holds a type that a data frame has not: cast it to another ({what})") from error
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"expected a table, got {type(frame)}")
    for name, dtype in frame.schema.items():
        if isinstance(dtype, pl.Date | pl.Datetime):
            day = _TICKS_A_DAY[dtype.time_unit] if isinstance(dtype, pl.Datetime) else 1
            if not (frame[name].to_physical().cast(pl.Int64) // day).is_between(*_DAYS).all():
                raise QueryError(f"the answer has dates outside the years 1 to 9999 in {name}: cast it to VARCHAR")
    return frame
