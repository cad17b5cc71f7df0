"""The features of a join, from the release alone: rows of the joint table, or groups of orthologs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from homodb.query.join.options import Features, JoinOptions, TooLarge
from homodb.query.join.way import HubWay, Way
from homodb.schema.counted import counted
from homodb.schema.errors import JoinError
from homodb.schema.species import KEYS_PER_SPECIES
from homodb.schema.strategies import EvidenceClass, Strategy

_PAIRS: dict[Any, Any] = {"gene_a": pl.Int64, "gene_b": pl.Int64, "evidence_class": pl.String}


@dataclass(frozen=True)
class Table:
    """The features that a release has for some species.

    Parameters
    ----------
    members
        ``feature, gene``: the genes of every feature, of all species gone through.
    pairs
        ``feature, gene_a, gene_b, evidence_class``: the pairs of genes that make it.
    rows
        Where a feature is a row of the joint table: ``feature``, and a column of genes per species, called by its
        production name; None where features are groups.
    refused
        ``gene, why``: genes of groups that are too large.
    left_out
        The groups that are too large: ``group, genes`` (how many), ``gene`` (their keys).
    notes
        What a user should know.
    """

    members: pl.DataFrame
    pairs: pl.DataFrame
    rows: pl.DataFrame | None = None
    refused: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"gene": pl.Int64, "why": pl.String}))
    left_out: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"group": pl.Int64, "genes": pl.Int64, "gene": pl.List(pl.Int64)})
    )
    notes: tuple[str, ...] = ()


def build_table(way: Way, genes: pl.Series, options: JoinOptions) -> Table:
    """Build the features of a way.

    Parameters
    ----------
    way
        The pairs of species to go through.
    genes
        The measured genes; where all objects are of one species, they are the features.
    options
        What was chosen.

    Raises
    ------
    JoinError
        If groups are too large, and that is to be refused.
    """
    if len(way.species) == 1:
        members = pl.DataFrame(
            {"feature": np.arange(genes.len()), "gene": genes}, schema_overrides={"feature": pl.Int64}
        )
        return Table(members, pl.DataFrame(schema={"feature": pl.Int64, **_PAIRS}))
    grouped = way.strategy is Strategy.ENS_M2M and options.features is Features.GROUP
    if isinstance(way, HubWay) and not grouped:
        return rows_table(way, chained_rows(way))
    return _groups(way, options)


def rows_table(way: HubWay, rows: pl.DataFrame) -> Table:
    """Return the table whose features are rows.

    Parameters
    ----------
    way
        The legs from the hub.
    rows
        A column of genes per species, ``evidence_<species>`` for each leg.
    """
    rows = rows.drop("feature", strict=False).with_row_index("feature").with_columns(pl.col("feature").cast(pl.Int64))
    hub = way.hub.name
    others = [pair.target.name for pair, _ in way.legs]
    members = pl.concat([rows.select("feature", gene=name) for name in (hub, *others)])
    pairs = pl.concat(
        [rows.select("feature", gene_a=hub, gene_b=name, evidence_class=f"evidence_{name}") for name in others]
    )
    shared = members.drop_nulls().group_by("gene").len().filter(pl.col("len") > 1).height
    notes: tuple[str, ...] = ()
    if shared:
        which = counted(shared, "gene stands", "genes stand")
        notes = (f"{which} in several rows of the table: counts are copied into each",)
    return Table(members, pairs, rows, notes=notes)


def chained_rows(way: HubWay) -> pl.DataFrame:
    """Return the rows of the joint table in order: a column per species, ``evidence_<species>`` for each leg."""
    hub = way.hub.name
    legs = [
        way.mapping(pair, strategy).select(
            pl.col("source_gene").alias(hub), pl.col("target_gene").alias(pair.target.name),
            pl.col("evidence_class").alias(f"evidence_{pair.target.name}"),
        )
        for pair, strategy in way.legs
    ]  # fmt: skip
    rows = reduce(lambda joined, leg: joined.join(leg, on=hub, how="inner"), legs)
    order = [species.name for species in way.species]
    columns = [*order, *([hub] if hub not in order else [])]
    return rows.unique(columns, keep="first").sort(columns)


def _groups(way: Way, options: JoinOptions) -> Table:
    """Return the connected components of all pairs."""
    legs = [
        way.mapping(pair, strategy).select(gene_a="source_gene", gene_b="target_gene", evidence_class="evidence_class")
        for pair, strategy in way.legs
    ]
    pairs = pl.concat(legs).cast(_PAIRS)
    genes = pl.concat([pairs["gene_a"], pairs["gene_b"].rename("gene_a")]).unique().sort().to_numpy()
    first, second = (np.searchsorted(genes, pairs[column].to_numpy()) for column in ("gene_a", "gene_b"))
    links = coo_array((np.ones(first.size, np.int8), (first, second)), shape=(genes.size, genes.size))
    _, labels = connected_components(links, directed=False)
    ranks = np.unique(labels, return_index=True)[1].argsort().argsort()[labels]  # in the order of their first genes
    members = pl.DataFrame({"feature": ranks.astype(np.int64), "gene": genes})
    pairs = pairs.with_columns(feature=pl.Series(ranks[first].astype(np.int64)))
    size = members.group_by("feature").agg(genes=pl.len().cast(pl.Int64), gene=pl.col("gene").sort())
    large = size.filter(pl.col("genes") > options.largest).sort("genes", "feature", descending=[True, False])
    if large.height and options.too_large is TooLarge.REFUSE:
        raise JoinError(
            f"{large.height:,} groups of orthologs have more than {options.largest} genes, the largest "
            f"{large['genes'][0]:,}; leave them out (--too-large leave), or allow more (--largest N)"
        )
    refused = large.explode("gene").select(
        "gene", why=pl.format("its group of orthologs has {} genes, more than {}", "genes", pl.lit(options.largest))
    )
    notes: tuple[str, ...] = ()
    if large.height:
        what = f"of orthologs with more than {options.largest} genes"
        notes = (
            f"{counted(large.height, f'group {what} was', f'groups {what} were')} left out "
            f"({refused.height:,} genes; the largest has {large['genes'][0]:,})",
        )
    kept = members.join(large, on="feature", how="anti", maintain_order="left")
    return Table(
        kept, pairs.join(large, on="feature", how="anti", maintain_order="left"), None, refused,
        large.rename({"feature": "group"}).select("group", "genes", "gene"), notes,
    )  # fmt: skip


def weakest(pairs: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Return the weakest evidence class of each group of pairs, as ``evidence_class``."""
    order = {str(one): place for place, one in enumerate(EvidenceClass)}
    rank = pl.col("evidence_class").replace_strict(order, default=None, return_dtype=pl.Int32)
    names = list(order)
    worst = pairs.with_columns(rank=rank).group_by(*by, maintain_order=True).agg(pl.col("rank").max())
    return worst.select(
        *by,
        evidence_class=pl.col("rank").replace_strict(
            list(range(len(names))), names, default=None, return_dtype=pl.String
        ),
    )


def number_of(column: str = "gene") -> pl.Expr:
    """Return the number of a gene's species."""
    return (pl.col(column) // KEYS_PER_SPECIES).cast(pl.Int64).alias("species")
