"""Marker genes of each cell type in each species, and which of them are the same genes in the other species.

Reading comes first (:mod:`.cells`), then what each gene does in each species on its own (:mod:`.bulk`, :mod:`.ranks`,
:mod:`.moderated`, put together in :mod:`.effects`), then which genes correspond (:mod:`.partners`) and what that makes
of every marker (:mod:`.sort`).
"""

from __future__ import annotations

from homodb.query.markers.cells import MarkerCells, read_alone
from homodb.query.markers.classify import LEANING, MEANING, Conservation
from homodb.query.markers.effects import Effects, Limits, adjusted, effects
from homodb.query.markers.markers import markers, read_object
from homodb.query.markers.result import Markers
from homodb.query.markers.statistics import PSEUDO, bulk, moderated_t, rank_tests, usual_variance

__all__ = [
    "LEANING",
    "MEANING",
    "PSEUDO",
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
    "rank_tests",
    "read_alone",
    "read_object",
    "usual_variance",
]
