"""The report of a join: what became of the genes and the counts of every object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from homodb.query.translate.fates import Fate


@dataclass(frozen=True)
class JoinReport:
    """What a join did.

    Parameters
    ----------
    release
        Version of the release.
    strategy
        The strategy, and the hub.
    features
        What a feature is: ``row``, ``group``, ``copy`` or ``gene``.
    hub
        Production name of the hub; None where there is none.
    files
        A row per object: ``file, species, common_name, given`` (whether the species was), ``cells, genes`` (rows of
        var), ``carried`` (share of counts; null where they are not known).
    feature_count, summed
        Features of the result; those that add up several rows of some var.
    fates
        A row per object and row of its var: see :func:`homodb.query.join.losses.side_fates`, with ``counts``.
    steps
        How many each step left.
    verdicts
        What direct pairs of species say of the rows, counted: see :func:`homodb.query.join.direct.count_verdicts`.
    conflicts
        The rows that a direct pair contradicts, wholly or by half: symbols and stable IDs.
    left_out
        Groups that are too large: ``group, genes, names``.
    evidence
        How many features have which evidence class, by the weakest of their pairs.
    slots
        The matrices of the result, and the types of their values.
    dropped
        What the result does not have.
    notes
        What else a user should know.
    """

    release: str
    strategy: str
    features: str
    hub: str | None
    files: pl.DataFrame
    feature_count: int
    summed: int
    fates: pl.DataFrame
    steps: tuple[tuple[str, int], ...]
    verdicts: pl.DataFrame
    conflicts: pl.DataFrame
    left_out: pl.DataFrame
    evidence: Mapping[str, int]
    slots: Mapping[str, str]
    dropped: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def cells(self) -> int:
        """Cells of the result."""
        return int(self.files["cells"].sum())

    def by_fate(self) -> pl.DataFrame:
        """Return ``file, fate, genes, counts, share`` (of the object's counts), a row per object and fate."""
        order = {str(fate): place for place, fate in enumerate(Fate)}
        total = pl.col("counts").filter(pl.col("fate") != Fate.NOT_A_GENE).sum().over("file")
        known = pl.col("counts").is_not_null() & (pl.col("fate") != Fate.NOT_A_GENE)
        summed = pl.when(pl.col("counts").null_count() == 0).then(pl.col("counts").sum())
        return (
            self.fates.group_by("file", "fate", maintain_order=True).agg(genes=pl.len(), counts=summed)
            .with_columns(share=pl.when(known & (total > 0)).then(pl.col("counts") / total))
            .sort(
                pl.col("file").replace_strict(self._order(), return_dtype=pl.Int32),
                pl.col("fate").replace_strict(order, return_dtype=pl.Int32),
            )
        )  # fmt: skip

    def _order(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.files["file"].to_list())}

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values, for ``--json``."""
        fates = self.by_fate()
        files = [
            row
            | {
                "fates": {
                    fate: genes
                    for name, fate, genes in fates.select("file", "fate", "genes").iter_rows()
                    if name == row["file"]
                }
            }
            for row in self.files.iter_rows(named=True)
        ]
        return {
            "release": self.release, "strategy": self.strategy, "hub": self.hub, "features_are": self.features,
            "cells": self.cells, "features": self.feature_count, "summed_features": self.summed, "files": files,
            "steps": [{"what": what, "left": left} for what, left in self.steps],
            "direct_pairs": self.verdicts.to_dicts(), "conflicts": self.conflicts.height,
            "groups_left_out": self.left_out.height, "evidence": dict(self.evidence), "slots": dict(self.slots),
            "dropped": list(self.dropped), "notes": list(self.notes),
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Return the report as text, for a screen."""
        from homodb.query.join.report_text import lines

        return lines(self)


def provenance(report: JoinReport) -> dict[str, Any]:
    """Return what goes into ``uns["homodb"]``: plain values that h5ad and zarr can hold; unknown ones are left out."""
    told: dict[str, Any] = {
        "what": "join", "release": report.release, "strategy": report.strategy, "features_are": report.features,
        "cells": report.cells, "features": report.feature_count, "summed_features": report.summed,
        "evidence": {key: int(number) for key, number in report.evidence.items()},
        "slots": np.array([f"{slot}={kind}" for slot, kind in report.slots.items()], dtype=str),
        "steps": np.array([f"{what}: {left}" for what, left in report.steps], dtype=str),
    }  # fmt: skip
    if report.hub is not None:
        told["hub"] = report.hub
    files = report.files
    told["files"] = np.array(files["file"].to_list(), dtype=str)
    told["species"] = np.array(files["species"].to_list(), dtype=str)
    told["genes"] = files["genes"].to_numpy()
    if not files["carried"].null_count():
        told["carried"] = files["carried"].to_numpy()
    told |= _fates(report)
    for key, texts in (("dropped", report.dropped), ("notes", report.notes)):
        if texts:
            told[key] = np.array(list(texts), dtype=str)
    return told


def _fates(report: JoinReport) -> dict[str, Any]:
    """Return ``fates``, ``fate_genes`` (files x fates) and, where counts are known, ``fate_shares`` of them."""
    rows = report.by_fate()
    fates = [str(fate) for fate in Fate if str(fate) in set(rows["fate"])]
    files = report.files["file"].to_list()
    genes, shares = np.zeros((len(files), len(fates)), np.int64), np.zeros((len(files), len(fates)))
    for row in rows.iter_rows(named=True):
        at = files.index(row["file"]), fates.index(row["fate"])
        genes[at], shares[at] = row["genes"], np.nan if row["share"] is None else row["share"]
    told: dict[str, Any] = {"fates": np.array(fates, dtype=str), "fate_genes": genes}
    return told if report.files["carried"].null_count() else told | {"fate_shares": shares}
