"""What an object says of how it was made: release, strategy, parameters, counts carried; or that it is made up."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import anndata

#: Packages whose versions may change what a page shows.
_PACKAGES = (
    "homodb", "anndata", "numpy", "scipy", "polars", "igraph", "umap-learn", "harmonypy", "scvi-tools", "scib-metrics",
    "scikit-learn", "matplotlib",
)  # fmt: skip

#: So many values of a list are shown.
_SHOWN = 12

#: What is shown elsewhere on the page, or is too long for a line.
_ELSEWHERE = ("fates", "fate_genes", "fate_shares", "files", "species", "genes", "carried", "notes")


def simulated(adata: anndata.AnnData) -> bool:
    """Say whether cells or release are simulated by homodb: nothing of them says anything about biology."""
    told = _told(adata)
    dropped = {str(one) for one in np.atleast_1d(told.get("dropped", []))}
    return (
        "simulated" in adata.uns
        or "uns['simulated']" in dropped
        or str(told.get("release", "")).startswith("simulated")
    )


def lines(adata: anndata.AnnData, key: str) -> pl.DataFrame:
    """Return ``step, what, value``: everything that the object notes of how it was joined and integrated."""
    told = _told(adata)
    rows = [(str(told.get("what", "translate")), *row) for row in _flat(told) if row[0] not in _ELSEWHERE]
    done = adata.uns.get("homodb_integration", {}).get(key, {})
    rows += [("integrate", *row) for row in _flat(done)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("step", "what", "value"), pl.String), orient="row")


def versions() -> pl.DataFrame:
    """Return ``package, version`` of what is installed of the packages that this page depends on."""
    there = {one.metadata["Name"].lower(): one.version for one in metadata.distributions() if one.metadata["Name"]}
    rows = [(name, there[name]) for name in _PACKAGES if name in there]
    return pl.DataFrame(rows, schema=dict.fromkeys(("package", "version"), pl.String), orient="row")


def fact(adata: anndata.AnnData, key: str, name: str) -> str:
    """Return a single thing that the object notes, of its integration or else of its join; ``not told`` otherwise."""
    done = adata.uns.get("homodb_integration", {}).get(key, {})
    for told in (done, _told(adata)):
        if name in told:
            return _text(told[name])
    return "not told"


def notes(adata: anndata.AnnData) -> list[str]:
    """Return what the join noted."""
    return [str(one) for one in np.atleast_1d(_told(adata).get("notes", []))]


def files(adata: anndata.AnnData) -> pl.DataFrame:
    """Return ``file, species, genes, of counts carried``, a row per file joined; empty where nothing is told."""
    told = _told(adata)
    if not {"files", "species", "genes"} <= set(told):
        if "carried" in told and "source" in told:
            row = (str(told["source"]), str(told["target"]), int(told.get("source_genes", 0)), float(told["carried"]))
            return pl.DataFrame([row], ["source", "target", "genes", "of counts carried"], orient="row")
        return pl.DataFrame()
    columns: dict[str, Any] = {
        "file": [str(one) for one in told["files"]], "species": [str(one) for one in told["species"]],
        "genes": np.asarray(told["genes"], np.int64),
    }  # fmt: skip
    if "carried" in told:
        columns["of counts carried"] = np.asarray(told["carried"], np.float64)
    return pl.DataFrame(columns)


def fates(adata: anndata.AnnData) -> pl.DataFrame:
    """Return ``file, fate, genes, share`` (of the file's counts; null where not known); empty where nothing is told."""
    told = _told(adata)
    if "fate_genes" in told and "files" in told:
        genes = np.asarray(told["fate_genes"])
        shares = np.asarray(told.get("fate_shares", np.full(genes.shape, np.nan)), np.float64)
        rows = [
            (str(file), str(fate), int(genes[at, place]), float(shares[at, place]))
            for at, file in enumerate(told["files"])
            for place, fate in enumerate(told["fates"])
            if genes[at, place]
        ]
    elif isinstance(told.get("fates"), Mapping):
        rows = [(str(told.get("source", "")), fate, int(count), np.nan) for fate, count in told["fates"].items()]
    else:
        return pl.DataFrame()
    return pl.DataFrame(rows, ["file", "fate", "genes", "share"], orient="row").with_columns(
        pl.col("share").fill_nan(None)
    )


def _told(adata: anndata.AnnData) -> Mapping[str, Any]:
    told = adata.uns.get("homodb", {})
    return told if isinstance(told, Mapping) else {}


def _flat(told: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in told.items():
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
