"""Writes what was gathered and drawn as one page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from homodb.query import page as html
from homodb.query.figures.style import inline
from homodb.query.markers.sort import LEANING, Kind
from homodb.query.markers.sort import MEANING as KIND_MEANING
from homodb.query.report import origin
from homodb.query.report.conclusions import conclusions
from homodb.query.report.draw import Drawing
from homodb.query.report.gather import Gathered
from homodb.query.report.meanings import INTERVALS, meaning, method_meaning, said, strategy_meaning
from homodb.query.score.profiles import PROFILES
from homodb.query.score.result import Part
from homodb.query.translate.fates import MEANING, Fate

if TYPE_CHECKING:
    import anndata

_SIMULATED = (
    "These data are simulated by homodb: cells, genes and species histories are made up. Nothing here says anything "
    "about biology."
)


def write_page(adata: anndata.AnnData, gathered: Gathered, drawings: Sequence[Drawing], *, name: str, top: int) -> str:
    """Return the page.

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
    title = f"{name}: {', '.join(embedded.species.names)} by {embedded.key}"
    parts = [html.heading(title, 1)]
    if origin.simulated(adata):
        parts.append(html.paragraph(_SIMULATED, warning=True))
    parts += [html.table(_facts(adata, gathered)), *_said(gathered)]
    parts += [html.paragraph(f"note: {note}") for note in gathered.notes]
    drawn = {one.section: [each for each in drawings if each.section == one.section] for one in drawings}
    for section, heading, more in (
        ("cells", "Cells", []),
        ("clusters", "Cell types and clusters", []),
        ("transfer", "Labels carried from species to species", [_TRANSFER] if "transfer" in drawn else []),
        ("scores", "Scores", list(_scores(gathered))),
        ("markers", "Markers", list(_markers(gathered, top))),
    ):
        figures = [html.drawing(inline(one.svg, one.caption), one.caption) for one in drawn.get(section, [])]
        if figures or more:
            beside = [html.drawings(figures, even=section == "cells")] if figures else []
            parts += [html.heading(heading), *beside, *more]
    parts += [*_carried(adata), *_origin(adata, embedded.key)]
    return html.page(title, parts)


def _said(gathered: Gathered) -> Iterator[str]:
    yield html.heading("What the numbers say")
    yield html.bullets(conclusions(gathered.score, dict(_donors(gathered))))
    yield html.paragraph("Made by fixed rules from the scores below; no sentence goes beyond them.")


_TRANSFER = html.paragraph(
    "Each cell is called by the votes of its 15 nearest cells of the other species. Rows add up to 1; types that the "
    "other species lacks stand below. Types are in the order of their cells, most first; a frame marks the field of "
    "right calls, and a 0 in it says that no cell was called right."
)


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
        ("integrated by (method)", method_meaning(origin.fact(adata, embedded.key, "method"))),
        ("genes joined by (strategy)", strategy_meaning(origin.fact(adata, embedded.key, "strategy"))),
        ("release (data on genes)", origin.fact(adata, embedded.key, "release")),
        ("intervals of scores", intervals),
    ]  # fmt: skip
    return pl.DataFrame(rows, ["what", "here"], orient="row")


def _donors(gathered: Gathered) -> Iterator[tuple[str, int]]:
    """Give each species with its number of donors, 0 where no column was named."""
    embedded = gathered.embedded
    for at, name in enumerate(embedded.species.names):
        there = () if embedded.donor is None else np.unique(embedded.donor.code[embedded.species.code == at])
        yield name, len(there)


def _scores(gathered: Gathered) -> Iterator[str]:
    if gathered.score is None:
        return
    for note in gathered.score.notes:
        yield html.paragraph(f"note: {said(note)}")
    about = {one.key: f": {one.summary}" for one in PROFILES}
    for profile, part in gathered.score.parts.items():
        yield html.heading(f"{profile.replace('_', '-')}{about.get(profile, '')}", 3)
        yield html.table(_numbers(profile, part))
        for note in part.notes:
            yield html.paragraph(f"note: {note}")
        for title, frame in part.tables.items():
            yield html.folded(frame, title)


def _numbers(profile: str, part: Part) -> pl.DataFrame:
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


def _markers(gathered: Gathered, top: int) -> Iterator[str]:
    found = gathered.markers
    if found is None:
        return
    counts = _tested(found.counts())
    yield html.paragraph(
        f"Genes correspond by {found.how}. Each type is compared with the mean of: {', '.join(found.background)}."
    )
    for note in found.notes:
        yield html.paragraph(f"note: {note}")
    yield html.table(counts)
    meaning = [f"{kind}: {KIND_MEANING[kind]}" for kind in Kind if str(kind) in counts.columns]
    yield html.bullets([*meaning, f"leaning: {LEANING}"])
    if found.conserved.height:
        yield html.folded(found.top(top), f"the {top} best conserved markers of each type")
    for kind in (Kind.CONSERVED, Kind.PARTLY, Kind.SPECIFIC, Kind.NO_ORTHOLOG, Kind.NOT_MEASURED):
        rows = found.table.filter(pl.col("kind") == str(kind))
        if rows.height:
            best = rows.filter(pl.int_range(pl.len()).over("type", "species") < 10 * top).drop("kind")
            title = f"{kind}: {KIND_MEANING[kind]} (of each type and species the {10 * top} best rows)"
            yield html.folded(best, title)


def _tested(counts: pl.DataFrame) -> pl.DataFrame:
    """Say by what types were tested; where not by donors, their number is a dash."""
    by = {"donors": "by donors", "cells": "by cells", "none": "too few cells"}
    donors = pl.when(pl.col("test") == "donors").then(pl.col("donors").cast(pl.String)).otherwise(pl.lit("–"))
    return counts.with_columns(donors.alias("donors"), pl.col("test").replace(by))


def _carried(adata: anndata.AnnData) -> Iterator[str]:
    files, fates = origin.files(adata), origin.fates(adata)
    yield html.heading("Genes and counts carried")
    if not files.height and not fates.height:
        yield html.paragraph("The object does not say how its genes were joined (uns has no 'homodb').")
        return
    if files.height:
        yield html.table(_percent(files, "of counts carried"))
    if fates.height:
        told = {str(fate): MEANING[fate] for fate in Fate}
        meaning = pl.col("fate").replace_strict(told, default="", return_dtype=pl.String)
        if not fates["share"].count():
            fates = fates.drop("share")
        else:
            fates = _percent(fates.rename({"share": "of counts"}), "of counts")
        yield html.table(fates.with_columns(meaning=meaning))
    for note in origin.notes(adata):
        yield html.paragraph(f"note: {note}")


def _percent(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the frame with a column of shares written as percentages."""
    if name not in frame.columns:
        return frame
    shown = [None if one is None else f"{one:.2%}".replace("%", " %") for one in frame[name].to_list()]
    return frame.with_columns(pl.Series(name, shown, dtype=pl.String))


def _origin(adata: anndata.AnnData, key: str) -> Iterator[str]:
    yield html.heading("How this was made")
    lines = origin.lines(adata, key)
    told = "release, strategy and parameters"
    yield html.folded(lines, told) if lines.height else html.paragraph("The object does not tell.")
    yield html.folded(origin.versions(), "versions with which this page was made")
