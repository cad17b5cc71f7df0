"""Profile ``cross_species``: mixing within cell types, label transfer, self-projection (ALCS) and over-merging.

All of it over one embedding, with intervals, beside the integration that does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.score.alcs import SelfProjection, self_projection
from homodb.query.score.contingency import RIGHTNESS
from homodb.query.score.donors import CELLS_ONLY, Draws, Resampled, draws, resampled
from homodb.query.score.embedded import Embedded
from homodb.query.score.mixing import LEAST, MIXING, Mixing, find_mixing
from homodb.query.score.over_merging import CONFIDENT, OVER_MERGING, OverMerging, find_over_merging
from homodb.query.score.result import Number, ProfileScores
from homodb.query.score.transfer import N_RIGHTNESS, VOTERS, Transfer, find_votes
from homodb.schema.errors import ScoreError

_Floats = npt.NDArray[np.float64]

#: What the last row of a table is called where it is the mean of those above.
MEAN = "mean"


@dataclass(frozen=True)
class CrossSpeciesMeasures:
    """Everything that is measured of one embedding.

    Parameters
    ----------
    mixing, transfer, over_merging
        Neighbours, which tell what rows mean.
    majority, random
        As `transferred` without intervals: what calling everything the commonest type gives, and shuffled labels.
    mixed, transferred, merged, projected
        Values with intervals; the last row of each is the mean. No `projected` without scikit-learn.
    """

    mixing: Mixing
    transfer: Transfer
    over_merging: OverMerging
    majority: _Floats
    random: _Floats
    mixed: Resampled
    transferred: Resampled
    merged: Resampled
    projected: Resampled | None


def tables(
    embedded: Embedded, now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None, loss: Resampled | None
) -> dict[str, pl.DataFrame]:
    """Lay out what was measured.

    Parameters
    ----------
    embedded
        The cells: names of types and species.
    now, before
        The embedding, and the baseline where there is one. Columns that end in ``_baseline`` are of it; those that end
        in ``_low`` and ``_high`` are the interval.
    loss
        Self-projection before less now.

    Returns
    -------
    dict
        By title. What cannot be told is null.
    """
    found = {
        "mixing": _mixing(embedded, now, before),
        "label transfer": _transfer(embedded, now, before),
        "label transfer by cell type": _recalls(embedded, now, before),
        "label transfer calls": _calls(embedded, now),
        "over-merging": _over_merging(embedded, now, before),
    }
    if now.projected is not None:
        found["self-projection"] = _projection(
            embedded, now.projected, None if before is None else before.projected, loss
        )
    return {title: table.with_columns(pl.selectors.float().fill_nan(None)) for title, table in found.items()}


def _told(name: str, at: Any, now: Resampled, before: Resampled | None) -> dict[str, _Floats]:
    """Return columns with a value, its interval and the baseline."""
    found = {name: now.value[at], f"{name}_low": now.low[at], f"{name}_high": now.high[at]}
    return found | ({} if before is None else {f"{name}_baseline": before.value[at]})


def _cells(embedded: Embedded) -> npt.NDArray[np.int64]:
    """Return how many cells there are, shape (species, types)."""
    shape = len(embedded.species.names), len(embedded.label.names)
    at = embedded.species.code * shape[1] + embedded.label.code
    return np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)


def _mixing(embedded: Embedded, now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None) -> pl.DataFrame:
    rows = now.mixing.within
    columns: dict[str, Any] = {
        "cell_type": [*(embedded.label.names[one.label] for one in rows), MEAN],
        "cells": [*(len(one.cells) for one in rows), None],
    }
    beside = None if before is None else before.mixed
    for column, name in enumerate(MIXING[:2]):
        columns |= _told(name, (slice(None), column), now.mixed, beside)
    for column, name in enumerate(MIXING[2:], 2):
        columns[name] = now.mixed.value[:, column]
    return pl.DataFrame(columns)


def _pairs(embedded: Embedded, now: CrossSpeciesMeasures) -> tuple[list[str], list[str]]:
    names = embedded.species.names
    return (
        [*(names[one.reference] for one in now.transfer.votes), MEAN],
        [*(names[one.query] for one in now.transfer.votes), MEAN],
    )


def _transfer(embedded: Embedded, now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None) -> pl.DataFrame:
    reference, query = _pairs(embedded, now)
    known = [one.known[one.label[one.cells]] for one in now.transfer.votes]
    same: dict[str, Any] = {
        "reference": reference, "query": query, "cells": [*(int(one.sum()) for one in known), None],
        "cells_left_out": [*(int((~one).sum()) for one in known), None],
    }  # fmt: skip
    ours = same | {"called_by": "neighbours"}
    for column, name in enumerate(RIGHTNESS):
        ours |= _told(name, (slice(None), column), now.transferred, None if before is None else before.transferred)
    parts = [pl.DataFrame(ours)]
    for way, values in (("majority class", now.majority), ("random pairing", now.random)):
        parts.append(
            pl.DataFrame(same | {"called_by": way} | {name: values[:, column] for column, name in enumerate(RIGHTNESS)})
        )
    order = {name: number for number, name in enumerate(dict.fromkeys(zip(reference, query, strict=True)))}
    place = [order[pair] for pair in zip(reference, query, strict=True)] * len(parts)
    table = pl.concat(parts, how="diagonal").with_columns(place=pl.Series(place))
    table = table.sort("place", maintain_order=True).drop("place")
    return table.select("reference", "query", "called_by", pl.exclude("reference", "query", "called_by"))


def _recalls(embedded: Embedded, now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None) -> pl.DataFrame:
    value = now.transferred.value[:-1, N_RIGHTNESS:]
    at = np.nonzero(np.isfinite(value))
    cells, votes = _cells(embedded), now.transfer.votes
    shifted = at[0], at[1] + N_RIGHTNESS
    columns: dict[str, Any] = {
        "reference": [embedded.species.names[votes[pair].reference] for pair in at[0].tolist()],
        "query": [embedded.species.names[votes[pair].query] for pair in at[0].tolist()],
        "cell_type": [embedded.label.names[label] for label in at[1].tolist()],
        "cells": [int(cells[votes[pair].query, label]) for pair, label in np.argwhere(np.isfinite(value)).tolist()],
    }
    columns |= _told("recall", shifted, now.transferred, None if before is None else before.transferred)
    columns["majority_class"] = now.majority[shifted]
    columns["random_pairing"] = now.random[shifted]
    return pl.DataFrame(columns)


def _calls(embedded: Embedded, now: CrossSpeciesMeasures) -> pl.DataFrame:
    species, types, cells = embedded.species.names, embedded.label.names, _cells(embedded)
    rows = [
        (species[reference], species[query], types[true], types[call], count, count / int(cells[query, true]))
        for reference, query, true, call, count in now.transfer.calls()
    ]
    return pl.DataFrame(rows, ["reference", "query", "cell_type", "call", "cells", "share"], orient="row")


def _over_merging(embedded: Embedded, now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None) -> pl.DataFrame:
    species, types = embedded.species.names, embedded.label.names
    lone: Sequence[Any] = now.over_merging.lone
    called = now.over_merging.called()
    columns: dict[str, Any] = {
        "species": [*(species[one.votes.query] for one in lone), MEAN],
        "cell_type": [*(types[one.label] for one in lone), MEAN],
        "lacking": [*(species[one.votes.reference] for one in lone), MEAN],
        "cells": [*(len(one.rows) for one in lone), None],
    }
    for column, name in enumerate(OVER_MERGING):
        if name.endswith("expected"):
            columns[name] = now.merged.value[:, column]
        else:
            columns |= _told(name, (slice(None), column), now.merged, None if before is None else before.merged)
    columns["called"] = [*(types[call] for call, _ in called), None]
    columns["called_share"] = [*(share for _, share in called), None]
    return pl.DataFrame(columns, schema_overrides={"called": pl.String, "called_share": pl.Float64, "cells": pl.Int64})


def _projection(embedded: Embedded, now: Resampled, before: Resampled | None, loss: Resampled | None) -> pl.DataFrame:
    cells = np.column_stack([_cells(embedded).sum(axis=1), _cells(embedded)])
    known = np.isfinite(now.value)
    known[-1, 1:] = False
    at = np.nonzero(known)
    species, types = (*embedded.species.names, MEAN), ("all", *embedded.label.names)
    columns: dict[str, Any] = {
        "species": [species[row] for row in at[0].tolist()],
        "cell_type": [types[column] for column in at[1].tolist()],
        "cells": [int(cells[row, column]) if row < len(cells) else None for row, column in np.argwhere(known).tolist()],
    }
    columns |= _told("accuracy", at, now, before)
    if loss is not None:
        columns |= _told("loss", at, loss, None)
    return pl.DataFrame(columns)


def cross_species(
    embedded: Embedded, baseline: Embedded | None = None, *, n_resamples: int = 200, random_state: int = 42
) -> ProfileScores:
    """Score how species meet in an embedding.

    Parameters
    ----------
    embedded
        The cells.
    baseline
        The same cells without integration (method ``none``), in the same order. Without it there is no ALCS.
    n_resamples
        Draws of donors for the intervals; 0 for none.
    random_state
        Of everything random: draws, shuffled labels, splits.

    Returns
    -------
    Part
        Numbers over all types, pairs or species (plain means of the rows of the tables), and the tables.

    Raises
    ------
    ScoreError
        If a species has too few cells, or the baseline is of other cells.

    Notes
    -----
    Neighbours are found once and exactly; memory grows with cells. Intervals draw donors within their species and weigh
    cells by how often theirs was drawn.
    """
    _check(embedded, baseline)
    drawn = draws(embedded, n_resamples=n_resamples, random_state=random_state)
    now, projected = _measured(embedded, drawn, random_state)
    before, projected_before = (None, None) if baseline is None else _measured(baseline, _none(drawn), random_state)
    loss = None
    if projected is not None and projected_before is not None:
        loss = resampled(lambda weights: projected_before.values(weights) - projected.values(weights), drawn)
    return ProfileScores(
        dict(_numbers(now, before, loss)), tables(embedded, now, before, loss),
        tuple(_notes(embedded, now, drawn, loss)),
    )  # fmt: skip


def _check(embedded: Embedded, baseline: Embedded | None) -> None:
    counts = np.bincount(embedded.species.code, minlength=len(embedded.species.names))
    for name, count in zip(embedded.species.names, counts.tolist(), strict=True):
        if count <= VOTERS:
            raise ScoreError(
                f"{name} has {count} cells; scores across species look at {VOTERS} neighbours and need {VOTERS + 1}"
                " cells of each species: leave it out, or choose another profile (--profile)"
            )
    if baseline is None:
        return
    same = (
        baseline.n_cells == embedded.n_cells
        and np.array_equal(baseline.label.code, embedded.label.code)
        and np.array_equal(baseline.species.code, embedded.species.code)
    )
    if not same:
        raise ScoreError(
            f"the baseline {baseline.key!r} ({baseline.n_cells:,} cells) is not of the same cells as"
            f" {embedded.key!r} ({embedded.n_cells:,} cells); score embeddings of one object"
        )


def _none(drawn: Draws) -> Draws:
    return Draws(drawn.species, drawn.donor, 0, drawn.random_state)


def _measured(
    embedded: Embedded, drawn: Draws, random_state: int
) -> tuple[CrossSpeciesMeasures, SelfProjection | None]:
    species = range(len(embedded.species.names))
    votes = [find_votes(embedded, a, b) for a in species for b in species if a != b]
    mixing, transfer = find_mixing(embedded, random_state=random_state), Transfer(votes)
    over_merging = find_over_merging(embedded, votes)
    try:
        projection = self_projection(embedded, random_state=random_state)
    except ImportError:
        projection = None
    told = CrossSpeciesMeasures(
        mixing=mixing,
        transfer=transfer,
        over_merging=over_merging,
        majority=transfer.majority(),
        random=transfer.random(random_state),
        mixed=resampled(mixing.values, drawn),
        transferred=resampled(transfer.values, drawn),
        merged=resampled(over_merging.values, drawn),
        projected=None if projection is None else resampled(projection.values, drawn),
    )
    return told, projection


def _numbers(
    now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None, loss: Resampled | None
) -> Iterator[tuple[str, Number]]:
    """Give the totals: the last rows of what was measured."""

    def total(what: Callable[[CrossSpeciesMeasures], Resampled | None], column: int, better: int) -> Number:
        found, beside = what(now), None if before is None else what(before)
        return Number(np.nan) if found is None else found.number(-1, column, better=better, baseline=beside)

    yield "mixing_neighbours", total(lambda one: one.mixed, 0, 1)
    yield "mixing_ilisi", total(lambda one: one.mixed, 1, 1)
    for column, name in enumerate(RIGHTNESS):
        yield f"transfer_{name}", total(lambda one: one.transferred, column, 1)
    for way, values in (("majority", now.majority), ("random", now.random)):
        for column, name in enumerate(RIGHTNESS):
            yield f"transfer_{way}_{name}", Number(float(values[-1, column]), better=0)
    yield "over_merging_neighbours", total(lambda one: one.merged, 0, -1)
    yield "over_merging_confident", total(lambda one: one.merged, 2, -1)
    yield "over_merging_confident_near", total(lambda one: one.merged, 3, -1)
    if now.projected is not None:
        yield "self_projection", total(lambda one: one.projected, 0, 1)
    yield "alcs", Number(np.nan, better=-1) if loss is None else loss.number(-1, 0, better=-1)


def _notes(embedded: Embedded, now: CrossSpeciesMeasures, drawn: Draws, loss: Resampled | None) -> Iterator[str]:
    """Say what could not be told, and why."""
    if drawn.n_resamples:
        donors = dict(zip(drawn.species.names, drawn.donors, strict=True))
        told = ", ".join(f"{name}: {count or 'none known'}" for name, count in donors.items())
        if drawn.kind == CELLS_ONLY:
            yield (
                f"intervals: {CELLS_ONLY}; donors are not known, or a species has one ({told}), and what another donor"
                " would give cannot be told: no embedding is called the better one"
            )
        else:
            yield f"intervals draw donors anew within their species ({told}); few donors give rough intervals"
    if now.projected is None:
        yield "self-projection and ALCS are left out: they need scikit-learn (pip install 'homodb[score]')"
    elif loss is None:
        yield "no ALCS: it needs the same cells without integration (homodb integrate --method none)"
    names = embedded.label.names
    if now.mixing.left_out:
        left = ", ".join(names[one] for one in now.mixing.left_out)
        yield f"mixing is not told of {left}: fewer than two species have {LEAST} cells of it"
    if not now.mixing.within:
        yield f"mixing is not told: no cell type has {LEAST} cells in two species"
    if np.isnan(now.transferred.value[-1, 0]):
        yield "label transfer is not told: the species share no cell type"
    if now.over_merging.lone:
        yield (
            "label transfer leaves out cells of types that its reference lacks; over-merging tells what they are called"
            f" (confident: {CONFIDENT:.0%} of {VOTERS} votes)"
        )
    else:
        yield "over-merging is not told: all species have all cell types"
