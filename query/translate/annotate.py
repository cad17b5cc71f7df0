"""The var of a translated AnnData: names, provenance, evidence, and what each gene is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from homodb.query.translate.targets import Targets
from homodb.schema.unique import numbered

if TYPE_CHECKING:
    import pandas as pd


def kind_of_names(resolved: pl.DataFrame) -> str:
    """Return the kind of names that came in: ``id`` where most genes were named by stable ID, else ``symbol``."""
    found = resolved.filter(pl.col("gene").is_not_null())
    by_id = found.filter(pl.col("how") == "stable_id").height
    return "id" if by_id * 2 > found.height else "symbol"


def target_names(columns: pl.DataFrame, kind: str, mark: str | None = None) -> list[str]:
    """Return a unique name for each column.

    Parameters
    ----------
    columns
        The columns of the result, see :class:`homodb.query.translate.targets.Targets`.
    kind
        ``id`` for stable IDs; ``symbol`` for symbols, where genes without one, and genes that share one, bear
        their stable IDs.
    mark
        What stands, with a colon, before source genes that were kept without a target; None for nothing.
    """
    kept = pl.col("kept") if mark is None else pl.format("{}:{}", pl.lit(mark), pl.col("kept"))
    frame = columns.with_columns(own=kept).with_columns(
        identifier=pl.coalesce("target_id", "own", "wanted"),
        symbol=pl.coalesce("target_symbol", "target_id", "own", "wanted"),
    )
    identifiers = frame["identifier"]
    names = identifiers if kind == "id" else frame["symbol"]
    for _ in range(len(names)):  # a symbol may be another gene's stable ID, hence again
        repeated = names.is_duplicated()
        if not repeated.any() or names.filter(repeated).equals(identifiers.filter(repeated)):
            break
        names = pl.select(pl.when(repeated).then(identifiers).otherwise(names)).to_series()
    return numbered(names.to_list())


def target_var(
    targets: Targets, resolved: pl.DataFrame, kind: str, *, as_asked: bool = False, mark: str | None = None
) -> pd.DataFrame:
    """Return the var of the translated object, one row per column.

    Parameters
    ----------
    targets, resolved
        The columns of the result, and the rows of var.
    kind, mark
        As in :func:`target_names`.
    as_asked
        Whether wanted genes bear the names that they were asked for by.

    Returns
    -------
    pandas.DataFrame
        Index: names. ``homodb_id``, ``homodb_symbol``: the target gene. ``homodb_source``: the names that came in,
        joined by ``;``; ``homodb_sources``: how many. ``homodb_evidence`` (class), ``homodb_type``,
        ``homodb_identity``, ``homodb_confidence``, ``homodb_correlation``: of the best of its rows. ``homodb_mt``,
        ``homodb_ribo``: mitochondrial, and protein of the cytosolic ribosome, by what the gene is, not by its name.
        ``homodb_kept``, where source genes without a target were kept: whether it is one.
    """
    first = ["evidence_class", "homology_type", "identity", "confidence", "correlation"]
    told = (
        targets.told.join(resolved.select("place", "name", "mitochondrial", "ribosomal"), on="place")
        .sort("rank", "place", nulls_last=True)
        .group_by("column", maintain_order=True)
        .agg(
            pl.col("name"), *(pl.col(column).first() for column in first),
            mt=pl.col("mitochondrial").first(), ribo=pl.col("ribosomal").first(),
        )
    )  # fmt: skip
    frame = targets.columns.join(told, on="column", how="left", maintain_order="left").select(
        homodb_id="target_id",
        homodb_symbol="target_symbol",
        homodb_source=pl.col("name").list.join(";").fill_null(""),
        homodb_sources=pl.col("name").list.len().cast(pl.Int32).fill_null(0),
        homodb_evidence="evidence_class",
        homodb_type="homology_type",
        homodb_identity=pl.col("identity").cast(pl.Float32),
        homodb_confidence=pl.col("confidence").cast(pl.Float32),
        homodb_correlation=pl.col("correlation").cast(pl.Float32),
        homodb_mt=pl.col("mitochondrial") | pl.col("mt").fill_null(value=False),
        homodb_ribo=pl.col("ribosomal") | pl.col("ribo").fill_null(value=False),
        homodb_kept=pl.col("kept").is_not_null(),
    )
    var = frame.to_pandas()
    if not var["homodb_kept"].any():
        del var["homodb_kept"]
    var.index = targets.columns["wanted"].to_list() if as_asked else target_names(targets.columns, kind, mark)
    for column in ("homodb_evidence", "homodb_type"):
        var[column] = var[column].astype("category")
    for column in ("homodb_id", "homodb_symbol"):  # text that is missing here and there: files hold it as categories
        if var[column].isna().any():
            var[column] = var[column].astype("category")
    return var
