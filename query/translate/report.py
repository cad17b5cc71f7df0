"""The report of a translation: what became of the genes and of the counts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.translate.fates import Fate

#: Entries of ``uns["homodb"]`` that hold whatever the genes are.
_ABOUT_CELLS = ("annotation",)


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
        One row per var row, see :func:`homodb.query.translate.fates.fates`, with ``counts``: the sum of its values
        (of what they are logarithms of, where they are; null where X was not computed).
    dropped
        Parts of the object that no longer hold.
    notes
        What else a user should know.
    many_to_one, one_to_many
        The policies.
    slots
        What was done with each matrix.
    kept
        Source genes without a target that stay in the result.
    groups
        For columns of obs that were asked for: shares of counts carried per group of cells.
    markers
        The fate of the markers that were asked for.
    vocabulary
        What became of each wanted gene, where a list of them was given.
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
    many_to_one: str = "sum"
    one_to_many: str = "best"
    slots: Mapping[str, str] = field(default_factory=dict)
    kept: int = 0
    groups: pl.DataFrame = field(default_factory=pl.DataFrame)
    markers: pl.DataFrame = field(default_factory=pl.DataFrame)
    vocabulary: pl.DataFrame | None = None

    def by_fate(self) -> pl.DataFrame:
        """Return ``fate, genes, counts, share`` (of all counts), a row per fate."""
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        total = float(genes["counts"].sum())
        known = self.fates["counts"].null_count() == 0
        order = {str(fate): place for place, fate in enumerate(Fate)}
        share = pl.lit(None, pl.Float64) if not known else pl.col("counts") / total if total else pl.lit(0.0)
        return (
            self.fates.group_by("fate")
            .agg(genes=pl.len(), counts=pl.col("counts").sum())
            .with_columns(share=pl.when(pl.col("fate") != Fate.NOT_A_GENE).then(share))
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
        told: dict[str, Any] = {
            "source": self.source,
            "target": self.target,
            "strategy": self.strategy,
            "release": self.release,
            "many_to_one": self.many_to_one,
            "one_to_many": self.one_to_many,
            "slots": [f"{slot}={policy}" for slot, policy in self.slots.items()],
            "cells": self.cells,
            "source_genes": self.fates.height,
            "target_genes": self.targets,
            "summed_genes": self.summed,
            "kept_genes": self.kept,
            "carried": _or_none(self.carried()),
            "carried_mitochondrial": _or_none(self.carried(pl.col("mitochondrial"))),
            "carried_ribosomal": _or_none(self.carried(pl.col("ribosomal"))),
            "carried_other": _or_none(self.carried(~special)),
            "fates": {row["fate"]: row["genes"] for row in self.by_fate().iter_rows(named=True)},
            "dropped": list(self.dropped),
            "notes": list(self.notes),
        }
        if self.vocabulary is not None:
            told["wanted"] = dict(self.vocabulary.group_by("state", maintain_order=True).len().iter_rows())
        return told

    def lines(self) -> list[str]:
        """Return the report as text, for a screen."""
        from homodb.query.translate.report_text import lines

        return lines(self)


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else share


def with_counts(fates: pl.DataFrame, sums: npt.NDArray[np.float64] | None) -> pl.DataFrame:
    """Add each var row's sum over all cells as ``counts``; null where they are not known."""
    if sums is None:
        return fates.with_columns(counts=pl.lit(None, pl.Float64))
    return fates.with_columns(counts=pl.Series(np.asarray(sums, dtype=np.float64)))


def provenance(report: Report, earlier: object = None) -> dict[str, Any]:
    """Return what goes into ``uns["homodb"]``: plain values that h5ad and zarr can hold; unknown ones are left out.

    Parameters
    ----------
    report
        The report.
    earlier
        What stood there: the entry ``annotation``, which is about cells, stays; the rest is kept as ``before``.
    """
    told = {
        key: np.array(value, dtype=str) if isinstance(value, list) else value
        for key, value in report.totals().items()
        if value is not None
    }
    if not isinstance(earlier, Mapping):
        return told
    kept = {key: deepcopy(value) for key, value in earlier.items()}
    cells = {key: kept.pop(key) for key in _ABOUT_CELLS if key in kept}
    return told | cells | ({"before": kept} if kept else {})
