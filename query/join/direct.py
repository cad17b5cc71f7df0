"""Whether the direct pair of two species says what the chain through the hub says."""

from __future__ import annotations

import polars as pl

from homodb.query.join.way import Way
from homodb.schema.strategies import EvidenceClass

#: What a direct pair may say of two genes that the chain puts into one row.
CONFIRMED, CONTRADICTED, HALF, SILENT = "confirmed", "contradicted", "half", "silent"

_ENSEMBL = (str(EvidenceClass.BOTH), str(EvidenceClass.ENSEMBL))
_SCHEMA = {
    "feature": pl.Int64, "first": pl.String, "second": pl.String, "first_gene": pl.Int64, "second_gene": pl.Int64,
    "direct_second": pl.Int64, "direct_first": pl.Int64, "ensembl": pl.Boolean, "verdict": pl.String,
}  # fmt: skip


def ask_direct(way: Way, rows: pl.DataFrame | None) -> pl.DataFrame:
    """Compare each row of the chained table with every direct pair.

    Parameters
    ----------
    way
        The way, with its direct pairs.
    rows
        ``feature``, a column of genes per species, ``evidence_<species>`` for each leg; None where features are
        groups.

    Returns
    -------
    polars.DataFrame
        A row per feature and direct pair: ``feature``; ``first, second``, the two species; ``first_gene,
        second_gene``, as the chain has them; ``direct_second``, the direct partner of the first gene, ``direct_first``,
        that of the second one (the named one where it is among several); ``ensembl``: whether Ensembl stands behind
        both legs; ``verdict``: ``confirmed``; ``contradicted``, both have other partners; ``half``, one of them has
        another one, the other has none; ``silent``, neither has any.
    """
    frames = [pl.DataFrame(schema=_SCHEMA)]
    if rows is None:
        return frames[0]
    for pair, strategy in way.direct:
        first, second = pair.source.name, pair.target.name
        known = way.mapping(pair, strategy).select("source_gene", "target_gene")
        asked = rows.select(
            "feature", first=pl.lit(first), second=pl.lit(second), first_gene=first, second_gene=second,
            ensembl=pl.col(f"evidence_{first}").is_in(_ENSEMBL) & pl.col(f"evidence_{second}").is_in(_ENSEMBL),
        )  # fmt: skip
        same = known.select(first_gene="source_gene", second_gene="target_gene", same=pl.lit(value=True)).unique()
        of_first = known.unique("source_gene", keep="first").select(
            first_gene="source_gene", direct_second="target_gene"
        )
        of_second = known.unique("target_gene", keep="first").select(
            second_gene="target_gene", direct_first="source_gene"
        )
        told = (
            asked.join(same, on=["first_gene", "second_gene"], how="left", maintain_order="left")
            .join(of_first, on="first_gene", how="left", maintain_order="left")
            .join(of_second, on="second_gene", how="left", maintain_order="left")
        )
        confirmed = pl.col("same").fill_null(value=False)
        one, other = pl.col("direct_second").is_null(), pl.col("direct_first").is_null()
        verdict = (
            pl.when(confirmed).then(pl.lit(CONFIRMED)).when(one & other).then(pl.lit(SILENT))
            .when(one | other).then(pl.lit(HALF)).otherwise(pl.lit(CONTRADICTED))
        )  # fmt: skip
        frames.append(
            told.with_columns(
                direct_second=pl.when(confirmed).then("second_gene").otherwise("direct_second"),
                direct_first=pl.when(confirmed).then("first_gene").otherwise("direct_first"),
                verdict=verdict,
            ).select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())
        )  # fmt: skip
    return pl.concat(frames)


def count_verdicts(told: pl.DataFrame) -> pl.DataFrame:
    """Count the verdicts.

    Returns
    -------
    polars.DataFrame
        A row per direct pair and ``behind`` (``Ensembl behind both legs``, ``the language model alone behind one``):
        ``first, second, behind``, the four counts, and ``share_contradicted`` of the rows of which both genes have a
        direct partner (confirmed or contradicted).
    """
    behind = (
        pl.when("ensembl")
        .then(pl.lit("Ensembl behind both legs"))
        .otherwise(pl.lit("the language model alone behind one"))
    )
    verdicts = (CONFIRMED, CONTRADICTED, HALF, SILENT)
    counted = told.group_by("first", "second", behind=behind, maintain_order=True).agg(
        (pl.col("verdict") == one).sum().cast(pl.Int64).alias(one) for one in verdicts
    )
    both = pl.col(CONFIRMED) + pl.col(CONTRADICTED)
    share = pl.when(both > 0).then(pl.col(CONTRADICTED) / both)
    return counted.with_columns(share_contradicted=share).sort("first", "second", "behind")
