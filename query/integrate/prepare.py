"""The preparation that all methods share: variable features, normalising, scaling, principal components."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.counts import Joint
from homodb.query.integrate.principal import Components, principal_components
from homodb.query.integrate.scaled import log_normalized, scaled
from homodb.query.integrate.settings import Settings
from homodb.query.integrate.variable import consensus, vst
from homodb.schema.errors import IntegrationError

if TYPE_CHECKING:
    from homodb.query.release import Release


@dataclass(frozen=True)
class Prepared:
    """What a method works on; rows are the cells of the joint object, in its order.

    Parameters
    ----------
    joint
        Counts and species.
    chosen
        The variable features, in order of consensus.
    logs
        Their normalised logarithms, cells x chosen features.
    components
        Principal components of these, scaled over all cells.
    release
        A release, open or where it lies, for methods that need vectors of genes.
    """

    joint: Joint
    chosen: npt.NDArray[np.int64]
    logs: sp.csr_matrix
    components: Components
    release: Release | str | Path | None = None


def prepare(joint: Joint, settings: Settings) -> Prepared:
    """Choose features and compute principal components with Seurat's steps.

    Raises
    ------
    IntegrationError
        If there are fewer cells or features than components are wanted.
    """
    ranked = []
    for number in range(len(joint.species)):
        of_species = sp.csr_matrix(joint.counts[joint.rows(number)])
        ranked.append(vst(of_species, span=settings.span).order()[: settings.n_features])
    chosen = consensus(ranked, joint.features, settings.n_features)
    if min(len(chosen), len(joint.code)) <= settings.n_components:
        raise IntegrationError(
            f"{settings.n_components} components are wanted (n_components) of {len(joint.code)} cells and {len(chosen)}"
            " variable features; give more, or lower n_components and dims"
        )
    logs = log_normalized(sp.csr_matrix(joint.counts[:, chosen]), joint.totals, scale_factor=settings.scale_factor)
    matrix = scaled(logs, scale_max=settings.scale_max)
    return Prepared(joint, chosen, logs, principal_components(matrix, settings.n_components, seed=settings.seed))
