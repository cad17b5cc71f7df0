"""Find the marker genes of each cell type in each species, and which of them are conserved.

:mod:`.cells` reads, :mod:`.statistics` tests each species on its own, :mod:`.conservation` compares the markers with
their orthologs, and :mod:`.markers` joins these and shows the result.
"""

from __future__ import annotations

from homodb.query.markers.cells import MarkerCells, read_alone
from homodb.query.markers.conservation import LEANING, MEANING, Conservation
from homodb.query.markers.markers import Markers, markers
from homodb.query.markers.statistics import (
    PSEUDO,
    Bulk,
    Effects,
    Limits,
    adjusted,
    bulk,
    effects,
    moderated_t,
    precision_weights,
    rank_tests,
    usual_variance,
)

__all__ = [
    "LEANING",
    "MEANING",
    "PSEUDO",
    "Bulk",
    "Conservation",
    "Effects",
    "Limits",
    "MarkerCells",
    "Markers",
    "adjusted",
    "bulk",
    "effects",
    "markers",
    "moderated_t",
    "precision_weights",
    "rank_tests",
    "read_alone",
    "usual_variance",
]
