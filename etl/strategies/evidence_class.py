"""Evidence classes: what stands behind each mapped pair."""

from __future__ import annotations

import polars as pl

from homodb.schema.enums import EvidenceClass


def classified(
    rows: pl.DataFrame, ensembl: pl.DataFrame, lm: pl.DataFrame, unnamed: pl.Series | None = None
) -> pl.DataFrame:
    """Add the column ``evidence_class``.

    Parameters
    ----------
    rows
        Rows of any mapping of a pair of species (columns ``gene_a``, ``gene_b``).
    ensembl
        Rows of ENS_M2M of that pair.
    lm
        Rows of LM_O2O of that pair.
    unnamed
        Genes with orthologs in the other species that the release cannot name; None for none.

    Returns
    -------
    polars.DataFrame
        The rows, in their order: ``both`` (Ensembl has the pair and it is LM_O2O), ``ensembl``, or, where only
        the language model has it, ``lm_orphan`` (Ensembl has no ortholog in the other species for either gene),
        ``lm_unnamed`` (it has for one of them or both, but none that is a gene of the release: it may be this one),
        ``lm_partial`` (it has another partner for one of them), ``lm_contradicts`` (for both).
    """
    pair = ["gene_a", "gene_b"]
    marked = rows.join(
        ensembl.select(*pair, _ensembl=pl.lit(value=True)), on=pair, how="left", maintain_order="left"
    ).join(lm.select(*pair, _lm=pl.lit(value=True)), on=pair, how="left", maintain_order="left")
    elsewhere = pl.sum_horizontal(pl.col(side).is_in(ensembl[side].unique().implode()).cast(pl.Int8) for side in pair)
    has_unnamed = pl.any_horizontal(
        pl.col(pair).is_in((lm["gene_a"].clear() if unnamed is None else unnamed).implode())
    )
    by_ensembl = pl.col("_ensembl").is_not_null()
    return marked.with_columns(
        evidence_class=pl.when(by_ensembl & pl.col("_lm").is_not_null())
        .then(pl.lit(EvidenceClass.BOTH.value))
        .when(by_ensembl)
        .then(pl.lit(EvidenceClass.ENSEMBL.value))
        .when((elsewhere == 0) & has_unnamed)
        .then(pl.lit(EvidenceClass.LM_UNNAMED.value))
        .when(elsewhere == 0)
        .then(pl.lit(EvidenceClass.LM_ORPHAN.value))
        .when(elsewhere == 1)
        .then(pl.lit(EvidenceClass.LM_PARTIAL.value))
        .otherwise(pl.lit(EvidenceClass.LM_CONTRADICTS.value))
    ).drop("_ensembl", "_lm")
