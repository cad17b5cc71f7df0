"""The drawings of a page: cells on a plane, clusters, label transfer, scores, conserved markers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import Coded
from homodb.query.report.gather import Gathered
from homodb.query.results import Drawing, Line, beyond, heat, intervals, scatter
from homodb.query.score import Score


def draw(gathered: Gathered, *, label: str, top: int) -> dict[str, list[Drawing]]:
    """Make the drawings that what was gathered allows, by section of the page.

    Parameters
    ----------
    gathered
        What there is.
    label
        What the cell types are called.
    top
        Conserved markers of each type.
    """
    return {
        "cells": _cells(gathered, label), "clusters": _clusters(gathered, label), "transfer": _transfer(gathered),
        "scores": _scores(gathered.score), "markers": _markers(gathered, top),
    }  # fmt: skip


def _cells(gathered: Gathered, label: str) -> list[Drawing]:
    embedded = gathered.embedded
    kinds = [("species", "species", embedded.species), ("cell-type", label, _by_size(embedded.label))]
    kinds += [] if gathered.cluster is None else [("cluster", "cluster", gathered.cluster)]
    return [
        Drawing(
            scatter(
                gathered.plane, coded.code, coded.names, f"by {title}", axes=gathered.axes, labels=name != "species"
            ),
            f"{embedded.n_cells:,} cells by {title}; in brackets how many; drawn in a random order",
            f"{gathered.axes.lower()}-{name}",
        )
        for name, title, coded in kinds
    ]  # fmt: skip


def _clusters(gathered: Gathered, label: str) -> list[Drawing]:
    cluster, types = gathered.cluster, _by_size(gathered.embedded.label)
    if cluster is None:
        return []
    counted = np.zeros((len(types.names), len(cluster.names)))
    np.add.at(counted, (types.code, cluster.code), 1)
    title = f"{label} by cluster"
    svg = heat(
        counted / counted.sum(axis=1, keepdims=True), types.names, cluster.names, title, across="cluster", down=label,
        meaning="share of the type", row_cells=_whole(counted.sum(axis=1)), column_cells=_whole(counted.sum(axis=0)),
    )  # fmt: skip
    caption = "Where the cells of each type are: each row adds up to 1; in brackets how many cells there are"
    return [Drawing(svg, caption, "clusters")]


def _transfer(gathered: Gathered) -> list[Drawing]:
    if not gathered.calls.height:
        return []
    found: list[Drawing] = []
    species, types = gathered.embedded.species, _by_size(gathered.embedded.label)
    cells = np.zeros((len(species.names), len(types.names)), np.int64)
    np.add.at(cells, (species.code, types.code), 1)
    for (reference, query), frame in gathered.calls.group_by(["reference", "query"], maintain_order=True):
        own, asked = (dict(zip(types.names, cells[species.names.index(str(one))], strict=True))
                      for one in (reference, query))  # fmt: skip
        both = [one for one in types.names if own[one] and asked[one]]
        lone = [one for one in types.names if asked[one] and not own[one]]
        rows, columns = both + lone, both + [one for one in types.names if own[one] and not asked[one]]
        table: npt.NDArray[np.float64] = np.zeros((len(rows), len(columns)))
        for true, call, share in frame.select("cell_type", "call", pl.col("share")).iter_rows():
            table[rows.index(true), columns.index(call)] = share
        title = f"{query} called by {reference}"
        also = (
            f"; {reference} has no {', '.join(lone[:6])}{' ...' if len(lone) > 6 else ''}, so any label of these cells "
            "is wrong" if lone else ""
        )  # fmt: skip
        svg = heat(
            table, rows, columns, title, across=f"called ({reference})", down=f"is ({query})",
            row_cells=[int(asked[one]) for one in rows], column_cells=[int(own[one]) for one in columns],
        )  # fmt: skip
        caption = (
            f"What cells of {query} are called by their nearest cells of {reference}: all types of {reference} stand "
            f"side by side, in brackets how many cells a species has of each; framed: right{also}"
        )
        found.append(Drawing(svg, caption, f"transfer-{len(found) + 1}"))
    return found


def _scores(score: Score | None) -> list[Drawing]:
    found = []
    for profile, part in score.parts.items() if score else ():
        judged = {name.replace("_", " "): number for name, number in part.numbers.items() if number.better}
        lines = [
            Line(name, number.value, number.low, number.high, number.baseline, number.better)
            for name, number in judged.items()
            if np.isfinite(number.value)
        ]
        if lines:
            caption = "Arrows point to the better"
            untold = [name for name, number in judged.items() if not np.isfinite(number.value)]
            caption += f"; not told: {', '.join(untold)}" if untold else ""
            caption += f"; partly beyond the axis: {', '.join(beyond(lines))}" if beyond(lines) else ""
            title = f"Scores: {profile.replace('_', '-')}"
            found.append(Drawing(intervals(lines, title), caption, f"scores-{profile}"))
    return found


def _markers(gathered: Gathered, top: int) -> list[Drawing]:
    if gathered.markers is None or not gathered.markers.conserved.height:
        return []
    caption = "The conserved markers that tell their type best, in the types of every species; a cross: not measured"
    return [Drawing(gathered.markers.dots(top), caption, "conserved-markers")]


def _by_size(coded: Coded) -> Coded:
    """Return the same with what most cells have first."""
    order = np.argsort(-np.bincount(coded.code, minlength=len(coded.names)), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Coded(rank[coded.code], tuple(coded.names[one] for one in order))


def _whole(counted: npt.NDArray[np.float64]) -> list[int]:
    return [int(one) for one in counted]
