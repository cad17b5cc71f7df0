"""Profile ``cross_species``: mixing within cell types, label transfer, self-projection (ALCS) and over-merging.

All of it over one embedding, with intervals, beside the integration that does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from homodb.query.score.alcs import SelfProjection, self_projection
from homodb.query.score.cross_species_tables import Measured, tables
from homodb.query.score.donors import CELLS_ONLY, Draws, Resampled, draws, resampled
from homodb.query.score.embedded import Embedded
from homodb.query.score.mixing import LEAST, find_mixing
from homodb.query.score.over_merging import CONFIDENT, find_over_merging
from homodb.query.score.result import Number, Part
from homodb.query.score.rightness import RIGHTNESS
from homodb.query.score.transfer import Transfer
from homodb.query.score.votes import VOTERS, find_votes
from homodb.schema.errors import ScoreError


def cross_species(
    embedded: Embedded, baseline: Embedded | None = None, *, resamples: int = 200, seed: int = 42
) -> Part:
    """Score how species meet in an embedding.

    Parameters
    ----------
    embedded
        The cells.
    baseline
        The same cells without integration (method ``none``), in the same order. Without it there is no ALCS.
    resamples
        Draws of donors for the intervals; 0 for none.
    seed
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
    drawn = draws(embedded, resamples=resamples, seed=seed)
    now, projected = _measured(embedded, drawn, seed)
    before, projected_before = (None, None) if baseline is None else _measured(baseline, _none(drawn), seed)
    loss = None
    if projected is not None and projected_before is not None:
        loss = resampled(lambda weights: projected_before.values(weights) - projected.values(weights), drawn)
    return Part(
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
    return Draws(drawn.species, drawn.donor, 0, drawn.seed)


def _measured(embedded: Embedded, drawn: Draws, seed: int) -> tuple[Measured, SelfProjection | None]:
    species = range(len(embedded.species.names))
    votes = [find_votes(embedded, a, b) for a in species for b in species if a != b]
    mixing, transfer = find_mixing(embedded, seed=seed), Transfer(votes)
    over_merging = find_over_merging(embedded, votes)
    try:
        projection = self_projection(embedded, seed=seed)
    except ImportError:
        projection = None
    told = Measured(
        mixing=mixing,
        transfer=transfer,
        over_merging=over_merging,
        majority=transfer.majority(),
        random=transfer.random(seed),
        mixed=resampled(mixing.values, drawn),
        transferred=resampled(transfer.values, drawn),
        merged=resampled(over_merging.values, drawn),
        projected=None if projection is None else resampled(projection.values, drawn),
    )
    return told, projection


def _numbers(now: Measured, before: Measured | None, loss: Resampled | None) -> Iterator[tuple[str, Number]]:
    """Give the totals: the last rows of what was measured."""

    def total(what: Callable[[Measured], Resampled | None], column: int, better: int) -> Number:
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


def _notes(embedded: Embedded, now: Measured, drawn: Draws, loss: Resampled | None) -> Iterator[str]:
    """Say what could not be told, and why."""
    if drawn.resamples:
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
