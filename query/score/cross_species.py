"""Score by profile ``cross_species``: mixing within types, label transfer, self-projection (ALCS) and over-merging.

ALCS is the accuracy loss of cell type self-projection: how much harder it is after integration to distinguish the types
of a species. In self-projection (SCCAF) a classifier learns the types from some cells and predicts those of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.sparse as sp

from homodb.query.score.contingency import nan_mean, ratio
from homodb.query.score.embedded import Embedded
from homodb.query.score.intervals import CELLS_ONLY, Draws, Resampled, Weights, draws, resampled, resampled_at_once
from homodb.query.score.mixing import LEAST, MIXING, Mixing, find_mixing
from homodb.query.score.result import Number, ProfileScores
from homodb.query.score.transfer import (
    CONFIDENT,
    OVER_MERGING,
    TRANSFER_METRICS,
    VOTERS,
    OverMerging,
    Transfer,
    find_over_merging,
    find_votes,
)
from homodb.schema.errors import ScoreError

#: Half of a type's cells train, at most 200; of fewer than ten cells nine tenths. As in SCCAF and BENGAL.
_SHARE, _MOST, _FEW, _SHARE_OF_FEW = 0.5, 200, 10, 0.9

#: Random splits that are averaged (BENGAL takes one).
SPLITS = 5

#: Name of the last row of a table if it is the mean of those above.
MEAN = "mean"

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SelfProjection:
    """Cells that a classifier of their own species predicted, and which of them correctly."""

    # type and species of each cell, as indices, shape (cells,)
    label: npt.NDArray[np.int64]
    species: npt.NDArray[np.int64]
    # number of types and species
    types: int
    n_species: int
    # masks of the cells whose type was predicted, and predicted correctly, shape (splits, cells)
    tested: _Bools
    right: _Bools

    def values(self, weights: _Floats) -> _Floats:
        """Return accuracies for some weights of cells; classifiers stay the same.

        Returns
        -------
        numpy.ndarray
            Shape (species + 1, 1 + types): share of tested cells that are right, of all and of each type; means over
            splits, NaN without such cells or a second type. The last row is the mean over species.
        """
        values: _Floats = self.drawn(Weights.of_cells(weights))[0]
        return values

    def drawn(self, weights: Weights) -> _Floats:
        """Return the accuracies of several draws, shape (draws, species + 1, 1 + types); see :meth:`values`."""
        at = self.species * self.types + self.label
        n_places, n_draws = self.n_species * self.types, len(weights.by_unit)

        def count(cells: _Bools) -> _Floats:
            # cells by unit and place: all draws are one product
            counts = sp.csr_matrix(
                (np.ones(np.count_nonzero(cells)), (at[cells], weights.unit[cells])),
                (n_places, weights.by_unit.shape[1]),
            )
            table = np.asarray(counts @ weights.by_unit.T).T.reshape(n_draws, self.n_species, self.types)
            return np.concatenate([table.sum(axis=2, keepdims=True), table], axis=2)

        pairs = zip(self.tested, self.right, strict=True)
        rows = nan_mean(np.array([ratio(count(right), count(tested)) for tested, right in pairs]))
        return np.concatenate([rows, nan_mean(np.moveaxis(rows, 1, 0))[:, None]], axis=1)


def self_projection(embedded: Embedded, *, random_state: int = 42) -> SelfProjection:
    """Train a classifier on some cells of each species, and predict the types of its other cells.

    Logistic regression with an L1 penalty, C = 0.5, one type against the rest, by liblinear (SCCAF: Miao et al. 2020);
    up to 200 cells of a type train it (BENGAL: Song et al. 2023). A type of one cell is never tested. With the same
    seed and cells the splits are the same for every embedding.

    Raises
    ------
    ImportError
        Without scikit-learn.
    """
    shape = (SPLITS, embedded.n_cells)
    tested, right = np.zeros(shape, bool), np.zeros(shape, bool)
    label = embedded.label.code
    for species in range(len(embedded.species.names)):
        cells = np.flatnonzero(embedded.species.code == species)
        if len(np.unique(label[cells])) < 2:
            continue
        for split in range(SPLITS):
            training = _training(label[cells], np.random.default_rng([random_state, species, split]))
            rest = cells[~training]
            if not len(rest):
                continue
            classifier = _classifier().fit(embedded.points[cells[training]], label[cells[training]])
            tested[split, rest] = True
            right[split, rest] = classifier.predict(embedded.points[rest]) == label[rest]
    types, species_names = embedded.label.names, embedded.species.names
    return SelfProjection(label, embedded.species.code, len(types), len(species_names), tested, right)


def _training(label: npt.NDArray[np.int64], rng: np.random.Generator) -> _Bools:
    """Draw the training cells, type by type."""
    training = np.zeros(len(label), bool)
    for one in np.unique(label):
        cells = np.flatnonzero(label == one)
        share = _SHARE_OF_FEW if len(cells) < _FEW else _SHARE
        count = _MOST if len(cells) > _MOST / _SHARE else round(share * len(cells))
        training[rng.choice(cells, count, replace=False)] = True
    return training


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    one = LogisticRegression(C=0.5, solver="liblinear", random_state=1)
    # the parameter of an L1 penalty changed in scikit-learn 1.8
    new = one.get_params()["penalty"] == "deprecated"
    return OneVsRestClassifier(one.set_params(**({"l1_ratio": 1.0} if new else {"penalty": "l1"})))


@dataclass(frozen=True)
class CrossSpeciesMeasures:
    """All measures of one embedding."""

    # neighbours, which name the rows of values
    mixing: Mixing
    transfer: Transfer
    over_merging: OverMerging
    projection: SelfProjection | None  # self-projection; None without scikit-learn
    # as `transferred` without intervals, by the most frequent type and by shuffled labels
    majority: _Floats
    random: _Floats
    # values with intervals; the last row of each is the mean
    mixed: Resampled
    transferred: Resampled
    merged: Resampled
    projected: Resampled | None


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
        Number of draws of donors for the intervals; 0 for none.
    random_state
        Seed of draws, shuffled labels and splits.

    Returns
    -------
    ProfileScores
        Numbers over all types, pairs or species (plain means of the rows of the tables), and the tables.

    Raises
    ------
    ScoreError
        If a species has too few cells, or the baseline is of other cells.

    Notes
    -----
    Neighbours are exact and found once; memory grows with cells. Intervals draw donors within their species and weight
    cells by how often their donor was drawn.
    """
    _check(embedded, baseline)
    drawn = draws(embedded, n_resamples=n_resamples, random_state=random_state)
    now, before = _measures(embedded, drawn, random_state), None
    if baseline is not None:
        before = _measures(baseline, Draws(drawn.species, drawn.donor, 0, random_state), random_state)
    loss = None
    if before is not None and before.projection is not None and now.projection is not None:
        without, projection = before.projection, now.projection
        loss = resampled_at_once(lambda weights: without.drawn(weights) - projection.drawn(weights), drawn)
    return ProfileScores(
        dict(_numbers(now, before, loss)), _Tables(embedded, now, before, loss).all(),
        tuple(_notes(embedded, now, drawn, loss)),
    )  # fmt: skip


def _check(embedded: Embedded, baseline: Embedded | None) -> None:
    counts = np.bincount(embedded.species.code, minlength=len(embedded.species.names))
    for name, count in zip(embedded.species.names, counts.tolist(), strict=True):
        if count <= VOTERS:
            raise ScoreError(
                f"{name} has {count} cells; scores across species use {VOTERS} neighbours and need {VOTERS + 1} cells"
                " of each species: leave it out, or choose another profile",
                option="profile",
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


def _measures(embedded: Embedded, drawn: Draws, random_state: int) -> CrossSpeciesMeasures:
    species = range(len(embedded.species.names))
    votes = [find_votes(embedded, a, b) for a in species for b in species if a != b]
    mixing, transfer = find_mixing(embedded, random_state=random_state), Transfer(votes)
    over_merging = find_over_merging(embedded, votes)
    try:
        projection = self_projection(embedded, random_state=random_state)
    except ImportError:
        projection = None
    return CrossSpeciesMeasures(
        mixing, transfer, over_merging, projection, transfer.majority(), transfer.random(random_state),
        mixed=resampled_at_once(mixing.drawn, drawn), transferred=resampled(transfer.values, drawn),
        merged=resampled(over_merging.values, drawn),
        projected=None if projection is None else resampled_at_once(projection.drawn, drawn),
    )  # fmt: skip


def _numbers(
    now: CrossSpeciesMeasures, before: CrossSpeciesMeasures | None, loss: Resampled | None
) -> Iterator[tuple[str, Number]]:
    """Yield the totals: the last rows of values."""

    def total(part: Callable[[CrossSpeciesMeasures], Resampled | None], column: int, better: int) -> Number:
        values, baseline = part(now), None if before is None else part(before)
        return Number(np.nan) if values is None else values.number(-1, column, better=better, baseline=baseline)

    yield "mixing_neighbours", total(lambda one: one.mixed, 0, 1)
    yield "mixing_ilisi", total(lambda one: one.mixed, 1, 1)
    for column, name in enumerate(TRANSFER_METRICS):
        yield f"transfer_{name}", total(lambda one: one.transferred, column, 1)
    for way, values in (("majority", now.majority), ("random", now.random)):
        for column, name in enumerate(TRANSFER_METRICS):
            yield f"transfer_{way}_{name}", Number(float(values[-1, column]), better=0)
    yield "over_merging_neighbours", total(lambda one: one.merged, 0, -1)
    yield "over_merging_confident", total(lambda one: one.merged, 2, -1)
    yield "over_merging_confident_near", total(lambda one: one.merged, 3, -1)
    if now.projected is not None:
        yield "self_projection", total(lambda one: one.projected, 0, 1)
    yield "alcs", Number(np.nan, better=-1) if loss is None else loss.number(-1, 0, better=-1)


def _notes(embedded: Embedded, now: CrossSpeciesMeasures, drawn: Draws, loss: Resampled | None) -> Iterator[str]:
    """Yield what could not be computed, and why."""
    if drawn.n_resamples:
        pairs = zip(drawn.species.names, drawn.donors, strict=True)
        donors = ", ".join(f"{name}: {count or 'none known'}" for name, count in pairs)
        if drawn.kind == CELLS_ONLY:
            yield (
                f"intervals: {CELLS_ONLY}; donors are not known, or a species has one ({donors}), and what another"
                " donor would give is unknown: no embedding is called the better one"
            )
        else:
            yield f"intervals resample donors within their species ({donors}); few donors give rough intervals"
    if now.projected is None:
        yield "self-projection and ALCS are left out: they need scikit-learn (pip install 'homodb[score]')"
    elif loss is None:
        yield "no ALCS: it needs the same cells without integration (homodb integrate, method none)"
    names = embedded.label.names
    if now.mixing.left_out:
        left = ", ".join(names[one] for one in now.mixing.left_out)
        yield f"mixing is unknown for {left}: fewer than two species have {LEAST} cells of it"
    if not now.mixing.within:
        yield f"mixing is unknown: no cell type has {LEAST} cells in two species"
    if np.isnan(now.transferred.value[-1, 0]):
        yield "label transfer is unknown: the species share no cell type"
    if now.over_merging.lone:
        yield (
            "label transfer leaves out cells of types that its reference lacks; over-merging says what they are called"
            f" (confident: {CONFIDENT:.0%} of {VOTERS} votes)"
        )
    else:
        yield "over-merging is unknown: all species have all cell types"


@dataclass(frozen=True)
class _Tables:
    """Tables of an embedding and the baseline.

    Columns that end in ``_baseline`` are of the baseline, those in ``_low`` and ``_high`` are intervals; undefined
    values are null. ``loss`` is the self-projection of the baseline less that of the embedding.
    """

    embedded: Embedded
    now: CrossSpeciesMeasures
    before: CrossSpeciesMeasures | None
    loss: Resampled | None

    def all(self) -> dict[str, pl.DataFrame]:
        """Return all tables by title."""
        tables = {
            "mixing": self._mixing(), "label transfer": self._transfer(),
            "label transfer by cell type": self._recalls(), "label transfer calls": self._calls(),
            "over-merging": self._over_merging(),
        }  # fmt: skip
        if self.now.projected is not None:
            tables["self-projection"] = self._projection(self.now.projected)
        return {title: table.with_columns(pl.selectors.float().fill_nan(None)) for title, table in tables.items()}

    def _scored(self, name: str, at: Any, part: Callable[[CrossSpeciesMeasures], Resampled]) -> dict[str, _Floats]:
        """Return columns with a value, its interval and the baseline."""
        values = part(self.now)
        columns = {name: values.value[at], f"{name}_low": values.low[at], f"{name}_high": values.high[at]}
        return columns | ({} if self.before is None else {f"{name}_baseline": part(self.before).value[at]})

    def _cells(self) -> npt.NDArray[np.int64]:
        """Return the number of cells, shape (species, types)."""
        shape = len(self.embedded.species.names), len(self.embedded.label.names)
        at = self.embedded.species.code * shape[1] + self.embedded.label.code
        return np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)

    def _mixing(self) -> pl.DataFrame:
        rows = self.now.mixing.within
        columns: dict[str, Any] = {
            "cell_type": [*(self.embedded.label.names[one.label] for one in rows), MEAN],
            "cells": [*(len(one.cells) for one in rows), None],
        }
        for column, name in enumerate(MIXING[:2]):
            columns |= self._scored(name, (slice(None), column), lambda one: one.mixed)
        columns |= dict(zip(MIXING[2:], self.now.mixed.value.T[2:], strict=True))
        return pl.DataFrame(columns)

    def _transfer(self) -> pl.DataFrame:
        names, votes = self.embedded.species.names, self.now.transfer.votes
        reference = [*(names[one.reference] for one in votes), MEAN]
        query = [*(names[one.query] for one in votes), MEAN]
        counted = [one.in_reference[one.label[one.cells]] for one in votes]
        same: dict[str, Any] = {
            "reference": reference, "query": query, "cells": [*(int(one.sum()) for one in counted), None],
            "cells_left_out": [*(int((~one).sum()) for one in counted), None],
        }  # fmt: skip
        ours = same | {"called_by": "neighbours"}
        for column, name in enumerate(TRANSFER_METRICS):
            ours |= self._scored(name, (slice(None), column), lambda one: one.transferred)
        parts = [pl.DataFrame(ours)]
        for way, values in (("majority class", self.now.majority), ("random pairing", self.now.random)):
            metrics = dict(zip(TRANSFER_METRICS, values.T, strict=False))
            parts.append(pl.DataFrame(same | {"called_by": way} | metrics))
        order = {pair: number for number, pair in enumerate(dict.fromkeys(zip(reference, query, strict=True)))}
        place = [order[pair] for pair in zip(reference, query, strict=True)] * len(parts)
        table = pl.concat(parts, how="diagonal").with_columns(place=pl.Series(place))
        table = table.sort("place", maintain_order=True).drop("place")
        return table.select("reference", "query", "called_by", pl.exclude("reference", "query", "called_by"))

    def _recalls(self) -> pl.DataFrame:
        cells, votes, species = self._cells(), self.now.transfer.votes, self.embedded.species.names
        first = len(TRANSFER_METRICS)
        pairs, labels = np.nonzero(np.isfinite(self.now.transferred.value[:-1, first:]))
        at = pairs, labels + first
        columns: dict[str, Any] = {
            "reference": [species[votes[pair].reference] for pair in pairs.tolist()],
            "query": [species[votes[pair].query] for pair in pairs.tolist()],
            "cell_type": [self.embedded.label.names[label] for label in labels.tolist()],
            "cells": cells[[votes[pair].query for pair in pairs.tolist()], labels].tolist(),
        }  # fmt: skip
        columns |= self._scored("recall", at, lambda one: one.transferred)
        return pl.DataFrame(columns | {"majority_class": self.now.majority[at], "random_pairing": self.now.random[at]})

    def _calls(self) -> pl.DataFrame:
        species, types, cells = self.embedded.species.names, self.embedded.label.names, self._cells()
        rows = [
            (species[reference], species[query], types[true], types[call], count, count / int(cells[query, true]))
            for reference, query, true, call, count in self.now.transfer.calls()
        ]
        return pl.DataFrame(rows, ["reference", "query", "cell_type", "call", "cells", "share"], orient="row")

    def _over_merging(self) -> pl.DataFrame:
        species, types = self.embedded.species.names, self.embedded.label.names
        lone: Sequence[Any] = self.now.over_merging.lone
        called = self.now.over_merging.called()
        columns: dict[str, Any] = {
            "species": [*(species[one.votes.query] for one in lone), MEAN],
            "cell_type": [*(types[one.label] for one in lone), MEAN],
            "lacking": [*(species[one.votes.reference] for one in lone), MEAN],
            "cells": [*(len(one.rows) for one in lone), None],
        }
        for column, name in enumerate(OVER_MERGING):
            if name.endswith("expected"):
                columns[name] = self.now.merged.value[:, column]
            else:
                columns |= self._scored(name, (slice(None), column), lambda one: one.merged)
        columns["called"] = [*(types[call] for call, _ in called), None]
        columns["called_share"] = [*(share for _, share in called), None]
        schema = {"called": pl.String, "called_share": pl.Float64, "cells": pl.Int64}
        return pl.DataFrame(columns, schema_overrides=schema)

    def _projection(self, projected: Resampled) -> pl.DataFrame:
        cells = np.column_stack([self._cells().sum(axis=1), self._cells()])
        finite = np.isfinite(projected.value)
        finite[-1, 1:] = False
        at = np.nonzero(finite)
        places = list(zip(at[0].tolist(), at[1].tolist(), strict=True))
        species, types = (*self.embedded.species.names, MEAN), ("all", *self.embedded.label.names)
        columns: dict[str, Any] = {
            "species": [species[row] for row, _ in places],
            "cell_type": [types[column] for _, column in places],
            "cells": [int(cells[row, column]) if row < len(cells) else None for row, column in places],
            "accuracy": projected.value[at], "accuracy_low": projected.low[at], "accuracy_high": projected.high[at],
        }  # fmt: skip
        if self.before is not None and self.before.projected is not None:
            columns["accuracy_baseline"] = self.before.projected.value[at]
        if self.loss is not None:
            columns |= {"loss": self.loss.value[at], "loss_low": self.loss.low[at], "loss_high": self.loss.high[at]}
        return pl.DataFrame(columns)
