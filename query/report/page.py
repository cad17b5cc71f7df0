"""Compose the page of a report: text, tables and drawings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import Coded
from homodb.query.markers import LEANING, Conservation
from homodb.query.markers import MEANING as KIND_MEANING
from homodb.query.report.conclusions import (
    INTERVALS,
    conclusions,
    meaning,
    method_meaning,
    page_note,
    strategy_meaning,
    verdict,
)
from homodb.query.report.gather import (
    Gathered,
    installed_versions,
    join_notes,
    joined_fates,
    joined_files,
    recorded_fact,
    recorded_lines,
    simulated,
)
from homodb.query.results import (
    COLOURS,
    SPECIES_COLOURS,
    Assessment,
    Bullets,
    Drawing,
    Drawings,
    Grid,
    GridColumn,
    Heading,
    Line,
    Lines,
    Note,
    ResultBlock,
    beyond,
    heat,
    intervals,
    scatter,
)
from homodb.query.score import PROFILES, ProfileScores, Score
from homodb.query.translate import MEANING, Fate

if TYPE_CHECKING:
    import anndata

_SIMULATED = (
    "These data are simulated by homodb: cells, genes and species histories are made up. Nothing here says anything "
    "about biology."
)


_TRANSFER = (
    "Each cell is called by the votes of its 15 nearest cells of the other species. Rows add up to 1; types that the "
    "other species lacks stand below. Types are in the order of their cells, most first; a frame marks the field of "
    "right calls, and a 0 in it says that no cell was called right."
)

_PERCENT = GridColumn(form=".2%")


def page_blocks(
    adata: anndata.AnnData, gathered: Gathered, drawings: Mapping[str, Sequence[Drawing]], *, name: str, top: int
) -> Iterator[ResultBlock]:
    """Yield the blocks of the page about an object, with `top` conserved markers of each type in the table."""
    embedded = gathered.embedded
    yield Heading(f"{name}: {', '.join(embedded.species.names)} by {embedded.key}", level=1)
    if simulated(adata):
        yield Lines([_SIMULATED], warning=True)
    yield Assessment(verdict(gathered.score))
    yield Heading("What the numbers say")
    yield Bullets(conclusions(gathered.score, gathered.embedded.donors()))
    yield Lines(["Assessment and sentences are made by fixed rules from the scores below, and do not go beyond them."])
    yield from map(Note, gathered.notes)
    yield Heading("The data")
    yield Grid(_facts(adata, gathered))
    sections: tuple[tuple[str, str, list[ResultBlock]], ...] = (
        ("cells", "Cells", []),
        ("clusters", "Cell types and clusters", []),
        ("transfer", "Labels carried from species to species", [Lines([_TRANSFER])] if drawings["transfer"] else []),
        ("scores", "Scores", list(_scores(gathered))),
        ("markers", "Markers", list(_markers(gathered, top))),
    )
    for section, heading, more in sections:
        drawn = drawings[section]
        if drawn or more:
            yield Heading(heading)
            yield from [Drawings(drawn, even=section in ("cells", "transfer"))] if drawn else []
            yield from more
    yield from _carried(adata)
    yield from _origin(adata, embedded.key)


def _facts(adata: anndata.AnnData, gathered: Gathered) -> pl.DataFrame:
    embedded = gathered.embedded
    cells = np.bincount(embedded.species.code, minlength=len(embedded.species.names)).tolist()
    each = ", ".join(f"{number:,} {name}" for name, number in zip(embedded.species.names, cells, strict=True))
    donors = ", ".join(f"{name}: {number}" for name, number in embedded.donors().items())
    resampled = INTERVALS.get(gathered.score.intervals, gathered.score.intervals) if gathered.score else "no scores"
    rows = [
        ("cells", f"{embedded.n_cells:,}: {each}"),
        ("features", f"{adata.n_vars:,}"),
        ("cell types", f"{len(embedded.label.names)}"),
        ("donors", "no column was named" if embedded.donor is None else donors),
        ("clusters", "none" if gathered.cluster is None else f"{len(gathered.cluster.names)}"),
        ("integrated by (method)", method_meaning(recorded_fact(adata, embedded.key, "method"))),
        ("genes joined by (strategy)", strategy_meaning(recorded_fact(adata, embedded.key, "strategy"))),
        ("release (data on genes)", recorded_fact(adata, embedded.key, "release")),
        ("intervals of scores", resampled),
    ]  # fmt: skip
    return pl.DataFrame(rows, ["what", "here"], orient="row")


def _scores(gathered: Gathered) -> Iterator[ResultBlock]:
    if gathered.score is None:
        return
    yield from (Note(page_note(note)) for note in gathered.score.notes)
    about = {one.key: f": {one.summary}" for one in PROFILES}
    for profile, part in gathered.score.parts.items():
        yield Heading(f"{profile.replace('_', '-')}{about.get(profile, '')}", level=3)
        yield Grid(_numbers(profile, part))
        yield from map(Note, part.notes)
        yield from (Grid(frame, title, folded=True) for title, frame in part.tables.items())


def _numbers(profile: str, part: ProfileScores) -> pl.DataFrame:
    rows = [
        (
            name.replace("_", " "), _shown(number.value),
            "" if number.low is None or number.high is None else f"{_shown(number.low)} to {_shown(number.high)}",
            "" if number.baseline is None else _shown(number.baseline),
            {1: "higher", -1: "lower"}.get(number.better, ""), meaning(profile, name),
        )
        for name, number in part.numbers.items()
    ]  # fmt: skip
    names = ["score", "value", "95 % interval", "without integration", "better", "meaning"]
    return pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row")


def _shown(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    return f"{value:,.0f}" if value == round(value) and abs(value) > 1 else f"{value:.3f}"


def _markers(gathered: Gathered, top: int) -> Iterator[ResultBlock]:
    markers = gathered.markers
    if markers is None:
        return
    counts = _tested(markers.counts())
    background = ", ".join(markers.background)
    yield Lines([f"Genes correspond by {markers.how}. Each type is compared with the mean of: {background}."])
    yield from map(Note, markers.notes)
    yield Grid(counts)
    meanings = [f"{kind}: {KIND_MEANING[kind]}" for kind in Conservation if str(kind) in counts.columns]
    yield Bullets([*meanings, f"leaning: {LEANING}"])
    if markers.conserved.height:
        yield Grid(markers.top(top), f"the {top} best conserved markers of each type", folded=True)
    for kind in (
        Conservation.CONSERVED,
        Conservation.PARTLY,
        Conservation.SPECIFIC,
        Conservation.NO_ORTHOLOG,
        Conservation.NOT_MEASURED,
    ):
        rows = markers.table.filter(pl.col("kind") == str(kind))
        if rows.height:
            best = rows.filter(pl.int_range(pl.len()).over("type", "species") < 10 * top).drop("kind")
            title = f"{kind}: {KIND_MEANING[kind]} (of each type and species the {10 * top} best rows)"
            yield Grid(best, title, folded=True)


def _tested(counts: pl.DataFrame) -> pl.DataFrame:
    """Spell out the unit of each test; a dash replaces the number of donors unless it is the donors."""
    by = {"donors": "by donors", "cells": "by cells", "none": "too few cells"}
    donors = pl.when(pl.col("test") == "donors").then(pl.col("donors").cast(pl.String)).otherwise(pl.lit("–"))
    return counts.with_columns(donors.alias("donors"), pl.col("test").replace(by))


def _carried(adata: anndata.AnnData) -> Iterator[ResultBlock]:
    files, fates = joined_files(adata), joined_fates(adata)
    yield Heading("Genes and counts carried")
    if not files.height and not fates.height:
        yield Lines(["The object does not say how its genes were joined (uns has no 'homodb')."])
        return
    if files.height:
        yield Grid(files, columns={"of counts carried": _PERCENT})
    if fates.height:
        meanings = {str(fate): MEANING[fate] for fate in Fate}
        meaning = pl.col("fate").replace_strict(meanings, default="", return_dtype=pl.String)
        fates = fates if fates["share"].count() else fates.drop("share")
        yield Grid(fates.with_columns(meaning=meaning), columns={"share": GridColumn("of counts", form=".2%")})
    yield from map(Note, join_notes(adata))


def _origin(adata: anndata.AnnData, key: str) -> Iterator[ResultBlock]:
    yield Heading("How this was made")
    lines = recorded_lines(adata, key)
    if lines.height:
        yield Grid(lines, "release, strategy and parameters", folded=True)
    else:
        yield Lines(["The object has no record."])
    yield Grid(installed_versions(), "versions with which this page was made", folded=True)


def draw(gathered: Gathered, *, label_key: str, top: int) -> dict[str, list[Drawing]]:
    """Draw what the contents allow, by section of the page, with `top` conserved markers of each type."""
    return {
        "cells": _draw_cells(gathered, label_key), "clusters": _draw_clusters(gathered, label_key),
        "transfer": _draw_transfer(gathered), "scores": _draw_scores(gathered.score),
        "markers": _draw_markers(gathered, top),
    }  # fmt: skip


def _draw_cells(gathered: Gathered, label_key: str) -> list[Drawing]:
    embedded = gathered.embedded
    kinds = [("species", "species", embedded.species), ("cell-type", label_key, _by_size(embedded.label))]
    kinds += [] if gathered.cluster is None else [("cluster", "cluster", gathered.cluster)]
    return [
        Drawing(
            scatter(
                gathered.plane, coded.code, coded.names, f"by {title}", axes=gathered.axes, labels=name != "species",
                colours=SPECIES_COLOURS if name == "species" else COLOURS,
            ),
            f"{embedded.n_cells:,} cells by {title}; in brackets how many; drawn in a random order",
            f"{gathered.axes.lower()}-{name}",
        )
        for name, title, coded in kinds
    ]  # fmt: skip


def _draw_clusters(gathered: Gathered, label_key: str) -> list[Drawing]:
    cluster, types = gathered.cluster, _by_size(gathered.embedded.label)
    if cluster is None:
        return []
    counted = np.zeros((len(types.names), len(cluster.names)))
    np.add.at(counted, (types.code, cluster.code), 1)
    title = f"{label_key} by cluster"
    svg = heat(
        counted / counted.sum(axis=1, keepdims=True), types.names, cluster.names, title,
        across="cluster", down=label_key, meaning="share of the type",
        row_cells=_whole(counted.sum(axis=1)), column_cells=_whole(counted.sum(axis=0)),
    ).svg()  # fmt: skip
    caption = "Where the cells of each type are: each row adds up to 1; in brackets how many cells there are"
    return [Drawing(svg, caption, "clusters")]


def _draw_transfer(gathered: Gathered) -> list[Drawing]:
    if not gathered.calls.height:
        return []
    drawings: list[Drawing] = []
    species, types = gathered.embedded.species, _by_size(gathered.embedded.label)
    cells = np.zeros((len(species.names), len(types.names)), np.int64)
    np.add.at(cells, (species.code, types.code), 1)
    for (reference, query), frame in gathered.calls.group_by(["reference", "query"], maintain_order=True):
        own, other = (dict(zip(types.names, cells[species.names.index(str(one))], strict=True))
                      for one in (reference, query))  # fmt: skip
        both = [one for one in types.names if own[one] and other[one]]
        lone = [one for one in types.names if other[one] and not own[one]]
        rows, columns = both + lone, both + [one for one in types.names if own[one] and not other[one]]
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
            row_cells=[int(other[one]) for one in rows], column_cells=[int(own[one]) for one in columns],
        ).svg()  # fmt: skip
        caption = (
            f"What cells of {query} are called by their nearest cells of {reference}: all types of {reference} stand "
            f"side by side, in brackets how many cells a species has of each; framed: right{also}"
        )
        drawings.append(Drawing(svg, caption, f"transfer-{len(drawings) + 1}"))
    return drawings


def _draw_scores(score: Score | None) -> list[Drawing]:
    drawings = []
    for profile, part in score.parts.items() if score else ():
        directed = {name.replace("_", " "): number for name, number in part.numbers.items() if number.better}
        lines = [
            Line(name, number.value, number.low, number.high, number.baseline, number.better)
            for name, number in directed.items()
            if np.isfinite(number.value)
        ]
        if lines:
            caption = "Arrows point to the better"
            missing = [name for name, number in directed.items() if not np.isfinite(number.value)]
            caption += f"; unknown: {', '.join(missing)}" if missing else ""
            caption += f"; partly beyond the axis: {', '.join(beyond(lines))}" if beyond(lines) else ""
            title = f"Scores: {profile.replace('_', '-')}"
            drawings.append(Drawing(intervals(lines, title).svg(), caption, f"scores-{profile}"))
    return drawings


def _draw_markers(gathered: Gathered, top: int) -> list[Drawing]:
    if gathered.markers is None or not gathered.markers.conserved.height:
        return []
    caption = "The best conserved markers, in the types of every species; a cross: not measured"
    return [Drawing(gathered.markers.dots(top), caption, "conserved-markers")]


def _by_size(coded: Coded) -> Coded:
    """Return the same column with its names by decreasing number of cells."""
    order = np.argsort(-np.bincount(coded.code, minlength=len(coded.names)), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Coded(rank[coded.code], tuple(coded.names[one] for one in order))


def _whole(counted: npt.NDArray[np.float64]) -> list[int]:
    return [int(one) for one in counted]
