"""Open a release and query it: the public :class:`Release`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from homodb.query import genes as _genes
from homodb.query.genes import Explanation
from homodb.query.release import MEMORY, ReleaseFile, locate
from homodb.schema.enums import Strategy
from homodb.schema.species import Species


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


class Release(ReleaseFile):
    """Open release with methods for genes and their partners."""

    def orthologs(
        self,
        genes: str | Sequence[str] | None = None,
        *,
        source: str | int | Species | None = None,
        target: str | int | Species,
        strategy: str | Strategy | None = None,
    ) -> pl.DataFrame:
        """Return the partners of genes; see :func:`homodb.query.genes.orthologs`."""
        return _genes.orthologs(self, genes, source=source, target=target, strategy=strategy)

    def joint_table(
        self,
        species: Sequence[str | int | Species],
        *,
        strategy: str | Strategy | None = None,
        via: str | int | Species | None = None,
    ) -> pl.DataFrame:
        """Return a joint table; see :func:`homodb.query.genes.joint_table`."""
        return _genes.joint_table(self, species, strategy=strategy, via=via)

    def explain(self, gene: str, *, source: str | int | Species, target: str | int | Species) -> Explanation:
        """Explain one gene; see :func:`homodb.query.genes.explain`."""
        return _genes.explain(self, gene, source=source, target=target)

    def neighbors(
        self,
        genes: str | Sequence[str],
        *,
        source: str | int | Species,
        target: str | int | Species,
        k: int = 10,
        embedding: str | None = None,
    ) -> pl.DataFrame:
        """Return the nearest genes; see :func:`homodb.query.genes.neighbors`."""
        return _genes.neighbors(self, genes, source=source, target=target, k=k, embedding=embedding)
