"""Judge mapped pairs, and score them for every question of an exam."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl

from homodb.query.exam.truth import NOT_TOLD, Truth
from homodb.query.results import Grid, Heading, Lines, Result, ResultBlock
from homodb.schema.enums import ExamBy, Strategy

_GENES = ["gene_a", "gene_b"]
_PAIR = ["species_a", "species_b"]
_CELL = ["strategy", *_PAIR]

#: Caveats of the scores.
CAVEATS = (
    "What ENS_M2M, ENS_O2O and HM_O2O score here gives back the error rates that were dialled into the simulation: "
    "it claims nothing about Ensembl.",
    "What a k-mer embedding scores here says nothing about ESM2.",
)

_CAVEAT_OF = {
    Strategy.ENS_M2M: CAVEATS[0], Strategy.ENS_O2O: CAVEATS[0], Strategy.HM_O2O: CAVEATS[0],
    Strategy.LM_O2O: CAVEATS[1], Strategy.HL_O2O: " ".join(CAVEATS),
}  # fmt: skip

#: Columns of the rows of an exam; those that a question does not have are null.
COLUMNS = {
    **dict.fromkeys(("by", "families", "strategy", "source_species", "target_species"), pl.String),
    "species_pairs": pl.Int64, "evidence_class": pl.String, "divergence": pl.Float64,
    "group_size": pl.String, "family_size": pl.String,
    **dict.fromkeys(("mapped", "right", "wrong", "unjudged", "possible", "found"), pl.Int64),
    **dict.fromkeys(("precision", "recall", "f1"), pl.Float64),
    "source_genes": pl.Int64, "source_recall": pl.Float64, "target_genes": pl.Int64, "target_recall": pl.Float64,
    "caveat": pl.String,
}  # fmt: skip

_NOT_SHOWN = ("species_pairs", "found", "source_genes", "target_genes")


@dataclass(frozen=True, repr=False)
class Exam(Result):
    """Scores of a release against a known truth.

    Every frame has ``strategy``, ``species_pairs`` (their number), the counts ``mapped, right, wrong,
    unjudged, possible, found, source_genes, target_genes`` and the scores ``precision, recall, f1, source_recall,
    target_recall``; :func:`homodb.query.exam.exam` defines them.

    Parameters
    ----------
    strategies
        Over all ortholog pairs, a row per strategy over all pairs of species (``source_species`` and
        ``target_species`` null) and per pair of species.
    one2one
        The same over one-to-one families alone.
    evidence
        By ``evidence_class``; precision alone, since the truth has no such classes.
    divergence
        By ``divergence`` of the two species.
    groups
        By ``group_size``: genes of both species that descend from one gene of their last common ancestor.
    families
        By ``family_size`` in the truth.
    heading
        Description of the exam's input and of what was left out.
    """

    main_table: ClassVar[str] = "strategies"

    strategies: pl.DataFrame
    one2one: pl.DataFrame
    evidence: pl.DataFrame
    divergence: pl.DataFrame
    groups: pl.DataFrame
    families: pl.DataFrame
    heading: tuple[str, ...]

    def rows(self, by: ExamBy | None = None) -> pl.DataFrame:
        """Return all frames, or those of one question, in one frame with the columns ``by`` and ``caveat``."""
        caveats = pl.col("strategy").replace_strict(_CAVEAT_OF, return_dtype=pl.String)
        parts = [
            frame.with_columns(by=pl.lit(str(of)), families=pl.lit(families), caveat=caveats)
            for of, _, families, frame in self._questions()
            if by in (None, of)
        ]
        empty = pl.DataFrame(schema=COLUMNS)
        return pl.concat([empty, *parts], how="diagonal").select(list(COLUMNS))

    def totals(self) -> dict[str, Any]:
        """Return the description, and all frames as rows."""
        return {"heading": list(self.heading), "rows": self.rows().to_dicts()}

    def blocks(self, by: ExamBy | None = None) -> Iterator[ResultBlock]:
        """Yield the description, and the tables of one question or of all."""
        yield Heading("homodb exam", level=1)
        yield Lines(self.heading)
        for of, title, _, frame in self._questions():
            if by in (None, of):
                table = frame.drop(_NOT_SHOWN, strict=False)
                species = [name for name in ("source_species", "target_species") if name in table.columns]
                yield Grid(table.with_columns(pl.col(species).fill_null("all")), f"{title}:")

    def _questions(self) -> list[tuple[ExamBy, str, str, pl.DataFrame]]:
        return [
            (ExamBy.STRATEGY, "all ortholog pairs", "all", self.strategies),
            (ExamBy.STRATEGY, "one-to-one families only", "one2one", self.one2one),
            (ExamBy.EVIDENCE, "by evidence class", "all", self.evidence),
            (ExamBy.DIVERGENCE, "by divergence of the two species", "all", self.divergence),
            (ExamBy.FAMILY, "by size of the true group (what descends from one gene of the last common ancestor)",
             "all", self.groups),
            (ExamBy.FAMILY, "by size of the family, from the truth", "all", self.families),
        ]  # fmt: skip


@dataclass(frozen=True)
class JudgedPairs:
    """Counts of mapped pairs by strategy and kind of true group."""

    right: pl.DataFrame  # ``strategy, evidence_class, kind, right``
    # ``strategy, kind``, and totals of the right pairs of a kind: ``pairs``, ``genes_a, genes_b``, and ``one_to_one``,
    # the number of pairs in a one-to-one choice
    right_kinds: pl.DataFrame
    # ``strategy, evidence_class, species_a, species_b, kind_a, kind_b, wrong``: a wrong pair has the kinds of the
    # groups that its two genes are of, null for a gene without a true ortholog in the other species
    wrong: pl.DataFrame
    unjudged: pl.DataFrame  # ``strategy, evidence_class, species_a, species_b, unjudged``


def judge(mapping: pl.DataFrame, truth: Truth, existing: pl.Series) -> JudgedPairs:
    """Judge every mapped pair: right if it is a true pair, unjudged if neither gene is among the existing ones."""
    joined = mapping.join(truth.pairs.select(*_GENES, "group", "kind"), on=_GENES, how="left")
    right = joined.filter(pl.col("kind").is_not_null())
    others = joined.filter(pl.col("kind").is_null()).drop("group", "kind")
    is_known = pl.any_horizontal(pl.col(_GENES).is_in(existing.implode()))
    wrong = others.filter(is_known)
    for side, other in (("a", "b"), ("b", "a")):
        gene = [f"gene_{side}", f"species_{other}"]
        of_gene = (
            truth.pairs.join(wrong, on=gene, how="semi").select(*gene, pl.col("kind").alias(f"kind_{side}")).unique()
        )
        wrong = wrong.join(of_gene, on=gene, how="left")
    return JudgedPairs(
        right=right.group_by("strategy", "evidence_class", "kind").agg(right=_count()),
        right_kinds=_count_right(right, truth),
        wrong=wrong.group_by("strategy", "evidence_class", *_PAIR, "kind_a", "kind_b").agg(wrong=_count()),
        unjudged=others.filter(~is_known).group_by("strategy", "evidence_class", *_PAIR).agg(unjudged=_count()),
    )


def _count_right(right: pl.DataFrame, truth: Truth) -> pl.DataFrame:
    """Count the right pairs of each kind, and their genes; in a group of two genes, as most are, all counts are one."""
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


#: Columns of counts, which add up over pairs of species.
_COUNTS = (
    "mapped", "right", "wrong", "unjudged", "possible", "found",
    "source_genes", "source_found", "target_genes", "target_found",
)  # fmt: skip

#: Part of a pair of genes without true orthologs in the other species.
_NO_PART = 0
_SIZES = {1: "1", 2: "2", 3: "3-5", 6: "6-10", 11: "11-20", 21: "21+", NOT_TOLD: "unknown", _NO_PART: "none"}


def score(
    judged: JudgedPairs, truth: Truth, strategies: pl.DataFrame, divergences: pl.DataFrame, heading: tuple[str, ...]
) -> Exam:
    """Score every question of an exam.

    `strategies` has the strategies to score for each pair of species: ``strategy, species_a, species_b, source_species,
    target_species``; `divergences` has ``species_a, species_b, divergence``.
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
    right_counts = judged.right_kinds.join(part_of, on="kind", how="left")
    wrong = judged.wrong
    for side in "ab":
        of_side = kinds.select(pl.col("kind").alias(f"kind_{side}"), pl.col("part").alias(f"part_{side}"))
        wrong = wrong.join(of_side, on=f"kind_{side}", how="left")
    first = pl.coalesce("part_a", "part_b", pl.lit(_NO_PART, pl.Int8))
    return _summed(
        [
            possible.with_columns(possible=pairs, source_genes="genes_a", target_genes="genes_b"),
            right_counts.with_columns(pairs.alias("found"), source_found="genes_a", target_found="genes_b"),
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
    """Sum counts over pairs of species, whose number becomes ``species_pairs``."""
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
