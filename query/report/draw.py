"""The drawings of a page: cells on a plane, clusters, label transfer, scores, conserved markers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.figures.heat import heat
from homodb.query.figures.intervals import Line, intervals
from homodb.query.figures.scatter import scatter
from homodb.query.report.gather import Gathered
from homodb.query.score.result import Score

#: Scores that are drawn; what one profile has beyond is in its table.
_LINES = 14


@dataclass(frozen=True)
class Drawing:
    """One drawing.

    Parameters
    ----------
    name
        Of its file, without suffix.
    section
        Where on the page it stands: ``cells``, ``clusters``, ``transfer``, ``scores`` or ``markers``.
    svg
        The document.
    caption
        What is to be seen.
    """

    name: str
    section: str
    svg: str
    caption: str


def draw(gathered: Gathered, *, label: str, top: int) -> list[Drawing]:
    """Make the drawings that what was gathered allows.

    Parameters
    ----------
    gathered
        What there is.
    label
        What the cell types are called.
    top
        Conserved markers of each type.
    """
    return [
        *_cells(gathered, label), *_clusters(gathered, label), *_transfer(gathered), *_scores(gathered.score),
        *_markers(gathered, top),
    ]  # fmt: skip


def _cells(gathered: Gathered, label: str) -> list[Drawing]:
    embedded = gathered.embedded
    kinds = [("species", "species", embedded.species), ("cell-type", label, embedded.label)]
    kinds += [] if gathered.cluster is None else [("cluster", "cluster", gathered.cluster)]
    return [
        Drawing(
            f"{gathered.axes.lower()}-{name}", "cells",
            scatter(gathered.plane, coded.code, coded.names, f"by {title}", axes=gathered.axes),
            f"{embedded.n_cells:,} cells by {title}; drawn in a random order",
        )
        for name, title, coded in kinds
    ]  # fmt: skip


def _clusters(gathered: Gathered, label: str) -> list[Drawing]:
    cluster, types = gathered.cluster, gathered.embedded.label
    if cluster is None:
        return []
    counted = np.zeros((len(types.names), len(cluster.names)))
    np.add.at(counted, (types.code, cluster.code), 1)
    title = f"{label} by cluster"
    svg = heat(
        counted / counted.sum(axis=1, keepdims=True), types.names, cluster.names, title, across="cluster", down=label,
        meaning="share of the type",
    )  # fmt: skip
    return [Drawing("clusters", "clusters", svg, "Where the cells of each type are: each row adds up to 1")]


def _transfer(gathered: Gathered) -> list[Drawing]:
    if not gathered.calls.height:
        return []
    found: list[Drawing] = []
    for (reference, query), frame in gathered.calls.group_by(["reference", "query"], maintain_order=True):
        rows, columns = (sorted(frame[name].unique()) for name in ("cell_type", "call"))
        own = _types_of(gathered, str(reference))
        lone = [one for one in rows if one not in own]
        rows = [one for one in rows if one in own] + lone
        title = f"{query} called by {reference}"
        table: npt.NDArray[np.float64] = np.zeros((len(rows), len(columns)))
        for true, call, share in frame.select("cell_type", "call", pl.col("share")).iter_rows():
            table[rows.index(true), columns.index(call)] = share
        also = (
            f"; {reference} has no {', '.join(lone[:6])}{' ...' if len(lone) > 6 else ''}, so any label of these cells "
            "is wrong" if lone else ""
        )  # fmt: skip
        found.append(
            Drawing(
                f"transfer-{len(found) + 1}", "transfer",
                heat(table, rows, columns, title, across=f"called ({reference})", down=f"is ({query})"),
                f"What cells of {query} are called by their nearest cells of {reference}; framed: right{also}",
            )
        )  # fmt: skip
    return found


def _types_of(gathered: Gathered, species: str) -> set[str]:
    embedded = gathered.embedded
    at = embedded.species.names.index(species) if species in embedded.species.names else -1
    return {embedded.label.names[one] for one in np.unique(embedded.label.code[embedded.species.code == at]).tolist()}


def _scores(score: Score | None) -> list[Drawing]:
    found = []
    for profile, part in score.parts.items() if score else ():
        lines = [
            Line(name.replace("_", " "), number.value, number.low, number.high, number.baseline, number.better)
            for name, number in part.numbers.items()
            if number.better and np.isfinite(number.value) and -1 <= number.value <= 1
        ][:_LINES]
        if lines:
            title = f"Scores: {profile.replace('_', '-')}"
            found.append(Drawing(f"scores-{profile}", "scores", intervals(lines, title), "Arrows point to the better"))
    return found


def _markers(gathered: Gathered, top: int) -> list[Drawing]:
    if gathered.markers is None or not gathered.markers.conserved.height:
        return []
    caption = "The conserved markers that tell their type best, in the types of every species; a cross: not measured"
    return [Drawing("conserved-markers", "markers", gathered.markers.dots(top), caption)]
