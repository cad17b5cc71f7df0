"""The ``none`` baseline that every score is read against: the same cells in their principal components."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from homodb.query.integrate import UNS, IntegrateSettings, prepare, read_joint
from homodb.query.score.embedded import DIMENSIONS, Embedded, read_embedded
from homodb.schema.errors import CountsError, IntegrationError, MissingPackageError

if TYPE_CHECKING:
    import anndata

#: What method ``none`` calls its result.
KEY = "pca"


@dataclass(frozen=True)
class Baseline:
    """What was found.

    Parameters
    ----------
    embedded
        The cells in the baseline; None where there is none.
    said
        Where it is from, or why there is none.
    """

    embedded: Embedded | None
    said: str


def find_baseline(
    adata: anndata.AnnData,
    embedded: Embedded,
    *,
    key: str | None = None,
    label_key: str = "cell_type",
    species_key: str = "species",
    progress: Callable[[str], None] = lambda step: None,
) -> Baseline:
    """Find the baseline of an embedding.

    Parameters
    ----------
    adata
        The object that the embedding is from.
    embedded
        The cells as they were read.
    key
        What the baseline is called in obsm; by default ``pca``. Where that is not there and none was named, it is
        computed from the counts, with the settings of the integration.
    label_key, species_key
        Columns of obs.
    progress
        Called with the name of each step as it begins.

    Raises
    ------
    ScoreError
        If the named embedding is not there.
    """
    if embedded.key in (key or KEY, f"X_{key or KEY}"):
        return Baseline(None, f"{embedded.key} is the none baseline itself: nothing stands beside it")
    if key is not None or f"X_{KEY}" in adata.obsm:
        found = read_embedded(adata, key=key or KEY, label_key=label_key, species_key=species_key)
        whose = "" if found.key in adata.uns.get(UNS, {}) else ", which homodb integrate did not make"
        return Baseline(found, f"none baseline: {found.key}{whose}")
    progress("the none baseline")
    told: Mapping[str, Any] = adata.uns.get(UNS, {}).get(embedded.key, {})
    layer, factors = str(told.get("layer", "X")), str(told.get("size_factors", "shared"))
    try:
        settings = IntegrateSettings(**_plain(told.get("settings", {})))
        joint = read_joint(
            adata, settings, species_key=species_key, species=None, layer=None if layer == "X" else layer,
            size_factors=factors,
        )  # fmt: skip
        points = prepare(joint, settings).components.cells
    except (IntegrationError, CountsError, MissingPackageError) as error:
        return Baseline(None, f"there is no none baseline: obsm has no X_{KEY}, and it cannot be computed ({error})")
    points = np.ascontiguousarray(points[:, :DIMENSIONS], np.float64)
    how = "its settings" if told else "default settings"
    return Baseline(replace(embedded, points=points, key=KEY), f"none baseline: computed from the counts, {how}")


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as Python's own numbers and texts, whatever the file made of them."""
    return {name: value.item() if hasattr(value, "item") else value for name, value in settings.items()}
