"""Lay out the columns of the result, and name and describe them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.genes import HAS_NAME
from homodb.query.release import ReleaseFile
from homodb.query.translate.aggregate import Links
from homodb.schema.messages import make_unique

if TYPE_CHECKING:
    import pandas as pd


class PlacedColumn(StrEnum):
    """Columns of the rows of var with targets; of several targets joined by ``;``."""

    PLACE = "place"
    TARGET_ID = "target_id"
    TARGET_SYMBOL = "target_symbol"
    EVIDENCE_CLASS = "evidence_class"


@dataclass(frozen=True)
class Targets:
    """Columns of the result.

    Parameters
    ----------
    columns
        A row per column, in order: ``column``, ``target_gene, target_id, target_symbol`` (null for a kept source gene),
        ``mitochondrial, ribosomal``, ``kept`` (name of a source gene kept without a target, else null), ``wanted``
        (name in the list of wanted genes, if any).
    pairs
        A row per link, best first: ``place``, ``column``, and the evidence of the pair.
    placed
        A row per mapped row of var: :class:`PlacedColumn`.
    links
        The links as numbers.
    vocabulary
        State of each wanted gene: ``name, stable_id, state`` (``filled``, ``no source gene``, ``unknown``,
        ``ambiguous``, ``repeated``); None where none were given.
    """

    columns: pl.DataFrame
    pairs: pl.DataFrame
    placed: pl.DataFrame
    links: Links
    vocabulary: pl.DataFrame | None

    @property
    def translated(self) -> int:
        """Number of target genes with a source gene."""
        return int(self.pairs["target_id"].drop_nulls().n_unique())


_EVIDENCE = ("homology_type", "identity", "confidence", "correlation", "rank", "evidence_class", "weight")


def lay_out(
    release: ReleaseFile,
    resolved: pl.DataFrame,
    rows: pl.DataFrame,
    wanted: pl.DataFrame | None,
    *,
    keep: bool,
    same: bool,
) -> Targets:
    """Lay out the columns of the result.

    They are the wanted genes in their order, else all target genes in the order of var.

    Parameters
    ----------
    release
        The release.
    resolved
        The rows of var, resolved.
    rows
        Pairs of genes, see :class:`homodb.query.translate.mapping.Mapped`.
    wanted
        Wanted target genes, resolved; None for all.
    keep
        Whether to keep source genes without a target.
    same
        Whether source and target are the same species: unknown wanted genes are then looked up by name.
    """
    pairs = (
        resolved.select("place", source_gene="gene")
        .drop_nulls("source_gene")
        .join(rows, on="source_gene", how="inner", maintain_order="left_right")
    )
    kept = _kept(resolved, pairs) if keep else pairs.clear().select("place", kept=pl.lit(None, pl.String))
    if wanted is not None:
        keys, vocabulary = _wanted_columns(wanted, pairs)
        if same:
            names = wanted.filter(pl.col("gene").is_null()).select(kept="name")
            kept = _kept(resolved, pairs).join(names, on="kept", how="semi", maintain_order="left")
            keys = keys.with_columns(kept=pl.when(pl.col("wanted").is_in(kept["kept"].to_list())).then("wanted"))
    else:
        vocabulary = None
        keys = _all_columns(pairs, kept)
    columns = keys.with_row_index("column").with_columns(pl.col("column").cast(pl.Int64))
    details = release.ask("target_genes", {"genes": keys["target_gene"].drop_nulls().unique().sort().to_list()})
    columns = columns.join(details, on="target_gene", how="left", maintain_order="left").with_columns(
        pl.col("mitochondrial", "ribosomal").fill_null(value=False)
    )
    by_gene = columns.drop_nulls("target_gene").select("column", "target_gene", "target_id", "target_symbol")
    pairs = pairs.join(by_gene, on="target_gene", how="inner", maintain_order="left")
    kept = kept.join(columns.drop_nulls("kept").select("column", "kept"), on="kept", how="inner", maintain_order="left")
    units = resolved.select("place", gene_number=pl.coalesce(pl.col("gene"), -1 - pl.col("place")))
    both = pl.concat(
        [pairs.select("place", "column", "weight"), kept.select("place", "column", weight=pl.lit(1.0))]
    ).join(units, on="place", how="left", maintain_order="left")  # fmt: skip
    links = Links(
        both["place"].to_numpy().astype(np.int64), both["column"].to_numpy().astype(np.int64),
        both["weight"].to_numpy().astype(np.float64), _numbers(both, kept), (resolved.height, columns.height),
    )  # fmt: skip
    pairs = pl.concat([pairs, kept.select("place", "column")], how="diagonal")
    return Targets(columns, pairs, _placed(pairs), links, vocabulary)


def _numbers(both: pl.DataFrame, kept: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return a number for the source gene of each row.

    Unresolved rows that are kept under the same name count as one gene.
    """
    numbers = both["gene_number"].to_numpy().astype(np.int64)
    start = both.height - kept.height
    unresolved = np.flatnonzero(numbers[start:] < 0) + start
    numbers = numbers.copy()
    numbers[unresolved] = -1 - both["column"].to_numpy()[unresolved]
    return numbers


def _kept(resolved: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return ``place, kept``: named rows without a target.

    Rows of the same gene, or the same unknown name, share a name.
    """
    left = resolved.filter("is_gene", HAS_NAME).join(pairs, on="place", how="anti", maintain_order="left")
    unit = (
        pl.when(pl.col("gene").is_not_null()).then(pl.format("gene {}", "gene")).otherwise(pl.format("name {}", "name"))
    )
    names = left.with_columns(unit=unit, kept=pl.coalesce("symbol", "stable_id", "name"))
    names = names.with_columns(kept=pl.col("kept").first().over("unit"))
    apart = pl.col("unit").n_unique().over("kept") > 1
    return names.select("place", kept=pl.when(apart).then(pl.coalesce("stable_id", "name")).otherwise("kept"))


def _all_columns(pairs: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Return ``target_gene, kept, wanted`` (null), a row per column.

    Columns are in the order of their first rows of var.
    """
    genes = pairs.group_by("target_gene").agg(place=pl.col("place").min()).with_columns(kept=pl.lit(None, pl.String))
    others = kept.group_by("kept").agg(place=pl.col("place").min()).with_columns(target_gene=pl.lit(None, pl.Int64))
    both = pl.concat([genes, others], how="diagonal").sort("place", "target_gene")
    return both.select("target_gene", "kept", wanted=pl.lit(None, pl.String))


def _wanted_columns(wanted: pl.DataFrame, pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the columns of wanted genes, and the state of each gene."""
    first = pl.col("gene").is_first_distinct() | pl.col("gene").is_null()
    keys = wanted.select(target_gene=pl.when(first).then("gene"), kept=pl.lit(None, pl.String), wanted="name")
    filled = pl.col("gene").is_in(pairs["target_gene"].unique().to_list())
    state = (
        pl.when(pl.col("how") == "ambiguous").then("how")
        .when(pl.col("gene").is_null()).then(pl.lit("unknown"))
        .when(~first).then(pl.lit("repeated"))
        .when(filled).then(pl.lit("filled"))
        .otherwise(pl.lit("no source gene"))
    )  # fmt: skip
    return keys, wanted.select("name", "stable_id", state=state)


def _placed(pairs: pl.DataFrame) -> pl.DataFrame:
    return (
        pairs.drop_nulls("target_id").sort("place", "rank", nulls_last=True, maintain_order=True)
        .group_by("place", maintain_order=True)
        .agg(
            pl.col("target_id").str.join(";"),
            pl.coalesce("target_symbol", "target_id").str.join(";").alias("labels"),
            pl.col("target_symbol").first(),
            pl.col("evidence_class").first(),
            several=pl.len() > 1,
        )
        .with_columns(target_symbol=pl.when("several").then("labels").otherwise("target_symbol"))
        .select(*PlacedColumn)
    )  # fmt: skip


def kind_of_names(resolved: pl.DataFrame) -> str:
    """Return ``id`` if most genes are named by stable ID, else ``symbol``."""
    genes = resolved.filter(pl.col("gene").is_not_null())
    by_id = genes.filter(pl.col("how") == "stable_id").height
    return "id" if by_id * 2 > genes.height else "symbol"


def target_names(columns: pl.DataFrame, kind: str, mark: str | None = None) -> list[str]:
    """Return a unique name for each column.

    Parameters
    ----------
    columns
        The columns of the result, see :class:`homodb.query.translate.targets.Targets`.
    kind
        ``id`` for stable IDs; ``symbol`` for symbols, with stable IDs for genes without a symbol or with a shared
        one.
    mark
        Prefix, before a colon, of source genes kept without a target; None for none.
    """
    kept = pl.col("kept") if mark is None else pl.format("{}:{}", pl.lit(mark), pl.col("kept"))
    frame = columns.with_columns(own=kept).with_columns(
        identifier=pl.coalesce("target_id", "own", "wanted"),
        symbol=pl.coalesce("target_symbol", "target_id", "own", "wanted"),
    )
    identifiers = frame["identifier"]
    names = identifiers if kind == "id" else frame["symbol"]
    for _ in range(len(names)):  # a symbol may be the stable ID of another gene
        repeated = names.is_duplicated()
        if not repeated.any() or names.filter(repeated).equals(identifiers.filter(repeated)):
            break
        names = pl.select(pl.when(repeated).then(identifiers).otherwise(names)).to_series()
    return make_unique(names.to_list())


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
        Whether to name wanted genes as in the list.

    Returns
    -------
    pandas.DataFrame
        Index: names. ``homodb_id``, ``homodb_symbol``: the target gene. ``homodb_source``: names of the source
        genes, joined by ``;``; ``homodb_sources``: their number. ``homodb_evidence`` (class), ``homodb_type``,
        ``homodb_identity``, ``homodb_confidence``, ``homodb_correlation``: of its best row. ``homodb_mt``,
        ``homodb_ribo``: mitochondrial, and protein of the cytosolic ribosome, according to the release.
        ``homodb_kept``, if source genes without a target were kept: whether it is one.
    """
    first = ["evidence_class", "homology_type", "identity", "confidence", "correlation"]
    sources = (
        targets.pairs.join(resolved.select("place", "name", "mitochondrial", "ribosomal"), on="place")
        .sort("rank", "place", nulls_last=True)
        .group_by("column", maintain_order=True)
        .agg(
            pl.col("name"), *(pl.col(column).first() for column in first),
            mt=pl.col("mitochondrial").first(), ribo=pl.col("ribosomal").first(),
        )
    )  # fmt: skip
    frame = targets.columns.join(sources, on="column", how="left", maintain_order="left").select(
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
    for column in ("homodb_id", "homodb_symbol"):  # files store texts with missing values as categories
        if var[column].isna().any():
            var[column] = var[column].astype("category")
    return var
