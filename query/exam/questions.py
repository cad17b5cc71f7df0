"""Score judged pairs for every question of an exam."""

from __future__ import annotations

import polars as pl

from homodb.query.exam.groups import NOT_TOLD, Truth
from homodb.query.exam.judge import JudgedPairs
from homodb.query.exam.result import COLUMNS, Exam
from homodb.schema.enums import Strategy

_PAIR = ["species_a", "species_b"]
_CELL = ["strategy", *_PAIR]

#: Columns of counts, which add up over pairs of species.
_COUNTS = (
    "mapped", "right", "wrong", "unjudged", "possible", "found",
    "source_genes", "source_found", "target_genes", "target_found",
)  # fmt: skip

#: Part of a pair neither of whose genes has a true ortholog in the other species.
_NO_PART = 0
_SIZES = {1: "1", 2: "2", 3: "3-5", 6: "6-10", 11: "11-20", 21: "21+", NOT_TOLD: "not told", _NO_PART: "none"}


def score(
    judged: JudgedPairs, truth: Truth, strategies: pl.DataFrame, divergences: pl.DataFrame, heading: tuple[str, ...]
) -> Exam:
    """Score every question of an exam.

    Parameters
    ----------
    judged
        Counts of mapped pairs.
    truth
        True pairs.
    strategies
        Strategies to score for each pair of species: ``strategy, species_a, species_b, source_species,
        target_species``.
    divergences
        ``species_a, species_b, divergence``.
    heading
        Text for the result.
    """
    overall = _tally(judged, truth, strategies, None)
    apart = overall.join(divergences, on=_PAIR, how="left")
    one2one = _tally(judged, truth, strategies, "one2one").filter(pl.col("part") == 1)
    return Exam(
        strategies=_by_species(overall, strategies),
        one2one=_by_species(one2one, strategies),
        evidence=_by_evidence(judged, truth),
        divergence=_finished(_scored(_added_up(apart, "divergence")), "divergence"),
        groups=_by_size(_tally(judged, truth, strategies, "group_bin"), "group_size"),
        families=_by_size(_tally(judged, truth, strategies, "family_bin"), "family_size"),
        heading=heading,
    )


def _tally(judged: JudgedPairs, truth: Truth, strategies: pl.DataFrame, by: str | None) -> pl.DataFrame:
    """Count pairs by strategy, pair of species and part of the truth.

    A right pair belongs to the part of its true group. A wrong pair belongs to the part of each of its genes, so it may
    count in two; to none when neither gene has a true ortholog in the other species, like an unjudged pair.
    ``possible`` and ``found`` count true pairs for ENS_M2M, and pairs of a one-to-one choice for other strategies.
    """
    kinds = truth.kinds.with_columns(part=pl.lit(_NO_PART, pl.Int8) if by is None else pl.col(by))
    part_of = kinds.select("kind", "part", *_PAIR)
    one_to_one = pl.col("strategy").cast(pl.String) != str(Strategy.ENS_M2M)
    pairs = pl.when(one_to_one).then("one_to_one").otherwise("pairs")
    possible = strategies.select(_CELL).join(kinds, on=_PAIR, how="inner")
    right_counts = judged.found.join(part_of, on="kind", how="left")
    wrong = judged.wrong
    for side in "ab":
        of_side = kinds.select(pl.col("kind").alias(f"kind_{side}"), pl.col("part").alias(f"part_{side}"))
        wrong = wrong.join(of_side, on=f"kind_{side}", how="left")
    first = pl.coalesce("part_a", "part_b", pl.lit(_NO_PART, pl.Int8))
    return _summed(
        [
            possible.with_columns(possible=pairs, source_genes="genes_a", target_genes="genes_b"),
            right_counts.with_columns(found=pairs, source_found="genes_a", target_found="genes_b"),
            judged.right.join(part_of, on="kind", how="left"),
            wrong.with_columns(part=first),
            wrong.filter(pl.col("part_a") != pl.col("part_b")).with_columns(part="part_b"),
            judged.unjudged.with_columns(part=pl.lit(_NO_PART, pl.Int8)),
        ],
        [*_CELL, "part"],
    )


def _summed(rows: list[pl.DataFrame], keys: list[str]) -> pl.DataFrame:
    """Concatenate rows of different counts, and sum them."""
    counts = dict.fromkeys(_COUNTS, pl.Int64)
    parts = [frame.select(name for name in (*keys, *counts) if name in frame.columns) for frame in rows]
    mapped = pl.sum_horizontal("right", "wrong", "unjudged")
    summed = pl.concat([*parts, pl.DataFrame(schema=counts)], how="diagonal").group_by(keys).agg(pl.col(_COUNTS).sum())
    return summed.with_columns(mapped=mapped)


def _by_species(counts: pl.DataFrame, strategies: pl.DataFrame) -> pl.DataFrame:
    """Score over all pairs of species together, then over each."""
    names = strategies.select(*_PAIR, "source_species", "target_species").unique()
    each = counts.with_columns(species_pairs=pl.lit(1, pl.Int64)).join(names, on=_PAIR, how="left")
    together = _added_up(counts)
    return _finished(_scored(pl.concat([together, each], how="diagonal")), *_PAIR, nulls_last=False)


def _by_evidence(judged: JudgedPairs, truth: Truth) -> pl.DataFrame:
    """Score precision by evidence class; the truth has no such classes."""
    right = judged.right.join(truth.kinds.select("kind", *_PAIR), on="kind", how="left")
    counts = _summed([right, judged.wrong, judged.unjudged], [*_CELL, "evidence_class"])
    columns = ["strategy", "species_pairs", "evidence_class", "mapped", "right", "wrong", "unjudged", "precision"]
    return _finished(_scored(_added_up(counts, "evidence_class")).select(columns), "evidence_class")


def _by_size(counts: pl.DataFrame, size: str) -> pl.DataFrame:
    """Score by size, with the bins in words."""
    order = pl.col("part").replace_strict({part: place for place, part in enumerate(_SIZES)}, return_dtype=pl.Int8)
    words = pl.col("part").replace_strict(_SIZES, return_dtype=pl.String).alias(size)
    return _finished(_scored(_added_up(counts, "part")).with_columns(words, place=order), "place")


def _added_up(counts: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """Sum counts over pairs of species.

    The number of pairs becomes ``species_pairs``.
    """
    pairs = pl.struct(_PAIR).n_unique().cast(pl.Int64).alias("species_pairs")
    return counts.group_by("strategy", *keys).agg(pairs, pl.col(_COUNTS).sum())


def _scored(counts: pl.DataFrame) -> pl.DataFrame:
    """Add the scores, from 0 to 1; null without counts."""
    both = pl.col("precision") + pl.col("recall")
    return counts.with_columns(
        precision=_share("right", pl.col("right") + pl.col("wrong")),
        recall=_share("found", pl.col("possible")),
        source_recall=_share("source_found", pl.col("source_genes")),
        target_recall=_share("target_found", pl.col("target_genes")),
    ).with_columns(
        f1=pl.when(pl.col("recall") == 0).then(0.0).otherwise(2 * pl.col("precision") * pl.col("recall") / both)
    )


def _share(part: str, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(pl.col(part) / whole)


def _finished(rows: pl.DataFrame, *keys: str, nulls_last: bool = True) -> pl.DataFrame:
    """Order rows and columns for readers."""
    ordered = rows.sort(*keys, "strategy", nulls_last=nulls_last)
    return ordered.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items() if name in rows.columns)
