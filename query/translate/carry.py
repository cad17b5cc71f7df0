"""Carry the matrices of an object into another species' genes, block by block, and report it."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.cells import (
    BINARY,
    FileSink,
    FileSource,
    LazyMatrix,
    Logged,
    MatrixSink,
    Rows,
    Sink,
    Slot,
    Source,
    check_sound,
    judge,
    slot_logged,
    undo_logarithm,
)
from homodb.query.genes import check_share, likely_kind
from homodb.query.release import ReleaseFile
from homodb.query.translate.aggregate import (
    Aggregation,
    TooWideError,
    UnfitValuesError,
    base_of,
    check_slots,
    decide,
    objection,
)
from homodb.query.translate.fates import MEANING, Fate, TranslationReport, fates_of_markers, provenance, with_counts
from homodb.query.translate.options import Options, SlotPolicy
from homodb.query.translate.plan import TranslationPlan, prepare, prepare_raw
from homodb.schema.enums import Strategy
from homodb.schema.errors import CountsError, TranslationError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import name_texts, texts
from homodb.schema.species import Species

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of genes whose counts are summed per group of cells, in total and mapped.
_KINDS = ("all", "mitochondrial", "ribosomal", "other")

#: Blocks that are carried at a time, while others are read and written.
_THREADS = min(2, os.cpu_count() or 1)


class CountTally:
    """Sums of counts, in total and carried."""

    def __init__(self, plan: TranslationPlan, groups: Mapping[str, pd.Series] | None = None) -> None:
        fates = plan.fates
        gene = plan.is_gene.to_numpy()
        mapped = (fates["fate"] == "mapped").to_numpy()
        mt, ribo = fates["mitochondrial"].to_numpy() & gene, fates["ribosomal"].to_numpy() & gene
        which = [kind for one in (gene, mt, ribo, gene & ~mt & ~ribo) for kind in (one, one & mapped)]
        self._which = np.column_stack(which).astype(np.float64)
        self.sums = np.zeros(fates.height)
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
        """Add a block of untranslated rows that begins at row `start`, with logarithms undone."""
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
            "column", "group", "cells", "counts", "carried", *(f"carried_{kind}" for kind in _KINDS[1:]),
            "carried_mean",
        )  # fmt: skip
        return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


@dataclass(frozen=True)
class TranslateProgress:
    """Progress of a translation."""

    slot: str
    done: int
    total: int

    def parts(self) -> tuple[str, int, int]:
        """Return text, amount done and total for a bar."""
        return self.slot, self.done, self.total


class Tally(Protocol):
    """Sums over the untranslated blocks of a matrix."""

    def begin(self) -> None:
        """Reset all sums."""
        ...

    def add(self, start: int, block: Any) -> None:
        """Add a block of rows that begins at row `start`, with logarithms undone."""
        ...


class MatrixPart(NamedTuple):
    """A matrix of one object, and how its genes are combined.

    `base`: base of the values if they are logarithms; they are undone before they are tallied; `kept`: mask of the
    cells to keep; None for all.
    """

    rows: Rows
    how: Aggregation
    base: float | None = None
    tally: Tally | None = None
    kept: npt.NDArray[np.bool_] | None = None


def stream(
    parts: Sequence[MatrixPart], sink: MatrixSink, *, sparse: bool, block: int | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> tuple[Any, np.dtype[Any]]:  # fmt: skip
    """Carry matrices block by block into a sink, below each other.

    Parameters
    ----------
    parts
        The matrices.
    sink
        Destination of the result.
    sparse
        Whether the result is sparse.
    block
        Number of rows per block; by default as many as hold about four million values.
    step
        Callback that receives the number of rows done after each block.

    Returns
    -------
    object, dtype
        Matrix returned by the sink, and type of its values.
    """
    dtype: np.dtype[Any] = np.result_type(*(part.how.dtype(part.rows.dtype) for part in parts))
    while True:
        try:
            return _stream(parts, sink, dtype, sparse, block, step), dtype
        except TooWideError:
            dtype = parts[0].how.wider(dtype)


def _stream(
    parts: Sequence[MatrixPart], sink: MatrixSink, dtype: np.dtype[Any], sparse: bool, block: int | None,
    step: Callable[[int], None],
) -> Any:  # fmt: skip
    sink.begin(dtype)
    done = 0
    for part in parts:
        if part.tally is not None:
            part.tally.begin()
        for (start, stop, piece), carried in _ahead(partial(_carried, part, dtype), _pieces(part, block)):
            sink.add(sp.csr_matrix(carried) if sparse and not sp.issparse(carried) else carried)
            if part.tally is not None:
                with np.errstate(over="ignore"):
                    part.tally.add(start, undo_logarithm(piece, part.base))
            step(done + stop)
        done += part.rows.shape[0]
    return sink.end()


#: Bounds of a block of rows, and its values.
_Piece: TypeAlias = tuple[int, int, Any]


def _pieces(part: MatrixPart, block: int | None) -> Iterator[_Piece]:
    for start, stop in part.rows.cuts(block) or [(0, 0)]:
        piece = part.rows.take(start, stop)
        check_sound(piece, part.rows.where or part.how.slot)
        yield start, stop, piece if part.kept is None else piece[np.flatnonzero(part.kept[start:stop])]


def _carried(part: MatrixPart, dtype: np.dtype[Any], piece: _Piece) -> Any:
    return part.how.apply(piece[2], dtype)


def _ahead(work: Callable[[_Piece], Any], pieces: Iterable[_Piece]) -> Iterator[tuple[_Piece, Any]]:
    """Yield pieces and what is made of them, in order.

    Others are worked on in threads meanwhile: NumPy, SciPy and HDF5 let threads run beside each other.
    """
    pending: deque[tuple[_Piece, Future[Any]]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for piece in pieces:
            pending.append((piece, pool.submit(work, piece)))
            if len(pending) > _THREADS:
                first, carried = pending.popleft()
                yield first, carried.result()
        for first, carried in pending:
            yield first, carried.result()


def lazily(matrix: LazyMatrix, slot: Slot, how: Aggregation, logged: Logged, *, explicit: bool) -> Any:
    """Return a Dask array of target genes.

    The kind of values is inferred when a block is computed; a block that must not be summed then raises
    :class:`~homodb.schema.errors.CountsError`. Sums of small integers are 64 bits wide; sums beyond these are an error.
    """
    dtype = how.dtype(matrix.dtype)
    if int(how.links.rows_per_column.max(initial=0)) > 1 and dtype.kind in "biu" and dtype.itemsize < 8:
        dtype = how.wider(dtype)

    def block(rows: Any) -> Any:
        check_sound(rows, slot.label)
        holds = judge(rows, logged=logged.is_log, base=logged.base)
        against = objection(slot, how.policy, holds, how.links, explicit=explicit)
        if against is not None:
            raise CountsError(against)
        try:
            return replace(how, logarithms=base_of(holds, how.policy, logged)).apply(rows, dtype)
        except TooWideError:
            raise CountsError(
                f"{slot.label} holds values whose sums do not fit into {dtype}; convert it to float64"
            ) from None

    return matrix.map_rows(block, how.links.shape[1], dtype)


class TranslationRun:
    """A translation of one object, which only this class changes: the plan first, then its matrices.

    `to`, `species`, `strategy`, `column`: target and source species, strategy, and column of var with the gene names.

    Raises UnknownSpeciesError, UnknownStrategyError, MissingMappingError, UndecidedSpeciesError if the release lacks
    it, or the names do not identify the species. Raises TranslationError if no gene can be translated, or a slot or
    column does not exist.
    """

    def __init__(
        self, release: ReleaseFile, source: Source, to: str | int | Species, *, species: str | int | Species | None,
        strategy: str | Strategy | None, column: str | None, options: Options,
    ) -> None:  # fmt: skip
        self.source, self.options = source, options
        self._column, self._source_given = column, species is not None
        self._slots = source.slots.translated(source.main)
        check_slots(self._slots, options)
        obs, columns = source.obs_columns(options.groupby)
        self._groups = groups_of(obs, options.groupby, columns)
        self.plan = prepare(
            release, source.var, to, source=species, strategy=strategy, column=column, options=options,
            uns={"homodb": source.read_uns("homodb")},
        )  # fmt: skip
        self._policies: dict[str, str] = {}
        self._dropped: list[str] = []
        self._notes: list[str] = []
        self._tally: CountTally | None = None

    def carry(
        self, sink: Sink, *, block: int | None = None, progress: Callable[[TranslateProgress], None] | None = None
    ) -> TranslationReport:
        """Carry every matrix into a sink, and finish it; the release must still be open."""
        cells = self.source.n_obs
        left: dict[str, str] = {}
        if isinstance(self.source, FileSource) and isinstance(sink, FileSink):
            left = self.source.left_out(as_is=sink.copies_arrays)
            self._notes += left.values()
        for number, slot in enumerate(self._slots):

            def step(row: int, slot: Slot = slot, done: int = number * cells) -> None:
                sink.check()
                if progress is not None:
                    progress(TranslateProgress(slot.label, done + row, len(self._slots) * cells))

            plan = self._plan_of(slot)
            if plan is not None:
                folder = sink.folder / f"turned-{number}"
                self._carry(slot, plan, sink, folder, block, step)
                if isinstance(self.source, FileSource):
                    shutil.rmtree(folder, ignore_errors=True)
        gene_level = gene_level_uns_keys(self.source.uns, self.source.object_var.index)
        report = self._report(_dropped_parts(self.source, gene_level))
        self._check_carried(report)
        entry = provenance(report, self.source.read_uns("homodb"))
        sink.finish(self.plan.var, entry, leave=frozenset(left) | {f"uns/{key}" for key in gene_level})
        return report

    def _check_carried(self, report: TranslationReport) -> None:
        """Check the share of counts carried, of those that were not left out on request."""
        share = report.carried(pl.col("fate") != Fate.FILTERED)
        if self.options.genes is not None or self.plan.route.same:
            return
        left = (
            report.by_fate().filter(~pl.col("fate").is_in([Fate.MAPPED, Fate.FILTERED, Fate.NOT_A_GENE])).sort("counts")
        )
        fate = str(left["fate"][-1]) if left.height else ""
        unknown = report.fates.filter(pl.col("fate") == Fate.UNKNOWN).select("detail", weight="counts")
        likely = (
            kind if fate == Fate.UNKNOWN and (kind := likely_kind(unknown)) is not None
            else "since the release is simulated: its genes are made up" if report.release.startswith("simulated")
            else f"the names are of another species, column or release: {MEANING[Fate.UNKNOWN]}"
            if fate in (Fate.UNKNOWN, Fate.RETIRED, Fate.AMBIGUOUS)
            else f"the release has few orthologs of the two species by {report.strategy}"
        )  # fmt: skip
        check_share(share, f"{share:.1%} of the counts are carried from {report.source} to {report.target}", likely)

    @property
    def _one_to_one(self) -> bool:
        strategy = self.plan.route.strategy
        return strategy is not None and strategy.one_to_one

    def _plan_of(self, slot: Slot) -> TranslationPlan | None:
        """Return the plan for a matrix, None if its own var (of raw) cannot be translated."""
        if slot.label != "raw" or slot.main:
            return self.plan
        try:
            return prepare_raw(self.plan, self.source.var_of(slot), self.source.object_var, self._column)
        except TranslationError as error:
            self._drop(slot, str(error))
            return None

    def _carry(
        self, slot: Slot, plan: TranslationPlan, sink: Sink, folder: Path, block: int | None,
        step: Callable[[int], None],
    ) -> None:  # fmt: skip
        policy = self.options.slots.get(slot.name) or SlotPolicy(self.options.many_to_one)
        if policy is SlotPolicy.DROP:
            self._drop(slot)
            return
        logged, lazy = slot_logged(slot, self.source.logged), self.source.lazy(slot)
        if lazy is not None:
            explicit = slot.name in self.options.slots
            how = Aggregation(plan.links, policy, slot.label)
            sink.put(slot, lazily(lazy, slot, how, logged, explicit=explicit), plan.var)
            self._policies[slot.label] = str(policy)
            return
        rows, like = self.source.rows(slot, folder, block)
        step(0)
        holds = judge(rows.sample(), logged=logged.is_log, base=logged.base)
        decision = decide(slot, holds, plan.links, self.options, logged, one_to_one=self._one_to_one)
        if isinstance(decision, str):
            self._drop(slot, decision)
            return
        how = decision
        if policy is SlotPolicy.LOG and holds.base is None:
            base = f"{how.logarithms:.4g}, which fits their sums per cell" if how.logarithms else "e"
            self._notes.append(f"{slot.label} does not tell the base of its logarithms; it was taken to be {base}")
        if holds.content == BINARY and how.policy is SlotPolicy.SUM and plan.links.several:
            self._notes.append(
                f"{slot.label} holds {BINARY}, and {counted(plan.links.several, 'target gene is', 'target genes are')} "
                f"the sum of several; if they say only whether a gene is expressed, take slot {slot.name!r}: max"
            )
        if slot.main and holds.kind != "scaled":
            self._tally = CountTally(plan, self._groups)
        part = MatrixPart(rows, how, holds.base, self._tally if slot.main else None)
        matrix_sink = sink.matrix(slot, (self.source.n_obs, plan.links.shape[1]), sparse=rows.sparse, like=like)
        try:
            matrix, dtype = stream([part], matrix_sink, sparse=rows.sparse, block=block, step=step)
        except UnfitValuesError as error:
            if slot.main or slot.name in self.options.slots:
                raise
            sink.drop(slot)
            self._drop(slot, str(error))
            return
        if how.dtype(rows.dtype).kind in "biu" and dtype.kind == "f":
            self._notes.append(f"{slot.label} is {dtype}: its sums do not fit into 64 bits")
        sink.put(slot, matrix, plan.var)
        self._policies[slot.label] = str(how.policy)

    def _drop(self, slot: Slot, why: str = "") -> None:
        """Record that a matrix is dropped, and the reason unless the user requested it."""
        self._dropped.append(slot.label)
        if why:
            self._notes.append(f"{slot.label} was left out: {why}")

    def _report(self, leftovers: list[str]) -> TranslationReport:
        """Build the report; the release must still be open."""
        plan, options = self.plan, self.options
        notes = [*plan.notes, *self._notes]
        if self._tally is None:
            notes.append("no counts were added up, so shares of counts are unknown (values are scaled, or lazy)")
        else:
            notes += self._unsure_note(self._tally.sums)
        table = plan.fates.with_columns(gene=plan.resolved["gene"])
        kept = int(plan.var["homodb_kept"].sum()) if "homodb_kept" in plan.var else 0
        return TranslationReport(
            source=plan.route.source.name, target=plan.route.target.name, source_given=self._source_given,
            strategy=plan.route.how, release=plan.route.release.version, cells=self.source.n_obs,
            targets=plan.links.shape[1], summed=int((plan.links.rows_per_column > 1).sum()),
            fates=with_counts(plan.fates, None if self._tally is None else self._tally.sums),
            dropped=(*leftovers, *self._dropped), notes=tuple(notes), many_to_one=str(options.many_to_one),
            one_to_many=str(options.one_to_many), slots=dict(self._policies), kept=kept,
            groups=self._tally.groups() if self._tally is not None else CountTally(plan).groups(),
            markers=fates_of_markers(plan.route.release, plan.route.source, table, options.markers),
            vocabulary=plan.targets.vocabulary,
        )  # fmt: skip

    def _unsure_note(self, sums: npt.NDArray[np.float64]) -> list[str]:
        """Return a note on the share of counts that go by pairs of confidence 0, if it is large enough."""
        total = float(sums[self.plan.is_gene.to_numpy()].sum())
        unsure = self.plan.targets.pairs.filter(pl.col("confidence") == 0).select("place", "weight")
        counts = float((sums[unsure["place"].to_numpy()] * unsure["weight"].to_numpy()).sum())
        if not total or counts / total < _UNSURE:
            return []
        return [f"{counts / total:.1%} of the counts go by pairs of confidence 0 (min_confidence=1 leaves these out)"]


#: Share of counts by pairs of confidence 0 from which a note tells it.
_UNSURE = 0.01

#: Usual names of gene-level entries of uns.
_GENE_WISE = ("hvg", "rank_genes_groups", "pca", "rank_velocity_genes", "recover_dynamics")

#: Keys that, beside ``names``, mark an entry of uns as a ranking of genes.
_RANKING = {"scores", "params", "pvals", "pvals_adj", "logfoldchanges"}


def gene_level_uns_keys(uns: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return the keys of uns whose entries are about genes."""
    genes = frozenset(filter(None, texts(names)))
    return [
        key for key, value in uns.items() if key in _GENE_WISE or _is_ranking(value) or _is_gene_table(value, genes)
    ]


def _is_ranking(value: Any) -> bool:
    keys = set(value) if isinstance(value, Mapping) else set()
    return "names" in keys and bool(keys & _RANKING)


def _is_gene_table(value: Any, names: frozenset[str]) -> bool:
    index = getattr(value, "index", None)
    if index is None or callable(index) or not len(index):
        return False
    return sum(one in names for one in texts(index)) * 2 > len(index)


def _dropped_parts(source: Source, gene_level: list[str]) -> list[str]:
    """List dropped parts, except matrices that are dropped for their values."""
    slots, main = source.slots, source.main
    parts = [f"var[{name!r}]" for name in source.object_var.columns]
    parts += [f"{part}[{name!r}]" for part in ("varm", "varp") for name in source.keys(part)]
    parts += [f"uns[{key!r}]" for key in gene_level]
    if source.raw_var is not None:
        parts += [f"raw.var[{name!r}]" for name in source.raw_var.columns]
        parts += [f"raw.varm[{name!r}]" for name in source.keys("varm", raw=True)]
    if main.label != "X" and slots.has_x:
        parts.append("X")
    return parts + ([f"layers[{name!r}]" for name in slots.layers] if main.label == "raw" else [])


def groups_of(
    obs: pd.DataFrame, groupby: tuple[str, ...], columns: Sequence[str] | None = None
) -> dict[str, pd.Series]:
    """Return the columns of obs by which to report shares.

    `obs`: table of cells; of a file, only the requested columns; `columns`: names of all existing columns; None for
    those of `obs`.

    Raises TranslationError if a column does not exist.
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
