"""Translate matrices block by block, and collect counts and notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import Logged, Rows, Sink, Slot, Values, judge, undo_logarithm
from homodb.query.genes import resolve
from homodb.query.translate.aggregate import Aggregation, Links, TooWideError
from homodb.query.translate.options import Options, SlotPolicy
from homodb.query.translate.plan import TranslationPlan
from homodb.query.translate.report import TranslationReport, with_counts
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import name_texts

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of genes whose counts are summed per group of cells, in total and mapped.
_KINDS = ("all", "mitochondrial", "ribosomal", "other")


class CountTally:
    """Sums of counts, in total and carried.

    Parameters
    ----------
    plan
        Plan, which marks mapped, mitochondrial and ribosomal genes.
    groups
        Values of each requested column of obs.
    base
        Base of the values if they are logarithms: they are undone before they are summed.
    """

    def __init__(
        self, plan: TranslationPlan, groups: Mapping[str, pd.Series] | None = None, base: float | None = None
    ) -> None:
        fates = plan.fates
        gene = plan.is_gene.to_numpy()
        mapped = (fates["fate"] == "mapped").to_numpy()
        mt, ribo = fates["mitochondrial"].to_numpy() & gene, fates["ribosomal"].to_numpy() & gene
        which = [kind for one in (gene, mt, ribo, gene & ~mt & ~ribo) for kind in (one, one & mapped)]
        self._which = np.column_stack(which).astype(np.float64)
        self.sums = np.zeros(fates.height)
        self._base = base
        self._codes: dict[str, npt.NDArray[np.int64]] = {}
        self._names: dict[str, list[str]] = {}
        self._totals: dict[str, npt.NDArray[np.float64]] = {}
        for column, values in (groups or {}).items():
            text = np.array(name_texts(values), dtype=object)
            names, codes = np.unique(text, return_inverse=True) if text.size else (text, np.empty(0, np.int64))
            self._codes[column], self._names[column] = codes, [str(name) for name in names]
            self._totals[column] = np.zeros((len(names), len(which) + 2))

    def begin(self) -> None:
        """Reset all sums."""
        self.sums[:] = 0
        for totals in self._totals.values():
            totals[:] = 0

    def add(self, start: int, block: Any) -> None:
        """Add a block of untranslated rows that begins at row `start`."""
        block = undo_logarithm(block, self._base)
        ones = np.ones(block.shape[0])
        self.sums += np.asarray(block.T @ ones).ravel()  # in 64 bits, whatever the type of the block
        for column, codes in self._codes.items():
            cells = np.asarray(block @ self._which)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(cells[:, 0] > 0, cells[:, 1] / cells[:, 0], 0.0)
            rows = np.column_stack([cells, ones, share])
            np.add.at(self._totals[column], codes[start : start + block.shape[0]], rows)

    def groups(self) -> pl.DataFrame:
        """Return shares of counts carried, per column of obs and group.

        Shares are of pooled counts; ``carried_mean`` is the mean over cells.
        """
        frames = []
        for column, totals in self._totals.items():
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = {f"carried_{kind}": totals[:, 2 * n + 1] / totals[:, 2 * n] for n, kind in enumerate(_KINDS)}
                mean = totals[:, -1] / totals[:, -2]
            frames.append(
                pl.DataFrame({
                    "column": [column] * len(totals), "group": self._names[column],
                    "cells": totals[:, -2].astype(np.int64), "counts": totals[:, 0],
                    "carried": shares.pop("carried_all"), **shares, "carried_mean": mean,
                }).with_columns(pl.selectors.float().fill_nan(None))
            )  # fmt: skip
        schema = (
            "column",
            "group",
            "cells",
            "counts",
            "carried",
            *(f"carried_{kind}" for kind in _KINDS[1:]),
            "carried_mean",
        )
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class TranslateProgress:
    """Progress of a translation.

    Parameters
    ----------
    slot
        Name of the current matrix.
    done, total
        Number of cells, over all matrices.
    """

    slot: str
    done: int
    total: int


def stream(
    rows: Rows,
    how: Aggregation,
    sink: Sink,
    *,
    block: int | None = None,
    tally: CountTally | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> Any:
    """Translate a matrix block by block.

    Parameters
    ----------
    rows
        The matrix.
    how
        Aggregation of its genes.
    sink
        Destination of the result.
    block
        Number of rows per block; by default as many as hold about four million values.
    tally
        Sums to update with each block.
    step
        Callback that receives the number of rows done after each block.

    Returns
    -------
    object
        Matrix returned by the sink.
    """
    dtype: npt.DTypeLike = how.dtype(rows.dtype)
    while True:
        try:
            return _carry(rows, how, sink, np.dtype(dtype), block, tally, step)
        except TooWideError:
            dtype = how.wider(dtype)


def _carry(
    rows: Rows, how: Aggregation, sink: Sink, dtype: np.dtype[Any], block: int | None, tally: CountTally | None,
    step: Callable[[int], None],
) -> Any:  # fmt: skip
    sink.begin(dtype)
    if tally is not None:
        tally.begin()
    for start, stop in rows.cuts(block) or [(0, 0)]:
        piece = rows.take(start, stop)
        sink.add(how.apply(piece, dtype))
        if tally is not None:
            tally.add(start, piece)
        step(stop)
    return sink.end()


@dataclass(frozen=True)
class Refused:
    """Reason for dropping a matrix, None if the user asked for it."""

    why: str | None


def check_slots(slots: Sequence[Slot], options: Options) -> None:
    """Check that slots with a policy exist and the main one is not dropped.

    Raises
    ------
    TranslationError
        If one does not exist, or the main one is to be dropped.
    """
    names = [slot.name for slot in slots]
    for name, policy in options.slots.items():
        if name not in names:
            hint = f"the slots are: {', '.join(map(repr, names)) or 'none'}{did_you_mean(name, names)}"
            raise TranslationError(f"there is no slot {name!r}; {hint} (--slot {name}={policy})")
        if policy is SlotPolicy.DROP and any(slot.main for slot in slots if slot.name == name):
            raise TranslationError(f"{name} is what is translated and cannot be dropped; --layer names another matrix")


def decide(
    slot: Slot, rows: Rows, links: Links, options: Options, logged: Logged
) -> tuple[Aggregation | Refused, Values]:
    """Choose the aggregation of a matrix from a sample of its values.

    Returns
    -------
    tuple
        Aggregation, or reason for dropping the matrix; and kind of its values.

    Raises
    ------
    CountsError
        If the main matrix, or one with its own policy, holds values that the policy does not support.
    """
    requested = options.slots.get(slot.name)
    if requested is SlotPolicy.DROP:
        return Refused(None), Values("linear")
    holds = judge(rows.sample(), logged=logged.is_log, base=logged.base)
    policy = requested or SlotPolicy(options.many_to_one)
    reason = objection(slot, policy, holds, links)
    if reason is None and not slot.main and requested is None and holds.kind == "scaled":
        reason = f"{slot.label} holds scaled values (some are negative)"
    if reason is None:
        base = logged.base if policy is SlotPolicy.LOG and holds.base is None else holds.base
        return Aggregation(links, policy, slot.label, base), holds
    if slot.main or requested is not None:
        raise CountsError(reason)
    return Refused(reason), holds


def objection(slot: Slot, policy: SlotPolicy, holds: Values, links: Links) -> str | None:
    """Return why values must not be combined by a policy, or None.

    The reason includes the alternatives.
    """
    if holds.kind == "nan":
        out = "" if slot.main else f", or leave it out (--slot {slot.name}=drop)"
        return f"{slot.label} holds NaN; fill or remove such values before translating{out}"
    contents = {"log": "logarithms", "scaled": "scaled values (some are negative)", "counts": "whole numbers"}
    if policy is SlotPolicy.LOG:
        if holds.kind in ("scaled", "counts"):
            return (
                f"{slot.label} holds {contents[holds.kind]}, not logarithms, so expm1-sum-log1p is not for it; use sum"
            )
        return None
    if holds.kind not in ("log", "scaled"):
        return None
    if policy is SlotPolicy.SUM and links.several:
        why = f"{counted(links.several, 'target gene')} would add up several source genes each"
    elif links.splits and (holds.kind == "log" or policy is SlotPolicy.SUM):
        why = f"{counted(links.splits, 'source gene')} would be split over several targets"
    elif holds.kind == "scaled" and links.repeated and policy is not SlotPolicy.SUM:
        why = "some source genes stand in several rows, which would add up"
    else:
        return None
    undo = f"undo them (--slot {slot.name}=expm1-sum-log1p), " if holds.kind == "log" else ""
    counts = "translate a layer of counts (--layer counts) or raw (--layer raw), " if slot.main else ""
    drop = "" if slot.main else f"leave it out (--slot {slot.name}=drop), "
    return (
        f"{slot.label} holds {contents[holds.kind]}, and {why}, which is wrong for such values; {counts}{undo}{drop}"
        "or use a one-to-one strategy (--strategy hm_o2o)"
    )


def fates_of_markers(plan: TranslationPlan, markers: Sequence[str]) -> pl.DataFrame:
    """Return the fates of marker genes.

    Parameters
    ----------
    plan
        The plan of the translation.
    markers
        Names of genes of the source species, of any kind of name.

    Returns
    -------
    polars.DataFrame
        A row per marker, in order: ``marker``, ``name`` (of its row of var), ``fate``, ``target_id``,
        ``target_symbol``, ``evidence_class``, ``detail``. The fate is ``not_in_file`` for markers without a row of var.
    """
    if not markers:
        return pl.DataFrame()
    fates = plan.fates.with_columns(gene=plan.resolved["gene"])
    columns = ("name", "fate", "target_id", "target_symbol", "evidence_class", "detail")
    by_gene = fates.drop_nulls("gene").unique("gene", keep="first", maintain_order=True).select("gene", *columns)
    by_name = fates.unique("name", keep="first", maintain_order=True).select("name", *columns[1:])
    resolved = resolve(plan.route.release, list(markers), plan.route.source).select(
        "gene", marker="name", missing=pl.when(pl.col("gene").is_null()).then("how")
    )
    named = resolved.join(by_name.with_columns(marker="name"), on="marker", how="left", maintain_order="left")
    matched = resolved.join(by_gene, on="gene", how="left", maintain_order="left")
    return pl.DataFrame({"marker": resolved["marker"]}).with_columns(
        *(pl.coalesce(matched[column], named[column]).alias(column) for column in columns)
    ).with_columns(
        fate=pl.col("fate").fill_null("not_in_file"),
        detail=pl.coalesce("detail", pl.when(pl.col("fate").is_null()).then(resolved["missing"])),
    )  # fmt: skip


@dataclass
class TranslationRun:
    """State of a translation: matrices carried and dropped, and counts.

    Parameters
    ----------
    plan
        Plan for the genes of the main matrix.
    options
        Checked options.
    source_given
        Whether the user gave the source species.
    logged
        Logarithm of X recorded by the object.
    groups
        Columns of obs by which to report shares.
    raw
        Plan for the genes of raw, which has its own var.
    slots, dropped, notes
        Policies, dropped parts and notes for the report.
    tally
        Counts of the main matrix; None before it is translated, or if its values cannot be summed.
    """

    plan: TranslationPlan
    options: Options
    source_given: bool
    logged: Logged
    groups: Mapping[str, pd.Series]
    raw: TranslationPlan | None = None
    slots: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: CountTally | None = None

    def drop(self, slot: Slot, refused: Refused) -> None:
        """Record that a matrix is dropped, and the reason."""
        self.dropped.append(slot.label)
        if refused.why is not None:
            self.notes.append(f"{slot.label} was left out: {refused.why}")

    def translate(
        self,
        slot: Slot,
        rows: Rows,
        plan: TranslationPlan,
        sink: Sink,
        *,
        block: int | None,
        step: Callable[[int], None],
    ) -> Any:
        """Translate a matrix into a sink; return None if it is dropped."""
        how, holds = decide(slot, rows, plan.links, self.options, self.logged_slot(slot))
        if isinstance(how, Refused):
            self.drop(slot, how)
            return None
        if slot.main and holds.kind != "scaled":
            self.tally = CountTally(plan, self.groups, holds.base)
        matrix = stream(rows, how, sink, block=block, tally=self.tally if slot.main else None, step=step)
        self.slots[slot.label] = str(how.policy)
        return matrix

    def logged_slot(self, slot: Slot) -> Logged:
        """Return the logarithm recorded for a matrix.

        It is recorded in uns for X and raw, and in its name for a layer (``logcounts``).
        """
        return self.logged if slot.label in ("X", "raw") else Logged("log" in slot.name.lower())

    def report(self, cells: int, leftovers: list[str]) -> TranslationReport:
        """Build the report; the release must still be open."""
        plan, options = self.plan, self.options
        notes = list(plan.notes) + self.notes
        if self.tally is None:
            notes.append("no counts were added up, so no shares of counts are told (values are scaled, or lazy)")
        kept = int(plan.var["homodb_kept"].sum()) if "homodb_kept" in plan.var else 0
        return TranslationReport(
            source=plan.route.source.name,
            target=plan.route.target.name,
            source_given=self.source_given,
            strategy=plan.route.how,
            release=plan.route.release.version,
            cells=cells,
            targets=plan.links.shape[1],
            summed=plan.links.several,
            fates=with_counts(plan.fates, None if self.tally is None else self.tally.sums),
            dropped=tuple(leftovers + self.dropped),
            notes=tuple(notes),
            many_to_one=str(options.many_to_one),
            one_to_many=str(options.one_to_many),
            slots=dict(self.slots),
            kept=kept,
            groups=self.tally.groups() if self.tally is not None else CountTally(plan).groups(),
            markers=fates_of_markers(plan, options.markers),
            vocabulary=plan.targets.vocabulary,
        )


def groups_of(
    obs: pd.DataFrame, groupby: tuple[str, ...], columns: Sequence[str] | None = None
) -> dict[str, pd.Series]:
    """Return the columns of obs by which to report shares.

    Parameters
    ----------
    obs
        Table of cells; of a file, only the requested columns.
    groupby
        Names of the requested columns.
    columns
        Names of all existing columns; None for those of `obs`.

    Raises
    ------
    TranslationError
        If a column does not exist.
    """
    names = list(map(str, obs.columns)) if columns is None else list(columns)
    for column in groupby:
        if column not in obs:
            raise TranslationError(
                f"obs has no column {column!r}; its columns are: {', '.join(map(repr, names)) or 'none'}"
                f"{did_you_mean(column, names)}",
                option="groupby",
            )
    return {column: obs[column] for column in groupby}
