"""Join objects of several species in memory, or from files to a file."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.cells import (
    CellSource,
    MemorySink,
    Sink,
    Slot,
    atomic_output,
    called,
    check_cells_output,
    file_sink,
    layer_slot,
    opened_sources,
    store,
)
from homodb.query.genes import about_synonyms
from homodb.query.join.options import LARGEST, JoinOptions, read_join_options
from homodb.query.join.plan import JoinPlan, make_plan
from homodb.query.join.report import JoinReport, provenance
from homodb.query.join.route import CONFIRMED, SILENT, HubRoute, count_verdicts
from homodb.query.join.sides import JoinSide, read_side
from homodb.query.join.stack import TOTAL, StackPart, concatenate_obs, objection, stack, with_kind_of_values
from homodb.query.release import ReleaseFile, use_release
from homodb.query.translate import Fate, TranslateProgress, with_counts
from homodb.schema.enums import EvidenceClass, Strategy
from homodb.schema.errors import CountsError, JoinError
from homodb.schema.messages import counted
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

    Joinable: TypeAlias = anndata.AnnData | str | Path

_MAIN = Slot("X", "X", main=True)


def read_sides(
    release: ReleaseFile, sources: Sequence[CellSource], species: Sequence[str | int | Species | None] | None,
    options: JoinOptions,
) -> list[JoinSide]:  # fmt: skip
    """Find the genes of every object, as :func:`.sides.read_side` does."""
    requested = [None] * len(sources) if species is None else list(species)
    return [
        read_side(release, source.name, source.var, one, column)
        for source, one, column in zip(sources, requested, options.columns, strict=True)
    ]


class Work:
    """State of a join.

    Parameters
    ----------
    release
        The open release.
    sources
        The objects.
    species, strategy, options
        Species of each object, strategy, and checked options.
    folder
        Folder for temporary files.
    block
        Number of cells per block.
    progress
        Callback that receives the progress.
    plan
        Plan for the same objects; built here by default.
    """

    def __init__(
        self, release: ReleaseFile, sources: Sequence[CellSource], species: Sequence[str | int | Species | None] | None,
        strategy: str | Strategy | None, options: JoinOptions, folder: Path, block: int | None,
        progress: Callable[[TranslateProgress], None] | None, plan: JoinPlan | None = None,
    ) -> None:  # fmt: skip
        self._sources, self._folder, self._block, self._progress = sources, folder, block, progress
        sides = read_sides(release, sources, species, options) if plan is None else plan.sides
        self._cells = concatenate_obs(
            [source.obs for source in sources], [source.name for source in sources], [side.species for side in sides],
            options.shared_types,
        )  # fmt: skip
        self.plan = make_plan(release, sides, strategy, options) if plan is None else plan
        self._notes: list[str] = []
        self._dropped: list[str] = []
        self._kinds: dict[str, str] = {}
        self._main: list[StackPart] = []
        self._at = 0

    def slots(self) -> list[Slot]:
        """Return the matrices to carry: the main one, and shared layers."""
        shared = [name for name in self._sources[0].layers if all(name in source.layers for source in self._sources)]
        return [_MAIN, *(layer_slot(name) for name in shared)]

    def carry(self, slot: Slot, sink: Callable[[tuple[int, int], bool, Any], Sink]) -> Any:
        """Carry a matrix of all objects; return None if it is dropped.

        Parameters
        ----------
        slot
            Slot of the matrix.
        sink
            Function that returns a sink, given a shape, whether it is sparse, and an array whose compression is used.
        """
        read = [self._part(slot, number) for number in range(len(self._sources))]
        parts = [with_kind_of_values(part) for part, _ in read]
        reason = objection(slot, parts)
        scaled = any(part.holds.kind == "scaled" for part in parts)
        if reason is not None and slot.main:
            raise CountsError(reason)
        if reason is not None or (scaled and not slot.main):
            self._dropped.append(slot.label)
            self._notes.append(f"{slot.label} was left out: {reason or 'it holds scaled values (some are negative)'}")
            return None
        sparse = any(part.rows.sparse for part in parts)
        shape = (len(self._cells.obs), self.plan.links[0].shape[1])
        cells = sum(part.rows.shape[0] for part in parts)
        total = cells * len(self.slots())

        def step(row: int) -> None:
            if self._progress is not None:
                self._progress(TranslateProgress(slot.label, self._at + row, total))

        step(0)
        matrix, dtype = stack(
            slot, parts, sink(shape, sparse, read[0][1]), sparse=sparse, count=slot.main and not scaled,
            block=self._block, step=step,
        )  # fmt: skip
        self._at += cells
        self._kinds[slot.label] = f"{'sparse' if sparse else 'dense'} {dtype}"
        given = list(dict.fromkeys(str(part.rows.dtype) for part in parts))
        if len(given) > 1:
            self._notes.append(f"{slot.label} was {' and '.join(given)}; it is {dtype}")
        if slot.main:
            self._main = parts
        return matrix

    def _part(self, slot: Slot, number: int) -> tuple[StackPart, Any]:
        source, side = self._sources[number], self.plan.sides[number]
        own = source.main if slot.main else slot
        rows, like = source.rows(own, self._folder / f"turned-{number}", self._block)
        logged = source.logged if own.label in ("X", "raw") else ("log" in own.name.lower(), None)
        is_gene = side.resolved["is_gene"].to_numpy()
        return StackPart(side.name, rows, self.plan.links[number], is_gene, self._cells.kept[number], logged), like

    def obs(self) -> pd.DataFrame:
        """Return the obs of the result, with totals if they are known."""
        totals = [part.totals for part in self._main]
        if all(one is not None for one in totals):
            self._cells.obs[TOTAL] = np.concatenate([one for one in totals if one is not None])
        return self._cells.obs

    def report(self) -> JoinReport:
        """Build the report; the release must still be open."""
        plan = self.plan
        fates = [with_counts(frame, part.sums) for frame, part in zip(plan.fates, self._main, strict=True)]
        one_species = len(plan.route.species) == 1
        kind = "gene" if one_species else "copy" if plan.copies else "row"
        if not one_species and not plan.copies and plan.route.strategy is Strategy.ENS_M2M:
            kind = "group"
        evidence = plan.var["homodb_evidence"].value_counts()
        named = [(side.resolved, side.species) for side in plan.sides]
        notes = [*plan.notes, *self._cells.notes, *self._notes, *about_synonyms(plan.route.release, named)]
        if self._main[0].sums is None:
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
        for side, frame, part in zip(self.plan.sides, fates, self._main, strict=True):
            genes = frame.filter(pl.col("fate") != Fate.NOT_A_GENE)
            total = float(genes["counts"].sum())
            carried = float(genes.filter(pl.col("fate") == Fate.MAPPED)["counts"].sum()) / total if total else None
            rows.append({
                "file": side.name, "species": side.species.name, "common_name": side.species.common_name,
                "given": side.given, "cells": part.rows.shape[0] if part.kept is None else int(part.kept.sum()),
                "genes": frame.height, "carried": carried,
            })  # fmt: skip
        return pl.DataFrame(rows, schema_overrides={"carried": pl.Float64})

    def _dropped_parts(self) -> list[str]:
        shared = {slot.name for slot in self.slots() if not slot.main}
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
    objects: Sequence[Joinable], *, species: Sequence[str | int | Species | None] | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    via: str | int | Species | None = ..., features: str = ..., largest: int = ..., too_large: str = ...,
    consistent: bool = ..., measured: bool = ..., shared_types: str | None = ...,
    column: str | Sequence[str | None] | None = ..., layer: str | Sequence[str | None] | None = ..., names: str = ...,
    block: int | None = ..., progress: Callable[[TranslateProgress], None] | None = ...,
    return_report: Literal[False] = ...,
) -> anndata.AnnData: ...  # fmt: skip
@overload
def join(
    objects: Sequence[Joinable], *, species: Sequence[str | int | Species | None] | None = ...,
    strategy: str | Strategy | None = ..., release: str | Path | ReleaseFile | None = ...,
    via: str | int | Species | None = ..., features: str = ..., largest: int = ..., too_large: str = ...,
    consistent: bool = ..., measured: bool = ..., shared_types: str | None = ...,
    column: str | Sequence[str | None] | None = ..., layer: str | Sequence[str | None] | None = ..., names: str = ...,
    block: int | None = ..., progress: Callable[[TranslateProgress], None] | None = ...,
    return_report: Literal[True],
) -> tuple[anndata.AnnData, JoinReport]: ...  # fmt: skip
def join(
    objects: Sequence[Joinable],
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    via: str | int | Species | None = None,
    features: str = "group",
    largest: int = LARGEST,
    too_large: str = "leave",
    consistent: bool = False,
    measured: bool = False,
    shared_types: str | None = None,
    column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None,
    names: str = "keep",
    block: int | None = None,
    progress: Callable[[TranslateProgress], None] | None = None,
    return_report: bool = False,
) -> anndata.AnnData | tuple[anndata.AnnData, JoinReport]:
    """Join objects of several species into one over shared features.

    Parameters
    ----------
    objects
        Two or more AnnDatas, or paths of h5ad files or zarr stores; not modified.
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
    progress
        Callback that receives the progress.
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
    given = check_objects(objects, species, block)
    options = read_join_options(
        len(given), via=via, features=features, largest=largest, too_large=too_large, consistent=consistent,
        measured=measured, shared_types=shared_types, column=column, layer=layer, names=names,
    )  # fmt: skip
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homodb-join-")))
        sources = stack.enter_context(opened_sources(given, called(given), options.layers))
        result, report = joined(Work(opened, sources, species, strategy, options, folder, block, progress))
    return (result, report) if return_report else result


def joined(work: Work) -> tuple[anndata.AnnData, JoinReport]:
    """Carry a join out in memory."""
    import anndata

    matrices = {slot: work.carry(slot, lambda *_: MemorySink()) for slot in work.slots()}
    report = work.report()
    (_, x), *layers = matrices.items()
    layered = {slot.name: matrix for slot, matrix in layers if matrix is not None}
    result = anndata.AnnData(X=x, obs=work.obs(), var=work.plan.var, layers=layered)
    result.uns["homodb"] = provenance(report)
    return result, report


def join_to_file(
    paths: Sequence[str | Path],
    output: Path,
    *,
    species: Sequence[str | int | Species | None] | None = None,
    strategy: str | Strategy | None = None,
    release: str | Path | ReleaseFile | None = None,
    via: str | int | Species | None = None,
    features: str = "group",
    largest: int = LARGEST,
    too_large: str = "leave",
    consistent: bool = False,
    measured: bool = False,
    shared_types: str | None = None,
    column: str | Sequence[str | None] | None = None,
    layer: str | Sequence[str | None] | None = None,
    names: str = "keep",
    block: int | None = None,
    progress: Callable[[TranslateProgress], None] | None = None,
) -> JoinReport:
    """Join files into a file, block by block.

    Other parameters are those of :func:`join`; memory depends on the block, not on the files.

    Parameters
    ----------
    paths
        h5ad files or zarr stores.
    output
        File to write, a zarr store if it ends with ``.zarr``; an existing one is replaced when the new one is
        complete. The compression of the first file is kept.

    Raises
    ------
    OutputError
        If the output is one of the inputs, or cannot be written.
    """
    given = check_objects(paths, species, block)
    options = read_join_options(
        len(given), via=via, features=features, largest=largest, too_large=too_large, consistent=consistent,
        measured=measured, shared_types=shared_types, column=column, layer=layer, names=names,
    )  # fmt: skip
    check_cells_output(output, *given)
    with ExitStack() as stack:
        opened = stack.enter_context(use_release(release))
        sources = stack.enter_context(opened_sources(given, called(given), options.layers))
        partial = stack.enter_context(atomic_output(output))
        first = getattr(sources[0], "root", None)
        with store.created(partial, first) as (out, check):

            def shown(step: TranslateProgress) -> None:
                check()
                if progress is not None:
                    progress(step)

            work = Work(opened, sources, species, strategy, options, partial.parent, block, shown)
            store.make_group(out, "layers")
            for slot in work.slots():
                parent, key = (out, "X") if slot.main else (out["layers"], slot.name)
                work.carry(slot, functools.partial(file_sink, parent, key))
            result = work.report()
            for part in ("obsm", "obsp", "varm", "varp", "uns"):
                store.make_group(out, part)
            store.write(out, "obs", work.obs())
            store.write(out, "var", work.plan.var)
            store.write(out["uns"], "homodb", provenance(result))
    return result


def check_objects(objects: Sequence[Any], species: Sequence[Any] | None, block: int | None = None) -> list[Any]:
    """Check the objects of a join before any file is read; return paths as paths."""
    if isinstance(objects, str | Path):
        raise JoinError(f"one object, {objects}, cannot be joined with itself; name two or more")
    if len(objects) < 2:
        raise JoinError(f"{counted(len(objects), 'object')} cannot be joined; name two or more")
    places = [Path(one).resolve() for one in objects if isinstance(one, str | Path)]
    twice = next((path for path in places if places.count(path) > 1), None)
    if twice is not None:
        raise JoinError(f"{twice.name} is named twice, and its cells would be there twice; name each file once")
    if species is not None and (isinstance(species, str) or len(species) != len(objects)):
        number = len(species.split(",")) if isinstance(species, str) else len(species)
        raise JoinError(
            f"{counted(len(objects), 'object')} and {number} species are named; "
            "name one species for each object, in the same order (two of one species: name it twice)"
        )
    if block is not None and block < 1:
        raise JoinError(f"a block has {counted(block, 'cell')}; it needs at least one")
    return [Path(one) if isinstance(one, str | Path) else one for one in objects]
