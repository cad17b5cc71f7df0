"""Report the fate of every gene and the counts carried."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.results import Bullets, Grid, GridColumn, Heading, Lines, Note, Result, ResultBlock, and_more
from homodb.query.translate.fates import MEANING, Fate
from homodb.schema.messages import counted

#: Entries of ``uns["homodb"]`` that are about cells and stay valid.
_ABOUT_CELLS = ("annotation",)

#: Numbers of groups and markers, and of dropped parts, that the text shows.
_SHOWN = 8
_SHOWN_PARTS = 12


class FateReport(Result):
    """A report with a fate for every gene.

    Parameters
    ----------
    fates
        A row per gene, with ``name``, ``fate``, ``detail`` and, if they were summed, ``counts``.
    notes
        Notes for the user.
    """

    fates: pl.DataFrame
    notes: tuple[str, ...]

    @abstractmethod
    def by_fate(self) -> pl.DataFrame:
        """Return ``fate, genes`` and further columns, a row per fate."""

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return the genes."""
        return {"genes": self.fates}

    def meaning(self, fate: str, meaning: Mapping[Fate, str] = MEANING) -> str:
        """Return the meaning of a fate, with up to three of its genes.

        These are the genes with most counts, or the first.
        """
        genes = self.fates.filter(pl.col("fate") == fate)
        if "counts" in genes.columns:
            genes = genes.filter(pl.col("counts") > 0).sort("counts", descending=True)
        genes = genes.unique("name", keep="first", maintain_order=True).head(3)
        names = [
            f"{name} to {detail}" if fate == Fate.LOST_TO else name
            for name, detail in genes.select("name", "detail").iter_rows()
        ]
        examples = f"; {', '.join(names)}" if names and fate != Fate.MAPPED else ""
        return f"{meaning[Fate(fate)]}{examples}"

    def genes_by_fate(self, noun: str = "gene") -> Iterator[ResultBlock]:
        """Yield all genes as a folded table per fate, for a page."""
        for fate in Fate:
            rows = self.fates.filter(pl.col("fate") == fate).drop("fate")
            if "counts" in rows.columns:
                rows = rows.sort("counts", descending=True, nulls_last=True)
            if rows.height:
                yield Heading(f"{fate}: {MEANING[fate]} ({counted(rows.height, noun)})")
                yield Grid(rows, in_text=False, folded=True)


@dataclass(frozen=True)
class TranslationReport(FateReport):
    """Report of a translation.

    Parameters
    ----------
    source, target
        Production names of the species.
    source_given
        Whether the source species was given rather than inferred from the names.
    strategy
        Name of the strategy.
    release
        Version of the release.
    cells
        Number of cells.
    targets
        Number of genes of the result.
    summed
        Number of these that sum several source genes.
    fates
        One row per var row, see :func:`homodb.query.translate.fates.fates`, with ``counts``: the sum of its values
        (with logarithms undone; null if X was not computed).
    dropped
        Parts of the object that no longer apply.
    notes
        Notes for the user.
    many_to_one, one_to_many
        The policies.
    slots
        Policy applied to each matrix.
    kept
        Number of source genes without a target in the result.
    groups
        Shares of counts carried per group of cells, for the requested columns of obs.
    markers
        Fates of the requested markers.
    vocabulary
        State of each wanted gene, if a list was given.
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
        complete = self.fates["counts"].null_count() == 0
        share = pl.lit(None, pl.Float64) if not complete else pl.col("counts") / total if total else pl.lit(0.0)
        return (
            self.fates.group_by("fate")
            .agg(genes=pl.len(), counts=pl.col("counts").sum())
            .with_columns(share=pl.when(pl.col("fate") != Fate.NOT_A_GENE).then(share))
            .sort(fate_order())
        )

    def carried(self, which: pl.Expr | None = None) -> float:
        """Return the share of counts carried, NaN if there are none.

        Parameters
        ----------
        which
            Expression that selects genes; None for all.
        """
        genes = self.fates.filter(pl.col("fate") != Fate.NOT_A_GENE)
        if which is not None:
            genes = genes.filter(which)
        total = float(genes["counts"].sum())
        mapped = float(genes.filter(pl.col("fate") == Fate.MAPPED)["counts"].sum())
        return mapped / total if total else float("nan")

    def carried_by_kind(self) -> dict[str, float]:
        """Return the share of counts carried by kind of gene.

        Kinds are mitochondrial, ribosomal and other; the share is NaN if there are no counts.
        """
        special = pl.col("mitochondrial") | pl.col("ribosomal")
        kinds = {"mitochondrial": pl.col("mitochondrial"), "ribosomal": pl.col("ribosomal"), "other": ~special}
        return {kind: self.carried(which) for kind, which in kinds.items()}

    def totals(self) -> dict[str, Any]:
        """Return the totals as plain values, as in ``uns["homodb"]``."""
        totals: dict[str, Any] = {
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
            **{f"carried_{kind}": _or_none(share) for kind, share in self.carried_by_kind().items()},
            "fates": dict(self.by_fate().select("fate", "genes").iter_rows()),
            "dropped": list(self.dropped),
            "notes": list(self.notes),
        }
        if self.vocabulary is not None:
            totals["wanted"] = dict(self.vocabulary.group_by("state", maintain_order=True).len().iter_rows())
        return totals

    def frames(self) -> Mapping[str, pl.DataFrame]:
        """Return groups of cells, markers, wanted genes, and all genes."""
        wanted = pl.DataFrame() if self.vocabulary is None else self.vocabulary
        return {"groups": self.groups, "markers": self.markers, "wanted_genes": wanted, **super().frames()}

    def blocks(self) -> Iterator[ResultBlock]:
        """Yield shares carried, fates, groups, markers, and dropped parts."""
        yield Heading(f"homodb translate: {self.source} to {self.target}", level=1)
        how = "" if self.source_given else " (by their names)"
        source = f"{counted(self.cells, 'cell')}, {counted(self.fates.height, 'gene')} of {self.source}{how}"
        target = f"{counted(self.targets, 'gene')} of {self.target}, by {self.strategy} of release {self.release}"
        summed = f"{counted(self.summed, 'gene adds', 'genes add')} up several"
        yield Lines([f"{source} -> {target}", f"{self._carried()}; {summed}"])
        yield Heading("What became of the genes")
        fates = self.by_fate()
        meaning = [self.meaning(fate) for fate in fates["fate"]]
        yield Grid(
            fates.select("fate", "genes", "share").with_columns(meaning=pl.Series(meaning, dtype=pl.String)),
            columns={
                "fate": GridColumn(width=12), "genes": GridColumn(form=",", width=6),
                "share": GridColumn("of counts", form=".1%", bar=True), "meaning": GridColumn("meaning; the largest"),
            },
        )  # fmt: skip
        yield from self._groups()
        yield from self._markers()
        yield from self._vocabulary()
        if self.slots:
            policies = [f"{slot} {policy}" for slot, policy in self.slots.items()]
            yield Bullets(policies, "matrices", in_text=len(policies) > 1 or set(self.slots.values()) != {"sum"})
        if self.dropped:
            yield Bullets(self.dropped, "dropped, since it no longer holds", most=_SHOWN_PARTS)
        yield from map(Note, self.notes)
        yield from self.genes_by_fate()

    def _carried(self) -> str:
        if np.isnan(self.carried()):
            return "no counts were looked at"
        kinds = {"all others" if kind == "other" else kind: share for kind, share in self.carried_by_kind().items()}
        shares = (f"; {kind} {share:.1%}" for kind, share in kinds.items() if not np.isnan(share))
        return f"carried {self.carried():.1%} of the counts{''.join(shares)}"

    def _groups(self) -> Iterator[ResultBlock]:
        if not self.groups.height:
            return
        shares = {"carried": "carried", "carried_mitochondrial": "mito", "carried_ribosomal": "ribo",
                  "carried_other": "others", "carried_mean": "mean"}  # fmt: skip
        columns = {name: GridColumn(title, form=".1%", width=6) for name, title in shares.items()}
        columns["cells"] = GridColumn(form=",", width=8)
        for (column,), frame in self.groups.group_by("column", maintain_order=True):
            largest = frame.select("group", "cells", *shares).sort("cells", descending=True, maintain_order=True)
            first = GridColumn(str(column)[:24], width=24, most=24)
            yield Grid(largest, columns={"group": first, **columns}, rows=_SHOWN, noun="group", in_page=False)
        yield Heading("Groups of cells")
        yield Grid(self.groups, in_text=False)

    def _markers(self) -> Iterator[ResultBlock]:
        if not self.markers.height:
            return
        mapped = pl.col("fate") == Fate.MAPPED
        lines = [f"markers: {self.markers.filter(mapped).height} of {self.markers.height} carried"]
        for row in self.markers.sort(mapped, maintain_order=True).head(_SHOWN).iter_rows(named=True):
            target = row["target_symbol"] or row["target_id"]
            why = f" to {target}" if target else f" ({row['detail']})" if row["detail"] else ""
            lines.append(f"  {row['marker']}: {row['fate']}{why}")
        more = and_more(self.markers.height - _SHOWN)
        yield Lines(lines, more and f"  {more}", apart=True, in_page=False)
        yield Heading("Markers")
        yield Grid(self.markers, in_text=False)

    def _vocabulary(self) -> Iterator[ResultBlock]:
        if self.vocabulary is None:
            return
        filled = pl.col("state") == "filled"
        states = self.vocabulary.group_by("state", maintain_order=True).agg(pl.len(), pl.col("name").head(3))
        parts = [
            f"{count:,} {state}" + ("" if state == "filled" else f" ({', '.join(names)}{', ...' if count > 3 else ''})")
            for state, count, names in states.sort(~filled, maintain_order=True).iter_rows()
        ]
        summary = f"wanted genes: {self.vocabulary.height:,}; {'; '.join(parts)}; all but the filled are zero"
        zero = self.vocabulary.filter(~filled)
        yield Lines([summary], apart=True, in_page=False)
        yield Heading(f"Wanted genes that are zero ({zero.height:,} of {self.vocabulary.height:,})")
        yield Grid(zero, in_text=False, folded=True)


def fate_order() -> pl.Expr:
    """Return an expression that sorts rows by ``fate``, mapped genes first."""
    order = {str(fate): place for place, fate in enumerate(Fate)}
    return pl.col("fate").replace_strict(order, return_dtype=pl.Int32)


def with_counts(fates: pl.DataFrame, sums: npt.NDArray[np.float64] | None) -> pl.DataFrame:
    """Add the sum of each row over all cells as ``counts``, null if unknown."""
    if sums is None:
        return fates.with_columns(counts=pl.lit(None, pl.Float64))
    return fates.with_columns(counts=pl.Series(np.asarray(sums, dtype=np.float64)))


def provenance(report: TranslationReport, earlier: object = None) -> dict[str, Any]:
    """Return plain values for ``uns["homodb"]``, without unknown ones.

    Parameters
    ----------
    report
        The report.
    earlier
        Previous entry: its ``annotation``, which is about cells, is kept; the rest becomes ``before``.
    """
    totals = {
        key: np.array(value, dtype=str) if isinstance(value, list) else value
        for key, value in report.totals().items()
        if value is not None
    }
    if not isinstance(earlier, Mapping):
        return totals
    kept = {key: deepcopy(value) for key, value in earlier.items()}
    cells = {key: kept.pop(key) for key in _ABOUT_CELLS if key in kept}
    return totals | cells | ({"before": kept} if kept else {})


def _or_none(share: float) -> float | None:
    return None if np.isnan(share) else share
