"""Open a release and query it: the public :class:`Release`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import polars as pl

from homodb.query import genes as _genes
from homodb.query.genes import Explanation
from homodb.query.release import MEMORY, TIMEOUT, ReleaseFile, locate
from homodb.query.results import Bullets, Grid, Heading, Lines, Result, ResultBlock
from homodb.query.settings import answer_frame
from homodb.schema.enums import Strategy
from homodb.schema.messages import counted
from homodb.schema.species import Species

if TYPE_CHECKING:
    import pandas as pd

#: Species that a short description names.
_NAMED = 10


def open(release: str | Path | None = None, *, memory: float = MEMORY) -> Release:
    """Open a release, read-only.

    Parameters
    ----------
    release
        Folder of a release, its ``.duckdb`` file, or a name; None takes the environment variable ``HOMODB_RELEASE``,
        then what ``homodb use`` chose for the folder, then the newest in the cache, then the one that homodb brings.
    memory
        Memory limit of queries in gigabytes. In one process a release is open with one such limit at a time.

    Raises
    ------
    ReleaseError
        If no release is given and the cache has none, or `release` is not one.
    NewerSchemaError
        If it has a newer schema.
    QueryError
        If `memory` is out of bounds.

    Examples
    --------
    >>> import homodb
    >>> release = homodb.open("rel")  # doctest: +SKIP
    >>> release.orthologs("INS", source="human", target="mouse")  # doctest: +SKIP
    """
    return Release(locate(release), memory=memory)


@dataclass(frozen=True, repr=False)
class ReleaseContents(Result):
    """Contents of a release.

    Parameters
    ----------
    version, ensembl, title, path
        Version, Ensembl release, title and place; None if unknown.
    embeddings
        Names of the embeddings.
    species
        A row per species: names, taxon, assembly, numbers of genes.
    mappings
        A row per pair of species and strategy: numbers of pairs of genes, in all and by evidence class.
    """

    main_table: ClassVar[str] = "species"

    version: str
    ensembl: str | None
    title: str | None
    path: Path
    embeddings: tuple[str, ...]
    species: pl.DataFrame
    mappings: pl.DataFrame

    def totals(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "version": self.version, "ensembl": self.ensembl, "title": self.title, "path": str(self.path),
            "embeddings": list(self.embeddings), "species": self.species.to_dicts(),
            "mappings": self.mappings.to_dicts(),
        }  # fmt: skip

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield the origin, the species and the mappings."""
        yield Heading(f"homodb release {self.version}", level=1)
        yield Lines([f"release {self.version}, Ensembl {self.ensembl or 'unknown'}, {self.path}", self.title or ""])
        yield Bullets(self.embeddings or ("none",), "embeddings")
        yield Grid(self.species, "species:", noun="species")
        yield Grid(self.mappings, "mappings:", folded=True)


class Release(ReleaseFile):
    """Open release with methods for genes and their partners.

    Tables are of polars; ``as_pandas=True`` or ``homodb.settings.frames = "pandas"`` make them pandas.
    """

    def contents(self) -> ReleaseContents:
        """Return what the release holds: its species and mappings."""
        manifest = self.manifest
        return ReleaseContents(
            self.version, self.ensembl, manifest.title if manifest else None, self.path,
            tuple(manifest.embeddings) if manifest else (), self.ask("species_summary"), self.info(),
        )  # fmt: skip

    def __repr__(self) -> str:
        names = [one.common_name for one in self.species]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        number = counted(len(names), "species", "species")
        return (
            f"Release {self.version}: {number}\n    species: {', '.join(names[:_NAMED])}{more}\n    path: {self.path}"
        )

    def __str__(self) -> str:
        return repr(self) if self._is_closed else str(self.contents())

    def _repr_html_(self) -> str | None:
        return None if self._is_closed else self.contents()._repr_html_()

    def to_frame(self, name: str = "species", *, as_pandas: bool | None = None) -> Any:
        """Return a table of what the release holds: ``species`` or ``mappings``."""
        return self.contents().to_frame(name, as_pandas=as_pandas)

    def to_pandas(self, name: str = "species") -> pd.DataFrame:
        """Return a table as :meth:`to_frame` does, always of pandas."""
        return self.contents().to_pandas(name)

    @overload
    def sql(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = ..., *,
        tables: Mapping[str, object] | None = ..., timeout: float = ..., isolated: bool = ...,
        as_pandas: Literal[False] | None = ...,
    ) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def sql(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = ..., *,
        tables: Mapping[str, object] | None = ..., timeout: float = ..., isolated: bool = ..., as_pandas: Literal[True],
    ) -> pd.DataFrame: ...  # fmt: skip
    def sql(
        self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None, *,
        tables: Mapping[str, object] | None = None, timeout: float = TIMEOUT, isolated: bool = False,
        as_pandas: bool | None = None,
    ) -> pl.DataFrame | pd.DataFrame:  # fmt: skip
        """Run one SELECT statement; see :meth:`homodb.query.release.ReleaseFile.sql`."""
        frame = super().sql(query, parameters, tables=tables, timeout=timeout, isolated=isolated)
        return answer_frame(frame, as_pandas)

    @overload
    def orthologs(
        self, genes: str | Sequence[str] | None = ..., *, source: str | int | Species | None = ...,
        target: str | int | Species, strategy: str | Strategy | None = ..., as_pandas: Literal[False] | None = ...,
    ) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def orthologs(
        self, genes: str | Sequence[str] | None = ..., *, source: str | int | Species | None = ...,
        target: str | int | Species, strategy: str | Strategy | None = ..., as_pandas: Literal[True],
    ) -> pd.DataFrame: ...  # fmt: skip
    def orthologs(
        self, genes: str | Sequence[str] | None = None, *, source: str | int | Species | None = None,
        target: str | int | Species, strategy: str | Strategy | None = None, as_pandas: bool | None = None,
    ) -> pl.DataFrame | pd.DataFrame:  # fmt: skip
        """Return the partners of genes; see :func:`homodb.query.genes.orthologs`."""
        frame = _genes.orthologs(self, genes, source=source, target=target, strategy=strategy)
        return answer_frame(frame, as_pandas)

    @overload
    def joint_table(
        self, species: Sequence[str | int | Species], *, strategy: str | Strategy | None = ...,
        via: str | int | Species | None = ..., as_pandas: Literal[False] | None = ...,
    ) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def joint_table(
        self, species: Sequence[str | int | Species], *, strategy: str | Strategy | None = ...,
        via: str | int | Species | None = ..., as_pandas: Literal[True],
    ) -> pd.DataFrame: ...  # fmt: skip
    def joint_table(
        self, species: Sequence[str | int | Species], *, strategy: str | Strategy | None = None,
        via: str | int | Species | None = None, as_pandas: bool | None = None,
    ) -> pl.DataFrame | pd.DataFrame:  # fmt: skip
        """Return a joint table; see :func:`homodb.query.genes.joint_table`."""
        return answer_frame(_genes.joint_table(self, species, strategy=strategy, via=via), as_pandas)

    def explain(self, gene: str, *, source: str | int | Species, target: str | int | Species) -> Explanation:
        """Explain one gene; see :func:`homodb.query.genes.explain`."""
        return _genes.explain(self, gene, source=source, target=target)

    @overload
    def neighbors(
        self, genes: str | Sequence[str], *, source: str | int | Species, target: str | int | Species, k: int = ...,
        embedding: str | None = ..., as_pandas: Literal[False] | None = ...,
    ) -> pl.DataFrame: ...  # fmt: skip
    @overload
    def neighbors(
        self, genes: str | Sequence[str], *, source: str | int | Species, target: str | int | Species, k: int = ...,
        embedding: str | None = ..., as_pandas: Literal[True],
    ) -> pd.DataFrame: ...  # fmt: skip
    def neighbors(
        self, genes: str | Sequence[str], *, source: str | int | Species, target: str | int | Species, k: int = 10,
        embedding: str | None = None, as_pandas: bool | None = None,
    ) -> pl.DataFrame | pd.DataFrame:  # fmt: skip
        """Return the nearest genes; see :func:`homodb.query.genes.neighbors`."""
        frame = _genes.neighbors(self, genes, source=source, target=target, k=k, embedding=embedding)
        return answer_frame(frame, as_pandas)
