"""Carries a matrix over, run by run: from where it lies to where it shall lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.cells import Logged, Rows, Sink, Slot, Values, judge
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

#: Sums that are kept for a group of cells: of all genes, and of those that are mapped.
_KINDS = ("all", "mitochondrial", "ribosomal", "other")


class CountTally:
    """Adds up what was there and what was carried.

    Parameters
    ----------
    plan
        Which genes are mapped, mitochondrial, ribosomal.
    groups
        For each column of obs asked for, its values.
    base
        Base of logarithms that the values are; their sums are of what they are logarithms of.
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
        self._scale = None if base is None else float(np.log(base))
        self._codes: dict[str, npt.NDArray[np.int64]] = {}
        self._names: dict[str, list[str]] = {}
        self._totals: dict[str, npt.NDArray[np.float64]] = {}
        for column, values in (groups or {}).items():
            text = np.array(name_texts(values), dtype=object)
            names, codes = np.unique(text, return_inverse=True) if text.size else (text, np.empty(0, np.int64))
            self._codes[column], self._names[column] = codes, [str(name) for name in names]
            self._totals[column] = np.zeros((len(names), len(which) + 2))

    def begin(self) -> None:
        """Forget what was added up."""
        self.sums[:] = 0
        for totals in self._totals.values():
            totals[:] = 0

    def add(self, start: int, block: Any) -> None:
        """Take a run of rows, before they are translated, that begins at row `start`."""
        if self._scale is not None:
            block = _undone(block, self._scale)
        ones = np.ones(block.shape[0])
        self.sums += np.asarray(block.T @ ones).ravel()  # 64 bits, whatever the block has
        for column, codes in self._codes.items():
            cells = np.asarray(block @ self._which)
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(cells[:, 0] > 0, cells[:, 1] / cells[:, 0], 0.0)
            rows = np.column_stack([cells, ones, share])
            np.add.at(self._totals[column], codes[start : start + block.shape[0]], rows)

    def groups(self) -> pl.DataFrame:
        """Return a row per column of obs and group: shares of counts carried, pooled and as the mean over cells."""
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


def _undone(block: Any, scale: float) -> Any:
    sparse = bool(sp.issparse(block))
    if not sparse:
        return np.expm1(block * scale)
    changed = block.astype(np.float64)
    changed.data = np.expm1(changed.data * scale)
    return changed


@dataclass(frozen=True)
class TranslateProgress:
    """How far a translation is.

    Parameters
    ----------
    slot
        The matrix that is at work.
    done, total
        Cells, over all matrices.
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
    """Translate a matrix.

    Parameters
    ----------
    rows
        The matrix.
    how
        How its genes are added up.
    sink
        Where the result goes.
    block
        Rows of a run; by default so many that it holds about four million values.
    tally
        Adds up counts on the way.
    step
        Called after each run with the number of rows done.

    Returns
    -------
    object
        What the sink made.
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
    """A matrix that is dropped, and why (None: as asked)."""

    why: str | None


def check_slots(slots: Sequence[Slot], options: Options) -> None:
    """Check that every slot with a policy of its own is there, and that the main one stays.

    Raises
    ------
    TranslationError
        If not.
    """
    names = [slot.name for slot in slots]
    for name, policy in options.slots.items():
        if name not in names:
            there = f"the slots are: {', '.join(map(repr, names)) or 'none'}{did_you_mean(name, names)}"
            raise TranslationError(f"there is no slot {name!r}; {there} (--slot {name}={policy})")
        if policy is SlotPolicy.DROP and any(slot.main for slot in slots if slot.name == name):
            raise TranslationError(f"{name} is what is translated and cannot be dropped; --layer names another matrix")


def decide(
    slot: Slot, rows: Rows, links: Links, options: Options, logged: Logged
) -> tuple[Aggregation | Refused, Values]:
    """Decide what becomes of a matrix, by what a sample of it holds.

    Returns
    -------
    tuple
        How to add it up, or why it is dropped; and what it holds.

    Raises
    ------
    CountsError
        If the main matrix, or one with a policy of its own, holds values that the policy must not take.
    """
    asked = options.slots.get(slot.name)
    if asked is SlotPolicy.DROP:
        return Refused(None), Values("linear")
    holds = judge(rows.sample(), logged=logged.is_log, base=logged.base)
    policy = asked or SlotPolicy(options.many_to_one)
    against = objection(slot, policy, holds, links)
    if against is None and not slot.main and asked is None and holds.kind == "scaled":
        against = f"{slot.label} holds scaled values (some are negative)"
    if against is None:
        base = logged.base if policy is SlotPolicy.LOG and holds.base is None else holds.base
        return Aggregation(links, policy, slot.label, base), holds
    if slot.main or asked is not None:
        raise CountsError(against)
    return Refused(against), holds


def objection(slot: Slot, policy: SlotPolicy, holds: Values, links: Links) -> str | None:
    """Return what stands against adding up such values in such a way, with the way out; None if nothing does."""
    if holds.kind == "nan":
        out = "" if slot.main else f", or leave it out (--slot {slot.name}=drop)"
        return f"{slot.label} holds NaN; fill or remove such values before translating{out}"
    what = {"log": "logarithms", "scaled": "scaled values (some are negative)", "counts": "whole numbers"}
    if policy is SlotPolicy.LOG:
        if holds.kind in ("scaled", "counts"):
            return f"{slot.label} holds {what[holds.kind]}, not logarithms, so expm1-sum-log1p is not for it; use sum"
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
        f"{slot.label} holds {what[holds.kind]}, and {why}, which is wrong for such values; {counts}{undo}{drop}"
        "or use a one-to-one strategy (--strategy hm_o2o)"
    )


def fates_of_markers(plan: TranslationPlan, markers: Sequence[str]) -> pl.DataFrame:
    """Tell what became of markers.

    Parameters
    ----------
    plan
        The plan of the translation.
    markers
        Names of genes of the source species, of any kind.

    Returns
    -------
    polars.DataFrame
        A row per marker, in order: ``marker``, ``name`` (of its row of var), ``fate``, ``target_id``,
        ``target_symbol``, ``evidence_class``, ``detail``. The fate is ``not_in_file`` where no row of var is it.
    """
    if not markers:
        return pl.DataFrame()
    told = plan.fates.with_columns(gene=plan.resolved["gene"])
    columns = ("name", "fate", "target_id", "target_symbol", "evidence_class", "detail")
    by_gene = told.drop_nulls("gene").unique("gene", keep="first", maintain_order=True).select("gene", *columns)
    by_name = told.unique("name", keep="first", maintain_order=True).select("name", *columns[1:])
    asked = resolve(plan.route.release, list(markers), plan.route.source).select(
        "gene", marker="name", missing=pl.when(pl.col("gene").is_null()).then("how")
    )
    named = asked.join(by_name.with_columns(marker="name"), on="marker", how="left", maintain_order="left")
    found = asked.join(by_gene, on="gene", how="left", maintain_order="left")
    return pl.DataFrame({"marker": asked["marker"]}).with_columns(
        *(pl.coalesce(found[column], named[column]).alias(column) for column in columns)
    ).with_columns(
        fate=pl.col("fate").fill_null("not_in_file"),
        detail=pl.coalesce("detail", pl.when(pl.col("fate").is_null()).then(asked["missing"])),
    )  # fmt: skip


@dataclass
class TranslationRun:
    """What was carried, what was dropped, what was counted.

    Parameters
    ----------
    plan
        Where the genes of the main matrix go.
    options
        What was chosen.
    source_given
        Whether the species was given.
    logged
        What the object says of its X.
    groups
        The columns of obs to tell shares by.
    raw
        Where the genes of raw go, which has a var of its own.
    slots, dropped, notes
        For the report.
    tally
        The counts of the main matrix; None until they are there, or where they cannot be.
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
        """Note that a matrix is left out, and why."""
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
        """Translate one matrix into a sink; return what it made, or None where the matrix is dropped."""
        how, holds = decide(slot, rows, plan.links, self.options, self.said_of(slot))
        if isinstance(how, Refused):
            self.drop(slot, how)
            return None
        if slot.main and holds.kind != "scaled":
            self.tally = CountTally(plan, self.groups, holds.base)
        made = stream(rows, how, sink, block=block, tally=self.tally if slot.main else None, step=step)
        self.slots[slot.label] = str(how.policy)
        return made

    def said_of(self, slot: Slot) -> Logged:
        """Return what the object says of a matrix: of X and raw in uns, of a layer by its name (``logcounts``)."""
        return self.logged if slot.label in ("X", "raw") else Logged("log" in slot.name.lower())

    def report(self, cells: int, leftovers: list[str]) -> TranslationReport:
        """Return the report; the release must still be open."""
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


def groups_of(obs: pd.DataFrame, by: tuple[str, ...], columns: Sequence[str] | None = None) -> dict[str, pd.Series]:
    """Return the columns of obs that shares are told by.

    Parameters
    ----------
    obs
        The cells; of a file, only the columns that are asked for.
    by
        Which columns.
    columns
        Names of all columns that there are; None for those of `obs`.

    Raises
    ------
    TranslationError
        If one is not there.
    """
    there = list(map(str, obs.columns)) if columns is None else list(columns)
    for column in by:
        if column not in obs:
            raise TranslationError(
                f"obs has no column {column!r}; its columns are: {', '.join(map(repr, there)) or 'none'}"
                f"{did_you_mean(column, there)} (--by)"
            )
    return {column: obs[column] for column in by}
