"""Reads the cells of each species for markers: counts over genes, and the type and donor of every cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import kind_of_values, no_layer, slots_of, values_of
from homodb.schema.errors import CountsError, ScoreError, UnknownSpeciesError
from homodb.schema.messages import counted, did_you_mean
from homodb.schema.names import name_texts, texts
from homodb.schema.species import find

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Column of obs that holds a cell's total over all genes of its species, as ``homodb join`` leaves it.
_TOTAL = "homodb_total"


@dataclass(frozen=True)
class MarkerCells:
    """The cells of one species.

    Parameters
    ----------
    species
        What the species is called.
    genes
        A unique name for each column.
    keys
        Gene of the release behind each column, int64; -1 where there is none, or no release was asked.
    counts
        CSR, cells x genes.
    totals
        What each cell's counts are divided by, shape (cells,).
    types, type_code
        Cell types, sorted, and which of them each cell is.
    donors, donor_code
        Donors, sorted, and which of them each cell is from; one nameless donor where none was told.
    """

    species: str
    genes: list[str]
    keys: npt.NDArray[np.int64]
    counts: sp.csr_matrix
    totals: npt.NDArray[np.float64]
    types: tuple[str, ...]
    type_code: npt.NDArray[np.int64]
    donors: tuple[str, ...]
    donor_code: npt.NDArray[np.int64]

    def cells(self) -> dict[str, int]:
        """Return how many cells each type has."""
        return dict(zip(self.types, np.bincount(self.type_code, minlength=len(self.types)).tolist(), strict=True))


def read_joint(
    adata: anndata.AnnData, *, label_key: str, species_key: str, donor_key: str | None, layer: str | None
) -> list[MarkerCells]:
    """Read a joint object: one side per species, over the same features.

    Raises
    ------
    ScoreError
        If a column or layer is missing or has gaps, or there is one species only.
    CountsError
        If the values are not counts.
    """
    species_names, code = column(adata.obs, species_key, "the species", "--species-key")
    if len(species_names) < 2:
        raise ScoreError(
            f"obs[{species_key!r}] has one value, {', '.join(species_names) or 'none'}; name a joint object of two "
            "species or more, or one file of each species"
        )
    order = list(dict.fromkeys(code.tolist()))
    counts = read_counts(adata, layer)
    totals = _totals(adata, counts)
    names = name_texts(adata.var_names)
    types, type_code = column(adata.obs, label_key, "cell types", "--label")
    sides = []
    for one in order:
        rows = np.flatnonzero(code == one)
        donors, donor_code = _donors(adata.obs, donor_key, rows)
        own_types, own_code = _used(types, type_code[rows])
        told = _own_names(adata.var, species_names[one], names)
        unknown = np.full(len(names), -1, np.int64)
        own = (own_types, own_code, donors, donor_code)
        sides.append(MarkerCells(species_names[one], told, unknown, counts[rows], totals[rows], *own))
    return sides


def read_alone(
    adata: anndata.AnnData, species: str, genes: Sequence[str], keys: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64], *, label_key: str, donor_key: str | None, layer: str | None,
) -> MarkerCells:  # fmt: skip
    """Read an object of one species, columns that mean one gene added up.

    Parameters
    ----------
    adata
        The object.
    species
        What the species is called.
    genes, keys
        Of each column of the result: its name, and its gene.
    place
        To which column of the result each row of var goes; -1 for none. Shape (rows of var,).
    label_key, donor_key, layer
        As of :func:`read_joint`; errors too.
    """
    counts = read_counts(adata, layer)
    kept = np.flatnonzero(place >= 0)
    links = sp.csr_matrix((np.ones(len(kept), counts.dtype), (kept, place[kept])), shape=(len(place), len(keys)))
    merged = sp.csr_matrix(counts @ links)
    types, type_code = column(adata.obs, label_key, "cell types", "--label")
    donors, donor_code = _donors(adata.obs, donor_key, np.arange(adata.n_obs))
    totals = np.asarray(merged.sum(axis=1), np.float64).ravel()
    return MarkerCells(species, list(genes), keys, merged, totals, types, type_code, donors, donor_code)


def column(obs: pd.DataFrame, name: str, what: str, option: str) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the values of a column of obs, sorted, and which of them each cell has.

    Raises
    ------
    ScoreError
        If it is not there, or has gaps.
    """
    if name not in obs:
        there = ", ".join(map(str, obs.columns)) or "no column"
        raise ScoreError(
            f"obs has no column {name!r} that tells {what}; it has {there} ({option})"
            + did_you_mean(name, map(str, obs.columns))
        )
    if obs[name].isna().any():
        raise ScoreError(f"obs[{name!r}] is empty for {counted(int(obs[name].isna().sum()), 'cell')}; leave them out")
    values, code = np.unique(obs[name].astype(str).to_numpy().astype(str), return_inverse=True)
    return tuple(values.tolist()), code.astype(np.int64)


def check_layer(adata: anndata.AnnData, layer: str | None) -> None:
    """Refuse a layer that is not there.

    Raises
    ------
    ScoreError
        Lists those that there are.
    """
    layers = slots_of(adata).layers
    if layer is not None and layer not in layers:
        raise ScoreError(f"{no_layer(layer, layers)} (--layer)")


def read_counts(adata: anndata.AnnData, layer: str | None) -> sp.csr_matrix:
    """Return the counts as CSR.

    Raises
    ------
    ScoreError
        If the layer is not there, or X is empty.
    CountsError
        If the values are no counts: NaN, negative, or logarithms.
    """
    check_layer(adata, layer)
    where = "X" if layer is None else f"layers[{layer!r}]"
    matrix: Any = adata.X if layer is None else adata.layers[layer]
    if matrix is None:
        raise ScoreError("X is empty; name the layer that holds the counts (--layer)")
    counts = sp.csr_matrix(values_of(matrix))
    counts = sp.csr_matrix((counts.data, counts.indices, counts.indptr), counts.shape)  # one type for both indices
    others = "; ".join(f"--layer {name}" for name in slots_of(adata).layers if name != layer) or "give raw counts"
    kind = kind_of_values(counts, logged="log1p" in adata.uns)
    if kind in ("nan", "scaled", "log") or not np.isfinite(counts.data).all():
        what = {"scaled": "negative values", "log": "logarithms"}.get(kind, "NaN or infinite values")
        raise CountsError(f"{where} holds {what}; markers need counts ({others})")
    if counts.data.size and counts.data.min() < 0:
        raise CountsError(f"{where} holds negative values; markers need counts ({others})")
    if not counts.has_canonical_format:
        counts = counts.copy()
        counts.sum_duplicates()
    return counts


def _totals(adata: anndata.AnnData, counts: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return each cell's total over all genes of its species where that is known, else over the features."""
    if _TOTAL in adata.obs:
        told: npt.NDArray[np.float64] = adata.obs[_TOTAL].to_numpy(np.float64)
        if np.isfinite(told).all() and (told >= 0).all():
            return told
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def _donors(
    obs: pd.DataFrame, donor_key: str | None, rows: npt.NDArray[np.int64]
) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    if donor_key is None:
        return ("",), np.zeros(len(rows), np.int64)
    names, code = column(obs, donor_key, "the donors", "--donor-key")
    return _used(names, code[rows])


def _used(names: tuple[str, ...], code: npt.NDArray[np.int64]) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return only the names that cells have."""
    there, own = np.unique(code, return_inverse=True)
    return tuple(names[one] for one in there), own.astype(np.int64)


def _own_names(var: pd.DataFrame, species: str, names: list[str]) -> list[str]:
    """Return what the species itself calls each feature, where a join has told it."""
    try:
        told = f"homodb_{find(species).name}"
    except UnknownSpeciesError:
        return names
    if told not in var:
        return names
    own = [one or name for one, name in zip(texts(var[told]), names, strict=True)]
    repeated = {name for name, number in Counter(own).items() if number > 1}
    return [f"{one} ({name})" if one in repeated else one for one, name in zip(own, names, strict=True)]
