"""Join objects of several species in memory, or from files to a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.cells import (
    TOTAL,
    CellSource,
    MemorySink,
    SeveralCells,
    Sink,
    Slot,
    atomic_output,
    check_cells_output,
    check_compression,
    file_sink,
    judge,
    layer_slot,
    opened_sources,
    recovered_rows,
    several_cells,
    slot_logged,
    undoing_logarithms,
)
from homodb.query.genes import about_names, check_share, forced
from homodb.query.join.objects import (
    LARGEST,
    JoinOptions,
    JoinSide,
    ObjectTally,
    StackPart,
    check_two_species,
    concatenate_obs,
    objection,
    read_join_options,
    read_side,
    scale_note,
)
from homodb.query.join.plan import JoinPlan, make_plan
from homodb.query.join.report import JoinReport, provenance
from homodb.query.join.route import CONFIRMED, SILENT, HubRoute, count_verdicts
from homodb.query.release import ReleaseFile, use_release
from homodb.query.settings import log, progress_bar
from homodb.query.translate import (
    Aggregation,
    Fate,
    MatrixPart,
    SlotPolicy,
    TranslateProgress,
    UnfitValuesError,
    stream,
    with_counts,
)
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import CountsError, JoinError
from homodb.schema.io import temporary_folder
from homodb.schema.messages import counted
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

_MAIN = Slot("X", "X", main=True)


def read_sides(
    release: ReleaseFile, sources: Sequence[CellSource], species: Sequence[str | int | Species | None] | None,
    options: JoinOptions,
) -> list[JoinSide]:  # fmt: skip
    """Find the genes of every object; one in memory, which has a number, is called by a species that it alone has."""
    requested = [None] * len(sources) if species is None else list(species)
    sides = [
        read_side(release, source.name, source.var, one, column)
        for source, one, column in zip(sources, requested, options.columns, strict=True)
    ]
    common = [side.species.common_name for side in sides]
    return [
        replace(side, name=name) if side.name.isdecimal() and common.count(name) == 1 else side
        for side, name in zip(sides, common, strict=True)
    ]


class JoinRun:
    """A join: the plan first, then the matrices."""

    def __init__(
        self, release: ReleaseFile, sources: Sequence[CellSource], species: Sequence[str | int | Species | None] | None,
        strategy: str | Strategy | None, options: JoinOptions, plan: JoinPlan | None = None,
    ) -> None:  # fmt: skip
        self._sources = sources
        sides = read_sides(release, sources, species, options) if plan is None else plan.sides
        if plan is None:
            check_two_species(sides, [source.obs for source in sources])
        self._cells = concatenate_obs(
            [source.obs for source in sources], [side.name for side in sides], [side.species for side in sides],
            options.shared_types,
        )  # fmt: skip
        self.plan = make_plan(release, sides, strategy, options) if plan is None else plan
        shared = [name for name in sources[0].layers if all(name in source.layers for source in sources)]
        self._slots = [_MAIN, *(layer_slot(name) for name in shared)]
        self._notes: list[str] = []
        self._dropped: list[str] = []
        self._kinds: dict[str, str] = {}
        self._tallies: list[ObjectTally] | None = None

    def carry(
        self, sink: Sink, *, block: int | None = None, progress: Callable[[TranslateProgress], None] | None = None
    ) -> JoinReport:
        """Carry every matrix into a sink, and finish it; the release must still be open."""
        cells = sum(len(source.obs) for source in self._sources)
        done = 0
        for slot in self._slots:

            def step(row: int, slot: Slot = slot, done: int = done) -> None:
                sink.check()
                if progress is not None:
                    progress(TranslateProgress(slot.label, done + row, len(self._slots) * cells))

            if self._carry(slot, sink, block, step):
                done += cells
        report = self._report()
        for name, carried in report.files.select("file", "carried").iter_rows():
            check_share(
                carried, f"{name}: {carried or 0:.1%} of the counts are in a joint feature",
                "a release, species or strategy that does not fit; the fates of its genes say more",
            )  # fmt: skip
        sink.finish(self.plan.var, provenance(report), obs=self._obs())
        return report

    def _carry(self, slot: Slot, sink: Sink, block: int | None, step: Callable[[int], None]) -> bool:
        """Carry a matrix of all objects; return False if it is dropped."""
        read = [self._part(slot, number, sink.folder, block) for number in range(len(self._sources))]
        parts = [part for part, _ in read]
        strategy = self.plan.route.strategy
        reason = objection(slot, parts, one_to_one=strategy is not None and strategy.one_to_one)
        scaled = any(part.holds.kind == "scaled" for part in parts)
        if reason is not None and slot.main:
            raise CountsError(reason, option="layer")
        if reason is not None or (scaled and not slot.main):
            return self._drop(slot, reason or "it holds scaled values (some are negative)")
        step(0)
        sparse = any(part.rows.sparse for part in parts)
        tallies: list[ObjectTally | None] = [None] * len(parts)
        if slot.main and not scaled:
            self._tallies = [ObjectTally(side.resolved["is_gene"].to_numpy()) for side in self.plan.sides]
            tallies = [*self._tallies]
        shape = (len(self._cells.obs), self.plan.links[0].shape[1])
        stacked = [
            MatrixPart(
                part.rows,
                Aggregation(
                    part.links, SlotPolicy.SUM, f"{part.name}: {slot.label}", part.holds.base,
                    part.holds.kind == "counts",
                ),
                part.holds.base, tally, kept,
            )
            for part, tally, kept in zip(parts, tallies, self._cells.kept, strict=True)
        ]  # fmt: skip
        matrix_sink = sink.matrix(slot, shape, sparse=sparse, like=read[0][1])
        try:
            matrix, dtype = stream(stacked, matrix_sink, sparse=sparse, block=block, step=step)
        except UnfitValuesError as error:
            if slot.main:
                raise
            sink.drop(slot)
            return self._drop(slot, str(error))
        if slot.main and self._tallies is not None:
            note = scale_note(slot, parts, self._tallies)
            self._notes += [] if note is None else [note]
        sink.put(slot, matrix, self.plan.var)
        self._kinds[slot.label] = f"{'sparse' if sparse else 'dense'} {dtype}"
        given = list(dict.fromkeys(str(part.rows.dtype) for part in parts))
        if len(given) > 1:
            self._notes.append(f"{slot.label} was {' and '.join(given)}; it is {dtype}")
        return True

    def _drop(self, slot: Slot, why: str) -> bool:
        """Record that a matrix is dropped, and the reason."""
        self._dropped.append(slot.label)
        self._notes.append(f"{slot.label} was left out: {why}")
        return False

    def _part(self, slot: Slot, number: int, folder: Path, block: int | None) -> tuple[StackPart, Any]:
        source = self._sources[number]
        own = source.main if slot.main else slot
        rows, like = source.rows(own, folder / f"turned-{number}", block)
        logged = slot_logged(own, source.logged)
        holds = judge(rows.sample(), logged=logged.is_log, base=logged.base)
        name = self.plan.sides[number].name
        if (counts := recovered_rows(rows, holds, name)) is not rows:
            rows, holds = counts, judge(counts.sample())
        return StackPart(name, rows, self.plan.links[number], holds), like

    def _obs(self) -> pd.DataFrame:
        """Return the obs of the result, with totals if they are known."""
        if self._tallies is not None:
            self._cells.obs[TOTAL] = np.concatenate([tally.totals for tally in self._tallies])
        return self._cells.obs

    def _report(self) -> JoinReport:
        """Build the report; the release must still be open."""
        plan = self.plan
        sums = [None] * len(plan.fates) if self._tallies is None else [tally.sums for tally in self._tallies]
        fates = [with_counts(frame, one) for frame, one in zip(plan.fates, sums, strict=True)]
        one_species = len(plan.route.species) == 1
        kind = "gene" if one_species else "copy" if plan.copies else "row"
        if not one_species and not plan.copies and plan.route.strategy is Strategy.ENS_M2M:
            kind = "group"
        evidence = plan.var["homodb_evidence"].value_counts()
        named = [(side.resolved, side.species) for side in plan.sides]
        notes = [*plan.notes, *self._cells.notes, *self._notes, *about_names(plan.route.release, named)]
        if self._tallies is None:
            notes.append("no counts were added up, so there are no totals and no shares of counts (values are scaled)")
        return JoinReport(
            release=plan.route.release.version, strategy=plan.called, features=kind,
            hub=self._hub(), files=self._files(fates),
            feature_count=plan.links[0].shape[1], summed=plan.several, fates=pl.concat(fates), steps=plan.steps,
            verdicts=count_verdicts(plan.verdicts), conflicts=self._conflicts(), left_out=self._left_out(),
            evidence={str(one): int(evidence.get(str(one), 0)) for one in EvidenceClass if evidence.get(str(one), 0)},
            slots=self._kinds, dropped=tuple(self._dropped_parts()), notes=tuple(notes),
        )  # fmt: skip

    def _hub(self) -> str | None:
        """Return the name of the hub, None if it is one of only two species."""
        route = self.plan.route
        if not isinstance(route, HubRoute) or (len(route.species) == 2 and route.hub in route.species):
            return None
        return route.hub.name

    def _files(self, fates: Sequence[pl.DataFrame]) -> pl.DataFrame:
        rows = []
        for side, source, frame, kept in zip(self.plan.sides, self._sources, fates, self._cells.kept, strict=True):
            genes = frame.filter(pl.col("fate") != Fate.NOT_A_GENE)
            total = float(genes["counts"].sum())
            carried = float(genes.filter(pl.col("fate") == Fate.MAPPED)["counts"].sum()) / total if total else None
            rows.append({
                "file": side.name, "species": side.species.name, "common_name": side.species.common_name,
                "given": side.given, "cells": len(source.obs) if kept is None else int(kept.sum()),
                "genes": frame.height, "carried": carried,
            })  # fmt: skip
        return pl.DataFrame(rows, schema_overrides={"carried": pl.Float64})

    def _dropped_parts(self) -> list[str]:
        shared = {slot.name for slot in self._slots if not slot.main}
        parts = [part for source in self._sources for part in source.parts]
        parts += [f"layers[{name!r}]" for source in self._sources for name in source.layers if name not in shared]
        parts += [f"var[{name!r}]" for source in self._sources for name in source.var.columns]
        return list(dict.fromkeys([*parts, *self._dropped]))

    def _conflicts(self) -> pl.DataFrame:
        """Return the names of rows that direct pairs contradict, wholly or half."""
        conflicts = self.plan.verdicts.filter(~pl.col("verdict").is_in([CONFIRMED, SILENT]))
        genes = pl.concat([conflicts[name] for name in ("first_gene", "second_gene", "direct_second", "direct_first")])
        labels = self.plan.route.release.ask("labels", {"genes": genes.drop_nulls().unique().to_list()})
        for name in ("first_gene", "second_gene", "direct_second", "direct_first"):
            short = name.removesuffix("_gene")
            names = labels.select(
                pl.col("gene").alias(name), pl.coalesce("symbol", "stable_id").alias(f"{short}_name"),
                pl.col("stable_id").alias(f"{short}_id"),
            )  # fmt: skip
            conflicts = conflicts.join(names, on=name, how="left", maintain_order="left")
        return conflicts.drop("first_gene", "second_gene", "direct_second", "direct_first", "feature").sort(
            "ensembl", "verdict", descending=[True, False], maintain_order=True
        )

    def _left_out(self) -> pl.DataFrame:
        genes = self.plan.left_out.explode("gene")
        labels = self.plan.route.release.ask("labels", {"genes": genes["gene"].drop_nulls().to_list()})
        named = genes.join(labels, on="gene", how="left", maintain_order="left")
        return named.group_by("group", "genes", maintain_order=True).agg(
            names=pl.coalesce("symbol", "stable_id").str.join(";")
        )


@overload
def join(
    objects: SeveralCells, *, species: Sequence[str | int | Species | None] | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    via: str | int | Species | None = ..., features: str = ..., largest: int = ..., too_large: str = ...,
    consistent: bool = ..., measured: bool = ..., shared_types: str | None = ...,
    column: str | Sequence[str | None] | None = ..., layer: str | Sequence[str | None] | None = ..., names: str = ...,
    block: int | None = ..., expm1: bool = ..., force: bool = ...,
    progress: Callable[[TranslateProgress], None] | bool | None = ..., return_report: Literal[False] = ...,
) -> anndata.AnnData: ...  # fmt: skip
@overload
def join(
    objects: SeveralCells, *, species: Sequence[str | int | Species | None] | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    via: str | int | Species | None = ..., features: str = ..., largest: int = ..., too_large: str = ...,
    consistent: bool = ..., measured: bool = ..., shared_types: str | None = ...,
    column: str | Sequence[str | None] | None = ..., layer: str | Sequence[str | None] | None = ..., names: str = ...,
    block: int | None = ..., expm1: bool = ..., force: bool = ...,
    progress: Callable[[TranslateProgress], None] | bool | None = ..., return_report: Literal[True],
) -> tuple[anndata.AnnData, JoinReport]: ...  # fmt: skip
def join(
    objects: SeveralCells, *,
    species: Sequence[str | int | Species | None] | None = None, strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None, via: str | int | Species | None = None, features: str = "group",
    largest: int = LARGEST, too_large: str = "leave", consistent: bool = False, measured: bool = False,
    shared_types: str | None = None, column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None, names: str = "keep", block: int | None = None,
    expm1: bool = False, force: bool = False, progress: Callable[[TranslateProgress], None] | bool | None = None,
    return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, JoinReport]:  # fmt: skip
    """Join objects of several species into one over shared features.

    Parameters
    ----------
    objects
        Two or more AnnDatas, or paths of h5ad files or zarr stores; not modified. A mapping, as in
        :func:`anndata.concat`, has the species of each as its key: ``{"human": human, "mouse": "mouse.h5ad"}``.
    species
        Species of each, by any name; inferred from the names of genes by default. Objects may share a species.
    strategy
        One of the five strategies; by default HM_O2O, or LM_O2O if Ensembl has no homologies for a pair.
    release
        An open release, or an argument of :func:`homodb.open`.
    via
        The hub, a species that the others are joined to; it may be a species without an object.
    features
        Kind of features under ENS_M2M: ``group``, a connected group of orthologs, with counts summed per species; or
        ``copy``, a row of the joint table, with counts copied and names in lower case, as in the reference.
    largest
        Maximum number of genes of a group.
    too_large
        Whether to ``leave`` larger groups out or to ``refuse`` them.
    consistent
        Whether to use only rows that every direct pair of species confirms.
    measured
        Whether to choose one-to-one partners among the genes of the objects.
    shared_types
        Column of obs; only cells with a value that all species have are kept.
    column, layer
        Column of var with the gene names (its index by default), and layer in place of X; one for all objects, or one
        for each.
    names
        Kind of names for features: ``keep`` that of the first object, ``id`` or ``symbol``.
    block
        Number of cells in memory at a time; by default as many as hold about four million values.
    expm1
        Whether to recover counts from logarithms of normalized counts, by the size factor that makes the values of a
        cell whole; otherwise logarithms are refused where counts are needed.
    force
        Whether to go on where less than 5 % of the names are known, or of the counts carried; below a half, a warning
        says the likely reason.
    progress
        Whether to show a bar (by default on terminals and in notebooks), or a callback that receives the progress.
    return_report
        Whether to return the report too.

    Returns
    -------
    anndata.AnnData
        The concatenated cells of all objects x features that have a measured gene in every species: X, and the layers
        that all objects have. obs: all columns of the objects, ``species`` (common name), ``source_file``,
        ``homodb_total`` (sum of a cell's genes, whether in a feature or not). var: the genes of each feature, and the
        evidence. ``uns["homodb"]``: a description of the join. Other parts of the objects are dropped.
    JoinReport
        The fates of the genes of every object, and the counts carried; only with `return_report`.

    Raises
    ------
    UnknownSpeciesError, UnknownStrategyError, MissingMappingError
        If the release lacks it.
    UndecidedSpeciesError
        If names do not identify their species.
    CountsError
        If X holds NaN, or values that cannot be summed or concatenated.
    JoinError
        If the objects share no feature, or the arguments do not fit them.

    Examples
    --------
    >>> import homodb
    >>> joint = homodb.join([human, mouse], species=["human", "mouse"], release="rel")  # doctest: +SKIP
    """
    given, object_names, species = check_objects(objects, species, block)
    options = read_join_options(
        len(given), via=via, features=features, largest=largest, too_large=too_large, consistent=consistent,
        measured=measured, shared_types=shared_types, column=column, layer=layer, names=names,
    )  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(forced(force))
        stack.enter_context(undoing_logarithms(expm1))
        opened = stack.enter_context(use_release(release))
        folder = stack.enter_context(temporary_folder("homodb-join-", Path(tempfile.gettempdir())))
        sources = stack.enter_context(opened_sources(given, object_names, options.layers))
        run = JoinRun(opened, sources, species, strategy, options)
        show = stack.enter_context(progress_bar(progress, "join", TranslateProgress.parts))
        result, report = joined(run, folder, block=block, progress=show)
    log(report.summary())
    return (result, report) if return_report else result


def joined(
    run: JoinRun, folder: Path, *, block: int | None = None, progress: Callable[[TranslateProgress], None] | None = None
) -> tuple[anndata.AnnData, JoinReport]:
    """Carry a join out in memory, with a folder for temporary files."""
    sink = MemorySink(folder=folder)
    report = run.carry(sink, block=block, progress=progress)
    return sink.result, report


def join_to_file(
    paths: Sequence[str | Path], output: Path, *,
    species: Sequence[str | int | Species | None] | None = None, strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None, via: str | int | Species | None = None, features: str = "group",
    largest: int = LARGEST, too_large: str = "leave", consistent: bool = False, measured: bool = False,
    shared_types: str | None = None, column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None, names: str = "keep", block: int | None = None,
    compression: str = "keep", expm1: bool = False, force: bool = False,
    progress: Callable[[TranslateProgress], None] | None = None,
) -> JoinReport:  # fmt: skip
    """Join files into a file, block by block.

    Other parameters are those of :func:`join`; memory depends on the block, not on the files.

    Parameters
    ----------
    paths
        h5ad files or zarr stores.
    output
        File to write, a zarr store if it ends with ``.zarr``; an existing one is replaced when the new one is
        complete.
    compression
        As in :func:`~homodb.query.translate.translate_file`; ``keep`` that of the first file.

    Raises
    ------
    OutputError
        If the output is one of the inputs, or cannot be written.
    """
    given, object_names, species = check_objects(paths, species, block)
    options = read_join_options(
        len(given), via=via, features=features, largest=largest, too_large=too_large, consistent=consistent,
        measured=measured, shared_types=shared_types, column=column, layer=layer, names=names,
    )  # fmt: skip
    check_cells_output(output, *(one for one in given if isinstance(one, Path)))
    check_compression(compression, output)
    with ExitStack() as stack:
        stack.enter_context(forced(force))
        stack.enter_context(undoing_logarithms(expm1))
        opened = stack.enter_context(use_release(release))
        sources = stack.enter_context(opened_sources(given, object_names, options.layers))
        partial = stack.enter_context(atomic_output(output))
        run = JoinRun(opened, sources, species, strategy, options)
        sink = stack.enter_context(file_sink(partial, getattr(sources[0], "root", None), compression=compression))
        return run.carry(sink, block=block, progress=progress)


def check_objects(
    objects: SeveralCells, species: Sequence[str | int | Species | None] | None, block: int | None = None
) -> tuple[list[anndata.AnnData | Path], list[str], list[str | int | Species | None] | None]:
    """Check the objects of a join before any file is read; return them, their names and their species."""
    if isinstance(objects, str | Path):
        raise JoinError(f"one object, {objects}, cannot be joined with itself; name two or more")
    given, names, named = several_cells(objects, species)
    if len(given) < 2:
        raise JoinError(f"{counted(len(given), 'object')} cannot be joined; name two or more")
    places = [one.resolve() if isinstance(one, Path) else id(one) for one in given]
    for one, place in zip(given, places, strict=True):
        if places.count(place) > 1:
            twice = one.name if isinstance(one, Path) else "one object"
            raise JoinError(f"{twice} is named twice, and its cells would be there twice; name each once")
    if isinstance(species, str) or (named is not None and len(named) != len(given)):
        number = len(species.split(",")) if isinstance(species, str) else len(named or ())
        raise JoinError(
            f"{counted(len(given), 'object')} and {number} species are named; "
            "name one species for each object, in the same order (two of one species: name it twice)"
        )
    if block is not None and block < 1:
        raise JoinError(f"a block has {counted(block, 'cell')}; it needs at least one")
    return given, names, named
