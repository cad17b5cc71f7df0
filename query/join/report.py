"""Report the fates of genes and counts of every object of a join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, ResultBlock, and_more
from homodb.query.translate import MEANING, Fate, FateReport, fate_order
from homodb.schema.messages import counted

#: Numbers of objects with their own column, of conflicts and groups, and of parts that the text shows.
_COLUMNS = 4
_SHOWN = 5
_SHOWN_PARTS = 10

#: Number of characters of an object's name above its column.
_WIDTH = 17

_FEATURES = {
    "row": "rows of the joint table",
    "group": "groups of orthologs",
    "copy": "rows, counts copied",
    "gene": "genes",
}

_MEANING = {**MEANING, Fate.MAPPED: "in a feature", Fate.FILTERED: "its partners are not measured, or not taken"}


@dataclass(frozen=True, repr=False)
class JoinReport(FateReport):
    """Report of a join.

    Parameters
    ----------
    release
        Version of the release.
    strategy
        Name of the strategy.
    features
        Kind of features: ``row``, ``group``, ``copy`` or ``gene``.
    hub
        Production name of the hub, if any.
    files
        A row per object: ``file, species, common_name, given`` (whether the species was given), ``cells, genes`` (rows
        of var), ``carried`` (share of counts; null if unknown).
    feature_count, summed
        Number of features, and of those that sum several rows of some var.
    fates
        A row per object and row of its var: see :func:`homodb.query.join.plan.side_fates`, with ``counts``.
    steps
        Number of features or genes left by each step.
    verdicts
        Counts of verdicts of direct pairs of species: see :func:`homodb.query.join.route.count_verdicts`.
    conflicts
        Symbols and stable IDs of rows that a direct pair contradicts, wholly or by half.
    left_out
        Groups that are too large: ``group, genes, names``.
    evidence
        Number of features per evidence class, by their weakest pair.
    slots
        Types of values of each matrix of the result.
    dropped
        Parts of the objects that the result lacks.
    notes
        Notes for the user.
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
        """Number of cells of the result."""
        return int(self.files["cells"].sum())

    def by_fate(self) -> pl.DataFrame:
        """Return ``file, fate, genes, counts, share``, per object and fate.

        The share is of the object's counts.
        """
        total = pl.col("counts").filter(pl.col("fate") != Fate.NOT_A_GENE).sum().over("file")
        is_counted = pl.col("counts").is_not_null() & (pl.col("fate") != Fate.NOT_A_GENE)
        order = {name: place for place, name in enumerate(self.files["file"].to_list())}
        summed = pl.when(pl.col("counts").null_count() == 0).then(pl.col("counts").sum())
        return (
            self.fates.group_by("file", "fate", maintain_order=True).agg(genes=pl.len(), counts=summed)
            .with_columns(share=pl.when(is_counted & (total > 0)).then(pl.col("counts") / total))
            .sort(pl.col("file").replace_strict(order, return_dtype=pl.Int32), fate_order())
        )  # fmt: skip

    def summary(self) -> str:
        """Return what was carried and what was lost in one line."""
        carried = [
            name if share is None else f"{share:.1%} of the counts of {name}"
            for name, share in self.files.select("file", "carried").iter_rows()
        ]
        return (
            f"join: {counted(self.cells, 'cell')} x {counted(self.feature_count, 'feature')} by {self.strategy}: "
            f"carried {', '.join(carried[:_COLUMNS])}{and_more(len(carried) - _COLUMNS)}; lost genes: {self.losses()}"
        )

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values."""
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

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return conflicting rows, too large groups, and all genes."""
        return {"conflicting_rows": self.conflicts, "groups_too_large": self.left_out, **super().frames()}

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield files, fates, evidence, verdicts, large groups, and drops."""
        yield Heading("homodb join", level=1)
        by = f"by {self.strategy} of release" if self.features != "gene" else "by gene, release"
        hub = "" if self.hub is None else f", via {self.hub}"
        features = f"{counted(self.feature_count, 'feature')} ({_FEATURES[self.features]})"
        summed = f"{counted(self.summed, 'adds', 'add')} up several genes"
        cells = f"{counted(self.cells, 'cell')} of {self.files.height} objects"
        yield Lines([f"{cells}, {features}, {by} {self.release}{hub}; {summed}"])
        yield from self._files()
        yield from self._fates()
        if self.evidence:
            classes = [f"{name} {number:,}" for name, number in self.evidence.items()]
            yield Bullets(classes, "features by the weakest evidence of their pairs")
        yield from self._direct()
        yield from self._left_out()
        if self.slots:
            kinds = [f"{slot} ({kind})" for slot, kind in self.slots.items()]
            yield Bullets(kinds, "matrices", in_text=len(kinds) > 1)
        if self.dropped:
            yield Bullets(self.dropped, "left behind", most=_SHOWN_PARTS)
        yield from map(Note, self.notes)
        yield from self.genes_by_fate()

    def _files(self) -> Iterator[ResultBlock]:
        yield Grid(
            self.files.select("file", "common_name", "cells", "genes", "carried"),
            columns={
                "file": GridColumn(width=27), "common_name": GridColumn("species", width=14),
                "cells": GridColumn(form=",", width=8), "genes": GridColumn(form=",", width=7),
                "carried": GridColumn(form=".1%"),
            },
            in_page=False,
        )  # fmt: skip
        voted = self.files.filter(~pl.col("given"))["file"].to_list()
        if voted:
            which = "" if len(voted) == self.files.height else f": {', '.join(voted)}"
            yield Lines([f"species found by the names of genes{which}"])
        yield Heading("Files")
        yield Grid(self.files, in_text=False)
        yield Heading("What each step left")
        yield Grid(pl.DataFrame(self.steps, ["what", "left"], orient="row"), in_text=False)

    def _fates(self) -> Iterator[ResultBlock]:
        """Yield genes and shares of counts by fate.

        Objects are columns in the text, and rows on a page.
        """
        table, names = self.by_fate(), self.files["file"].to_list()
        rows = {(file, fate): (genes, share)
                for file, fate, genes, share in table.select("file", "fate", "genes", "share").iter_rows()}  # fmt: skip
        fates = table["fate"].unique(maintain_order=True).to_list()
        columns = {"fate": GridColumn(width=11), "meaning": GridColumn("meaning; the largest")}
        frame = {"fate": fates}
        for place, name in enumerate(names[:_COLUMNS]):
            columns[f"object {place}"] = GridColumn(_short(name), width=_WIDTH, right=True)
            cells = [rows.get((name, fate), (0, None)) for fate in fates]
            shares = ("" if share is None else f"{share:.1%}" for _, share in cells)
            frame[f"object {place}"] = [f"{one[0]:,} {share:>7}" for one, share in zip(cells, shares, strict=True)]
        frame["meaning"] = [self.meaning(fate, _MEANING) for fate in fates]
        yield Grid(pl.DataFrame(frame, schema=dict.fromkeys(frame, pl.String)), columns=columns, in_page=False)
        yield Lines([], more=and_more(len(names) - _COLUMNS, "object"), in_page=False)
        yield Heading("What became of the genes")
        yield Grid(table, in_text=False)

    def _direct(self) -> Iterator[ResultBlock]:
        if not self.verdicts.height:
            return
        contradicted = [
            f"{rows:,}{'' if share is None else f' ({share:.2%})'}"
            for rows, share in self.verdicts.select("contradicted", "share_contradicted").iter_rows()
        ]
        verdicts = self.verdicts.select(
            pair=pl.format("{} - {}", "first", "second"), evidence="behind", confirmed="confirmed",
            contradicted=pl.Series(contradicted), half="half", silent="silent",
        )  # fmt: skip
        columns = {name: GridColumn(form=",") for name in ("confirmed", "half", "silent")}
        columns["contradicted"] = GridColumn(right=True)
        yield Grid(verdicts, "rows checked against the direct pair:", columns)
        first = self.conflicts.filter(pl.col("verdict") == "contradicted").head(_SHOWN)
        lines = [
            f"  {row['first_name']} - {row['second_name']} in the table; directly {row['first_name']} - "
            f"{row['direct_second_name']}, {row['direct_first_name']} - {row['second_name']}"
            for row in first.iter_rows(named=True)
        ]
        more = and_more(self.conflicts.height - first.height, "row")
        yield Lines(lines, more and f"  {more} contradicted, wholly or by half", in_page=False)
        if self.conflicts.height:
            yield Heading(f"Rows that a direct pair contradicts ({self.conflicts.height:,})")
            yield Grid(self.conflicts, in_text=False, folded=True)

    def _left_out(self) -> Iterator[ResultBlock]:
        if not self.left_out.height:
            return
        lines = ["groups of orthologs that are too large"]
        for row in self.left_out.head(_SHOWN).iter_rows(named=True):
            names = row["names"].split(";")
            lines.append(f"  {row['genes']:>4} genes: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}")
        more = and_more(self.left_out.height - _SHOWN)
        yield Lines(lines, more and f"  {more}", apart=True, in_page=False)
        yield Heading(f"Groups that are too large ({self.left_out.height:,})")
        yield Grid(self.left_out, in_text=False, folded=True)


def provenance(report: JoinReport) -> dict[str, Any]:
    """Return plain values for ``uns["homodb"]``, without unknown ones."""
    totals: dict[str, Any] = {
        "what": "join", "release": report.release, "strategy": report.strategy, "features_are": report.features,
        "cells": report.cells, "features": report.feature_count, "summed_features": report.summed,
        "evidence": {key: int(number) for key, number in report.evidence.items()},
        "slots": np.array([f"{slot}={kind}" for slot, kind in report.slots.items()], dtype=str),
        "steps": np.array([f"{what}: {left}" for what, left in report.steps], dtype=str),
    }  # fmt: skip
    if report.hub is not None:
        totals["hub"] = report.hub
    files = report.files
    totals["files"] = np.array(files["file"].to_list(), dtype=str)
    totals["species"] = np.array(files["species"].to_list(), dtype=str)
    totals["genes"] = files["genes"].to_numpy()
    if not files["carried"].null_count():
        totals["carried"] = files["carried"].to_numpy()
    totals |= _fate_totals(report)
    for key, texts in (("dropped", report.dropped), ("notes", report.notes)):
        if texts:
            totals[key] = np.array(list(texts), dtype=str)
    return totals


def _short(name: str) -> str:
    """Return the name of an object, shortened to its end if too long."""
    stem = name if len(name) <= _WIDTH else name.removesuffix(".h5ad").removesuffix(".zarr")
    return stem if len(stem) <= _WIDTH else f"…{stem[1 - _WIDTH :]}"


def _fate_totals(report: JoinReport) -> dict[str, Any]:
    """Return ``fates``, ``fate_genes`` (files x fates) and ``fate_shares``.

    There are no shares if counts are unknown.
    """
    rows = report.by_fate()
    fates = [str(fate) for fate in Fate if str(fate) in set(rows["fate"])]
    files = report.files["file"].to_list()
    genes, shares = np.zeros((len(files), len(fates)), np.int64), np.zeros((len(files), len(fates)))
    for row in rows.iter_rows(named=True):
        at = files.index(row["file"]), fates.index(row["fate"])
        genes[at], shares[at] = row["genes"], np.nan if row["share"] is None else row["share"]
    totals: dict[str, Any] = {"fates": np.array(fates, dtype=str), "fate_genes": genes}
    return totals if report.files["carried"].null_count() else totals | {"fate_shares": shares}
