"""Ask a release beside one's own tables, through an object with the methods of a database connection."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import polars as pl

from homodb.query.release.sql_guard import TIMEOUT, Parameters, Tables, check_limits, query_error
from homodb.schema.errors import QueryError
from homodb.schema.io import check_there, ending_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: A name that SQL takes without quotes.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


def own_table(name: str, table: object) -> pa.Table:
    """Return a table of the caller's as Arrow.

    Parameters
    ----------
    name
        Name of the table in SQL.
    table
        Data frame of polars or pandas, or Arrow table. Labels of a pandas index become a column.

    Raises
    ------
    QueryError
        If SQL does not take the name without quotes, or the object is not a table.
    """
    import pyarrow as pa

    if not _NAME.fullmatch(name):
        raise QueryError(f"{name!r} cannot name a table. Use letters, digits and _, beginning with a letter.")
    try:
        if isinstance(table, pa.Table | pa.RecordBatch):
            return pa.table(table)
        if isinstance(table, pl.LazyFrame):
            table = table.collect()
        if isinstance(table, pl.DataFrame):
            return table.to_arrow()
        if type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "columns"):
            frame = cast("pd.DataFrame", table)
            is_labelled = frame.index.name is not None or type(frame.index).__name__ != "RangeIndex"
            return pa.Table.from_pandas(frame.reset_index() if is_labelled else frame, preserve_index=False)
    except (pa.ArrowException, pl.exceptions.PolarsError, TypeError, ValueError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise QueryError(f"table {name} has a column that SQL cannot read ({what}). Convert it to text") from error
    raise QueryError(f"table {name} is {type(table).__name__}. Expected a data frame of polars or pandas, or Arrow.")


def read_own_table(path: Path) -> pl.DataFrame:
    """Read a table from CSV, TSV, Parquet or Arrow, by the file's ending; ``.gz`` may follow ``.csv`` and ``.tsv``.

    Raises
    ------
    QueryError
        If the file is missing, has another ending, or cannot be read.
    """
    check_there(path, error=QueryError)
    ending = ending_of(path.with_suffix("") if path.suffix == ".gz" else path)
    try:
        match ending:
            case ".csv" | ".tsv" | ".txt":
                separator = "," if ending == ".csv" else "\t"
                return pl.read_csv(path, separator=separator, infer_schema_length=None)
            case ".parquet":
                return pl.read_parquet(path)
            case ".arrow" | ".feather":
                with path.open("rb") as stream:
                    is_file = stream.read(6) == b"ARROW1"
                return pl.read_ipc(path) if is_file else pl.read_ipc_stream(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise QueryError(f"{path}: cannot be read as {ending[1:]} ({str(error).splitlines()[0]})") from error
    raise QueryError(f"{path}: has an ending of no table. Expected .csv, .tsv, .txt, .parquet or .arrow")


class Answering(Protocol):
    """Part of a release that a connection uses."""

    version: str

    def own_tables(self, tables: Mapping[str, object]) -> dict[str, pa.Table]: ...  # noqa: D102

    def answer(  # noqa: D102
        self, query: str, parameters: Parameters = None, *, tables: Tables | None, timeout: float, isolated: bool
    ) -> pa.Table: ...

    def frame(self, table: pa.Table) -> pl.DataFrame: ...  # noqa: D102


class Connection:
    """Connection to a release and one's own tables that answers one SELECT at a time.

    Every statement goes the way of :meth:`homodb.Release.sql`: it is refused unless it only reads the release and the
    registered tables, and ends at the limits of time and memory. The methods are those of DuckDB's connections and of
    `PEP 249 <https://peps.python.org/pep-0249/>`__, so :func:`pandas.read_sql` takes it too.

    Parameters
    ----------
    release
        Open release; closing the connection leaves it open.
    timeout
        Time limit of a query in seconds.
    isolated
        Whether queries run in a child process, as of :meth:`homodb.Release.sql`.

    Examples
    --------
    >>> connection = release.connection()  # doctest: +SKIP
    >>> connection.register("mine", frame)  # doctest: +SKIP
    >>> connection.execute("SELECT * FROM mine JOIN genes USING (symbol)").pl()  # doctest: +SKIP
    """

    def __init__(self, release: Answering, *, timeout: float = TIMEOUT, isolated: bool = False) -> None:
        check_limits(timeout=timeout)
        self._isolated = isolated
        self._release = release
        self._timeout = timeout
        self._tables: dict[str, pa.Table] = {}
        self._answer: pa.Table | None = None
        self._row = 0
        self._is_closed = False

    def register(self, name: str, table: object) -> Self:
        """Add a table, or replace the one of this name.

        Parameters
        ----------
        name
            Name of the table in SQL; not one of a table or view of the release.
        table
            Data frame of polars or pandas, or Arrow table.
        """
        added = self._release.own_tables({name: table})
        self.unregister(name)
        self._tables |= added
        return self

    def unregister(self, name: str) -> Self:
        """Remove a table of one's own, if there is one of this name."""
        for one in [one for one in self._tables if one.casefold() == name.casefold()]:
            del self._tables[one]
        return self

    def execute(self, query: str, parameters: Parameters = None) -> Self:
        """Run one SELECT statement; fetch its rows with the other methods.

        Parameters
        ----------
        query
            One SELECT statement (or EXPLAIN of one).
        parameters
            Values for ``?`` or ``$name`` in it.

        Raises
        ------
        QueryError
            As :meth:`homodb.Release.sql`.
        """
        if self._is_closed:
            raise QueryError("this connection has been closed; make another one of the release")
        self._answer, self._row = None, 0
        self._answer = self._release.answer(
            query, parameters, tables=self._tables, timeout=self._timeout, isolated=self._isolated
        )
        return self

    @property
    def description(self) -> list[tuple[str, str, None, None, None, None, None]] | None:
        """Names and types of the answer's columns, as PEP 249 describes them; None before a query."""
        if self._answer is None:
            return None
        return [(field.name, str(field.type), None, None, None, None, None) for field in self._answer.schema]

    @property
    def rowcount(self) -> int:
        """Number of rows of the answer; -1 before a query."""
        return -1 if self._answer is None else self._answer.num_rows

    def arrow(self) -> pa.Table:
        """Return the whole answer as an Arrow table."""
        if self._answer is None:
            raise QueryError("there is no answer to fetch; run a query with execute()")
        return self._answer

    def pl(self) -> pl.DataFrame:
        """Return the whole answer as a polars data frame."""
        return self._release.frame(self.arrow())

    def df(self) -> pd.DataFrame:
        """Return the whole answer as a pandas data frame."""
        try:
            frame: pd.DataFrame = self.arrow().to_pandas()
        except Exception as error:
            raise query_error(error) from error
        return frame

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        rows = self.arrow().slice(self._row, size)
        self._row += rows.num_rows
        try:
            return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
        except Exception as error:  # a date in the year 5,000,000 is of several kinds
            raise query_error(error) from error

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return self.fetchmany(self.arrow().num_rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None after the last."""
        return next(iter(self.fetchmany()), None)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows that are left."""
        return iter(self.fetchall())

    def cursor(self) -> Connection:
        """Return a connection of its own with the same tables."""
        other = Connection(self._release, timeout=self._timeout, isolated=self._isolated)
        other._tables = dict(self._tables)
        return other

    def commit(self) -> None:
        """Do nothing: a release does not change."""

    def rollback(self) -> None:
        """Do nothing: a release does not change."""

    def close(self) -> None:
        """Forget the tables and the answer; the release stays open."""
        self._is_closed = True
        self._tables, self._answer = {}, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        own = f" with {', '.join(self._tables)}" if self._tables else ""
        return f"<connection to homodb release {self._release.version}{own}>"
