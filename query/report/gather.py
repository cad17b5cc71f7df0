"""Collect the contents of a page about an integration; parts that are not available become notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from homodb.query.cells import Coded, ObsColumns, SeveralCells, check_layer
from homodb.query.integrate import UNS
from homodb.query.markers import Markers
from homodb.query.markers import markers as find_markers
from homodb.query.score import Embedded, Score, read_embedded
from homodb.schema.errors import HomodbError, MissingPackageError, ScoreError
from homodb.schema.species import Species

if TYPE_CHECKING:
    import anndata

    from homodb.query.release import ReleaseFile


#: Least number of cells of a UMAP.
_FEWEST = 12

#: Title of the table of scores with the labels of one species' cells by another.
_CALLS = "label transfer calls"


#: Packages whose versions may change a page.
_PACKAGES = (
    "homodb", "anndata", "numpy", "scipy", "polars", "igraph", "umap-learn", "harmonypy", "jax", "scvi-tools",
    "scikit-learn", "matplotlib",
)  # fmt: skip

#: Values of a list that are shown.
_SHOWN = 12

#: Facts that are elsewhere on the page, or too long for a line.
_ELSEWHERE = ("fates", "fate_genes", "fate_shares", "files", "species", "genes", "carried", "notes")


@dataclass(frozen=True)
class Gathered:
    """Contents of a page."""

    embedded: Embedded  # cells with their types, species and donors
    plane: npt.NDArray[np.float64]  # coordinates for drawing, shape (cells, 2)
    axes: str  # label of the axes
    cluster: Coded | None  # clusters, scores and markers, or None
    score: Score | None
    # ``reference, query, cell_type, call, cells, share``: labels of the cells of one species by their nearest cells of
    # another; empty if there are too few cells
    calls: pl.DataFrame
    markers: Markers | None
    notes: tuple[str, ...]  # missing parts, with the reason


def gather(
    adata: anndata.AnnData, *, key: str | None, label_key: str, species_key: str, donor_key: str | None,
    layer: str | None, profile: str, cells: SeveralCells,
    species: Sequence[str | int | Species | None] | None, release: str | Path | ReleaseFile | None, score: Score | None,
    markers: Markers | None, progress: Callable[[str], None],
) -> Gathered:  # fmt: skip
    """Collect the contents of a page; parameters and errors are those of :func:`homodb.report`."""
    embedded = read_embedded(adata, key=key, label_key=label_key, species_key=species_key, donor_key=donor_key)
    notes: list[str] = []
    columns = {"label_key": label_key, "species_key": species_key, "donor_key": donor_key}
    if not cells and layer is not None:
        check_layer(adata, layer, ScoreError)
    elif cells and markers is None:  # before the long steps, since files and species may be invalid
        progress("markers")
        markers = _markers(adata, columns, layer, cells, species, release, notes)
    progress("laying cells out")
    plane, axes = _plane(adata, embedded, notes)
    cluster = _cluster(adata, embedded.key, notes)
    if score is None:
        progress("scores")
        score = _score(adata, embedded.key, profile, columns, notes, progress)
    progress("label transfer")
    calls = _calls(embedded, score, notes)
    if markers is None:
        progress("markers")
        markers = _markers(adata, columns, layer, cells, species, release, notes)
    return Gathered(embedded, plane, axes, cluster, score, calls, markers, tuple(notes))


def _plane(adata: anndata.AnnData, embedded: Embedded, notes: list[str]) -> tuple[npt.NDArray[np.float64], str]:
    slot = f"X_{embedded.key}_umap"
    if slot in adata.obsm:
        plane = np.asarray(adata.obsm[slot], np.float64)
        if plane.ndim == 2 and plane.shape[1] >= 2 and np.isfinite(plane[:, :2]).all():
            return plane[:, :2], "UMAP"
        notes.append(f"obsm[{slot!r}] is not two columns of finite numbers and was not used")
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
    adata: anndata.AnnData, key: str, profile: str, columns: dict[str, Any], notes: list[str],
    progress: Callable[[str], None],
) -> Score | None:  # fmt: skip
    from homodb.query.score import score

    for one in dict.fromkeys((profile, "cross-species")):
        try:
            return score(adata, key=key, profile=one, progress=progress, **columns)
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
    adata: anndata.AnnData, columns: dict[str, Any], layer: str | None, cells: SeveralCells,
    species: Sequence[str | int | Species | None] | None, release: Any, notes: list[str],
) -> Markers | None:  # fmt: skip
    try:
        if cells:
            own = {"label_key": columns["label_key"], "donor_key": columns["donor_key"], "layer": layer}
            return find_markers(cells, species=species, release=release, **own)
        return find_markers(adata, layer=layer, **columns)
    except HomodbError as error:
        if cells:
            raise
        notes.append(f"no markers: {error}")
        return None


def simulated(adata: anndata.AnnData) -> bool:
    """Return whether the cells or the release are simulated by homodb, without meaning for biology."""
    record = _record(adata)
    dropped = {str(one) for one in np.atleast_1d(record.get("dropped", []))}
    release = str(record.get("release", ""))
    return "simulated" in adata.uns or "uns['simulated']" in dropped or release.startswith("simulated")


def recorded_lines(adata: anndata.AnnData, key: str) -> pl.DataFrame:
    """Return ``step, what, value``: the object's records of its join and integration."""
    record = _record(adata)
    rows = [(str(record.get("what", "translate")), *row) for row in _flat(record) if row[0] not in _ELSEWHERE]
    rows += [("integrate", *row) for row in _flat(adata.uns.get(UNS, {}).get(key, {}))]
    return pl.DataFrame(rows, schema=dict.fromkeys(("step", "what", "value"), pl.String), orient="row")


def installed_versions() -> pl.DataFrame:
    """Return ``package, version`` of the installed packages that affect a page."""
    versions = {one.metadata["Name"].lower(): one.version for one in metadata.distributions() if one.metadata["Name"]}
    rows = [(name, versions[name]) for name in _PACKAGES if name in versions]
    return pl.DataFrame(rows, schema=dict.fromkeys(("package", "version"), pl.String), orient="row")


def recorded_fact(adata: anndata.AnnData, key: str, name: str) -> str:
    """Return a fact from the record of the integration or else of the join, or ``unknown``."""
    for record in (adata.uns.get(UNS, {}).get(key, {}), _record(adata)):
        if name in record:
            return _text(record[name])
    return "unknown"


def join_notes(adata: anndata.AnnData) -> list[str]:
    """Return the notes of the join."""
    return [str(one) for one in np.atleast_1d(_record(adata).get("notes", []))]


def joined_files(adata: anndata.AnnData) -> pl.DataFrame:
    """Return ``file, species, genes, of counts carried``, a row per joined file; empty without a record."""
    record = _record(adata)
    if not {"files", "species", "genes"} <= set(record):
        if "carried" in record and "source" in record:
            row = (
                str(record["source"]),
                str(record["target"]),
                int(record.get("source_genes", 0)),
                float(record["carried"]),
            )
            return pl.DataFrame([row], ["source", "target", "genes", "of counts carried"], orient="row")
        return pl.DataFrame()
    columns: dict[str, Any] = {
        "file": [str(one) for one in record["files"]], "species": [str(one) for one in record["species"]],
        "genes": np.asarray(record["genes"], np.int64),
    }  # fmt: skip
    if "carried" in record:
        columns["of counts carried"] = np.asarray(record["carried"], np.float64)
    return pl.DataFrame(columns)


def joined_fates(adata: anndata.AnnData) -> pl.DataFrame:
    """Return ``file, fate, genes, share`` (of the file's counts, or null); empty without a record."""
    record = _record(adata)
    if "fate_genes" in record and "files" in record:
        genes = np.asarray(record["fate_genes"])
        shares = np.asarray(record.get("fate_shares", np.full(genes.shape, np.nan)), np.float64)
        rows = [
            (str(file), str(fate), int(genes[at, place]), float(shares[at, place]))
            for at, file in enumerate(record["files"])
            for place, fate in enumerate(record["fates"])
            if genes[at, place]
        ]
    elif isinstance(record.get("fates"), Mapping):
        rows = [(str(record.get("source", "")), fate, int(count), np.nan) for fate, count in record["fates"].items()]
    else:
        return pl.DataFrame()
    return pl.DataFrame(rows, ["file", "fate", "genes", "share"], orient="row").with_columns(
        pl.col("share").fill_nan(None)
    )


def _record(adata: anndata.AnnData) -> Mapping[str, Any]:
    record = adata.uns.get("homodb", {})
    return record if isinstance(record, Mapping) else {}


def _flat(record: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{before}{name}: ")
        else:
            rows.append((f"{before}{name}", _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray | list | tuple):
        flat = np.asarray(value).ravel()
        if flat.size > _SHOWN:
            return f"{flat.size:,} values"
        return "; ".join(_text(one) for one in flat.tolist())
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
