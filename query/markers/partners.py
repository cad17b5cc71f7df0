"""Which genes of one species are the orthologs of which genes of another, and whether those are measured."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from homodb.query.markers.cells import Side
from homodb.query.pairs import choose_strategy, find_pair
from homodb.query.release import Release
from homodb.schema.strategies import Strategy

_SCHEMA: dict[Any, Any] = {
    "species": pl.String, "column": pl.Int64, "other": pl.String, "known": pl.Boolean, "ortholog": pl.String,
    "other_column": pl.Int64, "evidence": pl.String,
}  # fmt: skip


def same_features(sides: Sequence[Side]) -> pl.DataFrame:
    """Return partners where all sides have the same columns: each is its own partner; form as of :func:`orthologs`."""
    frames = [
        pl.DataFrame({"column": np.arange(len(one.genes)), "ortholog": other.genes}).with_columns(
            species=pl.lit(one.species), other=pl.lit(other.species), known=pl.lit(value=True),
            other_column=pl.col("column"), evidence=pl.lit(None, pl.String),
        )
        for one, other in itertools.permutations(sides, 2)
    ]  # fmt: skip
    return pl.concat([frame.select(list(_SCHEMA)).cast(_SCHEMA) for frame in frames])


def orthologs(
    release: Release, sides: Sequence[Side], species: Sequence[str], strategy: str | Strategy | None
) -> tuple[pl.DataFrame, str]:
    """Ask a release which columns of the sides correspond.

    Parameters
    ----------
    release
        An open release.
    sides
        The species, with the gene behind each column.
    species
        The species of each side, by any name.
    strategy
        By default ENS_M2M, and LM_O2O where Ensembl has nothing for a pair.

    Returns
    -------
    polars.DataFrame
        A row per gene of a side and ortholog in another one, or without one: ``species, column, other``; ``known``:
        whether the release knows the gene; ``ortholog``, its name, null where there is none; ``other_column``, null
        where it is not measured; ``evidence``, the class of the pair.
    str
        The strategies that were used.

    Raises
    ------
    UnknownStrategyError, MissingMappingError
        If the release lacks what is asked.
    """
    frames, used = [], []
    for (one, name), (other, other_name) in itertools.permutations(zip(sides, species, strict=True), 2):
        pair = find_pair(release, name, other_name)
        chosen = choose_strategy(pair, strategy, Strategy.ENS_M2M)
        used.append(str(chosen))
        rows = pair.mapping(chosen).select("source_gene", "target_gene", evidence="evidence_class")
        labels = release.ask("labels", {"genes": rows["target_gene"].unique().to_list()})
        named = labels.select(target_gene="gene", ortholog=pl.coalesce("symbol", "stable_id"))
        there = pl.DataFrame({"target_gene": other.keys, "other_column": np.arange(len(other.keys))})
        asked = pl.DataFrame({"source_gene": one.keys, "column": np.arange(len(one.keys))})
        frames.append(
            asked.join(rows, on="source_gene", how="left", maintain_order="left")
            .join(named, on="target_gene", how="left", maintain_order="left")
            .join(there.filter(pl.col("target_gene") >= 0), on="target_gene", how="left", maintain_order="left")
            .with_columns(
                species=pl.lit(one.species), other=pl.lit(other.species), known=pl.col("source_gene") >= 0,
            ).select(list(_SCHEMA)).cast(_SCHEMA)
        )  # fmt: skip
    return pl.concat(frames), ", ".join(dict.fromkeys(used))
