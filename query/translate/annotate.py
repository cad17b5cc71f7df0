"""The var of a translated AnnData: names, provenance, evidence, and what each gene is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import polars as pl

from homodb.query.translate.mapping import GeneMap

if TYPE_CHECKING:
    import pandas as pd

Names = Literal["id", "symbol"]


def kind_of_names(resolved: pl.DataFrame) -> Names:
    """Return the kind of names that came in: ``id`` where most genes were named by stable ID, else ``symbol``."""
    found = resolved.filter(pl.col("gene").is_not_null())
    by_id = found.filter(pl.col("how") == "stable_id").height
    return "id" if by_id * 2 > found.height else "symbol"


def target_names(targets: pl.DataFrame, kind: Names) -> list[str]:
    """Return a unique name for each target gene.

    Parameters
    ----------
    targets
        Target genes (``target_id, target_symbol``).
    kind
        ``id`` for stable IDs; ``symbol`` for symbols, where genes without one, and genes that share one, bear
        their stable IDs.
    """
    identifiers = targets["target_id"]
    names = identifiers if kind == "id" else targets["target_symbol"].fill_null(identifiers)
    while names.is_duplicated().any():  # a symbol may be another gene's stable ID, hence again
        names = pl.select(pl.when(names.is_duplicated()).then(identifiers).otherwise(names)).to_series()
    return names.to_list()


def target_var(genes: GeneMap, resolved: pl.DataFrame, kind: Names) -> pd.DataFrame:
    """Return the var of the translated object, one row per target gene.

    Returns
    -------
    pandas.DataFrame
        Index: names. ``homodb_id``, ``homodb_symbol``: the target gene. ``homodb_source``: the names that came in,
        joined by ``;``; ``homodb_sources``: how many. ``homodb_evidence`` (class), ``homodb_type``,
        ``homodb_identity``, ``homodb_confidence``, ``homodb_correlation``: of the best of its rows. ``homodb_mt``,
        ``homodb_ribo``: mitochondrial, and protein of the cytosolic ribosome, by what the gene is, not by its name.
    """
    names = resolved.select("place", "name")
    first = ["evidence_class", "homology_type", "identity", "confidence", "correlation"]
    told = (
        genes.links.join(names, on="place")
        .sort("rank", "place")
        .group_by("target_gene", maintain_order=True)
        .agg(pl.col("name"), *(pl.col(column).first() for column in first))
    )
    frame = genes.targets.join(told, on="target_gene", how="left", maintain_order="left").select(
        homodb_id="target_id",
        homodb_symbol="target_symbol",
        homodb_source=pl.col("name").list.join(";"),
        homodb_sources=pl.col("name").list.len().cast(pl.Int32),
        homodb_evidence="evidence_class",
        homodb_type="homology_type",
        homodb_identity="identity",
        homodb_confidence=pl.col("confidence").cast(pl.Float32),
        homodb_correlation="correlation",
        homodb_mt="mitochondrial",
        homodb_ribo="ribosomal",
    )
    var = frame.to_pandas()
    var.index = target_names(genes.targets, kind)
    for column in ("homodb_evidence", "homodb_type"):
        var[column] = var[column].astype("category")
    return var
