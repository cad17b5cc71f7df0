"""Gathers what a page about an integration shows; what cannot be had becomes a note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import Coded, ObsColumns, check_layer
from homodb.query.markers import Markers
from homodb.query.markers import markers as find_markers
from homodb.query.score import Embedded, Score, read_embedded
from homodb.schema.errors import HomodbError, MissingPackageError, ScoreError

if TYPE_CHECKING:
    import anndata

    from homodb.query.release import ReleaseFile


#: Of fewer cells no UMAP is made.
_FEWEST = 12

#: Title of the table of scores that says what cells of one species are called by another.
_CALLS = "label transfer calls"


@dataclass(frozen=True)
class Gathered:
    """What a page shows of cells.

    Parameters
    ----------
    embedded
        Cells with their types, species and donors.
    plane
        Where they are drawn, shape (cells, 2).
    axes
        What its axes are called.
    cluster
        Clusters; None where there are none.
    score
        Scores; None where there are none.
    calls
        ``reference, query, cell_type, call, cells, share``: what cells of one species are called by their nearest
        cells of another; empty where that cannot be told.
    markers
        None where there are no counts.
    notes
        What is missing, and why.
    """

    embedded: Embedded
    plane: npt.NDArray[np.float64]
    axes: str
    cluster: Coded | None
    score: Score | None
    calls: pl.DataFrame
    markers: Markers | None
    notes: tuple[str, ...]


def gather(
    adata: anndata.AnnData,
    *,
    key: str | None,
    label: str,
    species_key: str,
    donor_key: str | None,
    layer: str | None,
    profile: str,
    cells: Sequence[anndata.AnnData | str | Path],
    species: Sequence[str | None] | None,
    release: str | Path | ReleaseFile | None,
    score: Score | None,
    markers: Markers | None,
    report: Callable[[str], None],
) -> Gathered:
    """Gather what a page shows; parameters and errors are those of :func:`homodb.query.report.report.report`."""
    embedded = read_embedded(adata, key=key, label=label, species_key=species_key, donor_key=donor_key)
    notes: list[str] = []
    asked = {"label": label, "species_key": species_key, "donor_key": donor_key}
    if not cells:
        check_layer(adata, layer, ScoreError)
    elif markers is None:  # before the long steps, since files and species may not be what they should be
        report("markers")
        markers = _markers(adata, asked, layer, cells, species, release, notes)
    report("laying cells out")
    plane, axes = _plane(adata, embedded, notes)
    cluster = _cluster(adata, embedded.key, notes)
    if score is None:
        report("scores")
        score = _score(adata, embedded.key, profile, asked, notes, report)
    report("label transfer")
    calls = _calls(embedded, score, notes)
    if markers is None:
        report("markers")
        markers = _markers(adata, asked, layer, cells, species, release, notes)
    return Gathered(embedded, plane, axes, cluster, score, calls, markers, tuple(notes))


def _plane(adata: anndata.AnnData, embedded: Embedded, notes: list[str]) -> tuple[npt.NDArray[np.float64], str]:
    slot = f"X_{embedded.key}_umap"
    if slot in adata.obsm:
        there = np.asarray(adata.obsm[slot], np.float64)
        if there.ndim == 2 and there.shape[1] >= 2 and np.isfinite(there[:, :2]).all():
            return there[:, :2], "UMAP"
        notes.append(f"obsm[{slot!r}] is no plane of finite numbers and was not used")
    if embedded.n_cells >= _FEWEST:
        from homodb.query.integrate import umap

        try:
            return np.asarray(umap(embedded.points), np.float64), "UMAP"
        except MissingPackageError as error:
            notes.append(f"cells are drawn by the first two dimensions of the embedding: {error}")
    else:
        notes.append(f"cells are drawn by the first two dimensions: {embedded.n_cells} are too few for a UMAP")
    padded = np.zeros((embedded.n_cells, 2))
    padded[:, : min(2, embedded.points.shape[1])] = embedded.points[:, :2]
    return padded, "dimension"


def _cluster(adata: anndata.AnnData, key: str, notes: list[str]) -> Coded | None:
    name = f"{key}_cluster"
    if name not in adata.obs or adata.obs[name].isna().any():
        notes.append(f"there are no clusters: obs has no column {name!r} that every cell has a value of")
        return None
    column = ObsColumns(adata.obs, ScoreError).codes(name)
    names = column.names
    order = sorted(range(len(names)), key=lambda at: (len(names[at]) if names[at].isdecimal() else 99, names[at]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return Coded(rank[column.code], tuple(names[at] for at in order))


def _score(
    adata: anndata.AnnData, key: str, profile: str, asked: dict[str, Any], notes: list[str],
    report: Callable[[str], None],
) -> Score | None:  # fmt: skip
    from homodb.query.score import score

    for one in dict.fromkeys((profile, "cross-species")):
        try:
            return score(adata, key=key, profile=one, report=report, **asked)
        except (ScoreError, MissingPackageError) as error:
            notes.append(f"no scores by profile {one}: {error}")
    return None


def _calls(embedded: Embedded, score: Score | None, notes: list[str]) -> pl.DataFrame:
    for part in score.parts.values() if score else ():
        if _CALLS in part.tables:
            return part.tables[_CALLS]
    from homodb.query.score import VOTERS, find_votes

    counts = np.bincount(embedded.species.code, minlength=len(embedded.species.names))
    if counts.min() <= VOTERS:
        notes.append(f"labels were not carried across: a species has {counts.min()} cells, and {VOTERS} vote")
        return pl.DataFrame()
    frames = []
    names = np.array(embedded.label.names, dtype=object)
    for reference, query in np.argwhere(~np.eye(len(counts), dtype=bool)).tolist():
        votes = find_votes(embedded, reference, query)
        call, _ = votes.call(np.ones(embedded.n_cells))
        called = {"cell_type": names[embedded.label.code[votes.cells]], "call": names[call]}
        species = embedded.species.names
        frames.append(pl.DataFrame({"reference": species[reference], "query": species[query], **called}))
    by = ["reference", "query", "cell_type", "call"]
    counted = pl.concat(frames).group_by(by, maintain_order=True).agg(cells=pl.len().cast(pl.Int64))
    return counted.with_columns(share=pl.col("cells") / pl.col("cells").sum().over(by[:3])).sort(by)


def _markers(
    adata: anndata.AnnData, asked: dict[str, Any], layer: str | None, cells: Sequence[Any],
    species: Sequence[str | None] | None, release: Any, notes: list[str],
) -> Markers | None:  # fmt: skip
    try:
        if cells:
            own = {"label": asked["label"], "donor_key": asked["donor_key"], "layer": layer}
            return find_markers(cells, species=species, release=release, **own)
        return find_markers(adata, layer=layer, **asked)
    except HomodbError as error:
        if cells:
            raise
        notes.append(f"no markers: {error}")
        return None
