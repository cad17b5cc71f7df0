"""Reads what scores need of an integrated AnnData: where cells lie, and their type, species and donor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from homodb.query.cells import Coded, ObsColumns
from homodb.schema.errors import ScoreError

if TYPE_CHECKING:
    import anndata

#: Dimensions of the embedding that scores use, as the reference does.
DIMENSIONS = 30

#: Entry of uns in which an integration notes what it did, by key.
_UNS = "homodb_integration"

#: Key of what method ``none`` gives; it is meant only where it is named or alone.
_BASELINE = "pca"


@dataclass(frozen=True)
class Embedded:
    """Cells as scores see them.

    Parameters
    ----------
    points
        Shape (cells, at most 30), float64.
    label
        Cell types.
    species
        Species.
    donor
        Donors, each within its species; None where none was named.
    key
        What the integration is called (``cca``): its embedding is ``obsm["X_cca"]``.
    """

    points: npt.NDArray[np.float64]
    label: Coded
    species: Coded
    donor: Coded | None
    key: str

    @property
    def n_cells(self) -> int:
        """How many cells there are."""
        return len(self.points)


def integrations(adata: anndata.AnnData) -> list[str]:
    """Return the keys of all integrations that the object holds, in their order."""
    return [key for key in adata.uns.get(_UNS, {}) if f"X_{key}" in adata.obsm]


def read_embedded(
    adata: anndata.AnnData,
    *,
    key: str | None = None,
    label: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
) -> Embedded:
    """Read the cells of an integrated object.

    Parameters
    ----------
    adata
        Cells of several species, with an embedding in obsm.
    key
        Which integration: ``obsm["X_<key>"]``, or an entry of obsm by its own name; by default the only one that
        ``homodb integrate`` left, the ``none`` baseline apart.
    label, species_key, donor_key
        Columns of obs. Every cell must have a label, a species and, where a column of donors is named, a donor.

    Raises
    ------
    ScoreError
        If a column or the embedding is missing or has gaps, all labels are the same or all differ, or there is only
        one species.
    """
    name, points = _embedding(adata, key)
    obs = ObsColumns(adata.obs, ScoreError)
    labels = obs.codes(label, "cell types", option="label_key")
    species = obs.codes(species_key, "species", option="species_key")
    if len(species.names) < 2:
        raise ScoreError(
            f"obs[{species_key!r}] has one value, {', '.join(species.names) or 'none'}; scores across species need two"
        )
    if len(labels.names) < 2:
        raise ScoreError(
            f"obs[{label!r}] has one value, {', '.join(labels.names) or 'none'}; scores need two cell types"
        )
    if len(labels.names) == len(labels.code):
        raise ScoreError(f"obs[{label!r}] is different for every cell; name a column of cell types (--label)")
    donor = None if donor_key is None else _donors(obs.codes(donor_key, "donors", option="donor_key"), species)
    return Embedded(points, labels, species, donor, name)


def _embedding(adata: anndata.AnnData, key: str | None) -> tuple[str, npt.NDArray[np.float64]]:
    there = integrations(adata)
    if key is None:
        there = [one for one in there if one != _BASELINE] or there
        if not there:
            raise ScoreError(
                "homodb integrate left no embedding in this file; give the file that it wrote, or name one (--key)"
            )
        if len(there) > 1:
            raise ScoreError(f"which embedding is meant? There are: {', '.join(there)}; name one (--key)")
        key = there[0]
    slot = f"X_{key}" if f"X_{key}" in adata.obsm else key
    if slot not in adata.obsm:
        seen = ", ".join(adata.obsm) or "none"
        raise ScoreError(f"there is no embedding {key!r}; obsm has: {seen}")
    points = np.ascontiguousarray(np.asarray(adata.obsm[slot])[:, :DIMENSIONS], np.float64)
    if not np.isfinite(points).all():
        raise ScoreError(f"obsm[{slot!r}] holds NaN or infinite values")
    return slot.removeprefix("X_"), points


def _donors(column: Coded, species: Coded) -> Coded:
    """Return donors; one name in two species is two donors."""
    pair = species.code * len(column.names) + column.code
    pairs, code = np.unique(pair, return_inverse=True)
    names = (f"{species.names[one // len(column.names)]} {column.names[one % len(column.names)]}" for one in pairs)
    return Coded(code.astype(np.int64), tuple(names))
