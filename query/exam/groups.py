"""Group true ortholog pairs, and classify the groups.

A true group consists of the genes of two species that descend from one gene of their last common ancestor: a connected
component of their true ortholog pairs, in which (when the truth comes from a tree) every gene of one species is an
ortholog of every gene of the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

#: Columns that classify groups, each an integer: whether all their pairs are one-to-one orthologs, and two sizes.
PARTS = ("one2one", "group_bin", "family_bin")

#: Lowest sizes of the bins; a bin is named by its lowest size.
BOUNDS = (1, 2, 3, 6, 11, 21)

#: Bin of a size that the truth does not tell.
NOT_TOLD = -1

_KIND = ["species_a", "species_b", *PARTS]
_SPECIES_BITS = 12


@dataclass(frozen=True)
class Truth:
    """True pairs in groups.

    Parameters
    ----------
    pairs
        Row per true pair: ``species_a, species_b, gene_a, gene_b, group, kind``.
    kinds
        Row per kind of group: ``kind, species_a, species_b``, the :data:`PARTS`, and totals over its groups: ``pairs``,
        ``genes_a, genes_b``, and ``one_to_one``, the number of pairs in a one-to-one choice.
    """

    pairs: pl.DataFrame
    kinds: pl.DataFrame


def grouped(pairs: pl.DataFrame) -> Truth:
    """Group true pairs, and classify the groups.

    Parameters
    ----------
    pairs
        ``species_a, species_b, gene_a, gene_b, one2one, family_size``.

    Notes
    -----
    A one-to-one choice can take as many pairs of a group as its smaller side has genes.
    """
    with_groups = _with_groups(pairs)
    groups = (
        with_groups.group_by("group")
        .agg(
            pl.first("species_a", "species_b", "genes_a", "genes_b"),
            pl.col("one2one").min(),
            pl.col("family_size").max(),
            pairs=pl.len().cast(pl.Int64),
        )
        .with_columns(
            one_to_one=pl.min_horizontal("genes_a", "genes_b"),
            group_bin=_bin(pl.col("genes_a") + pl.col("genes_b")),
            family_bin=_bin(pl.col("family_size")),
        )
    )
    counts = pl.col("pairs", "genes_a", "genes_b", "one_to_one").sum()
    kinds = groups.group_by(_KIND).agg(counts).sort(_KIND).with_row_index("kind")
    of_group = groups.join(kinds.select(*_KIND, "kind"), on=_KIND, how="left").select("group", "kind")
    columns = ["species_a", "species_b", "gene_a", "gene_b", "group"]
    return Truth(with_groups.select(columns).join(of_group, on="group", how="left"), kinds)


def _bin(size: pl.Expr) -> pl.Expr:
    bounds = [pl.when(size >= bound).then(pl.lit(bound)) for bound in reversed(BOUNDS)]
    return pl.coalesce(*bounds, pl.lit(NOT_TOLD)).cast(pl.Int8)


def _with_groups(pairs: pl.DataFrame) -> pl.DataFrame:
    """Add each pair's ``group``, and its number of genes on both sides.

    These are ``genes_a, genes_b``.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # a gene stands in one group per other species, so a node is a gene and the other species
    a = (pairs["gene_a"].cast(pl.Int64) * 2**_SPECIES_BITS + pairs["species_b"].cast(pl.Int64)).to_numpy()
    b = (pairs["gene_b"].cast(pl.Int64) * 2**_SPECIES_BITS + pairs["species_a"].cast(pl.Int64)).to_numpy()
    nodes, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    of_a, of_b = place[: a.size], place[a.size :]
    graph = coo_array((np.ones(a.size, np.int8), (of_a, of_b)), shape=(nodes.size, nodes.size)).tocsr()
    number, group = connected_components(graph, directed=False)
    sides = [np.bincount(group[np.bincount(side, minlength=nodes.size) > 0], minlength=number) for side in (of_a, of_b)]
    label = group[of_a]
    return pairs.with_columns(
        group=pl.Series(label, dtype=pl.Int32),
        genes_a=pl.Series(sides[0][label], dtype=pl.Int64),
        genes_b=pl.Series(sides[1][label], dtype=pl.Int64),
    )
