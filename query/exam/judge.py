"""Judge every mapped pair, and count right, wrong and unjudged ones."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from homodb.query.exam.groups import Truth

_GENES = ["gene_a", "gene_b"]
_PAIR = ["species_a", "species_b"]


@dataclass(frozen=True)
class JudgedPairs:
    """Counts of mapped pairs by strategy and kind of true group.

    Parameters
    ----------
    right
        ``strategy, evidence_class, kind, right``.
    found
        ``strategy, kind``, and totals of the right pairs of a kind: ``pairs``, ``genes_a, genes_b``, and
        ``one_to_one``, the number of pairs in a one-to-one choice.
    wrong
        ``strategy, evidence_class, species_a, species_b, kind_a, kind_b, wrong``: a wrong pair has the kinds of the
        groups that its two genes are of, null for a gene without a true ortholog in the other species.
    unjudged
        ``strategy, evidence_class, species_a, species_b, unjudged``.
    """

    right: pl.DataFrame
    found: pl.DataFrame
    wrong: pl.DataFrame
    unjudged: pl.DataFrame


def judge(mapping: pl.DataFrame, truth: Truth, known: pl.Series) -> JudgedPairs:
    """Judge every mapped pair.

    Parameters
    ----------
    mapping
        ``strategy, evidence_class, species_a, species_b, gene_a, gene_b``.
    truth
        True pairs. A mapped pair is right when it is one of them.
    known
        Keys of all genes that the truth knows. A mapped pair of two others is unjudged.
    """
    joined = mapping.join(truth.pairs.select(*_GENES, "group", "kind"), on=_GENES, how="left")
    right = joined.filter(pl.col("kind").is_not_null())
    others = joined.filter(pl.col("kind").is_null()).drop("group", "kind")
    is_known = pl.any_horizontal(pl.col(_GENES).is_in(known.implode()))
    wrong = others.filter(is_known)
    for side, other in (("a", "b"), ("b", "a")):
        gene = [f"gene_{side}", f"species_{other}"]
        of_gene = (
            truth.pairs.join(wrong, on=gene, how="semi").select(*gene, pl.col("kind").alias(f"kind_{side}")).unique()
        )
        wrong = wrong.join(of_gene, on=gene, how="left")
    return JudgedPairs(
        right=right.group_by("strategy", "evidence_class", "kind").agg(right=_count()),
        found=_count_right(right, truth),
        wrong=wrong.group_by("strategy", "evidence_class", *_PAIR, "kind_a", "kind_b").agg(wrong=_count()),
        unjudged=others.filter(~is_known).group_by("strategy", "evidence_class", *_PAIR).agg(unjudged=_count()),
    )


def _count_right(right: pl.DataFrame, truth: Truth) -> pl.DataFrame:
    """Count the right pairs of each kind, and their genes.

    In a group of two genes, as most are, every count is one.
    """
    of_two = truth.kinds.filter(pl.col("group_bin") == 2)["kind"].implode()
    two = right.filter(pl.col("kind").is_in(of_two)).group_by("strategy", "kind").agg(pairs=_count())
    genes = [pl.col(f"gene_{side}").n_unique().cast(pl.Int64).alias(f"genes_{side}") for side in "ab"]
    more = (
        right.filter(~pl.col("kind").is_in(of_two))
        .group_by("strategy", "kind", "group")
        .agg(_count().alias("pairs"), *genes)
        .with_columns(one_to_one=pl.min_horizontal("genes_a", "genes_b"))
        .group_by("strategy", "kind")
        .agg(pl.col("pairs", "genes_a", "genes_b", "one_to_one").sum())
    )
    one = [pl.col("pairs").alias(name) for name in ("genes_a", "genes_b", "one_to_one")]
    return pl.concat([two.with_columns(one).select(more.columns), more])


def _count() -> pl.Expr:
    return pl.len().cast(pl.Int64)
