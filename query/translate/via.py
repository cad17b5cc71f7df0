"""From one species to another through a third, only when asked for."""

from __future__ import annotations

import polars as pl

from homodb.query.pairs import Pair
from homodb.query.translate.mapping import COLUMNS
from homodb.schema.strategies import EvidenceClass, HomologyType, Strategy


def rows_via(first: Pair, second: Pair, strategy: Strategy) -> pl.DataFrame:
    """Join the mapping of two pairs of species that share the species between.

    Parameters
    ----------
    first
        From the source to the species between.
    second
        From there to the target.
    strategy
        The strategy of both.

    Returns
    -------
    polars.DataFrame
        :data:`homodb.query.translate.mapping.COLUMNS`, best first: of each value the lesser of the two steps, of
        the evidence classes the weaker one, one-to-one only where both steps are; unknown where one of them is.
    """
    weak_first = [str(one) for one in reversed(EvidenceClass)]
    one, two = first.mapping(strategy), second.mapping(strategy)
    joined = one.rename({"target_gene": "between"}).join(
        two.rename({"source_gene": "between"}), on="between", suffix="_2", maintain_order="left"
    )

    def lesser(column: str) -> pl.Expr:
        known = pl.col(column).is_not_null() & pl.col(f"{column}_2").is_not_null()
        return pl.when(known).then(pl.min_horizontal(column, f"{column}_2")).alias(column)

    def place(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(weak_first, list(range(len(weak_first))), return_dtype=pl.Int32)

    both = (pl.col("homology_type") == HomologyType.ONE2ONE) & (pl.col("homology_type_2") == HomologyType.ONE2ONE)
    known = pl.col("homology_type").is_not_null() & pl.col("homology_type_2").is_not_null()
    kind = pl.when(both).then(pl.lit(str(HomologyType.ONE2ONE))).otherwise(pl.lit(str(HomologyType.MANY2MANY)))
    weaker = pl.when(place("evidence_class") <= place("evidence_class_2")).then("evidence_class")
    return (
        joined.select(
            "source_gene", "target_gene", pl.when(known).then(kind).alias("homology_type"),
            lesser("identity"), lesser("confidence"), lesser("correlation"),
            weaker.otherwise("evidence_class_2").alias("evidence_class"),
        )
        .sort(
            pl.col("confidence").fill_null(0), "identity", "correlation", "source_gene", "target_gene",
            descending=[True, True, True, False, False], nulls_last=True,
        )
        .unique(["source_gene", "target_gene"], keep="first", maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int32))
        .select(COLUMNS)
    )  # fmt: skip
