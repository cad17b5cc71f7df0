"""Hold the scores of an exam, one frame per question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from homodb.query.results import Grid, Heading, Lines, Result, ResultBlock
from homodb.schema.enums import ExamBy, Strategy

#: Caveats of the scores.
CAVEATS = (
    "What ENS_M2M, ENS_O2O and HM_O2O score here gives back the error rates that were dialled into the simulation: "
    "it claims nothing about Ensembl.",
    "What a k-mer embedding scores here says nothing about ESM2.",
)

_SAID_OF = {
    Strategy.ENS_M2M: CAVEATS[0],
    Strategy.ENS_O2O: CAVEATS[0],
    Strategy.HM_O2O: CAVEATS[0],
    Strategy.LM_O2O: CAVEATS[1],
    Strategy.HL_O2O: " ".join(CAVEATS),
}

_COUNTED = {
    "mapped": pl.Int64,
    "right": pl.Int64,
    "wrong": pl.Int64,
    "unjudged": pl.Int64,
    "possible": pl.Int64,
    "found": pl.Int64,
    "precision": pl.Float64,
    "recall": pl.Float64,
    "f1": pl.Float64,
    "source_genes": pl.Int64,
    "source_recall": pl.Float64,
    "target_genes": pl.Int64,
    "target_recall": pl.Float64,
}

#: Columns of the rows of an exam; those that a question does not have are null.
COLUMNS = {
    "by": pl.String,
    "families": pl.String,
    "strategy": pl.String,
    "source_species": pl.String,
    "target_species": pl.String,
    "species_pairs": pl.Int64,
    "evidence_class": pl.String,
    "divergence": pl.Float64,
    "group_size": pl.String,
    "family_size": pl.String,
    **_COUNTED,
    "caveat": pl.String,
}

_NOT_SHOWN = ("species_pairs", "found", "source_genes", "target_genes")


@dataclass(frozen=True)
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

    strategies: pl.DataFrame
    one2one: pl.DataFrame
    evidence: pl.DataFrame
    divergence: pl.DataFrame
    groups: pl.DataFrame
    families: pl.DataFrame
    heading: tuple[str, ...]

    def rows(self, by: ExamBy | None = None) -> pl.DataFrame:
        """Return all frames, or those of one question, in one frame.

        Each row has its question (``by``) and a ``caveat``.
        """
        caveats = pl.col("strategy").replace_strict(_SAID_OF, return_dtype=pl.String)
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
        """Yield the description, and the tables of one or all questions.

        Parameters
        ----------
        by
            Question; None means all.
        """
        yield Heading("homodb exam", level=1)
        yield Lines(self.heading)
        for of, title, _, frame in self._questions():
            if by in (None, of):
                table = frame.drop(_NOT_SHOWN, strict=False)
                named = [name for name in ("source_species", "target_species") if name in table.columns]
                yield Grid(table.with_columns(pl.col(named).fill_null("all")), f"{title}:")

    def _questions(self) -> list[tuple[ExamBy, str, str, pl.DataFrame]]:
        return [
            (ExamBy.STRATEGY, "all ortholog pairs", "all", self.strategies),
            (ExamBy.STRATEGY, "one-to-one families only", "one2one", self.one2one),
            (ExamBy.EVIDENCE, "by evidence class", "all", self.evidence),
            (ExamBy.DIVERGENCE, "by divergence of the two species", "all", self.divergence),
            (
                ExamBy.FAMILY,
                "by size of the true group (what descends from one gene of the last common ancestor)",
                "all",
                self.groups,
            ),
            (ExamBy.FAMILY, "by size of the family, as the truth tells it", "all", self.families),
        ]
