"""Choose among candidates: what the strategies share, candidates with their evidence, the order of homologies, ties.

Candidates are frames with the columns of :data:`COLUMNS`; a strategy returns them in its order of merit.
"""

from __future__ import annotations

import polars as pl

from homodb.etl.evidence import Evidence
from homodb.schema.one_to_one import greedy, undecided

#: Columns of a strategy's answer; the build adds species, strategy, evidence class and embedding.
COLUMNS = {
    "gene_a": pl.Int64,
    "gene_b": pl.Int64,
    "homology_type": pl.String,
    "identity_a": pl.Float64,
    "identity_b": pl.Float64,
    "identity": pl.Float64,
    "goc": pl.Float64,
    "wga": pl.Float64,
    "confidence": pl.Int8,
    "correlation": pl.Float64,
    "margin": pl.Float64,
    "tied": pl.Boolean,
    "score": pl.Float64,
    "rank": pl.Int32,
}

#: The order of homologies: confidence (missing = 0), mean identity, GOC, WGA (missing last), then the genes' stable
#: IDs, in whose order the keys are.
HOMOLOGY_ORDER = (
    (pl.col("confidence").fill_null(0), True),
    (pl.col("identity"), True),
    (pl.col("goc"), True),
    (pl.col("wga"), True),
    (pl.col("gene_a"), False),
    (pl.col("gene_b"), False),
)

#: Of several homologies of one pair that are alike in all of that, so that the order of the input decides nothing.
_WITHIN_PAIR = (
    (pl.col("confidence"), True),
    (pl.col("homology_type"), False),
    (pl.col("identity_a"), True),
    (pl.col("identity_b"), True),
)


def ordered(frame: pl.DataFrame, *order: tuple[pl.Expr, bool]) -> pl.DataFrame:
    """Sort by expressions, each ascending or descending (True), missing values last."""
    return frame.sort(
        [expression for expression, _ in order],
        descending=[down for _, down in order],
        nulls_last=True,
        maintain_order=True,
    )


def homologies(evidence: Evidence, *types: str) -> pl.DataFrame:
    """Return one row per ortholog pair: its best homology (of the given types), best first, with correlation.

    Returns
    -------
    polars.DataFrame
        Columns of :data:`COLUMNS` but ``tied`` and ``rank``; ``score`` is the mean identity (percent).
    """
    rows = evidence.homologies.with_columns(
        identity=(pl.col("identity_a") + pl.col("identity_b")) / 2, margin=pl.lit(None, pl.Float64)
    )
    if types:
        rows = rows.filter(pl.col("homology_type").is_in(types))
    best = ordered(rows, *HOMOLOGY_ORDER, *_WITHIN_PAIR).unique(["gene_a", "gene_b"], keep="first", maintain_order=True)
    return with_correlation(best, evidence).with_columns(score=pl.col("identity"))


def with_correlation(frame: pl.DataFrame, evidence: Evidence) -> pl.DataFrame:
    """Add the known correlation of each pair; null where there is none."""
    if evidence.embedding is None:
        return frame.with_columns(correlation=pl.lit(None, pl.Float64))
    return frame.join(evidence.embedding.correlations, on=["gene_a", "gene_b"], how="left", maintain_order="left")


def with_ties(frame: pl.DataFrame, *merit: pl.Expr, unsure: pl.Expr | None = None) -> pl.DataFrame:
    """Add ``tied``: whether greedy matching takes the candidate or not hangs on how ties are broken.

    Parameters
    ----------
    frame
        Ordered candidates.
    merit
        What candidates are compared by before ties are broken.
    unsure
        Whether it hangs on a tie of another strategy that there is the candidate at all.
    """
    label = frame.select(pl.struct(*merit).rle_id()).to_series() if frame.height else pl.Series([], dtype=pl.UInt32)
    doubts = None if unsure is None else frame.select(unsure).to_series().to_numpy()
    tied = undecided(frame["gene_a"].to_numpy(), frame["gene_b"].to_numpy(), label.to_numpy(), doubts)
    return frame.with_columns(tied=pl.Series(tied, dtype=pl.Boolean))


def finished(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows numbered from 1 in their order (``rank``), with the columns of :data:`COLUMNS`."""
    ranked = frame.with_columns(rank=pl.int_range(1, frame.height + 1, dtype=pl.Int32))
    return ranked.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items())


def taken(frame: pl.DataFrame) -> pl.DataFrame:
    """Keep, of ordered and numbered candidates, those that greedy one-to-one matching takes."""
    return frame.filter(is_taken(frame))


def is_taken(frame: pl.DataFrame) -> pl.Series:
    """Return which of ordered candidates greedy one-to-one matching takes."""
    return pl.Series(greedy(frame["gene_a"].to_numpy(), frame["gene_b"].to_numpy()), dtype=pl.Boolean)
