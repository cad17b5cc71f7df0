"""The page of a report: what was gathered and drawn, as blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query.markers import LEANING, Conservation
from homodb.query.markers import MEANING as KIND_MEANING
from homodb.query.report import provenance
from homodb.query.report.conclusions import INTERVALS, conclusions, meaning, method_meaning, said, strategy_meaning
from homodb.query.report.gather import Gathered
from homodb.query.results import Bullets, Drawing, Drawings, Grid, GridColumn, Heading, Lines, Note, ResultBlock
from homodb.query.score import PROFILES, ProfileScores
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
    """Yield the page.

    Parameters
    ----------
    adata
        The object, for what it says of how it was made.
    gathered, drawings
        What there is.
    name
        What the object is called.
    top
        Conserved markers of each type in the table.
    """
    embedded = gathered.embedded
    yield Heading(f"{name}: {', '.join(embedded.species.names)} by {embedded.key}", level=1)
    if provenance.simulated(adata):
        yield Lines([_SIMULATED], warning=True)
    yield Grid(_facts(adata, gathered))
    yield Heading("What the numbers say")
    yield Bullets(conclusions(gathered.score, dict(_donors(gathered))))
    yield Lines(["Made by fixed rules from the scores below; no sentence goes beyond them."])
    yield from map(Note, gathered.notes)
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
            yield from [Drawings(drawn, even=section == "cells")] if drawn else []
            yield from more
    yield from _carried(adata)
    yield from _origin(adata, embedded.key)


def _facts(adata: anndata.AnnData, gathered: Gathered) -> pl.DataFrame:
    embedded = gathered.embedded
    cells = np.bincount(embedded.species.code, minlength=len(embedded.species.names)).tolist()
    each = ", ".join(f"{number:,} {name}" for name, number in zip(embedded.species.names, cells, strict=True))
    donors = ", ".join(f"{name}: {number}" for name, number in _donors(gathered))
    intervals = INTERVALS.get(gathered.score.intervals, gathered.score.intervals) if gathered.score else "no scores"
    rows = [
        ("cells", f"{embedded.n_cells:,}: {each}"),
        ("features", f"{adata.n_vars:,}"),
        ("cell types", f"{len(embedded.label.names)}"),
        ("donors", "no column was named" if embedded.donor is None else donors),
        ("clusters", "none" if gathered.cluster is None else f"{len(gathered.cluster.names)}"),
        ("integrated by (method)", method_meaning(provenance.fact(adata, embedded.key, "method"))),
        ("genes joined by (strategy)", strategy_meaning(provenance.fact(adata, embedded.key, "strategy"))),
        ("release (data on genes)", provenance.fact(adata, embedded.key, "release")),
        ("intervals of scores", intervals),
    ]  # fmt: skip
    return pl.DataFrame(rows, ["what", "here"], orient="row")


def _donors(gathered: Gathered) -> Iterator[tuple[str, int]]:
    """Give each species with its number of donors, 0 where no column was named."""
    embedded = gathered.embedded
    for at, name in enumerate(embedded.species.names):
        there = () if embedded.donor is None else np.unique(embedded.donor.code[embedded.species.code == at])
        yield name, len(there)


def _scores(gathered: Gathered) -> Iterator[ResultBlock]:
    if gathered.score is None:
        return
    yield from (Note(said(note)) for note in gathered.score.notes)
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
        return "not told"
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
    """Say by what types were tested; where not by donors, their number is a dash."""
    by = {"donors": "by donors", "cells": "by cells", "none": "too few cells"}
    donors = pl.when(pl.col("test") == "donors").then(pl.col("donors").cast(pl.String)).otherwise(pl.lit("–"))
    return counts.with_columns(donors.alias("donors"), pl.col("test").replace(by))


def _carried(adata: anndata.AnnData) -> Iterator[ResultBlock]:
    files, fates = provenance.files(adata), provenance.fates(adata)
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
    yield from map(Note, provenance.notes(adata))


def _origin(adata: anndata.AnnData, key: str) -> Iterator[ResultBlock]:
    yield Heading("How this was made")
    lines = provenance.lines(adata, key)
    if lines.height:
        yield Grid(lines, "release, strategy and parameters", folded=True)
    else:
        yield Lines(["The object does not tell."])
    yield Grid(provenance.versions(), "versions with which this page was made", folded=True)
