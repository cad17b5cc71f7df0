"""Read what scores need of an integrated AnnData: the embedding, cell types, species and donors, and the baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from homodb.query.cells import Coded, ObsColumns
from homodb.query.integrate import UNS, IntegrateSettings, Nearest, kneighbors, prepare, read_joint
from homodb.query.score.cell_scores import NEIGHBORS, silhouette
from homodb.schema.errors import CountsError, IntegrationError, MissingPackageError, ScoreError

if TYPE_CHECKING:
    import anndata

#: Dimensions of the embedding that scores use, as the reference does.
DIMENSIONS = 30

#: Key of the embedding of method ``none``; scored only if it is named or alone.
BASELINE = "pca"


@dataclass(frozen=True)
class Embedded:
    """Cells with an embedding."""

    points: npt.NDArray[np.float64]  # embedding, shape (cells, at most 30), float64
    label: Coded  # cell types
    species: Coded  # species
    donor: Coded | None  # donors, each within its species; None if no column was named
    key: str  # key of the integration, such as ``cca`` for ``obsm["X_cca"]``

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.points)

    @cached_property
    def near(self) -> Nearest:
        """The 90 nearest cells of each, including itself, or as many as there are: one search for all scores."""
        return kneighbors(self.points, min(NEIGHBORS, self.n_cells))

    @cached_property
    def silhouettes(self) -> npt.NDArray[np.float64]:
        """Silhouette of each cell by type, shape (cells,)."""
        return silhouette(self.points, self.label.code)

    def donors(self) -> dict[str, int]:
        """Return the number of donors of each species, 0 without a column of donors."""
        codes = [
            self.donor.code[self.species.code == at] if self.donor else [] for at in range(len(self.species.names))
        ]
        return {name: len(np.unique(code)) for name, code in zip(self.species.names, codes, strict=True)}

    def subset(self, kept: npt.NDArray[np.bool_]) -> Embedded:
        """Return some of the cells, with only the names that they have."""
        if kept.all():
            return self
        donor = None if self.donor is None else self.donor.subset(kept)
        points = np.ascontiguousarray(self.points[kept])
        return Embedded(points, self.label.subset(kept), self.species.subset(kept), donor, self.key)


def read_embedded(
    adata: anndata.AnnData,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    donor_key: str | None = None,
) -> Embedded:
    """Read the cells of an integrated object.

    Parameters
    ----------
    adata
        Cells of several species, with an embedding in obsm.
    key
        Key of the integration (``obsm["X_<key>"]``), or the name of an entry of obsm; by default the only one that
        ``homodb integrate`` left, besides the ``none`` baseline.
    label_key, species_key, donor_key
        Columns of obs. Every cell needs a label, a species and, if `donor_key` is given, a donor.

    Raises
    ------
    ScoreError
        If a column or the embedding is missing or has gaps, all labels are equal or all differ, or there is only one
        species.
    """
    name, points = _embedding(adata, key)
    obs = ObsColumns(adata.obs, ScoreError)
    labels = obs.codes(label_key, "cell types", option="label_key")
    species = obs.codes(species_key, "species", option="species_key")
    if len(species.names) < 2:
        raise ScoreError(
            f"obs[{species_key!r}] has one value, {', '.join(species.names) or 'none'}; scores across species need two"
        )
    if len(labels.names) < 2:
        raise ScoreError(
            f"obs[{label_key!r}] has one value, {', '.join(labels.names) or 'none'}; scores need two cell types"
        )
    if len(labels.names) == len(labels.code):
        raise ScoreError(
            f"obs[{label_key!r}] is different for every cell; name a column of cell types", option="label_key"
        )
    donor = None if donor_key is None else _donors(obs.codes(donor_key, "donors", option="donor_key"), species)
    return Embedded(points, labels, species, donor, name)


def _embedding(adata: anndata.AnnData, key: str | None) -> tuple[str, npt.NDArray[np.float64]]:
    if key is None:
        keys = [one for one in adata.uns.get(UNS, {}) if f"X_{one}" in adata.obsm]
        keys = [one for one in keys if one != BASELINE] or keys
        if not keys:
            raise ScoreError(
                "homodb integrate left no embedding in this file; give the file that it wrote, or name an embedding",
                option="key",
            )
        if len(keys) > 1:
            raise ScoreError(f"there are several embeddings: {', '.join(keys)}; name one", option="key")
        key = keys[0]
    slot = f"X_{key}" if f"X_{key}" in adata.obsm else key
    if slot not in adata.obsm:
        raise ScoreError(f"there is no embedding {key!r}; obsm has: {', '.join(adata.obsm) or 'none'}")
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


@dataclass(frozen=True)
class Baseline:
    """The same cells in the ``none`` baseline."""

    embedded: Embedded | None  # the cells; None if there is no baseline
    origin: str  # sentence that says where the baseline is from, or why there is none


def find_baseline(
    adata: anndata.AnnData,
    embedded: Embedded,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    progress: Callable[[str], None] = lambda step: None,
) -> Baseline:
    """Find the baseline of an embedding: the principal components of method ``none``.

    By default its key is ``pca``, and if obsm does not have it, it is computed from the counts with the settings of the
    integration.

    Raises
    ------
    ScoreError
        If the named embedding does not exist.
    """
    if embedded.key in (key or BASELINE, f"X_{key or BASELINE}"):
        return Baseline(None, f"{embedded.key} is the none baseline itself: nothing stands beside it")
    if key is not None or f"X_{BASELINE}" in adata.obsm:
        baseline = read_embedded(adata, key=key or BASELINE, label_key=label_key, species_key=species_key)
        origin = "" if baseline.key in adata.uns.get(UNS, {}) else ", which homodb integrate did not make"
        return Baseline(baseline, f"none baseline: {baseline.key}{origin}")
    progress("the none baseline")
    entry: Mapping[str, Any] = adata.uns.get(UNS, {}).get(embedded.key, {})
    layer, factors = str(entry.get("layer", "X")), str(entry.get("size_factors", "shared"))
    # numbers of a file are NumPy scalars
    given = {
        name: value.item() if hasattr(value, "item") else value for name, value in entry.get("settings", {}).items()
    }
    try:
        settings = IntegrateSettings(**given)
        joint = read_joint(
            adata, settings, species_key=species_key, species=None, layer=None if layer == "X" else layer,
            size_factors=factors,
        )  # fmt: skip
        points = prepare(joint, settings).components.cells
    except (IntegrationError, CountsError, MissingPackageError) as error:
        return Baseline(
            None, f"there is no none baseline: obsm has no X_{BASELINE}, and it cannot be computed ({error})"
        )
    points = np.ascontiguousarray(points[:, :DIMENSIONS], np.float64)
    origin = "its settings" if entry else "default settings"
    return Baseline(
        replace(embedded, points=points, key=BASELINE), f"none baseline: computed from the counts, {origin}"
    )
