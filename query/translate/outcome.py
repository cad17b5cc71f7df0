"""What a translation has done so far, and the step that both drivers share: one matrix after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homodb.query.translate.carry import Sink, carry
from homodb.query.translate.markers import fates_of_markers
from homodb.query.translate.matrices import Rows
from homodb.query.translate.options import Options
from homodb.query.translate.plan import Plan
from homodb.query.translate.report import TranslationReport, with_counts
from homodb.query.translate.slots import Logged, Refused, Slot, decide
from homodb.query.translate.tally import Tally
from homodb.schema.errors import TranslationError
from homodb.schema.near import did_you_mean

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Outcome:
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

    plan: Plan
    options: Options
    source_given: bool
    logged: Logged
    groups: Mapping[str, pd.Series]
    raw: Plan | None = None
    slots: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally | None = None

    def drop(self, slot: Slot, refused: Refused) -> None:
        """Note that a matrix is left out, and why."""
        self.dropped.append(slot.label)
        if refused.why is not None:
            self.notes.append(f"{slot.label} was left out: {refused.why}")

    def translate(
        self, slot: Slot, rows: Rows, plan: Plan, sink: Sink, *, block: int | None, step: Callable[[int], None]
    ) -> Any:
        """Translate one matrix into a sink; return what it made, or None where the matrix is dropped."""
        how, holds = decide(slot, rows, plan.links, self.options, self.said_of(slot))
        if isinstance(how, Refused):
            self.drop(slot, how)
            return None
        if slot.main and holds.kind != "scaled":
            self.tally = Tally(plan, self.groups, holds.base)
        made = carry(rows, how, sink, block=block, tally=self.tally if slot.main else None, step=step)
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
            groups=self.tally.groups() if self.tally is not None else Tally(plan).groups(),
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
