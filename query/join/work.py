"""What every join does, whatever it reads and wherever it writes: plan, carry each matrix, report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from homodb.query.hints import about_synonyms
from homodb.query.join.cells import TOTAL, put_together
from homodb.query.join.direct import CONFIRMED, SILENT, count_verdicts
from homodb.query.join.options import JoinOptions
from homodb.query.join.plan import JoinPlan, make_plan
from homodb.query.join.report import JoinReport
from homodb.query.join.sides import Side, read_side
from homodb.query.join.sources import Source
from homodb.query.join.stack import Part, judged, objection, stack
from homodb.query.join.way import HubWay
from homodb.query.release import Release
from homodb.query.translate.carry import Progress, Sink
from homodb.query.translate.fates import Fate
from homodb.query.translate.report import with_counts
from homodb.query.translate.slots import Slot, layer_slot
from homodb.schema.errors import CountsError
from homodb.schema.species import Species
from homodb.schema.strategies import EvidenceClass, Strategy

_MAIN = Slot("X", "X", main=True)


def read_sides(
    release: Release, sources: Sequence[Source], species: Sequence[str | int | Species | None] | None,
    options: JoinOptions,
) -> list[Side]:  # fmt: skip
    """Find the genes of every object; errors as of :func:`homodb.query.join.sides.read_side`."""
    asked = [None] * len(sources) if species is None else list(species)
    return [
        read_side(release, source.name, source.var, one, column)
        for source, one, column in zip(sources, asked, options.columns, strict=True)
    ]


class Work:
    """One join under way.

    Parameters
    ----------
    release
        The open release.
    sources
        The objects.
    species, strategy, options
        What was asked for.
    folder
        Where there is room for what has to lie on disk meanwhile.
    block
        Cells of a run.
    report
        Called with how far it is.
    plan
        A plan that was made before, of the same objects; by default it is made here.
    """

    def __init__(
        self, release: Release, sources: Sequence[Source], species: Sequence[str | int | Species | None] | None,
        strategy: str | Strategy | None, options: JoinOptions, folder: Path, block: int | None,
        report: Callable[[Progress], None], plan: JoinPlan | None = None,
    ) -> None:  # fmt: skip
        self._sources, self._folder, self._block, self._progress = sources, folder, block, report
        sides = read_sides(release, sources, species, options) if plan is None else plan.sides
        self._cells = put_together(
            [source.obs for source in sources], [source.name for source in sources], [side.species for side in sides],
            options.shared_types,
        )  # fmt: skip
        self.plan = make_plan(release, sides, strategy, options) if plan is None else plan
        self._notes: list[str] = []
        self._dropped: list[str] = []
        self._made: dict[str, str] = {}
        self._main: list[Part] = []
        self._at = 0

    def slots(self) -> list[Slot]:
        """Return the matrices to carry, the main one first: layers are those that all objects have."""
        shared = [name for name in self._sources[0].layers if all(name in source.layers for source in self._sources)]
        return [_MAIN, *(layer_slot(name) for name in shared)]

    def carry(self, slot: Slot, sink: Callable[[tuple[int, int], bool, Any], Sink]) -> Any:
        """Carry a matrix of all objects; return what the sink made, or None where the matrix is left behind.

        Parameters
        ----------
        slot
            Which.
        sink
            Makes a sink of a shape, whether sparse, and the array whose compression it gets.
        """
        read = [self._part(slot, number) for number in range(len(self._sources))]
        parts = [judged(part) for part, _ in read]
        against = objection(slot, parts)
        scaled = any(part.holds.kind == "scaled" for part in parts)
        if against is not None and slot.main:
            raise CountsError(against)
        if against is not None or (scaled and not slot.main):
            self._dropped.append(slot.label)
            self._notes.append(f"{slot.label} was left out: {against or 'it holds scaled values (some are negative)'}")
            return None
        sparse = any(part.rows.sparse for part in parts)
        shape = (len(self._cells.obs), self.plan.links[0].shape[1])
        cells = sum(part.rows.shape[0] for part in parts)
        total = cells * len(self.slots())

        def step(row: int) -> None:
            self._progress(Progress(slot.label, self._at + row, total))

        step(0)
        made, dtype = stack(
            slot, parts, sink(shape, sparse, read[0][1]), sparse=sparse, count=slot.main and not scaled,
            block=self._block, step=step,
        )  # fmt: skip
        self._at += cells
        self._made[slot.label] = f"{'sparse' if sparse else 'dense'} {dtype}"
        given = list(dict.fromkeys(str(part.rows.dtype) for part in parts))
        if len(given) > 1:
            self._notes.append(f"{slot.label} was {' and '.join(given)}; it is {dtype}")
        if slot.main:
            self._main = parts
        return made

    def _part(self, slot: Slot, number: int) -> tuple[Part, Any]:
        source, side = self._sources[number], self.plan.sides[number]
        own = source.main if slot.main else slot
        rows, like = source.rows(own, self._folder / f"turned-{number}", self._block)
        logged = source.logged if own.label in ("X", "raw") else ("log" in own.name.lower(), None)
        is_gene = side.resolved["is_gene"].to_numpy()
        return Part(side.name, rows, self.plan.links[number], is_gene, self._cells.kept[number], logged), like

    def obs(self) -> pd.DataFrame:
        """Return the obs of the result, with totals where they are known."""
        totals = [part.totals for part in self._main]
        if all(one is not None for one in totals):
            self._cells.obs[TOTAL] = np.concatenate([one for one in totals if one is not None])
        return self._cells.obs

    def report(self) -> JoinReport:
        """Return the report; the release must still be open."""
        plan = self.plan
        fates = [with_counts(frame, part.sums) for frame, part in zip(plan.fates, self._main, strict=True)]
        one_species = len(plan.way.species) == 1
        kind = "gene" if one_species else "copy" if plan.copies else "row"
        if not one_species and not plan.copies and plan.way.strategy is Strategy.ENS_M2M:
            kind = "group"
        evidence = plan.var["homodb_evidence"].value_counts()
        named = [(side.resolved, side.species) for side in plan.sides]
        notes = [*plan.notes, *self._cells.notes, *self._notes, *about_synonyms(plan.way.release, named)]
        if self._main[0].sums is None:
            notes.append("no counts were added up, so there are no totals and no shares of counts (values are scaled)")
        return JoinReport(
            release=plan.way.release.version, strategy=plan.called, features=kind,
            hub=self._hub(), files=self._files(fates),
            feature_count=plan.links[0].shape[1], summed=plan.several, fates=pl.concat(fates), steps=plan.steps,
            verdicts=count_verdicts(plan.told), conflicts=self._conflicts(), left_out=self._left_out(),
            evidence={str(one): int(evidence.get(str(one), 0)) for one in EvidenceClass if evidence.get(str(one), 0)},
            slots=self._made, dropped=tuple(self._left_behind()), notes=tuple(notes),
        )  # fmt: skip

    def _hub(self) -> str | None:
        """Return the hub, where it says more than which two species are joined."""
        way = self.plan.way
        if not isinstance(way, HubWay) or (len(way.species) == 2 and way.hub in way.species):
            return None
        return way.hub.name

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

    def _left_behind(self) -> list[str]:
        shared = {slot.name for slot in self.slots() if not slot.main}
        parts = [part for source in self._sources for part in source.parts]
        parts += [f"layers[{name!r}]" for source in self._sources for name in source.layers if name not in shared]
        parts += [f"var[{name!r}]" for source in self._sources for name in source.var.columns]
        return list(dict.fromkeys([*parts, *self._dropped]))

    def _conflicts(self) -> pl.DataFrame:
        """Return the rows that direct pairs do not confirm though they know their genes, by name."""
        told = self.plan.told.filter(~pl.col("verdict").is_in([CONFIRMED, SILENT]))
        genes = pl.concat([told[name] for name in ("first_gene", "second_gene", "direct_second", "direct_first")])
        labels = self.plan.way.release.ask("labels", {"genes": genes.drop_nulls().unique().to_list()})
        for name in ("first_gene", "second_gene", "direct_second", "direct_first"):
            short = name.removesuffix("_gene")
            known = labels.select(
                pl.col("gene").alias(name), pl.coalesce("symbol", "stable_id").alias(f"{short}_name"),
                pl.col("stable_id").alias(f"{short}_id"),
            )  # fmt: skip
            told = told.join(known, on=name, how="left", maintain_order="left")
        return told.drop("first_gene", "second_gene", "direct_second", "direct_first", "feature").sort(
            "ensembl", "verdict", descending=[True, False], maintain_order=True
        )

    def _left_out(self) -> pl.DataFrame:
        genes = self.plan.left_out.explode("gene")
        labels = self.plan.way.release.ask("labels", {"genes": genes["gene"].drop_nulls().to_list()})
        named = genes.join(labels, on="gene", how="left", maintain_order="left")
        return named.group_by("group", "genes", maintain_order=True).agg(
            names=pl.coalesce("symbol", "stable_id").str.join(";")
        )
