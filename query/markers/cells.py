"""Reads the cells of each species for markers: counts over genes, and the type and donor of every cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.cells import TOTAL, Coded, ObsColumns, read_counts
from homodb.schema.errors import ScoreError, UnknownSpeciesError
from homodb.schema.names import name_texts, texts
from homodb.schema.species import find

if TYPE_CHECKING:
    import anndata
    import pandas as pd


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
    adata: anndata.AnnData, *, label: str, species_key: str, donor_key: str | None, layer: str | None
) -> list[MarkerCells]:
    """Read a joint object: one side per species, over the same features.

    Raises
    ------
    ScoreError
        If a column or layer is missing or has gaps, or there is one species only.
    CountsError
        If the values are not counts.
    """
    obs = ObsColumns(adata.obs, ScoreError)
    column = obs.codes(species_key, "species", option="species_key")
    if len(column.names) < 2:
        raise ScoreError(
            f"obs[{species_key!r}] has one value, {', '.join(column.names) or 'none'}; name a joint object of two "
            "species or more, or one file of each species"
        )
    counts = read_counts(adata, layer, ScoreError)
    totals = _totals(adata, counts)
    names = name_texts(adata.var_names)
    types = obs.codes(label, "cell types", option="label_key")
    no_genes = np.full(len(names), -1, np.int64)
    sides = []
    for one in dict.fromkeys(column.code.tolist()):
        rows = np.flatnonzero(column.code == one)
        donors, own = _donors(obs, donor_key, rows), types.subset(rows)
        genes = _own_names(adata.var, column.names[one], names)
        annotations = (own.names, own.code, donors.names, donors.code)
        sides.append(MarkerCells(column.names[one], genes, no_genes, counts[rows], totals[rows], *annotations))
    return sides


def read_alone(
    adata: anndata.AnnData, species: str, genes: Sequence[str], keys: npt.NDArray[np.int64],
    place: npt.NDArray[np.int64], *, label: str, donor_key: str | None, layer: str | None,
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
    label, donor_key, layer
        As of :func:`read_joint`; errors too.
    """
    counts = read_counts(adata, layer, ScoreError)
    kept = np.flatnonzero(place >= 0)
    links = sp.csr_matrix((np.ones(len(kept), counts.dtype), (kept, place[kept])), shape=(len(place), len(keys)))
    merged = sp.csr_matrix(counts @ links)
    obs = ObsColumns(adata.obs, ScoreError)
    types = obs.codes(label, "cell types", option="label_key")
    donors = _donors(obs, donor_key, np.arange(adata.n_obs))
    totals = np.asarray(merged.sum(axis=1), np.float64).ravel()
    return MarkerCells(species, list(genes), keys, merged, totals, types.names, types.code, donors.names, donors.code)


def _totals(adata: anndata.AnnData, counts: sp.csr_matrix) -> npt.NDArray[np.float64]:
    """Return each cell's total over all genes of its species where that is known, else over the features."""
    if TOTAL in adata.obs:
        told: npt.NDArray[np.float64] = adata.obs[TOTAL].to_numpy(np.float64)
        if np.isfinite(told).all() and (told >= 0).all():
            return told
    return np.asarray(counts.sum(axis=1), np.float64).ravel()


def _donors(obs: ObsColumns, donor_key: str | None, rows: npt.NDArray[np.int64]) -> Coded:
    if donor_key is None:
        return Coded(np.zeros(len(rows), np.int64), ("",))
    return obs.codes(donor_key, "donors", option="donor_key").subset(rows)


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
