"""The tables of profile ``cross_species``: per cell type, per ordered pair of species, beside the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.score.donors import Resampled
from homodb.query.score.embedded import Embedded
from homodb.query.score.mixing import MIXING, Mixing
from homodb.query.score.over_merging import OVER_MERGING, OverMerging
from homodb.query.score.rightness import RIGHTNESS
from homodb.query.score.transfer import N_RIGHTNESS, Transfer

_Floats = npt.NDArray[np.float64]

#: What the last row of a table is called where it is the mean of those above.
MEAN = "mean"


@dataclass(frozen=True)
class Measured:
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
    embedded: Embedded, now: Measured, before: Measured | None, loss: Resampled | None
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


def _mixing(embedded: Embedded, now: Measured, before: Measured | None) -> pl.DataFrame:
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


def _pairs(embedded: Embedded, now: Measured) -> tuple[list[str], list[str]]:
    names = embedded.species.names
    return (
        [*(names[one.reference] for one in now.transfer.votes), MEAN],
        [*(names[one.query] for one in now.transfer.votes), MEAN],
    )


def _transfer(embedded: Embedded, now: Measured, before: Measured | None) -> pl.DataFrame:
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


def _recalls(embedded: Embedded, now: Measured, before: Measured | None) -> pl.DataFrame:
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


def _calls(embedded: Embedded, now: Measured) -> pl.DataFrame:
    species, types, cells = embedded.species.names, embedded.label.names, _cells(embedded)
    rows = [
        (species[reference], species[query], types[true], types[call], count, count / int(cells[query, true]))
        for reference, query, true, call, count in now.transfer.calls()
    ]
    return pl.DataFrame(rows, ["reference", "query", "cell_type", "call", "cells", "share"], orient="row")


def _over_merging(embedded: Embedded, now: Measured, before: Measured | None) -> pl.DataFrame:
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
