"""Opens a release, read-only, and asks it questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from homodb.query.limits import MEMORY, TIMEOUT, answer, check_limits
from homodb.query.location import locate
from homodb.query.statement import check_statement, first_line
from homodb.schema.connect import connect
from homodb.schema.errors import BrokenReleaseError, QueryError, ReleaseError, UnknownSpeciesError
from homodb.schema.manifest import Manifest, read_manifest, read_selection
from homodb.schema.species import Species, by_number, find
from homodb.schema.unique import numbered

if TYPE_CHECKING:
    from homodb.query.explain import Explanation
    from homodb.schema.strategies import Strategy


def open_release(release: str | Path | None = None, *, memory: float = MEMORY) -> Release:
    """Open a release, read-only.

    Parameters
    ----------
    release
        Folder of a release, its ``.duckdb`` file, or the name of one in the cache; None takes what the
        environment variable ``HOMODB_RELEASE`` says, else the newest in the cache.
    memory
        Gigabytes that questions to it may take. In one process a release is open with one such limit at a time.

    Raises
    ------
    ReleaseError
        If none is given and the cache has none, or what is given is not a release.
    NewerSchemaError
        If it was written under a newer schema.
    QueryError
        If the memory is no amount that can be allowed.

    Examples
    --------
    >>> import homodb
    >>> release = homodb.open("rel")  # doctest: +SKIP
    >>> release.orthologs("INS", source="human", target="mouse")  # doctest: +SKIP
    """
    return Release(locate(release), memory=memory)


@cache
def statement(name: str) -> str:
    """Return the text of a query in ``query/sql``."""
    return (resources.files("homodb.query") / "sql" / f"{name}.sql").read_text("utf-8")


class Release:
    """An open release.

    Parameters
    ----------
    path
        Its folder, or its ``.duckdb`` file alone.
    memory
        Gigabytes that questions may take.

    Attributes
    ----------
    path
        The DuckDB file.
    folder, manifest
        Its folder and manifest; None where only the DuckDB file is at hand.
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
                raise BrokenReleaseError(_lacks(path, self.manifest))
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
        """Run one of homodb's own queries (a file of ``query/sql``) with bound values."""
        try:
            return _frame(self._cursor().sql(statement(name), params=parameters).to_arrow_table())
        except duckdb.Error as error:
            raise QueryError(first_line(error)) from error

    def sql(
        self,
        query: str,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        timeout: float = TIMEOUT,
    ) -> pl.DataFrame:
        """Ask one SELECT in SQL.

        Parameters
        ----------
        query
            One SELECT statement (or EXPLAIN of one) over the tables, views and macros of the release.
        parameters
            Values for ``?`` or ``$name`` in it.
        timeout
            Seconds that it may take.

        Raises
        ------
        QueryError
            If it is anything else, DuckDB cannot run it, or it takes more time or memory than it may.
        """
        checked = check_statement(query)
        try:
            with closing(self._cursor()) as cursor:
                return _frame(answer(cursor, checked, parameters, timeout=timeout, memory=self._memory))
        except duckdb.Error as error:
            raise QueryError(first_line(error)) from error

    def find_species(self, name: str | int | Species) -> Species:
        """Return a species of this release from any of its names.

        Raises
        ------
        UnknownSpeciesError
            If the name means no species, or one that the release does not hold.
        """
        try:
            species = name if isinstance(name, Species) else find(name)
        except UnknownSpeciesError as error:
            raise UnknownSpeciesError(f"{error} Release {self.version} holds {self._held()}.") from error
        if species not in self.species:
            raise UnknownSpeciesError(f"release {self.version} does not hold {species.name} (it holds {self._held()})")
        return species

    def _held(self) -> str:
        """Name the first twenty species that it holds."""
        names = [one.common_name for one in self.species]
        return ", ".join(names[:20]) + (f" and {len(names) - 20} more, see homodb info" if len(names) > 20 else "")

    def orthologs(
        self,
        genes: str | Sequence[str] | None = None,
        *,
        source: str | int | Species,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
    ) -> pl.DataFrame:
        """Return the partners of genes; see :func:`homodb.query.orthologs.orthologs`."""
        from homodb.query.orthologs import orthologs

        return orthologs(self, genes, source=source, target=target, strategy=strategy)

    def joint_table(
        self,
        species: Sequence[str | int | Species],
        *,
        strategy: str | Strategy | None = None,
        via: str | int | Species | None = None,
    ) -> pl.DataFrame:
        """Return the joint table of several species; see :func:`homodb.query.joint.joint_table`."""
        from homodb.query.joint import joint_table

        return joint_table(self, species, strategy=strategy, via=via)

    def explain(self, gene: str, *, source: str | int | Species, target: str | int | Species) -> Explanation:
        """Tell the whole story of one gene; see :func:`homodb.query.explain.explain`."""
        from homodb.query.explain import explain

        return explain(self, gene, source=source, target=target)

    def neighbors(
        self,
        genes: str | Sequence[str],
        *,
        source: str | int | Species,
        target: str | int | Species,
        k: int = 10,
        embedding: str | None = None,
    ) -> pl.DataFrame:
        """Return the nearest genes by their vectors; see :func:`homodb.query.neighbors.neighbors`."""
        from homodb.query.neighbors import neighbors

        return neighbors(self, genes, source=source, target=target, k=k, embedding=embedding)

    def info(self) -> pl.DataFrame:
        """Return what the release maps: a row per pair of species and strategy, with counts by evidence class."""
        return self.ask("info")


def _lacks(path: Path, manifest: Manifest) -> str:
    chosen = read_selection(path)
    if chosen is None or manifest.database in chosen:
        return f"{path}: the manifest names {manifest.database}, which is not there"
    return f"{path}: was downloaded without its database; `homodb download {manifest.version} --only duckdb` adds it"


def _frame(table: pa.Table) -> pl.DataFrame:
    try:
        frame = pl.from_arrow(table.rename_columns(numbered(table.column_names, "_")))
    except pl.exceptions.PolarsError as error:
        what = str(error).splitlines()[0]
        raise QueryError(f"the answer holds a type that a data frame has not: cast it to another ({what})") from error
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"wanted a table, got {type(frame)}")
    return frame
