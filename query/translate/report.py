"""The report of a translation: what became of the genes and of the counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.translate.fates import MEANING, Fate


@dataclass(frozen=True)
class Report:
    """What a translation did.

    Parameters
    ----------
    source, target
        Production names of the species.
    source_given
        Whether the source species was given, or found by vote.
    strategy
        Name of the strategy.
    release
        Version of the release.
    cells
        Rows of the object.
    targets
        Genes of the result.
    summed
        Of these, genes that add up several source genes.
    fates
        One row per var row, see :func:`homodb.query.translate.fates.fates`, with ``counts``: the sum of its values.
    dropped
        Parts of the object that no longer hold.
    notes
        What else a user should know.
    """

    source: str
    target: str
    source_given: bool
    strategy: str
    release: str
    cells: int
    targets: int
    summed: int
    fates: pl.DataFrame
    dropped: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def by_fate(self) -> pl.DataFrame:
        """Return ``fate, genes, counts, share`` (of all counts), a row per fate."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        total = float(genes["counts"].sum())
        order = {str(fate): place for place, fate in enumerate(Fate)}
        return (
            self.fates.group_by("fate")
            .agg(genes=pl.len(), counts=pl.col("counts").sum())
            .with_columns(
                share=pl.when(pl.col("fate") != Fate.NOT_A_GENE).then(pl.col("counts") / total if total else 0.0)
            )
            .sort(pl.col("fate").replace_strict(order, return_dtype=pl.Int32))
        )

    def carried(self, which: pl.Expr | None = None) -> float:
        """Return the share of counts carried over, of all genes or of those an expression is true for; NaN of none."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        if which is not None:
            genes = genes.filter(which)
        total = float(genes["counts"].sum())
        mapped = float(genes.filter(pl.col("fate") == Fate.MAPPED)["counts"].sum())
        return mapped / total if total else float("nan")

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values, as they stand in ``uns["homodb"]`` and in ``--json``."""
        special = pl.col("mitochondrial") | pl.col("ribosomal")
        return {
            "source": self.source,
            "target": self.target,
            "strategy": self.strategy,
            "release": self.release,
            "many_to_one": "sum",
            "one_to_many": "best",
            "cells": self.cells,
            "source_genes": self.fates.height,
            "target_genes": self.targets,
            "summed_genes": self.summed,
            "carried": _or_none(self.carried()),
            "carried_mitochondrial": _or_none(self.carried(pl.col("mitochondrial"))),
            "carried_ribosomal": _or_none(self.carried(pl.col("ribosomal"))),
            "carried_other": _or_none(self.carried(~special)),
            "fates": {row["fate"]: row["genes"] for row in self.by_fate().iter_rows(named=True)},
            "dropped": list(self.dropped),
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """Return the report as text, for a screen."""
        how = "" if self.source_given else " (by their names)"
        out = [
            f"{self.cells:,} cells, {self.fates.height:,} genes of {self.source}{how} -> {self.targets:,} genes of "
            f"{self.target}, by {self.strategy} of release {self.release}",
            f"carried {self.carried():.1%} of the counts"
            + _also("mitochondrial", self.carried(pl.col("mitochondrial")))
            + _also("ribosomal", self.carried(pl.col("ribosomal")))
            + _also("all others", self.carried(~(pl.col("mitochondrial") | pl.col("ribosomal"))))
            + f"; {self.summed:,} {'gene adds' if self.summed == 1 else 'genes add'} up several",
            "",
            f"{'fate':<12} {'genes':>7} {'of counts':>10}  meaning; the largest",
        ]
        for row in self.by_fate().iter_rows(named=True):
            share = "-" if row["share"] is None else f"{row['share']:.1%}"
            largest = "" if row["fate"] == Fate.MAPPED else self._largest(row["fate"])
            out.append(f"{row['fate']:<12} {row['genes']:>7,} {share:>10}  {MEANING[Fate(row['fate'])]}{largest}")
        if self.dropped:
            out += ["", "dropped, since it no longer holds: " + ", ".join(self.dropped)]
        return out + [f"note: {note}" for note in self.notes]

    def _largest(self, fate: str) -> str:
        rows = (
            self.fates.filter((pl.col("fate") == fate) & (pl.col("counts") > 0)).sort("counts", descending=True).head(3)
        )
        shown = [
            row["name"] + (f" to {row['detail']}" if fate == Fate.LOST_TO else "") for row in rows.iter_rows(named=True)
        ]
        return "; " + ", ".join(shown) if shown else ""


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else share


def _also(what: str, share: float) -> str:
    return "" if np.isnan(share) else f"; {what} {share:.1%}"


def with_counts(fates: pl.DataFrame, sums: npt.NDArray[np.float64]) -> pl.DataFrame:
    """Add each var row's sum over all cells as ``counts``."""
    return fates.with_columns(counts=pl.Series(np.asarray(sums, dtype=np.float64)))


def provenance(report: Report) -> dict[str, Any]:
    """Return what goes into ``uns["homodb"]``: plain values that h5ad and zarr can hold; unknown ones are left out."""
    return {
        key: np.array(value, dtype=str) if isinstance(value, list) else value
        for key, value in report.totals().items()
        if value is not None
    }
