"""Canonical-correlation integration as Seurat 4.3's ``IntegrateEmbeddings`` and Seurat 5's ``CCAIntegration`` do it.

Source: Stuart et al., Cell 2019 (https://doi.org/10.1016/j.cell.2019.05.031).
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from homodb.query.integrate.anchors import Anchors, find_anchors
from homodb.query.integrate.merge import merge
from homodb.query.integrate.prepare import Prepared
from homodb.query.integrate.principal import canonical_vectors, unit_rows
from homodb.query.integrate.scaled import scaled, varying
from homodb.query.integrate.settings import Settings
from homodb.query.integrate.shifted import Shifted
from homodb.schema.errors import IntegrationError


def cca(prepared: Prepared, settings: Settings) -> tuple[npt.NDArray[np.float64], dict[str, Any]]:
    """Correct the principal components so that the species' cells meet.

    For each pair of species: canonical vectors of data that were scaled per species, and anchors between them. Then
    the species are merged pair by pair.

    Parameters
    ----------
    prepared
        The prepared joint object.
    settings
        ``dims``, ``scale_max``, ``k_anchor``, ``k_score``, ``k_weight``, ``sd_weight`` and ``seed`` count here.

    Returns
    -------
    tuple
        The corrected components, shape (cells, components), and what was found: anchors per pair, order of merging.

    Raises
    ------
    IntegrationError
        If fewer features vary in both species of a pair than canonical vectors are wanted, or a pair has no anchor.
    """
    joint = prepared.joint
    rows = [joint.rows(number) for number in range(len(joint.species))]
    matrices = [scaled(sp.csr_matrix(prepared.logs[one]), scale_max=settings.scale_max) for one in rows]
    pairs: dict[tuple[int, int], Anchors] = {}
    for first, second in combinations(range(len(rows)), 2):
        names = joint.species[first], joint.species[second]
        found = _anchors(matrices[first], matrices[second], settings, names)
        pairs[first, second] = Anchors(rows[first][found.first], rows[second][found.second], found.score)
    merged, steps = merge(
        prepared.components.cells, joint.code, pairs, joint.species,
        k_weight=settings.k_weight, sd_weight=settings.sd_weight,
    )  # fmt: skip
    counted = {f"{joint.species[a]}-{joint.species[b]}": len(anchors) for (a, b), anchors in pairs.items()}
    said = [f"{_named(joint.species, step.query)} into {_named(joint.species, step.reference)}" for step in steps]
    return merged, {"anchors": counted, "merged": said}


def _anchors(first: Shifted, second: Shifted, settings: Settings, names: tuple[str, str]) -> Anchors:
    both = int((varying(first) & varying(second)).sum())
    if both <= settings.dims:
        raise IntegrationError(
            f"{first.shape[1]} variable features, of which {int(varying(first).sum())} vary in {names[0]},"
            f" {int(varying(second).sum())} in {names[1]} and {both} in both: too few for {settings.dims} canonical"
            " vectors; give more shared genes, or lower dims"
        )
    left, right = canonical_vectors(first, second, settings.dims, seed=settings.seed)
    return find_anchors(unit_rows(left), unit_rows(right), k_anchor=settings.k_anchor, k_score=settings.k_score)


def _named(species: tuple[str, ...], numbers: tuple[int, ...]) -> str:
    return "+".join(species[number] for number in numbers)
